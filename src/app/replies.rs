//! What replies of the worker change: answers are kept, errors are shown as long as they concern anybody, and a model that reads the
//! other kind of input is put aside for it.

use super::program::App;
use super::shell::banner::Banner;
use super::state::LaneId;
use crate::domain::Error;
use crate::domain::request::{ModelRef, Request};
use crate::domain::request_key::RequestKey;
use crate::engine::{Output, Reply};

impl App {
    pub(super) fn receive(&mut self, reply: Reply) {
        let is_wanted = self.asked.contains(&reply.key);
        let ids = self.document.ids();
        if let Ok(Output::Continuation(continuation)) = &reply.result {
            // Every token brings another, and the last one makes the others needless.
            ids.into_iter().for_each(|id| self.receive_continuation(id, &reply, Some(continuation)));
            return;
        }
        // The lanes that this opens.
        let opens: Vec<(LaneId, Request)> = ids.iter().filter_map(|&id| Some((id, self.opening(id, reply.key)?))).collect();
        match &reply.result {
            Ok(Output::Scene(_)) => opens.into_iter().for_each(|(id, request)| self.stages.get_mut(id).opened = Some(request)),
            Err(Error::Cancelled) => {}
            // The badge says so.
            Err(_) if self.is_of_badge(reply.key) => {}
            Err(err) if is_wanted => {
                ids.into_iter().for_each(|id| self.receive_continuation(id, &reply, None));
                if opens.is_empty() {
                    self.refuse_question(err, reply.key);
                }
                opens.into_iter().for_each(|(id, _)| self.refuse_opening(id, err));
            }
            _ => {}
        }
        self.answers.keep(reply);
    }

    /// The request by which a lane opens its input, or the text before a continuation, if it has this key.
    fn opening(&self, id: LaneId, key: RequestKey) -> Option<Request> {
        let lane = self.document.get(id);
        [lane.prompt_request(), lane.trace_request()].into_iter().flatten().find(|request| self.answers.key(request) == key)
    }

    fn refuse_opening(&mut self, id: LaneId, err: &Error) {
        match err {
            Error::OtherKind { reads_texts, .. } if self.can_swap(id) => self.swap_models(id, *reads_texts),
            err => {
                self.go_back(id);
                self.banner = Some(Banner::of_opening(err.clone(), self.document.get(id)));
            }
        }
    }

    fn refuse_question(&mut self, err: &Error, key: RequestKey) {
        let is_asked = self.wanted().contains(&key);
        let about_question = || Banner::of_question(err.clone(), key);
        self.banner = Some(if is_asked { about_question() } else { Banner::at(err.clone(), self.document.lane()) });
    }

    /// Shows an error until the user goes on to something else.
    pub(super) fn refuse(&mut self, error: Error) {
        self.banner = Some(Banner::at(error, self.document.lane()));
    }

    /// Takes an error off the screen when what it is about is over, and shows one that was met before and is met again.
    pub(super) fn keep_error_current(&mut self) {
        let keys = self.wanted();
        let is_asked = |key: RequestKey| keys.contains(&key);
        self.dismissed.retain(|key| is_asked(*key));
        self.banner = self.banner.take().filter(|banner| banner.is_current(&self.document, is_asked));
        if self.banner.is_none() {
            let refusal = |key: RequestKey| self.answers.refusal_of(key).filter(|err| **err != Error::Cancelled).cloned();
            let is_new = |key: &RequestKey| !self.dismissed.contains(key);
            let met = keys.iter().copied().filter(is_new).find_map(|key| Some((key, refusal(key)?)));
            self.banner = met.map(|(key, error)| Banner::of_question(error, key));
        }
    }

    /// Closes the banner; what was refused beside it stays unsaid too, as long as it is asked.
    pub(super) fn dismiss(&mut self) {
        self.banner = None;
        self.dismissed = self.wanted();
        self.dismissed.retain(|key| self.answers.refusal_of(*key).is_some());
    }

    /// Whether another model can take the place of one that reads the other kind of input. What a command line asks for first is
    /// refused instead.
    fn can_swap(&self, id: LaneId) -> bool {
        self.stages.get(id).at_home || self.stages.get(id).opened.is_some()
    }

    /// Keeps a model that reads the other kind of input until such an input is opened, and shows the open input by the model
    /// that it had, or by the one that was kept for its kind.
    fn swap_models(&mut self, id: LaneId, reads_texts: bool) {
        let question = &mut self.document.get_mut(id).question;
        let opened = self.stages.get(id).opened.as_ref().filter(|opened| Some(&opened.input) == question.input.as_ref());
        let kept = question.other_model.take();
        let before = match opened {
            Some(opened) => Some(opened.model.clone()).filter(|model| !model.is_built_in()),
            None => kept,
        };
        question.other_model = std::mem::replace(&mut question.model, before);
        question.tower = opened.and_then(|opened| opened.tower);
        let name = question.other_model.as_ref().map_or_else(String::new, ModelRef::name);
        self.history.amend(&self.document);
        self.notice = Some(if reads_texts {
            format!("{name} reads texts: open a text, or type one, to use it")
        } else {
            format!("{name} reads pictures: open one to use it")
        });
    }

    /// To the input and the model that were shown before something could not be opened, or to the first page.
    fn go_back(&mut self, id: LaneId) {
        if self.stages.get(id).at_home {
            self.document.get_mut(id).question.input = None;
            self.history.amend(&self.document);
        } else if let Some(opened) = &self.stages.get(id).opened {
            let question = &mut self.document.get_mut(id).question;
            (question.input, question.model) = (Some(opened.input.clone()), Some(opened.model.clone()));
            (question.size, question.device, question.tower) = (opened.size, opened.device, opened.tower);
            self.history.amend(&self.document);
        }
    }

    /// Names the model where another kind of input brought another one, unless both are the program's own.
    pub(super) fn name_switch(&mut self, before: Option<&ModelRef>) {
        let now = self.document.lane().question.model_in_use();
        if let (Some(before), Some(now)) = (before, &now)
            && before != now
            && !(before.is_built_in() && now.is_built_in())
        {
            let kept = if self.document.lane().question.other_model.as_ref() == Some(before) { " is kept" } else { "" };
            self.notice = Some(format!("Shown by {}; {}{kept} for the other kind of input", now.name(), before.name()));
        }
    }
}
