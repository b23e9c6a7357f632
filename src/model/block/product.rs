//! Matrix products on the calling thread, over views into slices: the one place that calls `gemm`.
//!
//! Several threads share a block's work by rows, so a product never starts threads of its own.

use gemm::{Parallelism, gemm};

/// A matrix that looks into a slice.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// A row-major matrix that is written into a slice.
pub(super) struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

/// Elements from the first to the last of a row-major matrix.
fn span(rows: usize, cols: usize, stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * stride + cols }
}

/// A row-major matrix: rows are `stride` apart.
pub(super) fn view(data: &[f32], rows: usize, cols: usize, stride: usize) -> View<'_> {
    View { data: &data[..span(rows, cols, stride)], rows, cols, row_stride: stride, col_stride: 1 }
}

/// The mutable twin of [`view`].
pub(super) fn view_mut(data: &mut [f32], rows: usize, cols: usize, stride: usize) -> ViewMut<'_> {
    assert!(cols <= stride || rows <= 1, "rows overlap");
    ViewMut { data: &mut data[..span(rows, cols, stride)], rows, cols, row_stride: stride }
}

impl View<'_> {
    /// Rows for columns.
    pub(super) fn transpose(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// `dst = scale * a b`.
pub(super) fn set_product(mut dst: ViewMut<'_>, a: View<'_>, b: View<'_>, scale: f32) {
    product(&mut dst, a, b, scale, false);
}

/// `dst += a b`.
pub(super) fn add_product(mut dst: ViewMut<'_>, a: View<'_>, b: View<'_>) {
    product(&mut dst, a, b, 1.0, true);
}

#[expect(unsafe_code, reason = "gemm takes pointers; views check their bounds when they are made, and shapes are checked here")]
fn product(dst: &mut ViewMut<'_>, a: View<'_>, b: View<'_>, scale: f32, add: bool) {
    assert_eq!((dst.rows, dst.cols, a.cols), (a.rows, b.cols, b.rows), "shapes of a product");
    let stride = |s: usize| s as isize;
    // SAFETY: every element that the sizes and strides of the three views reach lies inside their slices, and `dst` is
    // borrowed mutably, so it overlaps neither `a` nor `b`, and its rows do not overlap each other.
    unsafe {
        gemm(
            dst.rows,
            dst.cols,
            a.cols,
            dst.data.as_mut_ptr(),
            1,
            stride(dst.row_stride),
            add,
            a.data.as_ptr(),
            stride(a.col_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.col_stride),
            stride(b.row_stride),
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Odd sizes, strides and transposes against sums, with sentinels around the destination: a kernel that writes whole
    /// registers past the edge would show.
    #[test]
    fn products_are_right_and_stay_inside() {
        let values = |n: usize, m: usize| (0..n).map(|i| (i % m) as f32 * 0.25 - 0.5).collect::<Vec<_>>();
        for (rows, cols, inner, gap) in [(1, 1, 1, 0), (15, 74, 37, 3), (13, 72, 24, 0), (7, 5, 64, 1), (33, 17, 3, 2)] {
            let (a, b) = (values(rows * inner, 7), values(inner * cols, 5));
            let stride = cols + gap;
            let mut dst = vec![9.0; rows * stride + 40];
            let bt = view(&b, cols, inner, inner).transpose();
            add_product(view_mut(&mut dst[20..], rows, cols, stride), view(&a, rows, inner, inner), bt);
            for (i, &got) in dst.iter().enumerate() {
                let (row, col) = (i.wrapping_sub(20) / stride, i.wrapping_sub(20) % stride);
                let sum: f32 = if i >= 20 && row < rows && col < cols {
                    (0..inner).map(|k| a[row * inner + k] * b[col * inner + k]).sum()
                } else {
                    0.0
                };
                assert!((got - 9.0 - sum).abs() < 1e-4, "{rows}x{inner}x{cols} at {row},{col}: {got}");
            }
        }
    }
}
