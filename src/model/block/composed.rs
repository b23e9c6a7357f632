//! The block in candle's own operations: any device, any float type, and every operation with a gradient.
//!
//! candle-nn's fused softmax and norms are not used: they cut the graph without saying so.

use candle_core::{D, Tensor};

use super::{Activation, Block, BlockTrace, ForwardOptions, Heads, Linear, Norm, NormPlace, RowSet, Step};
use crate::domain::Result;

type Candle<T> = candle_core::Result<T>;

fn linear(x: &Tensor, linear: &Linear) -> Candle<Tensor> {
    x.matmul(&linear.weight.t()?)?.broadcast_add(&linear.bias)
}

/// Layer norm and its `[T, 2]` mean and 1/sigma.
pub(crate) fn norm(x: &Tensor, norm: &Norm) -> Candle<(Tensor, Tensor)> {
    let mean = x.mean_keepdim(D::Minus1)?;
    let centred = x.broadcast_sub(&mean)?;
    let rstd = (centred.sqr()?.mean_keepdim(D::Minus1)? + norm.eps)?.sqrt()?.recip()?;
    let y = centred.broadcast_mul(&rstd)?.broadcast_mul(&norm.weight)?.broadcast_add(&norm.bias)?;
    Ok((y, Tensor::cat(&[&mean, &rstd], 1)?))
}

