//! A growing text: what of a continuation is there, and what comes of it.

use std::sync::Arc;

use super::ask::continuation::{Written, num_generated};
use super::program::App;
use super::state::LaneId;
use crate::engine::{Continuation, Ending, Reply};

impl App {
    /// The newest part of the continuation, if the lane wants one.
    pub(super) fn continuation(&self, id: LaneId) -> Option<&Arc<Continuation>> {
        self.stages.get(id).continuation.as_ref().filter(|c| self.document.get(id).is_served_by(c))
    }

    /// What of the continuation is there.
    pub(super) fn written(&self, id: LaneId) -> Written {
        let Some(generation) = self.document.get(id).question.generation else { return Written::default() };
        if let Some(scene) = self.document.get(id).trace_request().and_then(|r| self.answers.scene(&r)) {
            return Written { tokens: num_generated(scene), growing: false };
        }
        let there = self.continuation(id);
        let tokens = there.map_or(0, |c| c.num_generated());
        Written { tokens, growing: tokens < generation.tokens && there.is_none_or(|c| c.ending == Ending::Count) }
    }

    /// How many tokens are asked for next: a few more than are there, as many as come in about a tenth of a second.
    pub(super) fn next_tokens(&self, id: LaneId) -> usize {
        let wanted = self.document.get(id).question.generation.map_or(0, |generation| generation.tokens);
        (self.written(id).tokens + self.stages.get(id).pace.tokens).min(wanted)
    }

    /// Takes what came of the continuation; a refusal ends it.
    pub(super) fn receive_continuation(&mut self, id: LaneId, reply: &Reply, continuation: Option<&Arc<Continuation>>) {
        if let Some(continuation) = continuation {
            if self.document.get(id).is_served_by(continuation) {
                self.stages.get_mut(id).pace.keep(continuation.num_generated());
                self.stages.get_mut(id).continuation = Some(continuation.clone());
            }
            return;
        }
        let next = self.document.get(id).generate_request(self.next_tokens(id));
        let whole = self.document.get(id).question.generation.and(self.document.get(id).trace_request());
        if [next, whole].into_iter().flatten().any(|request| self.answers.key(&request) == reply.key) {
            self.document.get_mut(id).question.generation = None;
            self.history.amend(&self.document);
        }
    }
}
