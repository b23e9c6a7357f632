//! Whether maps change as a model forgets what it learned, in one picture: the rank correlation of the map with what it becomes when
//! the weights of the last block, the last two, .. are shuffled (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018). A
//! map that stays as it is shows the picture and not the model.

use std::sync::Arc;

use super::contender::Contender;
use super::faithfulness::{mean_map, request_for, whole_tokens};
use super::layout::Pair;
use super::plan::Plan;
use super::row::Row;
use crate::algebra::random::Random;
use crate::domain::request::Request;
use crate::domain::{Control, Result};
use crate::engine::{Engine, Traced, explain};
use crate::measure::rank::spearman;

/// Scores a contender on a picture.
///
/// # Errors
/// What the engine refuses; [`crate::domain::Error::Cancelled`].
pub(super) fn score(
    engine: &mut Engine,
    plan: &Plan,
    contender: &Contender,
    pair: &Pair,
    control: &Control,
    row: &mut Row,
) -> Result<()> {
    let request = request_for(contender, pair)?;
    let traced = engine.trace(&request, control)?;
    row.notices = traced.scene.notices.without_folders();
    let phrases = engine.phrases(&request, &traced, control)?;
    let request = Request { tokens: whole_tokens(&request.method, &traced.trace), ..request };
    let map = |traced: &Traced| -> Result<Vec<f32>> { Ok(mean_map(&explain(&request, traced, &phrases, control)?)) };
    let learned = map(&traced)?;
    let (mut model, mut random) = ((*traced.model).clone(), Random::new(plan.seed));
    for count in 1..=model.num_layers() {
        control.cancel.check()?;
        model.randomise_block(model.num_layers() - count, &mut |values| random.shuffle(values))?;
        let trace = model.trace(&traced.trace.input.as_input(), &control.cancel, &control.progress)?;
        let forgotten = Traced { model: Arc::new(model.clone()), trace, scene: traced.scene.clone() };
        row.set(&column(count), spearman(&learned, &map(&forgotten)?));
    }
    Ok(())
}

/// The score of a model whose last `count` blocks forgot.
pub(super) fn column(count: usize) -> String {
    format!("last_{count:03}")
}
