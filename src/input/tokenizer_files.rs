//! A checkpoint folder's tokenizer, read as transformers 5's `AutoTokenizer` reads it.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;

use serde::Deserialize;
use tokenizers::AddedToken;
use tokenizers::models::ModelWrapper;
use tokenizers::tokenizer::Tokenizer as Inner;

use super::text_file::{decode, read_file};
use super::tokenizer_class::{Algorithm, Class, Pieces, class_of};
use super::tokenizer_making::{Assembled, Making, no_tokenizer};
use super::tokenizer_settings::Settings;
use super::{tokenizer_doubts as doubts, vocabulary};
use crate::domain::Result;
use crate::store::{misnamed, without_mark};

/// Bytes of a tokenizer.json; the largest known have 35 MB.
const MAX_FILE: u64 = 256 << 20;

/// Reads a folder's tokenizer; `None` where it has none that can be read.
///
/// # Errors
/// A file that cannot be read, contradicts another, or lacks a token that is set around every text.
pub(super) fn assemble(folder: &Path) -> Result<Option<Assembled>> {
    let file = folder.join("tokenizer.json");
    if !file.exists() || reads_pieces_alone(folder)? {
        return from_pieces(folder);
    }
    let text = decode(file.display(), read_file(&file, MAX_FILE, "a tokenizer.json")?)?;
    let written = parse(&file, text.as_bytes())?;
    let settings = Settings::read(folder, Some(added_in(&file, &text)?))?;
    let said = class_of(&settings, text.contains("\"ByteLevel\""));
    let class = said.filter(|class| !is_alone(class) && fits(class.algorithm, written.get_model()));
    let padding = written.get_padding().map(|padding| (padding.pad_token.clone(), padding.direction));
    let (pad, direction) = padding.unzip();
    let mut making = Making { file: &file, inner: written.clone(), settings: &settings, class, pad };
    if let Some(class) = class {
        making.rebuild(class)?;
    }
    making.add_tokens()?;
    making.set_around()?;
    let notices = doubts::notices(&making, said);
    let as_written = doubts::differ(&making.inner, &written).then_some(written);
    Ok(Some(Assembled { notices, as_written, ..making.finished(direction) }))
}

/// Whether a folder's class reads a file of SentencePiece that is there, and no tokenizer.json.
fn reads_pieces_alone(folder: &Path) -> Result<bool> {
    let class = class_of(&Settings::read(folder, None)?, false);
    Ok(class.is_some_and(|class| match class.pieces {
        Pieces::OnlySentencePiece(name) => folder.join(name).exists(),
        _ => false,
    }))
}

fn is_alone(class: &Class) -> bool {
    matches!(class.pieces, Pieces::OnlySentencePiece(_))
}

/// A folder without tokenizer.json, which has files of pieces in its place.
fn from_pieces(folder: &Path) -> Result<Option<Assembled>> {
    let mut settings = Settings::read(folder, None)?;
    let Some(pieces) = vocabulary::read(folder, &settings)? else { return Ok(None) };
    let class = pieces.class;
    if settings.extra.is_empty() {
        settings.extra = pieces.added;
    }
    let mut inner = Inner::new(pieces.model);
    if let Some(charsmap) = pieces.charsmap {
        inner.with_normalizer(Some(charsmap)).map_err(|err| no_tokenizer(&pieces.file, &err.to_string()))?;
    }
    let mut making = Making { file: &pieces.file, inner, settings: &settings, class: Some(class), pad: None };
    making.rebuild(class)?;
    making.add_tokens()?;
    making.set_around()?;
    let notices = doubts::notices(&making, Some(class));
    Ok(Some(Assembled { notices, ..making.finished(None) }))
}

/// A tokenizer from the bytes of a file that is called `place`.
///
/// # Errors
/// What is no tokenizer.
pub(super) fn parse(place: &Path, bytes: &[u8]) -> Result<Inner> {
    let bytes = without_mark(bytes);
    let refused = |why: &str| misnamed(place.display(), bytes).unwrap_or_else(|| no_tokenizer(place, why));
    // The reader is other people's code and meets hostile files here: a panic in it is a refusal.
    let made = catch_unwind(|| Inner::from_bytes(bytes)).map_err(|_| refused("it contradicts itself"))?;
    made.map_err(|err| refused(&err.to_string()))
}

/// The added tokens of a tokenizer.json, by the numbers that it gives them.
fn added_in(file: &Path, text: &str) -> Result<BTreeMap<u32, AddedToken>> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u32,
        #[serde(flatten)]
        token: AddedToken,
    }
    #[derive(Deserialize)]
    struct Written {
        #[serde(default)]
        added_tokens: Vec<Numbered>,
    }
    let written: Written = serde_json::from_str(text).map_err(|err| no_tokenizer(file, &err.to_string()))?;
    Ok(written.added_tokens.into_iter().map(|Numbered { id, token }| (id, token)).collect())
}

/// Whether pieces are cut by the algorithm that a class has.
fn fits(algorithm: Algorithm, model: &ModelWrapper) -> bool {
    match algorithm {
        Algorithm::WordPiece => matches!(model, ModelWrapper::WordPiece(_)),
        Algorithm::Bpe(_) => matches!(model, ModelWrapper::BPE(_)),
        Algorithm::Unigram(_) => matches!(model, ModelWrapper::Unigram(_)),
    }
}
