//! Products of matrices whose rows are vectors.

use nalgebra::DMatrix;

/// Inner products of every row of `a` with every row of `b`: A B^T.
///
/// # Shapes
/// `a` is `[n, width]`, `b` `[m, width]`; the result `[n, m]`, all row-major.
pub fn inner_products(a: &[f64], b: &[f64], width: usize) -> Vec<f64> {
    if width == 0 {
        return Vec::new();
    }
    // Row-major here is column-major there: [n, width] is a matrix of n columns.
    let columns = |rows: &[f64]| DMatrix::from_column_slice(width, rows.len() / width, rows);
    (columns(b).transpose() * columns(a)).as_slice().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_meet_rows() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(inner_products(&a, &b, 2), [1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
    }
}
