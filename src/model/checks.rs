//! What is looked at before weights are read, and after numbers are made.

use candle_core::{DType, Tensor};

use super::Checkpoint;
use super::head::Logits;
use crate::domain::{Error, Result};
use crate::store::{first_not_finite, size_in_words};

/// Refuses a checkpoint that would not fit, before its weights are read; `available` is `None` where the system does not say.
pub(super) fn check_memory(checkpoint: &Checkpoint, needed: u64, available: Option<u64>) -> Result<()> {
    match available.filter(|&available| needed > available) {
        None => Ok(()),
        Some(available) => {
            let [needed, available] = [needed, available].map(size_in_words);
            Err(Error::refused(checkpoint, format!("needs {needed} of memory, {available} are free"))
                .expected("a checkpoint that fits into memory in single precision")
                .remedy("close other programs, or choose a smaller model"))
        }
    }
}

/// Refuses activations that no norm can be taken of. Weights that are finite one by one may make numbers, or squares of numbers,
/// that no float holds; no map of these would mean anything. What overflows once stays so up to the last layer, which alone is
/// looked at when all is well.
pub(super) fn check_finite(checkpoint: &Checkpoint, residual: &[Tensor]) -> Result<()> {
    if residual.last().map_or(Ok(true), has_norm)? {
        return Ok(());
    }
    for (layer, stream) in residual.iter().enumerate() {
        if !has_norm(stream)? {
            return Err(overflow(checkpoint, &format!("the residual stream at layer {layer}")));
        }
    }
    Ok(())
}

/// Refuses an output, or scores, that are not finite.
pub(super) fn check_output(checkpoint: &Checkpoint, output: &Tensor, logits: Option<&Logits>) -> Result<()> {
    if !has_norm(output)? {
        return Err(overflow(checkpoint, "the output of the last norm"));
    }
    check_scores(checkpoint, logits.map_or(&[][..], |logits| &logits.values))
}

/// Refuses scores that are not finite.
pub(super) fn check_scores(checkpoint: &Checkpoint, scores: &[f32]) -> Result<()> {
    if first_not_finite(scores).is_none() { Ok(()) } else { Err(overflow(checkpoint, "what the head scores")) }
}

/// Whether all numbers are finite, and small enough that a vector of them has a length in single precision.
pub(crate) fn have_lengths(values: &[f32]) -> bool {
    values.iter().all(|value| value.abs() < LARGEST)
}

/// Squares of larger numbers, summed over a few thousand, overflow.
const LARGEST: f32 = 1e17;

fn has_norm(numbers: &Tensor) -> candle_core::Result<bool> {
    Ok(numbers.detach().sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?.is_finite())
}

fn overflow(checkpoint: &Checkpoint, what: &str) -> Error {
    Error::refused(checkpoint, format!("{what} overflows"))
        .expected("finite numbers from finite weights")
        .remedy("the checkpoint is damaged: download or train it again")
}
