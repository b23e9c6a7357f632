//! A learned read-out for ULTra: the direction W z / |z| along which each token is read, in place of its sum (the idea of arXiv
//! 2411.12589 v2, whose loss and training are not published; what follows is this program's own design).
//!
//! **Loss**: self-consistency. A picture and its mirror image show the same things, so the patches that are made of the same parts
//! of the one must be made of the same parts of the other: with C the cosines between the maps of all pairs of patches, and C' those
//! of the mirror image with its patches put back, the loss is 1 - the correlation of C and C'. A correlation does not reward maps
//! that are all alike. **W** = I + B diag(a) B^T, B the principal directions of the tokens' unit vectors: a few numbers, which a
//! handful of pictures can settle. **Training**: maps are gradients already, so a is moved without gradients of its own, by
//! simultaneous perturbation (Spall 1992): two losses a step, whatever the number of parameters. W is kept only if it makes the loss
//! of pictures smaller that took no part in training.

use candle_core::Tensor;

use super::Control;
use crate::algebra::random::Random;
use crate::algebra::symmetric_eigen;
use crate::domain::heatmap::Heatmap;
use crate::domain::request::{Own, Rows};
use crate::domain::{Error, Result};
use crate::model::{Backward, Model, ModelInput, Seen, Trace};

/// How a read-out is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Layer of the tokens.
    pub layer: usize,
    /// Principal directions that W may stretch.
    pub rank: usize,
    /// Steps.
    pub steps: usize,
    /// Pictures a step.
    pub batch: usize,
    /// Where the random numbers begin.
    pub seed: u64,
}

/// What training found.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// W, `[D, D]`, row-major.
    pub matrix: Vec<f32>,
    /// Loss of the pictures that were held out, with W = I.
    pub before: f64,
    /// The same with W; never more than `before`.
    pub after: f64,
}

/// A picture and its mirror image.
#[derive(Debug)]
struct Pair {
    traces: [Trace; 2],
}

/// Trains a read-out on pictures as the model takes them; every fourth is held out.
///
/// # Errors
/// A refusal of too few pictures; the errors of the model; [`Error::Cancelled`].
pub fn train(model: &Model, pictures: &[Seen], training: &Training, control: &Control) -> Result<Readout> {
    let is_held_out = |n: &usize| n % 4 == 3;
    let (held_out, taken): (Vec<usize>, Vec<usize>) = (0..pictures.len()).partition(is_held_out);
    if held_out.is_empty() {
        return Err(Error::refused("fit readout", format!("{} pictures are too few", pictures.len()))
            .expected("a folder with at least 4 pictures"));
    }
    let pair = |n: &usize| Pair::new(model, &pictures[*n], control);
    let held_out = held_out.iter().map(pair).collect::<Result<Vec<_>>>()?;
    let first = taken.iter().take(MOST_FOR_DIRECTIONS).map(pair).collect::<Result<Vec<_>>>()?;
    let basis = directions(&first, training)?;
    let mut random = Random::new(training.seed);
    let mut weights = vec![0.0; basis.len()];
    control.progress.start(training.steps);
    for step in 0..training.steps {
        control.cancel.check()?;
        let drawn: Vec<usize> = (0..training.batch.max(1)).map(|_| taken[random.below(taken.len())]).collect();
        let batch = drawn.iter().map(pair).collect::<Result<Vec<_>>>()?;
        let signs: Vec<f64> = (0..basis.len()).map(|_| if random.below(2) == 0 { -1.0 } else { 1.0 }).collect();
        let moved = |scale: f64| -> Vec<f64> { weights.iter().zip(&signs).map(|(w, s)| w + scale * s).collect() };
        let above = loss(model, &batch, &matrix(&basis, &moved(PERTURBATION)), training.layer, control)?;
        let below = loss(model, &batch, &matrix(&basis, &moved(-PERTURBATION)), training.layer, control)?;
        let slope = (above - below) / (2.0 * PERTURBATION);
        // Spall's gains; the offset keeps the first steps from being wild.
        let gain = GAIN / (step as f64 + 1.0 + 0.1 * training.steps as f64).powf(0.602);
        weights.iter_mut().zip(&signs).for_each(|(w, s)| *w = (*w - gain * slope * s).clamp(-0.95, 8.0));
        control.progress.step();
    }
    let plain = matrix(&basis, &vec![0.0; basis.len()]);
    let trained = matrix(&basis, &weights);
    let before = loss(model, &held_out, &plain, training.layer, control)?;
    let after = loss(model, &held_out, &trained, training.layer, control)?;
    let (matrix, after) = if after < before { (trained, after) } else { (plain, before) };
    Ok(Readout { matrix, before, after })
}

