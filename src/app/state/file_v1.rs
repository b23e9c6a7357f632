//! Session files of version 1, which held one lane and the window's theme, all fields side by side.

use serde::Deserialize;

use super::document::Document;
use super::lane::Lane;
use super::look::{Look, MatrixLook};
use super::prefs::Theme;
use super::question::{Mode, Question};
use super::selection::Selection;
use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::request::{Cut, DeviceKind, Generation, Input, ModelRef, Params, SizeRule, Tower};
use crate::domain::span::Span;
use crate::domain::token::TokenRef;
use crate::render::Interpolation;

/// Its fields; one that is missing has the value that it has in a new lane.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Version1 {
    #[serde(rename = "version")]
    _version: u32,
    input: Option<Input>,
    model: Option<ModelRef>,
    other_model: Option<ModelRef>,
    tower: Option<Tower>,
    size: SizeRule,
    device: DeviceKind,
    layer: i32,
    pinned: Option<TokenRef>,
    span: Option<Span>,
    score: bool,
    matrix: MatrixLook,
    method: String,
    segmenter: String,
    params: Params,
    generation: Option<Generation>,
    sampling: Generation,
    mode: Mode,
    look: Look1,
    cut: Cut,
    solo: Option<usize>,
    outlines: bool,
    exhibits: bool,
    segment_exhibits: bool,
    /// A preference since version 2, which opening a file does not change.
    #[serde(rename = "theme")]
    _theme: Theme,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Look1 {
    colormap: Option<Colormap>,
    range: Option<RangeRule>,
    opacity: f32,
    interpolation: Interpolation,
    overlay: bool,
    grid: bool,
}

impl Default for Look1 {
    fn default() -> Self {
        let Look { colormap, range, opacity, interpolation, overlay, grid, .. } = Look::default();
        Self { colormap, range, opacity, interpolation, overlay, grid }
    }
}

impl Default for Version1 {
    fn default() -> Self {
        let (question, look) = (Question::default(), Look::default());
        Self {
            _version: 1,
            input: None,
            model: None,
            other_model: None,
            tower: None,
            size: question.size,
            device: question.device,
            layer: question.layer,
            pinned: None,
            span: None,
            score: question.score,
            matrix: look.matrix,
            method: question.method,
            segmenter: question.segmenter,
            params: question.params,
            generation: None,
            sampling: question.sampling,
            mode: question.mode,
            look: Look1::default(),
            cut: look.cut,
            solo: None,
            outlines: look.outlines,
            exhibits: look.exhibits,
            segment_exhibits: look.segment_exhibits,
            _theme: Theme::default(),
        }
    }
}

impl From<Version1> for Document {
    fn from(old: Version1) -> Self {
        let token = match (old.span, old.pinned) {
            (Some(span), _) => Selection::Span(span),
            (None, Some(token)) => Selection::Token(token),
            (None, None) => Selection::None,
        };
        let segment = old.solo.map_or(Selection::None, Selection::Segment);
        let (selection, shelved) = match old.mode {
            Mode::Heatmap => (token, segment),
            Mode::Segments => (segment, token),
        };
        let Look1 { colormap, range, opacity, interpolation, overlay, grid } = old.look;
        let look = Look {
            colormap,
            range,
            opacity,
            interpolation,
            overlay,
            grid,
            cut: old.cut,
            outlines: old.outlines,
            matrix: old.matrix,
            exhibits: old.exhibits,
            segment_exhibits: old.segment_exhibits,
        };
        let question = Question {
            input: old.input,
            model: old.model,
            other_model: old.other_model,
            tower: old.tower,
            size: old.size,
            device: old.device,
            mode: old.mode,
            layer: old.layer,
            method: old.method,
            segmenter: old.segmenter,
            params: old.params,
            score: old.score,
            generation: old.generation,
            sampling: old.sampling,
        };
        Lane { question, selection, shelved, look, ..Lane::default() }.into()
    }
}
