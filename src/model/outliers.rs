//! Patches whose vectors are far longer than the rest: they hold what the model keeps of the whole picture, not what is seen there
//! (Darcet et al., Vision Transformers Need Registers, ICLR 2024).

use super::Trace;
use super::features::Features;
use crate::domain::grid::Grid;
use crate::domain::heatmap::percentile;
use crate::domain::knob::{Given, Knob, KnobKind, Knobs};
use crate::domain::{Error, Result};

/// What becomes of outliers before features are compared.
pub const OUTLIERS: Knob = Knob {
    id: "outliers",
    name: "Outliers",
    help: "patches of very long residual vectors stay, or take the mean of the 8 nearest others",
    kind: KnobKind::Choice(&["keep", "replace"]),
    given: None,
};

/// Where outliers begin.
pub const MADS: Knob = Knob {
    id: "mads",
    name: "Outliers from",
    help: "median absolute deviations above the median norm from which a token is an outlier",
    kind: KnobKind::Real { min: 0.0, max: 1000.0, default: 8.0 },
    given: Some(Given { knob: "outliers", values: &["replace"] }),
};

/// Neighbours of which an outlier takes the mean.
const NEIGHBOURS: usize = 8;

/// L2 norms of vectors.
///
/// # Shapes
/// `values` is `[n, width]`; the result `[n]`.
pub fn norms(values: &[f32], width: usize) -> Vec<f32> {
    let norm = |vector: &[f32]| vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
    values.chunks_exact(width.max(1)).map(norm).collect()
}

/// The norm above which a token is an outlier: the median and so many median absolute deviations.
pub fn cut(norms: impl Iterator<Item = f32>, mads: f64) -> f32 {
    let mut sorted: Vec<f32> = norms.filter(|norm| norm.is_finite()).collect();
    let median = median(&mut sorted);
    let mut deviations: Vec<f32> = sorted.iter().map(|norm| (norm - median).abs()).collect();
    (f64::from(median) + mads * f64::from(self::median(&mut deviations))) as f32
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    percentile(values, 50.0)
}

/// Gives outliers of a layer's residual stream the mean features of the nearest patches that are none.
///
/// # Errors
/// A refusal of texts, whose tokens have no such neighbours.
pub(super) fn replace(features: &mut Features, trace: &Trace, layer: usize, knobs: &Knobs) -> Result<()> {
    let (layout, width) = (&trace.layout, features.width);
    if layout.text.is_some() {
        return Err(Error::refused("--outliers replace", "the input is a text")
            .expected("a picture: outliers take the mean of the patches around them")
            .remedy("leave it out"));
    }
    let stream = trace.residual_values(layer)?;
    let first = layout.prefix.len();
    let norms = norms(&stream, stream.len() / trace.num_tokens().max(1)).split_off(first);
    let cut = cut(norms.iter().copied(), knobs.real(&MADS)?);
    let is_outlier: Vec<bool> = norms.iter().map(|norm| *norm > cut).collect();
    let patches = features.values.get_mut(first * width..).unwrap_or_default();
    let kept = patches.to_vec();
    for patch in (0..is_outlier.len()).filter(|&patch| is_outlier[patch]) {
        let near = nearest(layout.grid, patch, &is_outlier);
        if near.is_empty() {
            continue;
        }
        for (i, value) in patches[patch * width..][..width].iter_mut().enumerate() {
            *value = near.iter().map(|n| kept[n * width + i]).sum::<f32>() / near.len() as f32;
        }
    }
    Ok(())
}

/// The nearest patches that are no outliers, at most [`NEIGHBOURS`]; of equally near ones the first.
fn nearest(grid: Grid, patch: usize, is_outlier: &[bool]) -> Vec<usize> {
    let (row, col) = grid.row_col(patch);
    let distance = |other: usize| {
        let (r, c) = grid.row_col(other);
        r.abs_diff(row).pow(2) + c.abs_diff(col).pow(2)
    };
    let mut others: Vec<usize> = (0..is_outlier.len()).filter(|&other| !is_outlier[other]).collect();
    others.sort_by_key(|&other| (distance(other), other));
    others.truncate(NEIGHBOURS);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_around_and_outliers_among_them_are_passed_over() {
        let grid = Grid { rows: 4, cols: 4 };
        let mut is_outlier = vec![false; 16];
        is_outlier[5] = true;
        assert_eq!(nearest(grid, 5, &is_outlier), [1, 4, 6, 9, 0, 2, 8, 10]);
        is_outlier[6] = true;
        assert_eq!(nearest(grid, 5, &is_outlier), [1, 4, 9, 0, 2, 8, 10, 7]);
        assert_eq!(nearest(grid, 5, &[true; 16]), [] as [usize; 0]);
    }

    #[test]
    fn the_cut_is_robust() {
        assert_eq!(cut([1.0, 2.0, 3.0, 4.0, 1000.0].into_iter(), 8.0), 11.0);
        assert_eq!(norms(&[3.0, 4.0, 0.0, 0.0], 2), [5.0, 0.0]);
    }
}
