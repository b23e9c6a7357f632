//! The record: the JSON that says where a figure comes from and which command remakes it. Fields stand in one order, so that
//! records can be compared line by line; it holds no time and no name of a machine.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::command::command;
use super::layout::Layout;
use super::limits::{has_scale, read_by};
use super::panels::{cut_of, name_of};
use super::style::FigureStyle;
use crate::domain::colormap::Colormap;
use crate::domain::exhibit::Shown;
use crate::domain::grid::{Grid, PixelRect};
use crate::domain::heatmap::Range;
use crate::domain::path;
use crate::domain::request::{Cut, Input, Request, Task, Tower};
use crate::domain::text::{self, Text};
use crate::domain::{Error, Notices, Result};
use crate::engine::{Match, Output, Photo, Scene, Segments};
use crate::measure::Score;

#[derive(Serialize)]
struct Record<'a> {
    program: &'static str,
    version: &'static str,
    command: String,
    request: Request,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Seen<'a>>,
    model: Model<'a>,
    layer: usize,
    tokens: Vec<Token>,
    grid: Grid,
    num_prefix: usize,
    /// What was cut, clipped or left out on the way.
    #[serde(skip_serializing_if = "Notices::is_empty")]
    notices: &'a Notices,
    method: Method<'a>,
    /// How the whole picture agrees with them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    phrases: &'a [Match],
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation: Option<Segmentation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<&'a Score>,
    /// Charts, tables and colours of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<Shown>,
    style: &'a FigureStyle,
    figure: Figure,
}

#[derive(Serialize)]
struct Photograph<'a> {
    name: &'a str,
    sha256: &'a str,
    file_width: usize,
    file_height: usize,
    width: usize,
    height: usize,
    seen: PixelRect,
    model_input_height: usize,
    model_input_width: usize,
}

/// What the model saw, as a user would recognise it.
#[derive(Serialize)]
#[serde(untagged)]
enum Seen<'a> {
    Photo(Photograph<'a>),
    Text(Passage<'a>),
}

#[derive(Serialize)]
pub(super) struct Passage<'a> {
    name: String,
    sha256: String,
    /// As far as the model read it.
    text: &'a str,
    num_tokens: usize,
    /// Bytes of the text that the model read, where it could not take all.
    cut_at: Option<usize>,
    /// Characters after them.
    #[serde(skip_serializing_if = "Option::is_none")]
    num_unread: Option<usize>,
    /// Where what a model added begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated_from: Option<text::Seam>,
    pieces: Vec<Piece<'a>>,
}

/// `start` and `end` count bytes of the text; of tokens that the tokenizer added they are equal.
#[derive(Serialize)]
struct Piece<'a> {
    piece: &'a str,
    start: usize,
    end: usize,
    special: bool,
}

#[derive(Serialize)]
pub(super) struct Model<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "path::option::serialize")]
    folder: Option<&'a Path>,
    family: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tower: Option<Tower>,
    num_layers: usize,
    num_heads: usize,
    width: usize,
    patch_size: usize,
    num_parameters: usize,
    sha256: &'a str,
}

#[derive(Serialize)]
struct Token {
    position: usize,
    name: String,
}

#[derive(Serialize)]
struct Method<'a> {
    id: &'a str,
    name: &'a str,
    formula: &'a str,
    /// Whose gradient was followed, of the token's vector z.
    #[serde(skip_serializing_if = "Option::is_none")]
    scalar: Option<&'static str>,
    citation: &'a str,
    unit: &'a str,
}

#[derive(Serialize)]
struct Segmentation {
    cut: Cut,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f64>,
    num_segments: usize,
    shares: Vec<f64>,
    /// Around objects, in pixels of the model's input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    boxes: Vec<PixelRect>,
}

#[derive(Serialize)]
struct Figure {
    width_in: f64,
    height_in: f64,
    dpi: u32,
    width_px: usize,
    height_px: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    colormap: Option<&'static str>,
    ranges: Vec<Range>,
    /// Fonts of this machine, for letters that the built-in font lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fonts: Vec<String>,
    /// Characters that no font has: they are shown as their code points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without_glyph: Vec<String>,
}

