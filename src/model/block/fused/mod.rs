//! The block on the processor, in `f32`: three parallel sections forward and three backward, each working on a few rows at a
//! time so that what one product makes is still in the cache when the next one reads it.
//!
//! Results do not depend on which thread takes which rows; how rows are cut depends only on their number and on the number
//! of threads, so the same machine gives the same bytes.

mod backward;
mod heads;

use std::ops::Deref;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;

use super::loops::{NormWeights, activate_rows, add_scaled, bend, norm_rows, softmax_rows};
use super::product::{add_product, set_product, view, view_mut};
use super::{Block, BlockTrace, Branches, Heads, Linear, Norm, NormKind, NormPlace, Places, Sees};
use crate::domain::Result;

pub(super) use backward::backward;

/// The values of a contiguous tensor, held for reading.
struct Held<G> {
    guard: G,
    start: usize,
    len: usize,
}

impl<G: Deref<Target = Storage>> Held<G> {
    fn get(&self) -> &[f32] {
        match &*self.guard {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.start + self.len],
            _ => &[],
        }
    }
}

fn hold(tensor: &Tensor) -> Held<impl Deref<Target = Storage> + '_> {
    let (guard, layout) = tensor.storage_and_layout();
    debug_assert!(layout.is_contiguous());
    Held { guard, start: layout.start_offset(), len: layout.shape().elem_count() }
}

/// A norm, held for reading.
struct HeldNorm<G> {
    weight: Held<G>,
    bias: Held<G>,
    eps: f32,
    kind: NormKind,
}

fn hold_norm(norm: &Norm) -> HeldNorm<impl Deref<Target = Storage> + '_> {
    HeldNorm { weight: hold(&norm.weight), bias: hold(&norm.bias), eps: norm.eps as f32, kind: norm.kind }
}

impl<G: Deref<Target = Storage>> HeldNorm<G> {
    fn get(&self) -> NormWeights<'_> {
        let centred = self.kind == NormKind::Layer;
        NormWeights { weight: self.weight.get(), bias: self.bias.get(), eps: self.eps, centred }
    }
}

/// A linear map, held for reading.
struct HeldLinear<G> {
    weight: Held<G>,
    bias: Held<G>,
}

fn hold_linear(linear: &Linear) -> HeldLinear<impl Deref<Target = Storage> + '_> {
    HeldLinear { weight: hold(&linear.weight), bias: hold(&linear.bias) }
}

impl<G: Deref<Target = Storage>> HeldLinear<G> {
    /// `x W^T + b` for some rows.
    fn apply(&self, x: &[f32], rows: usize) -> Vec<f32> {
        let bias = self.bias.get();
        let mut out = vec![0.0; rows * bias.len()];
        fill_rows(&mut out, bias);
        add_linear(&mut out, x, self.weight.get(), rows);
        out
    }
}

/// Rows that one task takes: all threads busy, and no more than stay in a core's cache.
fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads()).clamp(1, 256)
}

fn fill_rows(out: &mut [f32], row: &[f32]) {
    out.chunks_exact_mut(row.len()).for_each(|o| o.copy_from_slice(row));
}

/// `out += x W^T`.
fn add_linear(out: &mut [f32], x: &[f32], weight: &[f32], rows: usize) {
    let (width_in, width_out) = (x.len() / rows, out.len() / rows);
    let weight = view(weight, width_out, width_in, width_in);
    add_product(view_mut(out, rows, width_out, width_out), view(x, rows, width_in, width_in), weight.transpose());
}

pub(super) fn forward(block: &Block, x: &Tensor, places: Places, drop_attention: bool) -> Result<(BlockTrace, Tensor)> {
    let x = x.contiguous()?;
    let Projected { qkv, stats: first_stats, before_qk_norms } = project(block, &x, &places)?;
    let attention = attention(block, &qkv, &places)?;
    let Tail { mid, mid_stats, slope, end, last, branches } = tail(block, &x, &qkv, &attention)?;
    let attention = (!drop_attention).then_some(attention);
    let (before_norm1, stats1, stats2, out) = match last {
        None => (x, first_stats, mid_stats.clone(), end.clone()),
        Some((out, stats2)) => (mid.clone(), mid_stats, stats2, out),
    };
    let before_norm2 = if block.norm_place == NormPlace::Before { mid } else { end };
    let trace =
        BlockTrace { before_norm1, stats1, qkv, before_qk_norms, places, attention, before_norm2, stats2, slope, branches };
    Ok((trace, out))
}

