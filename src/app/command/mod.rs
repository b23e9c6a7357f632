//! What the user asked for in a frame. Panels push commands; they are applied after the frame, so that nothing changes under a
//! panel that is being drawn. Those that only change the lane are pure; the rest is returned as an [`Effect`].

pub mod continuation;
pub mod keys;
pub mod lanes;
pub mod open;
pub mod select;

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

use crate::app::ask::continuation::Written;
use crate::app::state::{Lane, LaneId, Links, MatrixLook, Mode, Selection};
use crate::domain::request::{Input, ModelRef};
use crate::domain::span::Span;
use crate::domain::token::TokenRef;
use crate::engine::Scene;
use crate::method::Uses;
use continuation::Generating;
use open::{open_input, step_sample};
use select::{follow, grow_span, move_pin, pin, select, step_layer};

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

/// What a command does to the world outside the document.
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
pub enum Ask {
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

/// What a command needs to know beside the lane and the scene.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// The key list is shown; [`Command::Escape`] leaves it first.
    pub help: bool,
    /// An error is shown.
    pub banner: bool,
    /// There are charts and tables to show beside the map.
    pub has_exhibits: bool,
    /// Positions above and below the pinned token, or the end of the selection, where a text runs over several lines.
    pub lines: [Option<usize>; 2],
    /// Positions to the left and to the right of it as the text is seen, where a text is; at the ends of the text there are none.
    pub sides: Option<[Option<usize>; 2]>,
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
    pub fn has_no_effect(&self, lane: &Lane, scene: Option<&Scene>, around: Around) -> Option<String> {
        let Some(scene) = scene else {
            let is_of_picture = matches!(self, Self::StepLayer(_) | Self::StepHead(_) | Self::StepSample(_) | Self::ToggleMatrix);
            return (is_of_picture && lane.question.input.is_none()).then(|| "Nothing is open: choose a sample".to_owned());
        };
        let is_text = scene.layout.text.is_some();
        let uses_head = lane.question.info().is_some_and(|info| info.uses(Uses::Head));
        let method = lane.asked().map_or("this method", |info| info.name);
        match self {
            Self::ToggleMatrix if !is_text => Some("Tokens by layers are shown of texts; this is a picture".to_owned()),
            Self::ToggleGrid if is_text => Some("The grid lies over pictures; this is a text".to_owned()),
            Self::Show(Mode::Segments) if is_text => {
                Some("Segments are parts of a picture; a text has its words instead".to_owned())
            }
            Self::ToggleExhibits if !around.has_exhibits => Some(format!("{method} has no charts and tables beside its map")),
            Self::Do(Effect::Zoom(_) | Effect::ResetView) if is_text => {
                Some("This enlarges pictures; Ctrl and + enlarge the whole window".to_owned())
            }
            Self::MovePin { .. } | Self::GrowSpan { .. } if lane.question.mode == Mode::Segments => {
                Some("Arrows move the pinned token of a heatmap; here segments are shown".to_owned())
            }
            Self::Continue(Generating::Begin) if !scene.model.is_causal => {
                Some(format!("{} reads whole texts and continues none; GPT-2, Llama and their like do", scene.model.name))
            }
            Self::StepLayer(step) => {
                let (layer, top) = (lane.question.layer_of(scene.model.num_layers), scene.model.num_layers);
                let is_end = if *step < 0 { layer == 0 } else { layer == top };
                is_end.then(|| format!("Layer {layer} is the {} one", if *step < 0 { "first" } else { "last" }))
            }
            Self::StepHead(step)
                if lane.question.head_after(*step, scene.model.num_heads) == lane.question.head() && uses_head =>
            {
                Some("There is no other head in this direction".to_owned())
            }
            Self::StepHead(_) if !uses_head => Some(format!("{method} does not look at single heads")),
            Self::StepSample(_) if !matches!(lane.question.input, Some(Input::Sample(_))) => {
                Some("The samples are on the first page (Ctrl+H); this is an input of your own".to_owned())
            }
            _ => None,
        }
    }

    /// Changes the lane, or says what is to be done outside it.
    pub fn apply(self, lane: &mut Lane, scene: Option<&Scene>, around: Around) -> Option<Effect> {
        match self {
            Self::Pin(token) => pin(lane, scene, token),
            Self::Along(token) => follow(lane, &token),
            Self::MovePin { rows, cols } => move_pin(lane, scene?, (rows, cols), around),
            Self::Select(span) => select(lane, scene?, span),
            Self::GrowSpan { rows, cols } => grow_span(lane, scene?, (rows, cols), around),
            Self::SetLayer(layer) => lane.question.layer = i32::try_from(layer).unwrap_or(-1),
            Self::ToggleMatrix => lane.look.matrix.shown = !lane.look.matrix.shown,
            Self::SetMatrix(look) => lane.look.matrix = look,
            Self::Measure(score) => lane.question.score = score,
            Self::StepLayer(step) => step_layer(lane, scene?, step),
            Self::StepHead(step) => lane.question.params.head = lane.question.head_after(step, scene?.model.num_heads),
            Self::Show(mode) => lane.show(mode),
            Self::ToggleOverlay => lane.look.overlay = !lane.look.overlay,
            Self::ToggleGrid => lane.look.grid = !lane.look.grid,
            Self::ToggleExhibits => *lane.exhibits_mut() ^= true,
            Self::Solo(label) => {
                lane.selection = if lane.solo() == Some(label) { Selection::None } else { Selection::Segment(label) }
            }
            Self::OpenInput(input) => open_input(lane, input, around),
            Self::StepSample(step) => step_sample(lane, step, around),
            Self::ShowSamples => {
                lane.deselect();
                (lane.question.input, lane.question.generation) = (None, None);
            }
            Self::Continue(step) => step.apply(lane, scene, around),
            Self::OpenModel(model) => {
                (lane.question.model, lane.question.tower, lane.question.generation) = (Some(model), None, None);
            }
            Self::BuiltInModel => {
                (lane.question.model, lane.question.tower, lane.question.generation) = (None, None, None);
                if lane.question.input.is_none() {
                    lane.question.other_model = None;
                }
            }
            Self::Escape if around.help => return Some(Effect::ToggleHelp),
            Self::Escape if around.banner => return Some(Effect::Dismiss),
            Self::Escape if around.written.growing => Generating::Stop.apply(lane, scene, around),
            Self::Unpin | Self::Escape => lane.selection = Selection::None,
            // These are done to the document: see `lanes`.
            Self::Split | Self::CloseLane(_) | Self::Focus(_) | Self::StepLane(_) | Self::Link(_) => {}
            Self::Do(effect) => return Some(effect),
        }
        None
    }
}
