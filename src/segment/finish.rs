//! From labels of patches to a segmentation: how edges run between patches, and whether labels follow the picture's own borders.

use std::sync::Arc;

use super::knobs::{COMPACTNESS, EDGES, REGIONS, SUPERPIXELS};
use super::pixels::{nearest, numbered_by_first, smooth};
use super::regions::Regions;
use super::scope::Rgb;
use super::superpixels::{Slic, slic};
use crate::domain::grid::Grid;
use crate::domain::linkage::LinkageTree;
use crate::domain::request::{Cut, Params};
use crate::domain::segmentation::Segmentation;
use crate::domain::{Cancel, Result};

/// What is done to labels after a cut; cheap enough for every frame of a dragged slider.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// Whether edges between patches are those of bilinear interpolation.
    pub smooth: bool,
    /// Regions that are each of one label.
    pub regions: Option<Arc<Regions>>,
}

impl Finish {
    /// As the parameters say; `size` is height and width of the model's input.
    ///
    /// # Errors
    /// A refusal of a parameter; [`crate::domain::Error::Cancelled`].
    pub fn new(params: &Params, rgb: &Rgb<'_>, size: (usize, usize), cancel: &Cancel) -> Result<Self> {
        let smooth = params.knobs.choice(&EDGES)? == "smooth";
        let regions = match params.knobs.choice(&REGIONS)? {
            "slic" => Some(Arc::new(slic(rgb.pixels(), size, slic_of(params)?, cancel)?)),
            _ => None,
        };
        Ok(Self { smooth, regions })
    }

    /// The segmentation of labels of patches.
    ///
    /// # Shapes
    /// `patch_labels` is `[N]`, `colours` has one for each label, `size` is height and width in pixels.
    pub fn segmentation(
        &self,
        patch_labels: Vec<u16>,
        colours: Vec<usize>,
        grid: Grid,
        (height, width): (usize, usize),
    ) -> Segmentation {
        let spread = if self.smooth { smooth } else { nearest };
        let mut labels = spread(&patch_labels, grid, (height, width));
        self.sharpen(&mut labels, colours.len());
        Segmentation { height, width, labels, patch_labels, colours }
    }

    /// Lets each region vote, where there are regions.
    ///
    /// # Shapes
    /// `labels` is `[height, width]`, each below `count`.
    pub fn sharpen(&self, labels: &mut [u16], count: usize) {
        if let Some(regions) = &self.regions {
            regions.vote(labels, count);
        }
    }
}

/// How superpixels are made, as the parameters say.
///
/// # Errors
/// A refusal of a parameter.
pub fn slic_of(params: &Params) -> Result<Slic> {
    let (count, compactness) = (params.knobs.whole(&SUPERPIXELS)?, params.knobs.real(&COMPACTNESS)?);
    Ok(Slic { count, compactness, ..Slic::default() })
}

/// Patches and the tree of their distances.
#[derive(Clone, Debug)]
pub struct TokenTree {
    /// How the patches cluster.
    pub tree: LinkageTree,
    /// What is done after a cut.
    pub finish: Finish,
    grid: Grid,
    size: (usize, usize),
    colours: Arc<[usize]>,
}

impl TokenTree {
    /// A tree over the patches of a grid; `size` is height and width of the model's input.
    pub fn new(tree: LinkageTree, grid: Grid, size: (usize, usize), finish: Finish) -> Self {
        let colours = tree.colours().into();
        Self { tree, finish, grid, size, colours }
    }

    /// Labels for a cut. Cheap enough for every frame of a dragged slider.
    pub fn segmentation(&self, cut: Cut) -> Segmentation {
        let clusters = self.tree.cut(cut);
        let labels = clusters.label_of.iter().map(|&label| label as u16).collect();
        let colours = clusters.node_of.iter().map(|&node| self.colours[node]).collect();
        self.finish.segmentation(labels, colours, self.grid, self.size)
    }
}

/// The segmentation of clusters of patches, numbered by their first patch.
pub fn of_clusters(labels: &[usize], grid: Grid, size: (usize, usize), finish: &Finish) -> Segmentation {
    let (labels, count) = numbered_by_first(labels);
    finish.segmentation(labels, (0..count).collect(), grid, size)
}
