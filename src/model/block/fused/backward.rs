//! The backward of the fused block: what works row by row, then the attention by targets and key heads, then the inputs.

use std::ops::Deref;

use candle_core::{Storage, Tensor};
use rayon::prelude::*;

use super::super::loops::{NormRow, add_norm_backward, add_scaled, attention_row, bend_backward, multiply};
use super::super::product::{View, add_product, set_product, view, view_mut};
use super::super::{Block, BlockTrace, Heads, Norm, NormPlace, RowSet, Step};
use super::{Held, HeldNorm, heads, hold, hold_norm, rows_per_task, tensor};
use crate::domain::Result;

/// `g W`, the backward of `super::add_linear`.
fn linear_backward(g: &[f32], weight: &[f32], rows: usize) -> Vec<f32> {
    let width_out = g.len() / rows;
    let width_in = weight.len() / width_out;
    let mut out = vec![0.0; rows * width_in];
    let weight = view(weight, width_out, width_in, width_in);
    set_product(view_mut(&mut out, rows, width_in, width_in), view(g, rows, width_out, width_out), weight, 1.0);
    out
}

pub(in super::super) fn backward(
    block: &Block,
    trace: &BlockTrace,
    attention: &Tensor,
    cotangent: &Tensor,
    relevance: &Tensor,
    step: &Step<'_>,
) -> Result<(Tensor, Option<Tensor>)> {
    let (targets, tokens) = relevance.dims2()?;
    let width = cotangent.dim(1)?;
    let (g, output_g) = row_local_backward(block, trace, cotangent, step.from)?;
    let (qkv, attention, relevance) = (hold(&trace.qkv), hold(attention), hold(relevance));
    let work = AttentionBackward {
        heads: block.heads,
        tokens,
        qkv: qkv.get(),
        attention: attention.get(),
        output_g: &output_g,
        relevance: relevance.get(),
        step,
    };
    let group = work.targets_per_task();
    let parts = work.run(group);
    let flow = tensor(work.flow(&parts, group), &[targets, tokens])?;
    let Some(to) = step.to else { return Ok((flow, None)) };
    let sources = step.sources();
    let mut qkv_g = work.gather(&parts, group, to, &sources);
    heads::backward(block, trace, &mut qkv_g, &to.tokens);
    let below = input_backward(block, trace, to, &InputCotangent { qkv: &qkv_g, stream: &g, sources: &sources })?;
    Ok((flow, Some(tensor(below, &[to.len(), width])?)))
}

/// MLP, norms and output projection: cotangents of the stream with the attention's branch added `[R, D]` and of the heads'
/// outputs `[R, H d]`.
fn row_local_backward(block: &Block, trace: &BlockTrace, cotangent: &Tensor, rows: &RowSet) -> Result<(Vec<f32>, Vec<f32>)> {
    let cotangent = cotangent.contiguous()?;
    let width = cotangent.dim(1)?;
    let (up_width, heads_width) = (block.up.weight.dim(0)?, block.heads.output_width());
    let (cotangent, slope) = (hold(&cotangent), hold(&trace.slope));
    let slope = slope.get();
    let norm1 = hold_norm_input(&block.norm1, &trace.before_norm1, &trace.stats1);
    let norm2 = hold_norm_input(&block.norm2, &trace.before_norm2, &trace.stats2);
    let branch_norms = block.branch_norms.as_ref().zip(trace.branches.as_ref()).map(|(norms, branches)| {
        let attention = hold_norm_input(&norms.attention, &branches.attention, &branches.attention_stats);
        (attention, hold_norm_input(&norms.mlp, &branches.mlp, &branches.mlp_stats))
    });
    let (down, up, out) = (hold(&block.down.weight), hold(&block.up.weight), hold(&block.out.weight));
    let mut g = cotangent.get().to_vec();
    let mut output_g = vec![0.0; rows.len() * heads_width];
    let chunk = rows_per_task(rows.len());
    let parts = g.par_chunks_mut(chunk * width).zip(output_g.par_chunks_mut(chunk * heads_width));
    parts.zip(rows.tokens.par_chunks(chunk)).for_each(|((g, output_g), tokens)| {
        let count = tokens.len();
        if block.norm_place == NormPlace::After {
            norm2.replace(g, tokens);
        }
        let mut hidden = match &branch_norms {
            Some((_, mlp)) => linear_backward(&mlp.of(g, tokens), down.get(), count),
            None => linear_backward(g, down.get(), count),
        };
        let mut unactivated = if block.gated { doubled(&hidden, up_width) } else { std::mem::take(&mut hidden) };
        for (row, &token) in unactivated.chunks_exact_mut(up_width).zip(tokens) {
            multiply(row, &slope[token * up_width..][..up_width]);
        }
        let mut branch = linear_backward(&unactivated, up.get(), count);
        match block.norm_place {
            NormPlace::Before => norm2.add(&mut branch, tokens, g),
            NormPlace::After => {
                add_scaled(g, &branch, 1.0);
                norm1.replace(g, tokens);
            }
        }
        output_g.copy_from_slice(&match &branch_norms {
            Some((attention, _)) => linear_backward(&attention.of(g, tokens), out.get(), count),
            None => linear_backward(g, out.get(), count),
        });
    });
    Ok((g, output_g))
}

