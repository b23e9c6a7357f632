//! From the rows of single tokens to one row of a span: which part of the text it was made from. Works on the rows of any method.
//!
//! A causal model wrote the token at position t where it stood at t - 1: that is the target, and what it had before it is the
//! context (methods of summarisation ask for this). Each row is given the sum 1 over the context, so that late tokens, which see
//! more, do not outweigh early ones; then rows are averaged. The first token takes no part in that sum: models leave attention
//! there that means nothing. In any other model a token stands at its own position and sees both sides: rows are averaged as
//! they are. Values with a sign have no sum to share, and are averaged as they are in both kinds.

use crate::domain::span::Span;

/// A span and how the model came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The tokens that are asked about.
    pub span: Span,
    /// Whether the model predicts each token from those before it.
    pub is_causal: bool,
    /// Whether the method's values have a sign.
    pub signed: bool,
}

impl Sources {
    /// The positions whose rows are needed, one for every token of the span.
    pub fn targets(&self) -> Vec<usize> {
        let back = usize::from(self.is_causal);
        self.span.positions().filter_map(|t| t.checked_sub(back)).collect()
    }

    /// Whether a token may be a source: before the span, or in a model that sees both sides outside it.
    pub fn is_source(&self, position: usize) -> bool {
        if self.is_causal { position < self.span.from } else { !self.span.contains(position) }
    }

    /// The mean of the rows over the span; NaN for what is no source. A target's own entry says nothing about where it came from
    /// and is left out of the mean.
    ///
    /// # Shapes
    /// `rows` are those of [`Self::targets`], `[n, tokens]`; the result is `[tokens]`.
    pub fn mean<'a>(&self, rows: impl Iterator<Item = &'a [f32]>, tokens: usize) -> Vec<f32> {
        let (mut sums, mut counts) = (vec![0.0_f64; tokens], vec![0_u32; tokens]);
        for (target, row) in self.targets().into_iter().zip(rows) {
            let scale = self.scale(row, target);
            for (position, &value) in row.iter().enumerate().take(tokens) {
                if self.is_source(position) && position != target && !value.is_nan() {
                    sums[position] += scale * f64::from(value);
                    counts[position] += 1;
                }
            }
        }
        let mean = |(sum, count): (f64, u32)| if count == 0 { f32::NAN } else { (sum / f64::from(count)) as f32 };
        sums.into_iter().zip(counts).map(mean).collect()
    }

    /// What gives a row the sum 1 over its context.
    fn scale(&self, row: &[f32], target: usize) -> f64 {
        if !self.is_causal || self.signed {
            return 1.0;
        }
        let sum = |from: usize| -> f64 {
            let context = row.iter().enumerate().take(self.span.from).skip(from);
            context.filter(|(p, v)| *p != target && !v.is_nan()).map(|(_, v)| f64::from(*v)).sum()
        };
        // With a context of the first token alone there is no other to leave the sum to.
        [sum(1), sum(0)].into_iter().find(|sum| *sum > 0.0).map_or(1.0, f64::recip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(from: usize, to: usize, is_causal: bool) -> Sources {
        Sources { span: Span { from, to }, is_causal, signed: false }
    }

    fn same(got: &[f32], want: &[f32]) {
        let close = |(g, w): (&f32, &f32)| (g.is_nan() && w.is_nan()) || (g - w).abs() < 1e-6;
        assert!(got.len() == want.len() && got.iter().zip(want).all(close), "{got:?} is not {want:?}");
    }

    #[test]
    fn a_causal_span_is_explained_where_it_was_predicted() {
        let asked = sources(3, 5, true);
        assert_eq!(asked.targets(), [2, 3]);
        // The first token holds much, the targets hold their own entry.
        let rows = [[8.0, 1.0, 9.0, 0.0, 0.0], [20.0, 2.0, 6.0, 9.0, 0.0]];
        let mean = asked.mean(rows.iter().map(|r| &r[..]), 5);
        // Of target 2 only position 1 counts: 1/1, the first token 8; of target 3 the sum is 8: 2/8, 6/8, 20/8.
        same(&mean, &[(8.0 + 2.5) / 2.0, (1.0 + 0.25) / 2.0, 0.75, f32::NAN, f32::NAN]);
    }

    #[test]
    fn a_span_after_one_token_has_no_source_but_itself() {
        same(&sources(1, 2, true).mean([&[4.0, 0.0, 0.0][..]].into_iter(), 3), &[f32::NAN; 3]);
        same(&sources(1, 3, true).mean([&[4.0, 0.0, 0.0][..], &[0.5, 9.0, 0.0]].into_iter(), 3), &[1.0, f32::NAN, f32::NAN]);
    }

    #[test]
    fn a_span_of_a_model_that_sees_both_sides_is_the_mean_of_its_rows() {
        let asked = sources(1, 3, false);
        assert_eq!(asked.targets(), [1, 2]);
        let rows = [[1.0, 9.0, 5.0, 3.0], [2.0, 5.0, 9.0, f32::NAN]];
        same(&asked.mean(rows.iter().map(|r| &r[..]), 4), &[1.5, f32::NAN, f32::NAN, 3.0]);
    }

    #[test]
    fn values_with_a_sign_are_averaged_as_they_are() {
        let asked = Sources { signed: true, ..sources(2, 3, true) };
        same(&asked.mean([&[-0.5, 1.0, 0.25][..]].into_iter(), 3), &[-0.5, f32::NAN, f32::NAN]);
    }
}
