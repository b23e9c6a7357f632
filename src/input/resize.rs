//! Pillow 13's resizing of 8-bit pixels, bit for bit: weights in 22-bit fixed point, one axis after the other, each pass
//! rounded and clipped to 8 bits (`ImagingResample` in src/libImaging/Resample.c; nearest is `ImagingScaleAffine` in
//! Geometry.c). Floats would differ by one level in a few pixels of every picture, and those differences are what makes two
//! implementations of one model disagree in the fourth digit.
//!
//! Only a window of the resized picture is computed, because a centre crop follows most resizes: the picture of 4000 x 3
//! pixels whose shorter side becomes 224 would otherwise be 298,666 pixels wide for a moment.
//!
//! Sums are of integers and every row is computed alone: the result does not depend on the number of threads.

use std::ops::Range;

use image::ColorType;
use rayon::prelude::*;

use super::pixels::Pixels;
use crate::domain::resample::{Kernel, Taps, pillow_taps};

/// Pillow's PRECISION_BITS: 32 less 8 for the pixel less 2 for the overshoot of the kernels.
const FRACTION_BITS: u32 = 22;

/// One axis of a resize followed by a crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Samples after the resize.
    pub resized: usize,
    /// First sample of the crop, in the resized samples; negative where the crop reaches outside.
    pub offset: isize,
    /// Samples of the crop; those outside the resized picture are zero.
    pub len: usize,
}

impl Axis {
    /// A resize without a crop.
    pub(crate) fn whole(resized: usize) -> Self {
        Self { resized, offset: 0, len: resized }
    }

    /// The resized samples that the crop shows.
    pub(crate) fn visible(self) -> Range<usize> {
        let end = (self.offset + self.len as isize).clamp(0, self.resized as isize) as usize;
        (self.offset.max(0) as usize).min(end)..end
    }

    /// Samples of zero padding before the visible ones.
    pub(crate) fn lead(self) -> usize {
        self.offset.min(0).unsigned_abs().min(self.len)
    }
}

/// Weights of one output sample in fixed point.
struct FixedTaps {
    start: usize,
    weights: Vec<i32>,
}

impl FixedTaps {
    /// Pillow's `normalize_coeffs_8bpc`.
    fn from_taps(taps: &Taps) -> Self {
        let one = f64::from(1_u32 << FRACTION_BITS);
        let fixed = |&w: &f64| if w < 0.0 { (w * one - 0.5) as i32 } else { (w * one + 0.5) as i32 };
        Self { start: taps.start, weights: taps.weights.iter().map(fixed).collect() }
    }

    fn end(&self) -> usize {
        self.start + self.weights.len()
    }
}

/// Weights of the visible samples of an axis; a resize to the same size copies, as Pillow does.
fn fixed_taps(input: usize, axis: Axis, kernel: Kernel) -> Vec<FixedTaps> {
    if input == axis.resized {
        return axis.visible().map(|i| FixedTaps { start: i, weights: vec![1 << FRACTION_BITS] }).collect();
    }
    if kernel == Kernel::Nearest {
        let places = nearest_places(input, axis.resized);
        return places[axis.visible()].iter().map(|&i| FixedTaps { start: i, weights: vec![1 << FRACTION_BITS] }).collect();
    }
    pillow_taps(input, axis.resized, kernel)[axis.visible()].iter().map(FixedTaps::from_taps).collect()
}

/// Pillow adds the step once per sample, and where the exact place is a whole number the error of the sum decides.
fn nearest_places(input: usize, output: usize) -> Vec<usize> {
    let step = input as f64 / output as f64;
    let mut place = step * 0.5;
    let mut next = || {
        let at = (place as usize).min(input - 1);
        place += step;
        at
    };
    (0..output).map(|_| next()).collect()
}

