//! What short texts are filled up with, for models that were trained on texts of one length and mask nothing (`SigLIP`).

use std::path::Path;

use serde_json::Value;
use tokenizers::{PaddingDirection, PaddingParams, PaddingStrategy, tokenizer::Tokenizer as Inner};

use super::words::read_file;
use crate::domain::{Error, Result};
use crate::store::{misnamed, without_mark};

/// Bytes of a file of settings.
const MAX_FILE: u64 = 16 << 20;

/// Fills texts up to `length` tokens: with the `pad_token` of the folder's tokenizer_config.json, at its `padding_side`; without
/// them with `id`, at the end.
///
/// # Errors
/// A tokenizer_config.json that is there and cannot be read.
pub(super) fn padding(folder: &Path, tokenizer: &Inner, id: u32, length: usize) -> Result<PaddingParams> {
    let config = config(&folder.join("tokenizer_config.json"))?;
    let token = config.get("pad_token").and_then(|token| token.get("content").unwrap_or(token).as_str());
    let pad_id = token.and_then(|token| tokenizer.token_to_id(token)).unwrap_or(id);
    let is_left = config.get("padding_side").and_then(Value::as_str) == Some("left");
    Ok(PaddingParams {
        strategy: PaddingStrategy::Fixed(length),
        direction: if is_left { PaddingDirection::Left } else { PaddingDirection::Right },
        pad_id,
        pad_token: tokenizer.id_to_token(pad_id).unwrap_or_else(|| format!("#{pad_id}")),
        ..PaddingParams::default()
    })
}

/// A file of settings; nothing where there is none.
///
/// # Errors
/// One that is there and cannot be read.
pub(super) fn config(file: &Path) -> Result<Value> {
    if !file.exists() {
        return Ok(Value::Null);
    }
    let expected = format!("a {}", file.file_name().unwrap_or_default().display());
    let bytes = read_file(file, MAX_FILE, &expected)?;
    serde_json::from_slice(without_mark(&bytes)).map_err(|err| {
        let other = || Error::refused(file.display(), format!("is no JSON ({err})")).expected(expected);
        misnamed(file.display(), &bytes).unwrap_or_else(|| other().remedy("download the file again, or remove it"))
    })
}
