//! Selects tokens and spans, and moves through layers.

use super::context::CommandContext;
use crate::app::ask::tokens::token_at;
use crate::app::state::{Lane, Mode, Selection};
use crate::domain::grid::Grid;
use crate::domain::request::Scalar;
use crate::domain::span::Span;
use crate::domain::token::TokenRef;
use crate::engine::Scene;
use crate::method::Uses;

/// The scalar that points along a token; `None` where there is no such spelling.
pub fn along(token: &TokenRef) -> Option<Scalar> {
    format!("token:{token}").parse().ok()
}

/// The pinned token again, under whatever name, lets it go.
pub(super) fn pin(lane: &mut Lane, scene: Option<&Scene>, token: TokenRef) {
    let place = |t: &TokenRef| scene.and_then(|s| s.layout.resolve(t).ok());
    let again = matches!(lane.token_selection_mut(), Selection::Token(pinned) if *pinned == token || place(pinned).is_some_and(|p| place(&token) == Some(p)));
    *lane.token_selection_mut() = if again { Selection::None } else { Selection::Token(token) };
}

/// A method that follows no gradient gives way to one that does.
pub(super) fn follow(lane: &mut Lane, token: &TokenRef) {
    let Some(scalar) = along(token) else { return };
    if !lane.question.info().is_some_and(|info| info.uses(Uses::Scalar)) {
        lane.choose_method("ultra");
    }
    lane.question.params.scalar = scalar;
    lane.show(Mode::Heatmap);
}

/// What cannot be explained is not selected: of a causal model the first token, which nothing predicted, is left out.
pub(super) fn select(lane: &mut Lane, scene: &Scene, span: Span) {
    let is_causal = scene.model.is_causal;
    let span = Span { from: span.from.max(usize::from(is_causal)), ..span };
    if span.check(&scene.layout, is_causal).is_ok() {
        lane.selection = Selection::Span(span);
    }
}

/// Where the selection began, and its end that moves: the ends of the span, or the pinned token twice.
pub fn ends(lane: &Lane, scene: &Scene, anchor: Option<usize>) -> Option<(usize, usize)> {
    if let Some(span) = lane.span() {
        let (first, last) = (span.from, span.to.saturating_sub(1));
        return Some(if anchor == Some(last) { (last, first) } else { (first, last) });
    }
    let pinned = scene.layout.resolve(lane.pinned()?).ok()?;
    Some((pinned, pinned))
}

pub(super) fn grow_span(lane: &mut Lane, scene: &Scene, (rows, cols): (i64, i64), around: CommandContext) {
    let (Some((anchor, end)), Some(_)) = (ends(lane, scene, around.anchor), &scene.layout.text) else {
        return move_pin(lane, scene, (rows, cols), around);
    };
    let moved = match around.sides {
        Some(sides) if rows == 0 => sides[usize::from(cols > 0)].unwrap_or(end),
        None if rows == 0 => moved(scene.layout.grid, end, 0, cols).1,
        _ => around.lines[usize::from(rows > 0)].unwrap_or(end),
    };
    select(lane, scene, Span::between(anchor, moved));
}

pub(super) fn step_layer(lane: &mut Lane, scene: &Scene, step: i64) {
    let top = i64::try_from(scene.model.num_layers).unwrap_or(0);
    let now = i64::try_from(lane.question.layer_of(scene.model.num_layers)).unwrap_or(0);
    lane.question.layer = i32::try_from((now + step).clamp(0, top)).unwrap_or(-1);
}

/// From a prefix token, or from nothing, the first step goes to the middle of the picture or the first word.
pub(super) fn move_pin(lane: &mut Lane, scene: &Scene, (rows, cols): (i64, i64), around: CommandContext) {
    let (layout, grid) = (&scene.layout, scene.layout.grid);
    let position = ends(lane, scene, around.anchor).map(|(_, end)| end);
    let patch = position.and_then(|p| layout.patch_of(p));
    let next = match (patch, &layout.text) {
        (None, Some(_)) => layout.ranged().next(),
        (Some(from), Some(_)) if rows != 0 => around.lines[usize::from(rows > 0)].or(Some(from)),
        (Some(from), Some(_)) if around.sides.is_some() => around.sides.and_then(|s| s[usize::from(cols > 0)]).or(Some(from)),
        (None, None) => grid.patch_at(grid.rows / 2, grid.cols / 2),
        (Some(from), _) => {
            let (row, col) = moved(grid, from, rows, cols);
            grid.patch_at(row, col)
        }
    };
    if let Some(next) = next {
        lane.selection = Selection::Token(token_at(layout, layout.position_of(next)));
    }
}

pub(super) fn moved(grid: Grid, patch: usize, rows: i64, cols: i64) -> (usize, usize) {
    let (row, col) = grid.row_col(patch);
    let step = |from: usize, by: i64, count: usize| {
        let to = i64::try_from(from).unwrap_or(0) + by;
        usize::try_from(to).unwrap_or(0).min(count.saturating_sub(1))
    };
    (step(row, rows, grid.rows), step(col, cols, grid.cols))
}
