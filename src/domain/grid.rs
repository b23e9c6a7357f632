//! The patch grid: rows x cols patches, row 0 on top, and where they lie on the picture.

use serde::{Deserialize, Serialize};

/// rows x cols patches in row-major order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    /// Number of rows, from the top.
    pub rows: usize,
    /// Number of columns, from the left.
    pub cols: usize,
}

impl Grid {
    /// N, the number of patches.
    pub fn len(self) -> usize {
        self.rows * self.cols
    }

    /// Whether there is no patch at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// `(row, col)` of a patch index.
    pub fn row_col(self, patch: usize) -> (usize, usize) {
        (patch / self.cols.max(1), patch % self.cols.max(1))
    }

    /// Index of the patch at `(row, col)`, if it exists.
    pub fn patch_at(self, row: usize, col: usize) -> Option<usize> {
        (row < self.rows && col < self.cols).then(|| row * self.cols + col)
    }

    /// The patch under a point of the seen area, `uv` in 0..1 from the top left.
    pub fn patch_from_uv(self, u: f64, v: f64) -> Option<usize> {
        let inside = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
        let (row, col) = ((v * self.rows as f64) as usize, (u * self.cols as f64) as usize);
        if inside { self.patch_at(row, col) } else { None }
    }
}

/// A rectangle in pixels of the original picture, not necessarily whole ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelRect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_centre_leads_back_to_its_patch() {
        let grid = Grid { rows: 5, cols: 8 };
        for patch in 0..grid.len() {
            let (row, col) = grid.row_col(patch);
            let uv = ((col as f64 + 0.5) / 8.0, (row as f64 + 0.5) / 5.0);
            assert_eq!(grid.patch_from_uv(uv.0, uv.1), Some(patch));
        }
        assert_eq!(grid.patch_from_uv(1.0, 0.5), None);
        assert_eq!(grid.patch_from_uv(f64::NAN, 0.5), None);
    }
}
