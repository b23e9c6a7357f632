//! Between the projection and the attention: norms of queries and keys, and rotary positions.

use std::ops::Deref;

use candle_core::{Storage, Tensor};
use rayon::prelude::*;

use super::super::loops::{NormRow, NormWeights, add_norm_backward, norm_rows, turn_heads};
use super::super::{Block, BlockTrace, Heads, Places};
use super::{Held, HeldNorm, hold, hold_norm, rows_per_task};

/// What queries and keys go through, held for reading.
pub(super) struct Prepared<N, T> {
    heads: Heads,
    norms: Option<[HeldNorm<N>; 2]>,
    turn: Option<[Held<T>; 2]>,
}

pub(super) fn hold_heads<'a>(
    block: &'a Block,
    places: &'a Places,
) -> Prepared<impl Deref<Target = Storage> + 'a, impl Deref<Target = Storage> + 'a> {
    Prepared {
        heads: block.heads,
        norms: block.qk_norms.as_ref().map(|norms| [hold_norm(&norms.query), hold_norm(&norms.key)]),
        turn: places.turn.as_ref().map(|turn| [hold(&turn.cos), hold(&turn.sin)]),
    }
}

impl<N: Deref<Target = Storage>, T: Deref<Target = Storage>> Prepared<N, T> {
    /// Where queries end and keys begin, and where keys end.
    fn columns(&self) -> [usize; 2] {
        [self.heads.key_column(0), self.heads.value_column(0)]
    }

    /// Norms and turns rows of `[rows, (H + 2G) d]`, the first of which is the token `first`; returns queries and keys as they were,
    /// `[rows, (H + G) d]`, where there are norms.
    pub(super) fn forward(&self, rows: &mut [f32], first: usize) -> Option<Vec<f32>> {
        let (width, [queries, keys]) = (self.heads.qkv_width(), self.columns());
        let before = self.norms.as_ref().map(|norms| {
            let before: Vec<f32> = rows.chunks_exact(width).flat_map(|row| &row[..keys]).copied().collect();
            for (row, before) in rows.chunks_exact_mut(width).zip(before.chunks_exact(keys)) {
                let mut stats = vec![0.0; 2 * self.heads.num_heads];
                let [of_queries, of_keys] = norms.each_ref().map(HeldNorm::get);
                norm_rows(&before[..queries], of_queries, &mut row[..queries], &mut stats);
                norm_rows(&before[queries..], of_keys, &mut row[queries..keys], &mut stats);
            }
            before
        });
        for (row, token) in rows.chunks_exact_mut(width).zip(first..) {
            self.turn(&mut row[..keys], token, 1.0);
        }
        before
    }

    fn turn(&self, heads: &mut [f32], token: usize, direction: f32) {
        if let Some([cos, sin]) = self.turn.as_ref().map(|turn| turn.each_ref().map(Held::get)) {
            let half = self.heads.head_dim / 2;
            turn_heads(heads, &cos[token * half..][..half], &sin[token * half..][..half], direction);
        }
    }

    /// The backward of [`Self::forward`] for the rows `tokens` of cotangents, in place.
    fn backward(&self, rows: &mut [f32], tokens: &[usize], before: Option<&[f32]>) {
        let (width, [queries, keys]) = (self.heads.qkv_width(), self.columns());
        for (row, &token) in rows.chunks_exact_mut(width).zip(tokens) {
            self.turn(&mut row[..keys], token, -1.0);
            if let Some((norms, before)) = self.norms.as_ref().zip(before) {
                let before = &before[token * keys..][..keys];
                let [of_queries, of_keys] = norms.each_ref().map(HeldNorm::get);
                norms_backward(&mut row[..queries], &before[..queries], of_queries);
                norms_backward(&mut row[queries..keys], &before[queries..], of_keys);
            }
        }
    }
}

/// The backward of a norm of each head, in place; the heads' 1/sigma is found anew.
fn norms_backward(g: &mut [f32], before: &[f32], norm: NormWeights<'_>) {
    let dim = norm.weight.len();
    for (g, x) in g.chunks_exact_mut(dim).zip(before.chunks_exact(dim)) {
        let (mut y, mut stats) = (vec![0.0; dim], [0.0; 2]);
        norm_rows(x, norm, &mut y, &mut stats);
        y.fill(0.0);
        add_norm_backward(g, norm, NormRow { x, mean: stats[0], rstd: stats[1] }, &mut y);
        g.copy_from_slice(&y);
    }
}

/// From the cotangents of what the attention compares to those of what the projection makes, in place.
///
/// # Shapes
/// `qkv_g` is `[tokens.len(), (H + 2G) d]`.
pub(super) fn backward(block: &Block, trace: &BlockTrace, qkv_g: &mut [f32], tokens: &[usize]) {
    if block.qk_norms.is_none() && trace.places.turn.is_none() {
        return;
    }
    let heads = hold_heads(block, &trace.places);
    let before: Option<&Tensor> = trace.before_qk_norms.as_ref();
    let before = before.map(hold);
    let before = before.as_ref().map(Held::get);
    let chunk = rows_per_task(tokens.len());
    let parts = qkv_g.par_chunks_mut(chunk * block.heads.qkv_width()).zip(tokens.par_chunks(chunk));
    parts.for_each(|(rows, tokens)| heads.backward(rows, tokens, before));
}
