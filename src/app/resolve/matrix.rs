//! The matrix of tokens by layers: the map of one target, or the sources of one span, at every layer. It is read from the tables
//! that hovering needs anyway, one a layer, and made anew only when its target or an answer changes.

use std::sync::Arc;

use crate::app::ask::answers::Answers;
use crate::app::ask::refusal;
use crate::app::ask::requests::has_tables;
use crate::app::state::Lane;
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::request::{Own, Tokens};
use crate::domain::span::Span;
use crate::engine::{Explanation, Scene};
use crate::method::span::Sources;
use crate::method::{Info, Reach, Uses};

/// Position of the target, or the span.
pub type Target = (usize, Option<Span>);

/// One row for each layer.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// What it shows.
    pub target: Target,
    /// The method.
    pub method: &'static Info,
    /// `[L + 1]`, layer 0 first.
    pub rows: Vec<Row>,
    /// Whether the text is so long that only what is pinned has rows.
    pub is_of_pinned: bool,
    /// What it was made from; another number wherever the picture is another.
    pub edition: u64,
    of: (u64, Lane),
}

/// The map at one layer.
#[derive(Clone, Debug)]
pub enum Row {
    /// It is on its way.
    Waits,
    /// The method has no answer there, in words.
    Lacks(String),
    /// It is there.
    Has {
        /// `[T]`.
        map: Heatmap,
        /// Limits of the colours.
        range: Range,
    },
}

impl Row {
    /// Its values, where they are there.
    pub fn values(&self) -> Option<&[f32]> {
        if let Self::Has { map, .. } = self { Some(&map.values) } else { None }
    }

    /// Where a token's value lies in the range, 0..1; NaN where there is none. A row that is the same everywhere is at its low end.
    pub fn unit(&self, position: usize) -> f32 {
        let Self::Has { map, range } = self else { return f32::NAN };
        map.values.get(position).map_or(f32::NAN, |&value| range.unit(value))
    }
}

impl Matrix {
    /// Reads every row that is there.
    pub fn new(lane: &Lane, answers: &Answers, scene: &Scene, target: Target) -> Option<Self> {
        let method = lane.question.info()?;
        let rows = (0..=scene.model.num_layers).map(|layer| row(lane, answers, scene, (target, layer)));
        let mut matrix = Self {
            target,
            method,
            rows: rows.collect(),
            is_of_pinned: !has_tables(scene),
            edition: next_edition(),
            of: (answers.revision(), lane.clone()),
        };
        if lane.look.matrix.shared {
            matrix.share_range(lane, scene);
        }
        Some(matrix)
    }

    /// Whether it still is what the state asks for, as far as answers are there.
    pub fn is_of(&self, lane: &Lane, answers: &Answers, target: Target) -> bool {
        (self.target, self.of.0) == (target, answers.revision()) && self.of.1 == *lane
    }

    /// Whether a token is, or is part of, what is shown.
    pub fn is_target(&self, position: usize) -> bool {
        self.target.1.map_or(position == self.target.0, |span| span.contains(position))
    }

    /// Whether the own-entry rule put another value in the place of a token's own.
    pub fn replaces_own(&self, lane: &Lane, position: usize) -> bool {
        self.target == (position, None) && own(lane, self.method, None) != Own::Keep
    }

    /// One range over the values of all rows that may set it.
    fn share_range(&mut self, lane: &Lane, scene: &Scene) {
        let own = own(lane, self.method, self.target.1);
        let values = |row: &Row| match row {
            Row::Has { map, .. } => {
                ranged(map, scene, self.target, own).into_iter().filter_map(|p| map.values.get(p).copied()).collect()
            }
            _ => Vec::new(),
        };
        let all: Vec<f32> = self.rows.iter().flat_map(values).collect();
        let pooled = Heatmap { grid: scene.layout.grid, values: all.into() };
        let shared = pooled.range(lane.look.range_for(self.method.signed));
        for row in &mut self.rows {
            if let Row::Has { range, .. } = row {
                *range = shared;
            }
        }
    }
}

/// Counts pictures, so that a texture knows whether it is the newest.
fn next_edition() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static EDITIONS: AtomicU64 = AtomicU64::new(1);
    EDITIONS.fetch_add(1, Ordering::Relaxed)
}

fn own(lane: &Lane, method: &Info, span: Option<Span>) -> Own {
    if method.uses(Uses::Own) && span.is_none() { lane.question.params.own } else { Own::Keep }
}

/// The tokens whose values set the limits of the colours, as in the text itself.
fn ranged(map: &Heatmap, scene: &Scene, (position, span): Target, own: Own) -> Vec<usize> {
    let mut ranged = map.ranged(&scene.layout, position, own);
    if span.is_some_and(|s| scene.model.is_causal && s.from > 1) {
        ranged.retain(|&p| p != 0);
    }
    ranged
}

fn row(lane: &Lane, answers: &Answers, scene: &Scene, (target, layer): (Target, usize)) -> Row {
    if let Some(obstacle) = lane.obstacle_at(scene, layer) {
        return Row::Lacks(obstacle);
    }
    let Some(request) = lane.matrix_request(scene, layer) else {
        let why =
            if has_tables(scene) { "Pin a word to see its layers" } else { "The text is long: pin a word to see its layers" };
        return Row::Lacks(why.to_owned());
    };
    if let Some(refusal) = answers.refusal(&request) {
        return Row::Lacks(refusal::words(refusal));
    }
    let Some(answer) = answers.explanation(&request) else { return Row::Waits };
    let Some(map) = map_of(answer, target, own(lane, answer.method, target.1)) else { return Row::Waits };
    let own = own(lane, answer.method, target.1);
    let ranged = ranged(&map, scene, target, own);
    let range = map.range_over(lane.look.range_for(answer.method.signed), ranged.into_iter());
    Row::Has { map, range }
}

/// The target's row of an answer, or the span's mean of rows.
fn map_of(answer: &Arc<Explanation>, (position, span): Target, own: Own) -> Option<Heatmap> {
    let layout = &answer.scene.layout;
    let found = |position: usize| answer.positions.iter().position(|&p| p == position).map(|n| answer.row(n));
    let row = match (span, &answer.request.tokens) {
        (Some(span), Tokens::All) => {
            let sources = Sources { span, is_causal: answer.scene.model.is_causal, signed: answer.method.signed };
            let rows: Option<Vec<&[f32]>> = sources.targets().into_iter().map(found).collect();
            sources.mean(rows?.into_iter(), layout.len())
        }
        (Some(_), _) => answer.row(0).to_vec(),
        (None, _) if answer.method.reach == Reach::Whole => answer.row(0).to_vec(),
        (None, _) => found(position)?.to_vec(),
    };
    Some(Heatmap::from_relevance(layout, &row, span.unwrap_or(position.into()), own))
}
