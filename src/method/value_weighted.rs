//! Attention by what it moves: a token that is looked at but has little to give has little weight.

use rayon::prelude::*;

use super::attention::head_attention;
use super::{Control, Info, Method, Reach, Target, Uses};
use crate::algebra::product::inner_products;
use crate::domain::Result;
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::Head;
use crate::model::trace::values;
use crate::model::{Model, Trace};

/// The length of what attention brings from each token.
#[derive(Debug)]
pub struct ValueWeighted;

const COMBINE: Knob = Knob {
    id: "combine",
    name: "Heads",
    help: "where heads are fused: the norm of the sum of what all heads bring, or norms of each head, fused as --head says",
    kind: KnobKind::Choice(&["vector-sum", "norms"]),
    given: None,
};

static INFO: Info = Info {
    id: "value-weighted",
    name: "Value-weighted attention",
    summary: "How much the token takes from each other in the block below its layer: attention times the length of what it brings",
    formula: "|sum_h A[h,i,j] W_O,h v_hj|, one head: |A[h,i,j] W_O,h v_hj|; --combine norms: mean, max or min over h of these",
    citation: "Kobayashi et al., Attention is Not Only a Weight: Analyzing Transformers with Vector Norms, EMNLP 2020",
    cost: "T D^2 multiplications, and T^2 H^2",
    unit: "norm",
    signed: false,
    min_layer: 1,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[&COMBINE],
};

impl Method for ValueWeighted {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let (layer, tokens, head) = (target.layer, trace.num_tokens(), target.params.head);
        // Heads of [T, T], one or all of them.
        let attention = values(&head_attention(model, trace, layer, head)?)?;
        let num_heads = attention.len() / (tokens * tokens).max(1);
        let first = if let Head::One(head) = head { head } else { 0 };
        let is_sum = target.params.knobs.choice(&COMBINE)? == "vector-sum";
        let grams = grams(model, trace, layer, first, num_heads)?;
        let value = |i: usize, j: usize| -> f32 {
            let share = |h: usize| f64::from(attention[(h * tokens + i) * tokens + j]);
            let gram = &grams[j * num_heads * num_heads..][..num_heads * num_heads];
            let norms = || (0..num_heads).map(|h| share(h) * gram[h * num_heads + h].max(0.0).sqrt());
            let joined = match head {
                Head::One(_) => norms().sum(),
                _ if is_sum => {
                    let row = |h: usize| share(h) * (0..num_heads).map(|g| share(g) * gram[h * num_heads + g]).sum::<f64>();
                    (0..num_heads).map(row).sum::<f64>().max(0.0).sqrt()
                }
                Head::Mean => norms().sum::<f64>() / num_heads as f64,
                Head::Max => norms().fold(0.0, f64::max),
                Head::Min => norms().fold(f64::INFINITY, f64::min),
            };
            joined as f32
        };
        let value = &value;
        Ok(target.positions.par_iter().flat_map_iter(|&i| (0..tokens).map(move |j| value(i, j))).collect())
    }
}

/// Inner products of what the heads bring from each token, W_O,h v_hj.
///
/// # Shapes
/// `[T, heads, heads]`.
fn grams(model: &Model, trace: &Trace, layer: usize, first: usize, num_heads: usize) -> Result<Vec<f64>> {
    let (block, qkv) = (&model.blocks[layer - 1], &trace.blocks[layer - 1].qkv);
    let (heads, width) = (block.heads, model.width());
    let brought = |head: usize| -> Result<Vec<f32>> {
        let value = qkv.narrow(1, heads.value_column(head / heads.group().max(1)), heads.head_dim)?;
        let out = block.out.weight.narrow(1, head * heads.head_dim, heads.head_dim)?;
        values(&value.contiguous()?.matmul(&out.t()?)?)
    };
    let brought = (first..first + num_heads).map(brought).collect::<Result<Vec<_>>>()?;
    let gram = |token: usize| {
        let vectors: Vec<f64> = brought.iter().flat_map(|all| &all[token * width..][..width]).map(|x| f64::from(*x)).collect();
        inner_products(&vectors, &vectors, width)
    };
    Ok((0..trace.num_tokens()).into_par_iter().flat_map_iter(gram).collect())
}
