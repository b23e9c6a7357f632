//! Classifiers on top of the last layer.

use candle_core::{D, Tensor};

use super::block::Linear;
use super::trace::values;
use crate::domain::Result;

/// How the last layer, after the final norm, becomes class scores.
#[derive(Clone, Debug)]
pub enum Head {
    /// Linear maps of some positions, averaged: one of CLS (ViT), or of CLS and the distillation token (DeiT).
    Tokens(Vec<(usize, Linear)>),
    /// A linear map of CLS beside the mean over patches (DINOv2).
    ClsAndMean {
        /// Positions before the first patch.
        num_prefix: usize,
        /// `[C, 2 D]`.
        linear: Linear,
    },
    /// tanh of a linear map of CLS, then a linear map (BERT for sequences).
    Pooled {
        /// `[D, D]`.
        pooler: Linear,
        /// `[C, D]`.
        linear: Linear,
    },
    /// A linear map of every token (BERT for tokens).
    EachToken(Linear),
}

/// Class scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    /// Row-major.
    pub values: Vec<f32>,
    /// `[C]` of the whole input, or `[T, C]` of each token.
    pub shape: Vec<usize>,
}

impl Logits {
    /// `[C]`, where they are of the whole input.
    pub fn of_input(&self) -> Option<&[f32]> {
        (self.shape.len() == 1).then_some(&self.values)
    }
}

impl Head {
    /// C.
    pub fn num_classes(&self) -> usize {
        let linear = match self {
            Self::Tokens(maps) => maps.first().map(|(_, linear)| linear),
            Self::ClsAndMean { linear, .. } | Self::Pooled { linear, .. } | Self::EachToken(linear) => Some(linear),
        };
        linear.map_or(0, |l| l.weight.dims()[0])
    }

    /// Class scores.
    ///
    /// # Shapes
    /// `output` is `[T, D]`, the result `[C]`, or `[T, C]` of each token.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn logits(&self, output: &Tensor) -> Result<Logits> {
        let logits = self.scores(output)?;
        Ok(Logits { values: values(&logits)?, shape: logits.dims().to_vec() })
    }

    fn scores(&self, output: &Tensor) -> candle_core::Result<Tensor> {
        let apply = |x: &Tensor, linear: &Linear| x.matmul(&linear.weight.t()?)?.broadcast_add(&linear.bias);
        match self {
            Self::Tokens(maps) => {
                let scores = maps.iter().map(|(position, linear)| apply(&output.narrow(0, *position, 1)?, linear)?.squeeze(0));
                let scores: Vec<Tensor> = scores.collect::<candle_core::Result<_>>()?;
                Tensor::stack(&scores, 0)?.mean(0)
            }
            Self::ClsAndMean { num_prefix, linear } => {
                let patches = output.narrow(0, *num_prefix, output.dim(0)? - num_prefix)?.mean_keepdim(0)?;
                apply(&Tensor::cat(&[&output.narrow(0, 0, 1)?, &patches], D::Minus1)?, linear)?.squeeze(0)
            }
            Self::Pooled { pooler, linear } => {
                let pooled = apply(&output.narrow(0, 0, 1)?, pooler)?.tanh()?;
                apply(&pooled, linear)?.squeeze(0)
            }
            Self::EachToken(linear) => apply(output, linear),
        }
    }
}
