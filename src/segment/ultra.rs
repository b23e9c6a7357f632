//! ULTra's segmentation (arXiv 2411.12589): average-linkage clustering of the maps of all patches by cosine distance, then for
//! each pixel the cluster whose summed map, scaled to its own range, is largest there.

use std::sync::Arc;

use rayon::prelude::*;

use super::agglomerative::tree_of;
use super::regions::Regions;
use crate::domain::grid::Grid;
use crate::domain::linkage::LinkageTree;
use crate::domain::request::Cut;
use crate::domain::resample::{Taps, resample_plane, torch_bicubic_taps};
use crate::domain::segmentation::Segmentation;
use crate::domain::{Cancel, Result};

/// Maps of all patches and the tree of their cosine distances.
#[derive(Clone, Debug)]
pub struct MapTree {
    /// `[N, N]`: the map of each patch, after the own-entry rule.
    pub maps: Arc<[f32]>,
    /// How the maps cluster.
    pub tree: LinkageTree,
    grid: Grid,
    height: usize,
    width: usize,
    colours: Arc<[usize]>,
    regions: Option<Arc<Regions>>,
}

impl MapTree {
    /// Clusters maps as they look at the size of the model's input.
    ///
    /// # Shapes
    /// `maps` is `[N, N]`, row n the map of patch n; `(height, width)` pixels of the model's input.
    ///
    /// # Errors
    /// A refusal for too many patches; [`crate::domain::Error::Cancelled`].
    pub fn new(maps: Vec<f32>, grid: Grid, (height, width): (usize, usize), cancel: &Cancel) -> Result<Self> {
        let patches = grid.len();
        super::check_patches(patches)?;
        let (ys, xs) = (torch_bicubic_taps(grid.rows, height), torch_bicubic_taps(grid.cols, width));
        let mut distances = cosine_distances(&maps, grid, &gram(&ys, grid.rows), &gram(&xs, grid.cols), cancel)?;
        Ok(Self::from_linkage(maps, tree_of(&mut distances, patches, kodama::Method::Average), grid, (height, width)))
    }

    /// Maps whose tree is known already.
    ///
    /// # Shapes
    /// `maps` is `[N, N]` over the N leaves of `tree`; `(height, width)` pixels of the model's input.
    pub fn from_linkage(maps: Vec<f32>, tree: LinkageTree, grid: Grid, (height, width): (usize, usize)) -> Self {
        let colours = tree.colours().into();
        Self { maps: maps.into(), tree, grid, height, width, colours, regions: None }
    }

    /// The same with labels that follow the borders of regions, where there are some.
    #[must_use]
    pub fn with_regions(self, regions: Option<Arc<Regions>>) -> Self {
        Self { regions, ..self }
    }

    /// Labels for a cut. Cheap enough for every frame of a dragged slider: it does not touch the distances. It runs on the
    /// calling thread alone, because a frame that shared the threads of a running job would wait for that job's pieces.
    pub fn segmentation(&self, cut: Cut) -> Segmentation {
        let clusters = self.tree.cut(cut);
        let patches = self.grid.len();
        let mut sums = vec![0.0_f32; clusters.len() * patches];
        for (map, &label) in self.maps.chunks_exact(patches).zip(&clusters.label_of) {
            sums[label * patches..][..patches].iter_mut().zip(map).for_each(|(s, m)| *s += m);
        }
        let (ys, xs) = (torch_bicubic_taps(self.grid.rows, self.height), torch_bicubic_taps(self.grid.cols, self.width));
        let scaled: Vec<Vec<f32>> =
            sums.chunks_exact(patches).map(|s| to_unit_range(resample_plane(s, self.grid.cols, &ys, &xs))).collect();
        let mut labels = largest(&scaled, self.height * self.width);
        if let Some(regions) = &self.regions {
            regions.vote(&mut labels, clusters.len());
        }
        Segmentation {
            height: self.height,
            width: self.width,
            labels,
            patch_labels: clusters.label_of.iter().map(|&l| l as u16).collect(),
            colours: clusters.node_of.iter().map(|&node| self.colours[node]).collect(),
        }
    }
}

/// For each pixel the first of the maps that are largest there. Pixels are taken in runs that stay in the cache.
fn largest(maps: &[Vec<f32>], pixels: usize) -> Vec<u16> {
    const RUN: usize = 4096;
    let mut labels = vec![0_u16; pixels];
    for (run, labels) in labels.chunks_mut(RUN).enumerate() {
        let mut best = [f32::NEG_INFINITY; RUN];
        for (label, map) in maps.iter().enumerate() {
            for ((best, at), &value) in best.iter_mut().zip(labels.iter_mut()).zip(&map[run * RUN..]) {
                let larger = value > *best;
                *at = if larger { label as u16 } else { *at };
                *best = if larger { value } else { *best };
            }
        }
    }
    labels
}

/// Smallest and largest value, in sixteen lanes so that the search is vectorised.
fn limits(values: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([f32::INFINITY; 16], [f32::NEG_INFINITY; 16]);
    let (blocks, rest) = values.as_chunks::<16>();
    for block in blocks {
        for i in 0..16 {
            low[i] = if block[i] < low[i] { block[i] } else { low[i] };
            high[i] = if block[i] > high[i] { block[i] } else { high[i] };
        }
    }
    let fold = |start: &[f32], f: fn(f32, f32) -> f32, first| start.iter().chain(rest).copied().fold(first, f);
    (fold(&low, f32::min, f32::INFINITY), fold(&high, f32::max, f32::NEG_INFINITY))
}

