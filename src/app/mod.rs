//! The window. [`Session`] is the state that the user chose; [`Session::wanted`] says which answers the screen needs; a frame asks
//! the [`Oracle`] for those that are missing and draws the newest that are there. Panels edit the session's own fields in place
//! and push [`Command`]s for all else. Nothing here waits and nothing computes: names no tensor, knows no command line.

pub mod answers;
pub mod badge;
pub mod banner;
pub mod bar;
pub mod camera;
pub mod canvas;
pub mod carry;
pub mod command;
pub mod controls;
pub mod debug;
pub mod editor;
pub mod exhibits;
pub mod export;
pub mod files;
pub mod fonts;
pub mod gallery;
pub mod generation;
pub mod help;
pub mod history;
pub mod hub;
pub mod keys;
pub mod knobs;
pub mod legend;
pub mod look;
pub mod matrix;
pub mod menu;
pub mod panels;
pub mod phrase;
pub mod readout;
pub mod refusal;
mod replies;
pub mod scalar;
pub mod screenshot;
pub mod session;
pub mod text_view;
pub mod theme;
pub mod view;
pub mod wait;
pub mod wanted;
pub mod welcome;
pub mod window;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use eframe::egui;

pub use command::{Ask, Command, Effect};
pub use screenshot::screenshot;
pub use session::{Look, Mode, Session, Theme};
pub use view::View;
pub use window::run;

use crate::domain::request::{ModelRef, Request};
use crate::domain::{Error, Progress};
use crate::engine::{Continuation, Oracle, Reply, Scene};
use crate::hub::Settings;
use answers::Answers;
use badge::Badge;
use banner::Banner;
use camera::Camera;
use carry::Carried;
use command::Around;
use debug::FrameLog;
use editor::Editor;
use files::{Files, News, Opening};
use gallery::Gallery;
use history::History;
use hub::Picker;
use text_view::TextView;
use view::Pointing;
use wanted::Wishes;

/// The window's contents, whoever opens the window and whoever answers.
pub struct App {
    session: Session,
    history: History,
    oracle: Box<dyn Oracle>,
    answers: Answers,
    wishes: Wishes,
    /// Keys of the newest list of wishes.
    asked: Vec<String>,
    /// The newest input and model that could be opened.
    opened: Option<Request>,
    banner: Option<Banner>,
    /// What was written or copied last, until the user does something else.
    notice: Option<String>,
    /// The newest part of a continuation that came.
    continuation: Option<Arc<Continuation>>,
    pace: generation::Pace,
    view: View,
    carried: Carried,
    pointing: Pointing,
    camera: Camera,
    /// Where the picture lay in the last frame.
    frame: Option<camera::Frame>,
    text: TextView,
    pictures: exhibits::Pictures,
    gallery: Gallery,
    /// The text that is being typed, if one is.
    editor: Option<Editor>,
    /// What was typed before the editor was left without explaining it.
    draft: Option<Editor>,
    hub: Picker,
    /// Whether the first page was on the screen last.
    at_home: bool,
    files: Files,
    help: bool,
    debug: bool,
    log: FrameLog,
    /// The large model whose check the user asked for.
    checked: Option<ModelRef>,
    /// What eframe measured of the frame before.
    measured: Option<Duration>,
    /// Called in the frame after the one that drew the first map.
    on_first_map: Option<Box<dyn FnOnce()>>,
}

impl App {
    /// A window at a state, answered by `oracle`.
    pub fn new(ctx: &egui::Context, session: Session, oracle: Box<dyn Oracle>) -> Self {
        theme::install(ctx);
        theme::choose(ctx, session.theme);
        Self {
            at_home: session.input.is_none(),
            history: History::new(session.clone()),
            session,
            oracle,
            answers: Answers::default(),
            wishes: Wishes::default(),
            asked: Vec::new(),
            opened: None,
            banner: None,
            notice: None,
            continuation: None,
            pace: generation::Pace::default(),
            view: View::default(),
            carried: Carried::default(),
            pointing: Pointing::default(),
            camera: Camera::default(),
            frame: None,
            text: TextView::default(),
            pictures: exhibits::Pictures::default(),
            gallery: Gallery::default(),
            editor: None,
            draft: None,
            hub: Picker::new(Settings::from_env()),
            files: Files::default(),
            help: false,
            debug: false,
            log: FrameLog::default(),
            checked: None,
            measured: None,
            on_first_map: None,
        }
    }

    /// With another cache or another hub than the environment names.
    #[must_use]
    pub fn with_hub(mut self, settings: Settings) -> Self {
        self.hub = Picker::new(settings);
        self
    }

    /// The state that the user chose.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What is on the screen.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The error that is shown, if one is.
    pub fn error(&self) -> Option<&Error> {
        self.banner.as_ref().map(|banner| &banner.error)
    }

