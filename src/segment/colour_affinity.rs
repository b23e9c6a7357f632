//! Which patches lie near each other in colour and place: the second affinity of Deep Spectral Methods (Melas-Kyriazi et al., CVPR
//! 2022), after KNN matting (Chen, Li and Tang, TPAMI 2013).

use rayon::prelude::*;

use crate::domain::grid::Grid;

/// How many nearest patches count, and how much place weighs against colour: once by place above all, once by colour.
const NEIGHBOURS: [(usize, f64); 2] = [(20, 2.0), (10, 0.1)];

/// The mean colour of each patch, 0..1.
///
/// # Shapes
/// `rgb` is `[height, width, 3]`; the result `[N]`.
pub fn mean_colours(rgb: &[u8], (height, width): (usize, usize), grid: Grid) -> Vec<[f64; 3]> {
    let mut sums = vec![([0_u64; 3], 0_u64); grid.len()];
    for (pixel, rgb) in rgb.as_chunks::<3>().0.iter().enumerate() {
        let (y, x) = (pixel / width.max(1), pixel % width.max(1));
        let (sum, count) = &mut sums[y * grid.rows / height * grid.cols + x * grid.cols / width];
        sum.iter_mut().zip(rgb).for_each(|(s, &c)| *s += u64::from(c));
        *count += 1;
    }
    sums.into_iter().map(|(sum, count)| sum.map(|s| s as f64 / (255 * count.max(1)) as f64)).collect()
}

/// For every pair of patches how often either counts the other, or itself, among its nearest.
///
/// # Shapes
/// `colours` is `[N]`, the result `[N, N]`, symmetric.
pub fn colour_affinity(colours: &[[f64; 3]], grid: Grid) -> Vec<f64> {
    let patches = grid.len();
    // Places of 0..1, first to last patch.
    let part = |i: usize, count: usize| if count > 1 { i as f64 / (count - 1) as f64 } else { 0.0 };
    let mut affinity = vec![0.0; patches * patches];
    for (count, weight) in NEIGHBOURS {
        let place = |patch: usize| {
            let ((row, col), [r, g, b]) = (grid.row_col(patch), colours[patch]);
            [r, g, b, weight * part(col, grid.cols), weight * part(row, grid.rows)]
        };
        let places: Vec<[f64; 5]> = (0..patches).map(place).collect();
        let nearest = |patch: usize| {
            let apart = |other: usize| (0..5).map(|i| (places[patch][i] - places[other][i]).powi(2)).sum::<f64>();
            let mut others: Vec<(f64, usize)> = (0..patches).map(|other| (apart(other), other)).collect();
            others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            others.into_iter().take(count).map(|(_, other)| other).collect::<Vec<_>>()
        };
        let found: Vec<Vec<usize>> = (0..patches).into_par_iter().map(nearest).collect();
        for (patch, others) in found.into_iter().enumerate() {
            for other in others {
                affinity[patch * patches + other] += 1.0;
                affinity[other * patches + patch] += 1.0;
            }
        }
    }
    affinity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_have_their_mean_colour_and_prefer_their_like() {
        let grid = Grid { rows: 1, cols: 2 };
        let rgb = [[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 0]].concat();
        assert_eq!(mean_colours(&rgb, (1, 4), grid), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.5]]);
        let wide = Grid { rows: 2, cols: 30 };
        let colours: Vec<[f64; 3]> = (0..60).map(|i| if i % 30 < 15 { [1.0, 0.0, 0.0] } else { [0.0, 0.0, 1.0] }).collect();
        let affinity = colour_affinity(&colours, wide);
        assert!((0..60).all(|i| (0..60).all(|j| affinity[i * 60 + j] == affinity[j * 60 + i])));
        assert_eq!(affinity.iter().sum::<f64>(), 60.0 * 30.0 * 2.0);
        let across = |affinity: &[f64]| -> f64 {
            let pairs = (0..60).flat_map(|i| (0..60).map(move |j| (i, j)));
            pairs.filter(|(i, j)| (i % 30 < 15) != (j % 30 < 15)).map(|(i, j)| affinity[i * 60 + j]).sum()
        };
        assert!(across(&affinity) < across(&colour_affinity(&[[0.5; 3]; 60], wide)));
    }
}
