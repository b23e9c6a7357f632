//! The tuned lens: the logit lens after an affine map of each layer, which was fitted so that the words are those of layer L.

use super::logit_lens::{READ, WORDS, path_of, rows, shown};
use super::{Control, Info, Method, Need, Reach, Target};
use crate::domain::exhibit::Shown;
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::Params;
use crate::domain::{Error, Result};
use crate::model::lens::{Lens, LensMaps};
use crate::model::{Model, Trace};

/// The logit lens behind a fitted map.
#[derive(Debug)]
pub struct TunedLens;

/// The file of maps.
pub const LENS: Knob = Knob {
    id: "lens",
    name: "Lens",
    help: "its maps: {l}.weight [D, D] and {l}.bias [D] for h -> h + W h + b (published lenses), or A_{l} and b_{l} for \
           h -> A h + b; `tokenscope fit lens` makes one",
    kind: KnobKind::File { extension: "safetensors" },
    given: None,
};

static INFO: Info = Info {
    id: "tuned-lens",
    name: "Tuned lens",
    summary: "Which word every position would say at a layer, after a fitted map into the language of the last",
    formula: "softmax(W_U norm(h_l + W_l h_l + b_l)), W_l and b_l from a file, none at layer L",
    citation: "Belrose et al., Eliciting Latent Predictions from Transformers with the Tuned Lens, arXiv 2303.08112 (2023)",
    cost: "as the logit lens, and 2 T D^2 a layer",
    unit: "reading",
    signed: false,
    min_layer: 0,
    needs: &[Need::Words, Need::Language],
    reach: Reach::Whole,
    uses: &[],
    knobs: &[&LENS, &READ, &WORDS],
};

impl Method for TunedLens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        rows(&Lens::tuned(model, maps(target.params)?), model, trace, target, control)
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        shown(&Lens::tuned(model, maps(target.params)?), model, trace, target, control)
    }
}

fn maps(params: &Params) -> Result<LensMaps> {
    let path = path_of(params, &LENS).ok_or_else(|| {
        Error::refused("--method tuned-lens", "has no lens")
            .expected("--lens FILE.safetensors, the maps of this model's layers")
            .remedy("make one with `tokenscope fit lens`, or choose --method logit-lens, which needs none")
    })?;
    LensMaps::open(path)
}
