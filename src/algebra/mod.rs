//! Matrix decompositions, by nalgebra: eigenvectors of symmetric matrices and thin singular value decompositions, in `f64`, with
//! signs and order fixed so that equal inputs give equal outputs.

mod positive;
pub mod principal;
pub mod product;
pub mod qr;
pub mod random;
pub mod spectrum;

use nalgebra::{DMatrix, SVD, SymmetricEigen};

pub use positive::solve_positive;

use crate::domain::{Error, Result};

/// Eigenvalues, the largest first, and their vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// `[n]`, descending.
    pub values: Vec<f64>,
    /// `[n][n]`, one unit vector each; the component largest in size is positive.
    pub vectors: Vec<Vec<f64>>,
}

/// All eigenvectors of a symmetric matrix.
///
/// # Shapes
/// `matrix` is `[n, n]`, row-major; only its symmetric part counts.
///
/// # Errors
/// A refusal of numbers that are not finite, or on which the iteration does not end.
pub fn symmetric_eigen(matrix: &[f64], n: usize) -> Result<Eigen> {
    check(matrix, n, n)?;
    if n == 0 {
        return Ok(Eigen { values: Vec::new(), vectors: Vec::new() });
    }
    let matrix = DMatrix::from_fn(n, n, |i, j| 0.5 * (matrix[i * n + j] + matrix[j * n + i]));
    let found = SymmetricEigen::try_new(matrix, f64::EPSILON, MAX_STEPS * n.max(1)).ok_or_else(endless)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| found.eigenvalues[b].total_cmp(&found.eigenvalues[a]));
    let vector = |&k: &usize| with_sign(found.eigenvectors.column(k).iter().copied().collect());
    Ok(Eigen { values: order.iter().map(|&k| found.eigenvalues[k]).collect(), vectors: order.iter().map(vector).collect() })
}

/// A = U S V^T with as many columns as the smaller side.
#[derive(Clone, Debug, PartialEq)]
pub struct Thin {
    /// `[k]`, descending.
    pub values: Vec<f64>,
    /// `[k][rows]`, left singular vectors; the component largest in size is positive.
    pub left: Vec<Vec<f64>>,
    /// `[k][cols]`, right singular vectors, of the sign that makes the product whole.
    pub right: Vec<Vec<f64>>,
}

/// The thin singular value decomposition.
///
/// # Shapes
/// `matrix` is `[rows, cols]`, row-major.
///
/// # Errors
/// As [`symmetric_eigen`].
pub fn thin_svd(matrix: &[f64], rows: usize, cols: usize) -> Result<Thin> {
    check(matrix, rows, cols)?;
    if rows == 0 || cols == 0 {
        return Ok(Thin { values: Vec::new(), left: Vec::new(), right: Vec::new() });
    }
    let matrix = DMatrix::from_row_slice(rows, cols, matrix);
    let found = SVD::try_new(matrix, true, true, f64::EPSILON, MAX_STEPS * rows.max(cols).max(1)).ok_or_else(endless)?;
    let (Some(u), Some(vt)) = (found.u, found.v_t) else { return Err(endless()) };
    let mut order: Vec<usize> = (0..found.singular_values.len()).collect();
    order.sort_by(|&a, &b| found.singular_values[b].total_cmp(&found.singular_values[a]));
    let mut thin = Thin { values: Vec::new(), left: Vec::new(), right: Vec::new() };
    for k in order {
        let left: Vec<f64> = u.column(k).iter().copied().collect();
        let sign = sign_of(&left);
        thin.values.push(found.singular_values[k]);
        thin.left.push(left.iter().map(|x| sign * x).collect());
        thin.right.push(vt.row(k).iter().map(|x| sign * x).collect());
    }
    Ok(thin)
}

/// Iterations a row before giving up; a handful is usual.
const MAX_STEPS: usize = 200;

fn check(matrix: &[f64], rows: usize, cols: usize) -> Result<()> {
    if matrix.len() != rows * cols {
        return Err(Error::Internal(format!("a matrix of {} numbers is not {rows} x {cols}", matrix.len())));
    }
    if matrix.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(Error::refused("a matrix decomposition", "numbers are not finite").expected("finite activations and weights"))
}

fn endless() -> Error {
    Error::refused("a matrix decomposition", "does not converge").expected("finite activations and weights")
}

/// A vector with its component largest in size positive.
pub fn with_sign(vector: Vec<f64>) -> Vec<f64> {
    let sign = sign_of(&vector);
    vector.into_iter().map(|x| sign * x).collect()
}

/// The sign of the component that is largest in size, the first of several.
fn sign_of(vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0_f64, |top, &x| if x.abs() > top.abs() * (1.0 + 1e-9) { x } else { top });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-10
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let n = 5;
        let matrix: Vec<f64> =
            (0..n * n).map(|k| ((k / n + 1) * (k % n + 1)) as f64 % 7.0 + f64::from(u8::from(k / n == k % n))).collect();
        let symmetric: Vec<f64> = (0..n * n).map(|k| 0.5 * (matrix[k] + matrix[k % n * n + k / n])).collect();
        let found = symmetric_eigen(&matrix, n).unwrap();
        assert!(found.values.is_sorted_by(|a, b| a >= b));
        for i in 0..n {
            for j in 0..n {
                let rebuilt: f64 = (0..n).map(|k| found.values[k] * found.vectors[k][i] * found.vectors[k][j]).sum();
                assert!(close(rebuilt, symmetric[i * n + j]));
            }
        }
    }

    #[test]
    fn singular_vectors_rebuild_the_matrix_and_have_one_sign() {
        let (rows, cols) = (4, 3);
        let matrix: Vec<f64> = (0..rows * cols).map(|k| (k as f64 * k as f64 * 1.7).sin()).collect();
        let found = thin_svd(&matrix, rows, cols).unwrap();
        assert_eq!((found.values.len(), found.left[0].len(), found.right[0].len()), (3, 4, 3));
        for i in 0..rows {
            for j in 0..cols {
                let rebuilt: f64 = (0..3).map(|k| found.values[k] * found.left[k][i] * found.right[k][j]).sum();
                assert!(close(rebuilt, matrix[i * cols + j]));
            }
        }
        let negated: Vec<f64> = matrix.iter().map(|x| -x).collect();
        let other = thin_svd(&negated, rows, cols).unwrap();
        assert!(other.left.iter().zip(&found.left).all(|(a, b)| a.iter().zip(b).all(|(a, b)| close(*a, *b))));
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        assert!(symmetric_eigen(&[f64::NAN], 1).is_err() && thin_svd(&[f64::INFINITY, 0.0], 1, 2).is_err());
        assert!(symmetric_eigen(&[], 0).unwrap().values.is_empty());
    }
}
