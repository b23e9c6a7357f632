//! Correspondence in the space of a trained STEGO head.

use super::similarity::cosines;
use super::{Control, Info, Method, Need, Reach, Target, Uses};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Error, Result};
use crate::model::features::features;
use crate::model::projection::Projection;
use crate::model::{Model, Trace};

/// Cosine of every token's code with the target's.
#[derive(Debug)]
pub struct Stego;

const HEAD_FILE: Knob = Knob {
    id: "stego-head",
    name: "STEGO head",
    help: "the trained head: cluster1.0 and cluster2.0, cluster2.2 of a STEGO checkpoint, as .safetensors",
    kind: KnobKind::File { extension: "safetensors" },
    given: None,
};

static INFO: Info = Info {
    id: "stego",
    name: "STEGO",
    summary: "How alike the token's code is to every other, in the space that a STEGO head was trained for; needs --stego-head",
    formula: "<s_i, s_j> / (|s_i| |s_j|), s = W_1 f + W_3 relu(W_2 f), f = the stream after the model's last norm, or keys (--facet key)",
    citation: "Hamilton et al., Unsupervised Semantic Segmentation by Distilling Feature Correspondences (STEGO), ICLR 2022",
    cost: "two small linear maps a token",
    unit: "cosine",
    signed: true,
    min_layer: 0,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[Uses::Facet],
    knobs: &[&HEAD_FILE],
};

impl Method for Stego {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let file = target.params.knobs.text(&HEAD_FILE);
        if file.is_empty() {
            return Err(Error::refused("--method stego", "no head is named")
                .expected("--stego-head FILE.safetensors with cluster1.0.weight, cluster1.0.bias and cluster2.*")
                .remedy("name the trained head, or choose similarity, which needs none"));
        }
        let facet = target.params.facet;
        let features = features(model, trace, target.layer, facet)?;
        let codes = Projection::Stego(file.into()).apply(model, trace, facet, features)?;
        Ok(cosines(codes, target.positions))
    }
}
