//! Pieces of folders without tokenizer.json: WordPiece's in vocab.txt, pairs of bytes in vocab.json and merges.txt, SentencePiece's
//! in a .model file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokenizers::AddedToken;
use tokenizers::models::ModelWrapper;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::Precompiled;

use super::sentencepiece::{self, Kind};
use super::text_file::decode_file;
use super::tokenizer_bounds::check_map;
use super::tokenizer_class::{Algorithm, CLASSES, Class, PLAIN, Pieces, class_of};
use super::tokenizer_settings::Settings;
use crate::domain::{Error, Result};
use crate::guard;
use crate::store::{misnamed, read_file};

/// Bytes of a file of pieces.
const MAX_FILE: u64 = 256 << 20;
/// Pieces and their numbers.
type Numbers = HashMap<String, u32>;

/// What the files of pieces hold.
pub(super) struct Vocabulary {
    pub(super) file: PathBuf,
    pub(super) model: ModelWrapper,
    pub(super) class: &'static Class,
    /// Pieces that are found in a text before it is cut into words.
    pub(super) added: Vec<AddedToken>,
    /// SentencePiece's map of letters that are normalised.
    pub(super) charsmap: Option<Precompiled>,
}

/// Reads the pieces of a folder; `None` where there are none, or they are cut in a way that is not known here.
///
/// # Errors
/// Files that cannot be read, or contradict each other.
pub(super) fn read(folder: &Path, settings: &Settings) -> Result<Option<Vocabulary>> {
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
    if let Some(class) = class
        && let Pieces::SentencePiece(name) | Pieces::OnlySentencePiece(name) = class.pieces
    {
        let file = folder.join(name);
        return file.exists().then(|| from_sentencepiece(file, class, settings)).transpose();
    }
    let class = class.or_else(|| named("BertTokenizer").filter(|_| text.exists()));
    if class.is_some_and(|class| class.algorithm == Algorithm::WordPiece) {
        let Some(class) = class.filter(|_| text.exists()) else { return Ok(None) };
        let model = json!({
            "type": "WordPiece", "unk_token": "", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": lines(&text)?,
        });
        return Ok(Some(Vocabulary { model: model_of(&text, model)?, file: text, class, added: Vec::new(), charsmap: None }));
    }
    if !pairs.exists() {
        return Ok(None);
    }
    let pieces = numbered(&pairs)?;
    let Some(class) = class.or_else(|| class_of_pieces(&pieces)).filter(|class| class.pieces == Pieces::Lists) else {
        return Ok(None);
    };
    let merges = merges(&pairs.with_file_name("merges.txt"), &pieces)?;
    let model = model_of(&pairs, json!({"type": "BPE", "vocab": pieces, "merges": merges}))?;
    Ok(Some(Vocabulary { file: pairs, model, class, added: Vec::new(), charsmap: None }))
}

/// The pieces of a file of SentencePiece, numbered as a class has it.
fn from_sentencepiece(file: PathBuf, class: &'static Class, settings: &Settings) -> Result<Vocabulary> {
    let bytes = read_file(&file, MAX_FILE, "a file of SentencePiece")?;
    let refused = |why: &str| {
        Error::refused(file.display(), format!("is no model of SentencePiece ({why})"))
            .expected("pieces and their scores")
            .remedy("download the file again")
    };
    let made = sentencepiece::Model::parse(&bytes).ok_or_else(|| refused("its pieces cannot be read"))?;
    let is_alone = matches!(class.pieces, Pieces::OnlySentencePiece(_));
    let added = made.pieces.iter().filter(|piece| !is_alone && piece.kind != Kind::Other);
    let added = added.map(|piece| AddedToken::from(piece.text.clone(), piece.kind == Kind::Control).normalized(false)).collect();
    let model = match class.algorithm {
        Algorithm::Unigram(unknown) => {
            let scored = |piece: &sentencepiece::Piece| (piece.text.clone(), f64::from(piece.score));
            let mut pieces: Vec<(String, f64)> = made.pieces.iter().map(scored).collect();
            if unknown.is_some() {
                // fairseq set its own special tokens before those pieces that follow SentencePiece's three.
                let token = |usage: &str| {
                    let usual = class.special.iter().find(|(name, _)| *name == usage).map_or("", |(_, token)| *token);
                    let named = settings.special(usage).flatten().map_or_else(|| usual.to_owned(), |token| token.content);
                    (named, 0.0)
                };
                let first = ["bos_token", "pad_token", "eos_token", "unk_token"].map(token);
                pieces.splice(..pieces.len().min(3), first);
                pieces.push(token("mask_token"));
            }
            let made = Unigram::from(pieces, Some(unknown.unwrap_or(made.unknown)), false);
            made.map_err(|err| refused(&err.to_string()))?.into()
        }
        _ => {
            let pieces: Numbers = made.pieces.iter().map(|piece| piece.text.clone()).zip(0..).collect();
            model_of(&file, json!({"type": "BPE", "vocab": pieces, "merges": made.merges()}))?
        }
    };
    let charsmap = Some(&made.charsmap).filter(|map| !map.is_empty());
    let read = |map| check_map(map).ok().and_then(|()| guard::quietly(|| Precompiled::from(map))?.ok());
    let charsmap = charsmap.map(|map| read(map));
    let charsmap = charsmap.map(|map| map.ok_or_else(|| refused("its map of letters cannot be read"))).transpose()?;
    Ok(Vocabulary { file, model, class, added, charsmap })
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
    let text = decode_file(file, read_file(file, MAX_FILE, expected)?, expected)?;
    // Any text can be read as lines of pieces: a pointer or a web page must not become a vocabulary.
    misnamed(file.display(), text.as_bytes()).map_or(Ok(text), Err)
}
