//! Element-wise loops over rows of `f32`, compiled for the widest vectors that the processor has.

use pulp::{Arch, Simd, WithSimd};

use super::Activation;

/// Functions whose bodies are compiled for the widest vectors that the processor has. A closure handed to pulp would be
/// compiled for the narrowest: the compiler calls it through a function of its own, which knows nothing of the processor.
macro_rules! wide {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),+ $(,)?) $body:block)+) => { $(
        $(#[$doc])*
        pub(super) fn $name($($arg: $kind),+) {
            struct Op<T>(T);
            impl WithSimd for Op<($($kind,)+)> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: Simd>(self, _: S) {
                    let ($($arg,)+) = self.0;
                    $body
                }
            }
            Arch::new().dispatch(Op(($($arg,)+)));
        }
    )+ };
}

/// exp(x) to about two units in the last place, by x = n ln 2 + r and a polynomial in r: written so that it vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 * logistic(2.0 * x) - 1.0
}

/// x Phi(x) and its derivative; Phi by Abramowitz and Stegun 7.1.26, absolute error below 1e-7.
#[inline(always)]
fn gelu(u: f32) -> (f32, f32) {
    let x = u.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let bell = exp(-x * x);
    let poly = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    let tail = 0.5 * poly * bell;
    let phi = if u > 0.0 { 1.0 - tail } else { tail };
    (u * phi, phi + u * bell * 0.398_942_3)
}

/// The tanh approximation of gelu, and its derivative.
#[inline(always)]
fn gelu_tanh(u: f32) -> (f32, f32) {
    let (c, k) = (0.797_884_6_f32, 0.044_715_f32);
    let s = logistic(2.0 * c * (u + k * u * u * u));
    (u * s, s + u * s * (1.0 - s) * 2.0 * c * (1.0 + 3.0 * k * u * u))
}

/// x sigmoid(k x), and its derivative.
#[inline(always)]
fn sigmoid_unit(u: f32, k: f32) -> (f32, f32) {
    let s = logistic(k * u);
    (u * s, s + k * u * s * (1.0 - s))
}

#[inline(always)]
fn relu(u: f32) -> (f32, f32) {
    if u > 0.0 { (u, 1.0) } else { (0.0, 0.0) }
}

/// Rows of `up`'s products, and what the activation makes of them.
struct Activated<'a, F> {
    /// `[rows, U]` with U = F, or 2F with a gate.
    u: &'a [f32],
    /// `[rows, F]`.
    out: &'a mut [f32],
    /// `[rows, U]`.
    slope: &'a mut [f32],
    /// F.
    hidden: usize,
    /// Value and derivative.
    activate: F,
}

impl<F: Fn(f32) -> (f32, f32)> WithSimd for Activated<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (hidden, activate) = (self.hidden, self.activate);
        if self.u.len() == self.out.len() {
            let (out, slope) = (&mut self.out[..self.u.len()], &mut self.slope[..self.u.len()]);
            for i in 0..self.u.len() {
                (out[i], slope[i]) = activate(self.u[i]);
            }
            return;
        }
        let rows = self.u.chunks_exact(2 * hidden).zip(self.out.chunks_exact_mut(hidden));
        for ((u, out), slope) in rows.zip(self.slope.chunks_exact_mut(2 * hidden)) {
            let (gate, value) = u.split_at(hidden);
            let (gate_slope, value_slope) = slope.split_at_mut(hidden);
            for i in 0..hidden {
                let (a, derivative) = activate(gate[i]);
                out[i] = a * value[i];
                gate_slope[i] = derivative * value[i];
                value_slope[i] = a;
            }
        }
    }
}

