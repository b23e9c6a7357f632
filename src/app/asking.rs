//! What the screen needs and has not got: the one place that asks the worker.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui;

use super::ask::verification::{self, Badge};
use super::program::App;
use super::shell::banner::Banner;
use super::state::LaneId;
use crate::domain::request::Request;
use crate::domain::request_key::RequestKey;
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

    /// The wishes of a lane with their keys.
    pub(super) fn wanted_by(&mut self, id: LaneId) -> Arc<[(RequestKey, Request)]> {
        let lane = self.document.get(id);
        if self.written(id).growing {
            let wanted = lane.wanted_while_growing(self.stages.get(id).view.scene.as_deref(), self.next_tokens(id));
            return wanted.into_iter().map(|request| (self.answers.key(&request), request)).collect();
        }
        let scene = self.traced(id).cloned();
        self.stages.get_mut(id).wishes.of(lane, scene.as_ref(), &self.answers)
    }

    /// The keys of the wishes of all lanes: those of the lane in focus first.
    pub(super) fn wanted(&mut self) -> Vec<RequestKey> {
        let ids = self.document.ids();
        ids.into_iter().flat_map(|id| self.wanted_by(id).iter().map(|(key, _)| *key).collect::<Vec<_>>()).collect()
    }

    /// The scene of a lane's whole input, once it is there.
    pub(super) fn traced(&self, id: LaneId) -> Option<&Arc<Scene>> {
        self.document.get(id).trace_request().and_then(|request| self.answers.scene(&request))
    }

    /// The wishes of all lanes that have no answer yet, each once, those of the lane in focus first; then the checks of their models.
    pub(super) fn missing(&mut self) -> Vec<(RequestKey, Request)> {
        let mut missing: Vec<(RequestKey, Request)> = Vec::new();
        let ids = self.document.ids();
        for &id in &ids {
            for (key, request) in self.wanted_by(id).iter() {
                if !self.answers.looked_up(*key) && !missing.iter().any(|(other, _)| other == key) {
                    missing.push((*key, request.clone()));
                }
            }
        }
        for request in ids.into_iter().filter_map(|id| self.check_request(id, self.traced(id)?)).collect::<Vec<_>>() {
            let key = self.answers.key(&request);
            if !self.answers.looked_up(key) && !missing.iter().any(|(other, _)| *other == key) {
                missing.push((key, request));
            }
        }
        missing
    }

    /// The check of a lane's model: of small ones always, of others when the user asked for it.
    fn check_request(&self, id: LaneId, scene: &Scene) -> Option<Request> {
        let model = self.document.get(id).question.model_in_use().filter(|model| !model.is_built_in())?;
        let asked = verification::is_checked_at_once(scene) || self.checked.as_ref() == Some(&model);
        asked.then(|| verification::request(model))
    }

    /// Whether the numbers of the model in focus can be trusted.
    pub(super) fn badge(&self) -> Badge {
        let id = self.document.focus;
        let Some(scene) = &self.stages.get(id).view.scene else { return Badge::None };
        match self.check_request(id, scene) {
            Some(request) => Badge::of(self.answers.verification(&request)),
            None if self.document.lane().question.model_in_use().is_some_and(|model| !model.is_built_in()) => Badge::Unasked,
            None => Badge::None,
        }
    }

    /// Whether a key is that of a check, whose refusal the badge tells.
    pub(super) fn is_of_badge(&self, key: RequestKey) -> bool {
        let checks = self.stages.iter().filter_map(|(id, stage)| self.check_request(id, stage.view.scene.as_ref()?));
        checks.into_iter().any(|request| self.answers.key(&request) == key)
    }

    pub(super) fn wish(&mut self) {
        let (keys, requests): (Vec<_>, Vec<_>) = self.missing().into_iter().unzip();
        if keys != self.asked {
            self.asked = keys;
            self.oracle.wish(requests);
        }
    }

    /// Whether the user stopped something that a lane needs, and whether something was refused.
    pub(super) fn unanswered(&mut self, id: LaneId) -> (bool, bool) {
        let wanted = self.wanted_by(id);
        let why = wanted.iter().filter_map(|(key, _)| self.answers.refusal_of(*key)).map(|err| *err == Error::Cancelled);
        why.fold((false, false), |(stopped, failed), is_stop| (stopped || is_stop, failed || !is_stop))
    }

    pub(super) fn running(&self) -> Option<(RequestKey, Progress)> {
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
