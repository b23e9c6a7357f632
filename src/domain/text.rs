//! A text as a model reads it: the string, and the pieces that a tokenizer cut it into.

use std::ops::Range;

/// One token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// As the vocabulary spells it (`##ing`, `[CLS]`).
    pub piece: String,
    /// Bytes of the original string that it stands for; empty for special tokens.
    pub span: Range<usize>,
    /// Whether the tokenizer added it (`[CLS]`, `[SEP]`).
    pub special: bool,
    /// Number of the word it belongs to; none for special tokens.
    pub word: Option<usize>,
}

/// A text and its tokens, in the order of the model's sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As the user gave it.
    pub string: String,
    /// `[T]`.
    pub pieces: Vec<Piece>,
    /// Bytes of the string from which on the model reads nothing, where the text is longer than it can take.
    pub cut_at: Option<usize>,
}

/// A word of a text, as it is drawn: its pieces stand beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its positions in the sequence.
    pub positions: Range<usize>,
    /// Its bytes in the string.
    pub span: Range<usize>,
}

impl Text {
    /// A sequence of token ids without a string: tokens are shown as `#id`, each its own word.
    pub fn of_ids(ids: &[u32]) -> Self {
        let mut text = Self { string: String::new(), pieces: Vec::with_capacity(ids.len()), cut_at: None };
        for (word, id) in ids.iter().enumerate() {
            if word > 0 {
                text.string.push(' ');
            }
            let start = text.string.len();
            text.string.push_str(&format!("#{id}"));
            text.pieces.push(Piece { piece: format!("#{id}"), span: start..text.string.len(), special: false, word: Some(word) });
        }
        text
    }

    /// What a token stands for in the string; a special token its name.
    pub fn shown(&self, position: usize) -> &str {
        let Some(piece) = self.pieces.get(position) else { return "" };
        match self.string.get(piece.span.clone()) {
            Some(slice) if !slice.is_empty() => slice,
            _ => &piece.piece,
        }
    }

    /// The words in order. A word is a run of pieces that the tokenizer found in one stretch of letters.
    pub fn words(&self) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let mut last = None;
        for (position, piece) in self.pieces.iter().enumerate().filter(|(_, p)| !p.special) {
            match words.last_mut() {
                Some(word) if piece.word.is_some() && piece.word == last && word.positions.end == position => {
                    word.positions.end = position + 1;
                    word.span.end = word.span.end.max(piece.span.end);
                }
                _ => words.push(Word { positions: position..position + 1, span: piece.span.clone() }),
            }
            last = piece.word;
        }
        words
    }

    /// The positions of the n-th occurrence (from 1) of a word: spelled alike, or else alike but for capitals.
    pub fn find(&self, wanted: &str, occurrence: usize) -> Option<Range<usize>> {
        let words = self.words();
        let spelled = |w: &&Word| self.string.get(w.span.clone()) == Some(wanted);
        let folded = |w: &&Word| self.string.get(w.span.clone()).is_some_and(|s| s.to_lowercase() == wanted.to_lowercase());
        let nth = occurrence.checked_sub(1)?;
        let exact = words.iter().filter(spelled).nth(nth);
        exact.or_else(|| words.iter().filter(folded).nth(nth)).map(|w| w.positions.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Text {
        let piece = |piece: &str, span: Range<usize>, word| Piece { piece: piece.into(), span, special: false, word: Some(word) };
        let special = |piece: &str| Piece { piece: piece.into(), span: 0..0, special: true, word: None };
        let pieces = vec![
            special("[CLS]"),
            piece("bank", 0..4, 0),
            piece("##ing", 4..7, 0),
            piece("the", 8..11, 1),
            piece("The", 12..15, 2),
            special("[SEP]"),
        ];
        Text { string: "Banking the The".into(), pieces, cut_at: None }
    }

    #[test]
    fn pieces_join_to_words_and_words_are_found_by_spelling() {
        let text = text();
        assert_eq!(text.words().iter().map(|w| &text.string[w.span.clone()]).collect::<Vec<_>>(), ["Banking", "the", "The"]);
        assert_eq!(text.find("banking", 1), Some(1..3));
        assert_eq!(text.find("The", 1), Some(4..5));
        assert_eq!(text.find("the", 2), Some(4..5));
        assert_eq!(text.find("the", 3), None);
        assert_eq!(text.find("the", 0), None);
    }

    #[test]
    fn a_token_shows_its_letters_and_a_special_one_its_name() {
        assert_eq!((text().shown(0), text().shown(2), text().shown(9)), ("[CLS]", "ing", ""));
        let ids = Text::of_ids(&[7, 12]);
        assert_eq!((ids.string.as_str(), ids.shown(1), ids.words().len()), ("#7 #12", "#12", 2));
    }
}
