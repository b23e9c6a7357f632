//! Precision and recall of boundaries, as the Berkeley benchmark computes them: D. R. Martin, C. C. Fowlkes, J. Malik, Learning to
//! Detect Natural Image Boundaries Using Local Brightness, Color, and Texture Cues, PAMI 26(5), 2004; P. Arbelaez, M. Maire,
//! C. Fowlkes, J. Malik, Contour Detection and Hierarchical Image Segmentation, PAMI 33(5), 2011.
//!
//! Predicted boundaries are thinned and then matched one to one with those of each annotator in turn. Recall counts the matched
//! pixels of every annotator; precision counts the predicted pixels that any annotator matches. A data set is scored by the sums of
//! these counts.
//!
//! Two things differ. The benchmark's assignment gives each pixel six random outliers in place of a partner, so that its counts vary
//! by a few pixels; here it is the exact [maximum matching](super::matching) with the least sum of distances. And the benchmark's
//! masks label every pixel, while masks of classes leave some void, Pascal VOC's a band around every object: see
//! [`match_boundaries`]. The truth is not thinned, here or there, so a segmentation equal to the truth scores below 1.

use serde::{Deserialize, Serialize};

use super::contingency::IGNORED;
use super::matching::{Edge, cheapest_maximum_matching};
use super::thinning::thin;

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

/// How predicted boundaries are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Thinned before they are matched, as the benchmark does.
    Thinned,
    /// As [`boundary`] draws them. Jagged boundaries then have more pixels to match the same truth with, which raises recall.
    Unthinned,
}

/// Matched boundary pixels, and how many there are. Counts of several images add up: the benchmark scores a data set by the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryCounts {
    /// Predicted pixels that any annotator's boundary matches.
    pub predicted_matched: u64,
    /// Predicted pixels.
    pub predicted: u64,
    /// True pixels that were matched, summed over annotators.
    pub true_matched: u64,
    /// True pixels, summed over annotators.
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
///
/// A void pixel takes the label of the nearest labelled one within the tolerance, so that a narrow void band between two regions
/// becomes the boundary in its middle. Where void remains the truth is unknown: a predicted pixel within twice the tolerance of what
/// every annotator left void counts only if it is matched.
pub fn match_boundaries(predicted: Labels<'_>, annotators: &[&[u16]], tolerance: f64, lines: Lines) -> BoundaryCounts {
    let width = predicted.width;
    let height = predicted.values.len() / width.max(1);
    let reach = tolerance * ((height * height + width * width) as f64).sqrt();
    let ours = drawn(predicted, lines);
    let (mut is_matched, mut is_unknown) = (vec![false; ours.len()], vec![!annotators.is_empty(); ours.len()]);
    let mut counts = BoundaryCounts::default();
    for truth in annotators {
        let closed = closed(Labels { values: truth, width }, reach);
        let theirs = boundary(Labels { values: &closed, width });
        counts.truth += theirs.len() as u64;
        let near = neighbours(&ours, &theirs, (height, width), reach);
        for (matched, partner) in is_matched.iter_mut().zip(cheapest_maximum_matching(&near, theirs.len())) {
            counts.true_matched += u64::from(partner.is_some());
            *matched |= partner.is_some();
        }
        let void = is_near_void(&ours, Labels { values: &closed, width }, 2.0 * reach);
        is_unknown.iter_mut().zip(void).for_each(|(unknown, void)| *unknown &= void);
    }
    counts.predicted_matched = is_matched.iter().filter(|&&matched| matched).count() as u64;
    counts.predicted = is_matched.iter().zip(&is_unknown).filter(|&(&matched, &unknown)| matched || !unknown).count() as u64;
    counts
}

/// The pixels of a predicted boundary.
fn drawn(labels: Labels<'_>, lines: Lines) -> Vec<Pixel> {
    let (pixels, width) = (boundary(labels), labels.width);
    if lines == Lines::Unthinned {
        return pixels;
    }
    let mut mask = vec![false; labels.values.len()];
    pixels.iter().for_each(|&(y, x)| mask[y as usize * width + x as usize] = true);
    thin(&mut mask, width);
    pixels.into_iter().filter(|&(y, x)| mask[y as usize * width + x as usize]).collect()
}

/// The labels with each void pixel at that of the nearest labelled one within reach.
fn closed(labels: Labels<'_>, reach: f64) -> Vec<u16> {
    let Labels { values, width } = labels;
    if !values.contains(&IGNORED) {
        return values.to_vec();
    }
    let (height, steps) = (values.len() / width.max(1), steps(reach));
    let nearest = |i: usize| {
        let around = around(((i / width) as i32, (i % width) as i32), &steps, (height, width));
        around.map(|place| values[place]).find(|&label| label != IGNORED).unwrap_or(IGNORED)
    };
    values.iter().enumerate().map(|(i, &label)| if label == IGNORED { nearest(i) } else { label }).collect()
}

/// Which pixels lie within reach of a void one.
fn is_near_void(pixels: &[Pixel], labels: Labels<'_>, reach: f64) -> Vec<bool> {
    let Labels { values, width } = labels;
    if !values.contains(&IGNORED) {
        return vec![false; pixels.len()];
    }
    let (height, steps) = (values.len() / width.max(1), steps(reach));
    pixels.iter().map(|&pixel| around(pixel, &steps, (height, width)).any(|place| values[place] == IGNORED)).collect()
}

