//! A heatmap and what it is of.

use std::sync::Arc;

use crate::app::ask::tokens::token_at;
use crate::domain::exhibit::Paint;
use crate::domain::heatmap::{Heatmap, Range, RangeRule};
use crate::domain::request::{Own, Params, Request, Rows, Tokens};
use crate::domain::span::Span;
use crate::engine::Explanation;
use crate::method::{Info, Reach, Uses};

/// A heatmap and what it is of.
#[derive(Clone, Debug)]
pub struct MapView {
    /// The values, after the own-entry rule.
    pub heatmap: Heatmap,
    /// Limits of the colours.
    pub range: Range,
    /// Position of the target in the sequence; of a span its first.
    pub position: usize,
    /// The span, where the map is of one.
    pub span: Option<Span>,
    /// Layer 0..L.
    pub layer: usize,
    /// The method.
    pub method: &'static Info,
    /// Where the values come from, and which row of it.
    pub source: (Arc<Explanation>, usize),
    /// What became of the target's own entry.
    pub own: Own,
}

impl MapView {
    /// `exact`, `own-row` or `K = 8`; nothing where the method has no such choice.
    pub fn fidelity(&self) -> Option<String> {
        self.method.uses(Uses::Rows).then(|| match self.source.0.request.params.rows {
            Rows::All => "exact".to_owned(),
            Rows::Some(1) => "own-row".to_owned(),
            Rows::Some(k) => format!("K = {k}"),
        })
    }

    /// The limits of the colours.
    pub(super) fn limits(&self, rule: RangeRule) -> Range {
        let own = if self.method.uses(Uses::Own) { self.own } else { Own::Keep };
        let ranged = match self.span {
            Some(_) => self.source.0.ranged(self.source.1),
            None => self.heatmap.ranged(&self.source.0.scene.layout, self.position, own),
        };
        self.heatmap.range_over(rule, ranged.into_iter())
    }

    /// The target's own entry, as an index into the values, where the own-entry rule put another value in its place.
    pub fn own_entry(&self) -> Option<usize> {
        let is_replaced = self.method.uses(Uses::Own) && self.span.is_none() && self.own != Own::Keep;
        self.source.0.scene.layout.patch_of(self.position).filter(|_| is_replaced)
    }

    /// The target's own entry as it was computed.
    pub fn own_value(&self) -> Option<f32> {
        self.source.0.row(self.source.1).get(self.position).copied()
    }

    /// What the own-entry rule made of the target's own entry, in words.
    pub fn own_words(&self) -> &'static str {
        match self.own {
            Own::Max => "own entry, drawn as the largest other",
            Own::Zero => "own entry, drawn as 0",
            Own::Keep => "own entry",
        }
    }

    /// The values that ranks are counted in: all but the own entry where that is replaced, in ascending order.
    pub fn ranked_values(&self) -> Vec<f32> {
        let own = self.own_entry();
        let others = self.heatmap.values.iter().enumerate().filter(|&(patch, value)| own != Some(patch) && !value.is_nan());
        let mut sorted: Vec<f32> = others.map(|(_, &value)| value).collect();
        sorted.sort_by(f32::total_cmp);
        sorted
    }

    /// The values below and above the limits of the colours, as indices into the values.
    pub fn beyond(&self) -> [Vec<usize>; 2] {
        let is_beyond = |test: &dyn Fn(f32) -> bool| {
            let values = self.heatmap.values.iter().enumerate().filter(|&(_, &value)| test(value));
            values.map(|(patch, _)| patch).collect()
        };
        [is_beyond(&|value| value < self.range.low), is_beyond(&|value| value > self.range.high)]
    }

    /// Whether another token's map has to be asked for, and does not follow the pointer.
    pub fn is_asked_for(&self) -> bool {
        self.method.reach == Reach::Each || self.method.reach == Reach::Rows && self.paint().is_some()
    }

    /// Colours in place of those of the values, where the method has such.
    pub fn paint(&self) -> Option<&Paint> {
        let paint = self.source.0.shown.paint.as_ref();
        paint.filter(|paint| paint.colours.len() == self.heatmap.values.len())
    }

    /// The value that a prefix token has in the target's row.
    pub fn value_at(&self, position: usize) -> Option<f32> {
        match self.source.0.scene.layout.patch_of(position) {
            Some(patch) => self.heatmap.values.get(patch).copied(),
            None => self.source.0.row(self.source.1).get(position).copied(),
        }
    }
}

/// The answer to a question for this map alone.
pub(super) fn single(map: &MapView) -> Explanation {
    let (source, row) = &map.source;
    let token = token_at(&source.scene.layout, map.position);
    let has_own = source.method.uses(Uses::Own) && map.span.is_none();
    let params = Params { own: if has_own { map.own } else { Own::default() }, ..source.request.params.clone() };
    let tokens = map.span.map_or_else(|| Tokens::These(vec![token]), Tokens::Span);
    let request = Request { tokens, params, ..source.request.clone() };
    Explanation { request, positions: vec![map.position], relevance: source.row(*row).into(), ..(**source).clone() }
}

/// A row of an answer as a heatmap; `None` when the answer has no such row.
pub(super) fn map_view(source: &Arc<Explanation>, row: usize, own: Own) -> Option<MapView> {
    let layout = &source.scene.layout;
    let &position = source.positions.get(row)?;
    let relevance = source.relevance.get(row * layout.len()..(row + 1) * layout.len())?;
    let span = source.span();
    let rule = if source.method.uses(Uses::Own) && span.is_none() { own } else { Own::Keep };
    let heatmap = Heatmap::from_relevance(layout, relevance, source.scope(span.unwrap_or(position.into())), rule);
    let range = heatmap.range(RangeRule::MinMax);
    let (layer, method) = (source.layer, source.method);
    Some(MapView { heatmap, range, position, span, layer, method, source: (source.clone(), row), own })
}
