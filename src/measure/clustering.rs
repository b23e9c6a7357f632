//! Agreement of two labellings without giving segments names: pairs of pixels, and information.

use std::collections::BTreeMap;

use super::Contingency;

/// Adjusted Rand index (L. Hubert, P. Arabie, Comparing partitions, Journal of Classification 2, 1985): 1 for equal partitions, 0 on
/// average for those drawn by lot, possibly below.
pub fn adjusted_rand(table: &Contingency) -> f64 {
    // Whole numbers hold pairs of pixels exactly.
    let pairs = |n: u64| u128::from(n) * u128::from(n.saturating_sub(1)) / 2;
    let sum = |counts: BTreeMap<u16, u64>| counts.into_values().map(pairs).sum::<u128>() as f64;
    let together = table.cells().map(|(_, n)| pairs(n)).sum::<u128>() as f64;
    let (predicted, truth) = (sum(table.predicted()), sum(table.truth()));
    let all = pairs(table.total()) as f64;
    if all == 0.0 {
        return 1.0;
    }
    let (expected, largest) = (predicted * truth / all, f64::midpoint(predicted, truth));
    // Both are one segment, or both are a segment a pixel.
    if largest == expected { 1.0 } else { (together - expected) / (largest - expected) }
}

/// Rand index: the share of pairs of pixels that both labellings put together or both keep apart, 0..1. Its mean over several
/// annotators is the probabilistic Rand index (R. Unnikrishnan, C. Pantofaru, M. Hebert, PAMI 29(6), 2007).
pub fn rand_index(table: &Contingency) -> f64 {
    let pairs = |n: u64| u128::from(n) * u128::from(n.saturating_sub(1)) / 2;
    let sum = |counts: BTreeMap<u16, u64>| counts.into_values().map(pairs).sum::<u128>() as f64;
    let together = table.cells().map(|(_, n)| pairs(n)).sum::<u128>() as f64;
    let all = pairs(table.total()) as f64;
    let apart_in_one = sum(table.predicted()) + sum(table.truth()) - 2.0 * together;
    if all == 0.0 { 1.0 } else { 1.0 - apart_in_one / all }
}

/// Variation of information: H(P) + H(T) - 2 I(P; T), in bits, 0 for equal partitions (M. Meila, Comparing clusterings: an axiomatic
/// view, ICML 2005).
pub fn variation_of_information(table: &Contingency) -> f64 {
    let total = table.total() as f64;
    let joint: f64 = table.cells().map(|(_, n)| -(n as f64 / total) * (n as f64 / total).log2()).sum();
    let marginal = (entropy(&table.predicted(), total) + entropy(&table.truth(), total)) / std::f64::consts::LN_2;
    (2.0 * joint - marginal).max(0.0)
}

/// Normalised mutual information: I(P; T) over the arithmetic mean of both entropies (N. X. Vinh, J. Epps, J. Bailey, Information
/// theoretic measures for clusterings comparison, JMLR 11, 2010), 0..1; 1 where both are one segment.
pub fn normalized_mutual_information(table: &Contingency) -> f64 {
    let total = table.total() as f64;
    let (predicted, truth) = (table.predicted(), table.truth());
    if predicted.len() <= 1 && truth.len() <= 1 {
        return 1.0;
    }
    let information = |((p, t), count): ((u16, u16), u64)| {
        let count = count as f64;
        count / total * (count * total / (predicted[&p] as f64 * truth[&t] as f64)).ln()
    };
    let mutual: f64 = table.cells().map(information).sum();
    let mean = f64::midpoint(entropy(&predicted, total), entropy(&truth, total));
    (mutual / mean).clamp(0.0, 1.0)
}

/// In nats.
fn entropy(counts: &BTreeMap<u16, u64>, total: f64) -> f64 {
    counts.values().map(|&n| -(n as f64 / total) * (n as f64 / total).ln()).sum()
}
