//! How alike patches are, and the eigenvectors of the graph that this makes: what the spectral segmenters share.

use crate::algebra::product::inner_products;
use crate::algebra::spectrum::largest_eigenpairs;
use crate::algebra::with_sign;
use crate::domain::{Cancel, Error, Result};

/// Above this many patches the matrix of their affinities would pass 128 MiB.
pub const MAX_PATCHES: usize = 4096;

/// The affinity of patches that are not alike: a graph in one piece (`TokenCut`).
pub const EPSILON: f64 = 1e-5;

/// Vectors at length 1; a zero vector stays.
///
/// # Shapes
/// `[N, width]`.
///
/// # Errors
/// A refusal of vectors that are not finite.
pub fn unit_vectors(features: &[f32], width: usize) -> Result<Vec<f64>> {
    if let Some(at) = features.iter().position(|v| !v.is_finite()) {
        let patch = at / width.max(1);
        return Err(Error::refused("segment", format!("the features of patch {patch} are not finite"))
            .remedy("choose another layer, or verify the model"));
    }
    let mut unit: Vec<f64> = features.iter().map(|&v| f64::from(v)).collect();
    for vector in unit.chunks_exact_mut(width.max(1)) {
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            vector.iter_mut().for_each(|v| *v /= norm);
        }
    }
    Ok(unit)
}

/// Cosines of all pairs of patches.
///
/// # Shapes
/// `unit` is `[N, width]`, as [`unit_vectors`] gives them; the result `[N, N]`.
///
/// # Errors
/// A refusal of more than [`MAX_PATCHES`].
pub fn cosines(unit: &[f64], width: usize) -> Result<Vec<f64>> {
    check_count(unit.len() / width.max(1))?;
    Ok(inner_products(unit, unit, width))
}

/// Refuses more patches than can be compared pair by pair.
///
/// # Errors
/// A refusal of more than [`MAX_PATCHES`].
pub fn check_count(patches: usize) -> Result<()> {
    if patches > MAX_PATCHES {
        return Err(Error::refused("segment", format!("{patches} patches are too many to compare all pairs of"))
            .expected(format!("at most {MAX_PATCHES}"))
            .remedy("choose a smaller --size, or --method kmeans"));
    }
    Ok(())
}

/// 1 where the cosine is above `tau`, else [`EPSILON`].
pub fn above(cosines: &[f64], tau: f64) -> Vec<f64> {
    cosines.iter().map(|&c| if c > tau { 1.0 } else { EPSILON }).collect()
}

/// Cosines, 0 where they are negative.
pub fn clamped(cosines: &[f64]) -> Vec<f64> {
    cosines.iter().map(|c| c.max(0.0)).collect()
}

/// 1 - cosine of every pair, a < b, in the order of SciPy's `pdist`.
///
/// # Shapes
/// `cosines` is `[N, N]`; the result `[N (N - 1) / 2]`.
pub fn condensed_distances(cosines: &[f64], patches: usize) -> Vec<f64> {
    let row = |a: usize| cosines[a * patches + a + 1..(a + 1) * patches].iter().map(|c| (1.0 - c).max(0.0));
    (0..patches).flat_map(row).collect()
}

/// The smoothest vectors of a graph: of L v = lambda D v those of smallest lambda, L = D - W, D the row sums of W.
#[derive(Clone, Debug)]
pub struct GraphSpectrum {
    /// `[k]`, lambda, ascending from 0.
    pub values: Vec<f64>,
    /// `[k]` vectors `[N]` of the symmetric form: of D^-1/2 L D^-1/2, of length 1.
    pub symmetric: Vec<Vec<f64>>,
    /// `[N]`, D^-1/2.
    scale: Vec<f64>,
}

impl GraphSpectrum {
    /// The `count` smoothest vectors of an affinity.
    ///
    /// # Shapes
    /// `affinity` is `[N, N]`, symmetric, no entry negative.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; a refusal where the eigenvectors do not converge.
    pub fn new(mut affinity: Vec<f64>, patches: usize, count: usize, cancel: &Cancel) -> Result<Self> {
        let degree = |row: &[f64]| row.iter().sum::<f64>();
        // A patch that is like none, not even itself, has no degree.
        let root = |degree: f64| if degree > 0.0 { 1.0 / degree.sqrt() } else { 0.0 };
        let scale: Vec<f64> = affinity.chunks_exact(patches.max(1)).map(|row| root(degree(row))).collect();
        for (row, a) in affinity.chunks_exact_mut(patches.max(1)).zip(&scale) {
            row.iter_mut().zip(&scale).for_each(|(w, b)| *w *= a * b);
        }
        let found = largest_eigenpairs(&affinity, patches, count, cancel)?;
        Ok(Self { values: found.values.iter().map(|v| (1.0 - v).max(0.0)).collect(), symmetric: found.vectors, scale })
    }

    /// The n-th vector of the generalised problem, D^-1/2 v, its component of largest magnitude positive; `[N]`.
    pub fn generalised(&self, n: usize) -> Vec<f64> {
        let vector = self.symmetric.get(n).map_or_else(Vec::new, Clone::clone);
        with_sign(vector.iter().zip(&self.scale).map(|(v, s)| v * s).collect())
    }
}

/// `[k]` vectors `[N]` as `[N, k]`.
pub fn rows_of(vectors: &[Vec<f64>], patches: usize) -> Vec<f64> {
    (0..patches).flat_map(|patch| vectors.iter().map(move |vector| vector[patch])).collect()
}