/// Activates rows of `up`'s products.
///
/// # Shapes
/// `u` and `slope` are `[rows, U]`, `out` `[rows, F]` with U = F, or 2F with a gate.
pub(super) fn activate_rows(kind: Activation, hidden: usize, u: &[f32], out: &mut [f32], slope: &mut [f32]) {
    macro_rules! run {
        ($activate:expr) => {
            Arch::new().dispatch(Activated { u, out, slope, hidden, activate: $activate })
        };
    }
    // One loop for each activation: a choice inside the loop would keep it from being vectorised.
    match kind {
        Activation::Gelu => run!(gelu),
        Activation::GeluTanh => run!(gelu_tanh),
        Activation::QuickGelu => run!(|u| sigmoid_unit(u, 1.702)),
        Activation::Silu => run!(|u| sigmoid_unit(u, 1.0)),
        Activation::Relu => run!(relu),
    }
}

/// Sum of f over the values, in sixteen lanes: a plain sum of floats may not be reordered, and so is not vectorised.
#[inline(always)]
fn lane_sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (blocks, rest) = values.as_chunks::<16>();
    for block in blocks {
        for (lane, &v) in lanes.iter_mut().zip(block) {
            *lane += f(v);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&v| f(v)).sum::<f32>()
}

#[inline(always)]
fn lane_max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = values.as_chunks::<16>();
    for block in blocks {
        for (lane, &v) in lanes.iter_mut().zip(block) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
fn lane_dot(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (a_blocks, a_rest) = a.as_chunks::<16>();
    let (b_blocks, b_rest) = b.as_chunks::<16>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for i in 0..16 {
            lanes[i] += f(a[i], b[i]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f(a, b)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Weights of a norm over rows.
#[derive(Clone, Copy)]
pub(super) struct NormWeights<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub eps: f32,
    /// Whether the mean is taken out: layer norm, not RMS norm.
    pub centred: bool,
}

/// What a norm's backward reads at one row: its input, mean (0 where it is not taken out) and 1/sigma.
#[derive(Clone, Copy)]
pub(super) struct NormRow<'a> {
    pub x: &'a [f32],
    pub mean: f32,
    pub rstd: f32,
}

wide! {
    /// Norm of rows; keeps mean (0 where it is not taken out) and 1/sigma.
    ///
    /// # Shapes
    /// `x` and `y` are `[rows, D]`, `stats` `[rows, 2]`.
    fn norm_rows(x: &[f32], norm: NormWeights<'_>, y: &mut [f32], stats: &mut [f32]) {
        let NormWeights { weight, bias, eps, centred } = norm;
        let width = weight.len();
        let bias = &bias[..width];
        for ((x, y), stats) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(stats.chunks_exact_mut(2)) {
            let mean = if centred { lane_sum(x, |v| v) / width as f32 } else { 0.0 };
            let variance = lane_sum(x, |v| (v - mean) * (v - mean)) / width as f32;
            let rstd = 1.0 / (variance + eps).sqrt();
            for i in 0..width {
                y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
            }
            stats[0] = mean;
            stats[1] = rstd;
        }
    }

    /// A norm's backward at one row: `out += norm'(g)`; `g` is overwritten.
    fn add_norm_backward(g: &mut [f32], norm: NormWeights<'_>, row: NormRow<'_>, out: &mut [f32]) {
        let NormWeights { weight, centred, .. } = norm;
        let NormRow { x, mean, rstd } = row;
        let width = weight.len();
        let (x, g, out) = (&x[..width], &mut g[..width], &mut out[..width]);
        for i in 0..width {
            g[i] *= weight[i];
        }
        let g_mean = if centred { lane_sum(g, |v| v) / width as f32 } else { 0.0 };
        let along = lane_dot(g, x, |g, x| g * (x - mean)) * rstd / width as f32;
        for i in 0..width {
            out[i] += rstd * (g[i] - g_mean - (x[i] - mean) * rstd * along);
        }
    }

    /// `a *= b`.
    fn multiply(a: &mut [f32], b: &[f32]) {
        a.iter_mut().zip(b).for_each(|(a, &b)| *a *= b);
    }

    /// `out += factor * row`.
    fn add_scaled(out: &mut [f32], row: &[f32], factor: f32) {
        out.iter_mut().zip(row).for_each(|(o, &v)| *o += factor * v);
    }

    /// Turns one token's heads: each pair (i, i + d/2) by the angle whose cosine and sine, times `direction`, are given.
    ///
    /// # Shapes
    /// `heads` is `[heads, d]`, `cos` and `sin` `[d/2]`.
    fn turn_heads(heads: &mut [f32], cos: &[f32], sin: &[f32], direction: f32) {
        let half = cos.len();
        let sin = &sin[..half];
        for head in heads.chunks_exact_mut(2 * half) {
            let (a, b) = head.split_at_mut(half);
            for i in 0..half {
                let (x, y, sin) = (a[i], b[i], direction * sin[i]);
                a[i] = x * cos[i] - y * sin;
                b[i] = y * cos[i] + x * sin;
            }
        }
    }

    /// Bends scores back: `c tanh(score / c)`.
    fn bend(scores: &mut [f32], cap: f32) {
        scores.iter_mut().for_each(|v| *v = cap * tanh(*v / cap));
    }

    /// `g *= ` the slope of [`bend`] at `scores`.
    fn bend_backward(g: &mut [f32], scores: &[f32], cap: f32) {
        g.iter_mut().zip(scores).for_each(|(g, &v)| {
            let t = tanh(v / cap);
            *g *= 1.0 - t * t;
        });
    }

    /// Softmax of each row in place.
    ///
    /// # Shapes
    /// `scores` is `[rows, width]`.
    fn softmax_rows(scores: &mut [f32], width: usize) {
        for row in scores.chunks_exact_mut(width) {
            let top = lane_max(row);
            row.iter_mut().for_each(|v| *v = exp(*v - top));
            let scale = 1.0 / lane_sum(row, |v| v);
            row.iter_mut().for_each(|v| *v *= scale);
        }
    }

    /// One row of the attention's backward: from dA to what flows along the attention and to the scores' cotangent.
    ///
    /// `gradient` holds dA on entry and `scale` times the cotangent of the scores on return; `flow += weight relu(A dA)`.
    fn attention_row(gradient: &mut [f32], attention: &[f32], scale: f32, weight: f32, flow: &mut [f32]) {
        let width = gradient.len();
        let (attention, flow) = (&attention[..width], &mut flow[..width]);
        for i in 0..width {
            gradient[i] *= attention[i];
            let share = gradient[i];
            flow[i] += weight * if share > 0.0 { share } else { 0.0 };
        }
        let total = lane_sum(gradient, |v| v);
        for i in 0..width {
            gradient[i] = scale * (gradient[i] - attention[i] * total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_over_its_range() {
        for i in -8700..8800 {
            let x = i as f32 * 0.01;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= 3e-7 * want, "{x}: {} {want}", exp(x));
        }
    }

    fn activate(kind: Activation, u: f32) -> (f32, f32) {
        let (mut out, mut slope) = ([0.0], [0.0]);
        activate_rows(kind, 1, &[u], &mut out, &mut slope);
        (out[0], slope[0])
    }

    #[test]
    fn activations_and_slopes_agree_with_differences() {
        let kinds = [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu, Activation::Silu, Activation::Relu];
        for kind in kinds {
            for i in -60..60 {
                let u = i as f32 * 0.1 + 0.05;
                let step = 0.01;
                let difference = (activate(kind, u + step).0 - activate(kind, u - step).0) / (2.0 * step);
                assert!((difference - activate(kind, u).1).abs() < 2e-4, "{kind:?} {u}");
            }
        }
        // scipy.special.ndtr(1.5) * 1.5
        assert!((activate(Activation::Gelu, 1.5).0 - 1.399_789).abs() < 1e-6);
    }

    #[test]
    fn softmax_survives_large_scores() {
        let mut row = [1e30_f32, 1e30, -1e30, 0.0, 3.0];
        softmax_rows(&mut row, 5);
        assert!(row.iter().zip([0.5, 0.5, 0.0, 0.0, 0.0]).all(|(got, want)| (got - want).abs() < 1e-30), "{row:?}");
    }
}
