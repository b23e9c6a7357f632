//! Witnesses of the hand-written backward on a checkpoint that nobody has compared with PyTorch: candle's autograd, which shares
//! no code with it, and central differences, which share none with autograd.

use candle_core::{DType, Tensor, Var};

use super::trace::values;
use super::{Backward, Model, ModelInput, Trace};
use crate::domain::request::Rows;
use crate::domain::{Cancel, Progress, Result};
use crate::store::available_memory;

/// What the witnesses say about one target.
#[derive(Clone, Debug)]
pub struct Testimony {
    /// Largest difference between the relevance row and the one from autograd's gradients, over its largest entry.
    pub row_error: f64,
    /// Largest difference between autograd's gradients and central differences, over the largest gradient that was looked at.
    pub gradient_error: f64,
}

/// Entries of each block's attention that are differentiated by hand: each costs two forward passes.
const ENTRIES_A_BLOCK: usize = 1;
/// Blocks that are differentiated by hand.
const MAX_BLOCKS: usize = 4;
/// The step of the differences, which are taken in `f64`.
const STEP: f64 = 1e-5;

impl Model {
    /// Asks both witnesses about one target at the last layer, with a short input; the model is copied in `f64` for it.
    ///
    /// # Errors
    /// As [`Model::trace`].
    pub fn witness(&self, input: &ModelInput<'_>, target: usize, cancel: &Cancel) -> Result<Testimony> {
        super::check_memory(&self.checkpoint, self.num_parameters as u64 * 8, available_memory())?;
        let trace = self.trace(input, cancel, &Progress::default())?;
        let wide = self.to_dtype(DType::F64)?;
        let seed = self.seed(&trace, target)?;
        let gradients = wide.attention_gradients(input, target, &seed)?;
        cancel.check()?;
        let want = row_from_gradients(&trace, &gradients, target)?;
        let progress = Progress::default();
        let (layer, rows) = (self.num_layers(), Rows::All);
        let backward = Backward { model: self, trace: &trace, layer, rows, blocks: 0, cancel, progress: &progress };
        let got = backward.run(&[target], &seed.unsqueeze(0)?.to_dtype(self.dtype)?)?;
        let (mut apart, mut scale) = (0.0_f64, f64::MIN_POSITIVE);
        for (got, want) in got.iter().zip(&want) {
            apart = worse(apart, (f64::from(*got) - want).abs());
            scale = scale.max(want.abs());
        }
        let gradient_error = wide.differences(input, target, &seed, &gradients, cancel)?;
        Ok(Testimony { row_error: apart / scale, gradient_error })
    }

    /// A made-up direction, `[D]` in `f64`, divided by the token's length. Neither the sum nor the length would do for every
    /// model: a layer norm at the end holds both constant, and gradients of rounding errors are no witnesses.
    fn seed(&self, trace: &Trace, target: usize) -> Result<Tensor> {
        let z = trace.residual[self.num_layers()].get(target)?.to_dtype(DType::F64)?;
        let length = z.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt().max(f64::MIN_POSITIVE);
        let direction: Vec<f64> = (0..z.dim(0)?).map(|d| (d * 7919 % 1009) as f64 / 504.5 - 1.0).collect();
        Ok((Tensor::from_vec(direction, z.shape(), &self.device)? / length)?)
    }

    /// The scalar whose gradient at the target is `seed`.
    fn scalar(&self, input: &ModelInput<'_>, shifts: &[Tensor], target: usize, seed: &Tensor) -> Result<Tensor> {
        let trace = self.trace_with_shifts(input, shifts)?;
        Ok((trace.residual[self.num_layers()].get(target)? * seed)?.sum_all()?)
    }

    /// Gradients with respect to every block's attention, by autograd: `[L]` tensors `[H, T, T]`.
    fn attention_gradients(&self, input: &ModelInput<'_>, target: usize, seed: &Tensor) -> Result<Vec<Tensor>> {
        let tokens = self.layout(input)?.len();
        let zeros = (0..self.num_layers()).map(|_| Var::zeros((self.num_heads(), tokens, tokens), self.dtype, &self.device));
        let zeros: Vec<Var> = zeros.collect::<candle_core::Result<_>>()?;
        let shifts: Vec<Tensor> = zeros.iter().map(|zero| zero.as_tensor().clone()).collect();
        let store = self.scalar(input, &shifts, target, seed)?.backward()?;
        let gradient = |zero: &Var| store.get(zero).map_or_else(|| zero.zeros_like(), |g| Ok(g.clone()));
        Ok(zeros.iter().map(gradient).collect::<candle_core::Result<_>>()?)
    }

    /// The largest error of autograd's gradients at the entries where they are largest, over the largest of these.
    fn differences(
        &self,
        input: &ModelInput<'_>,
        target: usize,
        seed: &Tensor,
        gradients: &[Tensor],
        cancel: &Cancel,
    ) -> Result<f64> {
        let zeros: Vec<Tensor> = gradients.iter().map(Tensor::zeros_like).collect::<candle_core::Result<_>>()?;
        let (mut apart, mut scale) = (0.0_f64, f64::MIN_POSITIVE);
        let every = gradients.len().div_ceil(MAX_BLOCKS).max(1);
        for (block, gradient) in gradients.iter().enumerate().rev().step_by(every) {
            let entries: Vec<f64> = gradient.flatten_all()?.to_vec1()?;
            for place in largest(&entries, ENTRIES_A_BLOCK) {
                cancel.check()?;
                let value = |step: f64| -> Result<f64> {
                    let mut shift = vec![0.0; entries.len()];
                    shift[place] = step;
                    let mut shifts = zeros.clone();
                    shifts[block] = Tensor::from_vec(shift, gradient.shape(), &self.device)?;
                    Ok(self.scalar(input, &shifts, target, seed)?.to_scalar()?)
                };
                let difference = (value(STEP)? - value(-STEP)?) / (2.0 * STEP);
                apart = worse(apart, (difference - entries[place]).abs());
                scale = scale.max(entries[place].abs());
            }
        }
        Ok(apart / scale)
    }
}

/// The larger error; what is no number is the largest of all.
pub(crate) fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::INFINITY } else { a.max(b) }
}

/// Places of the largest values.
fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    let larger = |a: &usize, b: &usize| values[*b].abs().total_cmp(&values[*a].abs()).then(a.cmp(b));
    places.sort_unstable_by(larger);
    places.truncate(count);
    places
}

/// r <- r + r mean over heads of relu(dA A), from the top block down (methods.md 1.3).
fn row_from_gradients(trace: &Trace, gradients: &[Tensor], target: usize) -> Result<Vec<f64>> {
    let tokens = trace.num_tokens();
    let mut row = vec![0.0; tokens];
    row[target] = 1.0;
    for (block, gradient) in trace.blocks.iter().zip(gradients).rev() {
        let Some(attention) = &block.attention else { continue };
        let flow = (attention.to_dtype(DType::F64)? * gradient)?.relu()?.mean(0)?;
        let flow = values(&flow)?;
        let added: Vec<f64> = (0..tokens).map(|j| (0..tokens).map(|i| row[i] * f64::from(flow[i * tokens + j])).sum()).collect();
        row.iter_mut().zip(added).for_each(|(r, a)| *r += a);
    }
    Ok(row)
}
