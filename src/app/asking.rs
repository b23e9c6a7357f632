//! What the screen needs and has not got: the one place that asks the worker.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui;

use super::App;
use super::ask::verification::{self, Badge};
use super::shell::banner::Banner;
use crate::domain::request::Request;
use crate::domain::{Error, Progress};
use crate::engine::{Reply, Scene};

impl App {
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
            self.banner = Some(Banner::at(err, self.document.lane()));
        }
        self.keep_error_current();
        self.wish();
        if self.oracle.running().is_some() || self.hub.on_its_way().is_some() {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    /// The wishes of this state with their keys.
    pub(super) fn wanted(&mut self) -> Vec<(String, Request)> {
        let written = self.written();
        if written.growing {
            let wanted = self.document.lane().wanted_while_growing(self.stage.view.scene.as_deref(), self.next_tokens());
            return wanted.into_iter().map(|request| (request.key(), request)).collect();
        }
        let scene = self.traced().cloned();
        self.stage.wishes.of(self.document.lane(), scene.as_ref()).to_vec()
    }

    /// The scene of the whole input, once it is there.
    pub(super) fn traced(&self) -> Option<&Arc<Scene>> {
        self.document.lane().trace_request().and_then(|request| self.answers.scene(&request))
    }

    pub(super) fn missing(&mut self) -> Vec<(String, Request)> {
        let wanted = self.wanted();
        let check = self.traced().and_then(|scene| self.check_request(scene)).map(|request| (request.key(), request));
        wanted.into_iter().chain(check).filter(|(key, _)| !self.answers.looked_up(key)).collect()
    }

    /// The check of the open model's numbers: of small ones always, of others when the user asked for it.
    pub(super) fn check_request(&self, scene: &Scene) -> Option<Request> {
        let model = self.document.lane().question.model_in_use().filter(|model| !model.is_built_in())?;
        let asked = verification::is_checked_at_once(scene) || self.checked.as_ref() == Some(&model);
        asked.then(|| verification::request(model))
    }

    pub(super) fn badge(&self) -> Badge {
        let Some(scene) = &self.stage.view.scene else { return Badge::None };
        match self.check_request(scene) {
            Some(request) => Badge::of(self.answers.verification(&request)),
            None if self.document.lane().question.model_in_use().is_some_and(|model| !model.is_built_in()) => Badge::Unasked,
            None => Badge::None,
        }
    }

    pub(super) fn badge_key(&self) -> Option<String> {
        self.stage.view.scene.as_ref().and_then(|scene| self.check_request(scene)).map(|request| request.key())
    }

    pub(super) fn wish(&mut self) {
        let (keys, requests): (Vec<_>, Vec<_>) = self.missing().into_iter().unzip();
        if keys != self.asked {
            self.asked = keys;
            self.oracle.wish(requests);
        }
    }

    /// Whether the user stopped something that the screen needs, and whether something was refused.
    pub(super) fn unanswered(&mut self) -> (bool, bool) {
        let wanted = self.wanted();
        let why = wanted.iter().filter_map(|(key, _)| self.answers.refusal_of(key)).map(|err| *err == Error::Cancelled);
        why.fold((false, false), |(stopped, failed), is_stop| (stopped || is_stop, failed || !is_stop))
    }

    pub(super) fn running(&self) -> Option<(String, Progress)> {
        self.oracle.running()
    }

    /// What is outstanding counts as answered by the user's stop, until it is asked for again.
    pub(super) fn cancel(&mut self) {
        for (key, _) in self.missing() {
            self.answers.keep(Reply { key, result: Err(Error::Cancelled) });
        }
        self.wish();
    }
}
