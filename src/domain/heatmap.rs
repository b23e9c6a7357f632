//! A heatmap: one value a patch, and what is read off it (own-entry rule, range, rank).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::request::Own;
use super::span::Span;
use super::token::TokenLayout;

/// One value a patch, in row-major order. NaN where a method has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    /// The patches.
    pub grid: Grid,
    /// `[N]`.
    pub values: Arc<[f32]>,
}

impl Heatmap {
    /// The patches of a relevance row.
    ///
    /// # Shapes
    /// Of a causal model what comes after the target has no value (NaN).
    ///
    /// `relevance` is `[T]`, prefix tokens included; `target` a position, or those of the pieces of a word, whose own entries follow
    /// `own`.
    pub fn from_relevance(layout: &TokenLayout, relevance: &[f32], target: impl Into<Span>, own: Own) -> Self {
        let target = target.into();
        let mut values: Vec<f32> = relevance.iter().skip(layout.prefix.len()).copied().collect();
        // What comes after the target is nothing that it could be made from: no value, not a small one.
        if layout.is_causal {
            values.iter_mut().skip(target.to).filter(|value| **value == 0.0).for_each(|value| *value = f32::NAN);
        }
        let own_value = match own {
            Own::Keep => None,
            Own::Zero => Some(0.0),
            Own::Max => max_except(&values, |patch| target.contains(layout.position_of(patch))),
        };
        for patch in target.positions().filter_map(|position| layout.patch_of(position)) {
            values[patch] = own_value.unwrap_or(values[patch]);
        }
        Self { grid: layout.grid, values: values.into() }
    }

    /// 1 for the largest value; ties share the better rank.
    pub fn rank(&self, patch: usize) -> usize {
        let own = self.values.get(patch).copied().unwrap_or(f32::NAN);
        1 + self.values.iter().filter(|&&v| v > own).count()
    }

    /// The limits that `rule` gives; low < high always, finite always.
    pub fn range(&self, rule: RangeRule) -> Range {
        self.range_over(rule, 0..self.values.len())
    }

    /// The limits that `rule` gives for some of the values: what a text's special tokens hold would leave its words without colour.
    pub fn range_over(&self, rule: RangeRule, patches: impl Iterator<Item = usize>) -> Range {
        let mut sorted: Vec<f32> = patches.filter_map(|p| self.values.get(p).copied()).filter(|v| v.is_finite()).collect();
        sorted.sort_by(f32::total_cmp);
        let at = |percent: f32| percentile(&sorted, percent);
        let (low, high) = match rule {
            RangeRule::MinMax => (at(0.0), at(100.0)),
            RangeRule::Percentile { low, high } => (at(low.min(high)), at(high.max(low))),
            RangeRule::Symmetric => {
                // Zero stays in the middle of a map that is zero everywhere.
                let bound = at(0.0).abs().max(at(100.0).abs()).max(LEAST_STEP);
                (-bound, bound)
            }
            RangeRule::Fixed { low, high } => (low.min(high), high.max(low)),
        };
        Range { low, high }.widened()
    }

    /// The patches whose values set the limits of the colours, for [`Self::range_over`]; all are coloured all the same.
    ///
    /// Of an image, every patch. Of a text, the words alone: `[CLS]` and `[SEP]` draw attention without meaning anything
    /// (attention sinks), and their values, often many times those of any word, would leave all words in one colour. For the same
    /// reason not the target's own entry where [`Own::Max`] fills it in, since what fills it may be the value of `[SEP]`. Values
    /// beyond the limits take the end colours, and the colour bar says so. Every token where no word has a value.
    ///
    /// `target` and `own` are those of [`Self::from_relevance`].
    pub fn ranged(&self, layout: &TokenLayout, target: impl Into<Span>, own: Own) -> Vec<usize> {
        let target = target.into();
        let all = 0..self.values.len();
        if layout.text.is_none() {
            return all.collect();
        }
        let has_value = |p: &usize| self.values.get(*p).is_some_and(|v| v.is_finite());
        let words: Vec<usize> = layout.ranged().filter(|&p| !(own == Own::Max && target.contains(p))).collect();
        if words.iter().any(has_value) { words } else { all.collect() }
    }
}

/// The largest of the other values, if there are any.
fn max_except(values: &[f32], skip: impl Fn(usize) -> bool) -> Option<f32> {
    let others = values.iter().enumerate().filter(|&(i, v)| !skip(i) && !v.is_nan());
    others.map(|(_, &v)| v).reduce(f32::max)
}

/// A percentile 0..100 of ascending values: linear interpolation between order statistics, as NumPy's default; 0 for no values.
pub fn percentile(sorted: &[f32], percent: f32) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = sorted[(below + 1).min(last)];
    (f64::from(sorted[below]) * (1.0 - part) + f64::from(above) * part) as f32
}

/// How the limits of the colours are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeRule {
    /// Smallest to largest value.
    #[default]
    MinMax,
    /// Percentiles 0..100.
    Percentile {
        /// Lower.
        low: f32,
        /// Upper.
        high: f32,
    },
    /// Plus and minus the largest absolute value, for signed maps.
    Symmetric,
    /// Given.
    Fixed {
        /// Lower.
        low: f32,
        /// Upper.
        high: f32,
    },
}

/// How far apart limits are drawn that coincide at zero.
const LEAST_STEP: f32 = 1e-12;

/// Limits between which colours run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Value of the first colour.
    pub low: f32,
    /// Value of the last colour.
    pub high: f32,
}

