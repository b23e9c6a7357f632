//! Whether what a map calls important is what the model's answer hangs on, in one picture.
//!
//! Two answers are looked at. The probability of the class that the whole picture is predicted as, where the model has classes: the
//! map is then that of its first token, or the mean of all patches' maps where nothing stands before these. And the vectors of some
//! patches by lot: the answer is the cosine of a patch's vector with what it was, and the patch itself is never taken out.

use std::sync::Arc;

use super::contender::{Contender, GAUSSIAN, RANDOM};
use super::layout::Pair;
use super::plan::{Baseline, Plan, Test};
use super::row::Row;
use crate::algebra::random::Random;
use crate::domain::request::{Input, Request, Task, Tokens};
use crate::domain::token::TokenRef;
use crate::domain::{Control, Error, Result};
use crate::engine::{Engine, Explanation, Output, Traced};
use crate::measure::faithfulness::{area, centred_gaussian, deletion, erased, insertion, random_map, ranked};
use crate::method::{METHODS, Reach};
use crate::model::{Model, ModelInput, Trace};

/// Scores a contender on a picture.
///
/// # Errors
/// What the engine refuses; [`Error::Cancelled`].
pub(super) fn score(
    engine: &mut Engine,
    plan: &Plan,
    contender: &Contender,
    pair: &Pair,
    control: &Control,
    row: &mut Row,
) -> Result<()> {
    let Test::Faithfulness { steps, baseline, tokens } = plan.test else {
        return Err(Error::Internal("a plan without maps".to_owned()));
    };
    let request = request_for(contender, pair)?;
    let traced = engine.trace(&request, control)?;
    row.notices = traced.scene.notices.without_folders();
    let masked = Masked::new(&traced, baseline)?;
    let patches = traced.trace.layout.grid.len();
    let class = traced.scene.predictions.first().filter(|_| traced.scene.model.num_classes > 0).map(|p| p.class);
    if let Some(class) = class {
        let map = whole_map(engine, plan, contender, &request, &traced, control)?;
        let mut answer = |kept: &[bool]| level(&traced.model, &masked.trace(kept, control)?, class);
        let order = ranked(&map, &[]);
        let fall = deletion(&order, patches, steps, &mut answer)?;
        let rise = insertion(&order, patches, steps, &mut answer)?;
        let erased = erased(&order, patches, fall[0], &mut answer)?;
        row.set("answer", fall[0]);
        row.set("deletion", area(&fall));
        row.set("insertion", area(&rise));
        row.set("comprehensiveness", erased.comprehensiveness);
        row.set("sufficiency", erased.sufficiency);
    }
    if tokens == 0 {
        return Ok(());
    }
    let layer = layer_of(&request, traced.trace.num_layers())?;
    let mut drawn: Vec<usize> = (0..patches).collect();
    Random::of(plan.seed, &format!("patches of {}", pair.id)).shuffle(&mut drawn);
    drawn.truncate(tokens);
    let maps = patch_maps(engine, plan, contender, &request, &traced, &drawn, control)?;
    let mut sum = 0.0;
    for (&patch, map) in drawn.iter().zip(&maps) {
        let was = vector(&traced.trace, layer, patch)?;
        let mut answer = |kept: &[bool]| Ok(cosine(&was, &vector(&masked.trace(kept, control)?, layer, patch)?));
        sum += area(&deletion(&ranked(map, &[patch]), patches, steps, &mut answer)?);
    }
    row.set("latent_deletion", sum / drawn.len().max(1) as f64);
    Ok(())
}

/// What is asked of a picture.
pub(super) fn request_for(contender: &Contender, pair: &Pair) -> Result<Request> {
    let request = contender.request.clone().ok_or_else(|| Error::Internal("a map without a model".to_owned()))?;
    Ok(Request { task: Task::Explain, input: Input::File(pair.image.clone()), ..request })
}

