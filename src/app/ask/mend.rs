//! Puts right what a session file or a command line named and the open model has not.

use crate::app::state::{Lane, Selection};
use crate::domain::request::Head;
use crate::domain::{Error, Result};
use crate::engine::Scene;

impl Lane {
    /// Puts right what the open model lacks, and says what that was: a token that its grid has not, a layer above its top.
    ///
    /// # Errors
    /// A refusal that says what the model has.
    pub fn mend(&mut self, scene: &Scene) -> Result<()> {
        let (top, question) = (scene.model.num_layers, &mut self.question);
        let bound = i64::try_from(top).unwrap_or(i64::MAX - 1);
        if !(-bound - 1..=bound).contains(&i64::from(question.layer)) {
            let place = format!("layer {}", question.layer);
            question.layer = -1;
            return Err(Error::refused(place, "this model has no such layer")
                .expected(format!("0..{top}, or -1 for the top"))
                .remedy(format!("layer {top} is shown")));
        }
        if let Head::One(head) = question.params.head
            && head >= scene.model.num_heads
        {
            question.params.head = Head::default();
            let last = scene.model.num_heads.saturating_sub(1);
            return Err(Error::refused(format!("head {head}"), "this model has no such head").expected(format!("0..{last}")));
        }
        let selection = self.token_selection_mut();
        let found = match selection {
            Selection::Token(token) => scene.layout.resolve(token).map(drop),
            Selection::Span(span) => span.check(&scene.layout, scene.model.is_causal),
            Selection::None | Selection::Segment(_) => Ok(()),
        };
        if found.is_err() {
            *selection = Selection::None;
        }
        found
    }
}
