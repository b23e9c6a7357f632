//! Lets a causal model continue the open text.

use crate::app::ask::continuation::{Written, is_same_choice};
use crate::app::state::{Lane, Selection};
use crate::domain::request::Generation;
use crate::engine::Scene;

use super::context::CommandContext;

/// What the user asks of a continuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generating {
    /// Begin, or add more.
    Begin,
    /// Be content with what is there.
    Stop,
    /// Take it away.
    Discard,
}

impl Generating {
    /// Changes the lane.
    pub fn apply(self, lane: &mut Lane, scene: Option<&Scene>, around: CommandContext) {
        let Written { tokens, growing } = around.written;
        match self {
            Self::Begin if growing || !scene.is_some_and(|s| s.model.is_causal) => {}
            Self::Begin => {
                let goes_on = lane.question.generation.filter(|g| is_same_choice(g, &lane.question.sampling));
                if goes_on.is_none_or(|g| tokens >= g.tokens) {
                    let there = goes_on.map_or(0, |_| tokens);
                    lane.question.generation = Some(Generation {
                        tokens: there.saturating_add(lane.question.sampling.tokens),
                        ..lane.question.sampling
                    });
                }
            }
            Self::Stop => {
                lane.question.generation = lane.question.generation.filter(|_| tokens > 0).map(|g| Generation { tokens, ..g });
            }
            Self::Discard => {
                let seam = scene.and_then(|s| s.layout.text.as_ref()).and_then(|text| text.generated_from);
                let last = match &lane.selection {
                    Selection::Token(token) => scene.and_then(|s| s.layout.resolve(token).ok()),
                    Selection::Span(span) => span.to.checked_sub(1),
                    Selection::None | Selection::Segment(_) => None,
                };
                if last.zip(seam).is_some_and(|(last, seam)| last >= seam.position) {
                    lane.selection = Selection::None;
                }
                lane.question.generation = None;
            }
        }
    }
}