/// How far a parameter is moved to measure the slope.
const PERTURBATION: f64 = 0.2;
/// Size of the steps.
const GAIN: f64 = 20.0;
/// Pictures whose tokens say what the principal directions are.
const MOST_FOR_DIRECTIONS: usize = 16;

impl Pair {
    fn new(model: &Model, picture: &Seen, control: &Control) -> Result<Self> {
        let run = |input: &ModelInput<'_>| model.trace(input, &control.cancel, &Default::default());
        let mirrored = mirrored(picture)?;
        Ok(Self { traces: [run(&picture.as_input())?, run(&mirrored.as_input())?] })
    }
}

/// Right and left exchanged.
fn mirrored(picture: &Seen) -> Result<Seen> {
    let Seen::Pixels { values, height, width } = picture else {
        return Err(Error::refused("fit readout", "a text has no mirror image").expected("a model of pictures"));
    };
    let values = values.chunks_exact((*width).max(1)).flat_map(|row| row.iter().rev().copied()).collect();
    Ok(Seen::Pixels { values, height: *height, width: *width })
}

/// Principal directions of the tokens' unit vectors, `[rank][D]`.
fn directions(pairs: &[Pair], training: &Training) -> Result<Vec<Vec<f64>>> {
    let mut units: Vec<Vec<f64>> = Vec::new();
    for pair in pairs {
        let values = pair.traces[0].residual_values(training.layer)?;
        let width = values.len() / pair.traces[0].num_tokens().max(1);
        units.extend(values.chunks_exact(width.max(1)).map(unit));
    }
    let width = units.first().map_or(0, Vec::len);
    let mean: Vec<f64> = (0..width).map(|d| units.iter().map(|u| u[d]).sum::<f64>() / units.len() as f64).collect();
    let mut covariance = vec![0.0; width * width];
    for vector in &units {
        let centred: Vec<f64> = vector.iter().zip(&mean).map(|(v, m)| v - m).collect();
        for (row, a) in covariance.chunks_exact_mut(width).zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(c, b)| *c += a * b);
        }
    }
    let mut found = symmetric_eigen(&covariance, width)?.vectors;
    found.truncate(training.rank.min(width));
    Ok(found)
}

fn unit(vector: &[f32]) -> Vec<f64> {
    let length = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    vector.iter().map(|v| f64::from(*v) / length).collect()
}

/// I + B diag(a) B^T, `[D, D]`.
fn matrix(basis: &[Vec<f64>], weights: &[f64]) -> Vec<f32> {
    let width = basis.first().map_or(0, Vec::len);
    let mut matrix = vec![0.0; width * width];
    for (vector, weight) in basis.iter().zip(weights) {
        for (row, a) in matrix.chunks_exact_mut(width).zip(vector) {
            row.iter_mut().zip(vector).for_each(|(m, b)| *m += weight * a * b);
        }
    }
    matrix.iter().enumerate().map(|(k, m)| (m + f64::from(u8::from(k / width == k % width))) as f32).collect()
}

/// Mean of 1 - correlation of the cosines between maps, here and in the mirror.
fn loss(model: &Model, pairs: &[Pair], matrix: &[f32], layer: usize, control: &Control) -> Result<f64> {
    let mut sum = 0.0;
    for pair in pairs {
        let here = cosines(model, &pair.traces[0], matrix, layer, false, control)?;
        let there = cosines(model, &pair.traces[1], matrix, layer, true, control)?;
        sum += 1.0 - correlation(&here, &there);
    }
    Ok(sum / pairs.len().max(1) as f64)
}

