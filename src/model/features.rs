//! Vectors of tokens: what methods compare and segmenters cluster.

use super::outliers::{self, OUTLIERS};
use super::projection::Projection;
use super::{Model, Trace, trace::values};
use crate::domain::knob::Knobs;
use crate::domain::request::{Facet, Params};
use crate::domain::{Error, Result};

/// A vector for every token.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// `[T, width]`, row-major, prefix tokens included.
    pub values: Vec<f32>,
    /// Numbers a token.
    pub width: usize,
}

impl Features {
    /// Those of the patches alone, or of all tokens of a text.
    ///
    /// # Shapes
    /// `[N, width]`.
    pub fn of_patches(&self, trace: &Trace) -> &[f32] {
        self.values.get(trace.layout.prefix.len() * self.width..).unwrap_or_default()
    }
}

/// Vectors of every token as parameters choose them: the facet, with [`OUTLIERS`] replaced and then projected, where a method
/// declares those knobs.
///
/// # Errors
/// As [`features`], and refusals of the knobs' values.
pub fn features_of(model: &Model, trace: &Trace, layer: usize, params: &Params) -> Result<Features> {
    features_with(model, trace, layer, params.facet, &params.knobs)
}

/// As [`features_of`], of a facet that the method chooses.
///
/// # Errors
/// As [`features_of`].
pub fn features_with(model: &Model, trace: &Trace, layer: usize, facet: Facet, knobs: &Knobs) -> Result<Features> {
    let mut all = features(model, trace, layer, facet)?;
    if knobs.choice(&OUTLIERS)? == "replace" {
        outliers::replace(&mut all, trace, layer, knobs)?;
    }
    Projection::chosen(knobs)?.apply(model, trace, facet, all)
}

/// Vectors of every token in a facet of a layer: the residual stream, or queries, keys or values of all heads beside each other.
///
/// # Errors
/// A refusal of queries, keys and values of layer 0, which no block made.
pub fn features(model: &Model, trace: &Trace, layer: usize, facet: Facet) -> Result<Features> {
    let all = facet_values(model, trace, layer, facet)?;
    let width = all.len() / trace.num_tokens().max(1);
    Ok(Features { values: all, width })
}

fn facet_values(model: &Model, trace: &Trace, layer: usize, facet: Facet) -> Result<Vec<f32>> {
    if facet == Facet::Residual {
        return trace.residual_values(layer);
    }
    let Some(below) = layer.checked_sub(1) else {
        return Err(Error::refused(format!("--facet {facet} at layer 0"), "no block made it")
            .expected(format!("layers 1..{} for queries, keys and values", trace.num_layers()))
            .remedy("choose a higher layer, or --facet residual"));
    };
    let (heads, qkv) = (model.blocks[below].heads, &trace.blocks[below].qkv);
    let kv_width = heads.num_kv_heads * heads.head_dim;
    let part = match facet {
        Facet::Key => qkv.narrow(1, heads.key_column(0), kv_width)?,
        Facet::Value => qkv.narrow(1, heads.value_column(0), kv_width)?,
        Facet::Query | Facet::Residual => qkv.narrow(1, 0, heads.output_width())?,
    };
    values(&part)
}
