//! Agreement of every token with a phrase, for models that place images and texts in one space.
//!
//! CLIP was trained to bring whole images near to their captions; that its patches lie near to words as well is a side effect.
//! Maps of its plain projection are noisy, and may be inverted: what stands around the thing agrees more than the thing. `SigLIP`
//! pools by one learned query; here each token is read as if that query saw it alone, the path by which `MaskCLIP` reads patches.

use super::{Control, Gaps, Info, Method, Need, Reach, Target, Uses};
use crate::domain::{Error, Result};
use crate::model::{Model, Trace};

/// Cosine of every token with a phrase.
#[derive(Debug)]
pub struct Agreement;

static INFO: Info = Info {
    id: "agreement",
    name: "Agreement",
    summary: "How well every token agrees with a phrase, whatever the target; only whole images were trained to, so that maps may be noisy or inverted (CLIP, SigLIP)",
    formula: "<p(z_j), t> / (|p(z_j)| |t|), p = the model's last norm and projection of token j alone, t = the phrase (--scalar text:\"a cat\")",
    citation: "Radford et al., CLIP, ICML 2021; Zhou et al., Extract Free Dense Labels from CLIP (MaskCLIP), ECCV 2022; Zhai et al., SigLIP, ICCV 2023",
    cost: "one run of the text tower a phrase",
    unit: "cosine",
    signed: true,
    min_layer: 0,
    needs: &[Need::Phrases],
    reach: Reach::Whole,
    uses: &[Uses::Phrase],
    knobs: &[],
};

impl Method for Agreement {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// A vector of zeros has no direction.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        model.joint()?;
        let phrase = target.phrase.ok_or_else(|| {
            Error::refused("--method agreement", "no phrase is named")
                .expected("--scalar text:\"a cat\"")
                .remedy("name what the tokens shall agree with")
        })?;
        let embeddings = model.token_embeddings(trace, target.layer)?;
        let cosine = |token: &[f32]| token.iter().zip(phrase).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0);
        let row: Vec<f32> = embeddings.chunks_exact(phrase.len().max(1)).map(cosine).collect();
        Ok(row.repeat(target.positions.len()))
    }
}
