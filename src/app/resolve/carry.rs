//! Takes what is pinned or selected from one model to another: a patch by its place in the picture, a word by its letters. What the
//! other model does not see is let go.

use std::sync::Arc;

use crate::app::ask::tokens::token_at;
use crate::app::state::{Lane, Selection};
use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::domain::token::TokenRef;
use crate::engine::Scene;

/// What was pinned or selected, and the scene that its positions are counted in.
#[derive(Debug, Default)]
pub struct Carried {
    selection: Selection,
    scene: Option<Arc<Scene>>,
}

impl Carried {
    /// The scene that was last brought here, also when another page has been shown since.
    pub fn scene(&self) -> Option<&Arc<Scene>> {
        self.scene.as_ref()
    }

    /// Brings a lane's token and span into a scene, and remembers them. Returns what the user should know.
    ///
    /// What came with another step of the history, or with a file, is already counted in the scene that it names.
    pub fn bring(&mut self, lane: &mut Lane, scene: &Arc<Scene>) -> Option<&'static str> {
        let same = self.scene.as_ref().is_some_and(|before| Arc::ptr_eq(before, scene));
        let selection = lane.token_selection_mut();
        let was_here = *selection == self.selection;
        let said = match &self.scene {
            Some(before) if !same && was_here => carry(selection, before, scene),
            _ => None,
        };
        if !same || !was_here {
            *self = Self { selection: selection.clone(), scene: Some(scene.clone()) };
        }
        said
    }
}

fn carry(selection: &mut Selection, before: &Scene, now: &Scene) -> Option<&'static str> {
    let is_one_input = match (&before.photo, &now.photo, &before.layout.text, &now.layout.text) {
        (Some(a), Some(b), ..) => a.picture.sha256 == b.picture.sha256 && a.picture.name == b.picture.name,
        (None, None, Some(a), Some(b)) => a.string.starts_with(&b.string) || b.string.starts_with(&a.string),
        _ => false,
    };
    if !is_one_input {
        return None;
    }
    let before = std::mem::replace(selection, selection_in(selection, before, now));
    (before != Selection::None && *selection == Selection::None)
        .then_some("What was pinned is let go: this model does not see it")
}

/// What is selected in one scene, as it is named in another; nothing where the other has it not.
pub fn selection_in(selection: &Selection, before: &Scene, now: &Scene) -> Selection {
    let there = match selection {
        Selection::Token(token) => token_in(token, before, now).map(Selection::Token),
        Selection::Span(span) => span_in(*span, before, now).map(Selection::Span),
        Selection::None | Selection::Segment(_) => None,
    };
    there.unwrap_or_default()
}

/// The position that stands for the same part of the input.
pub fn position_in(position: usize, before: &Scene, now: &Scene) -> Option<usize> {
    match (&before.layout.text, &now.layout.text) {
        (Some(a), Some(b)) => word_in(position, a, b),
        (None, None) => match before.layout.patch_of(position) {
            Some(patch) => patch_in(patch, before, now),
            // A class or register token, which has no place.
            None => now.layout.resolve(&TokenRef::Prefix(before.layout.kind(position)?)).ok(),
        },
        _ => None,
    }
}

/// The token that stands for the same part of the input, by the same name where that still means it.
fn token_in(token: &TokenRef, before: &Scene, now: &Scene) -> Option<TokenRef> {
    let place = position_in(before.layout.resolve(token).ok()?, before, now)?;
    let is_meant = now.layout.resolve(token).is_ok_and(|position| position == place);
    Some(if is_meant { token.clone() } else { token_at(&now.layout, place) })
}

/// The position of the patch that holds the middle of another model's patch.
fn patch_in(patch: usize, before: &Scene, now: &Scene) -> Option<usize> {
    let (from, to) = (before.photo.as_ref()?.seen, now.photo.as_ref()?.seen);
    let grid = before.layout.grid;
    let (row, col) = grid.row_col(patch);
    // Of two pictures, or of one at two sizes, by the share of their width and height.
    let size = |scene: &Scene| scene.photo.as_ref().map(|photo| (photo.picture.width as f64, photo.picture.height as f64));
    let ((width, height), (new_width, new_height)) = (size(before)?, size(now)?);
    let x = (from.x + (col as f64 + 0.5) / grid.cols as f64 * from.width) / width * new_width;
    let y = (from.y + (row as f64 + 0.5) / grid.rows as f64 * from.height) / height * new_height;
    let found = now.layout.grid.patch_from_uv((x - to.x) / to.width, (y - to.y) / to.height);
    found.map(|patch| now.layout.position_of(patch))
}

/// The position of the piece in which another tokenizer's piece begins; a special token where one stands at the same end.
fn word_in(position: usize, before: &Text, now: &Text) -> Option<usize> {
    let piece = before.pieces.get(position)?;
    if piece.special || piece.span.is_empty() {
        let last = now.pieces.len().checked_sub(1)?;
        let place = if position == 0 { 0 } else { last };
        let is_at_end = position == 0 || position + 1 == before.pieces.len();
        return now.pieces.get(place).filter(|piece| piece.special && is_at_end).map(|_| place);
    }
    now.pieces.iter().position(|other| !other.special && other.span.contains(&piece.span.start))
}

/// The tokens that share letters with a span of another tokenizer.
fn span_in(span: Span, before: &Scene, now: &Scene) -> Option<Span> {
    let (a, b) = (before.layout.text.as_ref()?, now.layout.text.as_ref()?);
    let mut letters = a.pieces.get(span.positions())?.iter().filter(|piece| !piece.span.is_empty()).map(|piece| &piece.span);
    let first = letters.next()?;
    let (start, end) = letters.fold((first.start, first.end), |(start, end), span| (start.min(span.start), end.max(span.end)));
    let is_inside = |position: &usize| {
        b.pieces.get(*position).is_some_and(|piece| !piece.special && piece.span.start < end && start < piece.span.end)
    };
    let mut inside = (0..b.pieces.len()).filter(is_inside);
    let from = inside.next()?;
    let span = Span { from: from.max(usize::from(now.model.is_causal)), to: inside.next_back().unwrap_or(from) + 1 };
    span.check(&now.layout, now.model.is_causal).is_ok().then_some(span)
}
