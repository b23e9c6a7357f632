//! The block over tokens that follow others: queries of the new ones alone, keys and values of all, those of the earlier ones
//! kept from before. Made of the same operations as [`composed`], without what only a backward needs.

use candle_core::Tensor;

use super::{Block, Sees, Turn, composed};
use crate::domain::Result;

/// Keys and values of tokens that a block has read, as its attention takes them: after their norms and turned.
#[derive(Clone, Debug)]
pub struct KeysValues {
    /// `[G, T, d]`.
    keys: Tensor,
    /// `[G, T, d]`.
    values: Tensor,
}

impl KeysValues {
    /// Bytes that they take.
    pub fn num_bytes(&self) -> usize {
        2 * self.keys.elem_count() * self.keys.dtype().size_in_bytes()
    }

    /// With those of the tokens that follow.
    fn followed_by(&self, new: &Self) -> candle_core::Result<Self> {
        Ok(Self { keys: Tensor::cat(&[&self.keys, &new.keys], 1)?, values: Tensor::cat(&[&self.values, &new.values], 1)? })
    }

    /// Without those that no later token sees.
    fn still_seen(self, sees: Sees) -> candle_core::Result<Self> {
        let count = self.keys.dim(1)?;
        match sees {
            Sees::Window(width) if count > width.max(1) => {
                let last = |of: &Tensor| of.narrow(1, count - width.max(1), width.max(1))?.contiguous();
                Ok(Self { keys: last(&self.keys)?, values: last(&self.values)? })
            }
            _ => Ok(self),
        }
    }
}

impl Block {
    /// Runs a block of a causal model over tokens that follow those of `seen`.
    ///
    /// # Shapes
    /// `x` and the returned tensor are `[new tokens, D]`, `turn` is that of the new tokens.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn extend(&self, x: &Tensor, turn: Option<&Turn>, seen: Option<&KeysValues>) -> Result<(KeysValues, Tensor)> {
        let heads = self.heads;
        let qkv = composed::projected(self, x, turn)?.qkv;
        let part = |column, count| composed::heads_of(&qkv, column, count, heads.head_dim);
        let new = KeysValues {
            keys: part(heads.key_column(0), heads.num_kv_heads)?,
            values: part(heads.value_column(0), heads.num_kv_heads)?,
        };
        let all = seen.map_or_else(|| Ok(new.clone()), |seen| seen.followed_by(&new))?;
        let shares = composed::shares(heads, &part(0, heads.num_heads)?, &all.keys, None)?;
        let mixed = composed::mixed(heads, &shares, &all.values)?;
        let rest = composed::after_attention(self, x, &composed::linear(&mixed, &self.out)?)?;
        Ok((all.still_seen(heads.sees)?, rest.out))
    }
}
