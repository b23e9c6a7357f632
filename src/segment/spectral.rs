//! Deep Spectral Methods (Melas-Kyriazi et al., CVPR 2022): segments from the smoothest eigenvectors of a graph in which patches
//! hang together by their vectors and by colour and place.
//!
//! The authors' numbers of eigenvectors and the weight of colour are as their code has them, as far as we remember it; their
//! colours are those of the picture scaled down to a pixel a patch, ours the mean colour of each patch.

use super::affinity::{GraphSpectrum, clamped, cosines, rows_of};
use super::colour_affinity::{colour_affinity, mean_colours};
use super::knobs::{self, COMPACTNESS, EDGES, FEATURES, REGIONS, SUPERPIXELS};
use super::lloyd::kmeans;
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::info::{Info, Need, Reach};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Cancel, Result};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// K segments by eigenvectors of features and colour.
#[derive(Debug)]
pub struct DeepSpectral;

static COLOUR: Knob = Knob {
    id: "colour-weight",
    name: "Weight of colour",
    help: "of nearness in colour and place against likeness of vectors",
    kind: KnobKind::Real { min: 0.0, max: 1000.0, default: 10.0 },
    given: None,
};

static VECTORS: Knob = Knob {
    id: "eigenvectors",
    name: "Eigenvectors",
    help: "how many, after the constant one, are clustered",
    kind: KnobKind::Whole { min: 1, max: 128, default: 15 },
    given: None,
};

static INFO: Info = Info {
    id: "spectral",
    name: "Deep spectral",
    summary: "K groups of patches by likeness of their keys and nearness in colour and place",
    formula: "(D - W) y = lambda D y, W = max(cos, 0) + weight W_colour; k-means of the first y",
    citation: "Melas-Kyriazi et al., Deep Spectral Methods, CVPR 2022, arXiv 2205.07839",
    cost: "N^2 D, 16 eigenvectors of N x N",
    unit: "label",
    signed: false,
    min_layer: 1,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[],
    knobs: &[&FEATURES, &COLOUR, &VECTORS, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for DeepSpectral {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Count
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (unit, width) = scope.unit_features(knobs::features(scope.params)?)?;
        let alike = clamped(&cosines(&unit, width)?);
        let colours = colour_affinity(&mean_colours(scope.rgb.pixels(), scope.size, scope.grid()), scope.grid());
        let affinity = joined(alike, &colours, scope.params.knobs.real(&COLOUR)?);
        let how_many = (scope.params.knobs.whole(&VECTORS)?, scope.clusters()?);
        let labels = spectral_clusters(affinity, scope.grid().len(), how_many, &scope.control.cancel)?;
        scope.divided(&labels)
    }
}

/// Likeness scaled to a largest entry of 1, and nearness in colour times a weight.
///
/// # Shapes
/// All `[N, N]`.
pub fn joined(mut alike: Vec<f64>, colours: &[f64], weight: f64) -> Vec<f64> {
    let largest = alike.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    alike.iter_mut().zip(colours).for_each(|(a, c)| *a = *a / largest + weight * c);
    alike
}

/// K clusters by the `vectors` smoothest vectors of the generalised problem after the constant one (Melas-Kyriazi et al. 2022).
///
/// # Shapes
/// `affinity` is `[N, N]`; the result `[N]`.
///
/// # Errors
/// As [`GraphSpectrum::new`].
pub fn spectral_clusters(
    affinity: Vec<f64>,
    patches: usize,
    (vectors, clusters): (usize, usize),
    cancel: &Cancel,
) -> Result<Vec<usize>> {
    let vectors = vectors.clamp(1, patches.saturating_sub(1).max(1));
    let found = GraphSpectrum::new(affinity, patches, vectors + 1, cancel)?;
    let smoothest: Vec<Vec<f64>> = (1..found.symmetric.len()).map(|n| found.generalised(n)).collect();
    if smoothest.is_empty() {
        return Ok(vec![0; patches]);
    }
    Ok(kmeans(&rows_of(&smoothest, patches), smoothest.len(), clusters, cancel)?.labels)
}
