//! Occlusion: the model runs again without each token in turn, and what changes is what the token did.

use std::sync::Arc;

use candle_core::Tensor;

use super::answering::{CLASS, USES_PHRASE, answer_at, show_answer};
use super::blanks::{FILL, blank_of};
use super::{Control, Gaps, Info, Method, Reach, Shown, Target};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::text::Text;
use crate::domain::{Error, Progress, Result};
use crate::model::trace::values;
use crate::model::{Answer, Model, ModelInput, Seen, Trace};

/// What is watched.
static EFFECT: Knob = Knob {
    id: "effect",
    name: "Effect on",
    help: "what is watched: the answer's score, its probability, or the token itself at the layer; auto = the score where there is one",
    kind: KnobKind::Choice(&["auto", "score", "probability", "token"]),
    given: None,
};

/// Leaves one token out after another.
#[derive(Debug)]
pub struct Occlusion;

static INFO: Info = Info {
    id: "occlusion",
    name: "Occlusion",
    summary: "How much the model's answer falls, or the token turns, when each other token is left out",
    formula: "y(x) - y(x without j), or 1 - cos(z_i(x), z_i(x without j)) at the layer",
    citation: "Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014; Li, Monroe and Jurafsky, arXiv 1612.08220 (2016)",
    cost: "a forward pass a token of the input",
    unit: "fall",
    signed: true,
    min_layer: 0,
    needs: &[],
    reach: Reach::Each,
    uses: USES_PHRASE,
    knobs: &[&CLASS, &EFFECT, &FILL],
};

impl Method for Occlusion {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// What every input has is not left out, and a token that is left out is not there to be compared.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let leaving = Leaving::new(model, trace, target.params.knobs.choice(&FILL)?)?;
        let watched = Watched::new(model, trace, target)?;
        let tokens = trace.num_tokens();
        let left_out: Vec<usize> = (0..tokens).filter(|&token| is_part(trace, token)).collect();
        let last = target.positions.iter().max().copied().unwrap_or(0);
        let mut rows = vec![f32::NAN; target.positions.len() * tokens];
        control.progress.start(left_out.len());
        for token in left_out {
            control.cancel.check()?;
            // What a causal model says at a place does not depend on what comes later.
            let falls = if trace.layout.is_causal && watched.have_places() && token > last {
                vec![Some(0.0); target.positions.len()]
            } else {
                match leaving.without(model, trace, token, control)? {
                    Some(other) => watched.falls(&other, token)?,
                    None => Vec::new(),
                }
            };
            for (n, fall) in falls.into_iter().enumerate() {
                rows[n * tokens + token] = fall.unwrap_or(f32::NAN);
            }
            control.progress.step();
        }
        Ok(rows)
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Shown> {
        if effect(model, target)? == "token" { Ok(Shown::default()) } else { show_answer(model, trace, target) }
    }
}

/// Whether a token is a part of the input, and not one that every input has.
fn is_part(trace: &Trace, token: usize) -> bool {
    match &trace.layout.text {
        Some(text) => text.pieces.get(token).is_some_and(|piece| !piece.special),
        None => token >= trace.layout.prefix.len(),
    }
}

fn effect(model: &Model, target: &Target<'_>) -> Result<&'static str> {
    let answers = model.num_classes() > 0 || model.num_scored_words().is_some() || target.phrase.is_some();
    let is_named = !target.params.knobs.text(&CLASS).is_empty();
    Ok(match target.params.knobs.choice(&EFFECT)? {
        "auto" if answers || is_named => "score",
        "auto" => "token",
        other => other,
    })
}

/// What is watched, and what it is when nothing is left out.
struct Watched<'a> {
    model: &'a Model,
    trace: &'a Trace,
    target: &'a Target<'a>,
    effect: &'static str,
    /// `[positions]`; none where tokens are watched.
    answers: Vec<(Answer, f32)>,
    /// `[positions][D]`; none where answers are.
    tokens: Vec<Vec<f32>>,
}

/// The input without a token.
struct Without {
    trace: Trace,
    /// Whether what follows has moved up.
    moved: bool,
}

impl<'a> Watched<'a> {
    fn new(model: &'a Model, trace: &'a Trace, target: &'a Target<'a>) -> Result<Self> {
        let effect = effect(model, target)?;
        let mut watched = Self { model, trace, target, effect, answers: Vec::new(), tokens: Vec::new() };
        for &position in target.positions {
            if effect == "token" {
                watched.tokens.push(values(&trace.residual[target.layer].get(position)?)?);
            } else {
                let answer = answer_at(model, trace, target, position)?;
                let before = match watched.answers.last() {
                    Some((known, before)) if *known == answer => *before,
                    _ => watched.measure(&answer, trace)?,
                };
                watched.answers.push((answer, before));
            }
        }
        Ok(watched)
    }

