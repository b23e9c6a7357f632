//! What the user asks for. Panes push commands; they are applied after the frame, so that nothing changes under a pane that is being
//! drawn.

use super::continuation::Generating;
use super::effect::Effect;
use crate::app::state::{LaneId, Links, MatrixLook, Mode};
use crate::domain::request::{Input, ModelRef};
use crate::domain::span::Span;
use crate::domain::token::TokenRef;

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
    /// Opens another lane beside the one in focus, as its copy.
    Split,
    /// Closes a lane, or the one in focus.
    CloseLane(Option<LaneId>),
    /// Puts the focus on a lane.
    Focus(LaneId),
    /// Puts the focus on the lane so many places further.
    StepLane(i64),
    /// Sets what the lanes share.
    Link(Links),
    /// Leaves what is innermost: help, banner, solo, pin.
    Escape,
    /// Something outside the document.
    Do(Effect),
}

impl Command {
    /// Whether an input is opened.
    pub fn opens_input(&self) -> bool {
        matches!(self, Self::OpenInput(_) | Self::StepSample(_))
    }
}
