//! What a session file holds and undo takes back: the lanes and which of them the keyboard speaks to.

use serde::{Deserialize, Serialize};

use super::lane::{Lane, LaneId};

/// Everything that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What is looked at, from left to right; never empty.
    pub lanes: Vec<Lane>,
    /// The lane that keys, menus and controls act on.
    pub focus: LaneId,
}

impl Default for Document {
    fn default() -> Self {
        Lane::default().into()
    }
}

impl From<Lane> for Document {
    fn from(lane: Lane) -> Self {
        Self { focus: lane.id, lanes: vec![lane] }
    }
}

impl Document {
    /// The lane in focus; the first where the focus names none that is there.
    pub fn lane(&self) -> &Lane {
        &self.lanes[self.focused()]
    }

    /// As [`Self::lane`], to change it.
    pub fn lane_mut(&mut self) -> &mut Lane {
        let focused = self.focused();
        &mut self.lanes[focused]
    }

    fn focused(&self) -> usize {
        self.lanes.iter().position(|lane| lane.id == self.focus).unwrap_or(0)
    }
}
