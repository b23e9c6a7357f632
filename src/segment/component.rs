//! Connected patches, and the box around them.

use std::collections::BTreeSet;

use crate::domain::grid::Grid;

/// Patches of a mask that hang together with `seed` by their sides; none where the mask lacks the seed.
///
/// # Shapes
/// `mask` and the result are `[N]`.
pub fn component(mask: &[bool], grid: Grid, seed: usize) -> Vec<bool> {
    let mut found = vec![false; mask.len()];
    let mut waiting = vec![seed];
    while let Some(patch) = waiting.pop() {
        if mask.get(patch) != Some(&true) || found[patch] {
            continue;
        }
        found[patch] = true;
        waiting.extend(neighbours(grid, patch));
    }
    found
}

/// The patches that share a side with one.
fn neighbours(grid: Grid, patch: usize) -> impl Iterator<Item = usize> {
    let (row, col) = grid.row_col(patch);
    let places = [(row.wrapping_sub(1), col), (row + 1, col), (row, col.wrapping_sub(1)), (row, col + 1)];
    places.into_iter().filter_map(move |(row, col)| grid.patch_at(row, col))
}

/// A rectangle of patches, ends excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// The row after the last.
    pub bottom: usize,
    /// The column after the last.
    pub right: usize,
}

impl PatchBox {
    /// The smallest box around the patches of a mask; none around none.
    pub fn around(mask: &[bool], grid: Grid) -> Option<Self> {
        let places = mask.iter().enumerate().filter(|(_, inside)| **inside).map(|(patch, _)| grid.row_col(patch));
        let (rows, cols): (BTreeSet<usize>, BTreeSet<usize>) = places.unzip();
        let (bottom, right) = (rows.last()? + 1, cols.last()? + 1);
        Some(Self { top: *rows.first()?, left: *cols.first()?, bottom, right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { rows: 3, cols: 4 };

    #[test]
    fn corners_do_not_connect_and_boxes_are_tight() {
        let mask = [1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1].map(|v| v == 1);
        let part = component(&mask, GRID, 7);
        assert_eq!(part, [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1].map(|v| v == 1));
        assert_eq!(PatchBox::around(&part, GRID), Some(PatchBox { top: 1, left: 2, bottom: 3, right: 4 }));
        assert_eq!(component(&mask, GRID, 2), [false; 12]);
        assert_eq!(PatchBox::around(&[false; 12], GRID), None);
    }
}
