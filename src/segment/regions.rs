//! Regions of pixels as tokens: how they lie over the patches, what maps and vectors are in them, and labels that follow their
//! borders.

use std::sync::Arc;

use crate::domain::grid::Grid;

/// Regions that share out a picture's pixels among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Regions {
    /// `[height, width]`, the region of each pixel.
    pub labels: Arc<[u16]>,
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
    /// R, the number of regions; each has a pixel.
    pub count: usize,
}

impl Regions {
    /// How regions lie over patches: Q, of each region the share of its pixels that lie in each patch.
    ///
    /// # Shapes
    /// `[R, N]`, rows sum to 1.
    pub fn coverage(&self, grid: Grid) -> Vec<f32> {
        let patches = grid.len();
        let mut coverage = vec![0.0_f32; self.count * patches];
        for (pixel, &region) in self.labels.iter().enumerate() {
            coverage[usize::from(region) * patches + self.patch_of(pixel, grid)] += 1.0;
        }
        for row in coverage.chunks_exact_mut(patches.max(1)) {
            let size: f32 = row.iter().sum();
            row.iter_mut().for_each(|share| *share /= size.max(1.0));
        }
        coverage
    }

    /// The region that has most of each patch, of equal ones the lowest.
    ///
    /// # Shapes
    /// `[N]`.
    pub fn of_patches(&self, grid: Grid) -> Vec<u16> {
        let patches = grid.len();
        let mut counts = vec![0_u32; patches * self.count];
        for (pixel, &region) in self.labels.iter().enumerate() {
            counts[self.patch_of(pixel, grid) * self.count + usize::from(region)] += 1;
        }
        counts.chunks_exact(self.count.max(1)).map(|counts| first_of_most(counts) as u16).collect()
    }

    /// The patch that a pixel lies in.
    fn patch_of(&self, pixel: usize, grid: Grid) -> usize {
        let (y, x) = (pixel / self.width.max(1), pixel % self.width.max(1));
        y * grid.rows / self.height * grid.cols + x * grid.cols / self.width
    }

    /// Labels in which every region is of one: the one that most of its pixels have, of equal ones the lowest.
    ///
    /// # Shapes
    /// `labels` is `[height, width]`, each below `count`.
    pub fn vote(&self, labels: &mut [u16], count: usize) {
        let mut votes = vec![0_u32; self.count * count];
        for (&region, &label) in self.labels.iter().zip(labels.iter()) {
            votes[usize::from(region) * count + usize::from(label)] += 1;
        }
        let elected: Vec<u16> = votes.chunks_exact(count.max(1)).map(|votes| first_of_most(votes) as u16).collect();
        labels.iter_mut().zip(self.labels.iter()).for_each(|(label, &region)| *label = elected[usize::from(region)]);
    }
}

/// Where the largest count stands first.
fn first_of_most(counts: &[u32]) -> usize {
    (1..counts.len()).fold(0, |best, i| if counts[i] > counts[best] { i } else { best })
}

/// What vectors of patches are in regions: Q Z. A map is a vector of one component.
///
/// # Shapes
/// `coverage` is `[R, N]` as [`Regions::coverage`] gives it, `vectors` `[N, width]`; the result `[R, width]`.
pub fn pooled(coverage: &[f32], vectors: &[f32], width: usize) -> Vec<f32> {
    let patches = vectors.len() / width.max(1);
    let row = |shares: &[f32]| {
        let mut sum = vec![0.0_f32; width];
        for (&share, vector) in shares.iter().zip(vectors.chunks_exact(width.max(1))).filter(|(share, _)| **share > 0.0) {
            sum.iter_mut().zip(vector).for_each(|(s, v)| *s += share * v);
        }
        sum
    };
    coverage.chunks_exact(patches.max(1)).flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left third and right two thirds of 2 x 6 pixels.
    fn regions() -> Regions {
        Regions { labels: [0, 0, 1, 1, 1, 1].repeat(2).into(), height: 2, width: 6, count: 2 }
    }

    #[test]
    fn coverage_shares_out_each_region_and_pools_maps() {
        let grid = Grid { rows: 1, cols: 2 };
        let coverage = regions().coverage(grid);
        assert_eq!(coverage, [1.0, 0.0, 0.25, 0.75]);
        assert_eq!(pooled(&coverage, &[4.0, 8.0], 1), [4.0, 7.0]);
        assert_eq!(pooled(&coverage, &[4.0, 8.0, 0.0, 4.0], 2), [4.0, 8.0, 1.0, 5.0]);
    }

    #[test]
    fn a_region_takes_the_label_of_most_of_its_pixels() {
        let mut labels = [0, 1, 2, 2, 2, 0, 1, 0, 2, 0, 0, 0];
        regions().vote(&mut labels, 3);
        assert_eq!(labels, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut labels = [1, 1, 2, 2, 2, 0, 1, 0, 2, 2, 0, 0];
        regions().vote(&mut labels, 3);
        assert_eq!(labels, [1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2]);
    }
}
