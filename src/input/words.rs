//! From a text to the numbers that a text model takes, by the checkpoint's own tokenizer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokenizers::tokenizer::Tokenizer as Inner;
use tokenizers::{Encoding, PaddingDirection, PaddingParams, PaddingStrategy, TruncationParams};

use super::spans;
use super::tokenizer_bounds::Bounds;
use super::tokenizer_files::{self as files, assemble, parse};
use super::tokenizer_making::{Assembled, Padding, no_tokenizer, take_trimming, unknown_id};
use crate::domain::text::Text;
use crate::domain::{Cancel, Error, Notice, Result};
use crate::guard::{self, Stopped};

/// Bytes of text for each token that the model can take, which are tokenised first; more where they make too few tokens.
const BYTES_PER_TOKEN: usize = 16;
/// Bytes of text that are tokenised first at least.
const FIRST_BYTES: usize = 4096;
/// Time for reading a tokenizer or cutting a text, beside what its length takes. Either is done in milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a tokenizer's files, and of a text, for each further second; a slow machine reads and cuts ten times as many.
const FILE_BYTES_PER_SECOND: u64 = 2 << 20;
const TEXT_BYTES_PER_SECOND: u64 = 100 << 10;

/// A checkpoint's tokenizer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pub(super) inner: Arc<Inner>,
    pub(super) bounds: Arc<Bounds>,
    max_tokens: usize,
    /// Whether offsets leave out the space before a word.
    trims: bool,
    /// The number of the token for what the vocabulary lacks.
    unknown: Option<u32>,
    /// tokenizer.json as it stands, where it may cut a text into other tokens.
    as_written: Option<AsWritten>,
    padding: Padding,
    /// What the user should know of how the tokenizer was read.
    pub notices: Vec<Notice>,
}

/// A tokenizer.json as it stands.
#[derive(Clone, Debug)]
struct AsWritten {
    file: PathBuf,
    inner: Arc<Inner>,
    bounds: Arc<Bounds>,
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
    /// A file that cannot be read, is no tokenizer, or takes too long.
    pub fn read(folder: &Path, max_tokens: usize) -> Result<Option<Self>> {
        let limit = PATIENCE + Duration::from_secs(files::size(folder) / FILE_BYTES_PER_SECOND);
        let owned = folder.to_owned();
        let read = guard::within(Some(limit), &Cancel::default(), move || Self::read_at_once(&owned, max_tokens));
        read.unwrap_or_else(|stopped| {
            let why = match stopped {
                Stopped::TimedOut => format!("reading it takes more than {} s", limit.as_secs()),
                Stopped::Cancelled | Stopped::Panicked => "it contradicts itself".to_owned(),
            };
            Err(no_tokenizer(folder, &why))
        })
    }

    fn read_at_once(folder: &Path, max_tokens: usize) -> Result<Option<Self>> {
        let Some(Assembled { file, inner, as_written, trims, padding, notices }) = assemble(folder)? else { return Ok(None) };
        let (inner, bounds) = limited(inner, &file, max_tokens)?;
        let as_written = match as_written {
            Some(written) => {
                let (inner, bounds) = limited(written, &file, max_tokens)?;
                Some(AsWritten { file, inner, bounds })
            }
            None => None,
        };
        let unknown = unknown_id(&inner);
        Ok(Some(Self { inner, bounds, max_tokens, trims, unknown, as_written, padding, notices }))
    }

    /// A tokenizer from the bytes of a tokenizer.json that is called `place`; it gives at most `max_tokens` tokens, special ones
    /// included.
    ///
    /// # Errors
    /// What is no tokenizer.
    pub fn parse(place: &Path, bytes: &[u8], max_tokens: usize) -> Result<Self> {
        let mut inner = parse(place, bytes)?.inner;
        let trims = take_trimming(&mut inner);
        let (inner, bounds) = limited(inner, place, max_tokens)?;
        let (unknown, padding) = (unknown_id(&inner), Padding::default());
        Ok(Self { inner, bounds, max_tokens, trims, unknown, as_written: None, padding, notices: Vec::new() })
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
        if let Some(written) = &mut self.as_written {
            Arc::make_mut(&mut written.inner).with_padding(Some(params.clone()));
        }
        Arc::make_mut(&mut self.inner).with_padding(Some(params));
        self
    }

