//! Normalised cut of the patches into K.

use super::affinity::{GraphSpectrum, above, clamped, cosines, rows_of};
use super::knobs::{COMPACTNESS, EDGES, REGIONS, SUPERPIXELS, TAU};
use super::lloyd::kmeans;
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::info::{Info, Need, Reach, Uses};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Cancel, Result};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// K segments by the K smoothest eigenvectors of a graph of patches.
#[derive(Debug)]
pub struct NormalisedCut;

static AFFINITY: Knob = Knob {
    id: "affinity",
    name: "Affinity",
    help: "how alike two patches are: their cosine, 0 where negative, or 1 above the threshold --tau and 0.00001 below",
    kind: KnobKind::Choice(&["cosine", "threshold"]),
    given: None,
};

static INFO: Info = Info {
    id: "ncut",
    name: "Normalised cut",
    summary: "K groups of patches that are much alike inside and little between",
    formula: "rows of the K first eigenvectors of I - D^-1/2 W D^-1/2 at length 1, k-means",
    citation: "Shi and Malik, TPAMI 22(8) (2000); Ng, Jordan and Weiss, NIPS 2001",
    cost: "N^2 D, K eigenvectors of N x N, k-means of K numbers a patch",
    unit: "label",
    signed: false,
    min_layer: 0,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[Uses::Facet],
    knobs: &[&AFFINITY, &TAU, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for NormalisedCut {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Count
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (unit, width) = scope.unit_features(scope.params.facet)?;
        let cosines = cosines(&unit, width)?;
        let affinity = match scope.params.knobs.choice(&AFFINITY)? {
            "cosine" => clamped(&cosines),
            _ => above(&cosines, scope.params.knobs.real(&TAU)?),
        };
        let labels = normalised_cut(affinity, scope.grid().len(), scope.clusters()?, &scope.control.cancel)?;
        scope.divided(&labels)
    }
}

/// K clusters by the K smoothest vectors, each patch's row of them at length 1 (Ng, Jordan and Weiss, NIPS 2001).
///
/// # Shapes
/// `affinity` is `[N, N]`; the result `[N]`.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`]; a refusal where the eigenvectors do not converge.
pub fn normalised_cut(affinity: Vec<f64>, patches: usize, clusters: usize, cancel: &Cancel) -> Result<Vec<usize>> {
    let clusters = clusters.clamp(1, patches.max(1));
    let found = GraphSpectrum::new(affinity, patches, clusters, cancel)?;
    let mut rows = rows_of(&found.symmetric, patches);
    for row in rows.chunks_exact_mut(clusters) {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            row.iter_mut().for_each(|v| *v /= norm);
        }
    }
    Ok(kmeans(&rows, clusters, clusters, cancel)?.labels)
}
