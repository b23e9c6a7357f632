//! What one lane does and the others follow: pointing, zoom, selections, and the range of colours.

use eframe::egui::Context;

use super::program::App;
use super::resolve::carry;
use super::state::{LaneId, Mode, Selection};

impl App {
    /// Points at the same place in every lane.
    pub(super) fn link_pointers(&mut self) {
        if !self.document.links.pointer || self.document.lanes.len() < 2 {
            return;
        }
        let pointed = self.stages.iter().find_map(|(id, stage)| {
            let scene = stage.view.scene.clone()?;
            Some((id, scene.layout.position_of(stage.pointing.patch?), stage.pointing.peek, scene))
        });
        let Some((from, position, peek, scene)) = pointed else { return };
        for (id, stage) in self.stages.iter_mut().filter(|(id, _)| *id != from) {
            let there = stage.view.scene.as_deref().and_then(|now| carry::position_in(position, &scene, now));
            let lane = self.document.get(id);
            stage.point_at(there, peek && (lane.pinned().is_some() || lane.span().is_some()));
        }
    }

    /// Gives every picture the zoom of the one that was moved in this frame.
    pub(super) fn link_cameras(&mut self, ctx: &Context) {
        let before = |id: LaneId| self.cameras.iter().find(|(other, _)| *other == id).map(|(_, camera)| *camera);
        let moved = self.stages.iter().find(|(id, stage)| before(*id).is_some_and(|camera| camera != stage.camera));
        let camera = moved.map(|(_, stage)| stage.camera);
        if let Some(camera) = camera.filter(|_| self.document.links.zoom && self.document.lanes.len() > 1) {
            self.stages.iter_mut().for_each(|(_, stage)| stage.camera = camera);
            ctx.request_repaint();
        }
        self.cameras = self.stages.iter().map(|(id, stage)| (id, stage.camera)).collect();
    }

    /// Selects in every lane what was just selected in the one in focus, where it is there.
    pub(super) fn link_selections(&mut self, before: &Selection) {
        let selection = self.document.lane_mut().token_selection_mut().clone();
        if !self.document.links.selection || selection == *before {
            return;
        }
        let Some(scene) = self.stage().view.scene.clone() else { return };
        for id in self.document.ids().into_iter().skip(1) {
            let Some(now) = self.stages.get(id).view.scene.clone() else { continue };
            let there = carry::selection_in(&selection, &scene, &now);
            if selection == Selection::None || there != Selection::None {
                *self.document.get_mut(id).token_selection_mut() = there;
            }
        }
    }

    /// One range of colours for all maps whose values have the same unit.
    pub(super) fn link_ranges(&mut self) {
        if !self.document.links.range || self.document.lanes.len() < 2 {
            return;
        }
        let is_map = |id: LaneId| self.document.get(id).question.mode == Mode::Heatmap;
        let maps = self.stages.iter().filter(|(id, _)| is_map(*id)).filter_map(|(_, stage)| stage.view.map.as_ref());
        let ranges: Vec<_> = maps.map(|map| (map.method.unit, map.range)).collect();
        for (_, stage) in self.stages.iter_mut() {
            let Some(map) = &mut stage.view.map else { continue };
            for (_, range) in ranges.iter().filter(|(unit, _)| *unit == map.method.unit) {
                map.range.low = map.range.low.min(range.low);
                map.range.high = map.range.high.max(range.high);
            }
        }
    }
}
