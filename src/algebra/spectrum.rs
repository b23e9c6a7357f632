//! The largest eigenvalues of a symmetric matrix and their eigenvectors. Small matrices are decomposed whole; of large ones only
//! what is asked for is computed, by a block Krylov method with restarts (Golub and Van Loan, Matrix Computations, 10.3.6).
//! A block, because graphs that fall apart have the same eigenvalue several times, which a single vector would find once.

use nalgebra::{DMatrix, DVector};

use super::random::Random;
use super::{Eigen, check, symmetric_eigen, with_sign};
use crate::domain::{Cancel, Result};

/// Eigenvalues, the largest first, and their vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// `[k]`, descending.
    pub values: Vec<f64>,
    /// `[k]` vectors `[n]` of length 1, each with its component of largest magnitude positive.
    pub vectors: Vec<Vec<f64>>,
}

/// Up to this size a whole decomposition is as quick.
const MAX_WHOLE: usize = 160;
/// Vectors of a block beyond those asked for: they make the last ones converge.
const SPARE: usize = 4;
/// Blocks of a Krylov space before it is restarted.
const DEPTH: usize = 10;
/// Restarts before the whole decomposition is taken after all.
const MAX_RESTARTS: usize = 60;
/// |A v - lambda v| as a part of the largest |lambda|.
const TOLERANCE: f64 = 1e-10;

/// The `count` largest eigenvalues (by value, not magnitude) of a symmetric matrix, or all of them if it has fewer.
///
/// # Shapes
/// `matrix` is `[n, n]`; only that it is symmetric makes its order of no matter.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`]; otherwise as [`symmetric_eigen`].
pub fn largest_eigenpairs(matrix: &[f64], n: usize, count: usize, cancel: &Cancel) -> Result<Spectrum> {
    check(matrix, n, n)?;
    let count = count.min(n);
    let is_large = n > MAX_WHOLE && (count + SPARE) * DEPTH * 2 < n;
    let found = if is_large { krylov(&DMatrix::from_column_slice(n, n, matrix), count, cancel)? } else { None };
    cancel.check()?;
    found.map_or_else(|| whole(matrix, n, count), Ok)
}

/// By a decomposition of the whole matrix.
fn whole(matrix: &[f64], n: usize, count: usize) -> Result<Spectrum> {
    let Eigen { mut values, mut vectors } = symmetric_eigen(matrix, n)?;
    values.truncate(count);
    vectors.truncate(count);
    Ok(Spectrum { values, vectors })
}

/// By block Krylov spaces; nothing when it has not converged after [`MAX_RESTARTS`].
fn krylov(matrix: &DMatrix<f64>, count: usize, cancel: &Cancel) -> Result<Option<Spectrum>> {
    let (n, block) = (matrix.nrows(), count + SPARE);
    let mut random = Random::new(0);
    let mut start = DMatrix::from_fn(n, block, |_, _| random.unit() - 0.5);
    for _ in 0..MAX_RESTARTS {
        cancel.check()?;
        let (basis, image) = krylov_space(matrix, &start, &mut random);
        let projected = basis.transpose() * &image;
        let Eigen { values, vectors } = symmetric_eigen(projected.as_slice(), projected.nrows())?;
        let small = DMatrix::from_fn(projected.nrows(), block, |row, column| vectors[column][row]);
        start = &basis * &small;
        let images = image * small;
        let bound = TOLERANCE * values.first().map_or(0.0, |v| v.abs()).max(values.last().map_or(0.0, |v| v.abs()));
        let residual = |i: usize| (images.column(i) - start.column(i) * values[i]).norm();
        if (0..count).all(|i| residual(i) <= bound.max(f64::MIN_POSITIVE)) {
            let vectors = start.column_iter().take(count).map(|v| with_sign(v.iter().copied().collect())).collect();
            return Ok(Some(Spectrum { values: values[..count].to_vec(), vectors }));
        }
    }
    Ok(None)
}

