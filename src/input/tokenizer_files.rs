//! A checkpoint folder's tokenizer, read as transformers 5's `AutoTokenizer` reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::tokenizer::Tokenizer as Inner;
use tokenizers::{AddedToken, PaddingParams};

use super::text_file::decode_file;
use super::tokenizer_bounds::{Bounds, check_written};
use super::tokenizer_class::{Algorithm, CLASSES, Class, Pieces, class_of};
use super::tokenizer_making::{Assembled, Making, no_tokenizer};
use super::tokenizer_settings::Settings;
use super::{tokenizer_doubts as doubts, vocabulary};
use crate::domain::Result;
use crate::guard;
use crate::store::{misnamed, read_file, without_mark};

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
    let text = decode_file(&file, read_file(&file, MAX_FILE, "a tokenizer.json")?, "a tokenizer.json")?;
    let Parsed { inner: written, padding, added } = parse(&file, text.as_bytes())?;
    let settings = Settings::read(folder, Some(added))?;
    let said = class_of(&settings, text.contains("\"ByteLevel\""));
    let class = said.filter(|class| !is_alone(class) && fits(class.algorithm, written.get_model()));
    let (pad, direction) = padding.map(|padding| (padding.pad_token, padding.direction)).unzip();
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
    Bounds::of(&inner).map_err(|why| no_tokenizer(&pieces.file, &why))?;
    let mut making = Making { file: &pieces.file, inner, settings: &settings, class: Some(class), pad: None };
    making.rebuild(class)?;
    making.add_tokens()?;
    making.set_around()?;
    let notices = doubts::notices(&making, Some(class));
    Ok(Some(Assembled { notices, ..making.finished(None) }))
}

/// A tokenizer.json.
pub(super) struct Parsed {
    /// Without padding and truncation.
    pub(super) inner: Inner,
    pub(super) padding: Option<PaddingParams>,
    /// The added tokens, by the numbers that the file gives them.
    added: BTreeMap<u32, AddedToken>,
}

/// What is looked at of a tokenizer.json before the library reads it.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    added_tokens: Vec<Numbered>,
}

#[derive(Deserialize)]
struct Numbered {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

/// A tokenizer from the bytes of a file that is called `place`.
///
/// # Errors
/// What is no tokenizer, or would make far more of a text than it holds.
pub(super) fn parse(place: &Path, bytes: &[u8]) -> Result<Parsed> {
    let bytes = without_mark(bytes);
    let refused = |why: String| misnamed(place.display(), bytes).unwrap_or_else(|| no_tokenizer(place, &why));
    // The reader is other people's code and meets hostile files here: a panic in it is a refusal.
    let made = guard::quietly(|| {
        let written: Written = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
        check_written(&written.normalizer, written.added_tokens.iter().map(|added| added.token.content.as_str()))?;
        let mut inner = Inner::from_bytes(bytes).map_err(|err| err.to_string())?;
        let padding = inner.get_padding().cloned();
        inner.with_padding(None).with_truncation(None).map_err(|err| err.to_string())?;
        Bounds::of(&inner)?;
        let added = written.added_tokens.into_iter().map(|Numbered { id, token }| (id, token)).collect();
        Ok(Parsed { inner, padding, added })
    });
    made.unwrap_or_else(|| Err("it contradicts itself".to_owned())).map_err(refused)
}

/// Bytes of the files that [`assemble`] may read of a folder.
pub(super) fn size(folder: &Path) -> u64 {
    let names = ["tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"];
    let pieces = CLASSES.iter().filter_map(|class| match class.pieces {
        Pieces::SentencePiece(name) | Pieces::OnlySentencePiece(name) => Some(name),
        Pieces::Lists => None,
    });
    let names: BTreeSet<&str> = names.into_iter().chain(pieces).collect();
    names.iter().filter_map(|name| folder.join(name).metadata().ok()).map(|facts| facts.len()).sum()
}

/// Whether pieces are cut by the algorithm that a class has.
fn fits(algorithm: Algorithm, model: &ModelWrapper) -> bool {
    match algorithm {
        Algorithm::WordPiece => matches!(model, ModelWrapper::WordPiece(_)),
        Algorithm::Bpe(_) => matches!(model, ModelWrapper::BPE(_)),
        Algorithm::Unigram(_) => matches!(model, ModelWrapper::Unigram(_)),
    }
}
