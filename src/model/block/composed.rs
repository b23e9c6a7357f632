//! The block in candle's own operations: any device, any float type, and every operation with a gradient.
//!
//! candle-nn's fused softmax and norms are not used: they cut the graph without saying so.

use candle_core::{D, Tensor};

use super::gradient::{Reaching, reaching};
use super::{
    Activation, Block, BlockTrace, Branches, ForwardOptions, Heads, Linear, Norm, NormKind, NormPlace, Places, RowSet, Sees,
    Step, Turn,
};
use crate::domain::Result;

type Candle<T> = candle_core::Result<T>;

pub(crate) fn linear(x: &Tensor, linear: &Linear) -> Candle<Tensor> {
    x.matmul(&linear.weight.t()?)?.broadcast_add(&linear.bias)
}

/// A norm over the last axis, and its `[.., 2]` mean (0 where it is not taken out) and 1/sigma.
pub(crate) fn norm(x: &Tensor, norm: &Norm) -> Candle<(Tensor, Tensor)> {
    let mean = x.mean_keepdim(D::Minus1)?;
    let mean = if norm.kind == NormKind::Layer { mean } else { mean.zeros_like()? };
    let centred = x.broadcast_sub(&mean)?;
    let rstd = (centred.sqr()?.mean_keepdim(D::Minus1)? + norm.eps)?.sqrt()?.recip()?;
    let y = centred.broadcast_mul(&rstd)?.broadcast_mul(&norm.weight)?.broadcast_add(&norm.bias)?;
    Ok((y, Tensor::cat(&[&mean, &rstd], D::Minus1)?))
}

