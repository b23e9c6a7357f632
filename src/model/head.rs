//! Classifiers on top of the last layer.

use candle_core::{D, Tensor};

use super::block::Linear;
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
}

impl Head {
    /// C.
    pub fn num_classes(&self) -> usize {
        let linear = match self {
            Self::Tokens(maps) => maps.first().map(|(_, linear)| linear),
            Self::ClsAndMean { linear, .. } => Some(linear),
        };
        linear.map_or(0, |l| l.weight.dims()[0])
    }

    /// Class scores.
    ///
    /// # Shapes
    /// `output` is `[T, D]`, the result `[C]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn logits(&self, output: &Tensor) -> Result<Tensor> {
        let apply = |x: &Tensor, linear: &Linear| x.matmul(&linear.weight.t()?)?.squeeze(0)? + &linear.bias;
        match self {
            Self::Tokens(maps) => {
                let scores = maps.iter().map(|(position, linear)| apply(&output.narrow(0, *position, 1)?, linear));
                let scores: Vec<Tensor> = scores.collect::<candle_core::Result<_>>()?;
                Ok(Tensor::stack(&scores, 0)?.mean(0)?)
            }
            Self::ClsAndMean { num_prefix, linear } => {
                let patches = output.narrow(0, *num_prefix, output.dim(0)? - num_prefix)?.mean_keepdim(0)?;
                Ok(apply(&Tensor::cat(&[&output.narrow(0, 0, 1)?, &patches], D::Minus1)?, linear)?)
            }
        }
    }
}
