//! From labels of patches to labels of pixels.

use std::collections::HashMap;

use crate::domain::grid::Grid;
use crate::domain::resample::{Taps, torch_bilinear_taps};

/// Each pixel has the label of the patch that it lies in.
///
/// # Shapes
/// `labels` is `[N]`, the result `[height, width]`.
pub fn nearest(labels: &[u16], grid: Grid, (height, width): (usize, usize)) -> Vec<u16> {
    let columns: Vec<usize> = (0..width).map(|x| x * grid.cols / width).collect();
    let mut pixels = Vec::with_capacity(height * width);
    for y in 0..height {
        let row = &labels[y * grid.rows / height * grid.cols..][..grid.cols];
        pixels.extend(columns.iter().map(|&col| row[col]));
    }
    pixels
}

/// Each pixel has the label whose indicator map, 1 in its patches and 0 elsewhere, is largest there after bilinear upsampling; of
/// equal ones the lowest. Only the labels of the four patches around a pixel can be.
///
/// # Shapes
/// As [`nearest`].
pub fn smooth(labels: &[u16], grid: Grid, (height, width): (usize, usize)) -> Vec<u16> {
    if grid.is_empty() {
        return Vec::new();
    }
    let (ys, xs) = (torch_bilinear_taps(grid.rows, height), torch_bilinear_taps(grid.cols, width));
    let columns: Vec<[(usize, f32); 2]> = xs.iter().map(pair).collect();
    let mut pixels = Vec::with_capacity(height * width);
    for taps in &ys {
        let [(top, above), (bottom, below)] = pair(taps);
        let (top, bottom) = (&labels[top * grid.cols..][..grid.cols], &labels[bottom * grid.cols..][..grid.cols]);
        pixels.extend(columns.iter().map(|&[(left, west), (right, east)]| {
            let around = [
                (top[left], above * west),
                (top[right], above * east),
                (bottom[left], below * west),
                (bottom[right], below * east),
            ];
            heaviest(around)
        }));
    }
    pixels
}

/// Two samples and their weights.
fn pair(taps: &Taps) -> [(usize, f32); 2] {
    let weight = |k: usize| taps.weights.get(k).map_or(0.0, |&w| w as f32);
    [(taps.start, weight(0)), (taps.start + taps.weights.len() - 1, if taps.weights.len() > 1 { weight(1) } else { 0.0 })]
}

/// The label of most weight.
fn heaviest(around: [(u16, f32); 4]) -> u16 {
    let first = around[0].0;
    if around.iter().all(|(label, _)| *label == first) {
        return first;
    }
    let weight = |label: u16| around.iter().filter(|(l, _)| *l == label).map(|(_, w)| w).sum::<f32>();
    let better = |best: (u16, f32), label: u16| {
        let weight = weight(label);
        let ahead = weight > best.1 + 1e-6 || (weight > best.1 - 1e-6 && label < best.0);
        if ahead { (label, weight) } else { best }
    };
    around.iter().fold((first, weight(first)), |best, &(label, _)| better(best, label)).0
}

/// Labels numbered by where they come first, and how many there are.
pub fn numbered_by_first(labels: &[usize]) -> (Vec<u16>, usize) {
    let mut numbers = HashMap::new();
    let numbered = labels
        .iter()
        .map(|&label| {
            let next = numbers.len() as u16;
            *numbers.entry(label).or_insert(next)
        })
        .collect();
    (numbered, numbers.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resample::resample_plane;

    const GRID: Grid = Grid { rows: 3, cols: 4 };
    const LABELS: [u16; 12] = [0, 0, 1, 1, 0, 2, 2, 1, 3, 3, 2, 2];

    #[test]
    fn every_pixel_of_a_patch_has_its_label() {
        let pixels = nearest(&LABELS, GRID, (6, 12));
        for (y, x) in (0..6).flat_map(|y| (0..12).map(move |x| (y, x))) {
            assert_eq!(pixels[y * 12 + x], LABELS[y / 2 * 4 + x / 3]);
        }
    }

    #[test]
    fn smooth_edges_are_those_of_upsampled_indicator_maps() {
        let (ys, xs) = (torch_bilinear_taps(3, 21), torch_bilinear_taps(4, 20));
        let planes = [0, 1, 2, 3].map(|label| {
            let indicator: Vec<f32> = LABELS.iter().map(|&l| f32::from(u8::from(l == label))).collect();
            resample_plane(&indicator, 4, &ys, &xs)
        });
        for (pixel, &label) in smooth(&LABELS, GRID, (21, 20)).iter().enumerate() {
            let best = planes.iter().map(|plane| plane[pixel]).fold(0.0, f32::max);
            let lowest = planes.iter().position(|plane| plane[pixel] > best - 1e-6).unwrap();
            assert_eq!(usize::from(label), lowest, "pixel {pixel}");
        }
    }

    #[test]
    fn one_patch_fills_the_picture() {
        let one = Grid { rows: 1, cols: 1 };
        assert_eq!(smooth(&[4], one, (2, 3)), [4; 6]);
        assert_eq!(nearest(&[4], one, (2, 3)), [4; 6]);
        assert_eq!(numbered_by_first(&[7, 7, 2, 9, 2]), (vec![0, 0, 1, 2, 1], 3));
    }
}
