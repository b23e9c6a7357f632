//! Segmenters: one file each, one row in [`SEGMENTERS`]. Beside these the maps of any method that has a row for each target can
//! be clustered as ULTra does: [`MapTree`].

pub mod ultra;

pub use ultra::MapTree;

use crate::domain::Control;
use crate::domain::grid::PixelRect;
use crate::domain::info::Info;
use crate::domain::linkage::LinkageTree;
use crate::domain::request::{Cut, Params};
use crate::domain::segmentation::Segmentation;
use crate::domain::{Error, Result};
use crate::model::{Model, Trace};

/// What a segmenter is asked.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The model.
    pub model: &'a Model,
    /// Its activations.
    pub trace: &'a Trace,
    /// Layer 0..L.
    pub layer: usize,
    /// The segmenter's parameters.
    pub params: &'a Params,
    /// How many segments; of those that give a linkage tree only where drawing begins.
    pub cut: Cut,
    /// The picture as the model sees it, before its colours are normalised: `[height, width, 3]`, 0..255.
    pub rgb: &'a [u8],
    /// Pixels of the model's input: height, width.
    pub size: (usize, usize),
    /// Looked at between steps.
    pub control: &'a Control,
}

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
            Self::Flat { segmentation, .. } => segmentation.clone(),
        }
    }

    /// The linkage tree, where there is one.
    pub fn tree(&self) -> Option<&LinkageTree> {
        match self {
            Self::Maps(maps) => Some(&maps.tree),
            Self::Flat { .. } => None,
        }
    }

    /// Boxes around what was found.
    pub fn boxes(&self) -> &[PixelRect] {
        match self {
            Self::Maps(_) => &[],
            Self::Flat { boxes, .. } => boxes,
        }
    }

    /// Bytes that it holds.
    pub fn num_bytes(&self) -> usize {
        match self {
            Self::Maps(maps) => maps.maps.len() * 4,
            Self::Flat { segmentation, .. } => segmentation.labels.len() * 2,
        }
    }
}

/// Every segmenter beside the clustering of maps, in menu order.
pub const SEGMENTERS: &[&dyn Segmenter] = &[];

/// The segmenter with an id; none where maps of a method are meant.
pub fn by_id(id: &str) -> Option<&'static dyn Segmenter> {
    SEGMENTERS.iter().copied().find(|s| s.info().id == id)
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