/// Min-max to 0..1; a constant map wins nowhere unless it is alone.
fn to_unit_range(mut map: Vec<f32>) -> Vec<f32> {
    let (low, high) = limits(&map);
    let scale = if high > low { 1.0 / (high - low) } else { 0.0 };
    map.iter_mut().for_each(|v| *v = (*v - low) * scale);
    map
}

/// U^T U of the upsampling U, `[n, n]`: cosines of upsampled maps follow from it without upsampling any.
fn gram(taps: &[Taps], samples: usize) -> Vec<f64> {
    let mut gram = vec![0.0; samples * samples];
    for tap in taps {
        for (i, a) in tap.weights.iter().enumerate() {
            for (j, b) in tap.weights.iter().enumerate() {
                gram[(tap.start + i) * samples + tap.start + j] += a * b;
            }
        }
    }
    gram
}

/// 1 - cosine of the upsampled maps, condensed as SciPy's `pdist`.
fn cosine_distances(maps: &[f32], grid: Grid, ys: &[f64], xs: &[f64], cancel: &Cancel) -> Result<Vec<f64>> {
    let patches = grid.len();
    let weighted: Vec<Vec<f64>> = maps.par_chunks_exact(patches).map(|map| weigh(map, grid, ys, xs)).collect();
    cancel.check()?;
    let inner = |a: usize, b: usize| -> f64 {
        let map = &maps[a * patches..][..patches];
        map.iter().zip(&weighted[b]).map(|(&m, w)| f64::from(m) * w).sum()
    };
    let norms: Vec<f64> = (0..patches).map(|a| inner(a, a).max(0.0).sqrt()).collect();
    let row = |a: usize| -> Vec<f64> {
        let distance = |b: usize| {
            let norm = norms[a] * norms[b];
            if norm > 0.0 { (1.0 - inner(a, b) / norm).max(0.0) } else { 1.0 }
        };
        if cancel.is_cancelled() { Vec::new() } else { (a + 1..patches).map(distance).collect() }
    };
    let distances = (0..patches).into_par_iter().flat_map_iter(row).collect();
    cancel.check()?;
    Ok(distances)
}

/// K_y S K_x of a map S.
fn weigh(map: &[f32], grid: Grid, ys: &[f64], xs: &[f64]) -> Vec<f64> {
    let Grid { rows, cols } = grid;
    let mut along_x = vec![0.0; map.len()];
    for (out, row) in along_x.chunks_exact_mut(cols).zip(map.chunks_exact(cols)) {
        for (&value, weights) in row.iter().zip(xs.chunks_exact(cols)) {
            out.iter_mut().zip(weights).for_each(|(o, w)| *o += f64::from(value) * w);
        }
    }
    let mut out = vec![0.0; map.len()];
    for (y, out) in out.chunks_exact_mut(cols).enumerate() {
        for (weight, row) in ys[y * rows..][..rows].iter().zip(along_x.chunks_exact(cols)) {
            out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { rows: 3, cols: 4 };

    /// Two groups of maps: the left half of the patches lights the left, the right half the right.
    fn two_halves() -> Vec<f32> {
        let side = |patch: usize| patch % 4 / 2;
        let value = |a: usize, b: usize| if side(a) == side(b) { 1.0 + 0.01 * (a * b % 3) as f32 } else { 0.05 };
        (0..12).flat_map(|a| (0..12).map(move |b| value(a, b))).collect()
    }

    #[test]
    fn two_halves_become_two_segments() {
        let tree = MapTree::new(two_halves(), GRID, (30, 40), &Cancel::default()).unwrap();
        let segmentation = tree.segmentation(Cut::Clusters(2));
        assert_eq!(segmentation.patch_labels, [0, 0, 1, 1].repeat(3));
        assert!(segmentation.labels.chunks(40).all(|row| row[2] == 0 && row[37] == 1));
        assert_eq!(segmentation.colours.len(), 2);
    }

    #[test]
    fn distances_are_those_of_upsampled_maps() {
        let maps: Vec<f32> = (0..144).map(|i| ((i * 37 % 101) as f32 / 101.0).powi(2)).collect();
        let (ys, xs) = (torch_bicubic_taps(3, 30), torch_bicubic_taps(4, 28));
        let short = cosine_distances(&maps, GRID, &gram(&ys, 3), &gram(&xs, 4), &Cancel::default()).unwrap();
        let up: Vec<Vec<f32>> = maps.chunks(12).map(|m| resample_plane(m, 4, &ys, &xs)).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let mut long = Vec::new();
        for a in 0..12 {
            for b in a + 1..12 {
                long.push(1.0 - dot(&up[a], &up[b]) / (dot(&up[a], &up[a]) * dot(&up[b], &up[b])).sqrt());
            }
        }
        for (s, l) in short.iter().zip(&long) {
            assert!((s - l).abs() < 1e-6, "{s} {l}");
        }
    }

    #[test]
    fn constant_and_zero_maps_do_no_harm() {
        for value in [0.0, 1.0] {
            let tree = MapTree::new(vec![value; 144], GRID, (6, 8), &Cancel::default()).unwrap();
            assert_eq!(tree.segmentation(Cut::Distance(0.5)).labels.len(), 48);
            assert_eq!(tree.segmentation(Cut::Clusters(99)).colours.len(), 12);
        }
    }
}
