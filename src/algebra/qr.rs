//! Orthonormal bases of the columns of tall matrices.

use nalgebra::{DMatrix, QR};

use super::check;
use crate::domain::Result;

/// A = Q R.
#[derive(Clone, Debug, PartialEq)]
pub struct ThinQr {
    /// k, the smaller side.
    pub rank: usize,
    /// `[rows, k]`, row-major, orthonormal columns.
    pub q: Vec<f64>,
    /// `[k, columns]`, row-major, upper triangular.
    pub r: Vec<f64>,
}

/// The thin QR decomposition of the transpose of a matrix that is given by its rows: they are the columns that are made orthonormal.
///
/// # Shapes
/// `rows` is `[columns, n]`, row-major; Q is `[n, k]`.
///
/// # Errors
/// A refusal of numbers that are not finite.
pub fn thin_qr_of_rows(rows: &[f64], columns: usize, n: usize) -> Result<ThinQr> {
    check(rows, columns, n)?;
    let found = QR::new(DMatrix::from_column_slice(n, columns, rows));
    let row_major = |matrix: DMatrix<f64>| matrix.transpose().as_slice().to_vec();
    Ok(ThinQr { rank: n.min(columns), q: row_major(found.q()), r: row_major(found.r()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_rebuild_the_matrix_and_columns_are_orthonormal() {
        for (columns, n) in [(3, 7), (7, 3)] {
            let rows: Vec<f64> = (0..columns * n).map(|k| (k as f64 * 1.3).sin() + 0.1 * k as f64).collect();
            let ThinQr { rank, q, r } = thin_qr_of_rows(&rows, columns, n).unwrap();
            assert_eq!((rank, q.len(), r.len()), (3, n * 3, 3 * columns));
            for i in 0..n {
                for j in 0..columns {
                    let rebuilt: f64 = (0..rank).map(|k| q[i * rank + k] * r[k * columns + j]).sum();
                    assert!((rebuilt - rows[j * n + i]).abs() < 1e-12);
                }
            }
            for a in 0..rank {
                for b in 0..rank {
                    let product: f64 = (0..n).map(|i| q[i * rank + a] * q[i * rank + b]).sum();
                    assert!((product - f64::from(u8::from(a == b))).abs() < 1e-12);
                }
            }
        }
    }
}
