//! What the whole model says of an input: the score of a class, of a word at a place, or of a phrase beside a picture; and its
//! gradients with respect to the residual stream and the attention of any layer.

use candle_core::{D, Tensor, Var};

use super::block::composed;
use super::embed::Seen;
use super::head::Head;
use super::joint::Matching;
use super::scoring::sigmoid;
use super::{Model, Scoring, Trace, class_named};
use crate::domain::{Control, Error, Result};

/// One number that a model says of a whole input.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The score of a class.
    Class(usize),
    /// The score of a word by the language head.
    Word {
        /// Row of the vocabulary.
        id: u32,
        /// Where it is scored: there (BERT), or as what comes after it (causal models).
        position: usize,
    },
    /// How well the input agrees with a phrase.
    Phrase {
        /// Where the phrase lies in the space that images and texts share, `[E]` of length 1.
        point: Vec<f32>,
        /// How agreement is counted.
        measure: Measure,
    },
}

/// How the agreement of an input with a phrase is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// By the cosine.
    Cosine,
    /// By what the model makes of the cosine: see [`Matching::logit`].
    Logit,
}

impl Measure {
    /// `#logit`, `#cosine`, or nothing, which is the cosine.
    fn named(named: &str) -> Option<Self> {
        match named {
            "" | "#cosine" => Some(Self::Cosine),
            LOGIT => Some(Self::Logit),
            _ => None,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Logit => "logit",
        }
    }
}

/// What names the word that does stand next in the text.
pub const NEXT: &str = "#next";
/// What asks for the logit of a phrase in place of its cosine.
pub const LOGIT: &str = "#logit";

impl Answer {
    /// The answer that is meant: of models that compare phrases the named phrase; of classifiers a class by number or name, or the
    /// predicted one; of language models a word at a position, or the most probable one.
    ///
    /// # Errors
    /// A refusal of a model that gives no answer, or lacks what is named.
    pub fn choose(model: &Model, trace: &Trace, named: &str, position: usize, phrase: Option<&[f32]>) -> Result<Self> {
        let named = named.trim();
        if let Some((phrase, measure)) = phrase.zip(Measure::named(named)) {
            if measure == Measure::Logit {
                model.matching()?;
            }
            return Ok(Self::Phrase { point: phrase.to_vec(), measure });
        }
        if let Some(scores) = trace.logits.as_ref().and_then(|logits| logits.of_input()) {
            return if named.is_empty() { Ok(Self::Class(largest(scores))) } else { class_named(model, named).map(Self::Class) };
        }
        if model.num_scored_words().is_none() {
            let what = format!("this model ({}) gives no answer that could be explained", model.family);
            return Err(Error::refused(&model.checkpoint, what)
                .expected("a classifier, a language model, or CLIP or SigLIP beside --scalar text:\"a phrase\"")
                .remedy("choose another --model, or another --method"));
        }
        let id = match named {
            "" => largest(&model.token_logits(trace, &[position])?) as u32,
            NEXT => next_word(trace, position)?,
            word => model.id_of_word(word)?,
        };
        Ok(Self::Word { id, position })
    }

    /// The same answer of an input in which its place has moved.
    #[must_use]
    pub fn at(&self, position: usize) -> Self {
        match self {
            Self::Word { id, .. } => Self::Word { id: *id, position },
            other => other.clone(),
        }
    }

    /// What it is, for readers.
    pub fn words(&self, model: &Model) -> String {
        match self {
            Self::Class(class) => model.class_names.get(*class).cloned().unwrap_or_else(|| format!("class {class}")),
            Self::Word { id, .. } => model.word(*id),
            Self::Phrase { measure, .. } => format!("the phrase, by its {}", measure.name()),
        }
    }

    /// The score: a class's or a word's before the softmax or the sigmoid, or the cosine with the phrase or its logit.
    ///
    /// # Errors
    /// [`Error::Internal`] when the trace is of another model.
    pub fn score(&self, model: &Model, trace: &Trace) -> Result<f32> {
        Ok(self.score_at(model, trace, &trace.residual[trace.num_layers()])?.to_dtype(candle_core::DType::F32)?.to_scalar()?)
    }

    /// How probable the model finds it, 0..1; `None` where its answers are plain values, and of a phrase that could only be
    /// compared with others (CLIP).
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn probability(&self, model: &Model, trace: &Trace) -> Result<Option<f32>> {
        match self {
            Self::Phrase { point, .. } => match model.matching() {
                Ok(matching @ Matching::Each { .. }) => {
                    let cosine = Self::Phrase { point: point.clone(), measure: Measure::Cosine }.score(model, trace)?;
                    Ok(Some(sigmoid(matching.logit(cosine))))
                }
                _ => Ok(None),
            },
            Self::Class(_) if !model.scoring.is_probability() => Ok(None),
            Self::Class(_) | Self::Word { .. } => self.level(model, trace).map(Some),
        }
    }

