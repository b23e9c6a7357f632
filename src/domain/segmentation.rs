//! A segmentation: one label a pixel of the model's input, and one a patch.

/// Labels, numbered by their first patch; where objects are told from a ground, the ground is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// Pixels of the model's input.
    pub height: usize,
    /// Pixels of the model's input.
    pub width: usize,
    /// `[height, width]`, row-major.
    pub labels: Vec<u16>,
    /// `[N]`, the cluster of each patch; a pixel's label need not equal its patch's.
    pub patch_labels: Vec<u16>,
    /// `[clusters]`, colour index of each label: see [`super::colormap::label_colour`].
    pub colours: Vec<usize>,
}

impl Segmentation {
    /// Share of the pixels that each label has, 0..1.
    pub fn shares(&self) -> Vec<f64> {
        let mut counts = vec![0_usize; self.colours.len()];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts.iter().map(|&n| n as f64 / self.labels.len().max(1) as f64).collect()
    }

    /// Whether a pixel differs from its right or lower neighbour.
    pub fn is_edge(&self, x: usize, y: usize) -> bool {
        let at = |x: usize, y: usize| self.labels[y.min(self.height - 1) * self.width + x.min(self.width - 1)];
        at(x, y) != at(x + 1, y) || at(x, y) != at(x, y + 1)
    }
}
