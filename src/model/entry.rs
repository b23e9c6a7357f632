//! An input as numbers that have gradients: the pixels of a picture, or the rows of the vocabulary that a text names; running the
//! model on other numbers in their place, or without some patches.

use candle_core::{Tensor, Var};

use super::embed::{Embedding, Seen};
use super::trace::values;
use super::{Model, Trace};
use crate::domain::grid::Grid;
use crate::domain::token::TokenLayout;
use crate::domain::{Cancel, Error, Result};

/// What stands in the place of an input that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Zeros: of pictures the mean colour that the model was trained with.
    Zero,
    /// Of pictures the mean colour of this one, of texts the mean of all words.
    Mean,
    /// Of texts this word at every place, special tokens left as they are.
    Word(u32),
}

impl Model {
    /// The numbers of an input.
    ///
    /// # Shapes
    /// `[3, height, width]` of a picture, `[T, D]` of a text.
    ///
    /// # Errors
    /// A refusal of an input of the other kind.
    pub fn input_values(&self, input: &Seen) -> Result<Tensor> {
        match input {
            Seen::Pixels { values, height, width } => {
                Ok(Tensor::from_slice(values, (3, *height, *width), &self.device)?.to_dtype(self.dtype)?)
            }
            Seen::Words { ids, .. } => self.words()?.rows(ids),
        }
    }

    /// The numbers of an input that says nothing.
    ///
    /// # Shapes
    /// As [`Self::input_values`].
    ///
    /// # Errors
    /// A refusal of a word in a picture.
    pub fn blank_values(&self, input: &Seen, blank: Blank) -> Result<Tensor> {
        let values = self.input_values(input)?;
        match (blank, input) {
            (Blank::Zero, _) => Ok(values.zeros_like()?),
            (Blank::Mean, Seen::Pixels { .. }) => Ok(values.mean_keepdim((1, 2))?.broadcast_as(values.shape())?.contiguous()?),
            (Blank::Mean, Seen::Words { .. }) => Ok(self.words()?.mean_row()?.broadcast_as(values.shape())?.contiguous()?),
            (Blank::Word(word), Seen::Words { ids, text }) => {
                let special = |t: usize| text.pieces.get(t).is_some_and(|piece| piece.special);
                let ids: Vec<u32> = ids.iter().enumerate().map(|(t, &id)| if special(t) { id } else { word }).collect();
                self.words()?.rows(&ids)
            }
            (Blank::Word(_), Seen::Pixels { .. }) => {
                Err(Error::refused("a word in the place of patches", "the input is a picture").expected("zero or mean"))
            }
        }
    }

    /// Numbers of an input with those of some tokens taken from elsewhere.
    ///
    /// # Shapes
    /// `values`, `others` and the result are as [`Self::input_values`].
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn with_tokens(&self, values: &Tensor, others: &Tensor, tokens: &[usize], layout: &TokenLayout) -> Result<Tensor> {
        let chosen: Vec<u8> = (0..layout.len()).map(|t| u8::from(tokens.contains(&t))).collect();
        let mask = match &self.embedding {
            Embedding::Words(_) => Tensor::from_vec(chosen, (layout.len(), 1), &self.device)?.broadcast_as(values.shape())?,
            Embedding::Patches(patches) => {
                let (Grid { rows, cols }, side) = (layout.grid, patches.patch_size);
                let patches = Tensor::from_slice(&chosen[layout.prefix.len()..], (1, rows, 1, cols, 1), &self.device)?;
                patches.broadcast_as((3, rows, side, cols, side))?.contiguous()?.reshape(values.shape())?
            }
        };
        Ok(mask.contiguous()?.where_cond(others, values)?)
    }

    /// Layer 0 of such numbers.
    fn embed_values(&self, values: &Tensor) -> Result<Tensor> {
        match &self.embedding {
            Embedding::Patches(patches) => patches.forward(values),
            Embedding::Words(words) => words.forward_rows(values.clone(), 0),
        }
    }

    /// Runs the model on numbers in the place of those of a trace's input.
    ///
    /// # Shapes
    /// `values` is as [`Self::input_values`].
    ///
    /// # Errors
    /// A refusal when activations overflow; [`Error::Cancelled`].
    pub fn trace_values(&self, values: &Tensor, like: &Trace, cancel: &Cancel) -> Result<Trace> {
        self.run_from(self.embed_values(values)?, like, None, cancel)
    }

    /// Runs the model on some of a trace's tokens, which stay where they stand; prefix tokens must be among them.
    ///
    /// # Shapes
    /// `kept` holds positions in order.
    ///
    /// # Errors
    /// A refusal of models that compare patches by their distances (BEiT); [`Error::Cancelled`].
    pub fn trace_tokens(&self, kept: &[usize], like: &Trace, cancel: &Cancel) -> Result<Trace> {
        if self.blocks.iter().any(|block| block.relative_bias.is_some()) {
            let what = format!("this model ({}) looks at how far apart patches lie, and needs all of them", self.family);
            return Err(Error::refused(&self.checkpoint, what).expected("patches that are blanked, not dropped"));
        }
        let rows: Vec<u32> = kept.iter().map(|&t| t as u32).collect();
        let rows = Tensor::new(rows, &self.device)?;
        self.run_from(like.residual[0].index_select(&rows, 0)?, like, Some(&rows), cancel)
    }

    /// The gradient with respect to the numbers of an input, from that with respect to layer 0.
    ///
    /// # Shapes
    /// `values` and the result are as [`Self::input_values`], `gradient` is `[T, D]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn values_gradient(&self, values: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        let variable = Var::from_tensor(&values.detach())?;
        let gradients = (self.embed_values(&variable)? * gradient.detach())?.sum_all()?.backward()?;
        gradients.get(&variable).cloned().ok_or_else(|| Error::Internal("an input without a gradient".to_owned()))
    }

    /// Sums over what is a token's own: the pixels of a patch, or the numbers of a word.
    ///
    /// # Shapes
    /// `numbers` are as [`Self::input_values`]; the result `[T]`, NaN for tokens that no part of the input makes.
    ///
    /// # Errors
    /// [`Error::Internal`] when shapes disagree.
    pub fn sums_by_token(&self, numbers: &Tensor, layout: &TokenLayout) -> Result<Vec<f32>> {
        let Embedding::Patches(patches) = &self.embedding else { return values(&numbers.sum(1)?) };
        let (Grid { rows, cols }, side) = (layout.grid, patches.patch_size);
        let sums = numbers.reshape((3, rows, side, cols, side))?.sum((0, 2, 4))?;
        let mut row = vec![f32::NAN; layout.prefix.len()];
        row.extend(values(&sums)?);
        Ok(row)
    }
}
