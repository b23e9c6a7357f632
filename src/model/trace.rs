//! All recorded activations of one input.

use candle_core::{DType, Tensor};

use super::block::BlockTrace;
use super::embed::Seen;
use super::head::Logits;
use crate::domain::Result;
use crate::domain::token::TokenLayout;

/// Residual streams, and per block everything that methods and the backward need.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The input itself: methods may run the model on it again.
    pub input: Seen,
    /// The sequence.
    pub layout: TokenLayout,
    /// `[L + 1]` tensors `[T, D]`: the stream at layer l.
    pub residual: Vec<Tensor>,
    /// `[L]`, the block whose output is layer l at index l - 1.
    pub blocks: Vec<BlockTrace>,
    /// `[T, D]`, layer L after the final norm, where the model has one: transformers' `last_hidden_state`.
    pub output: Tensor,
    /// Class scores, where the model has a head.
    pub logits: Option<Logits>,
}

impl Trace {
    /// T.
    pub fn num_tokens(&self) -> usize {
        self.layout.len()
    }

    /// L.
    pub fn num_layers(&self) -> usize {
        self.blocks.len()
    }

    /// The stream at a layer as numbers, `[T, D]` row-major.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when the device gives nothing back.
    pub fn residual_values(&self, layer: usize) -> Result<Vec<f32>> {
        values(&self.residual[layer])
    }

    /// Bytes that the trace holds. Streams are shared between `residual` and `blocks`, and counted once.
    pub fn num_bytes(&self) -> usize {
        let size = |t: &Tensor| t.elem_count() * t.dtype().size_in_bytes();
        let block = |(below, b): (&Tensor, &BlockTrace)| {
            let attention = b.attention.as_ref().map_or(0, size);
            // Of a pre-norm block this is the stream itself.
            let before_norm1 = if b.before_norm1.id() == below.id() { 0 } else { size(&b.before_norm1) };
            let branches = b.branches.as_ref().map_or(0, |b| size(&b.attention) + size(&b.mlp));
            let heads = b.before_qk_norms.as_ref().map_or(0, size) + branches;
            heads + attention + before_norm1 + [&b.qkv, &b.before_norm2, &b.slope].map(size).iter().sum::<usize>()
        };
        let blocks = self.residual.iter().zip(&self.blocks).map(block);
        self.input.num_bytes() + self.residual.iter().map(size).sum::<usize>() + blocks.sum::<usize>()
    }
}

/// The numbers of a tensor, row-major, as `f32`.
///
/// # Errors
/// [`crate::domain::Error::Internal`] when the device gives nothing back.
pub fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
