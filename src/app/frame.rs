//! One frame of the window: keys and pointer first, then what to show, then the panels, then what the user asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, CentralPanel, Panel, Ui};

use super::App;
use super::ask::refusal;
use super::command::{Command, Effect, keys};
use super::pane::picture::{Canvas, canvas_ui};
use super::pane::readout::{self, Work};
use super::pane::text::{Page, TextView};
use super::pane::{charts, continuation, controls, strip, tokens};
use super::resolve::view::{Pointing, STALE_AFTER_SECS, is_continued};
use super::shell::editor::{self, Editor, Outcome};
use super::shell::{banner, bar, debug, help, welcome};
use super::state::Mode;
use super::widgets::camera::Camera;
use super::widgets::{focus, theme};
use crate::domain::Progress;
use crate::engine::Scene;

impl App {
    /// Draws the window and applies what the user did.
    pub fn window_ui(&mut self, ui: &mut Ui) {
        let start = Instant::now();
        let ctx = ui.ctx().clone();
        theme::choose(&ctx, self.prefs.theme);
        self.early_input(&ctx);
        self.look_up(&ctx);
        let mut commands = Vec::new();
        let running = self.running();
        self.side_panels_ui(ui, running.as_ref().map(|(_, progress)| progress), &mut commands);
        // The controls may have changed what the picture shows: it follows in the same frame.
        self.look_up(&ctx);
        CentralPanel::no_frame().show(ui, |ui| self.centre_ui(ui, &mut commands));
        if self.help {
            help::help_ui(&ctx, &mut commands);
        }
        self.hub.show(&ctx, &mut commands);
        if let Some(text) = &mut self.editor
            && let Some(done) = editor::editor_ui(&ctx, text)
        {
            let left = self.editor.take();
            match done {
                Outcome::Explain(input) => commands.push(Command::OpenInput(input)),
                Outcome::Cancel => self.draft = left.and_then(Editor::into_draft),
            }
        }
        if self.debug {
            debug::debug_ui(&ctx, &mut self.log, running.as_ref(), self.asked.len());
        }
        focus::ring_ui(&ctx);
        if !commands.is_empty() {
            ctx.request_repaint();
        }
        self.apply(&ctx, commands);
        if !ctx.input(|i| i.pointer.any_down()) {
            self.history.record(&self.document);
        }
        self.wish();
        self.repaint_when_due(&ctx);
        self.log.record(start, self.measured);
    }

