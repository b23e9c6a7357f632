//! Pieces of folders from before tokenizer.json: WordPiece's in vocab.txt, pairs of bytes in vocab.json and merges.txt.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokenizers::models::ModelWrapper;

use super::text_file::{decode, read_file};
use super::tokenizer_class::{Algorithm, CLASSES, Class, PLAIN, class_of};
use super::tokenizer_settings::Settings;
use crate::domain::{Error, Result};
use crate::store::misnamed;

/// Bytes of a file of pieces.
const MAX_FILE: u64 = 256 << 20;
/// Pieces and their numbers.
type Numbers = HashMap<String, u32>;

/// What the files of pieces hold.
pub(super) struct Pieces {
    pub(super) file: PathBuf,
    pub(super) model: ModelWrapper,
    pub(super) class: &'static Class,
}

/// Reads the pieces of a folder; `None` where there are none, or they are cut in a way that is not known here.
///
/// # Errors
/// Files that cannot be read, or contradict each other.
pub(super) fn read(folder: &Path, settings: &Settings) -> Result<Option<Pieces>> {
    let [text, pairs] = ["vocab.txt", "vocab.json"].map(|name| folder.join(name));
    let named = |name: &str| CLASSES.iter().find(|class| class.names.contains(&name));
    let class = match settings.class() {
        Some(name) if !PLAIN.contains(&name) => match class_of(settings, false) {
            Some(class) => Some(class),
            // Other families keep their pieces in files of the same names.
            None => return Ok(None),
        },
        _ if settings.model_type().starts_with("clip") => named("CLIPTokenizer"),
        _ => CLASSES.iter().find(|class| class.model_types.contains(&settings.model_type())),
    };
    let class = class.or_else(|| named("BertTokenizer").filter(|_| text.exists()));
    if class.is_some_and(|class| class.algorithm == Algorithm::WordPiece) {
        let Some(class) = class.filter(|_| text.exists()) else { return Ok(None) };
        let model = json!({
            "type": "WordPiece", "unk_token": "", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": lines(&text)?,
        });
        return Ok(Some(Pieces { model: model_of(&text, model)?, file: text, class }));
    }
    if !pairs.exists() {
        return Ok(None);
    }
    let pieces = numbered(&pairs)?;
    let Some(class) = class.or_else(|| class_of_pieces(&pieces)).filter(|class| class.from_pieces) else { return Ok(None) };
    let merges = merges(&pairs.with_file_name("merges.txt"), &pieces)?;
    let model = model_of(&pairs, json!({"type": "BPE", "vocab": pieces, "merges": merges}))?;
    Ok(Some(Pieces { file: pairs, model, class }))
}

fn model_of(file: &Path, model: serde_json::Value) -> Result<ModelWrapper> {
    serde_json::from_value(model).map_err(|err| no_vocabulary(file, &err.to_string()))
}

fn no_vocabulary(file: &Path, why: &str) -> Error {
    Error::refused(file.display(), format!("is no vocabulary ({why})"))
        .expected("pieces and their numbers, as {\"the\": 0}")
        .remedy("download the file again")
}

/// Whose pieces these are, by the special tokens among them.
fn class_of_pieces(pieces: &Numbers) -> Option<&'static Class> {
    let holds = |tokens: &[&str]| tokens.iter().all(|&token| pieces.contains_key(token));
    let classes = [
        ("CLIPTokenizer", &["<|startoftext|>", "<|endoftext|>"][..]),
        ("RobertaTokenizer", &["<s>", "</s>"]),
        ("GPT2Tokenizer", &["<|endoftext|>"]),
    ];
    let (name, _) = classes.into_iter().find(|(_, tokens)| holds(tokens))?;
    CLASSES.iter().find(|class| class.names.contains(&name))
}

/// A piece a line; its number is that of the line.
fn lines(file: &Path) -> Result<Numbers> {
    let text = read_lines(file, "a vocab.txt")?;
    Ok(text.lines().map(|line| line.trim_end().to_owned()).zip(0..).collect())
}

fn numbered(file: &Path) -> Result<Numbers> {
    serde_json::from_str(&read_lines(file, "a vocab.json")?).map_err(|err| no_vocabulary(file, &err.to_string()))
}

/// Two pieces a line, which with what they are together are among the pieces.
fn merges(file: &Path, pieces: &Numbers) -> Result<Vec<(String, String)>> {
    if !file.exists() {
        return Err(Error::refused(file.display(), "is missing")
            .expected("it beside vocab.json, whose pieces it joins")
            .remedy("download it, or the model's tokenizer.json"));
    }
    let text = read_lines(file, "a merges.txt")?;
    let kept = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with("#version") && !line.trim().is_empty());
    kept.map(|(number, line)| {
        let known = |pair: &(&str, &str)| [pair.0, pair.1, &[pair.0, pair.1].concat()].iter().all(|&p| pieces.contains_key(p));
        let (first, second) = line.trim_end().split_once(' ').filter(known).ok_or_else(|| {
            Error::refused(file.display(), format!("joins in line {number} what vocab.json lacks ({line:.40})"))
                .expected("two pieces of it, a space between them, that together are a third")
                .remedy("download both files again, of one model")
        })?;
        Ok((first.to_owned(), second.to_owned()))
    })
    .collect()
}

fn read_lines(file: &Path, expected: &str) -> Result<String> {
    let text = decode(file.display(), read_file(file, MAX_FILE, expected)?)?;
    // Any text can be read as lines of pieces: a pointer or a web page must not become a vocabulary.
    misnamed(file.display(), text.as_bytes()).map_or(Ok(text), Err)
}