/// The record of an answer, `layout` being that of its figure and `paths` all files that are written with it.
///
/// # Errors
/// A refusal of a bare trace.
pub fn json(output: &Output, style: &FigureStyle, layout: &Layout, paths: &[PathBuf]) -> Result<String> {
    let (request, scene, method, layer, positions, segments) = match output {
        Output::Explanation(e) => (e.request.clone(), &e.scene, e.method, e.layer, e.explained(), None),
        Output::Segments(s) => (request_of(s, style), &s.scene, s.method, s.layer, Vec::new(), Some(s)),
        Output::Scene(_) | Output::Verification(_) => {
            return Err(Error::refused("--out", "a trace has no record").expected("a .safetensors file"));
        }
        Output::Continuation(_) => return Err(super::continuation::no_figure()),
    };
    let phrases = match output {
        Output::Explanation(e) => e.matches.as_slice(),
        Output::Segments(s) => s.maps.as_ref().map_or(&[][..], |maps| maps.matches.as_slice()),
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => &[],
    };
    let style = &read_by(style, output);
    let scalar = request.params.scalar.formula().filter(|_| method.uses(crate::method::Uses::Scalar));
    let record = Record {
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        command: command(&request, method, style, paths),
        input: seen_of(scene, &request.input),
        request,
        model: model_of(scene)?,
        layer,
        tokens: positions.iter().map(|&position| Token { position, name: name_of(scene, position) }).collect(),
        grid: scene.layout.grid,
        num_prefix: scene.layout.prefix.len(),
        notices: &scene.notices,
        method: Method {
            id: method.id,
            name: method.name,
            formula: method.formula,
            scalar,
            citation: method.citation,
            unit: method.unit,
        },
        phrases,
        segmentation: segments.map(|s| segmentation_of(s, style)),
        score: score_of(output),
        shown: shown_of(output, style),
        style,
        figure: figure_of(layout, has_scale(output).then(|| style.colormap_for(method))),
    };
    let mut text = serde_json::to_string_pretty(&record).map_err(|err| Error::Internal(format!("writing a record: {err}")))?;
    text.push('\n');
    Ok(text)
}

fn score_of(output: &Output) -> Option<&Score> {
    if let Output::Explanation(explanation) = output { explanation.score.as_deref() } else { None }
}

fn shown_of(output: &Output, style: &FigureStyle) -> Option<Shown> {
    let shown = match output {
        Output::Explanation(explanation) => Shown::clone(&explanation.shown),
        Output::Segments(segments) => {
            let segmentation = segments.partition.segmentation(cut_of(segments, style));
            Shown { exhibits: segments.exhibits(&segmentation), paint: None }
        }
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => return None,
    };
    (shown != Shown::default()).then_some(shown)
}

/// The request with the cut that is shown.
fn request_of(segments: &Segments, style: &FigureStyle) -> Request {
    Request { task: Task::Segment { cut: cut_of(segments, style) }, ..segments.request.clone() }
}

fn seen_of<'a>(scene: &'a Scene, input: &Input) -> Option<Seen<'a>> {
    match (&scene.photo, &scene.layout.text) {
        (Some(photo), _) => Some(Seen::Photo(photograph(photo))),
        (None, Some(text)) => Some(Seen::Text(passage(text, input))),
        (None, None) => None,
    }
}

pub(super) fn passage<'a>(text: &'a Text, input: &Input) -> Passage<'a> {
    let piece = |p: &'a text::Piece| Piece { piece: &p.piece, start: p.span.start, end: p.span.end, special: p.special };
    Passage {
        name: input.name(),
        sha256: format!("{:x}", Sha256::digest(&text.string)),
        text: text.cut_at.and_then(|cut| text.string.get(..cut)).unwrap_or(&text.string),
        num_tokens: text.pieces.len(),
        cut_at: text.cut_at,
        num_unread: text.cut_at.map(|_| text.num_unread()),
        generated_from: text.generated_from,
        pieces: text.pieces.iter().map(piece).collect(),
    }
}

fn photograph(photo: &Photo) -> Photograph<'_> {
    let picture = &photo.picture;
    Photograph {
        name: &picture.name,
        sha256: &picture.sha256,
        file_width: picture.file_size.0,
        file_height: picture.file_size.1,
        width: picture.width,
        height: picture.height,
        seen: photo.seen,
        model_input_height: photo.input_size.0,
        model_input_width: photo.input_size.1,
    }
}

pub(super) fn model_of(scene: &Scene) -> Result<Model<'_>> {
    let facts = &scene.model;
    Ok(Model {
        name: &facts.name,
        folder: facts.folder.as_deref(),
        family: &facts.family,
        tower: facts.tower,
        num_layers: facts.num_layers,
        num_heads: facts.num_heads,
        width: facts.width,
        patch_size: facts.patch_size,
        num_parameters: facts.num_parameters,
        sha256: facts.sha256.hexadecimal()?,
    })
}

fn segmentation_of(segments: &Segments, style: &FigureStyle) -> Segmentation {
    let cut = cut_of(segments, style);
    let shares = segments.partition.segmentation(cut).shares();
    // Minus infinity where no leaf is merged, which JSON lacks.
    let distance = segments.partition.tree().map(|tree| tree.threshold(cut).max(0.0));
    let boxes = segments.partition.boxes().to_vec();
    Segmentation { cut, distance, num_segments: shares.iter().filter(|share| **share > 0.0).count(), shares, boxes }
}

fn figure_of(layout: &Layout, colormap: Option<Colormap>) -> Figure {
    let (width_px, height_px) = layout.pixels();
    let inches = |pixels: usize| pixels as f64 / f64::from(layout.dpi);
    let (fonts, missing) = layout.letters();
    Figure {
        width_in: inches(width_px),
        height_in: inches(height_px),
        dpi: layout.dpi,
        width_px,
        height_px,
        colormap: colormap.map(Colormap::name),
        ranges: layout.ranges.clone(),
        fonts: fonts.into_iter().map(str::to_owned).collect(),
        without_glyph: missing.into_iter().map(|c| format!("U+{:04X}", u32::from(c))).collect(),
    }
}
