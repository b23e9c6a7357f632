//! Singular modes of the interaction of queries and keys: W_q^T W_k = sum over m of s_m u_m v_m^T for each head, so that a token's
//! score for another is a sum over modes, in each of which the query side looks for one direction and the key side offers another
//! (Pan et al., Dissecting Query-Key Interaction in Vision Transformers, NeurIPS 2024).
//!
//! The gain of the norm before the attention is folded into the weights, so that tokens are compared as that norm makes them equal;
//! gains of queries' and keys' own norms are folded in as well. Biases, and what a model does by place, are left out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use rayon::prelude::*;

use super::block::{Block, BlockTrace, Norm, NormKind, NormPlace};
use super::{Model, Trace, trace::values};
use crate::algebra::product::inner_products;
use crate::algebra::qr::thin_qr_of_rows;
use crate::algebra::thin_svd;
use crate::domain::{Cancel, Result};

/// The modes of one head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadModes {
    /// `[k]`, singular values, descending; k is the head's width, or the model's where that is smaller.
    pub values: Vec<f64>,
    /// `[k, D]`, row-major: u_m, what a query looks with.
    pub query: Vec<f64>,
    /// `[k, D]`: v_m, what is looked for in a key.
    pub key: Vec<f64>,
    /// `[k]`, the cosine of u_m and v_m: 1 where tokens look for their like, below 0 where for their opposite.
    pub cosines: Vec<f64>,
}

impl HeadModes {
    /// k.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no mode.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// D.
    fn width(&self) -> usize {
        self.query.len() / self.len().max(1)
    }

    fn of(block: &Block, head: usize) -> Result<Self> {
        let heads = block.heads;
        let gain = match block.norm_place {
            NormPlace::Before => Some(values(&block.norm1.weight)?),
            NormPlace::After => None,
        };
        let own =
            |side: fn(&super::block::QkNorms) -> &Norm| block.qk_norms.as_ref().map(|norms| folded(side(norms))).transpose();
        let first_key = heads.key_column(head / heads.group().max(1));
        let query = projection(block, head * heads.head_dim, gain.as_deref(), own(|norms| &norms.query)?)?;
        let key = projection(block, first_key, gain.as_deref(), own(|norms| &norms.key)?)?;
        let width = query.len() / heads.head_dim.max(1);
        let of_query = thin_qr_of_rows(&query, heads.head_dim, width)?;
        let of_key = thin_qr_of_rows(&key, heads.head_dim, width)?;
        let k = of_query.rank;
        let found = thin_svd(&inner_products(&of_query.r, &of_key.r, heads.head_dim), k, k)?;
        let query = inner_products(&found.left.concat(), &of_query.q, k);
        let key = inner_products(&found.right.concat(), &of_key.q, k);
        let cosine = |(u, v): (&[f64], &[f64])| u.iter().zip(v).map(|(a, b)| a * b).sum();
        let cosines = query.chunks_exact(width.max(1)).zip(key.chunks_exact(width.max(1))).map(cosine).collect();
        Ok(Self { values: found.values, query, key, cosines })
    }
}

/// The gain of a head's own norm, and whether the norm takes the mean out first.
fn folded(norm: &Norm) -> Result<(Vec<f32>, bool)> {
    Ok((values(&norm.weight)?, norm.kind == NormKind::Layer))
}

/// The rows of one head from row `first` on, with gains folded in.
///
/// # Shapes
/// `[d, D]`.
fn projection(block: &Block, first: usize, gain: Option<&[f32]>, own: Option<(Vec<f32>, bool)>) -> Result<Vec<f64>> {
    let (rows, width) = (block.heads.head_dim, block.qkv.weight.dim(1)?);
    let mut weights: Vec<f64> = values(&block.qkv.weight.narrow(0, first, rows)?)?.into_iter().map(f64::from).collect();
    if let Some(gain) = gain {
        weights.iter_mut().zip(gain.iter().cycle()).for_each(|(w, g)| *w *= f64::from(*g));
    }
    let Some((own, centred)) = own else { return Ok(weights) };
    for column in 0..if centred { width } else { 0 } {
        let mean = weights.iter().skip(column).step_by(width).sum::<f64>() / rows as f64;
        weights.iter_mut().skip(column).step_by(width).for_each(|w| *w -= mean);
    }
    for (row, g) in weights.chunks_exact_mut(width.max(1)).zip(own) {
        row.iter_mut().for_each(|w| *w *= f64::from(g));
    }
    Ok(weights)
}

/// What tokens hold of the modes of one head, before the attention's scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ModeScores {
    /// `[T, k]`: u_m . x_i.
    pub query: Vec<f64>,
    /// `[T, k]`: v_m . x_j.
    pub key: Vec<f64>,
}

/// Decompositions that were made, so that a second click need not wait. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ModeCache(Arc<Made>);

type LayerHead = (usize, usize);

#[derive(Debug, Default)]
struct Made {
    /// The last ones alone: they are large.
    heads: Mutex<Vec<(LayerHead, Arc<HeadModes>)>>,
    /// Of a layer, [`Model::mode_similarity`].
    similarities: Mutex<BTreeMap<usize, f64>>,
}

