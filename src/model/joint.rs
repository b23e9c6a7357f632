//! From the last layer into the space that images and texts share (CLIP, SigLIP).

use candle_core::{D, Tensor, Var};

use super::block::{Activation, Linear, Norm, composed};
use super::trace::values;
use super::{Model, Scoring, Trace, have_lengths};
use crate::domain::{Error, Result};

/// The end of a tower.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Over layer L.
    pub norm: Norm,
    /// What follows.
    pub readout: Readout,
    /// From cosines to probabilities, where the checkpoint has what that takes.
    pub matching: Option<Matching>,
}

/// What a model was trained to make of the cosines between an image and phrases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Matching {
    /// One of the phrases fits (CLIP).
    OneOf {
        /// What cosines are multiplied by.
        scale: f32,
    },
    /// Each phrase fits or not, whatever the others are (SigLIP).
    Each {
        /// What cosines are multiplied by.
        scale: f32,
        /// Added to that.
        bias: f32,
    },
}

impl Matching {
    /// Factor and summand that make a logit of a cosine.
    pub fn line(self) -> (f32, f32) {
        match self {
            Self::OneOf { scale } => (scale, 0.0),
            Self::Each { scale, bias } => (scale, bias),
        }
    }

    /// What the model makes of a cosine before the softmax (CLIP: `exp(logit_scale) cos`) or the sigmoid (SigLIP:
    /// `exp(logit_scale) cos + logit_bias`): transformers' `logits_per_image`.
    pub fn logit(self, cosine: f32) -> f32 {
        let (scale, bias) = self.line();
        scale * cosine + bias
    }

    /// How probable it is that each phrase fits.
    pub fn probabilities(self, cosines: &[f32]) -> Vec<f32> {
        let logits: Vec<f32> = cosines.iter().map(|&cosine| self.logit(cosine)).collect();
        let scoring = if matches!(self, Self::OneOf { .. }) { Scoring::OneOf } else { Scoring::Each };
        (0..logits.len()).filter_map(|n| scoring.level(&logits, n)).collect()
    }
}

/// How tokens become a point of the shared space.
#[derive(Clone, Debug)]
pub enum Readout {
    /// A linear map of one token.
    Linear {
        /// `[E, D]`.
        linear: Linear,
        /// Of which token.
        pooled: Pooled,
    },
    /// One learned query that looks at all tokens (SigLIP for images).
    Attention(AttentionPool),
}

/// The token that stands for the whole input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooled {
    /// The first.
    First,
    /// The last.
    Last,
    /// The first one with the highest id.
    HighestId,
    /// The first one with this id; the last token where none has it.
    Id(u32),
}

impl Pooled {
    fn position(self, tokens: usize, ids: &[u32]) -> usize {
        let last = tokens.saturating_sub(1);
        match self {
            Self::First => 0,
            Self::Last => last,
            Self::HighestId => {
                let highest = ids.iter().max();
                ids.iter().position(|id| Some(id) == highest).unwrap_or(last)
            }
            Self::Id(wanted) => ids.iter().position(|&id| id == wanted).unwrap_or(last),
        }
    }
}

/// SigLIP's head.
#[derive(Clone, Debug)]
pub struct AttentionPool {
    /// `[1, D]`.
    pub probe: Tensor,
    /// H.
    pub num_heads: usize,
    /// `[D, D]`.
    pub query: Linear,
    /// `[D, D]`.
    pub key: Linear,
    /// `[D, D]`.
    pub value: Linear,
    /// `[D, D]`.
    pub out: Linear,
    /// Before the MLP.
    pub norm: Norm,
    /// `[F, D]`.
    pub up: Linear,
    /// Of the MLP.
    pub activation: Activation,
    /// `[D, F]`.
    pub down: Linear,
}

impl Joint {
    /// The whole input, as the model was trained to place it.
    ///
    /// # Shapes
    /// `stream` is layer L, `[T, D]`; `ids` `[T]` of a text, empty for an image; the result `[E]`, not normalised.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn of_input(&self, stream: &Tensor, ids: &[u32]) -> Result<Tensor> {
        let tokens = composed::norm(stream, &self.norm)?.0;
        let placed = match &self.readout {
            Readout::Linear { linear, pooled } => {
                let position = pooled.position(tokens.dim(0)?, ids);
                composed::linear(&tokens.narrow(0, position, 1)?, linear)?
            }
            Readout::Attention(pool) => pool.of_all(&tokens)?,
        };
        Ok(placed.squeeze(0)?)
    }

    /// The position of the one token that stands for the whole input; `None` where all are looked at.
    pub fn pooled_position(&self, tokens: usize, ids: &[u32]) -> Option<usize> {
        match &self.readout {
            Readout::Linear { pooled, .. } => Some(pooled.position(tokens, ids)),
            Readout::Attention(_) => None,
        }
    }

    /// Every token on its own, as if it were the one that stands for the input, or the only one that the query sees: where it
    /// would lie.
    ///
    /// # Shapes
    /// `stream` is `[n, D]` before the final norm; the result `[n, E]`. Every operation has a gradient.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn of_tokens(&self, stream: &Tensor) -> Result<Tensor> {
        let tokens = composed::norm(stream, &self.norm)?.0;
        Ok(match &self.readout {
            Readout::Linear { linear, .. } => composed::linear(&tokens, linear)?,
            Readout::Attention(pool) => pool.finish(&composed::linear(&tokens, &pool.value)?)?,
        })
    }

    /// The direction in which each token on its own comes nearer to a point of the shared space: the gradient of
    /// <p(z), `towards`>, p being [`Self::of_tokens`]. By autograd, once for all tokens, as each depends on itself alone.
    ///
    /// # Shapes
    /// `stream` is `[n, D]`, `towards` `[E]`, the result `[n, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn directions(&self, stream: &Tensor, towards: &[f32]) -> Result<Tensor> {
        let tokens = Var::from_tensor(&stream.detach())?;
        let towards = Tensor::new(towards, stream.device())?.to_dtype(stream.dtype())?.unsqueeze(1)?;
        let gradients = self.of_tokens(&tokens)?.matmul(&towards)?.sum_all()?.backward()?;
        gradients.get(&tokens).cloned().ok_or_else(|| Error::Internal("the way into the shared space has no gradient".to_owned()))
    }
}

