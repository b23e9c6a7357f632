//! A lane at run time: what is on its screen, where the pointer is in it, and what came of what it asked. Nothing here is kept.

use std::sync::Arc;

use eframe::egui::{Context, Memory, Pos2};

use super::ask::continuation::Pace;
use super::ask::wanted::Wishes;
use super::pane::charts::Pictures;
use super::pane::text::TextView;
use super::resolve::carry::Carried;
use super::resolve::view::{Pointing, View};
use super::state::{Document, Lane, LaneId};
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

impl Stage {
    /// Notes what lies under a point of the screen; `may_peek` = whether that is previewed although something is selected.
    pub(super) fn point(&mut self, pos: Option<Pos2>, may_peek: bool) {
        let cell = pos.filter(|_| self.frame.is_none()).and_then(|pos| self.text.cell_at(pos));
        let patch = pos.and_then(|pos| match &self.frame {
            Some(frame) => frame.patch_from_pos(pos),
            None => self.text.position_at(pos),
        });
        if let (Some(patch), Some(scene)) = (patch, &self.view.scene) {
            self.pointing.focus = Some(scene.layout.position_of(patch));
        }
        self.pointing.peek = patch.is_some() && may_peek;
        // The matrix shows the focus: pointing at it must not change that.
        self.pointing.patch = patch.or(cell.map(|(_, position)| position));
        self.pointing.layer = cell.map(|(layer, _)| layer);
    }

    /// Points at a position as if the pointer were there.
    pub(super) fn point_at(&mut self, position: Option<usize>, peek: bool) {
        let patch = self.view.scene.as_ref().zip(position).and_then(|(scene, position)| scene.layout.patch_of(position));
        if patch.is_some() {
            self.pointing.focus = position;
        }
        (self.pointing.patch, self.pointing.peek, self.pointing.layer) = (patch, peek && patch.is_some(), None);
    }

    /// Whether the keyboard is on the picture or the text.
    pub(super) fn has_keyboard(&self, ctx: &Context) -> bool {
        let Some(frame) = &self.frame else { return self.text.has_keyboard(ctx) };
        let focused = ctx.memory(Memory::focused).and_then(|id| ctx.read_response(id));
        focused.is_some_and(|r| r.rect == frame.canvas)
    }
}

/// The stage of every lane; one at least.
pub(super) struct Stages(Vec<(LaneId, Stage)>);

impl Stages {
    /// Empty stages for every lane.
    pub(super) fn new(document: &Document) -> Self {
        let stage = |lane: &Lane| Stage { at_home: lane.question.input.is_none(), ..Stage::default() };
        Self(document.lanes.iter().map(|lane| (lane.id, stage(lane))).collect())
    }

    /// Makes a stage for every lane that is new, and leaves those of lanes that are gone.
    pub(super) fn sync(&mut self, document: &Document) {
        self.0.retain(|(id, _)| document.lanes.iter().any(|lane| lane.id == *id));
        for lane in &document.lanes {
            if !self.0.iter().any(|(id, _)| *id == lane.id) {
                self.0.push((lane.id, Stage { at_home: lane.question.input.is_none(), ..Stage::default() }));
            }
        }
    }

    /// The stage of a lane; the first where there is none of this number.
    pub(super) fn get(&self, id: LaneId) -> &Stage {
        &self.0[self.index(id)].1
    }

    /// As [`Self::get`], to change it.
    pub(super) fn get_mut(&mut self, id: LaneId) -> &mut Stage {
        let index = self.index(id);
        &mut self.0[index].1
    }

    /// Every stage.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (LaneId, &mut Stage)> {
        self.0.iter_mut().map(|(id, stage)| (*id, stage))
    }

    /// Every stage, to look at.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LaneId, &Stage)> {
        self.0.iter().map(|(id, stage)| (*id, stage))
    }

    fn index(&self, id: LaneId) -> usize {
        self.0.iter().position(|(lane, _)| *lane == id).unwrap_or(0)
    }
}
