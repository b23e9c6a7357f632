//! ULTra's segmentation.

use std::sync::Arc;

use crate::domain::linkage::LinkageTree;
use crate::domain::request::Cut;
use crate::domain::segmentation::Segmentation;

/// Maps of all patches and the tree of their cosine distances.
#[derive(Clone, Debug)]
pub struct MapTree {
    /// `[N, N]`: the map of each patch, after the own-entry rule.
    pub maps: Arc<[f32]>,
    /// How the maps cluster.
    pub tree: LinkageTree,
}

impl MapTree {
    /// Labels for a cut.
    pub fn segmentation(&self, _cut: Cut) -> Segmentation {
        Segmentation { height: 0, width: 0, labels: Vec::new(), patch_labels: Vec::new(), colours: Vec::new() }
    }
}
