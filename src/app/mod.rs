//! The window. [`Session`] is the state that the user chose; [`Session::wanted`] says which answers the screen needs; a frame asks
//! the [`Oracle`] for those that are missing and draws the newest that are there. Panels edit the session's own fields in place
//! and push [`Command`]s for all else. Nothing here waits and nothing computes: names no tensor, knows no command line.

pub mod answers;
pub mod bar;
pub mod camera;
pub mod canvas;
pub mod command;
pub mod controls;
pub mod debug;
pub mod export;
pub mod files;
pub mod help;
pub mod history;
pub mod keys;
pub mod legend;
pub mod look;
pub mod panels;
pub mod readout;
pub mod screenshot;
pub mod session;
pub mod theme;
pub mod view;
pub mod wait;
pub mod wanted;
pub mod welcome;
pub mod window;
pub mod words;

use std::time::Duration;

use eframe::egui;

pub use command::{Ask, Command, Effect};
pub use screenshot::screenshot;
pub use session::{Look, Mode, Session, Theme};
pub use view::View;
pub use window::run;

use crate::domain::request::Request;
use crate::domain::{Error, Progress};
use crate::engine::{Oracle, Output, Reply};
use answers::Answers;
use camera::Camera;
use command::Open;
use debug::FrameLog;
use files::{Files, News, Opening};
use history::History;
use view::Pointing;

/// The window's contents, whoever opens the window and whoever answers.
pub struct App {
    session: Session,
    history: History,
    oracle: Box<dyn Oracle>,
    answers: Answers,
    /// Keys of the newest list of wishes.
    asked: Vec<String>,
    /// The newest input and model that could be opened.
    opened: Option<Request>,
    error: Option<Error>,
    /// What was written or copied last, until the user does something else.
    notice: Option<String>,
    view: View,
    pointing: Pointing,
    camera: Camera,
    /// Where the picture lay in the last frame.
    frame: Option<camera::Frame>,
    files: Files,
    help: bool,
    debug: bool,
    log: FrameLog,
    /// What eframe measured of the frame before.
    measured: Option<Duration>,
}

impl App {
    /// A window at a state, answered by `oracle`.
    pub fn new(ctx: &egui::Context, session: Session, oracle: Box<dyn Oracle>) -> Self {
        theme::install(ctx);
        theme::choose(ctx, session.theme);
        Self {
            history: History::new(session.clone()),
            session,
            oracle,
            answers: Answers::default(),
            asked: Vec::new(),
            opened: None,
            error: None,
            notice: None,
            view: View::default(),
            pointing: Pointing::default(),
            camera: Camera::default(),
            frame: None,
            files: Files::default(),
            help: false,
            debug: false,
            log: FrameLog::default(),
            measured: None,
        }
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
        self.error.as_ref()
    }

    /// Whether everything that the screen needs is there, or will not come.
    pub fn is_settled(&mut self) -> bool {
        self.missing().is_empty() && self.files.is_idle()
    }

    /// Takes answers and asks for what is missing. No drawing.
    pub fn think(&mut self, ctx: &egui::Context) {
        for reply in self.oracle.poll() {
            self.receive(reply);
        }
        for news in self.files.poll() {
            self.hear(ctx, news);
        }
        self.wish();
        if self.oracle.running().is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    fn receive(&mut self, reply: Reply) {
        let is_wanted = self.asked.contains(&reply.key);
        let trace = self.session.trace_request().filter(|r| r.key() == reply.key);
        match &reply.result {
            Ok(Output::Scene(_)) => self.opened = trace.or(self.opened.take()),
            Err(err) if is_wanted && *err != Error::Cancelled => {
                self.error = Some(err.clone());
                if trace.is_some() {
                    self.go_back();
                }
            }
            _ => {}
        }
        self.answers.keep(reply);
    }

    /// To the input and the model that were shown before something could not be opened.
    fn go_back(&mut self) {
        if let Some(opened) = &self.opened {
            self.session.input = Some(opened.input.clone());
            self.session.model = Some(opened.model.clone());
            (self.session.size, self.session.device) = (opened.size, opened.device);
            self.history.amend(&self.session);
        }
    }

    fn hear(&mut self, ctx: &egui::Context, news: News) {
        match news {
            News::Chosen(Ask::Input | Ask::Model, path) | News::Pasted(Ok(path)) => self.open(path),
            News::Chosen(Ask::Session, path) => self.files.save_session(ctx, &self.session, path),
            News::Chosen(Ask::Figure, path) => {
                if let Some(output) = self.view.output(&self.session) {
                    self.files.save_figure(ctx, output, self.session.clone(), path);
                }
            }
            News::Saved(Ok(path)) => self.notice = Some(format!("Wrote {}", path.display())),
            News::Copied(Ok(())) => self.notice = Some("Copied the figure".to_owned()),
            News::Failed(err) | News::Saved(Err(err)) | News::Copied(Err(err)) | News::Pasted(Err(err)) => self.error = Some(err),
        }
    }

    /// Opens whatever a path turns out to be. What failed before may have been mended, so it is asked again.
    fn open(&mut self, path: std::path::PathBuf) {
        self.error = None;
        self.answers.forget_failures();
        match files::open(path) {
            Opening::Command(command) => {
                command.apply(&mut self.session, None, Open::default());
            }
            Opening::Session(Ok(session)) => self.session = *session,
            Opening::Session(Err(err)) => self.error = Some(err),
        }
    }

    fn wanted(&self) -> Vec<Request> {
        let trace = self.session.trace_request();
        let scene = trace.and_then(|r| self.answers.scene(&r)).cloned();
        self.session.wanted(scene.as_deref())
    }

    fn missing(&mut self) -> Vec<(String, Request)> {
        let wanted = self.wanted().into_iter().map(|request| (request.key(), request));
        wanted.filter(|(key, _)| !self.answers.looked_up(key)).collect()
    }

    fn wish(&mut self) {
        let (keys, requests): (Vec<_>, Vec<_>) = self.missing().into_iter().unzip();
        if keys != self.asked {
            self.asked = keys;
            self.oracle.wish(requests);
        }
    }

    /// Whether the user stopped something that the screen needs.
    fn is_stopped(&self) -> bool {
        self.wanted().iter().any(|r| self.answers.refusal(r) == Some(&Error::Cancelled))
    }

    fn running(&self) -> Option<(String, Progress)> {
        self.oracle.running()
    }

    fn apply(&mut self, ctx: &egui::Context, commands: Vec<Command>) {
        if !commands.is_empty() {
            self.notice = None;
        }
        for command in commands {
            let open = Open { help: self.help, banner: self.error.is_some() };
            let effect = command.apply(&mut self.session, self.view.scene.as_deref(), open);
            if let Some(effect) = effect {
                self.perform(ctx, effect);
            }
        }
    }

    fn perform(&mut self, ctx: &egui::Context, effect: Effect) {
        match effect {
            Effect::Ask(ask) => self.files.ask(ctx, ask, &self.session),
            Effect::OpenDropped(path) => self.open(path),
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
                self.error = None;
                self.answers.forget_failures();
            }
            Effect::Dismiss => self.error = None,
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
        self.window_ui(ui);
    }
}