fn layer_of(request: &Request, num_layers: usize) -> Result<usize> {
    let layer = if request.layer < 0 { request.layer + num_layers as i32 + 1 } else { request.layer };
    usize::try_from(layer).ok().filter(|layer| *layer <= num_layers).ok_or_else(|| {
        Error::refused(format!("--layer {}", request.layer), "the model has no such layer").expected(format!("0..{num_layers}"))
    })
}

/// The tokens whose maps speak for the whole picture: the first where one stands before the patches, or where a method's map is of
/// the whole anyway; all patches otherwise.
pub(super) fn whole_tokens(method: &str, trace: &Trace) -> Tokens {
    let is_whole = METHODS.iter().any(|m| m.info().id == method && m.info().reach == Reach::Whole);
    if is_whole || !trace.layout.prefix.is_empty() { Tokens::These(vec![TokenRef::Position(0)]) } else { Tokens::All }
}

/// The mean of the heatmaps of all targets, `[N]`.
pub(super) fn mean_map(explanation: &Explanation) -> Vec<f32> {
    let maps: Vec<Vec<f32>> = (0..explanation.positions.len()).map(|n| explanation.heatmap(n).values.to_vec()).collect();
    let patches = explanation.scene.layout.grid.len();
    (0..patches).map(|p| maps.iter().map(|map| map[p]).sum::<f32>() / maps.len().max(1) as f32).collect()
}

fn explain(engine: &mut Engine, request: &Request, control: &Control) -> Result<Arc<Explanation>> {
    match engine.run(request, control)? {
        Output::Explanation(explanation) => Ok(explanation),
        _ => Err(Error::Internal("an explanation without one".to_owned())),
    }
}

fn whole_map(
    engine: &mut Engine,
    plan: &Plan,
    contender: &Contender,
    request: &Request,
    traced: &Traced,
    control: &Control,
) -> Result<Vec<f32>> {
    if let Some(map) = baseline_map(plan, contender, request, traced, "whole") {
        return Ok(map);
    }
    let tokens = whole_tokens(&request.method, &traced.trace);
    Ok(mean_map(&*explain(engine, &Request { tokens, ..request.clone() }, control)?))
}

fn patch_maps(
    engine: &mut Engine,
    plan: &Plan,
    contender: &Contender,
    request: &Request,
    traced: &Traced,
    patches: &[usize],
    control: &Control,
) -> Result<Vec<Vec<f32>>> {
    let drawn = |patch: &usize| baseline_map(plan, contender, request, traced, &patch.to_string());
    if let Some(maps) = patches.iter().map(drawn).collect() {
        return Ok(maps);
    }
    let tokens = patches.iter().map(|&patch| TokenRef::Position(traced.trace.layout.position_of(patch))).collect();
    let explanation = explain(engine, &Request { tokens: Tokens::These(tokens), ..request.clone() }, control)?;
    Ok((0..patches.len()).map(|n| explanation.heatmap(n).values.to_vec()).collect())
}

/// The map of a contender that looks at nothing.
fn baseline_map(plan: &Plan, contender: &Contender, request: &Request, traced: &Traced, of: &str) -> Option<Vec<f32>> {
    let grid = traced.trace.layout.grid;
    match contender.method.as_str() {
        RANDOM => Some(random_map(grid, &mut Random::of(plan.seed, &format!("{of} of {}", request.input.name())))),
        GAUSSIAN => Some(centred_gaussian(grid)),
        _ => None,
    }
}

/// The probability of a class, or its plain value.
fn level(model: &Model, trace: &Trace, class: usize) -> Result<f64> {
    let logits = trace.logits.as_ref().and_then(|logits| logits.of_input());
    let level = logits.and_then(|logits| model.scoring.level(logits, class));
    level.map(f64::from).ok_or_else(|| Error::Internal("a classifier without scores".to_owned()))
}

