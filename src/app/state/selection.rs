//! What the user selected of an answer.

use serde::{Deserialize, Serialize};

use crate::domain::span::Span;
use crate::domain::token::TokenRef;

/// One thing, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// Nothing: the map follows the pointer.
    #[default]
    None,
    /// A token, whose map stays while the pointer moves.
    Token(TokenRef),
    /// A part of a text, whose sources are shown.
    Span(Span),
    /// A segment, by its label: the others are not drawn.
    Segment(usize),
}
