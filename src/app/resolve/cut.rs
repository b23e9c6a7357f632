//! A segmentation at a cut.

use std::sync::Arc;

use crate::domain::exhibit::Shown;
use crate::domain::request::Cut;
use crate::domain::segmentation::Segmentation;
use crate::engine::Segments;

/// A segmentation at a cut.
#[derive(Clone, Debug)]
pub struct CutView {
    /// The maps and their tree.
    pub segments: Arc<Segments>,
    /// The cut.
    pub cut: Cut,
    /// Labels at that cut.
    pub segmentation: Arc<Segmentation>,
    /// `[clusters]`, share of the pixels.
    pub shares: Vec<f64>,
    /// What segments are to each other at that cut.
    pub shown: Arc<Shown>,
}

impl CutView {
    /// Segments that some pixel belongs to.
    pub fn num_segments(&self) -> usize {
        self.shares.iter().filter(|share| **share > 0.0).count()
    }
}
