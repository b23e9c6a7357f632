//! Linear systems whose matrix is symmetric and positive, by Cholesky's decomposition.

use nalgebra::DMatrix;

use crate::domain::{Error, Result};

/// X of A X = B.
///
/// # Shapes
/// `matrix` is A `[n, n]`, `right` B `[n, m]`, the result `[n, m]`, all row-major.
///
/// # Errors
/// A refusal where A is not positive, or of numbers that are not finite.
pub fn solve_positive(matrix: &[f64], right: &[f64], n: usize, m: usize) -> Result<Vec<f64>> {
    super::check(matrix, n, n)?;
    super::check(right, n, m)?;
    let found = DMatrix::from_row_slice(n, n, matrix).cholesky().ok_or_else(|| {
        Error::refused("a system of equations", "has no single solution").expected("more, and more different, data than unknowns")
    })?;
    let solved = found.solve(&DMatrix::from_row_slice(n, m, right));
    Ok(solved.transpose().as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_gives_the_right_side_back() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let right = [1.0, 2.0, -3.0, 0.5, 4.0, 0.0];
        let x = solve_positive(&matrix, &right, 3, 2).unwrap();
        for (i, row) in right.chunks(2).enumerate() {
            for (j, want) in row.iter().enumerate() {
                let got: f64 = (0..3).map(|k| matrix[i * 3 + k] * x[k * 2 + j]).sum();
                assert!((got - want).abs() < 1e-12);
            }
        }
        assert!(solve_positive(&[1.0, 2.0, 2.0, 1.0], &[1.0, 1.0], 2, 1).is_err());
        assert!(solve_positive(&[f64::NAN], &[1.0], 1, 1).is_err());
    }
}