    fn measure(&self, answer: &Answer, trace: &Trace) -> Result<f32> {
        match self.effect {
            "probability" => answer.probability(self.model, trace)?.ok_or_else(|| {
                Error::refused("--effect probability", "the model gives this answer no probability")
                    .expected("score: answers are plain values (regression), or a phrase stands alone (CLIP)")
                    .remedy("leave the flag out")
            }),
            _ => answer.score(self.model, trace),
        }
    }

    /// What each target loses when a token is left out; `None` where it is itself left out.
    fn falls(&self, other: &Without, token: usize) -> Result<Vec<Option<f32>>> {
        let mut last: Option<(Answer, f32)> = None;
        let mut falls = Vec::with_capacity(self.target.positions.len());
        for n in 0..self.target.positions.len() {
            let fall = match (self.answers.get(n), self.place(n, token, other.moved)) {
                (_, None) => None,
                (Some((answer, before)), Some(place)) => {
                    let answer = answer.at(place);
                    let after = match &last {
                        Some((known, after)) if *known == answer => *after,
                        _ => self.measure(&answer, &other.trace)?,
                    };
                    last = Some((answer, after));
                    Some(before - after)
                }
                (None, Some(place)) => {
                    let after = values(&other.trace.residual[self.target.layer].get(place)?)?;
                    Some(1.0 - cosine(&self.tokens[n], &after))
                }
            };
            falls.push(fall);
        }
        Ok(falls)
    }

    /// Whether everything that is watched stands at a place of the sequence.
    fn have_places(&self) -> bool {
        self.answers.iter().all(|(answer, _)| matches!(answer, Answer::Word { .. }))
    }

    /// Where a target stands when a token is left out; `None` where nothing is left of it. What a causal model says after a word
    /// that is left out, it says after the one before.
    fn place(&self, n: usize, token: usize, moved: bool) -> Option<usize> {
        let position = self.target.positions[n];
        let shifted = position - usize::from(moved && token < position);
        match self.answers.get(n).map(|(answer, _)| answer) {
            Some(Answer::Class(_) | Answer::Phrase { .. }) => Some(0),
            Some(Answer::Word { .. }) if moved && token == position => {
                if self.trace.layout.is_causal {
                    position.checked_sub(1)
                } else {
                    None
                }
            }
            Some(Answer::Word { .. }) => Some(shifted),
            None => (token != position).then_some(shifted),
        }
    }
}

/// How tokens are left out.
enum Leaving {
    /// The rest moves up, or keeps its places where the model looks at a picture.
    Removed,
    /// Something else stands there: numbers of the input, and those of what takes their places.
    Replaced { values: Tensor, blank: Tensor },
}

impl Leaving {
    fn new(model: &Model, trace: &Trace, fill: &str) -> Result<Self> {
        if fill == "remove" || (fill == "auto" && trace.layout.text.is_some()) {
            return Ok(Self::Removed);
        }
        let blank = model.blank_values(&trace.input, blank_of(model, trace, fill)?)?;
        Ok(Self::Replaced { values: model.input_values(&trace.input)?, blank })
    }

    /// The input without a token; `None` where nothing would be left.
    fn without(&self, model: &Model, trace: &Trace, token: usize, control: &Control) -> Result<Option<Without>> {
        if let Self::Replaced { values, blank } = self {
            let replaced = model.with_tokens(values, blank, &[token], &trace.layout)?;
            return Ok(Some(Without { trace: model.trace_values(&replaced, trace, &control.cancel)?, moved: false }));
        }
        if trace.layout.grid.len() < 2 {
            return Ok(None);
        }
        let others: Vec<usize> = (0..trace.num_tokens()).filter(|&t| t != token).collect();
        let trace = match &trace.input {
            Seen::Words { ids, text } => shorter(model, ids, text, &others, control)?,
            Seen::Pixels { .. } => model.trace_tokens(&others, trace, &control.cancel)?,
        };
        Ok(Some(Without { trace, moved: true }))
    }
}

/// A text of some of its tokens.
fn shorter(model: &Model, ids: &[u32], text: &Text, kept: &[usize], control: &Control) -> Result<Trace> {
    let pieces = kept.iter().filter_map(|&t| text.pieces.get(t).cloned()).collect();
    let ids: Vec<u32> = kept.iter().filter_map(|&t| ids.get(t).copied()).collect();
    let text = Arc::new(Text { pieces, ..text.clone() });
    model.trace(&ModelInput::Words { ids: &ids, text }, &control.cancel, &Progress::default())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { (dot(a, b) / lengths) as f32 } else { f32::NAN }
}
