//! The window's state, and what others may ask of it.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui;

use super::ask::answers::Answers;
use super::command::FileDialog;
use super::memory::Memory;
use super::resolve::view::View;
use super::shell::banner::Banner;
use super::shell::debug::FrameLog;
use super::shell::dock::Dock;
use super::shell::editor::Editor;
use super::shell::files::Files;
use super::shell::gallery::Gallery;
use super::shell::hub::Picker;
use super::shell::path_field::PathField;
use super::stage::{Stage, Stages};
use super::state::History;
use super::state::{Document, Lane, LaneId, Prefs};
use super::widgets::camera::Camera;
use super::widgets::theme;
use crate::domain::Error;
use crate::domain::request::ModelRef;
use crate::domain::request_key::RequestKey;
use crate::engine::Oracle;
use crate::hub::Settings;

/// The window's contents, whoever opens the window and whoever answers.
pub struct App {
    pub(super) document: Document,
    pub(super) history: History,
    pub(super) prefs: Prefs,
    pub(super) stages: Stages,
    pub(super) dock: Dock,
    /// How pictures were looked at in the frame before.
    pub(super) cameras: Vec<(LaneId, Camera)>,
    pub(super) oracle: Box<dyn Oracle>,
    pub(super) answers: Answers,
    /// Keys of the newest list of wishes.
    pub(super) asked: Vec<RequestKey>,
    pub(super) banner: Option<Banner>,
    /// Keys of refused questions whose banner the user closed.
    pub(super) dismissed: Vec<RequestKey>,
    /// What was written or copied last, until the user does something else.
    pub(super) notice: Option<String>,
    pub(super) gallery: Gallery,
    /// The text that is being typed, if one is.
    pub(super) editor: Option<Editor>,
    /// What was typed before the editor was left without explaining it.
    pub(super) draft: Option<Editor>,
    pub(super) hub: Picker,
    pub(super) files: Files,
    /// What a path is asked for inside the window, where the desktop has no dialog.
    pub(super) path_field: Option<(FileDialog, PathField)>,
    /// Keeps the document and the preferences between starts.
    pub(super) memory: Option<Memory>,
    pub(super) help: bool,
    pub(super) debug: bool,
    pub(super) log: FrameLog,
    /// The large model whose check the user asked for.
    pub(super) checked: Option<ModelRef>,
    /// What eframe measured of the frame before.
    pub(super) measured: Option<Duration>,
    /// Called in the frame after the one that drew the first map.
    pub(super) on_first_map: Option<Box<dyn FnOnce()>>,
}

impl App {
    /// A window at a state, answered by `oracle`.
    pub fn new(ctx: &egui::Context, document: impl Into<Document>, oracle: Box<dyn Oracle>) -> Self {
        let document = document.into();
        theme::install(ctx);
        Self {
            history: History::new(document.clone()),
            stages: Stages::new(&document),
            dock: Dock::default(),
            cameras: Vec::new(),
            document,
            prefs: Prefs::default(),
            oracle,
            answers: Answers::default(),
            asked: Vec::new(),
            banner: None,
            dismissed: Vec::new(),
            notice: None,
            gallery: Gallery::default(),
            editor: None,
            draft: None,
            hub: Picker::new(Settings::from_env()),
            files: Files::default(),
            path_field: None,
            memory: None,
            help: false,
            debug: false,
            log: FrameLog::default(),
            checked: None,
            measured: None,
            on_first_map: None,
        }
    }

    /// With preferences of the user.
    #[must_use]
    pub fn with_prefs(mut self, prefs: Prefs) -> Self {
        self.prefs = prefs;
        self
    }

    /// Asks for paths inside the window, whatever dialogs the desktop has.
    #[must_use]
    pub fn with_dialogs_inside(mut self) -> Self {
        self.files = Files::asks_inside();
        self
    }

    /// Keeps the document and the preferences in a folder, where `Remembered::read` finds them at the next start.
    #[must_use]
    pub fn with_memory(mut self, folder: PathBuf) -> Self {
        self.memory = Some(Memory::new(folder));
        self
    }

    /// Shows an error that was met before the window was there.
    #[must_use]
    pub fn with_error(mut self, error: Option<Error>) -> Self {
        self.banner = error.map(|error| Banner::at(error, self.document.lane()));
        self
    }

    /// With another cache or another hub than the environment names.
    #[must_use]
    pub fn with_hub(mut self, settings: Settings) -> Self {
        self.hub = Picker::new(settings);
        self
    }

    /// What is open.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The user's preferences.
    pub fn prefs(&self) -> &Prefs {
        &self.prefs
    }

    /// The lane in focus.
    pub fn lane(&self) -> &Lane {
        self.document.lane()
    }

    pub(super) fn stage(&self) -> &Stage {
        self.stages.get(self.document.focus)
    }

    pub(super) fn stage_mut(&mut self) -> &mut Stage {
        self.stages.get_mut(self.document.focus)
    }

    /// What is on the screen of a lane.
    pub fn view_of(&self, id: LaneId) -> &View {
        &self.stages.get(id).view
    }

    /// What is on the screen of the lane in focus.
    pub fn view(&self) -> &View {
        &self.stages.get(self.document.focus).view
    }

    /// The error that is shown, if one is.
    pub fn error(&self) -> Option<&Error> {
        self.banner.as_ref().map(|banner| &banner.error)
    }

    /// How many requests were serialised so far, to make their keys.
    pub fn keys_made(&self) -> usize {
        self.answers.keys_made()
    }

    /// Whether everything that the screen needs is there, or will not come.
    pub fn is_settled(&mut self) -> bool {
        let is_idle = self.files.is_idle() && self.hub.is_idle();
        self.missing().is_empty() && is_idle && (self.document.lane().question.input.is_some() || self.gallery.is_idle())
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.think(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let secs = frame.info().cpu_usage.filter(|s| s.is_finite() && *s >= 0.0);
        self.measured = secs.map(Duration::from_secs_f32);
        let was_drawn = self.view().map.is_some();
        self.window_ui(ui);
        match (&self.on_first_map, was_drawn, self.view().map.is_some()) {
            (Some(_), true, _) => self.on_first_map.take().into_iter().for_each(|tell| tell()),
            (Some(_), false, true) => ui.ctx().request_repaint(),
            _ => {}
        }
    }
}