/// What the attention starts from.
struct Projected {
    /// `[T, (H + 2G) d]`.
    qkv: Tensor,
    /// `[T, 2]`, of the norm where it stands before.
    stats: Tensor,
    /// `[T, (H + G) d]`.
    before_qk_norms: Option<Tensor>,
}

/// Norm, where it stands before, the linear map, then what queries and keys go through.
fn project(block: &Block, x: &Tensor, places: &Places) -> Result<Projected> {
    let (tokens, width) = x.dims2()?;
    let width_out = block.heads.qkv_width();
    let (mut out, mut stats) = (vec![0.0; tokens * width_out], vec![0.0; tokens * 2]);
    let before: Vec<Option<Vec<f32>>> = {
        let norm = (block.norm_place == NormPlace::Before).then_some(&block.norm1);
        let (x, weight, bias, norm) = (hold(x), hold(&block.qkv.weight), hold(&block.qkv.bias), norm.map(hold_norm));
        let (x, weight, bias, norm) = (x.get(), weight.get(), bias.get(), norm.as_ref().map(HeldNorm::get));
        let heads = heads::hold_heads(block, places);
        let chunk = rows_per_task(tokens);
        let tasks = x.par_chunks(chunk * width).zip(out.par_chunks_mut(chunk * width_out)).zip(stats.par_chunks_mut(chunk * 2));
        let tasks = tasks.enumerate().map(|(part, ((x, out), stats))| {
            fill_rows(out, bias);
            let rows = x.len() / width;
            match norm {
                None => add_linear(out, x, weight, rows),
                Some(norm) => {
                    let mut y = vec![0.0; x.len()];
                    norm_rows(x, norm, &mut y, stats);
                    add_linear(out, &y, weight, rows);
                }
            }
            heads.forward(out, part * chunk)
        });
        tasks.collect()
    };
    let before: Option<Vec<f32>> = before.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.concat());
    let before = before.map(|rows| tensor(rows, &[tokens, block.heads.value_column(0)])).transpose()?;
    Ok(Projected { qkv: tensor(out, &[tokens, width_out])?, stats: tensor(stats, &[tokens, 2])?, before_qk_norms: before })
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Attention after the softmax, `[H, T, T]`.
pub(super) fn attention(block: &Block, qkv: &Tensor, places: &Places) -> Result<Tensor> {
    let heads = block.heads;
    let (tokens, stride) = qkv.dims2()?;
    let mut out = vec![0.0; heads.num_heads * tokens * tokens];
    let bias = block.relative_bias.as_ref().map(|bias| bias.between(places.grid)).transpose()?;
    {
        let (qkv, bias) = (hold(qkv), bias.as_ref().map(hold));
        let (qkv, bias) = (qkv.get(), bias.as_ref().map(Held::get));
        let chunk = rows_per_task(tokens);
        out.par_chunks_mut(tokens * tokens).enumerate().for_each(|(head, scores)| {
            let keys = &qkv[heads.key_column(head / heads.group())..];
            scores.par_chunks_mut(chunk * tokens).enumerate().for_each(|(part, scores)| {
                let (rows, first) = (scores.len() / tokens, part * chunk);
                // No row of the part sees a token beyond what its last row sees.
                let seen = heads.sees.range(first + rows - 1, tokens).end;
                let keys = view(keys, seen, heads.head_dim, stride);
                let queries = view(&qkv[first * stride + head * heads.head_dim..], rows, heads.head_dim, stride);
                set_product(view_mut(scores, rows, seen, tokens), queries, keys.transpose(), heads.scale as f32);
                if let Some(bias) = bias {
                    add_scaled(scores, &bias[(head * tokens + first) * tokens..][..scores.len()], 1.0);
                }
                shares(heads, scores, first, tokens);
            });
        });
    }
    tensor(out, &[heads.num_heads, tokens, tokens])
}