/// What the backward of a norm reads, held.
struct NormInput<W, G> {
    norm: HeldNorm<W>,
    x: Held<G>,
    stats: Held<G>,
}

fn hold_norm_input<'a>(
    norm: &'a Norm,
    x: &'a Tensor,
    stats: &'a Tensor,
) -> NormInput<impl Deref<Target = Storage> + 'a, impl Deref<Target = Storage> + 'a> {
    NormInput { norm: hold_norm(norm), x: hold(x), stats: hold(stats) }
}

impl<W: Deref<Target = Storage>, G: Deref<Target = Storage>> NormInput<W, G> {
    /// `out += norm'(g)` at the rows `tokens`; `g` is overwritten.
    fn add(&self, g: &mut [f32], tokens: &[usize], out: &mut [f32]) {
        let (norm, x, stats) = (self.norm.get(), self.x.get(), self.stats.get());
        let width = norm.weight.len();
        for ((g, out), &token) in g.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)).zip(tokens) {
            let row = NormRow { x: &x[token * width..][..width], mean: stats[2 * token], rstd: stats[2 * token + 1] };
            add_norm_backward(g, norm, row, out);
        }
    }

    /// `norm'(g)` at the rows `tokens`.
    fn of(&self, g: &[f32], tokens: &[usize]) -> Vec<f32> {
        let (mut above, mut below) = (g.to_vec(), vec![0.0; g.len()]);
        self.add(&mut above, tokens, &mut below);
        below
    }

    /// `g = norm'(g)` at the rows `tokens`.
    fn replace(&self, g: &mut [f32], tokens: &[usize]) {
        g.copy_from_slice(&self.of(g, tokens));
    }
}

/// Every row twice beside itself: a gate and its value have the same cotangent before their slopes.
fn doubled(rows: &[f32], width: usize) -> Vec<f32> {
    rows.chunks_exact(width / 2).flat_map(|row| [row, row]).flatten().copied().collect()
}

/// Cotangents that meet below the attention.
struct InputCotangent<'a> {
    /// `[to rows, (H + 2G) d]`.
    qkv: &'a [f32],
    /// `[from rows, D]`, along the residual stream.
    stream: &'a [f32],
    /// Row of `stream` for each row of `qkv`.
    sources: &'a [Option<usize>],
}

/// Query, key and value maps, and the first norm where it stands before them: `[to rows, D]`.
fn input_backward(block: &Block, trace: &BlockTrace, to: &RowSet, g: &InputCotangent<'_>) -> Result<Vec<f32>> {
    let width = trace.before_norm1.dim(1)?;
    let qkv_width = block.heads.qkv_width();
    let weight = hold(&block.qkv.weight);
    let norm1 = hold_norm_input(&block.norm1, &trace.before_norm1, &trace.stats1);
    let mut below = vec![0.0; to.len() * width];
    let chunk = rows_per_task(to.len());
    let parts = below.par_chunks_mut(chunk * width).zip(g.qkv.par_chunks(chunk * qkv_width));
    parts.zip(to.tokens.par_chunks(chunk)).zip(g.sources.par_chunks(chunk)).for_each(|(((below, qkv_g), tokens), sources)| {
        let mut branch = linear_backward(qkv_g, weight.get(), tokens.len());
        for (below, source) in below.chunks_exact_mut(width).zip(sources) {
            if let Some(source) = source {
                below.copy_from_slice(&g.stream[source * width..][..width]);
            }
        }
        match block.norm_place {
            NormPlace::Before => norm1.add(&mut branch, tokens, below),
            NormPlace::After => add_scaled(below, &branch, 1.0),
        }
    });
    Ok(below)
}

