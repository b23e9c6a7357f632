//! The words of a tokenizer by their numbers: what models and methods know of tokenizers.

use std::fmt::Debug;

/// Words by their ids, and ids by their words.
pub trait Vocabulary: Debug + Send + Sync {
    /// A token that stands alone, for readers: its letters, a dot for the space that it begins with; its name where it has none.
    fn shown(&self, id: u32) -> String;

    /// The one token that a word is: as [`Self::shown`] spells it, as the vocabulary does, as it stands in a text (without
    /// a space before it, or with one). `None` for a word of several tokens.
    fn id_of(&self, word: &str) -> Option<u32>;
}
