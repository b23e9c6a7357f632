//! Spearman's rank correlation.

/// The correlation of the ranks of two lists, equal values sharing their mean rank, -1..1; NaN where one list is constant
/// (C. Spearman, The proof and measurement of association between two things, American Journal of Psychology 15, 1904).
pub fn spearman(a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        both += (x - mean_a) * (y - mean_b);
        of_a += (x - mean_a).powi(2);
        of_b += (y - mean_b).powi(2);
    }
    both / (of_a * of_b).sqrt()
}

/// Ranks from 1; what has no value comes first.
fn ranks(values: &[f32]) -> Vec<f64> {
    let value = |i: usize| if values[i].is_nan() { f32::NEG_INFINITY } else { values[i] };
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| value(i).total_cmp(&value(j)));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&i, &j| value(i) == value(j)) {
        equal.iter().for_each(|&i| ranks[i] = first as f64 + f64::midpoint(1.0, equal.len() as f64));
        first += equal.len();
    }
    ranks
}
