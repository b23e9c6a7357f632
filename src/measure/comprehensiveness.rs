//! Comprehensiveness and sufficiency of a span's sources: how much less likely a causal model finds the span when its strongest
//! sources are taken out of the text, and when nothing but these is left.
//!
//! DeYoung et al., ERASER: A Benchmark to Evaluate Rationalized NLP Models, ACL 2020. Taking any tokens out of a text makes what
//! follows less likely: what as many tokens do that were drawn by lot stands beside each number, as the measure of it.

use serde::Serialize;

use crate::algebra::random::Random;
use crate::domain::span::Span;
use crate::domain::{Error, Result};

/// Shares of the context that are taken out, in percent.
pub const PERCENTS: [u32; 5] = [1, 5, 10, 20, 50];
/// Drawings by lot that are averaged.
pub const NUM_DRAWS: u64 = 3;
/// Runs of the model that a score takes.
pub const NUM_RUNS: usize = 1 + PERCENTS.len() * (2 + NUM_DRAWS as usize);

/// How a span's likelihood depends on its sources.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The span.
    pub span: Span,
    /// Tokens of the context that may be taken out: all but the first of the text.
    pub num_context: usize,
    /// Mean log probability of the span's tokens after the whole context, in nats.
    pub log_probability: f64,
    /// One for each of [`PERCENTS`].
    pub removals: Vec<Removal>,
}

/// What taking out a share of the context does to the mean log probability of the span's tokens, in nats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removal {
    /// The share, of [`Score::num_context`].
    pub percent: u32,
    /// Tokens that it is, at least 1.
    pub num_tokens: usize,
    /// What is lost without the strongest sources; the higher, the more of what the model used was found.
    pub comprehensiveness: f64,
    /// What is lost without as many tokens drawn by lot, the mean of [`NUM_DRAWS`] drawings.
    pub random: f64,
    /// What is lost with the strongest sources alone; the lower, the better.
    pub sufficiency: f64,
}

/// Scores the sources of a span.
///
/// `contributions` are those of every position before the span, NaN counting least; `log_probability` gives the mean log
/// probability of the span's tokens after the positions of the context that it is handed, in order, the first token among them.
///
/// # Errors
/// A refusal where there is nothing to take out; the errors of `log_probability`.
pub fn score(contributions: &[f32], span: Span, mut log_probability: impl FnMut(&[usize]) -> Result<f64>) -> Result<Score> {
    let context: Vec<usize> = (1..span.from).collect();
    if context.is_empty() {
        return Err(Error::refused(format!("--score of --token {span}"), "before the span there is nothing to take out")
            .expected("a span with more than one token before it"));
    }
    let ranked = ranked(&context, contributions);
    let drawn: Vec<Vec<usize>> = (0..NUM_DRAWS).map(|seed| shuffled(&context, seed)).collect();
    let kept = |tokens: &[usize]| {
        let mut kept: Vec<usize> = [&[0], tokens].concat();
        kept.sort_unstable();
        kept
    };
    let whole = log_probability(&kept(&context))?;
    let mut removals = Vec::with_capacity(PERCENTS.len());
    for percent in PERCENTS {
        let num_tokens = (context.len() as f64 * f64::from(percent) / 100.0).round().max(1.0) as usize;
        let (strongest, others) = ranked.split_at(num_tokens);
        let comprehensiveness = whole - log_probability(&kept(others))?;
        let sufficiency = whole - log_probability(&kept(strongest))?;
        let mut random = 0.0;
        for order in &drawn {
            random += (whole - log_probability(&kept(&order[num_tokens..]))?) / drawn.len() as f64;
        }
        removals.push(Removal { percent, num_tokens, comprehensiveness, random, sufficiency });
    }
    Ok(Score { span, num_context: context.len(), log_probability: whole, removals })
}

/// The strongest first; of equal ones the earlier.
fn ranked(context: &[usize], contributions: &[f32]) -> Vec<usize> {
    let value = |p: &usize| contributions.get(*p).copied().filter(|v| !v.is_nan()).unwrap_or(f32::NEG_INFINITY);
    let mut ranked = context.to_vec();
    ranked.sort_by(|a, b| value(b).total_cmp(&value(a)));
    ranked
}

/// In an order by lot, the same for the same seed.
fn shuffled(context: &[usize], seed: u64) -> Vec<usize> {
    let mut order = context.to_vec();
    Random::new(seed).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each position of the context says as much for the span as `worth` holds, and they add up.
    fn scored(contributions: &[f32], worth: &[f64], from: usize) -> Score {
        let span = Span { from, to: from + 3 };
        score(contributions, span, |kept| Ok(kept.iter().map(|&p| worth[p]).sum::<f64>() - 10.0)).unwrap()
    }

    #[test]
    fn good_sources_are_missed_more_than_others() {
        let worth: Vec<f64> = (0..101).map(|p| if p % 10 == 5 { 0.5 } else { 0.01 }).collect();
        let found: Vec<f32> = worth.iter().map(|w| *w as f32).collect();
        let score = scored(&found, &worth, 101);
        assert_eq!((score.num_context, score.removals.len()), (100, 5));
        assert_eq!(score.removals.iter().map(|r| r.num_tokens).collect::<Vec<_>>(), [1, 5, 10, 20, 50]);
        let ten = &score.removals[2];
        assert!((ten.comprehensiveness - 5.0).abs() < 1e-9, "all ten that matter: {ten:?}");
        assert!((ten.sufficiency - 0.9).abs() < 1e-9, "the ninety that do not: {ten:?}");
        assert!(ten.random > 0.0 && ten.random < 2.5, "{ten:?}");
        let wrong: Vec<f32> = found.iter().map(|w| -w).collect();
        assert!(scored(&wrong, &worth, 101).removals[2].comprehensiveness < 0.2);
    }

    #[test]
    fn the_first_token_stays_and_tokens_without_a_value_go_last() {
        let span = Span { from: 4, to: 5 };
        let mut seen = Vec::new();
        let contributions = [9.0, f32::NAN, 0.1, 0.5];
        let whole = score(&contributions, span, |kept| {
            seen.push(kept.to_vec());
            Ok(kept.len() as f64)
        });
        assert_eq!(seen.len(), NUM_RUNS);
        assert_eq!(seen[..3], [vec![0, 1, 2, 3], vec![0, 1, 2], vec![0, 3]]);
        assert!(seen.iter().all(|kept| kept[0] == 0 && kept.is_sorted()));
        assert_eq!(whole.unwrap().removals[4].num_tokens, 2);
        assert_eq!(shuffled(&[1, 2, 3, 4, 5, 6], 7), shuffled(&[1, 2, 3, 4, 5, 6], 7));
        assert_ne!(shuffled(&[1, 2, 3, 4, 5, 6], 0), shuffled(&[1, 2, 3, 4, 5, 6], 1));
    }

    #[test]
    fn nothing_to_take_out_is_refused() {
        let refused = score(&[1.0], Span { from: 1, to: 3 }, |_| Ok(0.0));
        assert!(refused.unwrap_err().to_string().contains("nothing to take out"));
    }
}
