//! One thing looked at: a question, what is selected of its answer, and how that is drawn.

use serde::{Deserialize, Serialize};

use super::look::Look;
use super::question::{Mode, Question};
use super::selection::Selection;
use crate::domain::span::Span;
use crate::domain::token::TokenRef;

/// Tells lanes apart, also while they change places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneId(pub u32);

/// One input seen by one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lane {
    /// Which one it is.
    pub id: LaneId,
    /// What is asked.
    pub question: Question,
    /// What the user selected in the mode that is shown.
    pub selection: Selection,
    /// What was selected in the other mode, to be there again when the user comes back to it.
    pub shelved: Selection,
    /// How answers are drawn.
    pub look: Look,
}

impl Lane {
    /// The token whose map stays while the pointer moves.
    pub fn pinned(&self) -> Option<&TokenRef> {
        if let Selection::Token(token) = &self.selection { Some(token) } else { None }
    }

    /// The part of a text whose sources are shown.
    pub fn span(&self) -> Option<Span> {
        if let Selection::Span(span) = self.selection { Some(span) } else { None }
    }

    /// The one segment that is drawn, if only one is.
    pub fn solo(&self) -> Option<usize> {
        if let Selection::Segment(label) = self.selection { Some(label) } else { None }
    }

    /// What is selected among the tokens, in whichever mode that is.
    pub fn token_selection_mut(&mut self) -> &mut Selection {
        match self.question.mode {
            Mode::Heatmap => &mut self.selection,
            Mode::Segments => &mut self.shelved,
        }
    }

    /// Lets the segment go, in whichever mode it was selected.
    pub fn leave_segment(&mut self) {
        for selection in [&mut self.selection, &mut self.shelved] {
            if matches!(selection, Selection::Segment(_)) {
                *selection = Selection::None;
            }
        }
    }

    /// Lets go of everything, as when another input is opened.
    pub fn deselect(&mut self) {
        (self.selection, self.shelved) = (Selection::None, Selection::None);
    }

    /// Goes to a mode, and to what was selected there.
    pub fn show(&mut self, mode: Mode) {
        if self.question.mode != mode {
            self.question.mode = mode;
            std::mem::swap(&mut self.selection, &mut self.shelved);
        }
    }

    /// Goes to another method. What was chosen for the old one's values would misdraw the new one's.
    pub fn choose_method(&mut self, id: &str) {
        id.clone_into(&mut self.question.method);
        (self.look.range, self.look.colormap) = (None, None);
    }

    /// Whether the charts and tables of what the mode asks are shown.
    pub fn exhibits_mut(&mut self) -> &mut bool {
        match self.question.mode {
            Mode::Heatmap => &mut self.look.exhibits,
            Mode::Segments => &mut self.look.segment_exhibits,
        }
    }

    /// As [`Self::exhibits_mut`], to look at.
    pub fn shows_exhibits(&self) -> bool {
        match self.question.mode {
            Mode::Heatmap => self.look.exhibits,
            Mode::Segments => self.look.segment_exhibits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_keeps_its_selection() {
        let token = Selection::Token("2,3".parse().unwrap());
        let mut lane = Lane { selection: token.clone(), ..Lane::default() };
        lane.show(Mode::Segments);
        assert_eq!((lane.pinned(), &lane.shelved), (None, &token));
        assert_eq!(*lane.token_selection_mut(), token);
        lane.selection = Selection::Segment(4);
        lane.show(Mode::Segments);
        assert_eq!(lane.solo(), Some(4));
        lane.show(Mode::Heatmap);
        assert_eq!((&lane.selection, lane.solo()), (&token, None));
        lane.leave_segment();
        lane.show(Mode::Segments);
        assert_eq!(lane.selection, Selection::None);
    }
}
