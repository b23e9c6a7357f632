//! Raw attention: what one token's query reads.

use super::{Control, Info, Method, Reach, Target, Uses};
use crate::domain::request::Head;
use crate::domain::{Error, Result};
use crate::model::{Model, Trace, trace::values};

/// Rows of the attention matrix of the block whose output is the layer.
#[derive(Debug)]
pub struct Attention;

static INFO: Info = Info {
    id: "attention",
    name: "Attention",
    summary: "Which tokens the token reads from in the block below its layer, one head or all heads fused",
    formula: "A[h, i, :] after the softmax; mean, max or min over h",
    citation: "Vaswani et al., Attention Is All You Need, NeurIPS 2017; Caron et al., DINO, ICCV 2021",
    cost: "nothing beyond the forward pass",
    unit: "attention",
    signed: false,
    min_layer: 1,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[],
};

impl Method for Attention {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let fused = fused_attention(model, trace, target.layer, target.params.head)?;
        let tokens = trace.num_tokens();
        Ok(target.positions.iter().flat_map(|&p| &fused[p * tokens..][..tokens]).copied().collect())
    }
}

/// The attention of a layer's block with its heads fused, `[T, T]` row-major.
///
/// # Errors
/// A refusal when the head does not exist.
pub(super) fn fused_attention(model: &Model, trace: &Trace, layer: usize, head: Head) -> Result<Vec<f32>> {
    let attention = model.blocks[layer - 1].attention(&trace.blocks[layer - 1])?;
    let num_heads = attention.dim(0)?;
    let fused = match head {
        Head::Mean => attention.mean(0)?,
        Head::Max => attention.max(0)?,
        Head::Min => attention.min(0)?,
        Head::One(h) if h < num_heads => attention.get(h)?,
        Head::One(h) => {
            return Err(Error::refused(format!("--head {h}"), "this model has no such head")
                .expected(format!("0 to {}, mean, max or min", num_heads - 1)));
        }
    };
    values(&fused)
}