/// From scores to shares, for rows from `first` on.
fn shares(heads: Heads, scores: &mut [f32], first: usize, tokens: usize) {
    if let Some(cap) = heads.softcap {
        bend(scores, cap as f32);
    }
    if heads.sees == Sees::All {
        return softmax_rows(scores, tokens);
    }
    for (row, position) in scores.chunks_exact_mut(tokens).zip(first..) {
        let seen = heads.sees.range(position, tokens);
        row[..seen.start].fill(0.0);
        row[seen.end..].fill(0.0);
        let width = seen.len();
        softmax_rows(&mut row[seen], width);
    }
}

/// What the rows of a block are after the attention.
struct Tail {
    /// `[T, D]`, the stream with the attention's branch added.
    mid: Tensor,
    /// `[T, 2]`, its mean and 1/sigma.
    mid_stats: Tensor,
    slope: Tensor,
    /// `[T, D]`, the stream with the MLP's branch added.
    end: Tensor,
    /// Of a post-norm block: `end` after its norm, and its mean and 1/sigma.
    last: Option<(Tensor, Tensor)>,
    branches: Option<Branches>,
}

/// What the norms of the branches read in some rows.
#[derive(Default)]
struct BranchRows {
    attention: Vec<f32>,
    attention_stats: Vec<f32>,
    mlp: Vec<f32>,
    mlp_stats: Vec<f32>,
}

/// `out += branch`, or its norm where there is one; returns the branch and its mean and 1/sigma then.
fn add_branch(out: &mut [f32], branch: Vec<f32>, norm: Option<NormWeights<'_>>) -> Option<(Vec<f32>, Vec<f32>)> {
    let Some(norm) = norm else {
        add_scaled(out, &branch, 1.0);
        return None;
    };
    let (mut y, mut stats) = (vec![0.0; branch.len()], vec![0.0; branch.len() / norm.weight.len() * 2]);
    norm_rows(&branch, norm, &mut y, &mut stats);
    add_scaled(out, &y, 1.0);
    Some((branch, stats))
}

