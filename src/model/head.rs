//! What stands on top of the last layer: classifiers, and scores of words.

use std::ops::Range;

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
    /// A linear map of the last token that is no padding (causal models for sequences).
    LastToken {
        /// `[C, D]`.
        linear: Linear,
        /// The id of padding. Some tokenizers end every text with it.
        padding: Option<u32>,
    },
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
        self.decoded(output, &self.decoder)
    }

    /// Scores of one word.
    ///
    /// # Shapes
    /// `output` is `[n, D]`, after the final norm; the result `[n, 1]`. Every operation has a gradient.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn scores_of(&self, output: &Tensor, id: usize) -> candle_core::Result<Tensor> {
        let Linear { weight, bias } = &self.decoder;
        self.decoded(output, &Linear { weight: weight.narrow(0, id, 1)?, bias: bias.narrow(0, id, 1)? })
    }

    fn decoded(&self, output: &Tensor, decoder: &Linear) -> candle_core::Result<Tensor> {
        let transformed = match &self.transform {
            Some(Transform { linear, activation, norm }) => {
                let bent = composed::activate(*activation, &composed::linear(output, linear)?)?.0;
                &composed::norm(&bent, norm)?.0
            }
            None => output,
        };
        let scores = composed::linear(transformed, decoder)?;
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
            Self::LastToken { linear, .. } | Self::EachToken(linear) => Some(linear),
            Self::Language(_) => None,
        };
        linear.map_or(0, |l| l.weight.dims()[0])
    }

    /// Class scores.
    ///
    /// # Shapes
    /// `output` is `[T, D]`; `ids` `[T]` of a text, empty for an image; the result `[C]`, or `[T, C]` of each token.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn logits(&self, output: &Tensor, ids: &[u32]) -> Result<Logits> {
        let logits = self.scores(output, ids)?;
        Ok(Logits { values: values(&logits)?, shape: logits.dims().to_vec() })
    }

    pub(super) fn scores(&self, output: &Tensor, ids: &[u32]) -> candle_core::Result<Tensor> {
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
            Self::MeanOfPatches { num_prefix, .. } => self.scores_alone(&mean_of_patches(output, *num_prefix)?)?.squeeze(0),
            Self::Pooled { .. } => self.scores_alone(&output.narrow(0, 0, 1)?)?.squeeze(0),
            Self::LastToken { padding, .. } => {
                let position = last_word(output.dim(0)?, ids, *padding);
                self.scores_alone(&output.narrow(0, position, 1)?)?.squeeze(0)
            }
            Self::EachToken(_) | Self::Language(_) => self.scores_alone(output),
        }
    }

    /// Scores of every token on its own, as if it were the one, or all of those, that the head reads.
    ///
    /// # Shapes
    /// `output` is `[n, D]`, after the final norm; the result `[n, C]`. Every operation has a gradient.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn scores_alone(&self, output: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Tokens(maps) => {
                let scores: Vec<Tensor> =
                    maps.iter().map(|(_, map)| composed::linear(output, map)).collect::<candle_core::Result<_>>()?;
                Tensor::stack(&scores, 0)?.mean(0)
            }
            Self::ClsAndMean { linear, .. } => composed::linear(&Tensor::cat(&[output, output], D::Minus1)?, linear),
            Self::MeanOfPatches { norm: Some(norm), linear, .. } => composed::linear(&composed::norm(output, norm)?.0, linear),
            Self::Pooled { pooler, pooling, linear } => {
                let pooled = composed::linear(output, pooler)?;
                let pooled = match pooling {
                    Pooling::Tanh => pooled.tanh()?,
                    Pooling::Relu => pooled.relu()?,
                };
                composed::linear(&pooled, linear)
            }
            Self::MeanOfPatches { norm: None, linear, .. } | Self::LastToken { linear, .. } | Self::EachToken(linear) => {
                composed::linear(output, linear)
            }
            Self::Language(language) => language.scores(output),
        }
    }

    /// How much each position takes part in what the head reads; they sum to one. `None` where every token has scores of its own.
    ///
    /// # Shapes
    /// `ids` is `[tokens]` of a text, empty for an image; the result `[tokens]`.
    pub fn read_from(&self, tokens: usize, ids: &[u32]) -> Option<Vec<f32>> {
        let mut shares = vec![0.0; tokens];
        let mut share = |positions: Range<usize>, whole: f32| {
            let each = whole / positions.len().max(1) as f32;
            shares.iter_mut().take(positions.end).skip(positions.start).for_each(|share| *share += each);
        };
        match self {
            Self::Tokens(maps) => maps.iter().for_each(|(at, _)| share(*at..at + 1, 1.0 / maps.len() as f32)),
            Self::ClsAndMean { num_prefix, .. } => {
                share(0..1, 0.5);
                share(*num_prefix..tokens, 0.5);
            }
            Self::MeanOfPatches { num_prefix, .. } => share(*num_prefix..tokens, 1.0),
            Self::Pooled { .. } => share(0..1, 1.0),
            Self::LastToken { padding, .. } => {
                let position = last_word(tokens, ids, *padding);
                share(position..position + 1, 1.0);
            }
            Self::EachToken(_) | Self::Language(_) => return None,
        }
        Some(shares)
    }
}

/// The position of the last token that is no padding; 0 of a text of nothing else, as transformers has it.
fn last_word(tokens: usize, ids: &[u32], padding: Option<u32>) -> usize {
    match padding {
        Some(padding) if ids.len() == tokens => ids.iter().rposition(|&id| id != padding).unwrap_or(0),
        _ => tokens.saturating_sub(1),
    }
}

/// `[1, D]`.
fn mean_of_patches(output: &Tensor, num_prefix: usize) -> candle_core::Result<Tensor> {
    output.narrow(0, num_prefix, output.dim(0)? - num_prefix)?.mean_keepdim(0)
}
