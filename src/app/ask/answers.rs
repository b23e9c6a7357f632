//! What the oracle answered, as far as it was looked at lately. Refusals are kept too: the same question fails the same way, and
//! must not be asked again every frame.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::request::Request;
use crate::domain::request_key::RequestKey;
use crate::domain::{Error, Result};
use crate::engine::{Explanation, Output, Reply, Scene, Segments, Verification};

/// A deep model has a table for every layer.
const CAPACITY: usize = 512;
/// Tables of every token's map grow with the square of the tokens: 7.5 MB at 1,370 of them.
const MAX_BYTES: usize = 256 << 20;

/// Lanes and their layers ask for about so many at a time.
const KNOWN_KEYS: usize = 128;

/// Answers by the key of their question.
#[derive(Debug, Default)]
pub struct Answers {
    by_key: HashMap<RequestKey, Answer>,
    /// Keys of the requests that were looked up last: making one serialises the request, and a frame looks up the same ones again.
    keys: RefCell<Keys>,
    clock: u64,
    revision: u64,
}

/// Keys that were made, the newest last.
#[derive(Debug, Default)]
struct Keys {
    known: VecDeque<(Request, RequestKey)>,
    made: usize,
}

#[derive(Debug)]
struct Answer {
    result: Result<Output>,
    last_used: u64,
}

impl Answers {
    /// The key of a request, made anew only where it is not among those that were asked for last.
    pub fn key(&self, request: &Request) -> RequestKey {
        let mut keys = self.keys.borrow_mut();
        if let Some((_, key)) = keys.known.iter().find(|(known, _)| known == request) {
            return *key;
        }
        let key = request.key();
        keys.made += 1;
        if keys.known.len() == KNOWN_KEYS {
            keys.known.pop_front();
        }
        keys.known.push_back((request.clone(), key));
        key
    }

    /// How many keys were made so far.
    pub fn keys_made(&self) -> usize {
        self.keys.borrow().made
    }

    /// Keeps a reply; what was not looked at for longest goes when there is too much.
    pub fn keep(&mut self, reply: Reply) {
        self.clock += 1;
        self.revision += 1;
        self.by_key.insert(reply.key, Answer { result: reply.result, last_used: self.clock });
        while self.by_key.len() > CAPACITY || (self.by_key.len() > 4 && self.num_bytes() > MAX_BYTES) {
            let oldest = self.by_key.iter().min_by_key(|(_, a)| a.last_used).map(|(key, _)| *key);
            let Some(key) = oldest else { return };
            self.by_key.remove(&key);
        }
    }

    /// Whether a question was answered, be it by a refusal. Counts as a look.
    pub fn looked_up(&mut self, key: RequestKey) -> bool {
        self.clock += 1;
        self.by_key.get_mut(&key).map(|answer| answer.last_used = self.clock).is_some()
    }

    fn num_bytes(&self) -> usize {
        let bytes = |answer: &Answer| match &answer.result {
            Ok(Output::Explanation(e)) => size_of_val(&*e.relevance),
            Ok(Output::Segments(s)) => s.partition.num_bytes(),
            _ => 0,
        };
        self.by_key.values().map(bytes).sum()
    }

    /// Why a question has no answer, if that is known.
    pub fn refusal(&self, request: &Request) -> Option<&Error> {
        self.refusal_of(self.key(request))
    }

    /// As [`Self::refusal`], by the key of the question.
    pub fn refusal_of(&self, key: RequestKey) -> Option<&Error> {
        self.by_key.get(&key)?.result.as_ref().err()
    }

    /// Another number after every answer that came or went.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Forgets refusals and cancelled questions, so that they are asked again.
    pub fn forget_failures(&mut self) {
        self.revision += 1;
        self.by_key.retain(|_, answer| answer.result.is_ok());
    }

    /// The answer to a trace.
    pub fn scene(&self, request: &Request) -> Option<&Arc<Scene>> {
        match self.output(request)? {
            Output::Scene(scene) => Some(scene),
            _ => None,
        }
    }

    /// The answer to an explanation.
    pub fn explanation(&self, request: &Request) -> Option<&Arc<Explanation>> {
        match self.output(request)? {
            Output::Explanation(explanation) => Some(explanation),
            _ => None,
        }
    }

    /// The answer to a segmentation.
    pub fn segments(&self, request: &Request) -> Option<&Arc<Segments>> {
        match self.output(request)? {
            Output::Segments(segments) => Some(segments),
            _ => None,
        }
    }

    /// The answer to a check, be it a refusal.
    pub fn verification(&self, request: &Request) -> Option<Result<Arc<Verification>>> {
        match &self.by_key.get(&self.key(request))?.result {
            Ok(Output::Verification(found)) => Some(Ok(found.clone())),
            Ok(_) => None,
            Err(err) => Some(Err(err.clone())),
        }
    }

    fn output(&self, request: &Request) -> Option<&Output> {
        self.by_key.get(&self.key(request))?.result.as_ref().ok()
    }
}