/// From the attention to the end of the block: everything that works row by row.
fn tail(block: &Block, x: &Tensor, qkv: &Tensor, attention: &Tensor) -> Result<Tail> {
    let (tokens, width) = x.dims2()?;
    let (up_width, hidden) = (block.up.weight.dim(0)?, block.down.weight.dim(1)?);
    let (mid_norm, last_norm) = match block.norm_place {
        NormPlace::Before => (&block.norm2, None),
        NormPlace::After => (&block.norm1, Some(&block.norm2)),
    };
    let rows_of = |width: usize| vec![0.0; tokens * width];
    let (mut mid, mut stats, mut slope, mut end) = (rows_of(width), rows_of(2), rows_of(up_width), rows_of(width));
    let mut last = last_norm.map(|_| (rows_of(width), rows_of(2)));
    let branches: Vec<Option<BranchRows>> = {
        let (x, qkv, attention) = (hold(x), hold(qkv), hold(attention));
        let (x, qkv, attention) = (x.get(), qkv.get(), attention.get());
        let (out, up, down) = (hold_linear(&block.out), hold_linear(&block.up), hold_linear(&block.down));
        let (mid_norm, last_norm) = (hold_norm(mid_norm), last_norm.map(hold_norm));
        let branch_norms = block.branch_norms.as_ref().map(|n| [hold_norm(&n.attention), hold_norm(&n.mlp)]);
        let branch_norms = branch_norms.as_ref().map(|norms| norms.each_ref().map(HeldNorm::get));
        let chunk = rows_per_task(tokens);
        let parts = mid.par_chunks_mut(chunk * width).zip(stats.par_chunks_mut(chunk * 2));
        let parts = parts.zip(slope.par_chunks_mut(chunk * up_width)).zip(end.par_chunks_mut(chunk * width));
        let parts = parts.zip(chunks_where_any(&mut last, chunk, tokens));
        let parts = parts.enumerate().map(|(part, ((((mid, stats), slope), end), last))| {
            let (first, rows) = (part * chunk, stats.len() / 2);
            let values = mix_values(block.heads, qkv, attention, first, rows);
            mid.copy_from_slice(&x[first * width..][..rows * width]);
            let attention = add_branch(mid, out.apply(&values, rows), branch_norms.map(|[norm, _]| norm));
            let mut y = vec![0.0; rows * width];
            norm_rows(mid, mid_norm.get(), &mut y, stats);
            let mut activated = vec![0.0; rows * hidden];
            activate_rows(block.activation, hidden, &up.apply(&y, rows), &mut activated, slope);
            end.copy_from_slice(if last.is_some() { &y } else { mid });
            let mlp = add_branch(end, down.apply(&activated, rows), branch_norms.map(|[_, norm]| norm));
            if let (Some((out, stats)), Some(norm)) = (last, &last_norm) {
                norm_rows(end, norm.get(), out, stats);
            }
            let ((attention, attention_stats), (mlp, mlp_stats)) = attention.zip(mlp)?;
            Some(BranchRows { attention, attention_stats, mlp, mlp_stats })
        });
        parts.collect()
    };
    let rows = |values: Vec<f32>, width: usize| tensor(values, &[tokens, width]);
    let last = last.map(|(out, stats)| Result::Ok((rows(out, width)?, rows(stats, 2)?))).transpose()?;
    let branches = branches.into_iter().collect::<Option<Vec<_>>>().map(|parts| joined(&parts, tokens)).transpose()?;
    let (mid, mid_stats, slope, end) = (rows(mid, width)?, rows(stats, 2)?, rows(slope, up_width)?, rows(end, width)?);
    Ok(Tail { mid, mid_stats, slope, end, last, branches })
}

fn joined(parts: &[BranchRows], tokens: usize) -> Result<Branches> {
    let join = |of: fn(&BranchRows) -> &Vec<f32>| {
        let values: Vec<f32> = parts.iter().flat_map(of).copied().collect();
        let width = values.len() / tokens;
        tensor(values, &[tokens, width])
    };
    Ok(Branches {
        attention: join(|p| &p.attention)?,
        attention_stats: join(|p| &p.attention_stats)?,
        mlp: join(|p| &p.mlp)?,
        mlp_stats: join(|p| &p.mlp_stats)?,
    })
}

/// The same rows of two matrices, where there are any.
type RowsOfBoth<'a> = Option<(&'a mut [f32], &'a mut [f32])>;

/// Cuts both into chunks of `chunk` rows; as many times nothing, where there is nothing to cut.
fn chunks_where_any(both: &mut Option<(Vec<f32>, Vec<f32>)>, chunk: usize, rows: usize) -> Vec<RowsOfBoth<'_>> {
    match both {
        Some((a, b)) => {
            let (a_size, b_size) = (a.len() / rows * chunk, b.len() / rows * chunk);
            a.chunks_mut(a_size).zip(b.chunks_mut(b_size)).map(Some).collect()
        }
        None => (0..rows.div_ceil(chunk)).map(|_| None).collect(),
    }
}

/// A V of all heads beside each other, for some rows: `[rows, H d]`.
fn mix_values(heads: Heads, qkv: &[f32], attention: &[f32], first: usize, rows: usize) -> Vec<f32> {
    let stride = heads.qkv_width();
    let tokens = qkv.len() / stride;
    let (width, dim) = (heads.output_width(), heads.head_dim);
    let mut out = vec![0.0; rows * width];
    for head in 0..heads.num_heads {
        let values = view(&qkv[heads.value_column(head / heads.group())..], tokens, dim, stride);
        let shares = view(&attention[(head * tokens + first) * tokens..], rows, tokens, tokens);
        set_product(view_mut(&mut out[head * dim..], rows, dim, width), shares, values, 1.0);
    }
    out
}