/// Value and derivative of the activation.
fn activate(kind: Activation, u: &Tensor) -> Candle<(Tensor, Tensor)> {
    let logistic = |x: &Tensor| (x.neg()?.exp()? + 1.0)?.recip();
    match kind {
        Activation::Gelu => {
            let phi = ((u * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?.affine(0.5, 0.0)?;
            let bell = ((u.sqr()? * -0.5)?.exp()? * (1.0 / (2.0 * std::f64::consts::PI).sqrt()))?;
            Ok(((u * &phi)?, (&phi + (u * bell)?)?))
        }
        Activation::GeluTanh => {
            let (c, k) = ((2.0 / std::f64::consts::PI).sqrt(), 0.044_715);
            let inner = (u * ((u.sqr()? * k)? + 1.0)?)?;
            let s = logistic(&(inner * (2.0 * c))?)?;
            let inner_slope = ((u.sqr()? * (3.0 * k))? + 1.0)?.affine(2.0 * c, 0.0)?;
            let slope = ((u * &s)? * (1.0 - &s)?)?;
            Ok(((u * &s)?, (&s + (slope * inner_slope)?)?))
        }
        Activation::QuickGelu => logistic_unit(u, 1.702),
        Activation::Silu => logistic_unit(u, 1.0),
        Activation::Relu => Ok((u.relu()?, u.gt(0.0)?.to_dtype(u.dtype())?)),
    }
}

/// x sigmoid(k x).
fn logistic_unit(u: &Tensor, k: f64) -> Candle<(Tensor, Tensor)> {
    let s = ((u * -k)?.exp()? + 1.0)?.recip()?;
    let slope = ((u * &s)? * (1.0 - &s)?)?;
    Ok(((u * &s)?, (&s + (slope * k)?)?))
}

/// Queries, keys or values of all their heads: `[heads, T, d]`, from the column `first`.
fn heads_of(qkv: &Tensor, first: usize, num_heads: usize, dim: usize) -> Candle<Tensor> {
    let tokens = qkv.dim(0)?;
    qkv.narrow(1, first, num_heads * dim)?.reshape((tokens, num_heads, dim))?.transpose(0, 1)?.contiguous()
}

/// Key or value heads, each repeated for the query heads that share it: `[H, T, d]`.
fn shared_heads(heads: Heads, qkv: &Tensor, first: usize) -> Candle<Tensor> {
    let own = heads_of(qkv, first, heads.num_kv_heads, heads.head_dim)?;
    if heads.group() == 1 {
        return Ok(own);
    }
    let (count, tokens, dim) = own.dims3()?;
    own.unsqueeze(1)?.broadcast_as((count, heads.group(), tokens, dim))?.reshape((heads.num_heads, tokens, dim))
}

fn softmax(scores: &Tensor) -> Candle<Tensor> {
    let exp = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

pub(super) fn attention(block: &Block, qkv: &Tensor) -> Result<Tensor> {
    let heads = block.heads;
    let queries = heads_of(qkv, 0, heads.num_heads, heads.head_dim)?;
    let keys = shared_heads(heads, qkv, heads.key_column(0))?;
    Ok(softmax(&(queries.matmul(&keys.t()?)? * heads.scale)?)?)
}

pub(super) fn forward(block: &Block, x: &Tensor, options: ForwardOptions<'_>) -> Result<(BlockTrace, Tensor)> {
    let heads = block.heads;
    let normed = match block.norm_place {
        NormPlace::Before => Some(norm(x, &block.norm1)?),
        NormPlace::After => None,
    };
    let qkv = linear(normed.as_ref().map_or(x, |(y, _)| y), &block.qkv)?;
    let mut attention = attention(block, &qkv)?;
    if let Some(shift) = options.shift {
        attention = (attention + shift)?;
    }
    let values = shared_heads(heads, &qkv, heads.value_column(0))?;
    let mixed = attention.matmul(&values)?.transpose(0, 1)?.reshape((x.dim(0)?, heads.output_width()))?;
    let mid = (x + linear(&mixed, &block.out)?)?;
    let attention = (!options.drop_attention).then_some(attention);
    if let Some((_, stats1)) = normed {
        let (y, stats2) = norm(&mid, &block.norm2)?;
        let (branch, slope) = mlp(block, &y)?;
        let out = (&mid + branch)?;
        return Ok((BlockTrace { before_norm1: x.clone(), stats1, qkv, attention, before_norm2: mid, stats2, slope }, out));
    }
    let (y, stats1) = norm(&mid, &block.norm1)?;
    let (branch, slope) = mlp(block, &y)?;
    let end = (y + branch)?;
    let (out, stats2) = norm(&end, &block.norm2)?;
    Ok((BlockTrace { before_norm1: mid, stats1, qkv, attention, before_norm2: end, stats2, slope }, out))
}

/// The MLP's branch, and the slope that its backward needs.
fn mlp(block: &Block, y: &Tensor) -> Candle<(Tensor, Tensor)> {
    let u = linear(y, &block.up)?;
    let (activated, slope) = if block.gated {
        let hidden = block.down.weight.dim(1)?;
        let value = u.narrow(1, hidden, hidden)?;
        let (gate, gate_slope) = activate(block.activation, &u.narrow(1, 0, hidden)?)?;
        ((&gate * &value)?, Tensor::cat(&[(gate_slope * value)?, gate], 1)?)
    } else {
        activate(block.activation, &u)?
    };
    Ok((linear(&activated, &block.down)?, slope))
}

/// Layer norm's backward at the rows `tokens` of its input.
fn norm_backward(g: &Tensor, x: &Tensor, stats: &Tensor, norm: &Norm, tokens: &Tensor) -> Candle<Tensor> {
    let (x, stats) = (x.index_select(tokens, 0)?, stats.index_select(tokens, 0)?);
    let (mean, rstd) = (stats.narrow(1, 0, 1)?, stats.narrow(1, 1, 1)?);
    let normal = x.broadcast_sub(&mean)?.broadcast_mul(&rstd)?;
    let g = g.broadcast_mul(&norm.weight)?;
    let along = normal.broadcast_mul(&(&g * &normal)?.mean_keepdim(D::Minus1)?)?;
    (g.broadcast_sub(&g.mean_keepdim(D::Minus1)?)? - along)?.broadcast_mul(&rstd)
}

fn index(rows: &[usize], like: &Tensor) -> Candle<Tensor> {
    let rows: Vec<u32> = rows.iter().map(|&t| t as u32).collect();
    Tensor::new(rows, like.device())
}

pub(super) fn backward(
    block: &Block,
    trace: &BlockTrace,
    attention: &Tensor,
    cotangent: &Tensor,
    relevance: &Tensor,
    step: &Step<'_>,
) -> Result<(Tensor, Option<Tensor>)> {
    let heads = block.heads;
    let rows = index(&step.from.tokens, cotangent)?;
    let g = row_local_backward(block, trace, cotangent, &rows)?;
    let output_g = g.matmul(&block.out.weight)?.reshape((step.from.len(), heads.num_heads, heads.head_dim))?;
    let output_g = output_g.transpose(0, 1)?.contiguous()?;
    let shares = attention.index_select(&rows, 1)?;
    let values = shared_heads(heads, &trace.qkv, heads.value_column(0))?;
    let flowing = (output_g.matmul(&values.t()?)? * &shares)?;
    let flow = flow(&flowing, relevance, step.from)?;
    let Some(to) = step.to else { return Ok((flow, None)) };
    let scores_g = (&flowing - shares.broadcast_mul(&flowing.sum_keepdim(D::Minus1)?)?)?;
    let scores_g = (scores_g * heads.scale)?;
    let qkv_g = attention_inputs_backward(heads, trace, &AttentionCotangent { scores_g, shares, output_g }, step.from, to)?;
    let sources: Vec<usize> = step.sources().iter().map(|s| s.unwrap_or(step.from.len())).collect();
    let sources = index(&sources, cotangent)?;
    let branch = with_sources(heads, &qkv_g, &sources)?.matmul(&block.qkv.weight)?;
    let branch = match block.norm_place {
        NormPlace::Before => norm1_backward(block, trace, &branch, &index(&to.tokens, cotangent)?)?,
        NormPlace::After => branch,
    };
    let stream = g.pad_with_zeros(0, 0, 1)?.index_select(&sources, 0)?;
    Ok((flow, Some((stream + branch)?)))
}

/// MLP and norms: from the cotangent of the stream above the block to that of the stream with the attention's branch added.
fn row_local_backward(block: &Block, trace: &BlockTrace, cotangent: &Tensor, rows: &Tensor) -> Candle<Tensor> {
    let mlp_backward = |g: &Tensor| -> Candle<Tensor> {
        let hidden = g.matmul(&block.down.weight)?;
        let hidden = if block.gated { Tensor::cat(&[&hidden, &hidden], 1)? } else { hidden };
        (hidden * trace.slope.index_select(rows, 0)?)?.matmul(&block.up.weight)
    };
    match block.norm_place {
        NormPlace::Before => cotangent + norm2_backward(block, trace, &mlp_backward(cotangent)?, rows)?,
        NormPlace::After => {
            let g = norm2_backward(block, trace, cotangent, rows)?;
            norm1_backward(block, trace, &(&g + mlp_backward(&g)?)?, rows)
        }
    }
}

fn norm1_backward(block: &Block, trace: &BlockTrace, g: &Tensor, rows: &Tensor) -> Candle<Tensor> {
    norm_backward(g, &trace.before_norm1, &trace.stats1, &block.norm1, rows)
}

fn norm2_backward(block: &Block, trace: &BlockTrace, g: &Tensor, rows: &Tensor) -> Candle<Tensor> {
    norm_backward(g, &trace.before_norm2, &trace.stats2, &block.norm2, rows)
}

/// `[targets, T]`: mean over heads of relu, weighted with the relevance that each row has.
fn flow(flowing: &Tensor, relevance: &Tensor, from: &RowSet) -> Candle<Tensor> {
    let (targets, tokens) = relevance.dims2()?;
    let shape = (targets, from.per_target);
    let weights = relevance.gather(&index(&from.tokens, relevance)?.reshape(shape)?, 1)?.unsqueeze(1)?;
    let rows = flowing.relu()?.mean(0)?.reshape((targets, from.per_target, tokens))?;
    weights.matmul(&rows)?.squeeze(1)
}

/// What the attention's inputs' cotangents are made from; `[H, from rows, ..]` each.
struct AttentionCotangent {
    scores_g: Tensor,
    shares: Tensor,
    output_g: Tensor,
}

/// Cotangents of queries `[H, from rows, d]`, keys and values `[G, to rows, d]`.
struct QkvCotangent {
    query: Tensor,
    key: Tensor,
    value: Tensor,
}

fn attention_inputs_backward(
    heads: Heads,
    trace: &BlockTrace,
    g: &AttentionCotangent,
    from: &RowSet,
    to: &RowSet,
) -> Candle<QkvCotangent> {
    let (targets, keep) = (from.num_targets(), from.per_target);
    let keys = shared_heads(heads, &trace.qkv, heads.key_column(0))?;
    let queries = heads_of(&trace.qkv, 0, heads.num_heads, heads.head_dim)?;
    let queries = queries.index_select(&index(&from.tokens, &queries)?, 1)?;
    let columns = index(&to.tokens, &queries)?.reshape((1, targets, 1, to.per_target))?;
    let columns = columns.broadcast_as((heads.num_heads, targets, keep, to.per_target))?.contiguous()?;
    // Columns of the rows that carry a cotangent below, transposed: [H, targets, to, from].
    let restricted = |m: &Tensor| -> Candle<Tensor> {
        m.reshape((heads.num_heads, targets, keep, m.dim(2)?))?.gather(&columns, 3)?.transpose(2, 3)?.contiguous()
    };
    let rows = |m: &Tensor| m.reshape((heads.num_heads, targets, keep, heads.head_dim));
    // Query heads that share a key head: their cotangents add up.
    let grouped = |m: Tensor| m.reshape((heads.num_kv_heads, heads.group(), to.len(), heads.head_dim))?.sum(1);
    Ok(QkvCotangent {
        query: g.scores_g.matmul(&keys)?,
        key: grouped(restricted(&g.scores_g)?.matmul(&rows(&queries)?)?)?,
        value: grouped(restricted(&g.shares)?.matmul(&rows(&g.output_g)?)?)?,
    })
}

/// Queries, keys and values beside each other, `[to rows, (H + 2G) d]`; queries have a cotangent only where `sources` say so.
fn with_sources(heads: Heads, g: &QkvCotangent, sources: &Tensor) -> Candle<Tensor> {
    let flat = |m: &Tensor| -> Candle<Tensor> {
        let (count, rows, dim) = m.dims3()?;
        m.transpose(0, 1)?.reshape((rows, count * dim))
    };
    let query = flat(&g.query)?.pad_with_zeros(0, 0, 1)?.index_select(sources, 0)?;
    debug_assert_eq!(query.dim(1).ok(), Some(heads.output_width()));
    Tensor::cat(&[query, flat(&g.key)?, flat(&g.value)?], 1)
}
