//! Tokens by name and by position.

use crate::domain::token::{TokenKind, TokenLayout, TokenRef};
use crate::engine::Scene;

/// The token that is explained where none is chosen: one that says something about the whole input. The class token; where tokens
/// see only those before them the last one; else the middle of the picture.
pub fn first_guess(scene: &Scene) -> Option<usize> {
    let layout = &scene.layout;
    if scene.model.is_causal {
        return layout.len().checked_sub(1);
    }
    let cls = layout.resolve(&TokenRef::Prefix(TokenKind::Cls)).ok();
    cls.or_else(|| (!layout.grid.is_empty()).then(|| layout.position_of(layout.grid.len() / 2)))
}

/// The name that a user would give to the token at a position: of an image its patch or its kind, of a text where it stands.
pub fn token_at(layout: &TokenLayout, position: usize) -> TokenRef {
    match layout.kind(position).filter(|_| layout.text.is_none()) {
        Some(TokenKind::Patch { row, col }) => TokenRef::Patch { row, col },
        Some(prefix) => TokenRef::Prefix(prefix),
        None => TokenRef::Position(position),
    }
}
