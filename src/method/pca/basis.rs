//! Principal components that can be kept and used again.

use std::path::Path;

use crate::algebra::principal::{Principal, principal};
use crate::domain::heatmap::percentile;
use crate::domain::{Cancel, Error, Result};
use crate::store::TensorFiles;

/// Percentiles of scores between which colours run: a single odd patch must not take all of them.
const PERCENTILES: (f32, f32) = (1.0, 99.0);

/// A mean and components, and what colours along these mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// Whether features are made unit vectors first.
    pub normalise: bool,
    found: Principal,
    /// `[k]`, scores of the darkest and the brightest colour; empty where the basis does not say.
    pub ranges: Vec<(f64, f64)>,
}

/// A tensor of a basis as its file holds it: name, shape, values.
pub type BasisTensor = (&'static str, Vec<usize>, Vec<f32>);

impl Basis {
    /// Takes components of vectors.
    ///
    /// # Shapes
    /// `vectors` is `[n, width]`.
    ///
    /// # Errors
    /// A refusal of numbers that are not finite; [`Error::Cancelled`].
    pub fn fit(vectors: &[f32], width: usize, normalise: bool, count: usize, cancel: &Cancel) -> Result<Self> {
        let rows: Vec<f64> = vectors.chunks_exact(width.max(1)).flat_map(|vector| prepared(vector, normalise)).collect();
        let mut basis = Self { normalise, found: principal(&rows, width, count, cancel)?, ranges: Vec::new() };
        basis.ranges = basis.ranges_of(vectors);
        Ok(basis)
    }

    /// k.
    pub fn len(&self) -> usize {
        self.found.components.len()
    }

    /// Whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Scores of vectors along every component, `[n][k]`.
    pub fn scores<'a>(&'a self, vectors: &'a [f32]) -> impl Iterator<Item = Vec<f64>> + 'a {
        let width = self.found.mean.len().max(1);
        vectors.chunks_exact(width).map(|vector| self.found.scores(&prepared(vector, self.normalise)).collect())
    }

    /// Percentiles of the scores of vectors.
    pub fn ranges_of(&self, vectors: &[f32]) -> Vec<(f64, f64)> {
        let scores: Vec<Vec<f64>> = self.scores(vectors).collect();
        let range = |k: usize| {
            let mut sorted: Vec<f32> = scores.iter().map(|scores| scores[k] as f32).collect();
            sorted.sort_by(f32::total_cmp);
            (f64::from(percentile(&sorted, PERCENTILES.0)), f64::from(percentile(&sorted, PERCENTILES.1)))
        };
        (0..self.len()).map(range).collect()
    }

    /// `[k]`, the share of all variance that each component holds, where the basis says so.
    pub fn shares(&self) -> Option<Vec<f64>> {
        let is_known = self.found.total > 0.0 && self.found.variances.len() == self.len();
        is_known.then(|| self.found.variances.iter().map(|v| v / self.found.total).collect())
    }

    /// What a file of it holds: `mean` `[D]`, `components` `[k, D]`, `low` and `high` `[k]`, `variances` `[k]`, `total` and
    /// `normalise` `[1]`.
    pub fn tensors(&self) -> Vec<BasisTensor> {
        let (k, width) = (self.len(), self.found.mean.len());
        let single = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let (low, high): (Vec<f64>, Vec<f64>) = self.ranges.iter().copied().unzip();
        vec![
            ("mean", vec![width], single(&self.found.mean)),
            ("components", vec![k, width], single(&self.found.components.concat())),
            ("low", vec![k], single(&low)),
            ("high", vec![k], single(&high)),
            ("variances", vec![k], single(&self.found.variances)),
            ("total", vec![1], vec![self.found.total as f32]),
            ("normalise", vec![1], vec![f32::from(u8::from(self.normalise))]),
        ]
    }

    /// Reads a basis for features of some width. Files of other tools need `mean` and `components` alone; `normalise` counts where
    /// the file does not say.
    ///
    /// # Errors
    /// A refusal that names the tensor that is missing or does not fit.
    pub fn read(path: &Path, width: usize, normalise: bool) -> Result<Self> {
        let files = TensorFiles::of_file(path)?;
        let refused = |what: String, expected: String| {
            Error::refused(format!("--basis {}", path.display()), what)
                .expected(expected)
                .remedy("make it with `tokenscope fit basis` of the same model, layer and facet")
        };
        let of_shape = |name: &str, shape: &[usize]| match files.shape(name) {
            Some(found) if found == shape => files.read(name, shape).map(|values| values.into_iter().map(f64::from).collect()),
            Some(found) => Err(refused(format!("{name} has shape {found:?}"), format!("{shape:?} for these features"))),
            None => Err(refused(format!("holds no {name}"), format!("{name} of shape {shape:?}"))),
        };
        let mean: Vec<f64> = of_shape("mean", &[width])?;
        let k = files.shape("components").and_then(|shape| shape.first().copied()).unwrap_or(3);
        let components: Vec<f64> = of_shape("components", &[k, width])?;
        let optional =
            |name: &str, shape: &[usize]| if files.shape(name).is_some() { of_shape(name, shape) } else { Ok(Vec::new()) };
        let (low, high) = (optional("low", &[k])?, optional("high", &[k])?);
        let (variances, total) = (optional("variances", &[k])?, optional("total", &[1])?);
        let said = optional("normalise", &[1])?;
        Ok(Self {
            normalise: said.first().map_or(normalise, |x| *x > 0.5),
            found: Principal {
                mean,
                components: components.chunks_exact(width.max(1)).map(<[f64]>::to_vec).collect(),
                variances,
                total: total.first().copied().unwrap_or(0.0),
            },
            ranges: low.into_iter().zip(high).collect(),
        })
    }
}

/// A vector as components are taken of it; a zero vector stays one.
fn prepared(vector: &[f32], normalise: bool) -> Vec<f64> {
    let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if normalise && norm > 0.0 { norm.recip() } else { 1.0 };
    vector.iter().map(|x| f64::from(*x) * scale).collect()
}
