//! What an explanation holds beyond its rows, where that is asked for: the row at every layer, and how much a span depends on its
//! sources, for which the model is run again on the text without some of them.

use std::sync::Arc;

use super::output::{Explanation, Scene};
use super::phrase::Phrase;
use super::{Traced, explain};
use crate::domain::request::{Facet, Request, Tokens};
use crate::domain::span::Span;
use crate::domain::{Error, Result};
use crate::measure::{Score, comprehensiveness, likelihood};
use crate::method::{Control, Uses, by_id};
use crate::model::Model;

/// Refuses what has no score before anything is computed.
///
/// # Errors
/// A refusal of a model that predicts nothing, and of anything but a span.
pub(super) fn check_score(request: &Request, scene: &Scene) -> Result<()> {
    if !matches!(request.tokens, Tokens::Span(_)) {
        return Err(Error::refused("--score", "only a span has one").expected("--token A..B, the positions of a part of a text"));
    }
    if !scene.model.is_causal {
        return Err(Error::refused("--score", format!("this model ({}) does not predict its text", scene.model.family))
            .expected("a causal language model")
            .remedy("leave --score out, or choose another --model"));
    }
    Ok(())
}

/// The score of a span's sources.
///
/// # Errors
/// As [`comprehensiveness::score`] and [`likelihood::mean_log_probability`].
pub(super) fn score(explanation: &Explanation, model: &Model, ids: &[u32], control: &Control) -> Result<Score> {
    let span = explanation.span().ok_or_else(|| Error::Internal("a score without a span".to_owned()))?;
    let written = ids.get(span.positions()).ok_or_else(|| Error::Internal("a span outside the text".to_owned()))?;
    control.progress.start(comprehensiveness::NUM_RUNS);
    comprehensiveness::score(explanation.row(0), span, |kept| {
        let context = kept.iter().filter_map(|&position| ids.get(position).copied());
        let read: Vec<u32> = context.chain(written.iter().copied()).collect();
        let moved = Span { from: kept.len(), to: read.len() };
        let log_probability = likelihood::mean_log_probability(model, &read, moved, &control.cancel)?;
        control.progress.step();
        Ok(log_probability)
    })
}

/// Refuses what has no single row.
///
/// # Errors
/// A refusal of pictures, and of several tokens.
pub(super) fn check_layers(request: &Request, scene: &Scene) -> Result<()> {
    let is_one = match &request.tokens {
        Tokens::These(tokens) => tokens.len() == 1,
        Tokens::Span(_) => true,
        Tokens::All => false,
    };
    if is_one && scene.layout.text.is_some() {
        return Ok(());
    }
    let what = if is_one { "the input is a picture" } else { "several tokens have several rows a layer" };
    Err(Error::refused("--matrix", what)
        .expected("one token, or one span, of a text")
        .remedy("name one --token, or leave --matrix out"))
}

/// The row of a request's one target at every layer.
///
/// # Shapes
/// `[L + 1, T]`; NaN where the method has no answer.
///
/// # Errors
/// A refusal, or [`Error::Cancelled`].
pub(super) fn layers(request: &Request, traced: &Traced, phrases: &[Arc<Phrase>], control: &Control) -> Result<Vec<f32>> {
    let info = by_id(&request.method)?.info();
    // No block made layer 0, so that it has no queries, keys and values.
    let compares_parts = info.uses(Uses::Facet) && request.params.facet != Facet::Residual;
    let lowest = info.min_layer.max(usize::from(compares_parts));
    let mut rows = vec![f32::NAN; lowest * traced.scene.layout.len()];
    for layer in lowest..=traced.trace.num_layers() {
        let at = Request { layer: layer as i32, ..request.clone() };
        rows.extend_from_slice(explain(&at, traced, phrases, control)?.row(0));
    }
    Ok(rows)
}
