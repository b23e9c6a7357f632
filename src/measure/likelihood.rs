//! How likely a language model finds a part of a text.

use std::sync::Arc;

use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::domain::{Cancel, Error, Progress, Result};
use crate::model::{Model, ModelInput};

/// Mean log probability that a causal model gives to the tokens of a span, each after all tokens before it, in nats.
///
/// # Errors
/// A refusal of a model without a language head; the errors of [`Model::trace`].
pub fn mean_log_probability(model: &Model, ids: &[u32], span: Span, cancel: &Cancel) -> Result<f64> {
    let outside = || Error::Internal(format!("the span {span} of {} tokens", ids.len()));
    let first = span.from.checked_sub(1).ok_or_else(outside)?;
    // What comes after the span does not change it.
    let read = ids.get(..span.to).ok_or_else(outside)?;
    let next = read.get(span.from..).filter(|next| !next.is_empty()).ok_or_else(outside)?;
    let input = ModelInput::Words { ids: read, text: Arc::new(Text::of_ids(read)) };
    let trace = model.trace(&input, cancel, &Progress::default())?;
    let positions: Vec<usize> = (first..span.to - 1).collect();
    let logits = model.token_logits(&trace, &positions)?;
    let sum: f64 = logits.chunks_exact(logits.len() / next.len()).zip(next).map(|(row, &id)| log_softmax(row, id)).sum();
    Ok(sum / next.len() as f64)
}

/// Log of the softmax of a row at `id`; minus infinity for an id that the row lacks.
fn log_softmax(row: &[f32], id: u32) -> f64 {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|logit| f64::from(logit - top).exp()).sum();
    row.get(id as usize).map_or(f64::NEG_INFINITY, |logit| f64::from(logit - top) - sum.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_softmax() {
        let row = [1000.0, 1000.0 + 2.0_f32.ln(), 1000.0 + 5.0_f32.ln()];
        let close = |id, p: f64| (log_softmax(&row, id).exp() - p).abs() < 1e-4;
        assert!(close(0, 0.125) && close(1, 0.25) && close(2, 0.625));
        assert_eq!(log_softmax(&row, 3), f64::NEG_INFINITY);
    }
}