/// The attention's backward for rows that carry a cotangent, cut into tasks of some targets and one key head.
struct AttentionBackward<'a> {
    heads: Heads,
    tokens: usize,
    /// `[T, (H + 2G) d]`.
    qkv: &'a [f32],
    /// `[H, T, T]`.
    attention: &'a [f32],
    /// `[from rows, H d]`.
    output_g: &'a [f32],
    /// `[targets, T]`.
    relevance: &'a [f32],
    step: &'a Step<'a>,
}

/// What one task makes for its targets and the query heads of one key head.
struct Part {
    /// `[targets of the task, T]`.
    flow: Vec<f32>,
    /// `[from rows, group d]`; empty where nothing below is asked for.
    query_g: Vec<f32>,
    /// `[to rows, d]`.
    key_g: Vec<f32>,
    /// `[to rows, d]`.
    value_g: Vec<f32>,
}

impl AttentionBackward<'_> {
    /// Small row sets are taken together, so that products have enough rows.
    fn targets_per_task(&self) -> usize {
        let per_thread = self.step.from.num_targets().div_ceil(rayon::current_num_threads());
        (128 / self.step.from.per_target).clamp(1, per_thread.max(1))
    }

    fn run(&self, group: usize) -> Vec<Part> {
        let num_targets = self.step.from.num_targets();
        let tasks = num_targets.div_ceil(group) * self.heads.num_kv_heads;
        let task = |i: usize| {
            let first = i / self.heads.num_kv_heads * group;
            self.part(first, group.min(num_targets - first), i % self.heads.num_kv_heads)
        };
        (0..tasks).into_par_iter().map(task).collect()
    }

    fn part(&self, first: usize, count: usize, kv_head: usize) -> Part {
        let (dim, tokens) = (self.heads.head_dim, self.tokens);
        let rows = count * self.step.from.per_target;
        let to_rows = self.step.to.map_or(0, |to| count * to.per_target);
        let below = self.step.to.is_some();
        let mut part = Part {
            flow: vec![0.0; count * tokens],
            query_g: vec![0.0; if below { rows * self.heads.group() * dim } else { 0 }],
            key_g: vec![0.0; to_rows * dim],
            value_g: vec![0.0; to_rows * dim],
        };
        let mut scores_g = vec![0.0; rows * tokens];
        for in_group in 0..self.heads.group() {
            let head = kv_head * self.heads.group() + in_group;
            self.scores_backward(first, kv_head, head, &mut scores_g, &mut part.flow);
            if below {
                let keys = view(&self.qkv[self.heads.key_column(kv_head)..], tokens, dim, self.heads.qkv_width());
                let stride = self.heads.group() * dim;
                let query_g = view_mut(&mut part.query_g[in_group * dim..], rows, dim, stride);
                set_product(query_g, view(&scores_g, rows, tokens, tokens), keys, 1.0);
                for target in 0..count {
                    self.key_value_backward(first + target, target, head, &scores_g, &mut part);
                }
            }
        }
        part
    }

    /// From the heads' outputs to the scores, `[rows, T]`; adds what flows along the attention.
    fn scores_backward(&self, first: usize, kv_head: usize, head: usize, scores_g: &mut [f32], flow: &mut [f32]) {
        let (heads, tokens, from) = (self.heads, self.tokens, self.step.from);
        let rows = scores_g.len() / tokens;
        let first_row = first * from.per_target;
        let width = heads.output_width();
        let values = view(&self.qkv[heads.value_column(kv_head)..], tokens, heads.head_dim, heads.qkv_width());
        let output_g = view(&self.output_g[first_row * width + head * heads.head_dim..], rows, heads.head_dim, width);
        set_product(view_mut(scores_g, rows, tokens, tokens), output_g, values.transpose(), 1.0);
        let fused = 1.0 / heads.num_heads as f32;
        for (row, gradient) in scores_g.chunks_exact_mut(tokens).enumerate() {
            let (token, target) = (from.tokens[first_row + row], row / from.per_target);
            let weight = fused * self.relevance[(first + target) * tokens + token];
            let flow = &mut flow[target * tokens..][..tokens];
            attention_row(gradient, self.attention_of(head, token), heads.scale as f32, weight, flow);
        }
        if let Some(cap) = heads.softcap {
            let keys = view(&self.qkv[heads.key_column(kv_head)..], tokens, heads.head_dim, heads.qkv_width());
            self.unbend(&from.tokens[first_row..first_row + rows], head, keys, cap as f32, scores_g);
        }
    }

    /// Takes the cotangents of bent scores to those of the scores, which are found anew.
    fn unbend(&self, rows: &[usize], head: usize, keys: View<'_>, cap: f32, scores_g: &mut [f32]) {
        let (heads, tokens) = (self.heads, self.tokens);
        let query = |&token: &usize| &self.qkv[token * heads.qkv_width() + head * heads.head_dim..][..heads.head_dim];
        let queries: Vec<f32> = rows.iter().flat_map(query).copied().collect();
        let mut scores = vec![0.0; scores_g.len()];
        let queries = view(&queries, rows.len(), heads.head_dim, heads.head_dim);
        set_product(view_mut(&mut scores, rows.len(), tokens, tokens), queries, keys.transpose(), heads.scale as f32);
        bend_backward(scores_g, &scores, cap);
    }

    fn attention_of(&self, head: usize, token: usize) -> &[f32] {
        &self.attention[(head * self.tokens + token) * self.tokens..][..self.tokens]
    }

    /// Keys and values of the rows that carry a cotangent below, for one target.
    fn key_value_backward(&self, target: usize, in_task: usize, head: usize, scores_g: &[f32], part: &mut Part) {
        let Some(to) = self.step.to else { return };
        let (heads, from, tokens) = (self.heads, self.step.from, self.tokens);
        let (dim, keep) = (heads.head_dim, from.per_target);
        let rows = target * keep..(target + 1) * keep;
        let scores_g = &scores_g[in_task * keep * tokens..][..keep * tokens];
        let key_g = &mut part.key_g[in_task * to.per_target * dim..][..to.per_target * dim];
        let value_g = &mut part.value_g[in_task * to.per_target * dim..][..to.per_target * dim];
        if from.all && to.all {
            let queries = view(&self.qkv[head * dim..], tokens, dim, heads.qkv_width());
            add_product(view_mut(key_g, tokens, dim, dim), view(scores_g, tokens, tokens, tokens).transpose(), queries);
            let width = heads.output_width();
            let output_g = view(&self.output_g[rows.start * width + head * dim..], tokens, dim, width);
            let shares = view(&self.attention[head * tokens * tokens..], tokens, tokens, tokens);
            add_product(view_mut(value_g, tokens, dim, dim), shares.transpose(), output_g);
            return;
        }
        let below = &to.tokens[target * to.per_target..(target + 1) * to.per_target];
        for (row, scores_g) in rows.zip(scores_g.chunks_exact(tokens)) {
            let token = from.tokens[row];
            let query = &self.qkv[token * heads.qkv_width() + head * dim..][..dim];
            let output_g = &self.output_g[row * heads.output_width() + head * dim..][..dim];
            let shares = self.attention_of(head, token);
            for (place, &other) in below.iter().enumerate() {
                add_scaled(&mut key_g[place * dim..][..dim], query, scores_g[other]);
                add_scaled(&mut value_g[place * dim..][..dim], output_g, shares[other]);
            }
        }
    }

    /// `[targets, T]`: the sum over key heads, always in the same order.
    fn flow(&self, parts: &[Part], group: usize) -> Vec<f32> {
        let mut flow = vec![0.0; self.relevance.len()];
        let of_group = flow.par_chunks_mut(group * self.tokens).zip(parts.par_chunks(self.heads.num_kv_heads));
        of_group.for_each(|(flow, parts)| parts.iter().for_each(|part| add_scaled(flow, &part.flow, 1.0)));
        flow
    }

    /// Cotangents of queries, keys and values beside each other: `[to rows, (H + 2G) d]`.
    fn gather(&self, parts: &[Part], group: usize, to: &RowSet, sources: &[Option<usize>]) -> Vec<f32> {
        let (heads, dim) = (self.heads, self.heads.head_dim);
        let (width, query_width) = (heads.qkv_width(), heads.group() * dim);
        let mut out = vec![0.0; to.len() * width];
        let of_group = out.par_chunks_mut(group * to.per_target * width).zip(parts.par_chunks(heads.num_kv_heads));
        of_group.enumerate().for_each(|(i, (out, parts))| {
            let first_source = i * group * self.step.from.per_target;
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                let source = sources[i * group * to.per_target + row];
                for (kv_head, part) in parts.iter().enumerate() {
                    if let Some(source) = source {
                        let query_g = &part.query_g[(source - first_source) * query_width..][..query_width];
                        out[kv_head * query_width..][..query_width].copy_from_slice(query_g);
                    }
                    out[heads.key_column(kv_head)..][..dim].copy_from_slice(&part.key_g[row * dim..][..dim]);
                    out[heads.value_column(kv_head)..][..dim].copy_from_slice(&part.value_g[row * dim..][..dim]);
                }
            }
        });
        out
    }
}
