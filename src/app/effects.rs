//! What the user asked for is done: commands change the document, effects what is outside it.

use eframe::egui;

use super::command::lanes::{self, LaneEdit};
use super::command::select::ends;
use super::command::{Command, CommandContext, Effect, FileDialog, open};
use super::program::App;
use super::shell::banner::Banner;
use super::shell::editor::Editor;
use super::shell::files::{self, FileEvent, Opening};
use super::state::Theme;
use super::widgets::camera::Camera;
use crate::domain::request::{ModelRef, Request};

impl App {
    pub(super) fn hear(&mut self, ctx: &egui::Context, news: FileEvent) {
        match news {
            FileEvent::Chosen(FileDialog::Input | FileDialog::Model | FileDialog::OpenSession, path)
            | FileEvent::Pasted(Ok(path)) => self.open(path),
            FileEvent::Chosen(FileDialog::Knob { id, .. }, path) => {
                let taken = open::take_file(&mut self.document.lane_mut().question.params.knobs, id, &path);
                self.banner = taken.err().map(|err| Banner::at(err, self.document.lane()));
            }
            FileEvent::Chosen(FileDialog::Session, path) => self.files.save_session(ctx, &self.document, path),
            FileEvent::Chosen(FileDialog::Figure, path) => {
                if let Some(output) = self.stage().view.output(self.document.lane()) {
                    self.files.save_figure(ctx, output, self.document.lane().clone(), path);
                }
            }
            FileEvent::Saved(Ok(path)) => self.succeeded(format!("Wrote {}", path.display())),
            FileEvent::Copied(Ok(())) => self.succeeded("Copied the figure".to_owned()),
            FileEvent::NoDialog(ask) => self.path_field = Some((ask, files::path_field(ask, self.document.lane()))),
            FileEvent::Saved(Err(err)) | FileEvent::Copied(Err(err)) | FileEvent::Pasted(Err(err)) => self.refuse(err),
        }
    }

    /// Something was written. An error of an attempt before it is over.
    pub(super) fn succeeded(&mut self, words: String) {
        (self.notice, self.banner) = (Some(words), None);
    }

    /// A model has come. It is opened for whoever waits for it before the list, and only named to whoever went on.
    pub(super) fn arrived(&mut self, ctx: &egui::Context, id: String) {
        self.notice = Some(self.hub.arrival(&id));
        self.answers.forget_failures();
        if self.hub.is_open() {
            self.banner = None;
            self.hub.toggle(ctx);
            let question = &mut self.document.lane_mut().question;
            (question.model, question.tower) = (Some(ModelRef::Hub(id)), None);
        }
    }

    /// Opens whatever a path turns out to be. What failed before may have been mended, so it is asked again.
    pub(super) fn open(&mut self, path: std::path::PathBuf) {
        self.banner = None;
        self.answers.forget_failures();
        match files::open(path) {
            Opening::Command(command) => {
                let (opens_input, before) = (command.opens_input(), self.document.lane().question.model_in_use());
                let around = self.around();
                command.apply(self.document.lane_mut(), None, around);
                if opens_input {
                    self.name_switch(before.as_ref());
                }
            }
            Opening::Session(Ok(document)) => self.document = *document,
            Opening::Session(Err(err)) => self.refuse(err),
        }
    }

    pub(super) fn apply(&mut self, ctx: &egui::Context, commands: Vec<Command>) {
        if !commands.is_empty() {
            self.notice = None;
        }
        for command in commands {
            match lanes::edit(&mut self.document, &command) {
                LaneEdit::Other => {}
                LaneEdit::Done => {
                    self.stages.sync(&self.document);
                    continue;
                }
                LaneEdit::Refused(why) => {
                    self.notice = Some(why);
                    continue;
                }
            }
            let around = self.around();
            if let Some(why) = command.has_no_effect(self.document.lane(), self.stage().view.scene.as_deref(), around) {
                self.notice = Some(why);
                continue;
            }
            let (opens_input, before) = (command.opens_input(), self.document.lane().question.model_in_use());
            let scene = self.stage().view.scene.clone();
            let selected = self.document.lane_mut().token_selection_mut().clone();
            let effect = command.apply(self.document.lane_mut(), scene.as_deref(), around);
            if opens_input {
                self.name_switch(before.as_ref());
            }
            self.link_selections(&selected);
            if let Some(effect) = effect {
                self.perform(ctx, effect);
            }
        }
    }

