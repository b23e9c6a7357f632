//! LOST (Simeoni et al., BMVC 2021): the object that most patches are unlike, from one picture and without training.

use super::affinity::check_count;
use super::component::{PatchBox, component};
use super::knobs::{self, COMPACTNESS, EDGES, FEATURES, REGIONS, SUPERPIXELS};
use super::{Cutting, Partition, Scope, Segmenter};
use crate::algebra::product::inner_products;
use crate::domain::Result;
use crate::domain::grid::Grid;
use crate::domain::info::{Info, Need, Reach};
use crate::domain::knob::{Knob, KnobKind};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// One object, grown from the patch that is least like the rest.
#[derive(Debug)]
pub struct Lost;

static EXPANSION: Knob = Knob {
    id: "expansion",
    name: "Expansion",
    help: "among so many patches that are least like the rest, those like the seed join it",
    kind: KnobKind::Whole { min: 1, max: 4096, default: 100 },
    given: None,
};

static INFO: Info = Info {
    id: "lost",
    name: "LOST",
    summary: "The object around the patch that is unlike most others, and the ground",
    formula: "seed = argmin_p #{q: f_p f_q > 0}; mask = {q: sum_s f_s f_q > 0} over s like the seed",
    citation: "Simeoni et al., LOST, BMVC 2021, arXiv 2109.14279",
    cost: "N^2 D",
    unit: "label",
    signed: false,
    min_layer: 1,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[],
    knobs: &[&EXPANSION, &FEATURES, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for Lost {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Fixed
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (features, width) = scope.features(knobs::features(scope.params)?)?;
        let object = discover(&features, width, scope.grid(), scope.params.knobs.whole(&EXPANSION)?)?;
        scope.with_objects(&[object])
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The patch that the object was grown from.
    pub seed: usize,
    /// `[N]`, the patches of the object.
    pub mask: Vec<bool>,
    /// Around the seed's part of the mask, where there is one.
    pub around: Option<PatchBox>,
}

/// The seed is the patch with the fewest positive products; among the `expansion` patches with the fewest, those with a positive
/// product with the seed join it; the mask is where the sum of their products is positive. Of equal ones the first patch counts.
///
/// # Shapes
/// `features` is `[N, width]`, finite, of any length.
///
/// # Errors
/// A refusal of more patches than are compared.
pub fn discover(features: &[f32], width: usize, grid: Grid, expansion: usize) -> Result<Object> {
    let patches = grid.len();
    check_count(patches)?;
    let features: Vec<f64> = features.iter().map(|&v| f64::from(v)).collect();
    let products = inner_products(&features, &features, width);
    let row = |patch: usize| &products[patch * patches..][..patches];
    let degree = |patch: usize| row(patch).iter().enumerate().filter(|&(other, &p)| other != patch && p > 0.0).count();
    let degrees: Vec<usize> = (0..patches).map(degree).collect();
    let mut order: Vec<usize> = (0..patches).collect();
    order.sort_by_key(|&patch| degrees[patch]);
    let Some(&seed) = order.first() else { return Ok(Object { seed: 0, mask: Vec::new(), around: None }) };
    let alike = order.iter().take(expansion).filter(|&&patch| row(seed)[patch] > 0.0);
    let mut sums = vec![0.0; patches];
    for &patch in alike {
        sums.iter_mut().zip(row(patch)).for_each(|(sum, p)| *sum += p);
    }
    let mask: Vec<bool> = sums.iter().map(|&sum| sum > 0.0).collect();
    let around = PatchBox::around(&component(&mask, grid, seed), grid);
    Ok(Object { seed, mask, around })
}
