//! Whether a method has what it needs in a model and an input, and whether it reads what a request asks of it.

use super::output::Scene;
use crate::domain::info::{Info, Need, Uses};
use crate::domain::request::{Cut, Own, Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::method::METHODS;
use crate::segment::{self, Cutting};

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

/// Refuses parameters that the method of a request does not read, before anything is computed. An unknown method is refused where
/// its answer is made.
///
/// # Errors
/// A refusal that names the flag.
pub fn check_parameters(request: &Request) -> Result<()> {
    let Request { task, params, .. } = request;
    let method = METHODS.iter().map(|method| method.info()).find(|info| info.id == request.method);
    match (task, segment::by_id(&request.method), method) {
        (Task::Segment { cut: Cut::Distance(_) }, Some(segmenter), _) if segmenter.cutting() == Cutting::Count => {
            Err(Error::refused(format!("--method {}", request.method), "has no linkage tree to cut at a distance")
                .expected("--clusters K, the number of segments"))
        }
        (Task::Segment { .. }, Some(segmenter), _) => segmenter.info().check(params, &segment::knobs_of(segmenter.info()), *task),
        (Task::Segment { .. }, None, Some(info)) => info.check(params, &segment::knobs_of(info), *task),
        (Task::Explain, _, Some(info)) => {
            if matches!(request.tokens, Tokens::Span(_)) && params.own != Own::default() && info.uses(Uses::Own) {
                return Err(Error::refused(format!("--own {}", params.own), "a span has no entry of its own in its map")
                    .expected("--own beside a token")
                    .remedy("leave it out"));
            }
            info.check(params, info.knobs, *task)
        }
        _ => Ok(()),
    }
}
