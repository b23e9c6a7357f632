//! What the user asked for in a frame. Panels push commands; they are applied after the frame, so that nothing changes under a
//! panel that is being drawn. Those that only change the session are pure; the rest is returned as an [`Effect`].

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

use super::generation::{Generating, Written};
use super::scalar;
use super::session::{MatrixLook, Mode, Session, Theme};
use super::wanted::token_at;
use crate::builtin::SAMPLES;
use crate::domain::grid::Grid;
use crate::domain::request::{Input, ModelRef};
use crate::domain::span::Span;
use crate::domain::token::TokenRef;
use crate::engine::Scene;
use crate::method::Uses;

/// One wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Keeps the map of a token; the pinned token again lets it go.
    Pin(TokenRef),
    /// Lets the pinned token, or the selected span, go.
    Unpin,
    /// Follows gradients along the direction of a token.
    Along(TokenRef),
    /// Shows the sources of a part of a text.
    Select(Span),
    /// Moves the end of the selection away from where it began.
    GrowSpan {
        /// Down.
        rows: i64,
        /// Right.
        cols: i64,
    },
    /// Goes to a layer.
    SetLayer(usize),
    /// Shows or hides the matrix of tokens by layers.
    ToggleMatrix,
    /// How the matrix is shown.
    SetMatrix(MatrixLook),
    /// Measures how much spans depend on their sources, or no longer.
    Measure(bool),
    /// Moves the pinned token over the grid, or through the lines of a text.
    MovePin {
        /// Down.
        rows: i64,
        /// Right.
        cols: i64,
    },
    /// Goes so many layers up.
    StepLayer(i64),
    /// Goes so many heads on.
    StepHead(i64),
    /// Heatmap or segments.
    Show(Mode),
    /// Shows or hides what covers the picture.
    ToggleOverlay,
    /// Shows or hides the lines between patches.
    ToggleGrid,
    /// Shows or hides the charts and tables that belong to a map.
    ToggleExhibits,
    /// Draws one segment only, or all again.
    Solo(usize),
    /// Light, dark.
    ToggleTheme {
        /// Whether the window is dark now.
        dark: bool,
    },
    /// Opens an input.
    OpenInput(Input),
    /// Opens the sample so many places further, of the same kind as the open one.
    StepSample(i64),
    /// Back to the first page.
    ShowSamples,
    /// Lets the model continue the text, or no longer.
    Continue(Generating),
    /// Opens a checkpoint.
    OpenModel(ModelRef),
    /// Back to the models that the program carries.
    BuiltInModel,
    /// Leaves what is innermost: help, banner, solo, pin.
    Escape,
    /// Something outside the session.
    Do(Effect),
}

/// What a command does to the world outside the session.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Asks for a file or a folder.
    Ask(Ask),
    /// Opens or closes the list of the hub's models.
    ToggleHub,
    /// Brings a model of the hub here, by its id.
    Download(String),
    /// Stops that.
    StopDownload,
    /// Opens whatever a path turns out to be.
    OpenDropped(PathBuf),
    /// Opens the editor for a text.
    TypeText,
    /// Keeps a pasted picture as a file and opens it.
    Paste(Arc<egui::ColorImage>),
    /// Puts the figure on the clipboard.
    CopyFigure,
    /// The session before.
    Undo,
    /// The session after.
    Redo,
    /// Stops the running job and what waits behind it.
    Cancel,
    /// Asks again what failed or was stopped.
    Retry,
    /// Checks the numbers of the open model, however large it is.
    CheckModel,
    /// Closes the error banner.
    Dismiss,
    /// Key list.
    ToggleHelp,
    /// Frame times.
    ToggleDebug,
    /// Whole screen.
    ToggleFullScreen,
    /// Enlarges by a factor.
    Zoom(f32),
    /// The whole picture again.
    ResetView,
}

/// Which dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An image or a text to open.
    Input,
    /// A checkpoint folder to open.
    Model,
    /// Where the figure goes.
    Figure,
    /// Where the session goes.
    Session,
    /// A file for a parameter of a method.
    Knob {
        /// Which parameter.
        id: &'static str,
        /// What its name ends in, without the dot.
        extension: &'static str,
    },
}

/// What a command needs to know beside the session and the scene.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// The key list is shown; [`Command::Escape`] leaves it first.
    pub help: bool,
    /// An error is shown.
    pub banner: bool,
    /// Positions above and below the pinned token, or the end of the selection, where a text runs over several lines.
    pub lines: [Option<usize>; 2],
    /// Where the selection began.
    pub anchor: Option<usize>,
    /// Whether the open model reads texts, as far as it was seen to read anything.
    pub reads_texts: Option<bool>,
    /// Whether it has a tower for texts beside one for images.
    pub reads_both: bool,
    /// What of a continuation is there.
    pub written: Written,
}

