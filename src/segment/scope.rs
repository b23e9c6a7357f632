//! What a segmenter is asked, and what all of them need of it.

use std::cell::OnceCell;
use std::fmt;

use super::Partition;
use super::affinity::unit_vectors;
use super::component::PatchBox;
use super::finish::{Finish, of_clusters};
use super::lost::Object;
use crate::domain::grid::{Grid, PixelRect};
use crate::domain::request::{Cut, Facet, Params};
use crate::domain::{Control, Error, Result};
use crate::model::features::features_with;
use crate::model::{Model, Trace};

/// The picture as the model sees it, before its colours are normalised; made when somebody looks at it.
pub struct Rgb<'a> {
    make: &'a dyn Fn() -> Vec<u8>,
    made: OnceCell<Vec<u8>>,
}

impl<'a> Rgb<'a> {
    /// What `make` gives: `[height, width, 3]`, 0..255.
    pub fn new(make: &'a dyn Fn() -> Vec<u8>) -> Self {
        Self { make, made: OnceCell::new() }
    }

    /// `[height, width, 3]`, 0..255.
    pub fn pixels(&self) -> &[u8] {
        self.made.get_or_init(self.make)
    }
}

impl fmt::Debug for Rgb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rgb").field("made", &self.made.get().map(Vec::len)).finish()
    }
}

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
    /// The picture, for those who look at its colours.
    pub rgb: &'a Rgb<'a>,
    /// Pixels of the model's input: height, width.
    pub size: (usize, usize),
    /// Looked at between steps.
    pub control: &'a Control,
}

impl Scope<'_> {
    /// The patches.
    pub fn grid(&self) -> Grid {
        self.trace.layout.grid
    }

    /// K, at most N.
    ///
    /// # Errors
    /// A refusal of a cut at a distance.
    pub fn clusters(&self) -> Result<usize> {
        match self.cut {
            Cut::Clusters(count) => Ok(count.clamp(1, self.grid().len().max(1))),
            Cut::Distance(_) => Err(Error::refused("segment", "a distance does not say how many segments there are")
                .expected("--clusters K")
                .remedy("name the number of segments")),
        }
    }

    /// Vectors of the patches, and how many numbers a patch has.
    ///
    /// # Shapes
    /// `[N, width]`.
    ///
    /// # Errors
    /// A refusal of queries, keys and values at layer 0.
    pub fn features(&self, facet: Facet) -> Result<(Vec<f32>, usize)> {
        let all = features_with(self.model, self.trace, self.layer, facet, &self.params.knobs)?;
        Ok((all.of_patches(self.trace).to_vec(), all.width))
    }

    /// As [`Self::features`], each vector of length 1.
    ///
    /// # Errors
    /// As [`Self::features`], and of what is not finite.
    pub fn unit_features(&self, facet: Facet) -> Result<(Vec<f64>, usize)> {
        let (values, width) = self.features(facet)?;
        Ok((unit_vectors(&values, width)?, width))
    }

    /// What is done to labels of patches.
    ///
    /// # Errors
    /// As [`Finish::new`].
    pub fn finish(&self) -> Result<Finish> {
        Finish::new(self.params, self.rgb, self.size, &self.control.cancel)
    }

    /// The picture divided into clusters of patches, numbered by their first patch.
    ///
    /// # Shapes
    /// `labels` is `[N]`.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn divided(&self, labels: &[usize]) -> Result<Partition> {
        let segmentation = of_clusters(labels, self.grid(), self.size, &self.finish()?);
        Ok(Partition::Flat { segmentation, boxes: Vec::new() })
    }

    /// The picture divided into a ground, label 0, and objects, labels 1 and on, with their boxes.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn with_objects(&self, objects: &[Object]) -> Result<Partition> {
        let mut labels = vec![0_u16; self.grid().len()];
        for (label, object) in (1..).zip(objects) {
            labels.iter_mut().zip(&object.mask).filter(|(_, inside)| **inside).for_each(|(l, _)| *l = label);
        }
        let colours = (0..=objects.len()).collect();
        let segmentation = self.finish()?.segmentation(labels, colours, self.grid(), self.size);
        let boxes = objects.iter().filter_map(|object| object.around).map(|around| self.in_pixels(around)).collect();
        Ok(Partition::Flat { segmentation, boxes })
    }

    fn in_pixels(&self, around: PatchBox) -> PixelRect {
        let (grid, (height, width)) = (self.grid(), self.size);
        let (of_row, of_col) = (height as f64 / grid.rows.max(1) as f64, width as f64 / grid.cols.max(1) as f64);
        PixelRect {
            x: around.left as f64 * of_col,
            y: around.top as f64 * of_row,
            width: (around.right - around.left) as f64 * of_col,
            height: (around.bottom - around.top) as f64 * of_row,
        }
    }
}
