//! Cosine similarity of the token to every other, in the residual stream or among queries, keys or values.

use rayon::prelude::*;

use super::{Control, Gaps, Info, Method, Reach, Target, Uses};
use crate::domain::Result;
use crate::model::features::{Features, features_of};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;
use crate::model::{Model, Trace};

/// Cosine to every token of the same layer.
#[derive(Debug)]
pub struct Similarity;

static INFO: Info = Info {
    id: "similarity",
    name: "Similarity",
    summary: "How alike the token is to every other token of its layer",
    formula: "<z_i, z_j> / (|z_i| |z_j|), z from the residual stream, or queries, keys or values of all heads; projected first where \
              --project says so",
    citation: "Amir et al., Deep ViT Features as Dense Visual Descriptors, arXiv 2112.05814 (2021); projections: Koenig et al., \
               Uncovering the Inner Workings of STEGO, CVPR Workshops 2023",
    cost: "T D multiplications a token",
    unit: "cosine",
    signed: true,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Facet],
    knobs: &[&PROJECT, &OUTLIERS, &MADS],
};

impl Method for Similarity {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// A vector of zeros has no direction.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let features = features_of(model, trace, target.layer, target.params)?;
        Ok(cosines(features, target.positions))
    }
}

/// Cosines of some vectors to all.
///
/// # Shapes
/// `[positions, T]`.
pub(super) fn cosines(features: Features, positions: &[usize]) -> Vec<f32> {
    let Features { values: mut vectors, width } = features;
    vectors.par_chunks_exact_mut(width).for_each(|v| {
        // A zero vector has no direction: its cosines are NaN.
        let norm = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        v.iter_mut().for_each(|x| *x /= norm);
    });
    let vector = |position: usize| &vectors[position * width..][..width];
    let row = |&position: &usize| -> Vec<f32> {
        let cosine = |other: &[f32]| vector(position).iter().zip(other).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0);
        vectors.chunks_exact(width).map(cosine).collect()
    };
    positions.par_iter().flat_map_iter(row).collect()
}
