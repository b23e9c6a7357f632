//! What a session file holds and undo takes back: the lanes, how they lie, and what they share.

use serde::{Deserialize, Serialize};

use super::lane::{Lane, LaneId};
use super::layout::Layout;

/// Lanes that would be too narrow to read are not opened.
pub const MOST_LANES: usize = 4;

/// Everything that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What is looked at; never empty.
    pub lanes: Vec<Lane>,
    /// The lane that keys, menus and controls act on.
    pub focus: LaneId,
    /// How the lanes lie beside each other.
    pub layout: Layout,
    /// What the lanes share.
    #[serde(default)]
    pub links: Links,
}

/// What one lane does and the others follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// Pointing at a place points at the same place in every lane.
    pub pointer: bool,
    /// Zoom and pan of pictures.
    pub zoom: bool,
    /// What is selected.
    pub selection: bool,
    /// One range of colours for all maps of one unit.
    pub range: bool,
}

impl Default for Document {
    fn default() -> Self {
        Lane::default().into()
    }
}

impl From<Lane> for Document {
    fn from(lane: Lane) -> Self {
        Self { focus: lane.id, layout: Layout::Lane(lane.id), links: Links::default(), lanes: vec![lane] }
    }
}

impl Document {
    /// The lane in focus.
    pub fn lane(&self) -> &Lane {
        self.get(self.focus)
    }

    /// As [`Self::lane`], to change it.
    pub fn lane_mut(&mut self) -> &mut Lane {
        self.get_mut(self.focus)
    }

    /// A lane; the first where there is none of this number.
    pub fn get(&self, id: LaneId) -> &Lane {
        &self.lanes[self.index(id)]
    }

    /// As [`Self::get`], to change it.
    pub fn get_mut(&mut self, id: LaneId) -> &mut Lane {
        let index = self.index(id);
        &mut self.lanes[index]
    }

    fn index(&self, id: LaneId) -> usize {
        self.lanes.iter().position(|lane| lane.id == id).unwrap_or(0)
    }

    /// The numbers of all lanes, the one in focus first.
    pub fn ids(&self) -> Vec<LaneId> {
        let focus = self.lane().id;
        let others = self.lanes.iter().map(|lane| lane.id).filter(|id| *id != focus);
        std::iter::once(focus).chain(others).collect()
    }

    /// Puts a copy of the lane in focus at its right, and the focus on it. False where there is room for no more.
    pub fn split(&mut self) -> bool {
        if self.lanes.len() >= MOST_LANES {
            return false;
        }
        let next = self.lanes.iter().map(|lane| lane.id.0).max().unwrap_or(0).saturating_add(1);
        let copy = Lane { id: LaneId(next), ..self.lane().clone() };
        self.layout.insert(copy.id, self.lane().id);
        self.focus = copy.id;
        self.lanes.push(copy);
        true
    }

    /// Takes a lane away, unless it is the last one.
    pub fn close(&mut self, id: LaneId) {
        if self.lanes.len() < 2 || !self.lanes.iter().any(|lane| lane.id == id) {
            return;
        }
        self.lanes.retain(|lane| lane.id != id);
        if let Some(layout) = self.layout.clone().without(id) {
            self.layout = layout;
        }
        if self.focus == id {
            self.focus = self.layout.lanes().first().copied().unwrap_or(self.lanes[0].id);
        }
    }

    /// The focus on the lane so many places further in the order in which they lie.
    pub fn step_focus(&mut self, step: i64) {
        let order = self.layout.lanes();
        let count = i64::try_from(order.len()).unwrap_or(1).max(1);
        let now = order.iter().position(|id| *id == self.focus).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
        let next = usize::try_from((now + step).rem_euclid(count)).unwrap_or(0);
        self.focus = order.get(next).copied().unwrap_or(self.focus);
    }

    /// Whether two documents differ in nothing but where the keyboard is.
    pub fn is_same_work(&self, other: &Self) -> bool {
        (&self.lanes, &self.layout, self.links) == (&other.lanes, &other.layout, other.links)
    }

    /// Whether every lane lies somewhere, once, and nothing else does.
    pub fn is_laid_out(&self) -> bool {
        let (mut lying, mut lanes) = (self.layout.lanes(), self.ids());
        lying.sort_unstable();
        lanes.sort_unstable();
        lying == lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_split_closed_and_stepped_through() {
        let mut document = Document::default();
        assert!((1..MOST_LANES).all(|_| document.split()) && !document.split());
        assert!(document.is_laid_out() && document.ids().first() == Some(&LaneId(3)));
        document.step_focus(1);
        assert_eq!(document.focus, LaneId(0));
        document.close(LaneId(0));
        assert_eq!((document.focus, document.is_laid_out()), (LaneId(1), true));
        (1..=3).for_each(|id| document.close(LaneId(id)));
        assert_eq!((document.lanes.len(), document.layout.clone()), (1, Layout::Lane(LaneId(3))));
    }
}
