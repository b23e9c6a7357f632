//! What can be told of a figure before its answer is there: that it would be too large, or would not look at a part of its style.

use std::path::Path;
use std::sync::Arc;

use super::style::FigureStyle;
use super::write::Kind;
use super::{page, panels};
use crate::domain::exhibit::Paint;
use crate::domain::request::{Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::engine::{Explanation, Output, Scene};
use crate::method::METHODS;
use crate::render::Interpolation;

/// More panels than this are unreadable on a page.
const MOST_PANELS: usize = 64;

/// Whether a file holds a figure, or the record of one.
pub fn is_drawn(path: &Path) -> bool {
    Kind::of("--out", path).is_ok_and(|kind| matches!(kind, Kind::Png | Kind::Svg | Kind::Json))
}

/// Refuses, before any map is made, a figure of more tokens than can be drawn, and a style that it would not look at.
///
/// # Errors
/// That refusal.
pub fn check_size(request: &Request, scene: &Arc<Scene>, style: &FigureStyle) -> Result<()> {
    let count = match &request.tokens {
        Tokens::All => scene.layout.len(),
        Tokens::These(tokens) => tokens.len().max(1),
        Tokens::Span(_) => 1,
    };
    if request.task != Task::Explain {
        return Ok(());
    }
    check_count(count)?;
    let Some(blank) = blank(request, scene) else { return Ok(()) };
    let output = Output::Explanation(Arc::new(blank));
    check_style(&output, style)?;
    if scene.photo.is_some() {
        return Ok(());
    }
    page::check(panels::of(&output, style)?, style)
}

/// Refuses no panel, and more than a page has room for.
pub(super) fn check_count(count: usize) -> Result<()> {
    if (1..=MOST_PANELS).contains(&count) {
        return Ok(());
    }
    Err(Error::refused("--token", format!("a figure of {count} tokens"))
        .expected(format!("1 to {MOST_PANELS}"))
        .remedy("name fewer tokens, or write .npy, .npz or .csv, which take any number"))
}

/// An answer without numbers, as large as the true one; `None` where the engine will refuse the question.
fn blank(request: &Request, scene: &Arc<Scene>) -> Option<Explanation> {
    let (layout, method) = (&scene.layout, METHODS.iter().find(|method| method.info().id == request.method)?.info());
    let positions: Vec<usize> = match &request.tokens {
        Tokens::All => (0..layout.len()).collect(),
        Tokens::These(tokens) if tokens.is_empty() => vec![0],
        Tokens::These(tokens) => tokens.iter().map(|t| layout.resolve_all(t).map(|t| t.from)).collect::<Result<_>>().ok()?,
        Tokens::Span(span) => vec![span.check(layout, scene.model.is_causal).is_ok().then_some(span.from)?],
    };
    Some(Explanation {
        request: request.clone(),
        scene: scene.clone(),
        method,
        layer: 0,
        relevance: vec![0.0; positions.len() * layout.len()].into(),
        layers: request.layers.then(|| vec![0.0; (scene.model.num_layers + 1) * layout.len()].into()),
        positions,
        score: None,
        matches: Vec::new(),
        shown: Arc::default(),
    })
}

/// Colours that mean themselves, where the answer has one for each patch or token.
pub(super) fn paint_of(explanation: &Explanation) -> Option<&Paint> {
    let count = explanation.scene.layout.grid.len();
    explanation.shown.paint.as_ref().filter(|paint| paint.colours.len() == count)
}

/// Whether the figure of an answer has a scale of colours.
pub(super) fn has_scale(output: &Output) -> bool {
    matches!(output, Output::Explanation(explanation) if paint_of(explanation).is_none() || explanation.layers.is_some())
}

/// The style with everything that the figure of an answer does not look at at its default.
pub(super) fn read_by(style: &FigureStyle, output: &Output) -> FigureStyle {
    let is_map = matches!(output, Output::Explanation(_));
    let is_smoothed = is_map && output.scene().is_some_and(|scene| scene.photo.is_some());
    let interpolation = if is_smoothed { style.interpolation } else { Interpolation::default() };
    let style = FigureStyle { interpolation, ..*style };
    let style = if is_map { FigureStyle { outlines: true, solo: None, ..style } } else { style };
    if has_scale(output) { style } else { FigureStyle { colormap: None, range: None, own_range: false, ..style } }
}

/// Refuses a style that the figure of an answer does not look at.
///
/// # Errors
/// A refusal that names the flag.
pub fn check_style(output: &Output, style: &FigureStyle) -> Result<()> {
    let read = read_by(style, output).flags();
    match style.flags().into_iter().find(|flag| flag.starts_with("--") && !read.contains(flag)) {
        Some(flag) => Err(Error::refused(flag, "is not read by this figure")
            .expected("flags that change how it looks")
            .remedy("leave it out")),
        None => Ok(()),
    }
}
