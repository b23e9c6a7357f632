//! What the engine answers.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::domain::grid::PixelRect;
use crate::domain::heatmap::Heatmap;
use crate::domain::request::{Own, Request};
use crate::domain::token::TokenLayout;
use crate::input::Picture;
use crate::method::Info;
use crate::model::Digest;
use crate::render::pyramid::{self, Levels};
use crate::segment::MapTree;

/// An answer to a [`Request`]; cheap to clone.
#[derive(Clone, Debug)]
pub enum Output {
    /// Of a trace: what the model made of the input.
    Scene(Arc<Scene>),
    /// Of an explanation.
    Explanation(Arc<Explanation>),
    /// Of a segmentation.
    Segments(Arc<Segments>),
}

/// One input as one model saw it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The picture; a text has none, its words are in `layout`.
    pub photo: Option<Photo>,
    /// The model's sequence.
    pub layout: TokenLayout,
    /// Facts about the model.
    pub model: ModelFacts,
    /// Most probable classes first, where the model has a head; at most five.
    pub predictions: Vec<Prediction>,
}

/// A picture, and which part of it a model saw at which size.
#[derive(Clone, Debug)]
pub struct Photo {
    /// Upright, possibly scaled down from the file's size.
    pub picture: Arc<Picture>,
    /// Its sizes for drawing, made by the worker thread before the window sees the scene; the command line has no use for them.
    pub levels: OnceLock<Levels>,
    /// The part of `picture` that the model saw, in its pixels.
    pub seen: PixelRect,
    /// Pixels of the model's input: height, width.
    pub input_size: (usize, usize),
}

impl Scene {
    /// Makes the sizes of the picture that drawing needs, unless they are there.
    pub fn make_levels(&self) {
        if let Some(photo) = &self.photo {
            photo.levels.get_or_init(|| pyramid::levels(&photo.picture));
        }
    }
}

/// Facts about a loaded model.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// Name of its folder.
    pub name: String,
    /// Its folder; the program's own models have none.
    pub folder: Option<PathBuf>,
    /// `model_type` of its config.json.
    pub family: String,
    /// L.
    pub num_layers: usize,
    /// H.
    pub num_heads: usize,
    /// D.
    pub width: usize,
    /// Pixels a side of a patch; 0 for models that read texts.
    pub patch_size: usize,
    /// Whether layers come out of a layer norm.
    pub is_post_norm: bool,
    /// Parameters in all.
    pub num_parameters: usize,
    /// SHA-256 of the weights file, computed when a record asks for it.
    pub sha256: Digest,
}

/// A class and how probable the model finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the class.
    pub class: usize,
    /// Name, from config.json's id2label.
    pub name: String,
    /// Softmax over all classes, 0..1.
    pub probability: f32,
}

/// Relevance rows.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The question, as asked.
    pub request: Request,
    /// What the input and the model are.
    pub scene: Arc<Scene>,
    /// The method.
    pub method: &'static Info,
    /// The layer, 0..L.
    pub layer: usize,
    /// Positions of the targets.
    pub positions: Vec<usize>,
    /// `[positions, T]`, prefix tokens included, own entries untouched.
    pub relevance: Arc<[f32]>,
}

impl Explanation {
    /// The relevance row of the n-th target, `[T]`.
    pub fn row(&self, n: usize) -> &[f32] {
        let tokens = self.scene.layout.len();
        &self.relevance[n * tokens..][..tokens]
    }

    /// The heatmap of the n-th target; the own-entry rule applies to methods that have one.
    pub fn heatmap(&self, n: usize) -> Heatmap {
        Heatmap::from_relevance(&self.scene.layout, self.row(n), self.positions[n], self.own())
    }

    /// The patches of the n-th heatmap that set the limits of its colours: see [`Heatmap::ranged`].
    pub fn ranged(&self, n: usize) -> Vec<usize> {
        self.heatmap(n).ranged(&self.scene.layout, self.positions[n], self.own())
    }

    /// What a heatmap shows at its own target.
    fn own(&self) -> Own {
        if self.method.uses(crate::method::Uses::Own) { self.request.params.own } else { Own::Keep }
    }
}

/// Maps of all patches and how they cluster; cut it as often as you like.
#[derive(Clone, Debug)]
pub struct Segments {
    /// The question, as asked; its cut is only where the window or the figure begins.
    pub request: Request,
    /// What the input and the model are.
    pub scene: Arc<Scene>,
    /// The method that made the maps.
    pub method: &'static Info,
    /// The layer, 0..L.
    pub layer: usize,
    /// Relevance rows of every patch, as the method gave them.
    pub maps: Arc<Explanation>,
    /// The heatmaps made of them, and their linkage tree.
    pub tree: MapTree,
}