impl Range {
    /// Where a value lies, 0..1; NaN stays NaN.
    pub fn unit(self, value: f32) -> f32 {
        if value.is_nan() { value } else { ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0) }
    }

    /// The one value of a map that is the same everywhere, whose range is made up.
    pub fn constant(self) -> Option<f32> {
        let value = if self.low < 0.0 && self.high > 0.0 { 0.0 } else { self.low };
        (self.high - self.low <= (value.abs() * 1.25e-3).max(2.5 * LEAST_STEP)).then_some(value)
    }

    /// A constant map still needs a scale: limits that coincide are drawn apart, and its value takes the first colour.
    fn widened(self) -> Self {
        if self.high > self.low {
            return self;
        }
        Self { low: self.low, high: self.low + (self.low.abs() * 1e-3).max(LEAST_STEP) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::{Piece, Text};
    use crate::domain::token::TokenKind;

    fn layout() -> TokenLayout {
        TokenLayout::image(vec![TokenKind::Cls], Grid { rows: 1, cols: 4 })
    }

    #[test]
    fn the_own_entry_follows_the_rule() {
        let row = [9.0, 1.0, 5.0, 2.0, 3.0];
        let values = |own, target| Heatmap::from_relevance(&layout(), &row, target, own).values.to_vec();
        assert_eq!(values(Own::Max, 2), [1.0, 3.0, 2.0, 3.0]);
        assert_eq!(values(Own::Zero, 2), [1.0, 0.0, 2.0, 3.0]);
        assert_eq!(values(Own::Keep, 2), [1.0, 5.0, 2.0, 3.0]);
        assert_eq!(values(Own::Max, 0), [1.0, 5.0, 2.0, 3.0]);
    }

    #[test]
    fn the_words_of_a_text_set_the_limits_and_not_its_special_tokens() {
        let piece = |special| Piece { piece: "x".into(), span: 0..0, special, word: None };
        let pieces = vec![piece(true), piece(false), piece(false), piece(false), piece(true)];
        let layout = TokenLayout::text(Arc::new(Text {
            string: String::new(),
            pieces,
            cut_at: None,
            generated_from: None,
            notices: Vec::new(),
        }));
        let row = [40.0, 1.0, 5.0, 2.0, 90.0];
        let ranged = |own| Heatmap::from_relevance(&layout, &row, 2, own).ranged(&layout, 2, own);
        assert_eq!(ranged(Own::Max), [1, 3]);
        assert_eq!(ranged(Own::Keep), [1, 2, 3]);
        assert_eq!(ranged(Own::Zero), [1, 2, 3]);
        let empty = Heatmap { grid: layout.grid, values: vec![3.0, f32::NAN, f32::NAN, f32::NAN, 4.0].into() };
        let range = empty.range_over(RangeRule::MinMax, empty.ranged(&layout, 1, Own::Keep).into_iter());
        assert_eq!(range, Range { low: 3.0, high: 4.0 });
        let map = Heatmap { grid: self::layout().grid, values: vec![1.0; 4].into() };
        assert_eq!(map.ranged(&self::layout(), 1, Own::Max), [0, 1, 2, 3]);
    }

    #[test]
    fn ranges_are_usable_for_constant_nan_and_empty_maps() {
        for values in [vec![2.0; 4], vec![f32::NAN; 4], vec![f32::INFINITY, 1.0, 1.0, f32::NAN]] {
            let map = Heatmap { grid: layout().grid, values: values.into() };
            for rule in [RangeRule::MinMax, RangeRule::Percentile { low: 1.0, high: 99.0 }, RangeRule::Symmetric] {
                let range = map.range(rule);
                assert!(range.low < range.high && range.low.is_finite() && range.high.is_finite(), "{range:?}");
            }
        }
    }

    #[test]
    fn a_constant_map_has_the_first_colour_and_a_signed_one_of_zeros_the_middle() {
        let range = |value: f32, rule| Heatmap { grid: layout().grid, values: vec![value; 4].into() }.range(rule);
        for value in [0.0, 2.0, -3.0, 1e20] {
            let range = range(value, RangeRule::MinMax);
            assert_eq!((range.unit(value), range.constant()), (0.0, Some(value)));
        }
        let zeros = range(0.0, RangeRule::Symmetric);
        assert_eq!((zeros.unit(0.0), zeros.constant()), (0.5, Some(0.0)));
        assert_eq!(range(2.0, RangeRule::Symmetric), Range { low: -2.0, high: 2.0 });
        assert_eq!(Range { low: 1.0, high: 2.0 }.constant(), None);
    }

    #[test]
    fn a_sink_beyond_the_range_leaves_the_words_their_colours() {
        let map = Heatmap { grid: layout().grid, values: vec![90.0, 1.0, 3.0, 80.0].into() };
        let range = map.range_over(RangeRule::MinMax, 1..3);
        assert_eq!((range.low, range.high), (1.0, 3.0));
        assert_eq!((range.unit(90.0), range.unit(1.0)), (1.0, 0.0));
    }

    #[test]
    fn percentiles_are_numpys_and_ranks_count_from_one() {
        let map = Heatmap { grid: layout().grid, values: vec![4.0, 1.0, 3.0, 2.0].into() };
        let range = map.range(RangeRule::Percentile { low: 25.0, high: 75.0 });
        assert_eq!((range.low, range.high), (1.75, 3.25));
        assert_eq!((0..4).map(|p| map.rank(p)).collect::<Vec<_>>(), [1, 4, 2, 3]);
    }
}
