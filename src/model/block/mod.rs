//! One block of the instrumented transformer, described by data: attention and MLP branches on a residual stream, with layer
//! norms before the branches (pre-norm, as in ViT) or after they have joined the stream (post-norm, as in BERT).
//!
//! There are two implementations of its forward and backward: [`fused`] loops over `f32` slices for the processor, and
//! [`composed`] candle operations for every other device and type. They check each other, and only the composed one is ever
//! taken by tensors that candle's autograd tracks: fused operations would cut gradients silently.
//!
//! Letters: T tokens, D width, H query heads, G key/value heads, d head width, F hidden width of the MLP, U width of what the
//! MLP's first product makes (F, or 2F with a gate), R rows that carry a cotangent.

mod cached;
pub mod composed;
pub mod fused;
mod gradient;
mod loops;
mod position;
mod product;
pub mod rows;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::domain::{Error, Result};
pub use cached::KeysValues;
pub use position::{Places, RelativeBias, Rotary, Turn};
pub use rows::{RowSet, Step};

/// A norm over the last axis.
#[derive(Clone, Debug)]
pub struct Norm {
    /// What it makes equal.
    pub kind: NormKind,
    /// `[D]`.
    pub weight: Tensor,
    /// `[D]`; zeros for [`NormKind::RootMeanSquare`].
    pub bias: Tensor,
    /// Added to the variance, or to the mean square.
    pub eps: f64,
}

/// What a norm makes equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Layer norm: mean zero, variance one.
    Layer,
    /// RMS norm: mean square one (Zhang and Sennrich 2019).
    RootMeanSquare,
}

/// Where the layer norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlace {
    /// Pre-norm: m = x + attn(norm1(x)), out = m + mlp(norm2(m)).
    Before,
    /// Post-norm: m = norm1(x + attn(x)), out = norm2(m + mlp(m)).
    After,
}

/// `y = x W^T + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`; zeros where the checkpoint has none.
    pub bias: Tensor,
}

/// The MLP's non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x Phi(x), exact.
    Gelu,
    /// The tanh approximation of gelu.
    GeluTanh,
    /// x sigmoid(1.702 x).
    QuickGelu,
    /// x sigmoid(x).
    Silu,
    /// max(x, 0).
    Relu,
}

/// Shape of the attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// H.
    pub num_heads: usize,
    /// G; H is a multiple of it.
    pub num_kv_heads: usize,
    /// d.
    pub head_dim: usize,
    /// Scores are multiplied by it before the softmax.
    pub scale: f64,
    /// Scores above it are bent back: c tanh(score / c) (Gemma 2).
    pub softcap: Option<f64>,
    /// Which tokens a token sees.
    pub sees: Sees,
}

/// Which tokens a token sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Every token.
    All,
    /// Itself and those before it.
    Earlier,
    /// Itself and the tokens before it, so many in all.
    Window(usize),
}

impl Sees {
    /// The tokens, out of `tokens`, that the one at `position` sees.
    pub fn range(self, position: usize, tokens: usize) -> std::ops::Range<usize> {
        match self {
            Self::All => 0..tokens,
            Self::Earlier => 0..position + 1,
            Self::Window(width) => (position + 1).saturating_sub(width)..position + 1,
        }
    }
}

/// Norms of queries and keys, head by head, before they are turned.
#[derive(Clone, Debug)]
pub struct QkNorms {
    /// Over `[d]`.
    pub query: Norm,
    /// Over `[d]`.
    pub key: Norm,
}

/// Norms of what the branches add to the stream (Gemma 2 and 3), beside those before the branches.
#[derive(Clone, Debug)]
pub struct BranchNorms {
    /// Of the attention.
    pub attention: Norm,
    /// Of the MLP.
    pub mlp: Norm,
}

impl Heads {
    /// Columns of queries, keys and values beside each other: (H + 2G) d.
    pub fn qkv_width(&self) -> usize {
        (self.num_heads + 2 * self.num_kv_heads) * self.head_dim
    }

    /// H d.
    pub fn output_width(&self) -> usize {
        self.num_heads * self.head_dim
    }

    /// Query heads that share a key head.
    pub fn group(&self) -> usize {
        self.num_heads / self.num_kv_heads
    }

    /// First column of the keys of a key head; values lie G d further.
    pub fn key_column(&self, kv_head: usize) -> usize {
        (self.num_heads + kv_head) * self.head_dim
    }

    /// First column of the values of a value head.
    pub fn value_column(&self, kv_head: usize) -> usize {
        (self.num_heads + self.num_kv_heads + kv_head) * self.head_dim
    }
}

/// Weights and shape of a block. Layer scales are folded into the branches' last products when the weights are read.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where `norm1` and `norm2` stand.
    pub norm_place: NormPlace,
    /// Of the attention: before it, or after the stream has taken it up.
    pub norm1: Norm,
    /// Queries, keys and values in one product: `[(H + 2G) d, D]`.
    pub qkv: Linear,
    /// Shape of the attention.
    pub heads: Heads,
    /// Of queries and keys, where the family has them.
    pub qk_norms: Option<QkNorms>,
    /// How queries and keys are turned by where their tokens stand, where the family does so.
    pub rotary: Option<Arc<Rotary>>,
    /// What is added to the scores by how far apart two patches lie, where the family does so.
    pub relative_bias: Option<Arc<RelativeBias>>,
    /// `[D, H d]`.
    pub out: Linear,
    /// Of the MLP: before it, or after the stream has taken it up.
    pub norm2: Norm,
    /// `[U, D]`; with a gate, the gate's F rows come first.
    pub up: Linear,
    /// What comes between `up` and `down`.
    pub activation: Activation,
    /// Whether the activation of the first half of `up` multiplies the second half.
    pub gated: bool,
    /// `[D, F]`.
    pub down: Linear,
    /// Of what the branches add, where the family has them; only in pre-norm blocks.
    pub branch_norms: Option<BranchNorms>,
}

