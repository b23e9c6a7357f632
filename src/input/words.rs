//! From a text to the numbers that a text model takes, by the checkpoint's own tokenizer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokenizers::tokenizer::Tokenizer as Inner;
use tokenizers::{Encoding, PaddingDirection, PaddingParams, PaddingStrategy, TruncationParams};

use super::spans;
use super::tokenizer_files::{assemble, parse};
use super::tokenizer_making::{Assembled, Padding, no_tokenizer, take_trimming, unknown_id};
use crate::domain::text::Text;
use crate::domain::{Error, Notice, Result};

/// Bytes of text for each token that the model can take, which are tokenised first; more where they make too few tokens.
const BYTES_PER_TOKEN: usize = 64;

/// A checkpoint's tokenizer.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(super) inner: Inner,
    max_tokens: usize,
    /// Whether offsets leave out the space before a word.
    trims: bool,
    /// The number of the token for what the vocabulary lacks.
    unknown: Option<u32>,
    /// tokenizer.json as it stands, where it may cut a text into other tokens.
    as_written: Option<(PathBuf, Box<Inner>)>,
    padding: Padding,
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
    /// Reads the tokenizer of a checkpoint folder as transformers 5's `AutoTokenizer` does: tokenizer.json, or what old folders
    /// have in its place (vocab.txt, or vocab.json and merges.txt), with the settings and the added tokens beside them. It gives
    /// at most `max_tokens` tokens, special ones included. `None` where there is no tokenizer that can be read.
    ///
    /// # Errors
    /// A file that cannot be read, or is no tokenizer.
    pub fn read(folder: &Path, max_tokens: usize) -> Result<Option<Self>> {
        let Some(mut made) = assemble(folder)? else { return Ok(None) };
        limit(&mut made.inner, &made.file, max_tokens)?;
        if let Some(written) = &mut made.as_written {
            limit(written, &made.file, max_tokens)?;
        }
        let Assembled { file, inner, as_written, trims, padding, notices } = made;
        let as_written = as_written.map(|written| (file, Box::new(written)));
        Ok(Some(Self { unknown: unknown_id(&inner), inner, max_tokens, trims, as_written, padding, notices }))
    }

    /// A tokenizer from the bytes of a tokenizer.json that is called `place`; it gives at most `max_tokens` tokens, special ones
    /// included.
    ///
    /// # Errors
    /// What is no tokenizer.
    pub fn parse(place: &Path, bytes: &[u8], max_tokens: usize) -> Result<Self> {
        let mut inner = parse(place, bytes)?;
        let trims = take_trimming(&mut inner);
        limit(&mut inner, place, max_tokens)?;
        let unknown = unknown_id(&inner);
        Ok(Self { inner, max_tokens, trims, unknown, as_written: None, padding: Padding::default(), notices: Vec::new() })
    }

    /// The same, and every text is filled up to the most tokens: with the pad token that the checkpoint folder names, or with the
    /// token of this id. Models need it that were trained on texts of one length and mask nothing (`SigLIP`).
    #[must_use]
    pub fn padded(mut self, id: u32) -> Self {
        let named = self.padding.token.as_deref().and_then(|token| self.inner.token_to_id(token));
        let pad_id = named.unwrap_or(id);
        let params = PaddingParams {
            strategy: PaddingStrategy::Fixed(self.max_tokens),
            direction: if self.padding.is_left { PaddingDirection::Left } else { PaddingDirection::Right },
            pad_id,
            pad_token: self.inner.id_to_token(pad_id).unwrap_or_else(|| format!("#{pad_id}")),
            ..PaddingParams::default()
        };
        if let Some((_, written)) = &mut self.as_written {
            written.with_padding(Some(params.clone()));
        }
        self.inner.with_padding(Some(params));
        self
    }

    /// The tokens of a text. What is longer than the model can take is cut, and [`Text::cut_at`] says where.
    ///
    /// # Errors
    /// An empty text, one that the tokenizer cannot spell, and one of which it leaves nothing.
    pub fn encode(&self, string: &str) -> Result<Encoded> {
        if string.trim().is_empty() {
            return Err(Error::refused("the text", "is empty").expected("at least one word").remedy("type one"));
        }
        let mut length = self.max_tokens.saturating_mul(BYTES_PER_TOKEN);
        let (head, encoding) = loop {
            let head = &string[..string.floor_char_boundary(length)];
            let encoding = encoded(&self.inner, head)?;
            let last = encoding.get_offsets().iter().map(|&(_, end)| end).max().unwrap_or(0);
            // Tokens near the end of a part may be others than those of the whole.
            let is_enough = !encoding.get_overflowing().is_empty() && last <= head.len() / 2;
            if is_enough || head.len() == string.len() {
                break (head, encoding);
            }
            length = length.saturating_mul(4);
        };
        let ids = encoding.get_ids().to_vec();
        let pieces = spans::pieces(string, &encoding, |id| self.piece(id), self.trims);
        if pieces.iter().all(|piece| piece.special) {
            return Err(Error::refused("the text", "leaves no token: the tokenizer drops all of its characters")
                .expected("letters that the model's vocabulary has")
                .remedy("type a word"));
        }
        let last = pieces.iter().map(|p| p.span.end).max().unwrap_or(0);
        let cut_at = (!encoding.get_overflowing().is_empty()).then_some(last);
        let mut notices: Vec<Notice> = self.other_reading(head, &ids).into_iter().collect();
        notices.extend(spans::unknown(string, &pieces, &ids, self.unknown));
        notices.extend(spans::lost(string, &pieces, cut_at.unwrap_or(string.len())));
        let text = Text { string: string.to_owned(), pieces, cut_at, generated_from: None, notices };
        Ok(Encoded { ids, text })
    }

    /// Says so where tokenizer.json alone would cut the text into other tokens.
    fn other_reading(&self, head: &str, ids: &[u32]) -> Option<Notice> {
        let (file, written) = self.as_written.as_ref()?;
        let other = encoded(written, head).ok()?;
        let what = "alone would cut this text into other tokens; the settings beside it count, as in transformers 5";
        (other.get_ids() != ids).then(|| Notice::new(file.display(), what))
    }
}

fn encoded(inner: &Inner, head: &str) -> Result<Encoding> {
    let encoded = catch_unwind(AssertUnwindSafe(|| inner.encode(head, true)));
    encoded.ok().and_then(std::result::Result::ok).ok_or_else(|| {
        Error::refused("the text", "cannot be spelled by the model's tokenizer").expected("words of its vocabulary")
    })
}

/// Cuts texts after so many tokens.
fn limit(inner: &mut Inner, place: &Path, max_tokens: usize) -> Result<()> {
    inner.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    let limited = catch_unwind(AssertUnwindSafe(|| inner.with_truncation(Some(truncation)).map(|_| ())));
    match limited {
        Ok(Ok(())) => Ok(()),
        Ok(Err(err)) => Err(no_tokenizer(place, &err.to_string())),
        Err(_) => Err(no_tokenizer(place, &format!("it adds more tokens than the {max_tokens} that the model takes"))),
    }
}
