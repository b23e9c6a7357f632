//! What methods that explain the model's answer share: which answer is meant, and how readers are told of it.

use super::{Info, Target, Uses};
use crate::domain::exhibit::{Exhibit, Table};
use crate::domain::knob::{Given, Knob, KnobKind};
use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::model::answer::{Measure, NEXT};
use crate::model::{Answer, Model, Scoring, Trace};

/// Which answer is explained.
pub const CLASS: Knob = Knob {
    id: "class",
    name: "Answer",
    help: "the answer that is explained: a class by number or name, or a word; #next for the next word of the text; beside a phrase #logit for \
           its logit in place of its cosine [the model's answer, or the phrase's cosine]",
    kind: KnobKind::Text { hint: "tabby, 281, or a word" },
    given: Some(Given { knob: "effect", values: &["auto", "score", "probability"] }),
};

/// How deep relevance is followed.
pub const BLOCKS: Knob = Knob {
    id: "blocks",
    name: "Blocks",
    help: "attention of so many blocks below the layer is followed; 0 = all",
    kind: KnobKind::Whole { min: 0, max: 1000, default: 0 },
    given: None,
};

/// The request for a part of a text that a causal model may have written: its answers are the words that stand there, unless others
/// are named.
///
/// # Errors
/// [`Error::Internal`] when the knob does not take its own word.
pub fn as_written(mut request: Request, info: &Info) -> Result<Request> {
    let explains_answers = info.knobs.iter().any(|knob| knob.id == CLASS.id);
    if explains_answers && request.params.knobs.text(&CLASS).is_empty() {
        request.params.knobs.set(&CLASS, NEXT)?;
    }
    Ok(request)
}

/// A phrase takes the place of an answer where a model compares its input with phrases.
pub(super) const USES_PHRASE: &[Uses] = &[Uses::PhraseIfAny];

/// The answer that is explained at a position.
///
/// # Errors
/// As [`Answer::choose`].
pub fn answer_at(model: &Model, trace: &Trace, target: &Target<'_>, position: usize) -> Result<Answer> {
    Answer::choose(model, trace, target.params.knobs.text(&CLASS), position, target.phrase)
}

/// The same at the first of the target's positions.
///
/// # Errors
/// As [`answer_at`].
pub fn first_answer(model: &Model, trace: &Trace, target: &Target<'_>) -> Result<Answer> {
    let position = target.positions.first().ok_or_else(|| Error::Internal("a target without a position".to_owned()))?;
    answer_at(model, trace, target, *position)
}

/// A row for every position, made once for answers that several share: that of a classifier is the same everywhere.
///
/// # Shapes
/// `row` gives `[T]`; the result is `[positions, T]`.
///
/// # Errors
/// Those of [`answer_at`] and of `row`.
pub fn rows_by_answer(
    model: &Model,
    trace: &Trace,
    target: &Target<'_>,
    mut row: impl FnMut(&Answer) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let mut last: Option<(Answer, Vec<f32>)> = None;
    let mut rows = Vec::with_capacity(target.positions.len() * trace.num_tokens());
    for &position in target.positions {
        let answer = answer_at(model, trace, target, position)?;
        let made = match last.take() {
            Some((known, made)) if known == answer => made,
            _ => row(&answer)?,
        };
        rows.extend_from_slice(&made);
        last = Some((answer, made));
    }
    Ok(rows)
}

/// What is explained, and how sure of it the model is.
///
/// # Errors
/// As [`first_answer`].
pub fn answer_table(model: &Model, trace: &Trace, target: &Target<'_>) -> Result<Table> {
    let answer = first_answer(model, trace, target)?;
    let mut rows = vec![vec!["explained".into(), answer.words(model).into()]];
    let mut add = |name: &str, value: f32| rows.push(vec![name.into(), f64::from(value).into()]);
    let score = answer.score(model, trace)?;
    match &answer {
        Answer::Phrase { point, .. } => {
            let cosine = Answer::Phrase { point: point.clone(), measure: Measure::Cosine }.score(model, trace)?;
            add("cosine", cosine);
            if let Ok(matching) = model.matching() {
                add("logit", matching.logit(cosine));
            }
        }
        Answer::Class(_) if !model.scoring.is_probability() => add(model.scoring.name(), score),
        Answer::Class(_) | Answer::Word { .. } => add("score", score),
    }
    if let Some(probability) = answer.probability(model, trace)? {
        add("probability", probability);
    }
    if matches!(answer, Answer::Class(_)) && model.scoring == Scoring::Each {
        rows.push(vec!["probability of".into(), "each class on its own (sigmoid)".into()]);
    }
    Ok(Table { title: "Answer".to_owned(), columns: vec![String::new(), String::new()], rows, mark: None })
}

/// The same as all that is shown.
///
/// # Errors
/// As [`first_answer`].
pub fn show_answer(model: &Model, trace: &Trace, target: &Target<'_>) -> Result<super::Shown> {
    Ok(super::Shown { paint: None, exhibits: vec![Exhibit::Table(answer_table(model, trace, target)?)] })
}
