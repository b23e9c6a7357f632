//! Faithfulness of a map: what happens to an answer of the model as the patches that the map calls important are taken out of the
//! picture, or put into an empty one.
//!
//! Deletion and insertion: V. Petsiuk, A. Das, K. Saenko, RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC
//! 2018, by patches in place of pixels. Comprehensiveness and sufficiency: J. DeYoung et al., ERASER, ACL 2020.

use super::comprehensiveness::PERCENTS;
use crate::algebra::random::Random;
use crate::domain::Result;
use crate::domain::grid::Grid;

/// The answer of the model with some patches left, `true` = there.
pub type Answer<'a> = dyn FnMut(&[bool]) -> Result<f64> + 'a;

/// Patches by falling relevance; of equal ones the earlier first, those without a value last, those of `spared` not at all.
///
/// # Shapes
/// `map` is `[N]`.
pub fn ranked(map: &[f32], spared: &[usize]) -> Vec<usize> {
    let value = |p: &usize| if map[*p].is_nan() { f32::NEG_INFINITY } else { map[*p] };
    let mut order: Vec<usize> = (0..map.len()).filter(|p| !spared.contains(p)).collect();
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    order
}

/// Answers as the patches of `order` are taken out, the first one first, in so many equal steps: `[steps + 1]`, the whole picture's
/// answer first. `steps` is at most the number of patches.
///
/// # Errors
/// Those of `answer`.
pub fn deletion(order: &[usize], num_patches: usize, steps: usize, answer: &mut Answer<'_>) -> Result<Vec<f64>> {
    curve(order, steps, vec![true; num_patches], false, answer)
}

/// Answers as the patches of `order` are put into an empty picture: the empty picture's answer first.
///
/// # Errors
/// Those of `answer`.
pub fn insertion(order: &[usize], num_patches: usize, steps: usize, answer: &mut Answer<'_>) -> Result<Vec<f64>> {
    let mut kept = vec![true; num_patches];
    order.iter().for_each(|&patch| kept[patch] = false);
    curve(order, steps, kept, true, answer)
}

fn curve(order: &[usize], steps: usize, mut kept: Vec<bool>, put: bool, answer: &mut Answer<'_>) -> Result<Vec<f64>> {
    let steps = steps.clamp(1, order.len().max(1));
    let mut answers = vec![answer(&kept)?];
    let mut done = 0;
    for step in 1..=steps {
        let upto = (order.len() * step + steps / 2) / steps;
        order[done..upto].iter().for_each(|&patch| kept[patch] = put);
        done = upto;
        answers.push(answer(&kept)?);
    }
    Ok(answers)
}

/// The area under a curve over 0..1 by trapezoids.
pub fn area(curve: &[f64]) -> f64 {
    let pieces = curve.len().saturating_sub(1).max(1) as f64;
    curve.windows(2).map(|w| f64::midpoint(w[0], w[1])).sum::<f64>() / pieces
}

/// What taking the most relevant patches out costs, and what leaving nothing but them costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Erased {
    /// Mean fall of the answer without them; the higher, the better.
    pub comprehensiveness: f64,
    /// Mean fall of the answer with nothing else; the lower, the better.
    pub sufficiency: f64,
}

/// Both over the shares of [`PERCENTS`]: the area over the perturbation curve (AOPC).
///
/// # Errors
/// Those of `answer`.
pub fn erased(order: &[usize], num_patches: usize, whole: f64, answer: &mut Answer<'_>) -> Result<Erased> {
    let mut erased = Erased { comprehensiveness: 0.0, sufficiency: 0.0 };
    for percent in PERCENTS {
        let count = (order.len() as f64 * f64::from(percent) / 100.0).round().max(1.0) as usize;
        let (mut without, mut alone) = (vec![true; num_patches], vec![true; num_patches]);
        for (rank, &patch) in order.iter().enumerate() {
            without[patch] = rank >= count;
            alone[patch] = rank < count;
        }
        erased.comprehensiveness += (whole - answer(&without)?) / PERCENTS.len() as f64;
        erased.sufficiency += (whole - answer(&alone)?) / PERCENTS.len() as f64;
    }
    Ok(erased)
}

/// A map by lot, `[N]` in 0..1: what any other must beat.
pub fn random_map(grid: Grid, random: &mut Random) -> Vec<f32> {
    (0..grid.len()).map(|_| random.unit() as f32).collect()
}

/// A Gaussian around the middle of the picture, `[N]`, with a quarter of each side as its deviation: what photographers do.
pub fn centred_gaussian(grid: Grid) -> Vec<f32> {
    let square = |i: usize, n: usize| (((i as f64 + 0.5) / n as f64 - 0.5) / 0.25).powi(2);
    let value = |patch: usize| {
        let (row, col) = grid.row_col(patch);
        (-0.5 * (square(row, grid.rows) + square(col, grid.cols))).exp() as f32
    };
    (0..grid.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_order_falls_first_and_rises_first() {
        let worth = [0.0, 0.5, 0.2, 0.0, 0.3, 0.0];
        let mut answer = |kept: &[bool]| Ok(kept.iter().zip(worth).filter(|(k, _)| **k).map(|(_, w)| w).sum());
        let best = ranked(&worth.map(|w| w as f32), &[]);
        assert_eq!(best, [1, 4, 2, 0, 3, 5]);
        let fall = deletion(&best, 6, 6, &mut answer).unwrap();
        let rise = insertion(&best, 6, 6, &mut answer).unwrap();
        let want = [1.0, 0.5, 0.2, 0.0, 0.0, 0.0, 0.0];
        assert!(fall.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-9), "{fall:?}");
        assert!((area(&fall) + area(&rise) - 1.0).abs() < 1e-9, "patches add up here");
        let worst: Vec<usize> = best.iter().rev().copied().collect();
        assert!(area(&deletion(&worst, 6, 6, &mut answer).unwrap()) > area(&fall));
        // What is taken out of a whole picture in one order is what is put into an empty one in the other.
        let back = insertion(&worst, 6, 6, &mut answer).unwrap();
        assert!(fall.iter().zip(back.iter().rev()).all(|(f, b)| (f - b).abs() < 1e-9));
        let score = erased(&best, 6, 1.0, &mut answer).unwrap();
        assert!((score.comprehensiveness - 0.6).abs() < 1e-9, "{score:?}");
        assert!((score.sufficiency - 0.4).abs() < 1e-9, "{score:?}");
    }

    #[test]
    fn spared_patches_stay_and_steps_take_equal_shares() {
        let mut seen = Vec::new();
        let mut answer = |kept: &[bool]| {
            seen.push(kept.to_vec());
            Ok(0.0)
        };
        let order = ranked(&[f32::NAN, 3.0, 9.0, 1.0, 2.0], &[2]);
        assert_eq!(order, [1, 4, 3, 0]);
        deletion(&order, 5, 2, &mut answer).unwrap();
        insertion(&order, 5, 99, &mut answer).unwrap();
        assert_eq!(seen[1], [true, false, true, true, false]);
        assert_eq!((seen.len(), seen[3].as_slice()), (3 + 5, [false, false, true, false, false].as_slice()));
        let gauss = centred_gaussian(Grid { rows: 3, cols: 5 });
        assert!(gauss.iter().all(|v| *v <= gauss[7]) && gauss[0] == gauss[14]);
    }
}
