//! `TokenCut` and `MaskCut`: objects by normalised cuts in two.

use super::bipartition::{mask_cut, token_cut};
use super::knobs::{self, COMPACTNESS, EDGES, FEATURES, REGIONS, SUPERPIXELS, TAU};
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::Result;
use crate::domain::info::{Info, Need, Reach};
use crate::domain::knob::{Knob, KnobKind};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// The one object that a normalised cut in two finds.
#[derive(Debug)]
pub struct TokenCut;

/// Several objects by normalised cuts one after the other.
#[derive(Debug)]
pub struct MaskCut;

static OBJECTS: Knob = Knob {
    id: "objects",
    name: "Objects",
    help: "at most so many are looked for",
    kind: KnobKind::Whole { min: 1, max: 32, default: 3 },
    given: None,
};

static TOKEN_CUT: Info = Info {
    id: "tokencut",
    name: "TokenCut",
    summary: "The object that stands out most, and the ground: a normalised cut in two by keys",
    formula: "(D - W) y = lambda D y, W = 1 where cos > tau; y_2 above its mean, the part around its peak",
    citation: "Wang et al., TokenCut, CVPR 2022, arXiv 2202.11539",
    cost: "N^2 D, 2 eigenvectors of N x N",
    unit: "label",
    signed: false,
    min_layer: 1,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[],
    knobs: &[&FEATURES, &TAU, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

static MASK_CUT: Info = Info {
    id: "maskcut",
    name: "MaskCut",
    summary: "Up to so many objects, and the ground: TokenCut again and again without the patches found",
    formula: "TokenCut; features of found patches are zero in the next round",
    citation: "Wang et al., CutLER, CVPR 2023, arXiv 2301.11320",
    cost: "TokenCut once an object",
    unit: "label",
    signed: false,
    min_layer: 1,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[],
    knobs: &[&OBJECTS, &FEATURES, &TAU, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for TokenCut {
    fn info(&self) -> &'static Info {
        &TOKEN_CUT
    }

    fn cutting(&self) -> Cutting {
        Cutting::Fixed
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (unit, width) = scope.unit_features(knobs::features(scope.params)?)?;
        let tau = scope.params.knobs.real(&TAU)?;
        let (_, object) = token_cut(&unit, width, scope.grid(), tau, &scope.control.cancel)?;
        scope.with_objects(&[object])
    }
}

impl Segmenter for MaskCut {
    fn info(&self) -> &'static Info {
        &MASK_CUT
    }

    fn cutting(&self) -> Cutting {
        Cutting::Fixed
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (unit, width) = scope.unit_features(knobs::features(scope.params)?)?;
        let (tau, most) = (scope.params.knobs.real(&TAU)?, scope.params.knobs.whole(&OBJECTS)?);
        let objects = mask_cut(&unit, width, scope.grid(), tau, most, &scope.control.cancel)?;
        scope.with_objects(&objects)
    }
}
