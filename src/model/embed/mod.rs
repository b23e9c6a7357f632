//! From an input to layer 0: patches of an image, or words of a text.

mod patches;
mod words;

use std::sync::Arc;

use candle_core::{DType, Tensor};
pub use patches::{Patches, Positions};
pub use words::{Padding, Words};

use crate::domain::Result;
use crate::domain::text::Text;

/// What a model looks at.
#[derive(Clone, Debug)]
pub enum ModelInput<'a> {
    /// An image, as the checkpoint's preprocessing leaves it.
    Pixels {
        /// `[3, height, width]`, row-major.
        values: &'a [f32],
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels from left to right.
        width: usize,
    },
    /// A text, as the checkpoint's tokenizer cut it.
    Words {
        /// `[T]`, rows of the vocabulary.
        ids: &'a [u32],
        /// The same tokens for readers, `[T]` pieces.
        text: Arc<Text>,
    },
}

impl ModelInput<'_> {
    /// A copy to keep.
    pub fn kept(&self) -> Seen {
        match self {
            Self::Pixels { values, height, width } => Seen::Pixels { values: (*values).into(), height: *height, width: *width },
            Self::Words { ids, text } => Seen::Words { ids: (*ids).into(), text: text.clone() },
        }
    }

    /// The input as a refusal calls it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Pixels { height, width, .. } => format!("an input of {height} x {width} pixels"),
            Self::Words { ids, .. } => format!("a text of {} tokens", ids.len()),
        }
    }

    /// What a user can do about one that is too large.
    pub(super) fn how_to_shrink(&self) -> &'static str {
        match self {
            Self::Pixels { .. } => "choose a smaller --size",
            Self::Words { .. } => "shorten the text",
        }
    }
}

/// What a model looked at, kept beside what it made of it.
#[derive(Clone, Debug)]
pub enum Seen {
    /// As [`ModelInput::Pixels`].
    Pixels {
        /// `[3, height, width]`, row-major.
        values: Arc<[f32]>,
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels from left to right.
        width: usize,
    },
    /// As [`ModelInput::Words`].
    Words {
        /// `[T]`.
        ids: Arc<[u32]>,
        /// `[T]` pieces.
        text: Arc<Text>,
    },
}

impl Seen {
    /// To look at it again.
    pub fn as_input(&self) -> ModelInput<'_> {
        match self {
            Self::Pixels { values, height, width } => ModelInput::Pixels { values, height: *height, width: *width },
            Self::Words { ids, text } => ModelInput::Words { ids, text: text.clone() },
        }
    }

    /// The ids of a text, of all positions or of those that were kept; none of a picture.
    pub(super) fn ids_at(&self, kept: Option<&Tensor>) -> Result<Vec<u32>> {
        let Self::Words { ids, .. } = self else { return Ok(Vec::new()) };
        let Some(kept) = kept else { return Ok(ids.to_vec()) };
        let kept: Vec<u32> = kept.to_vec1()?;
        Ok(kept.into_iter().filter_map(|position| ids.get(position as usize).copied()).collect())
    }

    /// Bytes that it holds.
    pub fn num_bytes(&self) -> usize {
        match self {
            Self::Pixels { values, .. } => values.len() * 4,
            Self::Words { ids, .. } => ids.len() * 4,
        }
    }
}

/// Weights and shape of either.
#[derive(Clone, Debug)]
pub enum Embedding {
    /// Of images.
    Patches(Patches),
    /// Of texts.
    Words(Words),
}

impl Embedding {
    /// The same embedding in another type.
    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(match self {
            Self::Patches(patches) => Self::Patches(patches.to_dtype(dtype)?),
            Self::Words(words) => Self::Words(words.to_dtype(dtype)?),
        })
    }
}
