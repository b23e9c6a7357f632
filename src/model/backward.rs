//! ULTra's relevance by a hand-written backward, batched over targets, reduced to relevance rows block by block: no more than
//! one block's gradients ever exist (arXiv 2411.12589 in the row form r <- r + r M_b; own-row and K rows as in `rows`).

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use super::block::{RowSet, Step};
use super::trace::values;
use super::{Model, Trace};
use crate::domain::request::Rows;
use crate::domain::{Cancel, Progress, Result};

/// Rows of cotangent that go through the blocks together: enough for large products, few enough for the cache.
const ROWS_PER_CHUNK: usize = 1600;

/// What the backward starts from, and how it is stopped.
#[derive(Debug)]
pub struct Backward<'a> {
    /// The model.
    pub model: &'a Model,
    /// Its activations.
    pub trace: &'a Trace,
    /// Layer of the targets, 0..L.
    pub layer: usize,
    /// Rows that carry the cotangent.
    pub rows: Rows,
    /// Blocks that are gone through, from the layer downwards; 0 = all.
    pub blocks: usize,
    /// Looked at between blocks.
    pub cancel: &'a Cancel,
    /// Counts blocks.
    pub progress: &'a Progress,
}

impl Backward<'_> {
    /// Relevance rows of `targets`.
    ///
    /// # Shapes
    /// `seeds` is `[targets, D]`, the gradient of the scalar at each target; the result `[targets, T]`, row-major.
    ///
    /// # Errors
    /// [`crate::domain::Error::Cancelled`]; [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn run(&self, targets: &[usize], seeds: &Tensor) -> Result<Vec<f32>> {
        let tokens = self.trace.num_tokens();
        let keep = match self.rows {
            Rows::All => tokens,
            Rows::Some(k) => k.clamp(1, tokens),
        };
        let chunk = (ROWS_PER_CHUNK / keep).max(1);
        let passes = if keep == 1 || keep == tokens { 1 } else { 2 };
        self.progress.start(targets.len().div_ceil(chunk) * self.levels().len() * passes);
        let mut out = Vec::with_capacity(targets.len() * tokens);
        for (i, part) in targets.chunks(chunk).enumerate() {
            let seeds = seeds.narrow(0, i * chunk, part.len())?.contiguous()?;
            out.extend(self.chunk(part, &seeds, keep)?);
        }
        Ok(out)
    }

    /// The one relevance row of a word of several pieces: of the mean of their scalars, read as the mean of their rows.
    ///
    /// # Shapes
    /// `seeds` is `[pieces, D]`, the gradient of the scalar at each piece; the result `[T]`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_word(&self, pieces: &[usize], seeds: &Tensor) -> Result<Vec<f32>> {
        let (tokens, count) = (self.trace.num_tokens(), pieces.len());
        let seeds = (seeds.contiguous()? / count as f64)?;
        let own = RowSet { per_target: count, tokens: pieces.to_vec(), all: false };
        let keep = match self.rows {
            Rows::All => tokens,
            Rows::Some(k) => k.clamp(count, tokens),
        };
        self.progress.start(self.levels().len() * if keep == count || keep == tokens { 1 } else { 2 });
        if keep == tokens {
            return self.descend(&seeds, &own, &RowSet::all(1, tokens));
        }
        let first = self.descend(&seeds, &own, &own)?;
        if keep == count { Ok(first) } else { self.descend(&seeds, &own, &RowSet::around(pieces, &first, keep)) }
    }

    /// The relevance row of a scalar that every token has a part in.
    ///
    /// # Shapes
    /// `gradient` is `[T, D]`, that of the scalar with respect to the stream at the layer; `read` `[T]`, how relevant each of its
    /// tokens is to begin with; the result `[T]`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_whole(&self, gradient: &Tensor, read: &[f32]) -> Result<Vec<f32>> {
        let all = RowSet::all(1, self.trace.num_tokens());
        self.progress.start(self.levels().len());
        let relevance = Tensor::new(read, gradient.device())?.unsqueeze(0)?.to_dtype(gradient.dtype())?;
        self.descend_from(relevance, gradient, &all, &all)
    }

    /// The blocks that are gone through, by their indices.
    fn levels(&self) -> Range<usize> {
        let depth = if self.blocks == 0 { self.layer } else { self.blocks };
        self.layer.saturating_sub(depth)..self.layer
    }

    fn chunk(&self, targets: &[usize], seeds: &Tensor, keep: usize) -> Result<Vec<f32>> {
        let tokens = self.trace.num_tokens();
        let own = RowSet::own(targets);
        if keep == 1 {
            return self.descend(seeds, &own, &own);
        }
        if keep == tokens {
            return self.descend(seeds, &own, &RowSet::all(targets.len(), tokens));
        }
        let first = self.descend(seeds, &own, &own)?;
        self.descend(seeds, &own, &RowSet::strongest(targets, &first, keep))
    }

    /// From the targets' layer downwards. At the top only the targets' own rows carry a cotangent, below `carried`.
    fn descend(&self, seeds: &Tensor, own: &RowSet, carried: &RowSet) -> Result<Vec<f32>> {
        let relevance = first_rows(own, self.trace.num_tokens(), seeds.dtype(), seeds.device())?;
        self.descend_from(relevance, seeds, own, carried)
    }

    /// As [`Self::descend`], from any relevance rows `[targets, T]`.
    fn descend_from(&self, mut relevance: Tensor, seeds: &Tensor, own: &RowSet, carried: &RowSet) -> Result<Vec<f32>> {
        let (mut cotangent, mut from, levels) = (seeds.clone(), own, self.levels());
        for level in levels.clone().rev() {
            self.cancel.check()?;
            let step = Step { from, to: (level > levels.start).then_some(carried) };
            let (flow, below) = self.model.blocks[level].backward(&self.trace.blocks[level], &cotangent, &relevance, &step)?;
            relevance = (relevance + flow)?;
            if let Some(below) = below {
                (cotangent, from) = (below, carried);
            }
            self.progress.step();
        }
        values(&relevance)
    }
}

/// `[targets, T]`, one at each target's own place, shared by the pieces of a word.
fn first_rows(own: &RowSet, tokens: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut rows = vec![0.0_f32; own.num_targets() * tokens];
    for (row, pieces) in rows.chunks_exact_mut(tokens).zip(own.tokens.chunks_exact(own.per_target)) {
        pieces.iter().for_each(|&piece| row[piece] += 1.0 / own.per_target as f32);
    }
    Ok(Tensor::from_vec(rows, (own.num_targets(), tokens), device)?.to_dtype(dtype)?)
}