    /// What readers are shown of a class or a word: its probability, or the plain value of a class; of a phrase its score.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn level(&self, model: &Model, trace: &Trace) -> Result<f32> {
        let level = match self {
            Self::Phrase { .. } => return self.score(model, trace),
            Self::Class(class) => trace.logits.as_ref().and_then(|logits| model.scoring.level(&logits.values, *class)),
            Self::Word { id, position } => Scoring::OneOf.level(&model.token_logits(trace, &[*position])?, *id as usize),
        };
        level.ok_or_else(|| absent("class"))
    }

    /// How much each position takes part in what is read at layer L; the shares sum to one.
    ///
    /// # Shapes
    /// `[T]`.
    pub fn read_from(&self, model: &Model, trace: &Trace) -> Vec<f32> {
        let tokens = trace.num_tokens();
        let one = |position: usize| (0..tokens).map(|t| f32::from(u8::from(t == position))).collect();
        match self {
            Self::Word { position, .. } => one(*position),
            Self::Class(_) => model.head.as_ref().and_then(|head| head.read_from(tokens, ids(trace))).unwrap_or_else(|| one(0)),
            Self::Phrase { .. } => match model.joint.as_ref().and_then(|joint| joint.pooled_position(tokens, ids(trace))) {
                Some(position) => one(position),
                None => vec![1.0 / tokens as f32; tokens],
            },
        }
    }

    /// The score of layer L, by operations that all have gradients.
    ///
    /// # Shapes
    /// `stream` is `[T, D]`, the result a scalar.
    fn score_at(&self, model: &Model, trace: &Trace, stream: &Tensor) -> Result<Tensor> {
        if let Self::Phrase { point: phrase, measure } = self {
            let point = model.joint()?.of_input(stream, ids(trace))?;
            let phrase = Tensor::new(phrase.as_slice(), stream.device())?.to_dtype(stream.dtype())?;
            let length = point.sqr()?.sum(D::Minus1)?.sqrt()?;
            let cosine = ((point * phrase)?.sum(D::Minus1)? / length)?;
            return match measure {
                Measure::Cosine => Ok(cosine),
                Measure::Logit => {
                    let (scale, bias) = model.matching()?.line();
                    Ok(cosine.affine(f64::from(scale), f64::from(bias))?)
                }
            };
        }
        let output = model.norm.as_ref().map_or_else(|| Ok(stream.clone()), |n| composed::norm(stream, n).map(|(y, _)| y))?;
        match (self, &model.head) {
            (Self::Class(class), Some(head)) => Ok(head.scores(&output, ids(trace))?.get(*class)?),
            (Self::Word { id, position }, Some(Head::Language(language))) => {
                Ok(language.scores_of(&output.narrow(0, *position, 1)?, *id as usize)?.squeeze(1)?.squeeze(0)?)
            }
            _ => Err(absent("head")),
        }
    }

    /// The gradient of the score with respect to the stream at layer L, before the final norm.
    ///
    /// # Shapes
    /// `[T, D]`.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn top_gradient(&self, model: &Model, trace: &Trace) -> Result<Tensor> {
        let stream = Var::from_tensor(&trace.residual[trace.num_layers()].detach())?;
        let gradients = self.score_at(model, trace, &stream)?.backward()?;
        gradients.get(&stream).cloned().ok_or_else(|| absent("gradient"))
    }
}

/// The gradient of an answer with respect to the residual stream at a layer, by the hand-written backward with every row.
///
/// # Shapes
/// `[T, D]`.
///
/// # Errors
/// As [`Answer::score`]; [`Error::Cancelled`].
pub fn residual_gradient(model: &Model, trace: &Trace, answer: &Answer, layer: usize, control: &Control) -> Result<Tensor> {
    let mut gradient = answer.top_gradient(model, trace)?;
    for level in (layer..trace.num_layers()).rev() {
        control.cancel.check()?;
        gradient = model.blocks[level].stream_gradient(&trace.blocks[level], &gradient)?;
    }
    Ok(gradient)
}

/// The gradient of an answer with respect to the attention, after the softmax, of the block below a layer from 1.
///
/// # Shapes
/// `[H, T, T]`.
///
/// # Errors
/// As [`residual_gradient`].
pub fn attention_gradient(model: &Model, trace: &Trace, answer: &Answer, layer: usize, control: &Control) -> Result<Tensor> {
    let above = residual_gradient(model, trace, answer, layer, control)?;
    let block = layer.checked_sub(1).ok_or_else(|| absent("block below layer 0"))?;
    model.blocks[block].attention_gradient(&trace.blocks[block], &above)
}

fn ids(trace: &Trace) -> &[u32] {
    if let Seen::Words { ids, .. } = &trace.input { ids } else { &[] }
}

fn absent(what: &str) -> Error {
    Error::Internal(format!("an answer without its {what}"))
}

/// The first of the largest.
fn largest(scores: &[f32]) -> usize {
    let larger = |best: usize, at: usize| if scores[at] > scores[best] { at } else { best };
    (0..scores.len()).fold(0, larger)
}

fn next_word(trace: &Trace, position: usize) -> Result<u32> {
    ids(trace).get(position + 1).copied().ok_or_else(|| {
        Error::refused(format!("--class {NEXT}"), format!("nothing follows the token at position {position}"))
            .expected("a token before the last one")
            .remedy("choose another --token, or name the word")
    })
}
