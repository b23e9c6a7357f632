//! Which answers the screen needs, most urgent first. The frame loop compares this list with what is there and asks for the rest;
//! nothing else ever starts a job, so nothing can forget to refresh.

use std::sync::Arc;

use super::answers::Answers;
use crate::app::state::{Lane, Mode};
use crate::domain::request::{Request, Rows};
use crate::domain::request_key::RequestKey;
use crate::engine::Scene;

/// The wishes of a state with their keys, kept until the state changes: a key holds the whole text, and there may be one for every
/// layer.
#[derive(Debug)]
pub struct Wishes {
    of: Option<(Lane, Option<Arc<Scene>>)>,
    list: Arc<[(RequestKey, Request)]>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { of: None, list: Arc::new([]) }
    }
}

impl Wishes {
    /// Those of [`Lane::wanted`], each with its key.
    pub fn of(&mut self, lane: &Lane, scene: Option<&Arc<Scene>>, answers: &Answers) -> Arc<[(RequestKey, Request)]> {
        let address = |scene: Option<&Arc<Scene>>| scene.map(Arc::as_ptr);
        let same = self.of.as_ref().is_some_and(|(s, at)| s == lane && address(at.as_ref()) == address(scene));
        if !same {
            let wanted = lane.wanted(scene.map(Arc::as_ref));
            self.list = wanted.into_iter().map(|request| (answers.key(&request), request)).collect();
            self.of = Some((lane.clone(), scene.cloned()));
        }
        self.list.clone()
    }
}

impl Lane {
    /// The wishes of this state: the trace, the table of every token's map (one answer serves all hovering), the answer to one
    /// token alone; or the segmentation. Requests are in canonical form: parameters that a method does not use keep their
    /// defaults and the layer counts from 0, so that equal questions have equal keys.
    ///
    /// Of a span first the quick answer; the exact one takes a backward pass a token, and comes after the layers of the matrix.
    pub fn wanted(&self, scene: Option<&Scene>) -> Vec<Request> {
        let Some(trace) = self.trace_request() else { return Vec::new() };
        let mut wishes = vec![trace];
        let Some(scene) = scene else { return wishes };
        let (quick, exact) = (self.span_request(scene, Rows::Some(1)), self.span_request(scene, Rows::All));
        let more: Vec<Request> = match self.question.mode {
            Mode::Heatmap => {
                let now = [quick, self.table_request(scene), self.single_request(scene)];
                let others = self.matrix_requests(scene).into_iter().chain(exact).chain(self.score_request(scene));
                now.into_iter().flatten().chain(others).collect()
            }
            Mode::Segments => self.segment_request(scene).into_iter().collect(),
        };
        for request in more {
            if !wishes.contains(&request) {
                wishes.push(request);
            }
        }
        wishes
    }
}
