//! Directions in which ULTra may read a token (methods.md 1.2): other tokens, classes, words, and what a file holds.

use std::path::Path;

use candle_core::{Tensor, Var};

use super::ultra::{length, rows};
use crate::domain::request::Scalar;
use crate::domain::token::TokenRef;
use crate::domain::{Error, Result};
use crate::input::matrix_file::{NumberFile, read_numbers};
use crate::model::block::composed;
use crate::model::head::Head;
use crate::model::trace::values;
use crate::model::{Model, Trace, class_named};
use crate::store::first_not_finite;

/// The direction of each target; `None` where the scalar is no direction.
///
/// # Shapes
/// `[positions, D]`, of any length.
///
/// # Errors
/// A refusal of what the model, the input or the file lacks.
pub(super) fn directions(
    model: &Model,
    trace: &Trace,
    layer: usize,
    positions: &[usize],
    scalar: &Scalar,
) -> Result<Option<Tensor>> {
    let stream = &trace.residual[layer];
    let directions = match scalar {
        Scalar::Auto | Scalar::Sum | Scalar::RawSum | Scalar::Norm | Scalar::Text(_) => return Ok(None),
        Scalar::Token(tokens) => of_tokens(trace, stream, tokens)?,
        Scalar::Class(named) => of_class(model, &rows(stream, positions)?, named)?,
        Scalar::Word(word) => of_word(model, &rows(stream, positions)?, word)?,
        Scalar::File(path) => scaled(&of_file(trace, stream, positions, path)?, path)?,
        Scalar::Cluster { .. } => return Err(Error::Internal(format!("the patches of {scalar} were not found"))),
    };
    Ok(Some(directions.broadcast_as((positions.len(), stream.dim(1)?))?.contiguous()?))
}

/// The mean of tokens of length 1: `[1, D]`.
fn of_tokens(trace: &Trace, stream: &Tensor, tokens: &[TokenRef]) -> Result<Tensor> {
    let mut positions = Vec::new();
    for token in tokens {
        positions.extend(trace.layout.resolve_all(token)?.positions());
    }
    let others = rows(stream, &positions)?;
    Ok(others.broadcast_div(&length(&others)?)?.mean_keepdim(0)?)
}

/// The gradient of a class's score at each token on its own, as if the head read it.
fn of_class(model: &Model, z: &Tensor, named: &str) -> Result<Tensor> {
    let head = model.head.as_ref().filter(|head| head.num_classes() > 0).ok_or_else(|| {
        Error::refused(format!("--scalar class:{named}"), format!("this model ({}) has no classifier's head", model.family))
            .expected("a model that scores classes")
            .remedy("choose another --model or --scalar")
    })?;
    let class = class_named(model, named)?;
    gradient(model, z, |output| head.scores_alone(output)?.narrow(1, class, 1))
}

/// The gradient of a word's score at each token, as if layer L were here (the logit lens).
fn of_word(model: &Model, z: &Tensor, word: &str) -> Result<Tensor> {
    let Some(Head::Language(language)) = &model.head else {
        let what = format!("this model ({}) scores no words", model.family);
        return Err(Error::refused(format!("--scalar vocab:{word}"), what)
            .expected("a language model")
            .remedy("choose another --model or --scalar"));
    };
    let id = model.id_of_word(word)? as usize;
    gradient(model, z, |output| language.scores_of(output, id))
}

/// By autograd, once for all tokens, as each score depends on its own token alone.
fn gradient(model: &Model, z: &Tensor, score: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>) -> Result<Tensor> {
    let tokens = Var::from_tensor(&z.detach())?;
    let output = match &model.norm {
        Some(norm) => composed::norm(&tokens, norm)?.0,
        None => tokens.as_tensor().clone(),
    };
    let gradients = score(&output)?.sum_all()?.backward()?;
    gradients.get(&tokens).cloned().ok_or_else(|| Error::Internal("a score without a gradient".to_owned()))
}

/// Directions whose largest number is 1, so that no length overflows or vanishes; zeros stay.
fn scaled(directions: &Tensor, path: &Path) -> Result<Tensor> {
    let largest = directions.abs()?.max_keepdim(1)?;
    if first_not_finite(&values(&largest)?).is_none() {
        return Ok(directions.broadcast_div(&largest.maximum(f64::from(f32::MIN_POSITIVE))?)?);
    }
    Err(Error::refused(path.display(), "makes directions that overflow")
        .expected("numbers whose products with a token are finite")
        .remedy("divide them by the largest: only directions count"))
}

/// `[D]` for all targets, `[T, D]` or `[patches, D]` with a row for each, or `[D, D]` from each token to its direction.
fn of_file(trace: &Trace, stream: &Tensor, positions: &[usize], path: &Path) -> Result<Tensor> {
    let NumberFile { values, shape } = read_numbers(path)?;
    let (tokens, width) = stream.dims2()?;
    let (patches, prefix) = (trace.layout.grid.len(), trace.layout.prefix.len());
    let made =
        |shape: (usize, usize)| Ok::<_, Error>(Tensor::from_vec(values, shape, stream.device())?.to_dtype(stream.dtype())?);
    match shape[..] {
        [d] if d == width => made((1, width)),
        [1, d] if d == width => made((1, width)),
        [n, d] if n == d && d == width => {
            let z = rows(stream, positions)?;
            Ok(z.broadcast_div(&length(&z)?)?.matmul(&made((n, d))?.t()?)?)
        }
        [n, d] if n == tokens && d == width => rows(&made((n, d))?, positions),
        // Prefix tokens have no direction: nothing flows to them.
        [n, d] if n == patches && d == width => rows(&made((n, d))?.pad_with_zeros(0, prefix, 0)?, positions),
        _ => Err(Error::refused(path.display(), format!("has the shape {shape:?}")).expected(format!(
            "[{width}] for all tokens, [{tokens}, {width}] or [{patches}, {width}] for each, or [{width}, {width}] from tokens to directions"
        ))),
    }
}
