//! The part of a mask that a model saw, at the mask's own size: labels of the model's input are looked up for each of its pixels.
//!
//! Where the checkpoint's preprocessing shows the whole picture, that is all of it, the usual protocol; where it crops, what was
//! cropped away is not scored, for the model has no answer there. Rows hold the share that was.

use std::path::Path;

use super::truth::Truth;
use crate::domain::segmentation::Segmentation;
use crate::domain::{Error, Result};
use crate::engine::Photo;
use crate::measure::contingency::IGNORED;

/// Which pixels of a mask are scored, and where they lie in the model's input.
#[derive(Debug)]
pub(super) struct View {
    mask_width: usize,
    /// Input row of each scored row of the mask, which begin at `first_row`.
    rows: Vec<usize>,
    first_row: usize,
    cols: Vec<usize>,
    first_col: usize,
    /// Share of the mask that is scored, 0..1.
    pub(super) share: f64,
}

impl View {
    /// What a model saw of a picture.
    ///
    /// # Errors
    /// A refusal of a mask that is not of its picture's shape.
    pub(super) fn of_photo(truth: &Truth, photo: &Photo) -> Result<Self> {
        let (width, height) = photo.picture.file_size;
        let stretch = (truth.width * height) as f64 / (truth.height * width) as f64;
        if !(0.99..1.01).contains(&stretch) {
            let what = format!("is {} x {} pixels and its mask {} x {}", width, height, truth.width, truth.height);
            return Err(Error::refused(&photo.picture.name, what).expected("one shape of both"));
        }
        let (seen, (input_height, input_width)) = (photo.seen, photo.input_size);
        let along = |from: f64, length: f64, picture: usize, mask: usize, input: usize| {
            let scale = mask as f64 / picture as f64;
            axis(from * scale, length * scale, mask, input)
        };
        let (first_row, rows) = along(seen.y, seen.height, photo.picture.height, truth.height, input_height);
        let (first_col, cols) = along(seen.x, seen.width, photo.picture.width, truth.width, input_width);
        let share = (rows.len() * cols.len()) as f64 / (truth.width * truth.height) as f64;
        Ok(Self { mask_width: truth.width, rows, first_row, cols, first_col, share })
    }

    /// All of it.
    pub(super) fn whole(truth: &Truth) -> Self {
        let (rows, cols) = ((0..truth.height).collect(), (0..truth.width).collect());
        Self { mask_width: truth.width, rows, first_row: 0, cols, first_col: 0, share: 1.0 }
    }

    /// Rows and columns that are scored.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.cols.len())
    }

    /// The scored part of a mask.
    ///
    /// # Errors
    /// A refusal where nothing in it is labelled.
    pub(super) fn of_mask(&self, mask: &[u16], path: &Path) -> Result<Vec<u16>> {
        let rows = mask.chunks_exact(self.mask_width.max(1)).skip(self.first_row).take(self.rows.len());
        let seen: Vec<u16> = rows.flat_map(|row| &row[self.first_col..][..self.cols.len()]).copied().collect();
        if seen.iter().all(|&label| label == IGNORED) {
            return Err(Error::refused(path.display(), "nothing that the model sees of it is labelled")
                .expected("a mask with labels other than void"));
        }
        Ok(seen)
    }

    /// Labels of the model's input at the scored pixels.
    pub(super) fn of_labels(&self, labels: &Segmentation) -> Vec<u16> {
        self.rows.iter().flat_map(|&y| self.cols.iter().map(move |&x| labels.labels[y * labels.width + x])).collect()
    }
}

/// The first pixel of `mask` whose centre lies in the seen part, and for each one there the input's pixel that shows it.
fn axis(from: f64, length: f64, mask: usize, input: usize) -> (usize, Vec<usize>) {
    let first = (from - 0.5).ceil().clamp(0.0, mask as f64) as usize;
    let end = (from + length - 0.5).ceil().clamp(first as f64, mask as f64) as usize;
    let shown = |i: usize| (((i as f64 + 0.5 - from) / length * input as f64) as usize).min(input.saturating_sub(1));
    (first, (first..end).map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_looked_up_where_they_are_shown() {
        assert_eq!(axis(0.0, 8.0, 8, 4), (0, vec![0, 0, 1, 1, 2, 2, 3, 3]));
        assert_eq!(axis(2.0, 4.0, 8, 4), (2, vec![0, 1, 2, 3]));
        assert_eq!(axis(-2.0, 12.0, 8, 6), (0, vec![1, 1, 2, 2, 3, 3, 4, 4]));
        assert_eq!(axis(0.6, 2.0, 3, 2), (1, vec![0, 1]));
    }
}
