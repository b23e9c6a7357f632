//! What the user asked for in a frame. Panels push commands; they are applied after the frame, so that nothing changes under a
//! panel that is being drawn. Those that only change the session are pure; the rest is returned as an [`Effect`].

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

use super::session::{Mode, Session, Theme};
use super::wanted::token_of_kind;
use crate::domain::grid::Grid;
use crate::domain::request::{Input, ModelRef};
use crate::domain::token::{TokenKind, TokenRef};
use crate::engine::Scene;

/// One wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Keeps the map of a token; the pinned token again lets it go.
    Pin(TokenRef),
    /// Lets the pinned token go.
    Unpin,
    /// Moves the pinned token over the grid.
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
    /// Draws one segment only, or all again.
    Solo(usize),
    /// Light, dark.
    ToggleTheme {
        /// Whether the window is dark now.
        dark: bool,
    },
    /// Opens an input.
    OpenInput(Input),
    /// Opens a checkpoint.
    OpenModel(ModelRef),
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
    /// Opens whatever a path turns out to be.
    OpenDropped(PathBuf),
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
    /// An image to open.
    Input,
    /// A checkpoint folder to open.
    Model,
    /// Where the figure goes.
    Figure,
    /// Where the session goes.
    Session,
}

/// What [`Command::Escape`] leaves, outside the session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// The key list is shown.
    pub help: bool,
    /// An error is shown.
    pub banner: bool,
}

impl Command {
    /// Changes the session, or says what is to be done outside it.
    pub fn apply(self, session: &mut Session, scene: Option<&Scene>, open: Open) -> Option<Effect> {
        match self {
            Self::Pin(token) => session.pinned = (session.pinned.as_ref() != Some(&token)).then_some(token),
            Self::MovePin { rows, cols } => move_pin(session, scene?, rows, cols),
            Self::StepLayer(step) => step_layer(session, scene?, step),
            Self::StepHead(step) => session.params.head = session.head_after(step, scene?.model.num_heads),
            Self::Show(mode) => session.mode = mode,
            Self::ToggleOverlay => session.look.overlay = !session.look.overlay,
            Self::ToggleGrid => session.look.grid = !session.look.grid,
            Self::Solo(label) => session.solo = (session.solo != Some(label)).then_some(label),
            Self::ToggleTheme { dark } => session.theme = if dark { Theme::Light } else { Theme::Dark },
            Self::OpenInput(input) => open_input(session, input),
            Self::OpenModel(model) => session.model = Some(model),
            Self::Escape if open.help => return Some(Effect::ToggleHelp),
            Self::Escape if open.banner => return Some(Effect::Dismiss),
            Self::Escape if session.mode == Mode::Segments => session.solo = None,
            Self::Unpin | Self::Escape => session.pinned = None,
            Self::Do(effect) => return Some(effect),
        }
        None
    }
}

/// A model of pictures has no use for a text, nor one of texts for a picture: another kind of input brings its own.
fn open_input(session: &mut Session, input: Input) {
    if session.input.as_ref().is_some_and(|open| open.is_text() != input.is_text()) {
        session.model = None;
    }
    session.pinned = None;
    session.input = Some(input);
}

fn step_layer(session: &mut Session, scene: &Scene, step: i64) {
    let top = i64::try_from(scene.model.num_layers).unwrap_or(0);
    let now = i64::try_from(session.layer_of(scene.model.num_layers)).unwrap_or(0);
    session.layer = i32::try_from((now + step).clamp(0, top)).unwrap_or(-1);
}

/// From a prefix token, or from nothing, the first step goes to the middle of the picture.
fn move_pin(session: &mut Session, scene: &Scene, rows: i64, cols: i64) {
    let grid = scene.layout.grid;
    let position = session.pinned.as_ref().and_then(|t| scene.layout.resolve(t).ok());
    let patch = position.and_then(|p| scene.layout.patch_of(p));
    let (row, col) = patch.map_or((grid.rows / 2, grid.cols / 2), |p| moved(grid, p, rows, cols));
    if !grid.is_empty() {
        session.pinned = Some(token_of_kind(TokenKind::Patch { row, col }));
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
