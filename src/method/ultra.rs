//! ULTra (arXiv 2411.12589): follow the gradient of one latent token through the attention below it.

use candle_core::Tensor;

use super::answering::BLOCKS;
use super::directions::directions;
use super::{Control, Info, Method, Reach, Target, Uses};
use crate::domain::request::Scalar;
use crate::domain::{Error, Result};
use crate::model::joint::Joint;
use crate::model::{Backward, Model, Trace};

/// The method at the heart of the program.
#[derive(Debug)]
pub struct Ultra;

static INFO: Info = Info {
    id: "ultra",
    name: "ULTra",
    summary: "Which part of the input a latent token was made from, by its gradient through the attention below it",
    formula: "r <- r + r mean_h relu(dA_b * A_b), from the token's layer down to block 1, r = e_i at the start; \
              dA of the scalar: sum = the sum of z / |z| with |z| held fixed, raw-sum = the sum of z, norm = |z|; \
              along a direction w: z w / (|z| |w|) with |z| and w held fixed",
    citation: "Hosseini et al., ULTra: Unveiling Latent Token Interpretability in Transformer-Based Understanding, arXiv 2411.12589 (2024)",
    cost: "exact: about one forward pass a token; own-row: less than one for all tokens",
    unit: "relevance",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Scalar, Uses::Rows, Uses::Own],
    knobs: &[&BLOCKS],
};

impl Method for Ultra {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        backward(model, trace, target, control)?.run(target.positions, &seeds_of(model, trace, target)?)
    }

    fn explain_word(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        backward(model, trace, target, control)?.run_word(target.positions, &seeds_of(model, trace, target)?)
    }
}

fn backward<'a>(model: &'a Model, trace: &'a Trace, target: &Target<'_>, control: &'a Control) -> Result<Backward<'a>> {
    let (layer, rows, blocks) = (target.layer, target.params.rows, target.params.knobs.whole(&BLOCKS)?);
    Ok(Backward { model, trace, layer, rows, blocks, cancel: &control.cancel, progress: &control.progress })
}

/// `[positions, D]`.
fn seeds_of(model: &Model, trace: &Trace, target: &Target<'_>) -> Result<Tensor> {
    let (stream, scalar) = (&trace.residual[target.layer], &target.params.scalar);
    if let Some(directions) = directions(model, trace, target.layer, target.positions, scalar)? {
        return seeds_along(&directions, stream, target.positions);
    }
    match (scalar, target.phrase) {
        (Scalar::Text(_), Some(phrase)) => seeds_towards(model.joint()?, stream, target.positions, phrase),
        (scalar, _) => seeds(stream, target.positions, &scalar.resolved(model.is_post_norm())),
    }
}

/// Gradients of the scalar with respect to the target tokens, with the |z| of `sum` held fixed: 1/|z| in every component for
/// `sum`, 1 for `raw-sum`, z/|z| for `norm`. Where |z| is 0 the seed is 0 if it divides by |z|.
///
/// # Shapes
/// `stream` is `[T, D]`, the result `[positions, D]`.
///
/// # Errors
/// [`Error::Internal`] when a position does not exist, or the scalar needs more than the tokens.
pub fn seeds(stream: &Tensor, positions: &[usize], scalar: &Scalar) -> Result<Tensor> {
    let z = rows(stream, positions)?;
    match scalar {
        Scalar::Auto | Scalar::Sum => Ok(z.ones_like()?.broadcast_mul(&inverse_length(&z)?)?),
        Scalar::RawSum => Ok(z.ones_like()?),
        Scalar::Norm => Ok(z.broadcast_div(&length(&z)?)?),
        other => Err(Error::Internal(format!("{other} was not read"))),
    }
}

/// Seeds along a point of the space that images and texts share: w / (|w| |z|), w the way there (methods.md 1.2).
///
/// # Shapes
/// `stream` is `[T, D]`, `phrase` `[E]`, the result `[positions, D]`.
///
/// # Errors
/// [`Error::Internal`] when shapes disagree.
pub fn seeds_towards(joint: &Joint, stream: &Tensor, positions: &[usize], phrase: &[f32]) -> Result<Tensor> {
    let z = rows(stream, positions)?;
    seeds_along(&joint.directions(&z, phrase)?, stream, positions)
}

/// Seeds along a direction of each target: w / (|w| |z|) (methods.md 1.2).
///
/// # Shapes
/// `directions` and the result are `[positions, D]`, `stream` is `[T, D]`.
///
/// # Errors
/// [`Error::Internal`] when shapes disagree.
pub fn seeds_along(directions: &Tensor, stream: &Tensor, positions: &[usize]) -> Result<Tensor> {
    let unit = directions.broadcast_div(&length(directions)?)?;
    Ok(unit.broadcast_mul(&inverse_length(&rows(stream, positions)?)?)?)
}

/// Some rows of `[T, D]`.
pub(super) fn rows(stream: &Tensor, positions: &[usize]) -> Result<Tensor> {
    let rows: Vec<u32> = positions.iter().map(|&p| p as u32).collect();
    Ok(stream.index_select(&Tensor::new(rows, stream.device())?, 0)?)
}

/// `[positions, 1]`: 1/|z|, 0 for a zero vector.
fn inverse_length(z: &Tensor) -> Result<Tensor> {
    let length = length(z)?;
    let is_long = length.gt(f64::from(f32::MIN_POSITIVE))?.to_dtype(z.dtype())?;
    Ok((is_long / length)?)
}

/// `[positions, 1]`: |z|, clamped to avoid division by zero.
pub(super) fn length(z: &Tensor) -> Result<Tensor> {
    Ok(z.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(f64::from(f32::MIN_POSITIVE))?)
}
