//! What stands on top of the last layer: classifiers, and scores of words.

use candle_core::{D, Tensor};

use super::block::{Activation, Linear, Norm, composed};
use super::trace::values;
use crate::domain::Result;

/// How the last layer, after the final norm, becomes scores.
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
    /// A linear map of the mean over patches (BEiT, CLIP, SigLIP).
    MeanOfPatches {
        /// Positions before the first patch.
        num_prefix: usize,
        /// Of the mean.
        norm: Option<Norm>,
        /// `[C, D]`.
        linear: Linear,
    },
    /// A linear map of CLS bent, then a linear map (BERT and its like for sequences).
    Pooled {
        /// `[D, D]`.
        pooler: Linear,
        /// What bends.
        pooling: Pooling,
        /// `[C, D]`.
        linear: Linear,
    },
    /// A linear map of the last token (causal models for sequences).
    LastToken(Linear),
    /// A linear map of every token (BERT for tokens).
    EachToken(Linear),
    /// Scores of every word at every token.
    Language(Language),
}

/// What a pooler bends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// tanh.
    Tanh,
    /// max(x, 0).
    Relu,
}

/// From a token to the score of every word.
#[derive(Clone, Debug)]
pub struct Language {
    /// What comes before, where the family has it (BERT).
    pub transform: Option<Transform>,
    /// `[V, D]`.
    pub decoder: Linear,
    /// Scores above it are bent back: c tanh(score / c) (Gemma 2).
    pub softcap: Option<f64>,
}

/// A linear map, an activation and a norm.
#[derive(Clone, Debug)]
pub struct Transform {
    /// `[D, D]`.
    pub linear: Linear,
    /// Between the two.
    pub activation: Activation,
    /// Last.
    pub norm: Norm,
}

impl Language {
    /// Scores of every word.
    ///
    /// # Shapes
    /// `output` is `[n, D]`, after the final norm; the result `[n, V]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn scores(&self, output: &Tensor) -> candle_core::Result<Tensor> {
        let transformed = match &self.transform {
            Some(Transform { linear, activation, norm }) => {
                let bent = composed::activate(*activation, &composed::linear(output, linear)?)?.0;
                &composed::norm(&bent, norm)?.0
            }
            None => output,
        };
        let scores = composed::linear(transformed, &self.decoder)?;
        match self.softcap {
            Some(cap) => (scores / cap)?.tanh()? * cap,
            None => Ok(scores),
        }
    }
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
    /// C; 0 where words are scored.
    pub fn num_classes(&self) -> usize {
        let linear = match self {
            Self::Tokens(maps) => maps.first().map(|(_, linear)| linear),
            Self::ClsAndMean { linear, .. } | Self::MeanOfPatches { linear, .. } | Self::Pooled { linear, .. } => Some(linear),
            Self::LastToken(linear) | Self::EachToken(linear) => Some(linear),
            Self::Language(_) => None,
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
        match self {
            Self::Tokens(maps) => {
                let apply =
                    |(position, map): &(usize, Linear)| composed::linear(&output.narrow(0, *position, 1)?, map)?.squeeze(0);
                let scores: Vec<Tensor> = maps.iter().map(apply).collect::<candle_core::Result<_>>()?;
                Tensor::stack(&scores, 0)?.mean(0)
            }
            Self::ClsAndMean { num_prefix, linear } => {
                let patches = mean_of_patches(output, *num_prefix)?;
                composed::linear(&Tensor::cat(&[&output.narrow(0, 0, 1)?, &patches], D::Minus1)?, linear)?.squeeze(0)
            }
            Self::MeanOfPatches { num_prefix, norm, linear } => {
                let mean = mean_of_patches(output, *num_prefix)?;
                let mean = if let Some(norm) = norm { composed::norm(&mean, norm)?.0 } else { mean };
                composed::linear(&mean, linear)?.squeeze(0)
            }
            Self::Pooled { pooler, pooling, linear } => {
                let pooled = composed::linear(&output.narrow(0, 0, 1)?, pooler)?;
                let pooled = match pooling {
                    Pooling::Tanh => pooled.tanh()?,
                    Pooling::Relu => pooled.relu()?,
                };
                composed::linear(&pooled, linear)?.squeeze(0)
            }
            Self::LastToken(linear) => composed::linear(&output.narrow(0, output.dim(0)? - 1, 1)?, linear)?.squeeze(0),
            Self::EachToken(linear) => composed::linear(output, linear),
            Self::Language(language) => language.scores(output),
        }
    }
}

/// `[1, D]`.
fn mean_of_patches(output: &Tensor, num_prefix: usize) -> candle_core::Result<Tensor> {
    output.narrow(0, num_prefix, output.dim(0)? - num_prefix)?.mean_keepdim(0)
}
