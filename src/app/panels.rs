//! One frame of the window: keys and pointer first, then what to show, then the panels, then what the user asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, CentralPanel, Panel, Ui};

use super::canvas::{Canvas, canvas_ui, pointer_on_ground};
use super::command::Command;
use super::editor::{Editor, Outcome};
use super::readout::Work;
use super::session::Mode;
use super::text_view::Page;
use super::view::is_continued;
use super::{
    App, Effect, bar, controls, debug, editor, exhibits, generation, help, keys, legend, readout, refusal, theme, welcome,
};
use crate::domain::Progress;
use crate::engine::Scene;

impl App {
    /// Draws the window and applies what the user did.
    pub fn window_ui(&mut self, ui: &mut Ui) {
        let start = Instant::now();
        let ctx = ui.ctx().clone();
        theme::choose(&ctx, self.session.theme);
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
        if !commands.is_empty() {
            ctx.request_repaint();
        }
        self.apply(&ctx, commands);
        if !ctx.input(|i| i.pointer.any_down()) {
            self.history.record(&self.session);
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
        let cell = pos.filter(|_| self.frame.is_none()).and_then(|pos| self.text.cell_at(pos));
        let patch = pos.and_then(|pos| match &self.frame {
            Some(frame) => frame.patch_from_pos(pos),
            None => self.text.position_at(pos),
        });
        if let (Some(patch), Some(scene)) = (patch, &self.view.scene) {
            self.pointing.focus = Some(scene.layout.position_of(patch));
        }
        let keeps = self.session.pinned.is_some() || self.session.span.is_some();
        self.pointing.peek = patch.is_some() && keeps && ctx.input(|i| i.modifiers.shift);
        // The matrix shows the focus: pointing at it must not change that.
        self.pointing.patch = patch.or(cell.map(|(_, position)| position));
        self.pointing.layer = cell.map(|(layer, _)| layer);
    }

    fn canvas_has_keyboard(&self, ctx: &egui::Context) -> bool {
        let Some(frame) = &self.frame else { return self.text.has_keyboard(ctx) };
        let focused = ctx.memory(egui::Memory::focused).and_then(|id| ctx.read_response(id));
        focused.is_some_and(|r| r.rect == frame.canvas)
    }

    /// Finds what to show; another picture or text starts afresh.
    fn look_up(&mut self, ctx: &egui::Context) {
        let trace = self.session.trace_request();
        let opened = trace.as_ref().and_then(|r| self.answers.scene(r)).cloned();
        if opened.is_some() || trace.is_none() {
            // Undo goes to what was opened before; what cannot be opened then leads back here.
            self.at_home = trace.is_none();
            self.opened = trace.or(self.opened.take());
        }
        if self.session.mode == Mode::Segments && opened.as_ref().is_some_and(|s| s.layout.text.is_some()) {
            self.session.mode = Mode::Heatmap;
            self.history.amend(&self.session);
        }
        if let Some(scene) = &opened {
            self.follow_model(scene);
        }
        let shown_before = self.view.scene.is_some();
        if let Some(Err(err)) = opened.map(|scene| self.session.mend(&scene)) {
            self.history.amend(&self.session);
            if shown_before {
                // Nobody asked for it of this model: it stood so for the one before.
                self.notice = Some(refusal::words(&err));
            } else {
                self.refuse(err);
            }
        }
        let before = self.view.scene.clone();
        let continuation = self.continuation().cloned();
        let answers = (&self.answers, continuation.as_ref());
        self.view.update(&self.session, answers, self.pointing, ctx.input(|i| i.time));
        let is_same = match (&before, &self.view.scene) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new) || is_continued(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !is_same {
            self.camera = super::Camera::default();
            self.frame = None;
            self.text = super::TextView::default();
            self.pointing = super::Pointing::default();
        }
    }

    /// Takes what is pinned to another model, and leaves a method that it lacks.
    fn follow_model(&mut self, scene: &Arc<Scene>) {
        let reads = |scene: &Scene| scene.layout.text.is_some();
        let named = |scene: &Scene| (scene.model.name.clone(), scene.model.folder.clone(), scene.model.tower, reads(scene));
        let is_other = self.carried.scene().is_some_and(|before| named(before) != named(scene));
        let before = (self.session.pinned.clone(), self.session.span);
        let lacking = if is_other { self.session.leave_lacking(scene) } else { None };
        let lost = self.carried.bring(&mut self.session, scene).map(str::to_owned);
        if lacking.is_some() || before != (self.session.pinned.clone(), self.session.span) {
            // It belongs to the step that opened the model.
            self.history.amend(&self.session);
        }
        self.notice = lacking.or(lost).or(self.notice.take());
    }

    fn side_panels_ui(&mut self, ui: &mut Ui, running: Option<&Progress>, commands: &mut Vec<Command>) {
        let (frame, badge) = (theme::panel_frame(ui.style()), self.badge());
        Panel::left("controls").frame(frame).exact_size(theme::CONTROLS_WIDTH).resizable(false).show(ui, |ui| {
            let shown = controls::Shown { view: &self.view, picker: &self.hub, badge: &badge };
            controls::controls_ui(ui, &mut self.session, &shown, commands);
        });
        Panel::top("bar").frame(frame).resizable(false).show(ui, |ui| {
            bar::bar_ui(ui, &self.session, &self.view, &self.history, commands);
            bar::progress_ui(ui, running);
        });
        if let Some(error) = self.banner.as_ref().map(|banner| &banner.error) {
            Panel::top("error").frame(egui::Frame::NONE).resizable(false).show(ui, |ui| {
                bar::banner_ui(ui, error, self.session.model.as_ref(), commands);
            });
        }
        if let (Mode::Heatmap, Some(scene)) = (self.session.mode, &self.view.scene) {
            let frame = frame.inner_margin(theme::TOKENS_MARGIN);
            Panel::top("tokens").frame(frame).resizable(false).show(ui, |ui| {
                bar::tokens_ui(ui, &self.session, &self.view, scene, commands);
            });
        }
        let (stopped, failed) = self.unanswered();
        if self.view.scene.is_none() && running.is_none() && self.notice.is_none() && !stopped {
            // The first page has nothing to read out.
            return;
        }
        Panel::bottom("readout").frame(frame).resizable(false).show(ui, |ui| {
            let work = Work { running, stopped, failed, notice: self.notice.as_deref() };
            readout::readout_ui(ui, &self.session, &self.view, (self.pointing, work), commands);
        });
        if self.view.scene.as_ref().is_some_and(|s| s.model.is_causal) {
            let written = (self.written(), self.continuation().map(|c| c.ending));
            Panel::bottom("generation").frame(frame).resizable(false).show(ui, |ui| {
                generation::generation_ui(ui, &mut self.session, written, commands);
            });
        }
    }

    fn centre_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let Some(scene) = self.view.scene.clone() else {
            self.frame = None;
            let waiting = self.session.trace_request().is_some_and(|r| self.answers.refusal(&r).is_none());
            if waiting {
                welcome::waiting_ui(ui, &self.session);
            } else {
                welcome::welcome_ui(ui, &self.session, &mut self.gallery, commands);
            }
            return;
        };
        if self.session.shows_exhibits() {
            exhibits::panel_ui(ui, (&self.view, &scene), &mut self.pictures, commands);
        }
        self.strip_ui(ui, &scene, commands);
        if let Some(text) = &scene.layout.text {
            let page = Page { session: &self.session, view: &self.view, pointing: self.pointing, scene: &scene, text };
            self.text.show(ui, page, commands);
            return;
        }
        let canvas = Canvas { session: &self.session, view: &self.view, pointing: self.pointing, camera: &mut self.camera };
        self.frame = scene.photo.as_ref().map(|photo| canvas_ui(ui, canvas, (&scene, photo), commands));
    }