    /// Keys, dropped files and the pointer: they act before anything is drawn, so that the answer is in this frame.
    fn early_input(&mut self, ctx: &egui::Context) {
        let mut commands = match self.editor {
            _ if self.hub.is_open() => Vec::new(),
            Some(_) => Vec::new(),
            None => keys::commands(ctx, self.canvas_has_keyboard(ctx)),
        };
        let dropped = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect::<Vec<_>>());
        commands.extend(dropped.into_iter().map(|path| Command::Do(Effect::OpenDropped(path))));
        self.apply(ctx, commands);
        let pos = pointer_on_ground(ctx);
        let cell = pos.filter(|_| self.stage.frame.is_none()).and_then(|pos| self.stage.text.cell_at(pos));
        let patch = pos.and_then(|pos| match &self.stage.frame {
            Some(frame) => frame.patch_from_pos(pos),
            None => self.stage.text.position_at(pos),
        });
        if let (Some(patch), Some(scene)) = (patch, &self.stage.view.scene) {
            self.stage.pointing.focus = Some(scene.layout.position_of(patch));
        }
        let keeps = self.document.lane().pinned().is_some() || self.document.lane().span().is_some();
        self.stage.pointing.peek = patch.is_some() && keeps && ctx.input(|i| i.modifiers.shift);
        // The matrix shows the focus: pointing at it must not change that.
        self.stage.pointing.patch = patch.or(cell.map(|(_, position)| position));
        self.stage.pointing.layer = cell.map(|(layer, _)| layer);
    }

    fn canvas_has_keyboard(&self, ctx: &egui::Context) -> bool {
        let Some(frame) = &self.stage.frame else { return self.stage.text.has_keyboard(ctx) };
        let focused = ctx.memory(egui::Memory::focused).and_then(|id| ctx.read_response(id));
        focused.is_some_and(|r| r.rect == frame.canvas)
    }

    /// Finds what to show; another picture or text starts afresh.
    fn look_up(&mut self, ctx: &egui::Context) {
        let trace = self.document.lane().trace_request();
        let opened = trace.as_ref().and_then(|r| self.answers.scene(r)).cloned();
        if opened.is_some() || trace.is_none() {
            // Undo goes to what was opened before; what cannot be opened then leads back here.
            self.stage.at_home = trace.is_none();
            self.stage.opened = trace.or(self.stage.opened.take());
        }
        if self.document.lane().question.mode == Mode::Segments && opened.as_ref().is_some_and(|s| s.layout.text.is_some()) {
            self.document.lane_mut().show(Mode::Heatmap);
            self.history.amend(&self.document);
        }
        let shown_before = self.stage.carried.scene().is_some();
        if let Some(scene) = &opened {
            self.follow_model(scene);
        }
        if let Some(Err(err)) = opened.map(|scene| self.document.lane_mut().mend(&scene)) {
            self.history.amend(&self.document);
            if shown_before {
                // Nobody asked for it of this model: it stood so for the one before.
                self.notice = Some(refusal::words(&err));
            } else {
                self.refuse(err);
            }
        }
        let before = self.stage.view.scene.clone();
        let continuation = self.continuation().cloned();
        let answers = (&self.answers, continuation.as_ref());
        self.stage.view.update(self.document.lane(), answers, self.stage.pointing, ctx.input(|i| i.time));
        let is_same = match (&before, &self.stage.view.scene) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new) || is_continued(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !is_same {
            self.stage.camera = Camera::default();
            self.stage.frame = None;
            self.stage.text = TextView::default();
            self.stage.pointing = Pointing::default();
        }
    }

    /// Takes what is pinned to another model, and leaves a method that it lacks.
    fn follow_model(&mut self, scene: &Arc<Scene>) {
        let reads = |scene: &Scene| scene.layout.text.is_some();
        let named = |scene: &Scene| (scene.model.name.clone(), scene.model.folder.clone(), scene.model.tower, reads(scene));
        let is_other = self.stage.carried.scene().is_some_and(|before| named(before) != named(scene));
        let before = self.document.lane_mut().token_selection_mut().clone();
        let lacking = if is_other { self.document.lane_mut().leave_lacking(scene) } else { None };
        let lost = self.stage.carried.bring(self.document.lane_mut(), scene).map(str::to_owned);
        if lacking.is_some() || before != *self.document.lane_mut().token_selection_mut() {
            // It belongs to the step that opened the model.
            self.history.amend(&self.document);
        }
        self.notice = lacking.or(lost).or(self.notice.take());
    }

    fn side_panels_ui(&mut self, ui: &mut Ui, running: Option<&Progress>, commands: &mut Vec<Command>) {
        let (frame, badge, reads_texts) = (theme::panel_frame(ui.style()), self.badge(), self.around().reads_texts);
        Panel::left("controls").frame(frame).exact_size(theme::CONTROLS_WIDTH).resizable(false).show(ui, |ui| {
            let shown =
                controls::Shown { view: &self.stage.view, reads_texts, downloading: self.hub.on_its_way(), badge: &badge };
            controls::controls_ui(ui, self.document.lane_mut(), &shown, commands);
        });
        Panel::top("bar").frame(frame).resizable(false).show(ui, |ui| {
            bar::bar_ui(ui, self.document.lane(), &self.stage.view, &self.history, commands);
            bar::progress_ui(ui, running);
        });
        if let Some(shown) = &self.banner {
            Panel::top("error").frame(egui::Frame::NONE).resizable(false).show(ui, |ui| {
                banner::banner_ui(ui, shown, self.document.lane().question.model.as_ref(), commands);
            });
        }
        if let (Mode::Heatmap, Some(scene)) = (self.document.lane().question.mode, &self.stage.view.scene) {
            let frame = frame.inner_margin(theme::TOKENS_MARGIN);
            Panel::top("tokens").frame(frame).resizable(false).show(ui, |ui| {
                tokens::tokens_ui(ui, self.document.lane(), &self.stage.view, scene, commands);
            });
        }
        let (stopped, failed) = self.unanswered();
        if self.stage.view.scene.is_none() && running.is_none() && self.notice.is_none() && !stopped {
            // The first page has nothing to read out.
            return;
        }
        Panel::bottom("readout").frame(frame).resizable(false).show(ui, |ui| {
            let work = Work { running, stopped, failed, notice: self.notice.as_deref() };
            readout::readout_ui(ui, self.document.lane(), &self.stage.view, (self.stage.pointing, work), commands);
        });
        if self.stage.view.scene.as_ref().is_some_and(|s| s.model.is_causal) {
            let written = (self.written(), self.continuation().map(|c| c.ending));
            Panel::bottom("generation").frame(frame).resizable(false).show(ui, |ui| {
                continuation::generation_ui(ui, self.document.lane_mut(), written, commands);
            });
        }
    }

    fn centre_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let Some(scene) = self.stage.view.scene.clone() else {
            self.stage.frame = None;
            let waiting = self.document.lane().trace_request().is_some_and(|r| self.answers.refusal(&r).is_none());
            if waiting {
                welcome::waiting_ui(ui, self.document.lane());
            } else {
                welcome::welcome_ui(ui, (self.document.lane(), self.around().reads_texts), &mut self.gallery, commands);
            }
            return;
        };
        if self.document.lane().shows_exhibits() {
            charts::panel_ui(ui, (&self.stage.view, &scene), &mut self.stage.pictures, commands);
        }
        self.strip_ui(ui, &scene, commands);
        if let Some(text) = &scene.layout.text {
            let page =
                Page { lane: self.document.lane(), view: &self.stage.view, pointing: self.stage.pointing, scene: &scene, text };
            self.stage.text.show(ui, page, commands);
            return;
        }
        let canvas = Canvas {
            lane: self.document.lane(),
            view: &self.stage.view,
            pointing: self.stage.pointing,
            camera: &mut self.stage.camera,
        };
        self.stage.frame = scene.photo.as_ref().map(|photo| canvas_ui(ui, canvas, (&scene, photo), commands));
    }

    /// The colour bar or the legend, beside the picture or the text.
    fn strip_ui(&mut self, ui: &mut Ui, scene: &Scene, commands: &mut Vec<Command>) {
        let is_painted = self.stage.view.map.as_ref().is_some_and(|map| map.paint().is_some());
        let width = match self.document.lane().question.mode {
            Mode::Heatmap if is_painted => theme::PAINT_STRIP,
            Mode::Heatmap => theme::COLOUR_BAR_STRIP,
            Mode::Segments => theme::LEGEND_STRIP,
        };
        let frame = theme::strip_frame(ui.style());
        Panel::right("strip").frame(frame).exact_size(width).resizable(false).show_separator_line(false).show(ui, |ui| {
            match (self.document.lane().question.mode, &self.stage.view.map, &self.stage.view.cut) {
                (Mode::Heatmap, Some(map), _) if is_painted => strip::paint_ui(ui, self.document.lane(), map),
                (Mode::Heatmap, Some(map), _) => {
                    let pointed = self.stage.pointing.patch.map(|p| scene.layout.position_of(p));
                    strip::colour_bar_ui(ui, self.document.lane(), map, pointed.and_then(|p| map.value_at(p)));
                }
                (Mode::Segments, _, Some(cut)) => {
                    let label = self.stage.pointing.patch.and_then(|p| cut.segmentation.patch_labels.get(p));
                    strip::segments_ui(ui, self.document.lane(), cut, label.map(|&l| l.into()), commands);
                }
                _ => ui.take_available_space(),
            }
        });
    }

    /// An idle window paints nothing; one that waits dims what is old once, and shows progress ten times a second.
    fn repaint_when_due(&self, ctx: &egui::Context) {
        if let Some(since) = self.stage.view.stale_since {
            let left = since + f64::from(STALE_AFTER_SECS) - ctx.input(|i| i.time);
            if left > 0.0 {
                ctx.request_repaint_after(Duration::from_secs_f64(left + 0.001));
            }
        }
        if self.oracle.running().is_some() || self.hub.on_its_way().is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }
}

/// Where the pointer is; `None` when something else is in front or is being dragged.
fn pointer_on_ground(ctx: &egui::Context) -> Option<egui::Pos2> {
    let pos: egui::Pos2 = ctx.pointer_hover_pos()?;
    let in_front = ctx.layer_id_at(pos).is_none_or(|layer| layer.order == egui::Order::Background);
    let busy = ctx.dragged_id().is_some() && ctx.input(|i| i.pointer.is_decidedly_dragging());
    (in_front && !busy).then_some(pos)
}
