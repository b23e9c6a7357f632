//! Whether a method has what it needs in a model and an input.

use super::output::Scene;
use crate::domain::info::{Info, Need};
use crate::domain::{Error, Result};

/// The first thing that a method needs and does not find.
pub fn missing(info: &Info, scene: &Scene) -> Option<Need> {
    let (model, is_text) = (&scene.model, scene.layout.text.is_some());
    let is_met = |need: &Need| match need {
        Need::Picture => !is_text,
        Need::Words => is_text,
        Need::Classes => model.num_classes > 0,
        Need::Language => model.scores_words,
        Need::Answer => model.num_classes > 0 || model.scores_words,
        // Whether a phrase is named is asked when the answer is.
        Need::AnswerOrPhrase => model.num_classes > 0 || model.scores_words || model.takes_phrases,
        Need::Causal => model.is_causal,
        // The engine says what exactly a checkpoint lacks when it reads the phrase.
        Need::Phrases => model.takes_phrases || model.tower.is_none(),
    };
    info.needs.iter().copied().find(|need| !is_met(need))
}

/// Refuses a method that lacks something.
///
/// # Errors
/// That refusal.
pub(super) fn check(info: &Info, scene: &Scene) -> Result<()> {
    let Some(need) = missing(info, scene) else { return Ok(()) };
    let has = if scene.layout.text.is_some() { "a text" } else { "a picture" };
    let what = format!("needs {}; this is {has} for a {} model", need.words(), scene.model.kind());
    Err(Error::refused(format!("--method {}", info.id), what).expected(info.needs_in_words()).remedy("see `tokenscope methods`"))
}
