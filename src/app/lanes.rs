//! The lanes on the screen: what each shows is found, and then drawn.

use std::sync::Arc;

use eframe::egui::{self, Panel, Stroke, StrokeKind, Ui};

use super::ask::refusal;
use super::command::Command;
use super::pane::picture::{Canvas, canvas_ui};
use super::pane::readout::{self, Work};
use super::pane::text::{Page, TextView};
use super::pane::{charts, continuation, strip, tokens};
use super::program::App;
use super::resolve::view::{Pointing, is_continued};
use super::shell::links::head_ui;
use super::shell::welcome;
use super::state::{LaneId, Mode};
use super::widgets::camera::Camera;
use super::widgets::theme;
use crate::domain::Progress;
use crate::engine::Scene;

impl App {
    /// Finds what every lane shows.
    pub(super) fn resolve(&mut self, ctx: &egui::Context) {
        for id in self.document.ids() {
            self.resolve_lane(ctx, id);
        }
        self.link_ranges();
    }

    /// Finds what a lane shows; another picture or text starts afresh.
    fn resolve_lane(&mut self, ctx: &egui::Context, id: LaneId) {
        let lane = self.document.get_mut(id);
        let trace = lane.trace_request();
        let opened = trace.as_ref().and_then(|r| self.answers.scene(r)).cloned();
        let stage = self.stages.get_mut(id);
        if opened.is_some() || trace.is_none() {
            // Undo goes to what was opened before; what cannot be opened then leads back here.
            stage.at_home = trace.is_none();
            stage.opened = trace.or(stage.opened.take());
        }
        if lane.question.mode == Mode::Segments && opened.as_ref().is_some_and(|s| s.layout.text.is_some()) {
            lane.show(Mode::Heatmap);
            self.history.amend(&self.document);
        }
        if let Some(scene) = opened {
            self.follow_model(id, &scene);
        }
        let continuation = self.continuation(id).cloned();
        let answers = (&self.answers, continuation.as_ref());
        let stage = self.stages.get_mut(id);
        let before = stage.view.scene.clone();
        stage.view.update(self.document.get(id), answers, stage.pointing, ctx.input(|i| i.time));
        let is_same = match (&before, &stage.view.scene) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new) || is_continued(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !is_same {
            stage.camera = Camera::default();
            stage.frame = None;
            stage.text = TextView::default();
            stage.pointing = Pointing::default();
        }
    }

    /// Takes what is pinned to another model, and leaves what that model lacks.
    fn follow_model(&mut self, id: LaneId, scene: &Arc<Scene>) {
        let (lane, stage) = (self.document.get_mut(id), self.stages.get_mut(id));
        let reads = |scene: &Scene| scene.layout.text.is_some();
        let named = |scene: &Scene| (scene.model.name.clone(), scene.model.folder.clone(), scene.model.tower, reads(scene));
        let shown_before = stage.carried.scene().is_some();
        let is_other = stage.carried.scene().is_some_and(|before| named(before) != named(scene));
        let before = lane.token_selection_mut().clone();
        let lacking = if is_other { lane.leave_lacking(scene) } else { None };
        let lost = stage.carried.bring(lane, scene).map(str::to_owned);
        if lacking.is_some() || before != *lane.token_selection_mut() {
            // It belongs to the step that opened the model.
            self.history.amend(&self.document);
        }
        self.notice = lacking.or(lost).or(self.notice.take());
        if let Err(err) = self.document.get_mut(id).mend(scene) {
            self.history.amend(&self.document);
            if shown_before {
                // Nobody asked for it of this model: it stood so for the one before.
                self.notice = Some(refusal::words(&err));
            } else {
                self.refuse(err);
            }
        }
    }

    /// Draws the lanes, each with a head where there are several.
    pub(super) fn lanes_ui(&mut self, ui: &mut Ui, running: Option<&Progress>, commands: &mut Vec<Command>) {
        if let [only] = &self.document.lanes[..] {
            let id = only.id;
            return self.lane_ui(ui, id, running, commands);
        }
        let (mut dock, layout, order) =
            (std::mem::take(&mut self.dock), self.document.layout.clone(), self.document.layout.lanes());
        let title = |id: LaneId| letter(&order, id);
        let changed = dock.ui(ui, &layout, &title, &mut |ui, id| {
            let mut own = Vec::new();
            let is_dragged = head_ui(ui, &self.document, (id, &letter(&order, id)), &mut own);
            // The head touches what it names.
            ui.add_space(-ui.spacing().item_spacing.y);
            ui.push_id(id.0, |ui| self.lane_ui(ui, id, running.filter(|_| id == self.document.focus), &mut own));
            self.focus_ui(ui, id, own, commands);
            is_dragged
        });
        self.dock = dock;
        self.document.layout = changed.unwrap_or(layout);
    }

