//! From a text to the numbers that a text model takes, by the checkpoint's own tokenizer.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::{TruncationParams, tokenizer::Tokenizer as Inner};

use super::growing::joins;
use super::padding::padding;
use super::vocabulary::compose;
use crate::domain::text::{Piece, Text};
use crate::domain::{Error, Notice, Result};
use crate::store::{misnamed, unreadable, without_mark};

/// Bytes of a tokenizer.json, or of a vocabulary; the largest known have 35 MB.
pub(super) const MAX_FILE: u64 = 256 << 20;
/// Bytes of a text file.
const MAX_TEXT: u64 = 64 << 20;
/// Bytes of text for each token that the model can take, beyond which nothing is tokenised: no tokenizer puts more into one.
const BYTES_PER_TOKEN: usize = 64;

/// A checkpoint's tokenizer.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(super) inner: Inner,
    max_tokens: usize,
    /// What the user should know of how the tokenizer was read.
    pub notices: Vec<Notice>,
}

/// A text as the model takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// `[T]`, numbers of the vocabulary.
    pub ids: Vec<u32>,
    /// The string and its pieces, `[T]`.
    pub text: Text,
}

impl Tokenizer {
    /// Reads tokenizer.json of a checkpoint folder, or what old folders have in its place: vocab.txt, or vocab.json and merges.txt.
    /// `None` where there is nothing of that.
    ///
    /// # Errors
    /// A file that cannot be read, or is no tokenizer.
    pub fn read(folder: &Path, max_tokens: usize) -> Result<Option<Self>> {
        let file = folder.join("tokenizer.json");
        if !file.exists() {
            return compose(folder)?.map(|(file, bytes)| Self::parse(&file, &bytes, max_tokens)).transpose();
        }
        let bytes = read_file(&file, MAX_FILE, "a tokenizer.json")?;
        Self::parse(&file, &bytes, max_tokens).map(Some)
    }

    /// A tokenizer from the bytes of a file that is called `place`; it gives at most `max_tokens` tokens, special ones included.
    ///
    /// # Errors
    /// What is no tokenizer.
    pub fn parse(place: &Path, bytes: &[u8], max_tokens: usize) -> Result<Self> {
        let bytes = without_mark(bytes);
        let refused = |why: &str| {
            misnamed(place.display(), bytes).unwrap_or_else(|| {
                Error::refused(place.display(), format!("is no tokenizer ({why})"))
                    .expected("a file of Hugging Face's tokenizers")
                    .remedy("download the file again")
            })
        };
        // The reader is other people's code and meets hostile files here: a panic in it is a refusal.
        let made = catch_unwind(|| Inner::from_bytes(bytes)).map_err(|_| refused("it contradicts itself"))?;
        let mut inner = made.map_err(|err| refused(&err.to_string()))?;
        inner.with_padding(None);
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        let limited = catch_unwind(AssertUnwindSafe(|| inner.with_truncation(Some(truncation)).map(|_| ())));
        match limited {
            Ok(Ok(())) => Ok(Self { inner, max_tokens, notices: Vec::new() }),
            Ok(Err(err)) => Err(refused(&err.to_string())),
            Err(_) => Err(refused(&format!("it adds more tokens than the {max_tokens} that the model takes"))),
        }
    }

    /// The same, and every text is filled up to the most tokens: with what the checkpoint folder names for it, or with the token
    /// of this id.
    ///
    /// # Errors
    /// A tokenizer_config.json that cannot be read.
    pub fn padded(mut self, folder: &Path, id: u32) -> Result<Self> {
        let padding = padding(folder, &self.inner, id, self.max_tokens)?;
        self.inner.with_padding(Some(padding));
        Ok(self)
    }

    /// The tokens of a text. What is longer than the model can take is cut, and [`Text::cut_at`] says where.
    ///
    /// # Errors
    /// An empty text, or one that the tokenizer cannot spell.
    pub fn encode(&self, string: &str) -> Result<Encoded> {
        if string.trim().is_empty() {
            return Err(Error::refused("the text", "is empty").expected("at least one word").remedy("type one"));
        }
        let head = &string[..string.floor_char_boundary(self.max_tokens.saturating_mul(BYTES_PER_TOKEN))];
        let encoded = catch_unwind(AssertUnwindSafe(|| self.inner.encode(head, true)));
        let encoding = encoded.ok().and_then(std::result::Result::ok).ok_or_else(|| {
            Error::refused("the text", "cannot be spelled by the model's tokenizer").expected("words of its vocabulary")
        })?;
        let rows = encoding.get_tokens().iter().zip(encoding.get_offsets()).zip(encoding.get_special_tokens_mask());
        let mut pieces: Vec<Piece> = rows
            .zip(encoding.get_word_ids())
            .map(|(((piece, &(start, end)), &special), word)| Piece {
                piece: piece.clone(),
                span: if special == 1 { 0..0 } else { inside(head, start..end) },
                special: special == 1,
                word: word.map(|w| w as usize),
            })
            .collect();
        part_words(head, &mut pieces);
        let last = pieces.iter().map(|p| p.span.end).max().unwrap_or(0);
        let is_cut = !encoding.get_overflowing().is_empty() || head.len() < string.len();
        let text =
            Text { string: head.to_owned(), pieces, cut_at: is_cut.then_some(last), generated_from: None, notices: Vec::new() };
        Ok(Encoded { ids: encoding.get_ids().to_vec(), text })
    }
}

/// Tokenizers that look for no words before they look for tokens (SentencePiece's) call all of a text one word. There a word begins
/// where letters do not go on.
fn part_words(string: &str, pieces: &mut [Piece]) {
    if pieces.iter().any(|p| p.word.is_some_and(|word| word > 0)) || !string.trim().contains(char::is_whitespace) {
        return;
    }
    let mut last: Option<(usize, Range<usize>)> = None;
    for piece in pieces.iter_mut().filter(|p| p.word.is_some()) {
        let (before, letters) = (&string[..piece.span.start], &string[piece.span.clone()]);
        let word = match &last {
            Some((word, span)) if joins(before, letters) || *span == piece.span => *word,
            Some((word, _)) => word + 1,
            None => 0,
        };
        piece.word = Some(word);
        last = Some((word, piece.span.clone()));
    }
}

/// The words of a .txt file. Bytes that are not UTF-8 are shown as the replacement character.
///
/// # Errors
/// A file that cannot be read, or holds zeros as binary files do.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_file(path, MAX_TEXT, "a text")?;
    if bytes.contains(&0) {
        return Err(Error::refused(path.display(), "is no text").expected("words in UTF-8").remedy("open a .txt file"));
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n"))
}

pub(super) fn read_file(path: &Path, most: u64, expected: &str) -> Result<Vec<u8>> {
    let facts = std::fs::metadata(path).map_err(|err| unreadable(path, &err))?;
    if !facts.is_file() || facts.len() > most {
        return Err(Error::refused(path.display(), "cannot be taken for one")
            .expected(format!("{expected} of at most {} MB", most >> 20)));
    }
    std::fs::read(path).map_err(|err| unreadable(path, &err))
}

/// A tokenizer's file decides what its offsets are; those that point outside the string point at nothing.
fn inside(string: &str, span: Range<usize>) -> Range<usize> {
    if string.get(span.clone()).is_some() { span } else { 0..0 }
}