/// The steps within reach, the shortest first.
fn steps(reach: f64) -> Vec<Pixel> {
    let side = reach as i32;
    let mut steps: Vec<Pixel> = (-side..=side).flat_map(|dy| (-side..=side).map(move |dx| (dy, dx))).collect();
    let square = |&(dy, dx): &Pixel| dy * dy + dx * dx;
    steps.retain(|step| f64::from(square(step)) <= reach * reach);
    steps.sort_by_key(square);
    steps
}

/// The places in the image that steps from a pixel lead to.
fn around(pixel: Pixel, steps: &[Pixel], (height, width): (usize, usize)) -> impl Iterator<Item = usize> {
    let moved = steps.iter().map(move |(dy, dx)| (pixel.0 + dy, pixel.1 + dx));
    let inside = moved.filter(move |&(y, x)| (0..height as i32).contains(&y) && (0..width as i32).contains(&x));
    inside.map(move |(y, x)| y as usize * width + x as usize)
}

/// The distance of two pixels, in whole hundredths as the benchmark has it.
fn hundredths((y, x): Pixel, (v, u): Pixel) -> u32 {
    (100.0 * f64::from((y - v).pow(2) + (x - u).pow(2)).sqrt()).round() as u32
}

/// Candidates of a pixel: everything within the tolerance in pictures up to some 680 x 510 pixels, the nearest in larger ones.
const CANDIDATES: usize = 128;

/// For each of our pixels those of theirs within reach, the nearest first, with their distances in hundredths of a pixel.
fn neighbours(ours: &[Pixel], theirs: &[Pixel], (height, width): (usize, usize), reach: f64) -> Vec<Vec<Edge>> {
    const NONE: u32 = u32::MAX;
    let mut at = vec![NONE; height * width];
    for (i, &(y, x)) in theirs.iter().enumerate() {
        at[y as usize * width + x as usize] = i as u32;
    }
    let steps = steps(reach);
    let near = |&pixel: &Pixel| {
        let found = around(pixel, &steps, (height, width)).map(|place| at[place]).filter(|&i| i != NONE);
        found.take(CANDIDATES).map(|i| (i, hundredths(pixel, theirs[i as usize]))).collect()
    };
    ours.iter().map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_one_pixel_wide_and_ignores_what_is_ignored() {
        let values = [[0, 0, 1, 1]; 3].concat();
        assert_eq!(boundary(Labels { values: &values, width: 4 }), [(0, 1), (1, 1), (2, 1)]);
        let void = [[0, 0, IGNORED, 1]; 2].concat();
        assert!(boundary(Labels { values: &void, width: 4 }).is_empty());
    }

    /// Two regions that meet at a column.
    fn halves(edge: usize) -> Vec<u16> {
        (0..40 * 40).map(|i| u16::from(i % 40 >= edge)).collect()
    }

    fn counts(ours: &[u16], truths: &[&[u16]], tolerance: f64, lines: Lines) -> BoundaryCounts {
        match_boundaries(Labels { values: ours, width: 40 }, truths, tolerance, lines)
    }

    #[test]
    fn a_shifted_boundary_is_found_within_the_tolerance_alone() {
        let (ours, near, far) = (halves(20), halves(21), halves(30));
        for lines in [Lines::Thinned, Lines::Unthinned] {
            let one = counts(&ours, &[&near], 0.02, lines);
            assert_eq!((one.precision(), one.recall(), one.f_measure()), (1.0, 1.0, 1.0));
            assert!(counts(&ours, &[&near], 0.01, lines).f_measure() == 0.0);
            let both = counts(&ours, &[&near, &far], 0.02, lines);
            assert_eq!((both.precision(), both.recall()), (1.0, 0.5));
        }
    }

    #[test]
    fn a_jagged_boundary_gains_nothing_once_it_is_thinned() {
        let jagged: Vec<u16> = (0..40 * 40).map(|i| u16::from(i % 40 >= 19 + i / 40 % 3)).collect();
        let straight = halves(20);
        let [thinned, unthinned] = [Lines::Thinned, Lines::Unthinned].map(|l| counts(&jagged, &[&straight], 0.04, l));
        assert!(thinned.predicted < unthinned.predicted, "{thinned:?} {unthinned:?}");
        assert_eq!(thinned.truth, unthinned.truth, "the truth is as the annotator drew it");
        // Each row has its pixel of the straight line, and the steps between rows have nothing to be matched with.
        assert_eq!(unthinned.true_matched, 40);
        assert!(thinned.precision() > unthinned.precision(), "{thinned:?} {unthinned:?}");
    }

    #[test]
    fn a_void_band_is_the_boundary_in_its_middle() {
        let label = |x: usize| if (18..=22).contains(&x) { IGNORED } else { u16::from(x > 22) };
        let band: Vec<u16> = (0..40 * 40).map(|i| label(i % 40)).collect();
        assert!(boundary(Labels { values: &band, width: 40 }).is_empty());
        let found = counts(&halves(20), &[&band], 0.06, Lines::Thinned);
        assert_eq!((found.precision(), found.recall(), found.truth), (1.0, 1.0, 40));
    }

    #[test]
    fn nothing_predicted_in_wide_void_counts_against() {
        let half_void: Vec<u16> = (0..40 * 40).map(|i| if i % 40 >= 20 { IGNORED } else { 0 }).collect();
        let (inside, outside) = (halves(30), halves(5));
        assert_eq!(counts(&inside, &[&half_void], 0.02, Lines::Thinned), BoundaryCounts::default());
        assert_eq!(counts(&outside, &[&half_void], 0.02, Lines::Thinned).predicted, 40);
        let known = halves(10);
        assert_eq!(counts(&inside, &[&half_void, &known], 0.02, Lines::Thinned).predicted, 40, "somebody knows better");
    }
}