    pub(super) fn around(&self) -> CommandContext {
        let anchor = self.stage().text.anchor();
        let ends = self.stage().view.scene.as_deref().and_then(|scene| ends(self.document.lane(), scene, anchor));
        // A model that never opened anything may be of either kind.
        let model = self.document.lane().question.model.as_ref();
        let is_open = |opened: &&Request| model.map_or(opened.model.is_built_in(), |model| *model == opened.model);
        let opened = self.stage().opened.as_ref().filter(is_open);
        CommandContext {
            help: self.help,
            banner: self.banner.is_some(),
            has_exhibits: self.stage().view.beside.is_some(),
            lines: ends.map_or([None; 2], |(_, end)| self.stage().text.neighbours(end)),
            sides: ends.and_then(|(_, end)| self.stage().text.sides(end)),
            anchor,
            reads_texts: opened.map(|o| o.input.is_text()).or_else(|| self.begins_with_pictures()),
            reads_both: opened.and_then(|o| self.answers.scene(o)).is_some_and(|s| s.model.tower.is_some()),
            written: self.written(self.document.focus),
        }
    }

    /// False, for no texts, where nothing was opened yet and the models are those of the last time: see `Prefs::first_question`.
    fn begins_with_pictures(&self) -> Option<bool> {
        let (question, prefs) = (&self.document.lane().question, &self.prefs);
        let is_first = (&question.model, &question.other_model) == (&prefs.picture_model, &prefs.text_model);
        (self.stage().opened.is_none() && is_first && question.input.is_none()).then_some(false)
    }

    pub(super) fn perform(&mut self, ctx: &egui::Context, effect: Effect) {
        match effect {
            Effect::Ask(ask) => self.files.ask(ctx, ask, self.document.lane()),
            Effect::OpenDropped(path) => self.open(path),
            Effect::ToggleHub => self.hub.toggle(ctx),
            Effect::Download(id) => self.hub.download(ctx, id),
            Effect::StopDownload => self.hub.stop(),
            Effect::TypeText => {
                let draft = self.draft.take();
                self.editor =
                    Some(draft.unwrap_or_else(|| Editor::new(self.document.lane(), self.stage().view.scene.as_deref())));
            }
            Effect::Paste(picture) => self.files.keep_pasted(ctx, picture),
            Effect::CopyFigure => {
                if let Some(output) = self.stage().view.output(self.document.lane()) {
                    self.files.copy_figure(ctx, output, self.document.lane().clone());
                }
            }
            Effect::Undo => self.document = self.history.undo().unwrap_or_else(|| self.document.clone()),
            Effect::Redo => self.document = self.history.redo().unwrap_or_else(|| self.document.clone()),
            Effect::Cancel => self.cancel(),
            Effect::Retry => {
                self.banner = None;
                self.answers.forget_failures();
            }
            Effect::CheckModel => {
                self.checked = self.document.lane().question.model_in_use();
                self.answers.forget_failures();
            }
            Effect::Dismiss => self.dismiss(),
            Effect::ToggleHelp => self.help = !self.help,
            Effect::ToggleDebug => self.debug = !self.debug,
            Effect::ToggleTheme => {
                self.prefs.theme = if ctx.theme() == egui::Theme::Dark { Theme::Light } else { Theme::Dark };
            }
            Effect::ToggleFullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Effect::Zoom(factor) => {
                if let Some(frame) = self.stage().frame {
                    let at = ctx.pointer_hover_pos().filter(|p| frame.canvas.contains(*p));
                    self.stage_mut().camera.zoom_at(factor, at.unwrap_or(frame.canvas.center()), &frame);
                }
            }
            Effect::ResetView => self.stage_mut().camera = Camera::default(),
        }
    }
}
