//! Segmentation covering.

use std::collections::BTreeMap;

use super::Contingency;

/// How well segments cover the true regions: the mean over the pixels of a true region's best intersection over union with any
/// segment, 0..1; NaN of an empty table.
///
/// P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, Contour Detection and Hierarchical Image Segmentation, PAMI 33(5), 2011, section
/// 2.3.1. Of several annotators it is there the mean over them.
pub fn covering(table: &Contingency) -> f64 {
    let (predicted, truth) = (table.predicted(), table.truth());
    let mut best: BTreeMap<u16, f64> = BTreeMap::new();
    for ((p, t), both) in table.cells() {
        let overlap = both as f64 / (predicted[&p] + truth[&t] - both) as f64;
        let most = best.entry(t).or_insert(0.0);
        *most = most.max(overlap);
    }
    let covered: f64 = truth.iter().map(|(region, &count)| count as f64 * best[region]).sum();
    covered / table.total() as f64
}
