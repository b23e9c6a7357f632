//! Maps of a tuned lens by least squares: of each layer onto layer L, in one pass and closed form. A stand-in for the published
//! training, which follows the divergence of the words' distributions by gradient descent; small models need no more.

use candle_core::{DType, Tensor};

use super::{Model, Trace};
use crate::algebra::solve_positive;
use crate::domain::{Error, Result};

/// Sums over tokens, of which maps are made.
///
/// Tokens count by the inverse square of their length at layer L: the final norm takes length out, and the few tokens that are
/// many times as long as others (the first of a text) would decide everything.
#[derive(Debug)]
pub struct LensFit {
    width: usize,
    /// `[L]`.
    layers: Vec<Sums>,
    num_tokens: usize,
}

/// Of one layer, with a one beside its D features, in `f64`.
#[derive(Debug)]
struct Sums {
    /// `[D + 1, D + 1]`, of h h^T.
    square: Tensor,
    /// `[D + 1, D]`, of h (h_L - h)^T.
    cross: Tensor,
}

/// h -> h + W h + b.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedMap {
    /// W `[D, D]`, row-major.
    pub weight: Vec<f32>,
    /// b `[D]`.
    pub bias: Vec<f32>,
}

impl LensFit {
    /// Nothing yet.
    ///
    /// # Errors
    /// A refusal of a model that does not say what comes next.
    pub fn new(model: &Model) -> Result<Self> {
        if !model.is_causal() {
            let what = format!("this model ({}) is no causal language model", model.family);
            return Err(Error::refused(&model.checkpoint, what).expected("a model that says which word comes next"));
        }
        let width = model.width();
        let zeros = |cols: usize| Tensor::zeros((width + 1, cols), DType::F64, &model.device);
        let sums = || Ok(Sums { square: zeros(width + 1)?, cross: zeros(width)? });
        let layers = (0..model.num_layers()).map(|_| sums()).collect::<Result<_>>()?;
        Ok(Self { width, layers, num_tokens: 0 })
    }

    /// Tokens that were added.
    pub fn num_tokens(&self) -> usize {
        self.num_tokens
    }

    /// Adds the tokens of a text.
    ///
    /// # Errors
    /// [`Error::Internal`] when the trace is of another model.
    pub fn add(&mut self, trace: &Trace) -> Result<()> {
        let last = trace.residual[trace.num_layers()].to_dtype(DType::F64)?;
        let length = (last.sqr()?.mean_keepdim(1)? + f64::EPSILON)?.sqrt()?;
        for (sums, stream) in self.layers.iter_mut().zip(&trace.residual) {
            let stream = stream.to_dtype(DType::F64)?;
            let apart = (&last - &stream)?.broadcast_div(&length)?;
            let ones = Tensor::ones((stream.dim(0)?, 1), DType::F64, stream.device())?;
            let with_one = Tensor::cat(&[&stream, &ones], 1)?.broadcast_div(&length)?;
            let across = with_one.t()?;
            sums.square = (&sums.square + across.matmul(&with_one)?)?;
            sums.cross = (&sums.cross + across.matmul(&apart)?)?;
        }
        self.num_tokens += trace.num_tokens();
        Ok(())
    }

    /// The maps of layers 0..L-1. `ridge` draws W to zero, which is the logit lens; it counts in mean squares of a feature.
    ///
    /// # Errors
    /// A refusal of too few tokens.
    pub fn solve(&self, ridge: f64) -> Result<Vec<FittedMap>> {
        self.layers.iter().map(|sums| self.map(sums, ridge)).collect()
    }

    fn map(&self, sums: &Sums, ridge: f64) -> Result<FittedMap> {
        let (width, side) = (self.width, self.width + 1);
        let mut square: Vec<f64> = sums.square.flatten_all()?.to_vec1()?;
        let mean_square = (0..width).map(|d| square[d * side + d]).sum::<f64>() / width as f64;
        // The bias is free.
        (0..width).for_each(|d| square[d * side + d] += ridge * mean_square);
        let cross: Vec<f64> = sums.cross.flatten_all()?.to_vec1()?;
        let solved = solve_positive(&square, &cross, side, width)?;
        let weight = (0..width * width).map(|k| solved[k % width * width + k / width] as f32).collect();
        Ok(FittedMap { weight, bias: solved[width * width..].iter().map(|&b| b as f32).collect() })
    }
}
