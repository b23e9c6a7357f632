//! Opens, closes and links lanes.

use super::wish::Command;
use crate::app::state::Document;
use crate::app::state::document::MOST_LANES;

/// What became of a command, as far as lanes are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEdit {
    /// It is about something else.
    Other,
    /// It is done.
    Done,
    /// It does nothing, in words.
    Refused(String),
}

/// Does what a command wants of the lanes.
pub fn edit(document: &mut Document, command: &Command) -> LaneEdit {
    match command {
        Command::Split if !document.split() => return LaneEdit::Refused(format!("{MOST_LANES} lanes are all that fit")),
        Command::CloseLane(_) if document.lanes.len() < 2 => return LaneEdit::Refused("This is the only lane".to_owned()),
        Command::StepLane(_) if document.lanes.len() < 2 => {
            return LaneEdit::Refused("This is the only lane: Ctrl+D opens another".to_owned());
        }
        Command::Split => {}
        Command::CloseLane(id) => document.close(id.unwrap_or(document.focus)),
        Command::Focus(id) => document.focus = *id,
        Command::StepLane(step) => document.step_focus(*step),
        Command::Link(links) => document.links = *links,
        _ => return LaneEdit::Other,
    }
    LaneEdit::Done
}
