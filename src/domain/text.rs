//! A text as a model reads it: the string, and the pieces that a tokenizer cut it into.

use std::ops::Range;

use serde::Serialize;

use super::Notice;

/// One token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// As the vocabulary spells it (`##ing`, `[CLS]`).
    pub piece: String,
    /// Bytes of the original string that it stands for; empty for special tokens.
    pub span: Range<usize>,
    /// Whether the tokenizer added it (`[CLS]`, `[SEP]`).
    pub special: bool,
    /// Number of the word it belongs to; none for special tokens, and for those that only mark where a word begins.
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
    /// Where what a model added begins, if one continued the text.
    pub generated_from: Option<Seam>,
    /// What the user should know of how the text was read.
    pub notices: Vec<Notice>,
}

/// Where a continuation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seam {
    /// Position of its first token.
    pub position: usize,
    /// Bytes of the string before it.
    pub byte: usize,
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
        let mut text = Self {
            string: String::new(),
            pieces: Vec::with_capacity(ids.len()),
            cut_at: None,
            generated_from: None,
            notices: Vec::new(),
        };
        ids.iter().for_each(|&id| text.push_id(id));
        text
    }

    /// Adds a token of which only the number is known.
    pub fn push_id(&mut self, id: u32) {
        if !self.string.is_empty() {
            self.string.push(' ');
        }
        let start = self.string.len();
        self.string.push_str(&format!("#{id}"));
        let (span, word) = (start..self.string.len(), Some(self.next_word()));
        self.pieces.push(Piece { piece: format!("#{id}"), span, special: false, word });
    }

    /// The number of a word after the last one.
    pub fn next_word(&self) -> usize {
        self.pieces.iter().rev().find_map(|p| p.word).map_or(0, |word| word + 1)
    }

    /// What a model added.
    pub fn generated(&self) -> &str {
        self.generated_from.and_then(|seam| self.string.get(seam.byte..)).unwrap_or("")
    }

    /// Whether a model added the token at a position.
    pub fn is_generated(&self, position: usize) -> bool {
        self.generated_from.is_some_and(|seam| position >= seam.position)
    }

    /// What a token stands for in the string; a special token its name.
    pub fn shown(&self, position: usize) -> &str {
        let Some(piece) = self.pieces.get(position) else { return "" };
        match self.string.get(piece.span.clone()) {
            Some(slice) if !slice.is_empty() => slice,
            _ => &piece.piece,
        }
    }

    /// Characters at the end that the model does not read.
    pub fn num_unread(&self) -> usize {
        self.cut_at.and_then(|cut| self.string.get(cut..)).map_or(0, |rest| rest.chars().count())
    }

    /// Everything that the user should know of how the text was read.
    pub fn every_notice(&self) -> Vec<Notice> {
        let (rest, all) = (self.num_unread(), self.string.chars().count());
        let cut = (rest > 0).then(|| {
            let what = format!("{rest} of its {all} characters are not read: the model takes no more tokens");
            Notice::new("the text", what).remedy("give it a part of the text")
        });
        self.notices.iter().cloned().chain(cut).collect()
    }

    /// The words in order. A word is a run of pieces that the tokenizer found in one stretch of letters.
    pub fn words(&self) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let mut last = None;
        for (position, piece) in self.pieces.iter().enumerate().filter(|(_, p)| !p.special && p.word.is_some()) {
            match words.last_mut() {
                Some(word) if piece.word == last && word.positions.end == position => {
                    word.positions.end = position + 1;
                    word.span.end = word.span.end.max(piece.span.end);
                }
                _ => words.push(Word { positions: position..position + 1, span: piece.span.clone() }),
            }
            last = piece.word;
        }
        for word in &mut words {
            // Many tokenizers let a token begin with the space before it.
            let letters = self.string.get(word.span.clone()).unwrap_or("").trim_start();
            if !letters.is_empty() {
                word.span.start = word.span.end - letters.len();
            }
        }
        words
    }

    /// The positions of the n-th occurrence (from 1) of a word: spelled alike, or else alike but for capitals; or else of letters
    /// that are several words, or a word without its punctuation.
    pub fn find(&self, wanted: &str, occurrence: usize) -> Option<Range<usize>> {
        let words = self.words();
        let spelled = |w: &&Word| self.string.get(w.span.clone()) == Some(wanted);
        let folded = |w: &&Word| self.string.get(w.span.clone()).is_some_and(|s| s.to_lowercase() == wanted.to_lowercase());
        let nth = occurrence.checked_sub(1)?;
        let exact = words.iter().filter(spelled).nth(nth);
        let found = exact.or_else(|| words.iter().filter(folded).nth(nth)).map(|w| w.positions.clone());
        found.or_else(|| self.string.match_indices(wanted).filter_map(|(at, _)| self.run(at..at + wanted.len(), &words)).nth(nth))
    }

    /// The positions of the tokens that together are some bytes of the string, where these begin and end as words do.
    fn run(&self, span: Range<usize>, words: &[Word]) -> Option<Range<usize>> {
        let goes_on =
            |before: &str, after: &str| before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric);
        let parted = |at: usize| {
            let (before, after) = self.string.split_at_checked(at)?;
            let at_word = words.iter().any(|word| word.span.start == at || word.span.end == at);
            (at_word || !goes_on(before, after)).then_some(())
        };
        (parted(span.start).and(parted(span.end)))?;
        let letters = |piece: &Piece| {
            let slice = self.string.get(piece.span.clone())?;
            let start = piece.span.end - slice.trim_start().len();
            (start < piece.span.end && !piece.special).then_some(start..piece.span.end)
        };
        let spans: Vec<Option<Range<usize>>> = self.pieces.iter().map(letters).collect();
        let first = spans.iter().position(|s| s.as_ref().is_some_and(|s| s.start == span.start))?;
        let last = spans.iter().rposition(|s| s.as_ref().is_some_and(|s| s.end == span.end))?;
        (first <= last).then_some(first..last + 1)
    }

    /// The positions of the sentence around a token: up to a full stop or its like before a space, or an empty line. A special
    /// token is a sentence of its own.
    pub fn sentence(&self, position: usize) -> Range<usize> {
        let count = self.pieces.len();
        let start = (1..=position.min(count)).rev().find(|&p| self.ends_sentence(p - 1)).unwrap_or(0);
        let end = (position + 1..count).find(|&p| self.ends_sentence(p - 1)).unwrap_or(count);
        start..end
    }

    /// Whether a sentence ends after a token.
    fn ends_sentence(&self, position: usize) -> bool {
        let (Some(piece), Some(next)) = (self.pieces.get(position), self.pieces.get(position + 1)) else { return true };
        if piece.special || next.special {
            return true;
        }
        let slice = |span: Range<usize>| self.string.get(span).unwrap_or("");
        // Spaces belong to the token before them, to the one after, or to none.
        let letters = slice(piece.span.clone());
        let gap = [&letters[letters.trim_end().len()..], slice(piece.span.end..next.span.start.max(piece.span.end))].concat();
        let after = slice(next.span.clone());
        let gap = gap + &after[..after.len() - after.trim_start().len()];
        let closed = letters.trim_end().trim_end_matches(['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '\u{bb}']);
        let before = if closed.is_empty() { slice(0..piece.span.start).trim_end() } else { closed };
        let is_wide = before.ends_with(['\u{3002}', '\u{ff01}', '\u{ff1f}']);
        is_wide || gap.matches('\n').count() > 1 || (!gap.is_empty() && before.ends_with(['.', '!', '?']))
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
        Text { string: "Banking the The".into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() }
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

    #[test]
    fn sentences_end_at_full_stops_before_a_space_and_at_empty_lines() {
        let string = "Pi is 3.14 now. \"Yes!\" he said\n\nEnd";
        // Pi is 3 . 14 now . " Yes ! " he said End
        let spans = [0..2, 3..5, 6..7, 7..8, 8..10, 11..14, 14..15, 16..17, 17..20, 20..21, 21..22, 23..25, 26..30, 32..35];
        let piece = |span: &Range<usize>| Piece { piece: String::new(), span: span.clone(), special: false, word: None };
        let pieces = spans.iter().map(piece).collect();
        let text = Text { string: string.into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() };
        assert_eq!([text.sentence(0), text.sentence(3), text.sentence(6)], [0..7, 0..7, 0..7]);
        assert_eq!([text.sentence(7), text.sentence(10)], [7..11, 7..11]);
        assert_eq!([text.sentence(11), text.sentence(13)], [11..13, 13..14]);
        assert_eq!((self::text().sentence(0), self::text().sentence(3)), (0..1, 1..5));
    }
}
