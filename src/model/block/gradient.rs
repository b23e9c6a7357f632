//! Gradients with respect to what a block mixes and to its attention, where every row of the stream carries a cotangent.

use candle_core::Tensor;

use super::composed::{index, norm_backward, row_local_backward, shared_heads};
use super::{Block, BlockTrace, RowSet, Step};
use crate::domain::Result;

type Candle<T> = candle_core::Result<T>;

/// What reaches the attention of a block from above.
pub(super) struct Reaching {
    /// `[rows, D]`, cotangent of the stream with the attention's branch added.
    pub(super) stream: Tensor,
    /// `[H, rows, d]`, of what the heads give.
    pub(super) heads: Tensor,
}

/// From cotangents above the block, `[rows, D]`, to those of what the heads give.
pub(super) fn reaching(block: &Block, trace: &BlockTrace, cotangent: &Tensor, rows: &Tensor) -> Candle<Reaching> {
    let stream = row_local_backward(block, trace, cotangent, rows)?;
    let branch = match block.branch_norms.as_ref().zip(trace.branches.as_ref()) {
        Some((norms, branches)) => {
            norm_backward(&stream, &branches.attention, &branches.attention_stats, &norms.attention, rows)?
        }
        None => stream.clone(),
    };
    let (count, heads) = (rows.dim(0)?, block.heads);
    let heads = branch.matmul(&block.out.weight)?.reshape((count, heads.num_heads, heads.head_dim))?;
    Ok(Reaching { stream, heads: heads.transpose(0, 1)?.contiguous()? })
}

impl Block {
    /// The gradient of a scalar with respect to the attention after the softmax, all entries independent.
    ///
    /// # Shapes
    /// `cotangent` is `[T, D]`, the scalar's gradient with respect to the stream above the block; the result `[H, T, T]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn attention_gradient(&self, trace: &BlockTrace, cotangent: &Tensor) -> Result<Tensor> {
        let all: Vec<usize> = (0..cotangent.dim(0)?).collect();
        let Reaching { heads, .. } = reaching(self, trace, cotangent, &index(&all, cotangent)?)?;
        let values = shared_heads(self.heads, &trace.qkv, self.heads.value_column(0))?;
        Ok(heads.matmul(&values.t()?)?)
    }

    /// Carries the gradient of a scalar from the stream above the block to the stream below it.
    ///
    /// # Shapes
    /// `cotangent` and the result are `[T, D]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn stream_gradient(&self, trace: &BlockTrace, cotangent: &Tensor) -> Result<Tensor> {
        let all = RowSet::all(1, cotangent.dim(0)?);
        let nobody = Tensor::zeros((1, all.len()), cotangent.dtype(), cotangent.device())?;
        let (_, below) = self.backward(trace, cotangent, &nobody, &Step { from: &all, to: Some(&all) })?;
        below.ok_or_else(|| crate::domain::Error::Internal("a block without a stream below it".to_owned()))
    }
}
