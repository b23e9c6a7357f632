//! What the engine answers.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::verify::Verification;
use crate::domain::Notices;
use crate::domain::exhibit::{Exhibit, Shown};
use crate::domain::grid::PixelRect;
use crate::domain::heatmap::Heatmap;
use crate::domain::request::{Own, Request, Tokens, Tower};
use crate::domain::segmentation::Segmentation;
use crate::domain::span::Span;
use crate::domain::token::TokenLayout;
use crate::input::Picture;
use crate::measure::Score;
use crate::method::span::Sources;
use crate::method::{Info, Reach};
use crate::model::{Digest, Scoring};
use crate::render::pyramid::{self, Levels};
use crate::segment::{Cutting, Partition, Relations};

/// An answer to a [`Request`]; cheap to clone.
#[derive(Clone, Debug)]
pub enum Output {
    /// Of a trace: what the model made of the input.
    Scene(Arc<Scene>),
    /// Of an explanation.
    Explanation(Arc<Explanation>),
    /// Of a segmentation.
    Segments(Arc<Segments>),
    /// Of a verification.
    Verification(Arc<Verification>),
    /// Of a generation.
    Continuation(Arc<Continuation>),
}

impl Output {
    /// The input as the model saw it, which all answers but verifications have.
    pub fn scene(&self) -> Option<&Arc<Scene>> {
        match self {
            Self::Scene(scene) => Some(scene),
            Self::Explanation(explanation) => Some(&explanation.scene),
            Self::Segments(segments) => Some(&segments.scene),
            Self::Continuation(continuation) => Some(&continuation.scene),
            Self::Verification(_) => None,
        }
    }
}

/// A text and what a model added to it.
#[derive(Clone, Debug)]
pub struct Continuation {
    /// The question, as asked.
    pub request: Request,
    /// The whole text, and what the model is.
    pub scene: Arc<Scene>,
    /// `[T]`, the tokens of the whole text as the model reads and chose them.
    pub ids: Vec<u32>,
    /// Why no token follows.
    pub ending: Ending,
}

impl Continuation {
    /// Letters that were added.
    pub fn generated(&self) -> &str {
        self.scene.layout.text.as_ref().map_or("", |text| text.generated())
    }

    /// Tokens that were added.
    pub fn num_generated(&self) -> usize {
        let seam = self.scene.layout.text.as_ref().and_then(|text| text.generated_from);
        seam.map_or(0, |seam| self.ids.len().saturating_sub(seam.position))
    }
}

/// Why no token follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As many as were asked for are there.
    Count,
    /// The model said that the text is at its end.
    EndOfText,
    /// The model reads no more.
    ModelFull {
        /// Tokens that it reads.
        max_tokens: usize,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("as many tokens as were asked for"),
            Self::EndOfText => f.write_str("the model ended the text"),
            Self::ModelFull { max_tokens } => write!(f, "the model reads no more than {max_tokens} tokens"),
        }
    }
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
    /// What the user should know of how the model and the input were read.
    pub notices: Notices,
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

impl Photo {
    /// Whether the model saw less than the whole picture.
    pub fn is_cropped(&self) -> bool {
        self.seen.width + 0.5 < self.picture.width as f64 || self.seen.height + 0.5 < self.picture.height as f64
    }
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
    /// Which tower of a checkpoint that has two.
    pub tower: Option<Tower>,
    /// Whether images can be compared with phrases: their towers end in one space.
    pub takes_phrases: bool,
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
    /// Whether each token sees only those before it and predicts the next.
    pub is_causal: bool,
    /// C of class scores of the whole input; 0 without.
    pub num_classes: usize,
    /// What the scores of classes mean.
    pub scoring: Scoring,
    /// Whether a language head scores words.
    pub scores_words: bool,
    /// Parameters in all.
    pub num_parameters: usize,
    /// SHA-256 of the weights files, computed when a record asks for it.
    pub sha256: Digest,
}

impl ModelFacts {
    /// The family, and the tower where there are two: `clip, image tower`.
    pub fn kind(&self) -> String {
        self.tower.map_or_else(|| self.family.clone(), |tower| format!("{}, {tower} tower", self.family))
    }
}

/// A class, or a word that may come next, and how probable the model finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the class.
    pub class: usize,
    /// Name, from config.json's id2label.
    pub name: String,
    /// Its probability, 0..1, or its plain value: see [`ModelFacts::scoring`].
    pub level: f32,
}

/// How the whole picture agrees with a phrase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// The phrase.
    pub phrase: String,
    /// Cosine of their vectors, -1..1.
    pub cosine: f32,
    /// What the model makes of the cosine: `exp(logit_scale) cosine`, and SigLIP adds `logit_bias`. `None` without a `logit_scale`.
    pub logit: Option<f32>,
    /// How probable the model finds the phrase, 0..1: among those named (CLIP), or alone (SigLIP).
    pub probability: Option<f32>,
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
    /// Positions of the targets; of a span or of a word of several pieces, which have one row, the first.
    pub positions: Vec<usize>,
    /// `[positions, T]`, prefix tokens included, own entries untouched.
    pub relevance: Arc<[f32]>,
    /// `[L + 1, T]`, the one target's or the span's row at every layer, where that was asked; NaN where the method has none.
    pub layers: Option<Arc<[f32]>>,
    /// How much the span depends on its sources, where that was asked.
    pub score: Option<Arc<Score>>,
    /// The phrases that the request names, the one that the rows are made of first.
    pub matches: Vec<Match>,
    /// What there is to see beside the rows; of a single target alone.
    pub shown: Arc<Shown>,
}

