//! A text that a causal model continues. A lane names the continuation that is wanted; while it is shorter, the window wishes for a
//! few tokens more than are there, so that words appear one by one and every one of them can be pointed at.

use std::time::Instant;

use crate::app::state::Lane;
use crate::domain::request::{Generation, Request, Rows, Task};
use crate::engine::{Continuation, Scene};
use crate::method::{Reach, Uses};

/// What of a continuation is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Tokens.
    pub tokens: usize,
    /// Whether more are on their way.
    pub growing: bool,
}

impl Lane {
    /// The open text with so many tokens added.
    pub fn generate_request(&self, tokens: usize) -> Option<Request> {
        let generation = self.question.generation.map(|g| Generation { tokens, ..g }.canonical())?;
        Some(Request { task: Task::Generate, generation: Some(generation), ..self.prompt_request()? })
    }

    /// The same lane with no more of the continuation than the token at `position` needs: a causal model's token has seen
    /// nothing after itself, so its map is the same in the shorter text, and stays so while the text grows.
    #[must_use]
    pub fn up_to(&self, scene: &Scene, position: usize) -> Self {
        let seam = scene.layout.text.as_ref().and_then(|text| text.generated_from);
        let tokens = seam.map_or(0, |seam| (position + 1).saturating_sub(seam.position));
        let generation = self.question.generation.filter(|_| tokens > 0).map(|g| Generation { tokens, ..g });
        let mut lane = self.clone();
        lane.question.generation = generation;
        lane
    }

    /// The wishes while a text grows: that it is open, the map of what is pinned or selected, and so many tokens.
    pub fn wanted_while_growing(&self, scene: Option<&Scene>, tokens: usize) -> Vec<Request> {
        let Some(prompt) = self.prompt_request() else { return Vec::new() };
        let mut wishes = vec![prompt];
        let pinned = |scene: &Scene| self.pinned().and_then(|token| scene.layout.resolve(token).ok());
        let last = |scene: &Scene| self.span().map(|span| span.to.saturating_sub(1)).or_else(|| pinned(scene));
        if let Some((scene, position)) = scene.and_then(|scene| Some((scene, last(scene)?))) {
            let shorter = self.up_to(scene, position);
            let has_table = self.question.info().is_some_and(|info| info.reach == Reach::Rows && !info.uses(Uses::Rows));
            wishes.extend(match (self.span().is_some(), has_table) {
                (true, _) => shorter.span_request(scene, Rows::Some(1)),
                (false, false) => shorter.single_request(scene),
                (false, true) => shorter.table_request(scene),
            });
        }
        wishes.extend(self.generate_request(tokens));
        wishes
    }

    /// Whether `continuation` is the beginning of what the lane wants, or all of it.
    pub fn is_served_by(&self, continuation: &Continuation) -> bool {
        let tokens = continuation.request.generation.map_or(0, |g| g.tokens);
        self.question.generation.is_some_and(|g| tokens <= g.tokens)
            && self.generate_request(tokens).is_some_and(|request| request == continuation.request)
    }
}

/// Whether tokens are chosen alike, however many.
pub fn is_same_choice(a: &Generation, b: &Generation) -> bool {
    let of = |g: &Generation| Generation { tokens: 0, ..*g }.canonical();
    of(a) == of(b)
}

/// Tokens of a scene that a model added.
pub fn num_generated(scene: &Scene) -> usize {
    let seam = scene.layout.text.as_ref().and_then(|text| text.generated_from);
    seam.map_or(0, |seam| scene.layout.len().saturating_sub(seam.position))
}

/// How many tokens are asked for at a time.
#[derive(Debug)]
pub struct Pace {
    /// Now.
    pub tokens: usize,
    /// When the last ones came, and how many there were then.
    last: Option<(Instant, usize)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { tokens: 1, last: None }
    }
}

/// The first tokens come one by one: there is something to read.
const ONE_BY_ONE: usize = 16;

impl Pace {
    /// A frame passes between two answers, however quick the model is: quick ones are asked for more at a time.
    pub fn keep(&mut self, there: usize) {
        let now = Instant::now();
        let last = self.last.replace((now, there));
        let Some((then, _)) = last.filter(|&(_, before)| before < there && there >= ONE_BY_ONE) else {
            self.tokens = 1;
            return;
        };
        match now.duration_since(then).as_millis() {
            0..100 => self.tokens = (self.tokens * 2).min(8),
            100..300 => {}
            _ => self.tokens = (self.tokens / 2).max(1),
        }
    }
}
