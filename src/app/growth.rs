//! A growing text: what of a continuation is there, and what comes of it.

use std::sync::Arc;

use super::App;
use super::ask::continuation::{Written, num_generated};
use crate::engine::{Continuation, Ending, Reply};

impl App {
    /// The newest part of the continuation, if the lane wants one.
    pub(super) fn continuation(&self) -> Option<&Arc<Continuation>> {
        self.stage.continuation.as_ref().filter(|c| self.document.lane().is_served_by(c))
    }

    /// What of the continuation is there.
    pub(super) fn written(&self) -> Written {
        let Some(generation) = self.document.lane().question.generation else { return Written::default() };
        if let Some(scene) = self.document.lane().trace_request().and_then(|r| self.answers.scene(&r)) {
            return Written { tokens: num_generated(scene), growing: false };
        }
        let there = self.continuation();
        let tokens = there.map_or(0, |c| c.num_generated());
        Written { tokens, growing: tokens < generation.tokens && there.is_none_or(|c| c.ending == Ending::Count) }
    }

    /// How many tokens are asked for next: a few more than are there, as many as come in about a tenth of a second.
    pub(super) fn next_tokens(&self) -> usize {
        let wanted = self.document.lane().question.generation.map_or(0, |generation| generation.tokens);
        (self.written().tokens + self.stage.pace.tokens).min(wanted)
    }

    /// Takes what came of the continuation; a refusal ends it.
    pub(super) fn receive_continuation(&mut self, reply: &Reply, continuation: Option<&Arc<Continuation>>) {
        if let Some(continuation) = continuation {
            if self.document.lane().is_served_by(continuation) {
                self.stage.pace.keep(continuation.num_generated());
                self.stage.continuation = Some(continuation.clone());
            }
            return;
        }
        let next = self.document.lane().generate_request(self.next_tokens());
        let whole = self.document.lane().question.generation.and(self.document.lane().trace_request());
        if [next, whole].into_iter().flatten().any(|request| request.key() == reply.key) {
            self.document.lane_mut().question.generation = None;
            self.history.amend(&self.document);
        }
    }
}
