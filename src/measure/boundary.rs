//! Precision and recall of boundaries, as the Berkeley benchmark has them: D. R. Martin, C. C. Fowlkes, J. Malik, Learning to Detect
//! Natural Image Boundaries Using Local Brightness, Color, and Texture Cues, PAMI 26(5), 2004.
//!
//! One thing differs. The benchmark matches boundary pixels one to one by a minimum-cost assignment (CSA++) over each pixel's six
//! nearest candidates, with a price on leaving one unmatched. Here it is a maximum matching over all candidates within the
//! tolerance (J. E. Hopcroft, R. M. Karp, SIAM Journal on Computing 2, 1973): exact, with never fewer pixels matched.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::contingency::IGNORED;

/// The benchmark's tolerance, as a share of the image's diagonal.
pub const TOLERANCE: f64 = 0.0075;

/// Labels of an image.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// `[height, width]`, row-major.
    pub values: &'a [u16],
    /// Pixels.
    pub width: usize,
}

/// Boundary pixels that were matched, of how many. Counts of several images add up: the benchmark scores a data set by its sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryCounts {
    /// Predicted ones that lie at a boundary of any annotator.
    pub predicted_matched: u64,
    /// Predicted ones.
    pub predicted: u64,
    /// True ones that were found, summed over annotators.
    pub true_matched: u64,
    /// True ones, summed over annotators.
    pub truth: u64,
}

impl BoundaryCounts {
    /// Adds the counts of another image.
    pub fn merge(&mut self, other: &Self) {
        self.predicted_matched += other.predicted_matched;
        self.predicted += other.predicted;
        self.true_matched += other.true_matched;
        self.truth += other.truth;
    }

    /// Share of the predicted boundary that is true, 0..1; of none 0, unless there is none to be found either.
    pub fn precision(&self) -> f64 {
        if self.is_empty() { 1.0 } else { self.predicted_matched as f64 / self.predicted.max(1) as f64 }
    }

    /// Share of the true boundary that is found, 0..1; of none 0, unless none is predicted either.
    pub fn recall(&self) -> f64 {
        if self.is_empty() { 1.0 } else { self.true_matched as f64 / self.truth.max(1) as f64 }
    }

    fn is_empty(&self) -> bool {
        self.predicted == 0 && self.truth == 0
    }

    /// Harmonic mean of both, 0..1.
    pub fn f_measure(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
    }
}

/// A pixel of a boundary: row, column.
type Pixel = (i32, i32);

/// The pixels whose right, lower or lower right neighbour has another label: one pixel wide, as Martin's `seg2bmap` marks them.
/// A pixel or neighbour that is ignored makes no boundary.
pub fn boundary(labels: Labels<'_>) -> Vec<Pixel> {
    let Labels { values, width } = labels;
    let height = values.len() / width.max(1);
    let mut found = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let own = values[y * width + x];
            let differs = |dx: usize, dy: usize| {
                let inside = x + dx < width && y + dy < height;
                inside && {
                    let other = values[(y + dy) * width + x + dx];
                    other != own && other != IGNORED
                }
            };
            if own != IGNORED && (differs(1, 0) || differs(0, 1) || differs(1, 1)) {
                found.push((y as i32, x as i32));
            }
        }
    }
    found
}

/// Matches the boundary of a segmentation with those of one or more annotators, within `tolerance` of the diagonal.
pub fn match_boundaries(predicted: Labels<'_>, annotators: &[&[u16]], tolerance: f64) -> BoundaryCounts {
    let height = predicted.values.len() / predicted.width.max(1);
    let reach = tolerance * ((height * height + predicted.width * predicted.width) as f64).sqrt();
    let ours = boundary(predicted);
    let mut is_matched = vec![false; ours.len()];
    let mut counts = BoundaryCounts { predicted: ours.len() as u64, ..BoundaryCounts::default() };
    for truth in annotators {
        let theirs = boundary(Labels { values: truth, width: predicted.width });
        counts.truth += theirs.len() as u64;
        let near = neighbours(&ours, &theirs, (height, predicted.width), reach);
        for (matched, partner) in is_matched.iter_mut().zip(maximum_matching(&near, theirs.len())) {
            counts.true_matched += u64::from(partner.is_some());
            *matched |= partner.is_some();
        }
    }
    counts.predicted_matched = is_matched.iter().filter(|&&m| m).count() as u64;
    counts
}

/// Candidates of a pixel: all within the tolerance for pictures up to some 680 x 510, for larger ones the nearest.
const CANDIDATES: usize = 128;

/// For each of our pixels those of theirs within reach, the nearest first.
fn neighbours(ours: &[Pixel], theirs: &[Pixel], (height, width): (usize, usize), reach: f64) -> Vec<Vec<u32>> {
    const NONE: u32 = u32::MAX;
    let mut at = vec![NONE; height * width];
    for (i, &(y, x)) in theirs.iter().enumerate() {
        at[y as usize * width + x as usize] = i as u32;
    }
    let side = reach as i32;
    let mut steps: Vec<Pixel> = (-side..=side).flat_map(|dy| (-side..=side).map(move |dx| (dy, dx))).collect();
    let square = |&(dy, dx): &Pixel| dy * dy + dx * dx;
    steps.retain(|step| f64::from(square(step)) <= reach * reach);
    steps.sort_by_key(square);
    let near = |&(y, x): &Pixel| {
        let inside = steps.iter().map(move |(dy, dx)| (y + dy, x + dx));
        let inside = inside.filter(|&(y, x)| (0..height as i32).contains(&y) && (0..width as i32).contains(&x));
        inside.map(|(y, x)| at[y as usize * width + x as usize]).filter(|&i| i != NONE).take(CANDIDATES).collect()
    };
    ours.iter().map(near).collect()
}

