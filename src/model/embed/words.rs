//! Layer 0 of a text: a row of the vocabulary and one of the positions for each token, then a layer norm.

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
    /// `[P, D]`: the sequence is at most P tokens long. What every token of one text shares (BERT's first token type) is added to
    /// it when the weights are read.
    pub positions: Tensor,
    /// After their sum.
    pub norm: Norm,
}

impl Words {
    /// V.
    pub fn vocab_size(&self) -> usize {
        self.words.dims()[0]
    }

    /// P.
    pub fn max_tokens(&self) -> usize {
        self.positions.dims()[0]
    }

    /// The sequence for a text.
    ///
    /// # Errors
    /// A refusal when it is empty, too long, or holds an id that the vocabulary lacks.
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
            return Err(Error::refused(format!("the token at position {position}"), format!("id {id}"))
                .expected(format!("ids 0 to {}, the vocabulary of the model", self.vocab_size() - 1))
                .remedy("check that the tokenizer and the weights belong together"));
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
        let rows = self.words.index_select(&Tensor::new(ids, self.words.device())?, 0)?;
        let sum = (rows + self.positions.narrow(0, 0, ids.len())?)?;
        Ok(composed::norm(&sum, &self.norm)?.0)
    }

    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            words: self.words.to_dtype(dtype)?,
            positions: self.positions.to_dtype(dtype)?,
            norm: self.norm.to_dtype(dtype)?,
        })
    }
}
