//! A lane at run time: what is on its screen, where the pointer is in it, and what came of what it asked. Nothing here is kept.

use std::sync::Arc;

use super::ask::continuation::Pace;
use super::ask::wanted::Wishes;
use super::pane::charts::Pictures;
use super::pane::text::TextView;
use super::resolve::carry::Carried;
use super::resolve::view::{Pointing, View};
use super::widgets::camera::{Camera, Frame};
use crate::domain::request::Request;
use crate::engine::Continuation;

/// What is known of a lane beside what the user chose.
#[derive(Default)]
pub(super) struct Stage {
    /// What it wishes for.
    pub wishes: Wishes,
    /// The newest input and model that could be opened.
    pub opened: Option<Request>,
    /// Whether the first page was on the screen last.
    pub at_home: bool,
    /// What is on the screen.
    pub view: View,
    /// What was selected, and where.
    pub carried: Carried,
    /// Where the pointer is.
    pub pointing: Pointing,
    /// Zoom and pan of the picture.
    pub camera: Camera,
    /// Where the picture lay in the last frame.
    pub frame: Option<Frame>,
    /// The text as it was laid out.
    pub text: TextView,
    /// Pictures of the charts.
    pub pictures: Pictures,
    /// The newest part of a continuation that came.
    pub continuation: Option<Arc<Continuation>>,
    /// How many tokens of it are asked for at a time.
    pub pace: Pace,
}