/// Heads that are kept.
const MAX_HEADS: usize = 16;

impl Model {
    /// The modes of a head in the block whose output is a layer.
    ///
    /// # Errors
    /// A refusal of weights that cannot be decomposed.
    pub fn head_modes(&self, layer: usize, head: usize) -> Result<Arc<HeadModes>> {
        let kept = || self.modes.0.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, modes)) = kept().iter().find(|(key, _)| *key == (layer, head)) {
            return Ok(modes.clone());
        }
        let modes = Arc::new(HeadModes::of(&self.blocks[layer - 1], head)?);
        let mut kept = kept();
        kept.insert(0, ((layer, head), modes.clone()));
        kept.truncate(MAX_HEADS);
        Ok(modes)
    }

    /// The mean cosine of u_m and v_m over all modes and heads of a layer, weighted by their singular values: above 0 where tokens
    /// read from their like, at 0 and below where from what differs.
    ///
    /// # Errors
    /// As [`Self::head_modes`]; [`crate::domain::Error::Cancelled`].
    pub fn mode_similarity(&self, layer: usize, cancel: &Cancel) -> Result<f64> {
        if let Some(similarity) = self.known_similarity(layer) {
            return Ok(similarity);
        }
        let block = &self.blocks[layer - 1];
        let sums = |head: usize| -> Result<(f64, f64)> {
            cancel.check()?;
            let modes = HeadModes::of(block, head)?;
            let weighted = modes.values.iter().zip(&modes.cosines).map(|(s, c)| s * c).sum();
            Ok((weighted, modes.values.iter().sum()))
        };
        let sums = (0..block.heads.num_heads).into_par_iter().map(sums).collect::<Result<Vec<_>>>()?;
        let (weighted, weights) = sums.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let similarity = if weights > 0.0 { weighted / weights } else { 0.0 };
        self.modes.0.similarities.lock().unwrap_or_else(PoisonError::into_inner).insert(layer, similarity);
        Ok(similarity)
    }

    /// [`Self::mode_similarity`] of a layer where it was asked for before.
    pub fn known_similarity(&self, layer: usize) -> Option<f64> {
        self.modes.0.similarities.lock().unwrap_or_else(PoisonError::into_inner).get(&layer).copied()
    }

    /// What every token holds of each mode.
    ///
    /// # Errors
    /// As [`Self::head_modes`].
    pub fn mode_scores(&self, trace: &Trace, layer: usize, head: usize, modes: &HeadModes) -> Result<ModeScores> {
        let (block, recorded) = (&self.blocks[layer - 1], &trace.blocks[layer - 1]);
        let tokens: Vec<f64> = read_by_attention(block, recorded, &trace.residual[layer - 1])?;
        let mut scores = ModeScores {
            query: inner_products(&tokens, &modes.query, modes.width()),
            key: inner_products(&tokens, &modes.key, modes.width()),
        };
        if let (Some(norms), Some(before)) = (&block.qk_norms, &recorded.before_qk_norms) {
            let (heads, k) = (block.heads, modes.len().max(1));
            // Of this tensor keys follow the queries, as in the product that made both.
            let key_column = heads.key_column(head / heads.group().max(1));
            for (side, norm, first) in
                [(&mut scores.query, &norms.query, head * heads.head_dim), (&mut scores.key, &norms.key, key_column)]
            {
                let lengths = inverse_lengths(&before.narrow(1, first, heads.head_dim)?, norm)?;
                side.chunks_exact_mut(k).zip(lengths).for_each(|(row, scale)| row.iter_mut().for_each(|x| *x *= scale));
            }
        }
        Ok(scores)
    }
}

/// What the attention reads of each token, without the gain and the bias of its norm: `[T, D]`.
fn read_by_attention(block: &Block, recorded: &BlockTrace, below: &Tensor) -> Result<Vec<f64>> {
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
    if block.norm_place == NormPlace::After {
        return Ok(wide(values(below)?));
    }
    let (mean, scale) = (recorded.stats1.narrow(1, 0, 1)?, recorded.stats1.narrow(1, 1, 1)?);
    Ok(wide(values(&recorded.before_norm1.broadcast_sub(&mean)?.broadcast_mul(&scale)?)?))
}

/// By what a head's own norm multiplies each token: 1/sigma.
fn inverse_lengths(before: &Tensor, norm: &Norm) -> Result<Vec<f64>> {
    let width = before.dim(1)?.max(1);
    let inverse = |vector: &[f32]| {
        let centre =
            if norm.kind == NormKind::Layer { vector.iter().copied().map(f64::from).sum::<f64>() / width as f64 } else { 0.0 };
        let square = vector.iter().map(|x| (f64::from(*x) - centre).powi(2)).sum::<f64>() / width as f64;
        (square + norm.eps).sqrt().recip()
    };
    Ok(values(before)?.chunks_exact(width).map(inverse).collect())
}