/// Hopcroft and Karp's maximum matching of a bipartite graph: for each left node its partner.
///
/// # Shapes
/// `edges` holds the right nodes of each left one; right nodes are `0..num_right`.
fn maximum_matching(edges: &[Vec<u32>], num_right: usize) -> Vec<Option<u32>> {
    let mut left: Vec<Option<u32>> = vec![None; edges.len()];
    let mut right: Vec<Option<u32>> = vec![None; num_right];
    // Most find their partner at once.
    for (node, near) in edges.iter().enumerate() {
        if let Some(&free) = near.iter().find(|&&r| right[r as usize].is_none()) {
            (left[node], right[free as usize]) = (Some(free), Some(node as u32));
        }
    }
    while let Some(mut depth) = depths(edges, &left, &right) {
        let mut next = vec![0; edges.len()];
        let free: Vec<usize> = (0..edges.len()).filter(|&node| left[node].is_none()).collect();
        for node in free {
            augment(node, edges, &mut depth, &mut next, &mut left, &mut right);
        }
    }
    left
}

/// Layers of the shortest ways from free left nodes; `None` where none leads to a free right node.
fn depths(edges: &[Vec<u32>], left: &[Option<u32>], right: &[Option<u32>]) -> Option<Vec<u32>> {
    let mut depth = vec![u32::MAX; edges.len()];
    let mut queue: VecDeque<usize> = (0..edges.len()).filter(|&node| left[node].is_none()).collect();
    queue.iter().for_each(|&node| depth[node] = 0);
    let mut found = false;
    while let Some(node) = queue.pop_front() {
        for &r in &edges[node] {
            match right[r as usize] {
                None => found = true,
                Some(other) if depth[other as usize] == u32::MAX => {
                    depth[other as usize] = depth[node] + 1;
                    queue.push_back(other as usize);
                }
                Some(_) => {}
            }
        }
    }
    found.then_some(depth)
}

/// Walks one such way from a free left node, and turns it over. The way is kept here and not on the stack: it may be long.
fn augment(
    start: usize,
    edges: &[Vec<u32>],
    depth: &mut [u32],
    next: &mut [usize],
    left: &mut [Option<u32>],
    right: &mut [Option<u32>],
) {
    let mut way = vec![start];
    while let Some(&node) = way.last() {
        let Some(&r) = edges[node].get(next[node]) else {
            // Nothing lies behind this node any more.
            depth[node] = u32::MAX;
            way.pop();
            continue;
        };
        next[node] += 1;
        match right[r as usize] {
            None => {
                for &node in way.iter().rev() {
                    let taken = edges[node][next[node] - 1];
                    (left[node], right[taken as usize]) = (Some(taken), Some(node as u32));
                }
                return;
            }
            Some(other) if depth[other as usize] == depth[node].saturating_add(1) => way.push(other as usize),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matching_takes_back_what_it_gave() {
        // Left 0 first takes right 0, which is left 1's only one; left 2 pushes both further.
        let edges = vec![vec![0, 1], vec![0], vec![1, 2], vec![2]];
        let got = maximum_matching(&edges, 3);
        assert_eq!(got.iter().flatten().count(), 3);
        let chain: Vec<Vec<u32>> = (0..5000_u32).map(|i| if i == 0 { vec![0] } else { vec![i - 1, i] }).collect();
        let last = [vec![vec![4999]], chain].concat();
        assert_eq!(maximum_matching(&last, 5000).iter().flatten().count(), 5000);
    }

    #[test]
    fn the_boundary_is_one_pixel_wide_and_ignores_what_is_ignored() {
        let values = [[0, 0, 1, 1]; 3].concat();
        assert_eq!(boundary(Labels { values: &values, width: 4 }), [(0, 1), (1, 1), (2, 1)]);
        let void = [[0, 0, IGNORED, 1]; 2].concat();
        assert!(boundary(Labels { values: &void, width: 4 }).is_empty());
    }

    #[test]
    fn a_shifted_boundary_is_found_within_the_tolerance_alone() {
        let image = |edge: usize| (0..40 * 40).map(|i| u16::from(i % 40 >= edge)).collect::<Vec<u16>>();
        let (ours, near, far) = (image(20), image(21), image(30));
        let ours = Labels { values: &ours, width: 40 };
        let one = match_boundaries(ours, &[&near], 0.02);
        assert_eq!((one.precision(), one.recall(), one.f_measure()), (1.0, 1.0, 1.0));
        assert!(match_boundaries(ours, &[&near], 0.01).f_measure() == 0.0);
        let both = match_boundaries(ours, &[&near, &far], 0.02);
        assert_eq!((both.precision(), both.recall()), (1.0, 0.5));
    }
}