    /// The tokens of a text, as [`Self::encode_until`].
    ///
    /// # Errors
    /// As there.
    pub fn encode(&self, string: &str) -> Result<Encoded> {
        self.encode_until(string, &Cancel::default())
    }

    /// The tokens of a text. What is longer than the model can take is cut, and [`Text::cut_at`] says where.
    ///
    /// # Errors
    /// An empty text, one that the tokenizer cannot spell, one of which it leaves nothing, and one that it would make much longer or
    /// takes too long to cut; [`Error::Cancelled`].
    pub fn encode_until(&self, string: &str, cancel: &Cancel) -> Result<Encoded> {
        if string.trim().is_empty() {
            return Err(Error::refused("the text", "is empty").expected("at least one word").remedy("type one"));
        }
        let limit = PATIENCE + Duration::from_secs(string.len() as u64 / TEXT_BYTES_PER_SECOND);
        let (tokenizer, owned) = (self.clone(), string.to_owned());
        guard::within(Some(limit), cancel, move || tokenizer.encode_at_once(&owned)).unwrap_or_else(|stopped| match stopped {
            Stopped::Cancelled => Err(Error::Cancelled),
            Stopped::TimedOut => {
                Err(bad_tokenizer(format!("takes the model's tokenizer more than {} s to cut into tokens", limit.as_secs())))
            }
            Stopped::Panicked => Err(unspelled()),
        })
    }

    fn encode_at_once(&self, string: &str) -> Result<Encoded> {
        let mut length = self.max_tokens.saturating_mul(BYTES_PER_TOKEN).max(FIRST_BYTES);
        let (head, encoding) = loop {
            let head = &string[..string.floor_char_boundary(length)];
            let encoding = encoded(&self.inner, &self.bounds, head)?;
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
        let AsWritten { file, inner, bounds } = self.as_written.as_ref()?;
        let other = encoded(inner, bounds, head).ok()?;
        let what = "alone would cut this text into other tokens; the settings beside it count, as in transformers 5";
        (other.get_ids() != ids).then(|| Notice::new(file.display(), what))
    }
}

fn encoded(inner: &Inner, bounds: &Bounds, head: &str) -> Result<Encoding> {
    bounds.check(head).map_err(bad_tokenizer)?;
    guard::quietly(|| inner.encode(head, true)).and_then(std::result::Result::ok).ok_or_else(unspelled)
}

fn unspelled() -> Error {
    Error::refused("the text", "cannot be spelled by the model's tokenizer").expected("words of its vocabulary")
}

/// Refuses what the tokenizer would make of a text.
fn bad_tokenizer(what: String) -> Error {
    Error::refused("the text", what)
        .expected("a tokenizer that cuts a text into about as many letters as it has")
        .remedy("download tokenizer.json again, or try a shorter text")
}

/// A tokenizer that cuts texts after so many tokens, and what it may make of one.
fn limited(mut inner: Inner, place: &Path, max_tokens: usize) -> Result<(Arc<Inner>, Arc<Bounds>)> {
    let bounds = Bounds::of(&inner).map_err(|why| no_tokenizer(place, &why))?;
    inner.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    match guard::quietly(|| inner.with_truncation(Some(truncation)).map(|_| ())) {
        Some(Ok(())) => Ok((Arc::new(inner), Arc::new(bounds))),
        Some(Err(err)) => Err(no_tokenizer(place, &err.to_string())),
        None => Err(no_tokenizer(place, &format!("it adds more tokens than the {max_tokens} that the model takes"))),
    }
}
