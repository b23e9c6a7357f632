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
use super::{Block, BlockTrace, Heads, Linear, Norm};
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
    let (qkv, stats1) = project(&x, &block.norm1, &block.qkv)?;
    let attention = attention(block, &qkv)?;
    let tail = tail(block, &x, &qkv, &attention)?;
    let trace = BlockTrace {
        input: x,
        stats1,
        qkv,
        attention: (!drop_attention).then_some(attention),
        mid: tail.mid,
        stats2: tail.stats2,
        slope: tail.slope,
    };
    Ok((trace, tail.out))
}

/// Norm and linear map: `([T, out], [T, 2])`.
fn project(x: &Tensor, norm: &Norm, linear: &Linear) -> Result<(Tensor, Tensor)> {
    let (tokens, width) = x.dims2()?;
    let width_out = linear.weight.dim(0)?;
    let (mut out, mut stats) = (vec![0.0; tokens * width_out], vec![0.0; tokens * 2]);
    {
        let (x, norm_weight, norm_bias) = (hold(x), hold(&norm.weight), hold(&norm.bias));
        let (weight, bias) = (hold(&linear.weight), hold(&linear.bias));
        let (x, norm_weight, norm_bias, weight, bias) = (x.get(), norm_weight.get(), norm_bias.get(), weight.get(), bias.get());
        let chunk = rows_per_task(tokens);
        let tasks = x.par_chunks(chunk * width).zip(out.par_chunks_mut(chunk * width_out)).zip(stats.par_chunks_mut(chunk * 2));
        tasks.for_each(|((x, out), stats)| {
            let mut y = vec![0.0; x.len()];
            norm_rows(x, (norm_weight, norm_bias, norm.eps as f32), &mut y, stats);
            fill_rows(out, bias);
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

struct Tail {
    mid: Tensor,
    stats2: Tensor,
    slope: Tensor,
    out: Tensor,
}

/// From the attention to the end of the block: everything that works row by row.
fn tail(block: &Block, x: &Tensor, qkv: &Tensor, attention: &Tensor) -> Result<Tail> {
    let (tokens, width) = x.dims2()?;
    let (up_width, hidden) = (block.up.weight.dim(0)?, block.down.weight.dim(1)?);
    let mut mid = vec![0.0; tokens * width];
    let mut stats = vec![0.0; tokens * 2];
    let mut slope = vec![0.0; tokens * up_width];
    let mut out = vec![0.0; tokens * width];
    {
        let (x, qkv, attention) = (hold(x), hold(qkv), hold(attention));
        let (x, qkv, attention) = (x.get(), qkv.get(), attention.get());
        let (out_weight, out_bias) = (hold(&block.out.weight), hold(&block.out.bias));
        let (norm_weight, norm_bias) = (hold(&block.norm2.weight), hold(&block.norm2.bias));
        let (up_weight, up_bias) = (hold(&block.up.weight), hold(&block.up.bias));
        let (down_weight, down_bias) = (hold(&block.down.weight), hold(&block.down.bias));
        let chunk = rows_per_task(tokens);
        let parts = mid.par_chunks_mut(chunk * width).zip(stats.par_chunks_mut(chunk * 2));
        let parts = parts.zip(slope.par_chunks_mut(chunk * up_width)).zip(out.par_chunks_mut(chunk * width));
        parts.enumerate().for_each(|(part, (((mid, stats), slope), out))| {
            let (first, rows) = (part * chunk, stats.len() / 2);
            let values = mix_values(block.heads, qkv, attention, first, rows);
            fill_rows(mid, out_bias.get());
            add_scaled(mid, &x[first * width..], 1.0);
            add_linear(mid, &values, out_weight.get(), rows);
            let mut y = vec![0.0; rows * width];
            norm_rows(mid, (norm_weight.get(), norm_bias.get(), block.norm2.eps as f32), &mut y, stats);
            let mut u = vec![0.0; rows * up_width];
            fill_rows(&mut u, up_bias.get());
            add_linear(&mut u, &y, up_weight.get(), rows);
            let mut activated = vec![0.0; rows * hidden];
            activate_rows(block.activation, hidden, &u, &mut activated, slope);
            fill_rows(out, down_bias.get());
            add_scaled(out, mid, 1.0);
            add_linear(out, &activated, down_weight.get(), rows);
        });
    }
    Ok(Tail {
        mid: tensor(mid, &[tokens, width])?,
        stats2: tensor(stats, &[tokens, 2])?,
        slope: tensor(slope, &[tokens, up_width])?,
        out: tensor(out, &[tokens, width])?,
    })
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