impl Model {
    /// The way into the space that images and texts share.
    ///
    /// # Errors
    /// A refusal of a model that has none.
    pub fn joint(&self) -> Result<&Joint> {
        self.joint.as_ref().ok_or_else(|| {
            Error::refused(&self.checkpoint, format!("this model ({}) compares nothing with phrases", self.family))
                .expected("one of images and texts, as CLIP and SigLIP are, with its projection")
                .remedy("choose another --model, or leave the phrase out")
        })
    }

    /// From cosines to logits.
    ///
    /// # Errors
    /// A refusal of a model that has no way into that space, or no `logit_scale`.
    pub fn matching(&self) -> Result<Matching> {
        self.joint()?.matching.ok_or_else(|| {
            Error::refused(&self.checkpoint, "holds no logit_scale, which makes logits of cosines")
                .expected("the whole model of images and texts")
                .remedy("leave #logit out")
        })
    }

    /// Where the whole input lies in that space.
    ///
    /// # Shapes
    /// `ids` `[T]` of a text, empty for an image; the result `[E]`, of length 1.
    ///
    /// # Errors
    /// As [`Self::joint`].
    pub fn embedding(&self, trace: &Trace, ids: &[u32]) -> Result<Vec<f32>> {
        let mut embedding = values(&self.joint()?.of_input(&trace.residual[trace.num_layers()], ids)?)?;
        self.check_lengths(&embedding)?;
        normalise(&mut embedding);
        Ok(embedding)
    }

    fn check_lengths(&self, embeddings: &[f32]) -> Result<()> {
        if have_lengths(embeddings) {
            return Ok(());
        }
        Err(Error::refused(&self.checkpoint, "places its input so far out in the shared space that no cosine can be taken")
            .expected("finite numbers from finite weights")
            .remedy("the checkpoint is damaged: download or train it again"))
    }

    /// Where every token of a layer would lie on its own.
    ///
    /// # Shapes
    /// `[T]` vectors `[E]` of length 1, row-major. A vector of zeros has no direction and becomes NaN.
    ///
    /// # Errors
    /// As [`Self::joint`].
    pub fn token_embeddings(&self, trace: &Trace, layer: usize) -> Result<Vec<f32>> {
        let mut embeddings = values(&self.joint()?.of_tokens(&trace.residual[layer])?)?;
        self.check_lengths(&embeddings)?;
        let width = (embeddings.len() / trace.num_tokens()).max(1);
        embeddings.chunks_exact_mut(width).for_each(normalise);
        Ok(embeddings)
    }
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
    vector.iter_mut().for_each(|x| *x /= length);
}

impl AttentionPool {
    fn of_all(&self, tokens: &Tensor) -> candle_core::Result<Tensor> {
        let by_head = |x: &Tensor| {
            let (rows, width) = x.dims2()?;
            x.reshape((rows, self.num_heads, width / self.num_heads))?.transpose(0, 1)?.contiguous()
        };
        let query = by_head(&composed::linear(&self.probe, &self.query)?)?;
        let keys = by_head(&composed::linear(tokens, &self.key)?)?;
        let values = by_head(&composed::linear(tokens, &self.value)?)?;
        let scale = 1.0 / (query.dim(D::Minus1)? as f64).sqrt();
        let shares = composed::softmax(&(query.matmul(&keys.t()?)? * scale)?)?;
        let mixed = shares.matmul(&values)?.transpose(0, 1)?.reshape((1, ()))?;
        self.finish(&mixed)
    }

    /// From mixed values `[n, D]`.
    fn finish(&self, mixed: &Tensor) -> candle_core::Result<Tensor> {
        let x = composed::linear(mixed, &self.out)?;
        let hidden = composed::linear(&composed::norm(&x, &self.norm)?.0, &self.up)?;
        let hidden = composed::activate(self.activation, &hidden)?.0;
        x + composed::linear(&hidden, &self.down)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_become_probabilities_as_the_model_was_trained() {
        let one = Matching::OneOf { scale: 100.0 }.probabilities(&[0.30, 0.28, -1.0]);
        assert!((one.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (one[0] / one[1] - 2.0_f32.exp()).abs() < 1e-3, "{one:?}");
        let each = Matching::Each { scale: 10.0, bias: -1.0 }.probabilities(&[0.1, 0.5]);
        assert!((each[0] - 0.5).abs() < 1e-6 && each[1] > 0.98, "{each:?}");
    }
}