/// Everything the backward needs of one block, and what methods look at.
#[derive(Clone, Debug)]
pub struct BlockTrace {
    /// `[T, D]`, what `norm1` reads: the residual stream below the block, in a post-norm block with the attention's branch added.
    pub before_norm1: Tensor,
    /// `[T, 2]`, its mean and 1/sigma.
    pub stats1: Tensor,
    /// `[T, (H + 2G) d]`, queries, keys, values as the attention compares and mixes them: after their norms and turned.
    pub qkv: Tensor,
    /// `[T, (H + G) d]`, queries and keys before their norms, where there are such norms.
    pub before_qk_norms: Option<Tensor>,
    /// Where the tokens stand.
    pub places: Places,
    /// `[H, T, T]` after the softmax; `None` where it is recomputed from `qkv` to save memory.
    pub attention: Option<Tensor>,
    /// `[T, D]`, what `norm2` reads: the residual stream between attention and MLP, in a post-norm block with the MLP's branch
    /// added.
    pub before_norm2: Tensor,
    /// `[T, 2]`, its mean and 1/sigma.
    pub stats2: Tensor,
    /// `[T, U]`, derivative of what `down` reads with respect to what `up` makes.
    pub slope: Tensor,
    /// What the branches' own norms read, where there are such norms.
    pub branches: Option<Branches>,
}

/// What the norms of the branches read.
#[derive(Clone, Debug)]
pub struct Branches {
    /// `[T, D]`, of the attention.
    pub attention: Tensor,
    /// `[T, 2]`, its mean (0 for RMS norms) and 1/sigma.
    pub attention_stats: Tensor,
    /// `[T, D]`, of the MLP.
    pub mlp: Tensor,
    /// `[T, 2]`.
    pub mlp_stats: Tensor,
}

/// What goes beside a block's input.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardOptions<'a> {
    /// `[H, T, T]`, added to the attention after the softmax: the handle of autograd and of finite differences.
    pub shift: Option<&'a Tensor>,
    /// Whether the trace forgets the attention.
    pub drop_attention: bool,
}

/// Whether the fused loops take a tensor: `f32` on the processor, and no autograd behind it.
fn is_fused(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && x.dtype() == DType::F32 && !x.track_op()
}

impl Block {
    /// Runs the block.
    ///
    /// # Shapes
    /// `x` and the returned tensor are `[T, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn forward(&self, x: &Tensor, places: Places, options: ForwardOptions<'_>) -> Result<(BlockTrace, Tensor)> {
        if is_fused(x) && options.shift.is_none() {
            fused::forward(self, x, places, options.drop_attention)
        } else {
            composed::forward(self, x, places, options)
        }
    }

    /// The attention of a trace, recomputed where it was not kept: `[H, T, T]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn attention(&self, trace: &BlockTrace) -> Result<Tensor> {
        match &trace.attention {
            Some(attention) => Ok(attention.clone()),
            None if is_fused(&trace.qkv) => fused::attention(self, &trace.qkv, &trace.places),
            None => composed::attention(self, &trace.qkv, &trace.places),
        }
    }

    /// Carries cotangents through the block and says what flows along its attention (methods.md 1.3 and 1.11).
    ///
    /// # Shapes
    /// `cotangent` is `[step.from rows, D]`, of the stream above the block; `relevance` `[targets, T]`. Returns the increments
    /// of `relevance`, `[targets, T]`, and the cotangents of the stream below, `[step.to rows, D]`, unless `step.to` is `None`.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn backward(
        &self,
        trace: &BlockTrace,
        cotangent: &Tensor,
        relevance: &Tensor,
        step: &Step<'_>,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let attention = self.attention(trace)?;
        if is_fused(cotangent) {
            fused::backward(self, trace, &attention, cotangent, relevance, step)
        } else {
            composed::backward(self, trace, &attention, cotangent, relevance, step)
        }
    }

    /// The same block in another type, for witnesses in `f64`.
    ///
    /// # Errors
    /// [`Error::Internal`] when candle cannot convert.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            norm1: self.norm1.to_dtype(dtype)?,
            qkv: self.qkv.to_dtype(dtype)?,
            out: self.out.to_dtype(dtype)?,
            norm2: self.norm2.to_dtype(dtype)?,
            up: self.up.to_dtype(dtype)?,
            down: self.down.to_dtype(dtype)?,
            qk_norms: self.qk_norms.as_ref().map(|n| n.to_dtype(dtype)).transpose()?,
            relative_bias: self.relative_bias.as_ref().map(|b| b.to_dtype(dtype).map(Arc::new)).transpose()?,
            branch_norms: self.branch_norms.as_ref().map(|n| n.to_dtype(dtype)).transpose()?,
            ..self.clone()
        })
    }
}

impl Norm {
    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { weight: self.weight.to_dtype(dtype)?, bias: self.bias.to_dtype(dtype)?, kind: self.kind, eps: self.eps })
    }
}

impl QkNorms {
    fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { query: self.query.to_dtype(dtype)?, key: self.key.to_dtype(dtype)? })
    }
}

impl BranchNorms {
    fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { attention: self.attention.to_dtype(dtype)?, mlp: self.mlp.to_dtype(dtype)? })
    }
}

impl Linear {
    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { weight: self.weight.to_dtype(dtype)?, bias: self.bias.to_dtype(dtype)? })
    }
}

impl From<candle_core::Error> for Error {
    /// Inputs are checked before candle sees them, so its errors are faults of this program or of the device.
    fn from(err: candle_core::Error) -> Self {
        Self::Internal(err.to_string())
    }
}
