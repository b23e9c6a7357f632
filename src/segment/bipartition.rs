//! The two sides of a normalised cut by its second smallest eigenvector, and the object on one of them (`TokenCut`; `MaskCut` takes
//! several, one after the other).

use super::affinity::{GraphSpectrum, above, cosines};
use super::component::{PatchBox, component};
use super::lost::Object;
use crate::domain::grid::Grid;
use crate::domain::{Cancel, Result};

/// Two sides.
#[derive(Clone, Debug)]
pub struct Bipartition {
    /// `[N]`, the eigenvector; positive where its magnitude is largest.
    pub vector: Vec<f64>,
    /// `[N]`, the patches above its mean.
    pub foreground: Vec<bool>,
}

/// Cuts the graph of patches whose cosine is above `tau`. The foreground is the side on which the eigenvector is largest in
/// magnitude.
///
/// # Shapes
/// `unit` is `[N, width]`, each of length 1 or 0.
///
/// # Errors
/// A refusal of too many patches; [`crate::domain::Error::Cancelled`].
pub fn bipartition(unit: &[f64], width: usize, tau: f64, cancel: &Cancel) -> Result<Bipartition> {
    let patches = unit.len() / width.max(1);
    let affinity = above(&cosines(unit, width)?, tau);
    let vector = GraphSpectrum::new(affinity, patches, 2, cancel)?.generalised(1);
    let mean = vector.iter().sum::<f64>() / patches.max(1) as f64;
    let foreground = vector.iter().map(|&y| y > mean).collect();
    Ok(Bipartition { vector, foreground })
}

/// `TokenCut`'s object: the part of the foreground around the eigenvector's peak.
///
/// # Shapes
/// As [`bipartition`].
///
/// # Errors
/// As [`bipartition`].
pub fn token_cut(unit: &[f64], width: usize, grid: Grid, tau: f64, cancel: &Cancel) -> Result<(Bipartition, Object)> {
    let sides = bipartition(unit, width, tau, cancel)?;
    let seed = peak(&sides.vector, 1.0);
    let mask = component(&sides.foreground, grid, seed);
    let around = PatchBox::around(&mask, grid);
    Ok((sides, Object { seed, mask, around }))
}

/// `MaskCut`'s objects, at most so many: features of patches found are set to zero before the next round. The sides change places
/// when three corners of the picture or more are foreground. A mask that overlaps the one before it by more than a half, or that
/// has at most a hundredth of the patches, is dropped. Patches of an earlier object are not part of a later one.
///
/// # Shapes
/// As [`bipartition`].
///
/// # Errors
/// As [`bipartition`].
pub fn mask_cut(unit: &[f64], width: usize, grid: Grid, tau: f64, objects: usize, cancel: &Cancel) -> Result<Vec<Object>> {
    let patches = grid.len();
    let (mut unit, mut before, mut taken) = (unit.to_vec(), vec![false; patches], vec![false; patches]);
    let mut found = Vec::new();
    for round in 0..objects {
        let sides = bipartition(&unit, width, tau, cancel)?;
        let reversed = corners(&sides.foreground, grid) >= 3;
        let seed = peak(&sides.vector, if reversed { -1.0 } else { 1.0 });
        let side: Vec<bool> = sides.foreground.iter().map(|&inside| inside != reversed).collect();
        let mask = component(&side, grid, seed);
        let size = mask.iter().filter(|&&inside| inside).count();
        let repeated = round > 0 && (overlap(&mask, &before) > 0.5 || size * 100 <= patches);
        if size == 0 || repeated {
            // No feature would be set to zero, so that the next round would find the same again.
            break;
        }
        let inside = unit.chunks_exact_mut(width.max(1)).zip(&mask).filter(|(_, inside)| **inside);
        inside.for_each(|(vector, _)| vector.fill(0.0));
        let fresh: Vec<bool> = mask.iter().zip(&taken).map(|(&inside, &taken)| inside && !taken).collect();
        taken.iter_mut().zip(&mask).for_each(|(taken, &inside)| *taken |= inside);
        let around = PatchBox::around(&fresh, grid);
        if around.is_some() {
            found.push(Object { seed, mask: fresh, around });
        }
        before = mask;
    }
    Ok(found)
}

/// The patch of the largest value times `sign`; of equal ones, rounding aside, the first. Patches with the same neighbours have
/// equal values.
fn peak(vector: &[f64], sign: f64) -> usize {
    let largest = vector.iter().map(|v| v * sign).fold(f64::NEG_INFINITY, f64::max);
    vector.iter().position(|v| v * sign >= largest - 1e-9 * largest.abs()).unwrap_or(0)
}

fn corners(side: &[bool], grid: Grid) -> usize {
    let (bottom, right) = (grid.rows.saturating_sub(1), grid.cols.saturating_sub(1));
    let places = [(0, 0), (0, right), (bottom, 0), (bottom, right)];
    places.into_iter().filter_map(|(row, col)| grid.patch_at(row, col)).filter(|&patch| side[patch]).count()
}

/// Intersection over union.
fn overlap(a: &[bool], b: &[bool]) -> f64 {
    let count = |both: fn(bool, bool) -> bool| a.iter().zip(b).filter(|&(&a, &b)| both(a, b)).count();
    let union = count(|a, b| a || b);
    if union == 0 { 0.0 } else { count(|a, b| a && b) as f64 / union as f64 }
}