impl Command {
    /// Whether an input is opened.
    pub fn opens_input(&self) -> bool {
        matches!(self, Self::OpenInput(_) | Self::StepSample(_))
    }

    /// Why a command would do nothing with what is open, in words.
    pub fn has_no_effect(&self, session: &Session, scene: Option<&Scene>) -> Option<String> {
        let is_text = scene?.layout.text.is_some();
        let method = session.info().map_or("this method", |info| info.name);
        match self {
            Self::ToggleMatrix if !is_text => Some("Tokens by layers are shown of texts; this is a picture".to_owned()),
            Self::ToggleGrid if is_text => Some("The grid lies over pictures; this is a text".to_owned()),
            Self::Show(Mode::Segments) if is_text => {
                Some("Segments are parts of a picture; a text has its words instead".to_owned())
            }
            Self::StepHead(_) if !session.info().is_some_and(|info| info.uses(Uses::Head)) => {
                Some(format!("{method} does not look at single heads"))
            }
            Self::StepSample(_) if !matches!(session.input, Some(Input::Sample(_))) => {
                Some("The samples are on the first page (Ctrl+H); this is an input of your own".to_owned())
            }
            _ => None,
        }
    }

    /// Changes the session, or says what is to be done outside it.
    pub fn apply(self, session: &mut Session, scene: Option<&Scene>, around: Around) -> Option<Effect> {
        match self {
            Self::Pin(token) => pin(session, scene, token),
            Self::Along(token) => follow(session, &token),
            Self::MovePin { rows, cols } => move_pin(session, scene?, (rows, cols), around),
            Self::Select(span) => select(session, scene?, span),
            Self::GrowSpan { rows, cols } => grow_span(session, scene?, (rows, cols), around),
            Self::SetLayer(layer) => session.layer = i32::try_from(layer).unwrap_or(-1),
            Self::ToggleMatrix => session.matrix.shown = !session.matrix.shown,
            Self::SetMatrix(look) => session.matrix = look,
            Self::Measure(score) => session.score = score,
            Self::StepLayer(step) => step_layer(session, scene?, step),
            Self::StepHead(step) => session.params.head = session.head_after(step, scene?.model.num_heads),
            Self::Show(mode) => session.mode = mode,
            Self::ToggleOverlay => session.look.overlay = !session.look.overlay,
            Self::ToggleGrid => session.look.grid = !session.look.grid,
            Self::ToggleExhibits => *session.exhibits_mut() ^= true,
            Self::Solo(label) => session.solo = (session.solo != Some(label)).then_some(label),
            Self::ToggleTheme { dark } => session.theme = if dark { Theme::Light } else { Theme::Dark },
            Self::OpenInput(input) => open_input(session, input, around),
            Self::StepSample(step) => step_sample(session, step, around),
            Self::ShowSamples => {
                (session.input, session.pinned, session.solo) = (None, None, None);
                (session.span, session.generation) = (None, None);
            }
            Self::Continue(step) => step.apply(session, scene, around),
            Self::OpenModel(model) => {
                (session.model, session.tower, session.generation) = (Some(model), None, None);
            }
            Self::BuiltInModel => (session.model, session.tower, session.generation) = (None, None, None),
            Self::Escape if around.help => return Some(Effect::ToggleHelp),
            Self::Escape if around.banner => return Some(Effect::Dismiss),
            Self::Escape if around.written.growing => Generating::Stop.apply(session, scene, around),
            Self::Escape if session.mode == Mode::Segments => session.solo = None,
            Self::Unpin | Self::Escape => (session.pinned, session.span) = (None, None),
            Self::Do(effect) => return Some(effect),
        }
        None
    }
}

/// A model of pictures has no use for a text, nor one of texts for a picture: each kind of input keeps its own, unless the open one
/// takes both.
fn open_input(session: &mut Session, input: Input, around: Around) {
    let reads_texts = session.input.as_ref().map(Input::is_text).or(around.reads_texts);
    if reads_texts.is_some_and(|texts| texts != input.is_text()) && !around.reads_both {
        std::mem::swap(&mut session.model, &mut session.other_model);
    }
    if input.is_text() {
        session.mode = Mode::Heatmap;
    }
    (session.pinned, session.span, session.tower, session.generation) = (None, None, None, None);
    session.input = Some(input);
}

