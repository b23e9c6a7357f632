//! Principal components of vectors.

use super::product::inner_products;
use super::spectrum::largest_eigenpairs;
use crate::domain::{Cancel, Result};

/// The directions in which vectors differ most.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// `[width]`.
    pub mean: Vec<f64>,
    /// `[k][width]`, unit vectors; the component largest in size is positive.
    pub components: Vec<Vec<f64>>,
    /// `[k]`, variance along each, descending; divided by the number of vectors.
    pub variances: Vec<f64>,
    /// Variance in all directions.
    pub total: f64,
}

impl Principal {
    /// Where a vector lies along each component.
    pub fn scores<'a>(&'a self, vector: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.components.iter().map(move |c| c.iter().zip(vector).zip(&self.mean).map(|((c, x), m)| c * (x - m)).sum())
    }
}

/// The `count` leading principal components of the rows of a matrix; fewer where the rows span fewer.
///
/// # Shapes
/// `rows` is `[n, width]`.
///
/// # Errors
/// As [`largest_eigenpairs`].
pub fn principal(rows: &[f64], width: usize, count: usize, cancel: &Cancel) -> Result<Principal> {
    let n = rows.len() / width.max(1);
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width.max(1)) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n as f64);
    }
    let centred: Vec<f64> = rows.iter().zip(mean.iter().cycle()).map(|(x, m)| x - m).collect();
    let total = centred.iter().map(|x| x * x).sum::<f64>() / n.max(1) as f64;
    let mut found = Principal { mean, components: Vec::new(), variances: Vec::new(), total };
    let columns = transposed(&centred, width);
    // The smaller of the two products has the same eigenvalues.
    let by_rows = n < width;
    let (product, side) =
        if by_rows { (inner_products(&centred, &centred, width), n) } else { (inner_products(&columns, &columns, n), width) };
    let spectrum = largest_eigenpairs(&product, side, count, cancel)?;
    let floor = spectrum.values.first().map_or(0.0, |largest| largest * side as f64 * f64::EPSILON * 4.0);
    for (value, vector) in spectrum.values.iter().zip(spectrum.vectors).filter(|(value, _)| **value > floor) {
        let component = if by_rows {
            let scale = value.sqrt();
            columns.chunks_exact(n).map(|column| column.iter().zip(&vector).map(|(x, u)| x * u).sum::<f64>() / scale).collect()
        } else {
            vector
        };
        found.components.push(super::with_sign(component));
        found.variances.push(value / n as f64);
    }
    Ok(found)
}

fn transposed(rows: &[f64], width: usize) -> Vec<f64> {
    (0..width).flat_map(|column| rows.iter().skip(column).step_by(width)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_long_vectors_and_many_short_ones_are_decomposed_alike() {
        // Three directions in all, so that five vectors of nine numbers can be told from nine of five by their shape alone.
        let entry = |i: usize, j: usize| {
            3.0 * ((i * 7) as f64).sin() * (j as f64).cos() + (i as f64).cos() * ((j * 3) as f64).sin() + 0.2 * (i % 3) as f64
        };
        for (n, width) in [(5, 9), (9, 5)] {
            let rows: Vec<f64> = (0..n * width).map(|k| entry(k / width, k % width)).collect();
            let found = principal(&rows, width, 4, &Cancel::default()).unwrap();
            assert!(found.variances.is_sorted_by(|a, b| a >= b) && found.components.len() <= 3);
            assert!((found.variances.iter().sum::<f64>() - found.total).abs() < 1e-9 * found.total);
            for row in rows.chunks_exact(width) {
                let scores: Vec<f64> = found.scores(row).collect();
                for (j, x) in row.iter().enumerate() {
                    let rebuilt: f64 = scores.iter().zip(&found.components).map(|(s, c)| s * c[j]).sum();
                    assert!((rebuilt + found.mean[j] - x).abs() < 1e-8);
                }
            }
        }
        assert!(principal(&[1.0, 2.0, 1.0, 2.0], 2, 2, &Cancel::default()).unwrap().components.is_empty());
    }
}
