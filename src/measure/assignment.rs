//! Which true label a predicted one stands for, where segments have numbers and not names.

use std::collections::BTreeMap;

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

use super::Contingency;

/// The true label of each predicted one; a predicted label may be left without.
pub type Assignment = BTreeMap<u16, u16>;

/// One to one, such that the most pixels agree (H. W. Kuhn, The Hungarian method for the assignment problem, Naval Research
/// Logistics Quarterly 2, 1955). Of one image's table that is the per-image matching; of the sum over a data set the protocol of
/// Ji et al., Invariant Information Clustering, ICCV 2019, which asks that a label means the same in every image.
///
/// A pair without a common pixel is no pair.
pub fn hungarian(table: &Contingency) -> Assignment {
    let predicted: Vec<u16> = table.predicted().into_keys().collect();
    let truth: Vec<u16> = table.truth().into_keys().collect();
    if predicted.is_empty() {
        return Assignment::new();
    }
    let is_wide = predicted.len() <= truth.len();
    let (rows, columns) = if is_wide { (&predicted, &truth) } else { (&truth, &predicted) };
    let mut weights = Matrix::new(rows.len(), columns.len(), 0_i64);
    for ((p, t), count) in table.cells() {
        let (row, column) = if is_wide { (p, t) } else { (t, p) };
        if let (Ok(row), Ok(column)) = (rows.binary_search(&row), columns.binary_search(&column)) {
            weights[(row, column)] = i64::try_from(count).unwrap_or(i64::MAX / 1024);
        }
    }
    let (_, column_of) = kuhn_munkres(&weights);
    let agree = column_of.iter().enumerate().filter(|&(row, &column)| weights[(row, column)] > 0);
    let pair = |(row, &column): (usize, &usize)| {
        let (row, column) = (rows[row], columns[column]);
        if is_wide { (row, column) } else { (column, row) }
    };
    agree.map(pair).collect()
}

/// Each predicted label stands for the true one that most of its pixels have, several for the same if need be: purity's matching
/// (Manning, Raghavan, Schuetze, Introduction to Information Retrieval, 2008, section 16.3). Of equals the lowest. More segments
/// never score less by it.
pub fn majority(table: &Contingency) -> Assignment {
    let mut best: BTreeMap<u16, (u16, u64)> = BTreeMap::new();
    for ((predicted, truth), count) in table.cells() {
        let most = best.entry(predicted).or_insert((truth, count));
        if count > most.1 {
            *most = (truth, count);
        }
    }
    best.into_iter().map(|(predicted, (truth, _))| (predicted, truth)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_sum_wins_over_the_best_pair() {
        let table = Contingency::try_from(vec![(0, 0, 10), (0, 1, 9), (1, 0, 9), (1, 1, 1)]).unwrap();
        assert_eq!(hungarian(&table), Assignment::from([(0, 1), (1, 0)]));
        assert_eq!(majority(&table), Assignment::from([(0, 0), (1, 0)]));
    }

    #[test]
    fn what_is_left_over_stands_for_nothing() {
        let more = Contingency::try_from(vec![(0, 4, 5), (1, 4, 7), (2, 9, 1)]).unwrap();
        assert_eq!(hungarian(&more), Assignment::from([(1, 4), (2, 9)]));
        let fewer = Contingency::try_from(vec![(3, 0, 5), (3, 1, 7)]).unwrap();
        assert_eq!(hungarian(&fewer), Assignment::from([(3, 1)]));
        assert!(hungarian(&Contingency::default()).is_empty() && majority(&Contingency::default()).is_empty());
    }
}
