//! Methods and segmenters as the window offers them.

use crate::app::state::{Lane, Mode};
use crate::domain::info::Info;
use crate::domain::knob::Knob;
use crate::method::{METHODS, Reach};
use crate::segment::{Cutting, SEGMENTERS, knobs_of};

/// Headings of the menu of methods and the ids below each; methods that are named nowhere stand at the end.
pub const GROUPS: &[(&str, &[&str])] = &[
    (
        "Relevance",
        &["ultra", "class-relevance", "grad-cam", "input-gradient", "integrated-gradients", "occlusion", "semantic-budget"],
    ),
    ("Attention", &["attention", "rollout", "value-weighted", "attention-entropy"]),
    ("Features", &["similarity", "agreement", "feature-pca", "token-norms", "stego"]),
    ("Weights", &["qk-modes"]),
    ("Text", &["logit-lens", "tuned-lens", "layer-saliency"]),
];

/// Everything that divides a picture: methods whose maps of all patches are clustered, then the segmenters.
pub fn segmenters() -> impl Iterator<Item = (&'static Info, Cutting)> {
    let maps = METHODS.iter().map(|m| m.info()).filter(|info| info.reach == Reach::Rows).map(|info| (info, Cutting::Tree));
    maps.chain(SEGMENTERS.iter().map(|s| (s.info(), s.cutting())))
}

/// The declaration of a knob, by its id.
pub fn knob(id: &str) -> Option<&'static Knob> {
    let of_methods = METHODS.iter().flat_map(|m| m.info().knobs).copied();
    of_methods.chain(segmenters().flat_map(|(info, _)| knobs_of(info))).find(|knob| knob.id == id)
}

impl Lane {
    /// The segmenter and what decides how many segments it makes; the first of the menu when the id is unknown.
    pub fn segmenter(&self) -> Option<(&'static Info, Cutting)> {
        let named = segmenters().find(|(info, _)| info.id == self.question.segmenter);
        named.or_else(|| segmenters().next())
    }

    /// The facts of what the mode asks: the method's, or the segmenter's.
    pub fn asked(&self) -> Option<&'static Info> {
        match self.question.mode {
            Mode::Heatmap => self.question.info(),
            Mode::Segments => self.segmenter().map(|(info, _)| info),
        }
    }

    /// The parameters of its own that what is asked has.
    pub fn knobs(&self) -> Vec<&'static Knob> {
        match self.question.mode {
            Mode::Heatmap => self.question.info().map_or_else(Vec::new, |info| info.knobs.to_vec()),
            Mode::Segments => self.segmenter().map_or_else(Vec::new, |(info, _)| knobs_of(info)),
        }
    }
}
