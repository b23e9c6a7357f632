//! Segmenters: one file each, one row in [`SEGMENTERS`]. Beside these the maps of any method that has a row for each target can
//! be clustered as ULTra does: [`MapTree`].

pub mod affinity;
pub mod agglomerative;
pub mod bipartition;
pub mod colour_affinity;
pub mod component;
pub mod finish;
pub mod kmeans;
pub mod knobs;
pub mod lloyd;
pub mod lost;
pub mod ncut;
pub mod pixels;
pub mod regions;
pub mod relations;
pub mod scope;
pub mod slic;
pub mod spectral;
pub mod superpixels;
pub mod tokencut;
pub mod ultra;

pub use finish::{Finish, TokenTree};
pub use relations::Relations;
pub use scope::{Rgb, Scope};
pub use ultra::MapTree;

use crate::domain::grid::PixelRect;
use crate::domain::info::Info;
use crate::domain::knob::Knob;
use crate::domain::linkage::LinkageTree;
use crate::domain::request::Cut;
use crate::domain::segmentation::Segmentation;
use crate::domain::{Error, Result};

/// What decides how many segments there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutting {
    /// A linkage tree, which is cut after the work is done, by a count or a distance.
    Tree,
    /// A count, which is a part of the question.
    Count,
    /// The segmenter itself.
    Fixed,
}

/// A way to divide a picture by what a model made of it.
pub trait Segmenter: Sync {
    /// What it is.
    fn info(&self) -> &'static Info;

    /// What decides how many segments there are.
    fn cutting(&self) -> Cutting;

    /// Divides the picture.
    ///
    /// # Errors
    /// A refusal where the layer or a parameter does not fit; [`Error::Cancelled`].
    fn segment(&self, scope: &Scope<'_>) -> Result<Partition>;
}

/// A picture divided: for good, or as a tree that can be cut again.
#[derive(Clone, Debug)]
pub enum Partition {
    /// Maps of all patches and the tree of their distances.
    Maps(MapTree),
    /// Patches and the tree of the distances of their vectors.
    Tree(TokenTree),
    /// Labels at the count that was asked for.
    Flat {
        /// The labels.
        segmentation: Segmentation,
        /// Boxes around what was found, in pixels of the model's input.
        boxes: Vec<PixelRect>,
    },
}

impl Partition {
    /// Labels for a cut; those that are there where nothing can be cut.
    pub fn segmentation(&self, cut: Cut) -> Segmentation {
        match self {
            Self::Maps(maps) => maps.segmentation(cut),
            Self::Tree(tree) => tree.segmentation(cut),
            Self::Flat { segmentation, .. } => segmentation.clone(),
        }
    }

    /// The linkage tree, where there is one.
    pub fn tree(&self) -> Option<&LinkageTree> {
        match self {
            Self::Maps(maps) => Some(&maps.tree),
            Self::Tree(tree) => Some(&tree.tree),
            Self::Flat { .. } => None,
        }
    }

    /// Boxes around what was found.
    pub fn boxes(&self) -> &[PixelRect] {
        match self {
            Self::Maps(_) | Self::Tree(_) => &[],
            Self::Flat { boxes, .. } => boxes,
        }
    }

    /// Bytes that it holds.
    pub fn num_bytes(&self) -> usize {
        match self {
            Self::Maps(maps) => maps.maps.len() * 4,
            Self::Tree(tree) => tree.tree.num_leaves() * 64,
            Self::Flat { segmentation, .. } => segmentation.labels.len() * 2,
        }
    }
}

/// Every segmenter beside the clustering of maps, in menu order.
pub const SEGMENTERS: &[&dyn Segmenter] = &[
    &kmeans::KMeans,
    &agglomerative::Agglomerative,
    &ncut::NormalisedCut,
    &spectral::DeepSpectral,
    &tokencut::TokenCut,
    &tokencut::MaskCut,
    &lost::Lost,
    &slic::Superpixels,
];

/// The segmenter with an id; none where maps of a method are meant.
pub fn by_id(id: &str) -> Option<&'static dyn Segmenter> {
    SEGMENTERS.iter().copied().find(|s| s.info().id == id)
}

/// The knobs of a segmentation by a segmenter, or by clustering the maps of a method, whose labels can follow superpixels too.
pub fn knobs_of(info: &Info) -> Vec<&'static Knob> {
    let beside: &[&'static Knob] = if by_id(info.id).is_some() { &[] } else { knobs::OF_REGIONS };
    info.knobs.iter().chain(beside).copied().collect()
}

/// Refuses more patches than pairwise distances of which would fit into a gigabyte.
///
/// # Errors
/// That refusal.
pub fn check_patches(patches: usize) -> Result<()> {
    if patches <= MAX_PATCHES {
        return Ok(());
    }
    Err(Error::refused("segment", format!("{patches} patches are too many to cluster"))
        .expected(format!("at most {MAX_PATCHES}"))
        .remedy("choose a smaller --size"))
}

/// Above this many patches the condensed distances would pass a gigabyte.
const MAX_PATCHES: usize = 16_384;