/// Cosines between the own-row maps of all pairs of patches, of a mirror image with its patches put back.
fn cosines(model: &Model, trace: &Trace, matrix: &[f32], layer: usize, is_mirrored: bool, control: &Control) -> Result<Vec<f32>> {
    let layout = &trace.layout;
    let patches = layout.grid.len();
    let positions: Vec<usize> = (0..patches).map(|p| layout.position_of(p)).collect();
    let seeds = seeds(trace, layer, layout.prefix.len(), matrix)?;
    let (rows, progress) = (Rows::Some(1), Default::default());
    let backward = Backward { model, trace, layer, rows, blocks: 0, cancel: &control.cancel, progress: &progress };
    let rows = backward.run(&positions, &seeds)?;
    let maps: Vec<Vec<f32>> = rows
        .chunks_exact(trace.num_tokens())
        .zip(&positions)
        .map(|(row, &position)| length_one(&Heatmap::from_relevance(layout, row, position, Own::Max).values))
        .collect();
    let place = |patch: usize| {
        let (row, col) = layout.grid.row_col(patch);
        if is_mirrored { row * layout.grid.cols + layout.grid.cols - 1 - col } else { patch }
    };
    let cosine = |a: usize, b: usize| maps[place(a)].iter().zip(&maps[place(b)]).map(|(x, y)| x * y).sum::<f32>();
    Ok((0..patches).flat_map(|a| (a + 1..patches).map(move |b| (a, b))).map(|(a, b)| cosine(a, b)).collect())
}

/// Seeds along w = W z / |z|: w / (|w| |z|).
fn seeds(trace: &Trace, layer: usize, num_prefix: usize, matrix: &[f32]) -> Result<Tensor> {
    let stream = &trace.residual[layer];
    let z = stream.narrow(0, num_prefix, stream.dim(0)? - num_prefix)?;
    let width = z.dim(1)?;
    let matrix = Tensor::from_slice(matrix, (width, width), z.device())?.to_dtype(z.dtype())?;
    let along = z.matmul(&matrix.t()?)?;
    let length = |v: &Tensor| v.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(f64::from(f32::MIN_POSITIVE));
    Ok(along.broadcast_div(&length(&along)?)?.broadcast_div(&length(&z)?)?)
}

fn length_one(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    values.iter().map(|v| v / length).collect()
}

/// Pearson's; 0 where one side does not vary.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - mean_a, f64::from(*y) - mean_b);
        both += x * y;
        first += x * x;
        second += y * y;
    }
    let scale = (first * second).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_mirrored_twice_is_itself() {
        let picture = Seen::Pixels { values: (0..24).map(|v| v as f32).collect(), height: 2, width: 4 };
        let once = mirrored(&picture).unwrap();
        let Seen::Pixels { values, .. } = &once else { panic!("a text") };
        assert_eq!(values[..4], [3.0, 2.0, 1.0, 0.0]);
        let Seen::Pixels { values, .. } = mirrored(&once).unwrap() else { panic!("a text") };
        assert!(values.iter().enumerate().all(|(i, &v)| v == i as f32));
    }

    #[test]
    fn without_weights_the_matrix_is_the_identity() {
        let basis = [vec![0.6, 0.8], vec![-0.8, 0.6]];
        assert_eq!(matrix(&basis, &[0.0, 0.0]), [1.0, 0.0, 0.0, 1.0]);
        let stretched = matrix(&basis, &[1.0, 0.0]);
        assert!((stretched[0] - 1.36).abs() < 1e-6 && (stretched[1] - 0.48).abs() < 1e-6);
    }

    #[test]
    fn correlation_is_blind_to_scale_and_shift() {
        let a = [1.0, 2.0, 4.0];
        assert!((correlation(&a, &a.map(|x| 3.0 * x - 7.0)) - 1.0).abs() < 1e-12);
        assert_eq!(correlation(&a, &[2.0; 3]), 0.0);
    }
}