/// A patch's residual stream, `[D]`.
fn vector(trace: &Trace, layer: usize, patch: usize) -> Result<Vec<f32>> {
    let all = trace.residual_values(layer)?;
    let width = all.len() / trace.num_tokens().max(1);
    Ok(all[trace.layout.position_of(patch) * width..][..width].to_vec())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    if norm > 0.0 { dot(a, b) / norm } else { 0.0 }
}

/// A picture of which patches can be taken out.
struct Masked<'a> {
    model: &'a Model,
    /// `[3, height, width]`.
    values: &'a [f32],
    /// What takes their place, of the same shape.
    empty: Vec<f32>,
    height: usize,
    width: usize,
    patch_size: usize,
}

impl<'a> Masked<'a> {
    fn new(traced: &'a Traced, baseline: Baseline) -> Result<Self> {
        let ModelInput::Pixels { values, height, width } = traced.trace.input.as_input() else {
            return Err(Error::refused("faithfulness", "the input is a text")
                .expected("a picture")
                .remedy("--score of explain is for texts"));
        };
        let empty = match baseline {
            Baseline::Mean => vec![0.0; values.len()],
            Baseline::Blur => blurred(values, height, width),
        };
        Ok(Self { model: &traced.model, values, empty, height, width, patch_size: traced.model.patches()?.patch_size })
    }

    /// What the model makes of the patches that are kept.
    fn trace(&self, kept: &[bool], control: &Control) -> Result<Trace> {
        let cols = self.width / self.patch_size;
        let is_kept = |y: usize, x: usize| kept[y / self.patch_size * cols + x / self.patch_size];
        let pixel = |(i, (&there, &empty)): (usize, (&f32, &f32))| {
            let place = i % (self.height * self.width);
            if is_kept(place / self.width, place % self.width) { there } else { empty }
        };
        let values: Vec<f32> = self.values.iter().zip(&self.empty).enumerate().map(pixel).collect();
        let input = ModelInput::Pixels { values: &values, height: self.height, width: self.width };
        self.model.trace(&input, &control.cancel, &control.progress)
    }
}

/// A Gaussian of 11 pixels with deviation 5, as RISE blurs; the border is repeated.
fn blurred(values: &[f32], height: usize, width: usize) -> Vec<f32> {
    const REACH: isize = 5;
    let weight = |step: isize| (-(step as f64 / 5.0).powi(2) / 2.0).exp();
    let sum: f64 = (-REACH..=REACH).map(weight).sum();
    let kernel: Vec<(isize, f32)> = (-REACH..=REACH).map(|step| (step, (weight(step) / sum) as f32)).collect();
    let near = |i: usize, step: isize, length: usize| i.saturating_add_signed(step).min(length - 1);
    let along_x = |(i, _): (usize, &f32)| {
        let (row, x) = (i / width * width, i % width);
        kernel.iter().map(|&(step, w)| values[row + near(x, step, width)] * w).sum::<f32>()
    };
    let wide: Vec<f32> = values.iter().enumerate().map(along_x).collect();
    let along_y = |(i, _): (usize, &f32)| {
        let (plane, y, x) = (i / (height * width) * height * width, i / width % height, i % width);
        kernel.iter().map(|&(step, w)| wide[plane + near(y, step, height) * width + x] * w).sum::<f32>()
    };
    wide.iter().enumerate().map(along_y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_the_mean_and_what_is_constant() {
        assert!(blurred(&[2.5; 3 * 8 * 9], 8, 9).iter().all(|v| (v - 2.5).abs() < 1e-5));
        let mut point = vec![0.0; 3 * 32 * 32];
        point[32 * 32 + 16 * 32 + 16] = 1.0;
        let soft = blurred(&point, 32, 32);
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-5 && soft[..32 * 32].iter().all(|v| *v == 0.0));
        assert!(soft[32 * 32 + 16 * 32 + 16] > soft[32 * 32 + 16 * 32 + 18]);
    }
}