    /// Whether everything that the screen needs is there, or will not come.
    pub fn is_settled(&mut self) -> bool {
        let is_idle = self.files.is_idle() && self.hub.is_idle();
        self.missing().is_empty() && is_idle && (self.session.input.is_some() || self.gallery.is_idle())
    }

    /// Takes answers and asks for what is missing. No drawing.
    pub fn think(&mut self, ctx: &egui::Context) {
        for reply in self.oracle.poll() {
            self.receive(reply);
        }
        for news in self.files.poll() {
            self.hear(ctx, news);
        }
        if let Some(id) = self.hub.poll(ctx) {
            self.arrived(ctx, id);
        }
        if let Some(err) = self.hub.take_unseen_failure() {
            self.banner = Some(Banner::at(err, &self.session));
        }
        self.drop_old_error();
        self.wish();
        if self.oracle.running().is_some() || self.hub.on_its_way().is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    fn hear(&mut self, ctx: &egui::Context, news: News) {
        match news {
            News::Chosen(Ask::Input | Ask::Model, path) | News::Pasted(Ok(path)) => self.open(path),
            News::Chosen(Ask::Knob { id, .. }, path) => {
                let taken = knobs::take_file(&mut self.session.params.knobs, id, &path);
                self.banner = taken.err().map(|err| Banner::at(err, &self.session));
            }
            News::Chosen(Ask::Session, path) => self.files.save_session(ctx, &self.session, path),
            News::Chosen(Ask::Figure, path) => {
                if let Some(output) = self.view.output(&self.session) {
                    self.files.save_figure(ctx, output, self.session.clone(), path);
                }
            }
            News::Saved(Ok(path)) => self.succeeded(format!("Wrote {}", path.display())),
            News::Copied(Ok(())) => self.succeeded("Copied the figure".to_owned()),
            News::Failed(err) | News::Saved(Err(err)) | News::Copied(Err(err)) | News::Pasted(Err(err)) => self.refuse(err),
        }
    }

    /// Something was written. An error of an attempt before it is over.
    fn succeeded(&mut self, words: String) {
        (self.notice, self.banner) = (Some(words), None);
    }

    /// A model has come. It is opened for whoever waits for it before the list, and only named to whoever went on.
    fn arrived(&mut self, ctx: &egui::Context, id: String) {
        self.notice = Some(self.hub.arrival(&id));
        self.answers.forget_failures();
        if self.hub.is_open() {
            self.banner = None;
            self.hub.toggle(ctx);
            (self.session.model, self.session.tower) = (Some(ModelRef::Hub(id)), None);
        }
    }

    /// Opens whatever a path turns out to be. What failed before may have been mended, so it is asked again.
    fn open(&mut self, path: std::path::PathBuf) {
        self.banner = None;
        self.answers.forget_failures();
        match files::open(path) {
            Opening::Command(command) => {
                let (opens_input, before) = (command.opens_input(), self.session.model_in_use());
                let around = self.around();
                command.apply(&mut self.session, None, around);
                if opens_input {
                    self.name_switch(before.as_ref());
                }
            }
            Opening::Session(Ok(session)) => self.session = *session,
            Opening::Session(Err(err)) => self.refuse(err),
        }
    }

    /// The wishes of this state with their keys.
    fn wanted(&mut self) -> Vec<(String, Request)> {
        let written = self.written();
        if written.growing {
            let wanted = self.session.wanted_while_growing(self.view.scene.as_deref(), self.next_tokens());
            return wanted.into_iter().map(|request| (request.key(), request)).collect();
        }
        let scene = self.traced().cloned();
        self.wishes.of(&self.session, scene.as_ref()).to_vec()
    }

    /// The scene of the whole input, once it is there.
    fn traced(&self) -> Option<&Arc<Scene>> {
        self.session.trace_request().and_then(|request| self.answers.scene(&request))
    }

    fn missing(&mut self) -> Vec<(String, Request)> {
        let wanted = self.wanted();
        let check = self.traced().and_then(|scene| self.check_request(scene)).map(|request| (request.key(), request));
        wanted.into_iter().chain(check).filter(|(key, _)| !self.answers.looked_up(key)).collect()
    }

    /// The check of the open model's numbers: of small ones always, of others when the user asked for it.
    fn check_request(&self, scene: &Scene) -> Option<Request> {
        let model = self.session.model_in_use().filter(|model| !model.is_built_in())?;
        let asked = badge::is_checked_at_once(scene) || self.checked.as_ref() == Some(&model);
        asked.then(|| badge::request(model))
    }

    fn badge(&self) -> Badge {
        let Some(scene) = &self.view.scene else { return Badge::None };
        match self.check_request(scene) {
            Some(request) => Badge::of(self.answers.verification(&request)),
            None if self.session.model_in_use().is_some_and(|model| !model.is_built_in()) => Badge::Unasked,
            None => Badge::None,
        }
    }

    fn badge_key(&self) -> Option<String> {
        self.view.scene.as_ref().and_then(|scene| self.check_request(scene)).map(|request| request.key())
    }

    fn wish(&mut self) {
        let (keys, requests): (Vec<_>, Vec<_>) = self.missing().into_iter().unzip();
        if keys != self.asked {
            self.asked = keys;
            self.oracle.wish(requests);
        }
    }

    /// Whether the user stopped something that the screen needs, and whether something was refused.
    fn unanswered(&mut self) -> (bool, bool) {
        let wanted = self.wanted();
        let why = wanted.iter().filter_map(|(key, _)| self.answers.refusal_of(key)).map(|err| *err == Error::Cancelled);
        why.fold((false, false), |(stopped, failed), is_stop| (stopped || is_stop, failed || !is_stop))
    }

    fn running(&self) -> Option<(String, Progress)> {
        self.oracle.running()
    }

    fn apply(&mut self, ctx: &egui::Context, commands: Vec<Command>) {
        if !commands.is_empty() {
            self.notice = None;
        }
        for command in commands {
            let around = self.around();
            if let Some(why) = command.has_no_effect(&self.session, self.view.scene.as_deref()) {
                self.notice = Some(why);
                continue;
            }
            let (opens_input, before) = (command.opens_input(), self.session.model_in_use());
            let effect = command.apply(&mut self.session, self.view.scene.as_deref(), around);
            if opens_input {
                self.name_switch(before.as_ref());
            }
            if let Some(effect) = effect {
                self.perform(ctx, effect);
            }
        }
    }

    fn around(&self) -> Around {
        let anchor = self.text.anchor();
        let ends = self.view.scene.as_deref().and_then(|scene| command::ends(&self.session, scene, anchor));
        // A model that never opened anything may be of either kind.
        let opened = self.opened.as_ref().filter(|o| self.session.model.as_ref() == Some(&o.model));
        Around {
            help: self.help,
            banner: self.banner.is_some(),
            lines: ends.map_or([None; 2], |(_, end)| self.text.neighbours(end)),
            anchor,
            reads_texts: opened.map(|o| o.input.is_text()),
            reads_both: opened.and_then(|o| self.answers.scene(o)).is_some_and(|s| s.model.tower.is_some()),
            written: self.written(),
        }
    }

    fn perform(&mut self, ctx: &egui::Context, effect: Effect) {
        match effect {
            Effect::Ask(ask) => self.files.ask(ctx, ask, &self.session),
            Effect::OpenDropped(path) => self.open(path),
            Effect::ToggleHub => self.hub.toggle(ctx),
            Effect::Download(id) => self.hub.download(ctx, id),
            Effect::StopDownload => self.hub.stop(),
            Effect::TypeText => {
                let draft = self.draft.take();
                self.editor = Some(draft.unwrap_or_else(|| Editor::new(&self.session, self.view.scene.as_deref())));
            }
            Effect::Paste(picture) => self.files.keep_pasted(ctx, picture),
            Effect::CopyFigure => {
                if let Some(output) = self.view.output(&self.session) {
                    self.files.copy_figure(ctx, output, self.session.clone());
                }
            }
            Effect::Undo => self.session = self.history.undo().unwrap_or_else(|| self.session.clone()),
            Effect::Redo => self.session = self.history.redo().unwrap_or_else(|| self.session.clone()),
            Effect::Cancel => self.cancel(),
            Effect::Retry => {
                self.banner = None;
                self.answers.forget_failures();
            }
            Effect::CheckModel => {
                self.checked = self.session.model_in_use();
                self.answers.forget_failures();
            }
            Effect::Dismiss => self.banner = None,
            Effect::ToggleHelp => self.help = !self.help,
            Effect::ToggleDebug => self.debug = !self.debug,
            Effect::ToggleFullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Effect::Zoom(factor) => {
                if let Some(frame) = self.frame {
                    let at = ctx.pointer_hover_pos().filter(|p| frame.canvas.contains(*p));
                    self.camera.zoom_at(factor, at.unwrap_or(frame.canvas.center()), &frame);
                }
            }
            Effect::ResetView => self.camera = Camera::default(),
        }
    }

    /// What is outstanding counts as answered by the user's stop, until it is asked for again.
    fn cancel(&mut self) {
        for (key, _) in self.missing() {
            self.answers.keep(Reply { key, result: Err(Error::Cancelled) });
        }
        self.wish();
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.think(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let secs = frame.info().cpu_usage.filter(|s| s.is_finite() && *s >= 0.0);
        self.measured = secs.map(Duration::from_secs_f32);
        let was_drawn = self.view.map.is_some();
        self.window_ui(ui);
        match (&self.on_first_map, was_drawn, self.view.map.is_some()) {
            (Some(_), true, _) => self.on_first_map.take().into_iter().for_each(|tell| tell()),
            (Some(_), false, true) => ui.ctx().request_repaint(),
            _ => {}
        }
    }
}