/// A sum in fixed point, rounded and clipped: Pillow's `clip8`.
fn clip8(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

/// Whether Pillow resizes along y before x. Each pass rounds, so the order shows. Pillow 13 starts with y where that saves
/// work, and earlier ones always with x; the rule was read off its results and holds in every case that was tried.
fn starts_with_y(pixels: Pixels<'_>, y: Axis, x: Axis) -> bool {
    let (lost_rows, lost_columns) = (pixels.height as isize - y.resized as isize, pixels.width as isize - x.resized as isize);
    lost_rows > 0 && lost_rows > 2 * lost_columns
}

/// The crop of the resized picture, RGB of 8 bits. Other colour types are converted row by row on the way, to keep a huge
/// picture from being in memory twice; they always start with x.
///
/// # Shapes
/// `[y.len, x.len, 3]`
pub(super) fn resize_rgb(pixels: Pixels<'_>, y: Axis, x: Axis, kernel: Kernel) -> Vec<u8> {
    let mut columns = fixed_taps(pixels.width, x, kernel);
    let mut rows = fixed_taps(pixels.height, y, kernel);
    if rows.is_empty() || columns.is_empty() {
        return vec![0; y.len * x.len * 3];
    }
    let shown = if pixels.color == ColorType::Rgb8 && starts_with_y(pixels, y, x) {
        let used = used(&columns);
        columns.iter_mut().for_each(|t| t.start -= used.start);
        let low = along_y(pixels.data, pixels.width, used.clone(), &rows);
        along_x(Pixels { data: &low, width: used.len(), height: rows.len(), ..pixels }, 0..rows.len(), &columns)
    } else {
        let used = used(&rows);
        rows.iter_mut().for_each(|t| t.start -= used.start);
        along_y(&along_x(pixels, used, &columns), columns.len(), 0..columns.len(), &rows)
    };
    padded(shown, columns.len(), y, x)
}

/// The input samples that any output reads.
fn used(taps: &[FixedTaps]) -> Range<usize> {
    let start = taps.iter().map(|t| t.start).min().unwrap_or(0);
    start..taps.iter().map(FixedTaps::end).max().unwrap_or(start)
}

/// Resamples some rows: `[rows, columns.len(), 3]`.
fn along_x(pixels: Pixels<'_>, rows: Range<usize>, columns: &[FixedTaps]) -> Vec<u8> {
    let width = columns.len() * 3;
    let mut out = vec![0_u8; rows.len() * width];
    out.par_chunks_mut(width).enumerate().for_each_init(Vec::new, |scratch, (k, out)| {
        let row = pixels.rgb_row(rows.start + k, scratch);
        for (pixel, taps) in out.chunks_exact_mut(3).zip(columns) {
            pixel.copy_from_slice(&weighted_pixel(&row[taps.start * 3..taps.end() * 3], &taps.weights));
        }
    });
    out
}

/// Resamples some columns of RGB rows of `width` pixels: `[rows.len(), columns, 3]`.
fn along_y(rgb: &[u8], width: usize, columns: Range<usize>, rows: &[FixedTaps]) -> Vec<u8> {
    let length = columns.len() * 3;
    let mut out = vec![0_u8; rows.len() * length];
    out.par_chunks_mut(length).zip(rows).for_each_init(Vec::new, |sums, (out, taps)| {
        sums.clear();
        sums.resize(length, 1_i32 << (FRACTION_BITS - 1));
        for (k, &w) in taps.weights.iter().enumerate() {
            let row = &rgb[((taps.start + k) * width + columns.start) * 3..][..length];
            sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += i32::from(v) * w);
        }
        out.iter_mut().zip(sums.iter()).for_each(|(o, &sum)| *o = clip8(sum));
    });
    out
}

fn weighted_pixel(source: &[u8], weights: &[i32]) -> [u8; 3] {
    let mut sums = [1_i32 << (FRACTION_BITS - 1); 3];
    for (pixel, &w) in source.chunks_exact(3).zip(weights) {
        for (sum, &v) in sums.iter_mut().zip(pixel) {
            *sum += i32::from(v) * w;
        }
    }
    sums.map(clip8)
}

/// The visible part, `width` pixels wide, in its place on black.
fn padded(shown: Vec<u8>, width: usize, y: Axis, x: Axis) -> Vec<u8> {
    if shown.len() == y.len * x.len * 3 {
        return shown;
    }
    let mut out = vec![0; y.len * x.len * 3];
    for (out, row) in out.chunks_exact_mut(x.len * 3).skip(y.lead()).zip(shown.chunks_exact(width * 3)) {
        out[x.lead() * 3..][..width * 3].copy_from_slice(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::pixels::Transparency;

    fn grey(data: &[u8], width: usize) -> Pixels<'_> {
        Pixels { data, color: ColorType::L8, width, height: data.len() / width, transparency: Transparency::Dropped }
    }

    #[test]
    fn a_crop_equals_the_window_of_the_whole() {
        let data: Vec<u8> = (0..37 * 23).map(|i| (i * 7919 % 251) as u8).collect();
        for kernel in [Kernel::Nearest, Kernel::Bilinear, Kernel::Bicubic, Kernel::Lanczos] {
            let whole = resize_rgb(grey(&data, 37), Axis::whole(12), Axis::whole(50), kernel);
            let (y, x) = (Axis { resized: 12, offset: -2, len: 9 }, Axis { resized: 50, offset: 45, len: 8 });
            let part = resize_rgb(grey(&data, 37), y, x, kernel);
            for (row, col) in (0..9).flat_map(|r| (0..8).map(move |c| (r, c))) {
                let inside = row >= 2 && col < 5;
                let want = if inside { whole[((row - 2) * 50 + col + 45) * 3] } else { 0 };
                assert_eq!(part[(row * 8 + col) * 3], want, "{kernel:?} {row} {col}");
            }
        }
    }

    #[test]
    fn nearest_takes_the_sample_under_the_centre() {
        assert_eq!(nearest_places(225, 5), [22, 67, 112, 157, 202]);
        assert_eq!(nearest_places(1, 3), [0, 0, 0]);
        assert!(nearest_places(4096, 224).windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn a_crop_wholly_outside_is_black() {
        let y = Axis { resized: 4, offset: -9, len: 3 };
        assert_eq!(resize_rgb(grey(&[9; 16], 4), y, Axis::whole(4), Kernel::Bilinear), vec![0; 36]);
    }
}
