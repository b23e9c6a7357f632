//! What a command does outside the document.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

/// What a command does to the world outside the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Asks for a file or a folder.
    Ask(FileDialog),
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
    /// The document before.
    Undo,
    /// The document after.
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
    /// Light, dark.
    ToggleTheme,
    /// Whole screen.
    ToggleFullScreen,
    /// Enlarges by a factor.
    Zoom(f32),
    /// The whole picture again.
    ResetView,
}

/// Which dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileDialog {
    /// An image or a text to open.
    Input,
    /// A checkpoint folder to open.
    Model,
    /// Where the figure goes.
    Figure,
    /// Where the session goes.
    Session,
    /// A session to open.
    OpenSession,
    /// A file for a parameter of a method.
    Knob {
        /// Which parameter.
        id: &'static str,
        /// What its name ends in, without the dot.
        extension: &'static str,
    },
}
