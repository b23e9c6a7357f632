//! What the rows of a model's vocabulary spell, by the tokenizer beside the weights.

use super::Model;
use crate::domain::{Error, Result};

impl Model {
    /// A row of the vocabulary for readers: its letters, a dot for the space that it begins with; `#id` without a tokenizer.
    pub fn word(&self, id: u32) -> String {
        self.vocabulary.as_ref().map_or_else(|| format!("#{id}"), |vocabulary| vocabulary.shown(id))
    }

    /// The row of the vocabulary that a word is; `#id` is that row.
    ///
    /// # Errors
    /// A refusal of a word of several tokens, or of one that the model lacks.
    pub fn id_of_word(&self, word: &str) -> Result<u32> {
        let refused = |what: &str| {
            Error::refused(format!("the word \"{word}\""), what)
                .expected("one token, as it stands in a text or as tables of words show it (\u{b7} for a space), or #ID")
        };
        let by_number = || word.strip_prefix('#').and_then(|id| id.parse().ok());
        let found = by_number().or_else(|| self.vocabulary.as_ref().and_then(|vocabulary| vocabulary.id_of(word)));
        let num_words = self.num_scored_words().or(self.vocab_size()).unwrap_or(0);
        match found {
            Some(id) if (id as usize) < num_words => Ok(id),
            Some(id) => Err(refused(&format!("is token {id}, and the model has {num_words}"))),
            None if self.vocabulary.is_none() => Err(refused("the model has no tokenizer that knows words")),
            None => Err(refused("is no single token of this model")),
        }
    }
}