    /// The colour bar or the legend, beside the picture or the text.
    fn strip_ui(&mut self, ui: &mut Ui, scene: &Scene, commands: &mut Vec<Command>) {
        let is_painted = self.view.map.as_ref().is_some_and(|map| map.paint().is_some());
        let width = match self.session.mode {
            Mode::Heatmap if is_painted => theme::PAINT_STRIP,
            Mode::Heatmap => theme::COLOUR_BAR_STRIP,
            Mode::Segments => theme::LEGEND_STRIP,
        };
        let frame = theme::strip_frame(ui.style());
        Panel::right("strip").frame(frame).exact_size(width).resizable(false).show_separator_line(false).show(ui, |ui| {
            match (self.session.mode, &self.view.map, &self.view.cut) {
                (Mode::Heatmap, Some(map), _) if is_painted => legend::paint_ui(ui, &self.session, map),
                (Mode::Heatmap, Some(map), _) => {
                    let pointed = self.pointing.patch.map(|p| scene.layout.position_of(p));
                    legend::colour_bar_ui(ui, &self.session, map, pointed.and_then(|p| map.value_at(p)));
                }
                (Mode::Segments, _, Some(cut)) => {
                    let label = self.pointing.patch.and_then(|p| cut.segmentation.patch_labels.get(p));
                    legend::segments_ui(ui, &self.session, cut, label.map(|&l| l.into()), commands);
                }
                _ => ui.take_available_space(),
            }
        });
    }

    /// An idle window paints nothing; one that waits dims what is old once, and shows progress ten times a second.
    fn repaint_when_due(&self, ctx: &egui::Context) {
        if let Some(since) = self.view.stale_since {
            let left = since + f64::from(theme::STALE_AFTER_SECS) - ctx.input(|i| i.time);
            if left > 0.0 {
                ctx.request_repaint_after(Duration::from_secs_f64(left + 0.001));
            }
        }
        if self.oracle.running().is_some() || self.hub.on_its_way().is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }
}
