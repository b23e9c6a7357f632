//! One frame of the window: keys and pointer first, then what to show, then the panels, then what the user asked for.

use std::time::{Duration, Instant};

use eframe::egui::{self, CentralPanel, Panel, Ui};

use super::command::{Command, Effect, keys};
use super::pane::controls;
use super::program::App;
use super::resolve::view::STALE_AFTER_SECS;
use super::shell::editor::{self, Editor, Outcome};
use super::shell::files::FileEvent;
use super::shell::path_field::Answer;
use super::shell::{banner, bar, debug, help, links};
use super::widgets::{focus, theme};
use crate::domain::Progress;

impl App {
    /// Draws the window and applies what the user did.
    pub fn window_ui(&mut self, ui: &mut Ui) {
        let start = Instant::now();
        let ctx = ui.ctx().clone();
        theme::choose(&ctx, self.prefs.theme);
        self.stages.sync(&self.document);
        self.early_input(&ctx);
        self.resolve(&ctx);
        let mut commands = Vec::new();
        let running = self.running();
        self.side_panels_ui(ui, running.as_ref().map(|(_, progress)| progress), &mut commands);
        // The controls may have changed what a lane shows: it follows in the same frame.
        self.resolve(&ctx);
        CentralPanel::no_frame().show(ui, |ui| self.lanes_ui(ui, running.as_ref().map(|(_, progress)| progress), &mut commands));
        self.overlays_ui(&ctx, &mut commands);
        if self.debug {
            debug::debug_ui(&ctx, &mut self.log, running.as_ref().map(|(_, progress)| progress), self.asked.len());
        }
        focus::ring_ui(&ctx);
        if !commands.is_empty() {
            ctx.request_repaint();
        }
        self.apply(&ctx, commands);
        self.link_cameras(&ctx);
        if !ctx.input(|i| i.pointer.any_down()) {
            self.history.record(&self.document);
            self.remember(&ctx);
        }
        self.wish();
        self.repaint_when_due(&ctx);
        self.log.record(start, self.measured);
    }

    /// What lies over everything else.
    fn overlays_ui(&mut self, ctx: &egui::Context, commands: &mut Vec<Command>) {
        if self.help {
            help::help_ui(ctx, commands);
        }
        self.hub.show(ctx, commands);
        if let Some((ask, field)) = &mut self.path_field
            && let Some(answer) = field.show(ctx)
        {
            let ask = *ask;
            self.path_field = None;
            if let Answer::Chosen(path) = answer {
                self.hear(ctx, FileEvent::Chosen(ask, path));
            }
        }
        if let Some(text) = &mut self.editor
            && let Some(done) = editor::editor_ui(ctx, text)
        {
            let left = self.editor.take();
            match done {
                Outcome::Explain(input) => commands.push(Command::OpenInput(input)),
                Outcome::Cancel => self.draft = left.and_then(Editor::into_draft),
            }
        }
    }

    /// Keys, dropped files and the pointer: they act before anything is drawn, so that the answer is in this frame.
    fn early_input(&mut self, ctx: &egui::Context) {
        let mut commands = match self.editor {
            _ if self.hub.is_open() || self.path_field.is_some() => Vec::new(),
            Some(_) => Vec::new(),
            None => keys::commands(ctx, self.stage().has_keyboard(ctx)),
        };
        let dropped = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect::<Vec<_>>());
        commands.extend(dropped.into_iter().map(|path| Command::Do(Effect::OpenDropped(path))));
        self.apply(ctx, commands);
        let (pos, shift) = (pointer_on_ground(ctx), ctx.input(|i| i.modifiers.shift));
        for (id, stage) in self.stages.iter_mut() {
            let lane = self.document.get(id);
            stage.point(pos, shift && (lane.pinned().is_some() || lane.span().is_some()));
        }
        self.link_pointers();
    }

    fn side_panels_ui(&mut self, ui: &mut Ui, running: Option<&Progress>, commands: &mut Vec<Command>) {
        let (frame, badge, reads_texts) = (theme::panel_frame(ui.style()), self.badge(), self.around().reads_texts);
        Panel::left("controls").frame(frame).exact_size(theme::CONTROLS_WIDTH).resizable(false).show(ui, |ui| {
            let view = &self.stages.get(self.document.focus).view;
            let shown = controls::Shown { view, badge: &badge, reads_texts, downloading: self.hub.on_its_way() };
            controls::controls_ui(ui, self.document.lane_mut(), &shown, commands);
        });
        Panel::top("bar").frame(frame).resizable(false).show(ui, |ui| {
            bar::bar_ui(ui, self.document.lane(), self.view(), &self.history, commands);
            bar::progress_ui(ui, running);
        });
        if let Some(shown) = &self.banner {
            Panel::top("error").frame(egui::Frame::NONE).resizable(false).show(ui, |ui| {
                banner::banner_ui(ui, shown, self.document.lane().question.model.as_ref(), commands);
            });
        }
        if self.document.lanes.len() > 1 {
            let frame = frame.inner_margin(theme::TOKENS_MARGIN);
            Panel::top("links").frame(frame).resizable(false).show(ui, |ui| links::links_ui(ui, &self.document, commands));
        }
    }

    /// Hands over what has changed since the last frame to be kept.
    fn remember(&mut self, ctx: &egui::Context) {
        self.prefs.zoom = ctx.zoom_factor();
        for (_, stage) in self.stages.iter() {
            if let (Some(opened), Some(_)) = (&stage.opened, &stage.view.scene) {
                self.prefs.note_opened(&opened.input, &opened.model);
            }
        }
        if let Some(failure) = self.memory.as_mut().and_then(|memory| memory.keep(&self.document, &self.prefs)) {
            self.notice = Some(failure);
        }
    }

    /// An idle window paints nothing; one that waits dims what is old once, and shows progress ten times a second.
    fn repaint_when_due(&self, ctx: &egui::Context) {
        let now = ctx.input(|i| i.time);
        let since = self.stages.iter().filter_map(|(_, stage)| stage.view.stale_since);
        for left in since.map(|since| since + f64::from(STALE_AFTER_SECS) - now).filter(|left| *left > 0.0) {
            ctx.request_repaint_after(Duration::from_secs_f64(left + 0.001));
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