/// Value and derivative of the activation.
pub(crate) fn activate(kind: Activation, u: &Tensor) -> Candle<(Tensor, Tensor)> {
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

/// 1 / (1 + exp(-x)), written so that neither it nor its gradient overflows.
fn logistic(x: &Tensor) -> Candle<Tensor> {
    (x * 0.5)?.tanh()?.affine(0.5, 0.5)
}

/// x sigmoid(k x).
fn logistic_unit(u: &Tensor, k: f64) -> Candle<(Tensor, Tensor)> {
    let s = logistic(&(u * k)?)?;
    let slope = ((u * &s)? * (1.0 - &s)?)?;
    Ok(((u * &s)?, (&s + (slope * k)?)?))
}

/// Queries, keys or values of all their heads: `[heads, T, d]`, from the column `first`.
pub(super) fn heads_of(qkv: &Tensor, first: usize, num_heads: usize, dim: usize) -> Candle<Tensor> {
    let tokens = qkv.dim(0)?;
    qkv.narrow(1, first, num_heads * dim)?.reshape((tokens, num_heads, dim))?.transpose(0, 1)?.contiguous()
}

/// Key or value heads, each repeated for the query heads that share it: `[H, T, d]`.
pub(super) fn shared_heads(heads: Heads, qkv: &Tensor, first: usize) -> Candle<Tensor> {
    let own = heads_of(qkv, first, heads.num_kv_heads, heads.head_dim)?;
    if heads.group() == 1 {
        return Ok(own);
    }
    let (count, tokens, dim) = own.dims3()?;
    own.unsqueeze(1)?.broadcast_as((count, heads.group(), tokens, dim))?.reshape((heads.num_heads, tokens, dim))
}

pub(crate) fn softmax(scores: &Tensor) -> Candle<Tensor> {
    let exp = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

/// What a softmax reads where a token is not seen: its share is zero in every float type.
const UNSEEN: f64 = -1e30;

/// `[T, keys]`, added to the scores of the last T of so many tokens; `None` where every token is seen.
fn mask(sees: Sees, rows: usize, keys: usize, like: &Tensor) -> Candle<Option<Tensor>> {
    if sees == Sees::All {
        return Ok(None);
    }
    let row = |i: usize| {
        let seen = sees.range(keys - rows + i, keys);
        (0..keys).map(move |j| if seen.contains(&j) { 0.0 } else { UNSEEN as f32 })
    };
    let values: Vec<f32> = (0..rows).flat_map(row).collect();
    Tensor::from_vec(values, (rows, keys), like.device())?.to_dtype(like.dtype()).map(Some)
}

/// Scores before the mask, `[H, rows, keys]`, of queries `[H, rows, d]` and keys `[G, keys, d]`: the queries that share a key head
/// are rows of one product.
fn scores(heads: Heads, queries: &Tensor, keys: &Tensor) -> Candle<Tensor> {
    let (rows, kv_heads) = (queries.dim(1)?, heads.num_kv_heads);
    let folded = queries.reshape((kv_heads, heads.group() * rows, heads.head_dim))?;
    let scores = (folded.matmul(&keys.t()?)? * heads.scale)?.reshape((heads.num_heads, rows, keys.dim(1)?))?;
    match heads.softcap {
        Some(cap) => (scores / cap)?.tanh()? * cap,
        None => Ok(scores),
    }
}

/// Shares of keys in the outputs of the last tokens, `[H, rows, keys]`.
pub(super) fn shares(heads: Heads, queries: &Tensor, keys: &Tensor, bias: Option<&Tensor>) -> Candle<Tensor> {
    let mut scores = scores(heads, queries, keys)?;
    if let Some(bias) = bias {
        scores = (scores + bias)?;
    }
    if let Some(mask) = mask(heads.sees, queries.dim(1)?, keys.dim(1)?, queries)? {
        scores = scores.broadcast_add(&mask)?;
    }
    softmax(&scores)
}

/// Values `[G, keys, d]` mixed by their shares, the heads beside each other: `[rows, H d]`.
pub(super) fn mixed(heads: Heads, shares: &Tensor, values: &Tensor) -> Candle<Tensor> {
    let (rows, keys) = (shares.dim(1)?, shares.dim(2)?);
    let folded = shares.reshape((heads.num_kv_heads, heads.group() * rows, keys))?;
    let mixed = folded.matmul(values)?.reshape((heads.num_heads, rows, heads.head_dim))?;
    mixed.transpose(0, 1)?.reshape((rows, heads.output_width()))
}

pub(super) fn attention(block: &Block, qkv: &Tensor, places: &Places) -> Result<Tensor> {
    let heads = block.heads;
    let queries = heads_of(qkv, 0, heads.num_heads, heads.head_dim)?;
    let keys = heads_of(qkv, heads.key_column(0), heads.num_kv_heads, heads.head_dim)?;
    let bias = block.relative_bias.as_ref().map(|bias| bias.between(places.grid)).transpose()?;
    Ok(shares(heads, &queries, &keys, bias.as_ref())?)
}

/// Each head of `[T, heads d]` on its own: `[T, heads, d]`.
fn by_head(x: &Tensor, dim: usize) -> Candle<Tensor> {
    let (tokens, width) = x.dims2()?;
    x.reshape((tokens, width / dim, dim))
}

/// Turns `[T, heads, d]` by the angles of each token, or back.
fn turned(x: &Tensor, turn: &Turn, back: bool) -> Candle<Tensor> {
    let half = x.dim(2)? / 2;
    let (a, b) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
    let (cos, sin) = (turn.cos.unsqueeze(1)?, turn.sin.unsqueeze(1)?);
    let sin = if back { sin.neg()? } else { sin };
    let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
    let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
    Tensor::cat(&[first, second], 2)
}

/// Queries, keys and values as the attention takes them, and queries and keys before their norms, where there are such.
fn prepared(block: &Block, qkv: &Tensor, turn: Option<&Turn>) -> Candle<(Tensor, Option<Tensor>)> {
    if block.qk_norms.is_none() && turn.is_none() {
        return Ok((qkv.clone(), None));
    }
    let heads = block.heads;
    let (of_queries, of_keys) = (heads.key_column(0), heads.value_column(0) - heads.key_column(0));
    let prepare = |first: usize, width: usize, own_norm: Option<&Norm>| -> Candle<Tensor> {
        let mut x = by_head(&qkv.narrow(1, first, width)?.contiguous()?, heads.head_dim)?;
        if let Some(own_norm) = own_norm {
            x = norm(&x, own_norm)?.0;
        }
        if let Some(turn) = turn {
            x = turned(&x, turn, false)?;
        }
        x.reshape((qkv.dim(0)?, width))
    };
    let norms = block.qk_norms.as_ref();
    let queries = prepare(0, of_queries, norms.map(|n| &n.query))?;
    let keys = prepare(of_queries, of_keys, norms.map(|n| &n.key))?;
    let values = qkv.narrow(1, of_queries + of_keys, of_keys)?;
    let before = norms.map(|_| qkv.narrow(1, 0, of_queries + of_keys)?.contiguous()).transpose()?;
    Ok((Tensor::cat(&[queries, keys, values], 1)?, before))
}

/// What the attention starts from.
pub(super) struct Projected {
    /// `[T, 2]`, of the norm where it stands before.
    stats: Option<Tensor>,
    /// `[T, (H + 2G) d]`, as the attention takes them.
    pub(super) qkv: Tensor,
    /// `[T, (H + G) d]`, where queries and keys have norms.
    before_qk_norms: Option<Tensor>,
}

/// Norm, where it stands before, the linear map, then what queries and keys go through.
pub(super) fn projected(block: &Block, x: &Tensor, turn: Option<&Turn>) -> Candle<Projected> {
    let normed = match block.norm_place {
        NormPlace::Before => Some(norm(x, &block.norm1)?),
        NormPlace::After => None,
    };
    let qkv = linear(normed.as_ref().map_or(x, |(y, _)| y), &block.qkv)?;
    let (qkv, before_qk_norms) = prepared(block, &qkv, turn)?;
    Ok(Projected { stats: normed.map(|(_, stats)| stats), qkv, before_qk_norms })
}

pub(super) fn forward(block: &Block, x: &Tensor, places: Places, options: ForwardOptions<'_>) -> Result<(BlockTrace, Tensor)> {
    let heads = block.heads;
    let Projected { stats, qkv, before_qk_norms } = projected(block, x, places.turn.as_ref())?;
    let mut attention = attention(block, &qkv, &places)?;
    if let Some(shift) = options.shift {
        attention = (attention + shift)?;
    }
    let values = heads_of(&qkv, heads.value_column(0), heads.num_kv_heads, heads.head_dim)?;
    let mixed = mixed(heads, &attention, &values)?;
    let after = after_attention(block, x, &linear(&mixed, &block.out)?)?;
    let attention = (!options.drop_attention).then_some(attention);
    let Rest { mid, mid_stats, slope, end, out, end_stats, branches } = after;
    let (before_norm1, stats1, before_norm2, stats2) = match stats {
        Some(stats) => (x.clone(), stats, mid, mid_stats),
        None => (mid, mid_stats, end, end_stats),
    };
    let trace =
        BlockTrace { before_norm1, stats1, qkv, before_qk_norms, places, attention, before_norm2, stats2, slope, branches };
    Ok((trace, out))
}

/// What comes after the attention.
pub(super) struct Rest {
    mid: Tensor,
    mid_stats: Tensor,
    slope: Tensor,
    end: Tensor,
    end_stats: Tensor,
    pub(super) out: Tensor,
    branches: Option<Branches>,
}

pub(super) fn after_attention(block: &Block, x: &Tensor, branch: &Tensor) -> Candle<Rest> {
    let norms = block.branch_norms.as_ref();
    let normed = norms.map(|n| norm(branch, &n.attention)).transpose()?;
    let mid = (x + normed.as_ref().map_or(branch, |(y, _)| y))?;
    let (y, mid_stats) = norm(&mid, if block.norm_place == NormPlace::Before { &block.norm2 } else { &block.norm1 })?;
    let (mlp_branch, slope) = mlp(block, &y)?;
    let mlp_normed = norms.map(|n| norm(&mlp_branch, &n.mlp)).transpose()?;
    let added = mlp_normed.as_ref().map_or(&mlp_branch, |(y, _)| y);
    let end = (if block.norm_place == NormPlace::Before { &mid } else { &y } + added)?;
    let (out, end_stats) = match block.norm_place {
        NormPlace::Before => (end.clone(), mid_stats.clone()),
        NormPlace::After => norm(&end, &block.norm2)?,
    };
    let branches = normed.zip(mlp_normed).map(|((_, attention_stats), (_, mlp_stats))| Branches {
        attention: branch.clone(),
        attention_stats,
        mlp: mlp_branch.clone(),
        mlp_stats,
    });
    Ok(Rest { mid, mid_stats, slope, end, end_stats, out, branches })
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

/// A norm's backward at the rows `tokens` of its input.
pub(super) fn norm_backward(g: &Tensor, x: &Tensor, stats: &Tensor, norm: &Norm, tokens: &Tensor) -> Candle<Tensor> {
    let (x, stats) = (x.index_select(tokens, 0)?, stats.index_select(tokens, 0)?);
    let (mean, rstd) = (stats.narrow(1, 0, 1)?, stats.narrow(1, 1, 1)?);
    let normal = x.broadcast_sub(&mean)?.broadcast_mul(&rstd)?;
    let g = g.broadcast_mul(&norm.weight)?;
    let along = normal.broadcast_mul(&(&g * &normal)?.mean_keepdim(D::Minus1)?)?;
    let centred = if norm.kind == NormKind::Layer { g.broadcast_sub(&g.mean_keepdim(D::Minus1)?)? } else { g };
    (centred - along)?.broadcast_mul(&rstd)
}

pub(super) fn index(rows: &[usize], like: &Tensor) -> Candle<Tensor> {
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
    let Reaching { stream: g, heads: output_g } = reaching(block, trace, cotangent, &rows)?;
    let shares = attention.index_select(&rows, 1)?;
    let values = shared_heads(heads, &trace.qkv, heads.value_column(0))?;
    let flowing = (output_g.matmul(&values.t()?)? * &shares)?;
    let flow = flow(&flowing, relevance, step.from)?;
    let Some(to) = step.to else { return Ok((flow, None)) };
    let scores_g = (&flowing - shares.broadcast_mul(&flowing.sum_keepdim(D::Minus1)?)?)?;
    let mut scores_g = (scores_g * heads.scale)?;
    if let Some(cap) = heads.softcap {
        let queries = heads_of(&trace.qkv, 0, heads.num_heads, heads.head_dim)?.index_select(&rows, 1)?;
        let keys = heads_of(&trace.qkv, heads.key_column(0), heads.num_kv_heads, heads.head_dim)?;
        let bent = scores(heads, &queries, &keys)?;
        scores_g = (scores_g * (bent / cap)?.sqr()?.affine(-1.0, 1.0)?)?;
    }
    let qkv_g = attention_inputs_backward(heads, trace, &AttentionCotangent { scores_g, shares, output_g }, step.from, to)?;
    let sources: Vec<usize> = step.sources().iter().map(|s| s.unwrap_or(step.from.len())).collect();
    let sources = index(&sources, cotangent)?;
    let qkv_g = with_sources(heads, &qkv_g, &sources)?;
    let branch = prepared_backward(block, trace, &qkv_g, &index(&to.tokens, cotangent)?)?.matmul(&block.qkv.weight)?;
    let branch = match block.norm_place {
        NormPlace::Before => norm1_backward(block, trace, &branch, &index(&to.tokens, cotangent)?)?,
        NormPlace::After => branch,
    };
    let stream = g.pad_with_zeros(0, 0, 1)?.index_select(&sources, 0)?;
    Ok((flow, Some((stream + branch)?)))
}

/// MLP and norms: from the cotangent of the stream above the block to that of the stream with the attention's branch added.
pub(super) fn row_local_backward(block: &Block, trace: &BlockTrace, cotangent: &Tensor, rows: &Tensor) -> Candle<Tensor> {
    let mlp_backward = |g: &Tensor| -> Candle<Tensor> {
        let hidden = match block.branch_norms.as_ref().zip(trace.branches.as_ref()) {
            Some((norms, branches)) => norm_backward(g, &branches.mlp, &branches.mlp_stats, &norms.mlp, rows)?,
            None => g.clone(),
        };
        let hidden = hidden.matmul(&block.down.weight)?;
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

/// The backward of [`prepared`] at the rows `tokens`.
fn prepared_backward(block: &Block, trace: &BlockTrace, g: &Tensor, tokens: &Tensor) -> Candle<Tensor> {
    let turn = trace.places.turn.as_ref();
    if block.qk_norms.is_none() && turn.is_none() {
        return Ok(g.clone());
    }
    let heads = block.heads;
    let (of_queries, of_keys) = (heads.key_column(0), heads.value_column(0) - heads.key_column(0));
    let at = |x: &Tensor| x.index_select(tokens, 0);
    let turn = turn.map(|turn| Candle::Ok(Turn { cos: at(&turn.cos)?, sin: at(&turn.sin)? })).transpose()?;
    let back = |first: usize, width: usize, own_norm: Option<&Norm>| -> Candle<Tensor> {
        let mut part = by_head(&g.narrow(1, first, width)?.contiguous()?, heads.head_dim)?;
        if let Some(turn) = &turn {
            part = turned(&part, turn, true)?;
        }
        let mut part = part.reshape(((), heads.head_dim))?;
        if let Some((own_norm, before)) = own_norm.zip(trace.before_qk_norms.as_ref()) {
            let x =
                by_head(&at(before)?.narrow(1, first, width)?.contiguous()?, heads.head_dim)?.reshape(((), heads.head_dim))?;
            let all: Vec<usize> = (0..x.dim(0)?).collect();
            part = norm_backward(&part, &x, &norm(&x, own_norm)?.1, own_norm, &index(&all, &x)?)?;
        }
        part.reshape((g.dim(0)?, width))
    };
    let norms = block.qk_norms.as_ref();
    let queries = back(0, of_queries, norms.map(|n| &n.query))?;
    let keys = back(of_queries, of_keys, norms.map(|n| &n.key))?;
    Tensor::cat(&[queries, keys, g.narrow(1, of_queries + of_keys, of_keys)?], 1)
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
