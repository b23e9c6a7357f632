//! Layer 0 of a text: a row of the vocabulary for each token, and, as the family has them, one of the positions and a norm.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use crate::domain::text::Text;
use crate::domain::token::TokenLayout;
use crate::domain::{Error, Result};
use crate::model::block::{Norm, composed};

/// Weights of the embedding.
#[derive(Clone, Debug)]
pub struct Words {
    /// `[V, D]`.
    pub words: Tensor,
    /// What their rows are multiplied by (Gemma: the root of D), 1 otherwise.
    pub scale: f64,
    /// `[P, D]`, where positions are learned. What every token of one text shares (BERT's first token type) is added to it when
    /// the weights are read, and rows that no token ever has (RoBERTa's first ones) are left out.
    pub positions: Option<Tensor>,
    /// After their sum.
    pub norm: Option<Norm>,
    /// P: the sequence is at most so many tokens long.
    pub max_tokens: usize,
    /// What the family does with the token that fills up short texts, where it matters for a text alone.
    pub padding: Option<Padding>,
}

/// A token that fills up short texts, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// It fills every text up to the most tokens, and takes part in the attention (SigLIP).
    Fills(u32),
    /// It has no position of its own and is not counted by those that follow (RoBERTa).
    Unplaced(u32),
}

impl Words {
    /// V.
    pub fn vocab_size(&self) -> usize {
        self.words.dims()[0]
    }

    /// P.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The sequence for a text.
    ///
    /// # Errors
    /// A refusal when it is empty, too long, or holds an id that the vocabulary lacks or that has no position.
    pub fn layout(&self, ids: &[u32], text: &Arc<Text>) -> Result<TokenLayout> {
        if ids.len() != text.pieces.len() {
            return Err(Error::Internal(format!("a text of {} pieces with {} ids", text.pieces.len(), ids.len())));
        }
        if ids.is_empty() || ids.len() > self.max_tokens() {
            return Err(Error::refused("the text", format!("{} tokens", ids.len()))
                .expected(format!("1 to {} tokens, the positions that the model has", self.max_tokens()))
                .remedy(if ids.is_empty() { "give it some words" } else { "shorten the text" }));
        }
        if let Some((position, id)) = ids.iter().enumerate().find(|&(_, &id)| id as usize >= self.vocab_size()) {
            return Err(Error::refused(
                format!("the token at position {position} ({:?})", text.pieces[position].piece),
                format!("id {id}"),
            )
                .expected(format!("ids 0 to {}, the vocabulary of the model", self.vocab_size() - 1))
                .remedy("check that the tokenizer and the weights belong together, and that tokens were not added after the weights were saved"));
        }
        if let Some(Padding::Unplaced(padding)) = self.padding
            && let Some(position) = ids.iter().position(|&id| id == padding)
        {
            let piece = text.pieces.get(position).map_or("", |piece| piece.piece.as_str());
            let what = format!("{piece} (id {padding}) is the padding of this model, which has no position in a text");
            return Err(Error::refused(format!("the token at position {position}"), what)
                .expected("other tokens alone")
                .remedy("leave it out; where it is no padding, correct pad_token_id in config.json"));
        }
        Ok(TokenLayout::text(text.clone()))
    }

    /// Layer 0, for ids that [`Self::layout`] took.
    ///
    /// # Shapes
    /// `ids` is `[T]`, the result `[T, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when there are more ids than positions.
    pub fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        self.forward_from(ids, 0)
    }

    /// The same for tokens that follow `first` others.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_from(&self, ids: &[u32], first: usize) -> Result<Tensor> {
        self.forward_rows(self.rows(ids)?, first)
    }

    /// Rows of the vocabulary, as large as the model makes them.
    ///
    /// # Shapes
    /// `ids` is `[T]`, the result `[T, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the vocabulary lacks one.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        self.scaled(self.words.index_select(&Tensor::new(ids, self.words.device())?, 0)?)
    }

    /// The mean of all rows.
    ///
    /// # Shapes
    /// `[1, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when candle cannot make the tensor.
    pub fn mean_row(&self) -> Result<Tensor> {
        self.scaled(self.words.mean_keepdim(0)?)
    }

    fn scaled(&self, rows: Tensor) -> Result<Tensor> {
        if self.scale == 1.0 { Ok(rows) } else { Ok((rows * self.scale)?) }
    }

    /// Layer 0 of rows of the vocabulary, or of any others in their place. Every operation has a gradient.
    ///
    /// # Shapes
    /// `rows` and the result are `[T, D]`.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_rows(&self, mut rows: Tensor, first: usize) -> Result<Tensor> {
        let tokens = rows.dim(0)?;
        if let Some(positions) = &self.positions {
            rows = (rows + positions.narrow(0, first, tokens)?)?;
        }
        match &self.norm {
            Some(norm) => Ok(composed::norm(&rows, norm)?.0),
            None => Ok(rows),
        }
    }

    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            words: self.words.to_dtype(dtype)?,
            positions: self.positions.as_ref().map(|p| p.to_dtype(dtype)).transpose()?,
            norm: self.norm.as_ref().map(|n| n.to_dtype(dtype)).transpose()?,
            scale: self.scale,
            max_tokens: self.max_tokens,
            padding: self.padding,
        })
    }
}