impl Explanation {
    /// The relevance row of the n-th target, `[T]`.
    pub fn row(&self, n: usize) -> &[f32] {
        let tokens = self.scene.layout.len();
        &self.relevance[n * tokens..][..tokens]
    }

    /// The heatmap of the n-th target; the own-entry rule applies to methods that have one.
    pub fn heatmap(&self, n: usize) -> Heatmap {
        self.heatmap_of(self.row(n), self.target(n))
    }

    /// The heatmap of a relevance row, as [`Self::heatmap`].
    pub fn heatmap_of(&self, row: &[f32], target: Span) -> Heatmap {
        Heatmap::from_relevance(&self.scene.layout, row, self.scope(target), self.own())
    }

    /// What a row is of: its target, or all tokens where the row is the same for every target.
    pub fn scope(&self, target: Span) -> Span {
        let all = Span { from: 0, to: self.scene.layout.len() };
        if self.method.reach == Reach::Whole { all } else { target }
    }

    /// The rows of every layer, layer 0 first, where they are there.
    pub fn layer_rows(&self) -> Vec<Vec<f32>> {
        let tokens = self.scene.layout.len().max(1);
        self.layers.iter().flat_map(|layers| layers.chunks_exact(tokens)).map(<[f32]>::to_vec).collect()
    }

    /// The patches of the n-th heatmap that set the limits of its colours: see [`Heatmap::ranged`]. Of a span's sources in a causal
    /// model not the first token, where attention is left that means nothing.
    pub fn ranged(&self, n: usize) -> Vec<usize> {
        self.ranged_of(&self.heatmap(n), self.target(n))
    }

    /// As [`Self::ranged`], of a heatmap.
    pub fn ranged_of(&self, map: &Heatmap, target: Span) -> Vec<usize> {
        let mut ranged = map.ranged(&self.scene.layout, target, self.own());
        if self.sources().is_some_and(|s| s.is_causal && s.span.from > 1) {
            ranged.retain(|&position| position != 0);
        }
        ranged
    }

    /// The span that is explained, if one is, and what counts as its sources.
    pub fn sources(&self) -> Option<Sources> {
        let Tokens::Span(span) = self.request.tokens else { return None };
        Some(Sources { span, is_causal: self.scene.model.is_causal, signed: self.method.signed })
    }

    /// What the n-th row is of: a token, the pieces of a word, or the span.
    pub fn target(&self, n: usize) -> Span {
        let named = match &self.request.tokens {
            Tokens::Span(span) => Some(*span),
            Tokens::These(tokens) => tokens.get(n).and_then(|token| self.scene.layout.resolve_all(token).ok()),
            Tokens::All => None,
        };
        named.unwrap_or_else(|| self.positions[n].into())
    }

    /// Positions of everything that is explained: the targets, all pieces of words, or the tokens of the span.
    pub fn explained(&self) -> Vec<usize> {
        (0..self.positions.len()).flat_map(|n| self.target(n).positions()).collect()
    }

    /// The span that is explained, if one is.
    pub fn span(&self) -> Option<Span> {
        self.sources().map(|sources| sources.span)
    }

    /// What a heatmap shows at its own target; a span's own entries have no value.
    fn own(&self) -> Own {
        let follows = self.method.uses(crate::method::Uses::Own) && self.span().is_none();
        if follows { self.request.params.own } else { Own::Keep }
    }
}

/// A picture divided; where there is a linkage tree, cut it as often as you like.
#[derive(Clone, Debug)]
pub struct Segments {
    /// The question, as asked; its cut is only where the window or the figure begins, unless [`Cutting::Count`] says otherwise.
    pub request: Request,
    /// What the input and the model are.
    pub scene: Arc<Scene>,
    /// The segmenter, or the method that made the maps.
    pub method: &'static Info,
    /// What decides how many segments there are.
    pub cutting: Cutting,
    /// The layer, 0..L.
    pub layer: usize,
    /// Relevance rows of every patch, as the method gave them, where maps were clustered.
    pub maps: Option<Arc<Explanation>>,
    /// The labels, or what they are cut from.
    pub partition: Partition,
    /// What segments are to each other as tokens of their own.
    pub relations: Arc<Relations>,
    /// What there is to see beside the labels, at the cut that was asked for.
    pub shown: Arc<Shown>,
}

impl Segments {
    /// What there is to see beside the labels of a cut: see [`Relations::exhibits`].
    pub fn exhibits(&self, segmentation: &Segmentation) -> Vec<Exhibit> {
        self.relations.exhibits(&segmentation.patch_labels, segmentation.colours.len())
    }
}
