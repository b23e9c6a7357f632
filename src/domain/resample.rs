//! One-dimensional resampling as sparse weights, with the two conventions that matter here:
//! Pillow's (kernel widened when shrinking, weights normalised; also PyTorch with `antialias=True`) and PyTorch's plain
//! bicubic (four taps, border repeated). A picture is resampled along x, then along y, with these weights.

/// A resampling kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The nearest sample.
    Nearest,
    /// Triangle.
    Bilinear,
    /// Cubic convolution with a = -0.5 (Pillow, PyTorch with antialias).
    Bicubic,
    /// Three-lobed windowed sinc.
    Lanczos,
}

impl Kernel {
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Nearest => f64::from(u8::from(x <= 0.5)),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => cubic(x, -0.5),
            Self::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) }
}

/// Keys' cubic convolution kernel at distance x >= 0.
fn cubic(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// The samples that one output reads: `weights[k]` times input `start + k`.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// First input sample.
    pub start: usize,
    /// Weights of consecutive samples.
    pub weights: Vec<f64>,
}

/// Pillow's weights from `input` to `output` samples.
pub fn pillow_taps(input: usize, output: usize, kernel: Kernel) -> Vec<Taps> {
    pillow_taps_in(0.0, input as f64, input, output, kernel)
}

/// Pillow's weights for the part `from..to` of `input` samples.
pub fn pillow_taps_in(from: f64, to: f64, input: usize, output: usize, kernel: Kernel) -> Vec<Taps> {
    let scale = (to - from) / output as f64;
    if kernel == Kernel::Nearest {
        let at = |i: usize| (from + (i as f64 + 0.5) * scale).floor().clamp(0.0, input as f64 - 1.0) as usize;
        return (0..output).map(|i| Taps { start: at(i), weights: vec![1.0] }).collect();
    }
    let stretch = scale.max(1.0);
    let reach = kernel.support() * stretch;
    let taps = |i: usize| {
        let centre = from + (i as f64 + 0.5) * scale;
        let start = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(input);
        let mut weights: Vec<f64> = (start..end).map(|x| kernel.weight((x as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        Taps { start, weights }
    };
    (0..output).map(taps).collect()
}

/// PyTorch's `interpolate(mode="bicubic", align_corners=False)`: a = -0.75, no antialias, border repeated.
pub fn torch_bicubic_taps(input: usize, output: usize) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let taps = |i: usize| {
        let place = (i as f64 + 0.5) * scale - 0.5;
        let (floor, part) = (place.floor() as isize, place - place.floor());
        let clamp = |x: isize| x.clamp(0, input as isize - 1) as usize;
        let start = clamp(floor - 1);
        let mut weights = vec![0.0; clamp(floor + 2) - start + 1];
        for k in -1..=2_isize {
            weights[clamp(floor + k) - start] += cubic((part - k as f64).abs(), -0.75);
        }
        Taps { start, weights }
    };
    (0..output).map(taps).collect()
}

/// PyTorch's `interpolate(mode="bilinear", align_corners=False)`: no antialias, border repeated.
pub fn torch_bilinear_taps(input: usize, output: usize) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let taps = |i: usize| {
        let place = ((i as f64 + 0.5) * scale - 0.5).max(0.0);
        let start = (place.floor() as usize).min(input - 1);
        let part = place - start as f64;
        Taps { start, weights: if start + 1 < input { vec![1.0 - part, part] } else { vec![1.0] } }
    };
    (0..output).map(taps).collect()
}

/// Resamples a plane along both axes.
///
/// # Shapes
/// `plane` is `[h, w]` with w as given; the result `[ys.len(), xs.len()]`.
pub fn resample_plane(plane: &[f32], width: usize, ys: &[Taps], xs: &[Taps]) -> Vec<f32> {
    let height = plane.len() / width.max(1);
    let mut wide = Vec::with_capacity(height * xs.len());
    for row in plane.chunks_exact(width) {
        wide.extend(xs.iter().map(|t| dot(&row[t.start..], &t.weights)));
    }
    let columns = xs.len();
    let mut out = Vec::with_capacity(ys.len() * columns);
    for taps in ys {
        let first = out.len();
        out.resize(first + columns, 0.0);
        for (k, &w) in taps.weights.iter().enumerate() {
            let row = &wide[(taps.start + k) * columns..][..columns];
            out[first..].iter_mut().zip(row).for_each(|(o, &v)| *o += v * w as f32);
        }
    }
    out
}

fn dot(samples: &[f32], weights: &[f64]) -> f32 {
    samples.iter().zip(weights).map(|(&s, &w)| f64::from(s) * w).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for (input, output) in [(14, 224), (16, 5), (1, 9), (7, 7), (300, 64)] {
            let kernels = [Kernel::Nearest, Kernel::Bilinear, Kernel::Bicubic, Kernel::Lanczos];
            let all = kernels.map(|k| pillow_taps(input, output, k));
            for taps in all.iter().flatten().chain(&torch_bicubic_taps(input, output)) {
                assert!((taps.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(taps.start + taps.weights.len() <= input);
            }
        }
    }

    #[test]
    fn bicubic_agrees_with_pytorch() {
        // torch.nn.functional.interpolate(torch.tensor([[[[0., 1., 4., 9.]]]]).expand(1, 1, 4, 4), size=(4, 6), mode="bicubic")[0, 0, 0]
        let row = [0.0, 1.0, 4.0, 9.0];
        let plane: Vec<f32> = row.repeat(4);
        let got = resample_plane(&plane, 4, &torch_bicubic_taps(4, 4), &torch_bicubic_taps(4, 6));
        let want = TORCH_ROW;
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 1e-5, "{got:?}");
        }
    }

    /// Printed by PyTorch 2.15.
    const TORCH_ROW: [f32; 6] = [-0.086_805_58, 0.218_75, 1.430_555, 3.152_777_7, 6.781_25, 9.434_029];
}