    /// A click, or a command, in a lane brings the focus there.
    fn focus_ui(&self, ui: &Ui, id: LaneId, own: Vec<Command>, commands: &mut Vec<Command>) {
        let (rect, is_focus) = (ui.max_rect(), id == self.document.focus);
        let is_pressed = ui.input(|i| i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(|pos| rect.contains(pos)));
        let is_ground = ui.ctx().layer_id_at(rect.center()).is_none_or(|layer| layer == ui.layer_id());
        if !is_focus && (!own.is_empty() || is_pressed && is_ground) {
            commands.push(Command::Focus(id));
        }
        commands.extend(own);
        if is_focus {
            let line = Stroke::new(2.0, theme::palette(ui.visuals()).accent);
            ui.painter().rect_stroke(rect.shrink(1.0), 3.0, line, StrokeKind::Inside);
        }
    }

    /// A lane: its tokens, what it shows, and the lines below.
    fn lane_ui(&mut self, ui: &mut Ui, id: LaneId, running: Option<&Progress>, commands: &mut Vec<Command>) {
        let frame = theme::panel_frame(ui.style());
        let (stopped, failed) = self.unanswered(id);
        let (lane, stage) = (self.document.get(id), self.stages.get(id));
        if let (Mode::Heatmap, Some(scene)) = (lane.question.mode, &stage.view.scene) {
            let frame = frame.inner_margin(theme::TOKENS_MARGIN);
            Panel::top("tokens").frame(frame).resizable(false).show(ui, |ui| {
                tokens::tokens_ui(ui, lane, &stage.view, scene, commands);
            });
        }
        let notice = self.notice.as_deref().filter(|_| id == self.document.focus);
        // The first page has nothing to read out.
        if stage.view.scene.is_some() || running.is_some() || notice.is_some() || stopped {
            Panel::bottom("readout").frame(frame).resizable(false).show(ui, |ui| {
                let work = Work { running, stopped, failed, notice };
                readout::readout_ui(ui, lane, &stage.view, (stage.pointing, work), commands);
            });
        }
        if stage.view.scene.as_ref().is_some_and(|s| s.model.is_causal) {
            let written = (self.written(id), self.continuation(id).map(|c| c.ending));
            let lane = self.document.get_mut(id);
            Panel::bottom("generation").frame(frame).resizable(false).show(ui, |ui| {
                continuation::generation_ui(ui, lane, written, commands);
            });
        }
        self.centre_ui(ui, id, commands);
    }

    fn centre_ui(&mut self, ui: &mut Ui, id: LaneId, commands: &mut Vec<Command>) {
        let reads_texts = self.around().reads_texts;
        let (lane, stage) = (self.document.get(id), self.stages.get_mut(id));
        let Some(scene) = stage.view.scene.clone() else {
            stage.frame = None;
            if lane.trace_request().is_some_and(|r| self.answers.refusal(&r).is_none()) {
                welcome::waiting_ui(ui, lane);
            } else {
                welcome::welcome_ui(ui, (lane, reads_texts), &mut self.gallery, commands);
            }
            return;
        };
        let view = &stage.view;
        if lane.shows_exhibits() {
            charts::panel_ui(ui, (view, &scene), &mut stage.pictures, commands);
        }
        strip::strip_ui(ui, (lane, view, stage.pointing), &scene, commands);
        if let Some(text) = &scene.layout.text {
            let page = Page { lane, view, pointing: stage.pointing, scene: &scene, text };
            stage.text.show(ui, page, commands);
            return;
        }
        let canvas = Canvas { lane, view, pointing: stage.pointing, camera: &mut stage.camera };
        stage.frame = scene.photo.as_ref().map(|photo| canvas_ui(ui, canvas, (&scene, photo), commands));
    }
}

/// A, B, C, D from left to right.
fn letter(order: &[LaneId], id: LaneId) -> String {
    let at = order.iter().position(|other| *other == id).unwrap_or(0);
    char::from(b'A'.saturating_add(u8::try_from(at).unwrap_or(0))).to_string()
}
