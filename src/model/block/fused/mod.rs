//! The block on the processor, in `f32`: three parallel sections forward and three backward, each working on a few rows at a
//! time so that what one product makes is still in the cache when the next one reads it.
//!
//! Results do not depend on which thread takes which rows; how rows are cut depends only on their number and on the number
//! of threads, so the same machine gives the same bytes.

mod backward;

use std::ops::Deref;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;

use super::loops::{activate_rows, add_scaled, norm_rows, softmax_rows};
use super::product::{add_product, set_product, view, view_mut};
use super::{Block, BlockTrace, Heads, Linear, Norm, NormPlace};
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
}

fn hold_norm(norm: &Norm) -> HeldNorm<impl Deref<Target = Storage> + '_> {
    HeldNorm { weight: hold(&norm.weight), bias: hold(&norm.bias), eps: norm.eps as f32 }
}

impl<G: Deref<Target = Storage>> HeldNorm<G> {
    fn get(&self) -> (&[f32], &[f32], f32) {
        (self.weight.get(), self.bias.get(), self.eps)
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

pub(super) fn forward(block: &Block, x: &Tensor, drop_attention: bool) -> Result<(BlockTrace, Tensor)> {
    let x = x.contiguous()?;
    let first_norm = (block.norm_place == NormPlace::Before).then_some(&block.norm1);
    let (qkv, first_stats) = project(&x, first_norm, &block.qkv)?;
    let attention = attention(block, &qkv)?;
    let Tail { mid, mid_stats, slope, end, last } = tail(block, &x, &qkv, &attention)?;
    let attention = (!drop_attention).then_some(attention);
    Ok(match last {
        None => {
            let (stats1, stats2) = (first_stats, mid_stats);
            (BlockTrace { before_norm1: x, stats1, qkv, attention, before_norm2: mid, stats2, slope }, end)
        }
        Some((out, stats2)) => {
            (BlockTrace { before_norm1: mid, stats1: mid_stats, qkv, attention, before_norm2: end, stats2, slope }, out)
        }
    })
}

/// Norm, where there is one, and linear map: `([T, out], [T, 2])`.
fn project(x: &Tensor, norm: Option<&Norm>, linear: &Linear) -> Result<(Tensor, Tensor)> {
    let (tokens, width) = x.dims2()?;
    let width_out = linear.weight.dim(0)?;
    let (mut out, mut stats) = (vec![0.0; tokens * width_out], vec![0.0; tokens * 2]);
    {
        let (x, weight, bias, norm) = (hold(x), hold(&linear.weight), hold(&linear.bias), norm.map(hold_norm));
        let (x, weight, bias, norm) = (x.get(), weight.get(), bias.get(), norm.as_ref().map(HeldNorm::get));
        let chunk = rows_per_task(tokens);
        let tasks = x.par_chunks(chunk * width).zip(out.par_chunks_mut(chunk * width_out)).zip(stats.par_chunks_mut(chunk * 2));
        tasks.for_each(|((x, out), stats)| {
            fill_rows(out, bias);
            let Some(norm) = norm else { return add_linear(out, x, weight, x.len() / width) };
            let mut y = vec![0.0; x.len()];
            norm_rows(x, norm, &mut y, stats);
            add_linear(out, &y, weight, x.len() / width);
        });
    }
    Ok((tensor(out, &[tokens, width_out])?, tensor(stats, &[tokens, 2])?))
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Attention after the softmax, `[H, T, T]`.
pub(super) fn attention(block: &Block, qkv: &Tensor) -> Result<Tensor> {
    let heads = block.heads;
    let (tokens, stride) = qkv.dims2()?;
    let mut out = vec![0.0; heads.num_heads * tokens * tokens];
    {
        let qkv = hold(qkv);
        let qkv = qkv.get();
        let chunk = rows_per_task(tokens);
        out.par_chunks_mut(tokens * tokens).enumerate().for_each(|(head, scores)| {
            let keys = view(&qkv[heads.key_column(head / heads.group())..], tokens, heads.head_dim, stride);
            scores.par_chunks_mut(chunk * tokens).enumerate().for_each(|(part, scores)| {
                let rows = scores.len() / tokens;
                let first = part * chunk * stride + head * heads.head_dim;
                let queries = view(&qkv[first..], rows, heads.head_dim, stride);
                set_product(view_mut(scores, rows, tokens, tokens), queries, keys.transpose(), heads.scale as f32);
                softmax_rows(scores, tokens);
            });
        });
    }
    tensor(out, &[heads.num_heads, tokens, tokens])
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
    {
        let (x, qkv, attention) = (hold(x), hold(qkv), hold(attention));
        let (x, qkv, attention) = (x.get(), qkv.get(), attention.get());
        let (out_weight, out_bias) = (hold(&block.out.weight), hold(&block.out.bias));
        let (mid_norm, last_norm) = (hold_norm(mid_norm), last_norm.map(hold_norm));
        let (up_weight, up_bias) = (hold(&block.up.weight), hold(&block.up.bias));
        let (down_weight, down_bias) = (hold(&block.down.weight), hold(&block.down.bias));
        let chunk = rows_per_task(tokens);
        let parts = mid.par_chunks_mut(chunk * width).zip(stats.par_chunks_mut(chunk * 2));
        let parts = parts.zip(slope.par_chunks_mut(chunk * up_width)).zip(end.par_chunks_mut(chunk * width));
        let parts = parts.zip(chunks_where_any(&mut last, chunk, tokens));
        parts.enumerate().for_each(|(part, ((((mid, stats), slope), end), last))| {
            let (first, rows) = (part * chunk, stats.len() / 2);
            let values = mix_values(block.heads, qkv, attention, first, rows);
            fill_rows(mid, out_bias.get());
            add_scaled(mid, &x[first * width..], 1.0);
            add_linear(mid, &values, out_weight.get(), rows);
            let mut y = vec![0.0; rows * width];
            norm_rows(mid, mid_norm.get(), &mut y, stats);
            let mut u = vec![0.0; rows * up_width];
            fill_rows(&mut u, up_bias.get());
            add_linear(&mut u, &y, up_weight.get(), rows);
            let mut activated = vec![0.0; rows * hidden];
            activate_rows(block.activation, hidden, &u, &mut activated, slope);
            fill_rows(end, down_bias.get());
            add_scaled(end, if last.is_some() { &y } else { mid }, 1.0);
            add_linear(end, &activated, down_weight.get(), rows);
            if let (Some((out, stats)), Some(norm)) = (last, &last_norm) {
                norm_rows(end, norm.get(), out, stats);
            }
        });
    }
    let rows = |values: Vec<f32>, width: usize| tensor(values, &[tokens, width]);
    let last = last.map(|(out, stats)| Result::Ok((rows(out, width)?, rows(stats, 2)?))).transpose()?;
    Ok(Tail { mid: rows(mid, width)?, mid_stats: rows(stats, 2)?, slope: rows(slope, up_width)?, end: rows(end, width)?, last })
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