/// An orthonormal basis B of the span of S, A S, A^2 S, .. and its image A B.
///
/// # Shapes
/// `start` is `[n, b]`; both results `[n, b DEPTH]`.
fn krylov_space(matrix: &DMatrix<f64>, start: &DMatrix<f64>, random: &mut Random) -> (DMatrix<f64>, DMatrix<f64>) {
    let (n, block) = start.shape();
    let (mut basis, mut image) = (DMatrix::zeros(n, block * DEPTH), DMatrix::zeros(n, block * DEPTH));
    let mut next = start.clone();
    for depth in 0..DEPTH {
        let from = depth * block;
        for (i, column) in next.column_iter().enumerate() {
            let column = orthonormal(&basis, from + i, column.into_owned(), random);
            basis.set_column(from + i, &column);
        }
        next = matrix * basis.columns(from, block);
        image.columns_mut(from, block).copy_from(&next);
    }
    (basis, image)
}

/// `vector` without its part in the first `used` columns of the basis, at length 1; a random one where nothing is left of it.
fn orthonormal(basis: &DMatrix<f64>, used: usize, mut vector: DVector<f64>, random: &mut Random) -> DVector<f64> {
    loop {
        let before = vector.norm();
        // Twice is enough (Kahan and Parlett): the second time removes what rounding left.
        for _ in 0..2 {
            for column in basis.column_iter().take(used) {
                let along = column.dot(&vector);
                vector.axpy(-along, &column, 1.0);
            }
        }
        let after = vector.norm();
        if after > 1e-10 * before && after > f64::MIN_POSITIVE {
            return vector / after;
        }
        vector = DVector::from_fn(vector.len(), |_, _| random.unit() - 0.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Affinities of points in a few blobs: some eigenvalues lie close together, some far apart.
    fn affinity(n: usize, blobs: usize) -> Vec<f64> {
        let mut random = Random::new(7);
        let points: Vec<[f64; 2]> =
            (0..n).map(|i| [(i % blobs) as f64 * 3.0 + random.unit(), (i % blobs % 2) as f64 * 2.0 + random.unit()]).collect();
        let near = |a: [f64; 2], b: [f64; 2]| (-(a[0] - b[0]).powi(2) - (a[1] - b[1]).powi(2)).exp();
        let degrees: Vec<f64> = points.iter().map(|&a| points.iter().map(|&b| near(a, b)).sum()).collect();
        let entry = |i: usize, j: usize| near(points[i], points[j]) / (degrees[i] * degrees[j]).sqrt();
        (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    #[test]
    fn krylov_spaces_find_what_the_whole_decomposition_does() {
        let matrix = DMatrix::from_column_slice(300, 300, &affinity(300, 5));
        let short = krylov(&matrix, 8, &Cancel::default()).unwrap().unwrap();
        let long = whole(matrix.as_slice(), 300, 8).unwrap();
        for i in 0..8 {
            assert!((short.values[i] - long.values[i]).abs() < 1e-9, "{:?} {:?}", short.values, long.values);
            let along: f64 = short.vectors[i].iter().zip(&long.vectors[i]).map(|(a, b)| a * b).sum();
            assert!(along > 1.0 - 1e-9, "vector {i}: {along}");
        }
    }

    #[test]
    fn an_eigenvalue_that_stands_three_times_is_found_three_times() {
        let n = 330;
        let same = |i: usize| if i.is_multiple_of(n + 1) { 1.0 } else { 0.0 };
        let parts: Vec<f64> = (0..n * n).map(|i| if i / n % 3 == i % n % 3 { 3.0 / n as f64 } else { same(i) }).collect();
        let found = largest_eigenpairs(&parts, n, 4, &Cancel::default()).unwrap();
        for (value, want) in found.values.iter().zip([1.0, 1.0, 1.0, 0.0]) {
            assert!((value - want).abs() < 1e-9, "{:?}", found.values);
        }
    }

    #[test]
    fn what_is_not_finite_ends_in_an_error_and_small_matrices_have_few() {
        assert!(largest_eigenpairs(&[f64::NAN], 1, 1, &Cancel::default()).is_err());
        let found = largest_eigenpairs(&[-2.0, 0.0, 0.0, 1.0], 2, 5, &Cancel::default()).unwrap();
        assert_eq!((found.values, found.vectors), (vec![1.0, -2.0], vec![vec![0.0, 1.0], vec![1.0, 0.0]]));
        assert!(largest_eigenpairs(&[], 0, 3, &Cancel::default()).unwrap().values.is_empty());
    }

    #[test]
    fn cancelled_work_says_so() {
        let cancel = Cancel::default();
        cancel.cancel();
        assert_eq!(largest_eigenpairs(&affinity(300, 3), 300, 2, &cancel), Err(crate::domain::Error::Cancelled));
    }
}
