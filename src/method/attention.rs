//! Raw attention: what one token's query reads.

use candle_core::Tensor;

use super::{Control, Gaps, Info, Method, Reach, Target, Uses};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::Head;
use crate::domain::token::TokenLayout;
use crate::domain::{Error, Result};
use crate::model::{Model, Trace, trace::values};

/// Rows of the attention matrix of the block whose output is the layer.
#[derive(Debug)]
pub struct Attention;

const MASS: Knob = Knob {
    id: "mass",
    name: "Mass",
    help: "per cent: only the fewest patches that together hold so much of the patches' attention keep theirs, as DINO draws at 60",
    kind: KnobKind::Real { min: 0.0, max: 100.0, default: 100.0 },
    given: None,
};

const RENORMALISE: Knob = Knob {
    id: "renormalise",
    name: "Patches alone",
    help: "prefix tokens, and special ones of a text, are left out and the rest sums to 1",
    kind: KnobKind::Switch,
    given: None,
};

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
    knobs: &[&MASS, &RENORMALISE],
};

impl Method for Attention {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// Where shares of the patches are asked for, all else has none.
    fn gaps(&self) -> Gaps {
        Gaps::Outside
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let fused = fused_attention(model, trace, target.layer, target.params.head)?;
        let tokens = trace.num_tokens();
        let mut rows: Vec<f32> = target.positions.iter().flat_map(|&p| &fused[p * tokens..][..tokens]).copied().collect();
        let (mass, renormalise) = (target.params.knobs.real(&MASS)?, target.params.knobs.switch(&RENORMALISE)?);
        let patches = patches(&trace.layout);
        for row in rows.chunks_exact_mut(tokens) {
            if renormalise {
                row.copy_from_slice(&leave_out_others(row, &patches));
            }
            if mass < 100.0 {
                keep_mass(row, &patches, mass / 100.0);
            }
        }
        Ok(rows)
    }
}

/// Positions of the patches, or of those tokens of a text that are not special.
pub(super) fn patches(layout: &TokenLayout) -> Vec<usize> {
    layout.ranged().map(|patch| layout.position_of(patch)).collect()
}

/// The patches' shares of what they hold together; all else has no value.
pub(super) fn leave_out_others(row: &[f32], patches: &[usize]) -> Vec<f32> {
    let sum: f64 = patches.iter().map(|&p| f64::from(row[p])).sum();
    let mut alone = vec![f32::NAN; row.len()];
    for &patch in patches {
        alone[patch] = if sum > 0.0 { (f64::from(row[patch]) / sum) as f32 } else { row[patch] };
    }
    alone
}

/// Makes the patches zero that the fewest holding `share` of the mass can do without; of equal ones the last.
fn keep_mass(row: &mut [f32], patches: &[usize], share: f64) {
    let mut order = patches.to_vec();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    let wanted = share * order.iter().map(|&p| f64::from(row[p])).sum::<f64>();
    let mut held = 0.0;
    for patch in order {
        if held < wanted {
            held += f64::from(row[patch]);
        } else {
            row[patch] = 0.0;
        }
    }
}

/// The attention of a layer's block with its heads fused, `[T, T]` row-major.
///
/// # Errors
/// A refusal when the head does not exist.
pub(super) fn fused_attention(model: &Model, trace: &Trace, layer: usize, head: Head) -> Result<Vec<f32>> {
    let heads = head_attention(model, trace, layer, head)?;
    let fused = match head {
        Head::Mean => heads.mean(0)?,
        Head::Max => heads.max(0)?,
        Head::Min => heads.min(0)?,
        Head::One(_) => heads,
    };
    values(&fused)
}

/// The heads that take part in a fusion: `[heads, T, T]`, all of them or one.
///
/// # Errors
/// As [`fused_attention`].
pub(super) fn head_attention(model: &Model, trace: &Trace, layer: usize, head: Head) -> Result<Tensor> {
    let attention = model.blocks[layer - 1].attention(&trace.blocks[layer - 1])?;
    let num_heads = attention.dim(0)?;
    match head {
        Head::Mean | Head::Max | Head::Min => Ok(attention),
        Head::One(h) if h < num_heads => Ok(attention.narrow(0, h, 1)?),
        Head::One(h) => Err(Error::refused(format!("--head {h}"), "this model has no such head")
            .expected(format!("0 to {}, mean, max or min", num_heads - 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_patches_keep_the_mass() {
        let mut row = [0.4, 0.1, 0.3, 0.05, 0.15];
        keep_mass(&mut row, &[1, 2, 3, 4], 0.6);
        assert_eq!(row, [0.4, 0.0, 0.3, 0.0, 0.15]);
        let alone = leave_out_others(&row, &[2, 4]);
        assert!(alone[0].is_nan() && (alone[2] - 2.0 / 3.0).abs() < 1e-6 && (alone[2] + alone[4] - 1.0).abs() < 1e-6);
    }
}