fn step_sample(session: &mut Session, step: i64, around: Around) {
    let Some(Input::Sample(name)) = &session.input else { return };
    let is_text = Input::Sample(name.clone()).is_text();
    let names: Vec<&str> = SAMPLES.iter().filter(|s| s.is_text() == is_text).map(|s| s.name).collect();
    let count = i64::try_from(names.len()).unwrap_or(1).max(1);
    let now = names.iter().position(|n| n == name).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let next = usize::try_from((now + step).rem_euclid(count)).ok().and_then(|at| names.get(at));
    if let Some(&next) = next {
        open_input(session, Input::Sample(next.to_owned()), around);
    }
}

/// The pinned token again, under whatever name, lets it go.
fn pin(session: &mut Session, scene: Option<&Scene>, token: TokenRef) {
    let place = |t: &TokenRef| scene.and_then(|s| s.layout.resolve(t).ok());
    let again =
        session.pinned.as_ref().is_some_and(|pinned| *pinned == token || place(pinned).is_some_and(|p| place(&token) == Some(p)));
    session.pinned = (!again).then_some(token);
    session.span = None;
}

/// A method that follows no gradient gives way to one that does.
fn follow(session: &mut Session, token: &TokenRef) {
    let Some(scalar) = scalar::along(token) else { return };
    if !session.info().is_some_and(|info| info.uses(Uses::Scalar)) {
        session.choose_method("ultra");
    }
    (session.mode, session.params.scalar) = (Mode::Heatmap, scalar);
}

/// What cannot be explained is not selected: of a causal model the first token, which nothing predicted, is left out.
fn select(session: &mut Session, scene: &Scene, span: Span) {
    let is_causal = scene.model.is_causal;
    let span = Span { from: span.from.max(usize::from(is_causal)), ..span };
    if span.check(&scene.layout, is_causal).is_ok() {
        (session.span, session.pinned) = (Some(span), None);
    }
}

/// Where the selection began, and its end that moves: the ends of the span, or the pinned token twice.
pub fn ends(session: &Session, scene: &Scene, anchor: Option<usize>) -> Option<(usize, usize)> {
    if let Some(span) = session.span {
        let (first, last) = (span.from, span.to.saturating_sub(1));
        return Some(if anchor == Some(last) { (last, first) } else { (first, last) });
    }
    let pinned = scene.layout.resolve(session.pinned.as_ref()?).ok()?;
    Some((pinned, pinned))
}

fn grow_span(session: &mut Session, scene: &Scene, (rows, cols): (i64, i64), around: Around) {
    let (Some((anchor, end)), Some(_)) = (ends(session, scene, around.anchor), &scene.layout.text) else {
        return move_pin(session, scene, (rows, cols), around);
    };
    let moved =
        if rows == 0 { moved(scene.layout.grid, end, 0, cols).1 } else { around.lines[usize::from(rows > 0)].unwrap_or(end) };
    select(session, scene, Span::between(anchor, moved));
}

fn step_layer(session: &mut Session, scene: &Scene, step: i64) {
    let top = i64::try_from(scene.model.num_layers).unwrap_or(0);
    let now = i64::try_from(session.layer_of(scene.model.num_layers)).unwrap_or(0);
    session.layer = i32::try_from((now + step).clamp(0, top)).unwrap_or(-1);
}

/// From a prefix token, or from nothing, the first step goes to the middle of the picture or the first word.
fn move_pin(session: &mut Session, scene: &Scene, (rows, cols): (i64, i64), around: Around) {
    let (layout, grid) = (&scene.layout, scene.layout.grid);
    let position = ends(session, scene, around.anchor).map(|(_, end)| end);
    let patch = position.and_then(|p| layout.patch_of(p));
    let next = match (patch, &layout.text) {
        (None, Some(_)) => layout.ranged().next(),
        (Some(from), Some(_)) if rows != 0 => around.lines[usize::from(rows > 0)].or(Some(from)),
        (None, None) => grid.patch_at(grid.rows / 2, grid.cols / 2),
        (Some(from), _) => {
            let (row, col) = moved(grid, from, rows, cols);
            grid.patch_at(row, col)
        }
    };
    if let Some(next) = next {
        session.pinned = Some(token_at(layout, layout.position_of(next)));
        session.span = None;
    }
}

fn moved(grid: Grid, patch: usize, rows: i64, cols: i64) -> (usize, usize) {
    let (row, col) = grid.row_col(patch);
    let step = |from: usize, by: i64, count: usize| {
        let to = i64::try_from(from).unwrap_or(0) + by;
        usize::try_from(to).unwrap_or(0).min(count.saturating_sub(1))
    };
    (step(row, rows, grid.rows), step(col, cols, grid.cols))
}
