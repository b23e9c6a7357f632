//! What a checkpoint folder says of its tokenizer beside the pieces: `tokenizer_config.json`, `special_tokens_map.json`,
//! `added_tokens.json` and config.json, read as transformers 5 reads them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::text_file::decode_file;
use crate::domain::{Error, Result};
use crate::store::{misnamed, read_file};

/// Bytes of a file of settings.
const MAX_FILE: u64 = 16 << 20;

/// The uses of special tokens, in the order in which tokens that the vocabulary lacks are numbered.
pub(super) const USES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Those files.
#[derive(Debug)]
pub(super) struct Settings {
    /// `tokenizer_config.json`, with what overrides it.
    tokenizer: Map<String, Value>,
    /// config.json.
    model: Value,
    /// Tokens that the folder adds to the pieces, by the number that it gives them.
    pub(super) added: BTreeMap<u32, AddedToken>,
    /// Special tokens of uses that are a model's own, such as `image_token`.
    pub(super) named: Vec<AddedToken>,
    /// Special tokens of no named use.
    pub(super) extra: Vec<AddedToken>,
    /// `add_bos_token` and `add_eos_token` beside a tokenizer.json, which has the last word on both.
    pub(super) unheard: [Option<bool>; 2],
}

/// A token that a file spells with how it is found in a text.
#[derive(Deserialize)]
struct Spelled {
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

impl Settings {
    /// Reads the files of a folder; `in_file` are the added tokens of its tokenizer.json.
    ///
    /// `added_tokens_decoder` in `tokenizer_config.json` replaces what the older files and tokenizer.json say of added tokens.
    ///
    /// # Errors
    /// A file that is there and cannot be read, or a token whose number is none.
    pub(super) fn read(folder: &Path, in_file: Option<BTreeMap<u32, AddedToken>>) -> Result<Self> {
        let mut tokenizer = object(config(&folder.join("tokenizer_config.json"))?);
        let unheard = ["add_bos_token", "add_eos_token"]
            .map(|name| if in_file.is_some() { tokenizer.remove(name).and_then(|said| said.as_bool()) } else { None });
        let model = config(&folder.join("config.json"))?;
        let decoder = tokenizer.get("added_tokens_decoder").and_then(Value::as_object).map(|tokens| {
            let read = |(id, value): (&String, &Value)| Some((id.parse().ok()?, spelled(value, false)?));
            tokens.iter().filter_map(read).collect()
        });
        let older = if decoder.is_some() { Map::new() } else { object(config(&folder.join("special_tokens_map.json"))?) };
        let (named, extra) = (named(&tokenizer, &older), extra(&tokenizer, &older));
        tokenizer.extend(older.into_iter().map(|(name, value)| (name, always_special(value))));
        let mut settings = Self { tokenizer, model, added: BTreeMap::new(), named, extra, unheard };
        match decoder {
            Some(decoder) => settings.added = decoder,
            None => {
                settings.added = settings.older_tokens(&folder.join("added_tokens.json"))?;
                settings.added.extend(in_file.into_iter().flatten());
            }
        }
        Ok(settings)
    }

    /// `added_tokens.json`, which folders have that were saved before 2023. It says nothing of how its tokens are found.
    fn older_tokens(&self, file: &Path) -> Result<BTreeMap<u32, AddedToken>> {
        let of_uses = USES.iter().filter_map(|usage| self.special(usage).flatten());
        let special: Vec<String> = of_uses.chain(self.extra.iter().cloned()).map(|token| token.content).collect();
        let read = |(content, id): (String, Value)| {
            let whole = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = whole.ok_or_else(|| {
                Error::refused(file.display(), format!("numbers {content:?} {id}")).expected("a whole number of 32 bits")
            })?;
            let is_special = special.contains(&content);
            Ok((id, AddedToken::from(content, is_special)))
        };
        object(config(file)?).into_iter().map(read).collect()
    }

    /// The tokenizer's class, without the `Fast` at its end.
    pub(super) fn class(&self) -> Option<&str> {
        let configs = [self.tokenizer.get("tokenizer_class"), self.model.get("tokenizer_class")];
        let name = configs.into_iter().flatten().find_map(Value::as_str)?;
        Some(name.strip_suffix("Fast").unwrap_or(name))
    }

    /// `model_type` of config.json.
    pub(super) fn model_type(&self) -> &str {
        self.model.get("model_type").and_then(Value::as_str).unwrap_or("")
    }

    /// Whether the folder brings a tokenizer's code of its own.
    pub(super) fn has_code(&self) -> bool {
        self.tokenizer.get("auto_map").is_some_and(|map| map.is_array() || map.get("AutoTokenizer").is_some())
    }

    /// A switch of `tokenizer_config.json`; none where it is missing or null.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.tokenizer.get(name).and_then(Value::as_bool)
    }

    /// A setting that is a word.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        self.tokenizer.get(name).and_then(Value::as_str)
    }

    /// What the folder says of the token of a use: nothing, that there is none, or which.
    pub(super) fn special(&self, usage: &str) -> Option<Option<AddedToken>> {
        let said = self.tokenizer.get(usage)?;
        let Some(token) = spelled(said, true) else { return Some(None) };
        Some(Some(self.added.values().find(|added| added.content == token.content).cloned().unwrap_or(token)))
    }
}

/// The tokens of a model's own uses.
fn named(tokenizer: &Map<String, Value>, older: &Map<String, Value>) -> Vec<AddedToken> {
    let own = |name: &str| name.ends_with("_token") && !USES.contains(&name);
    let of_model = tokenizer.iter().chain(older).filter(|(name, _)| own(name));
    let by_name = tokenizer.get("extra_special_tokens").and_then(Value::as_object).into_iter().flatten();
    of_model.chain(by_name).filter_map(|(_, value)| spelled(value, true)).collect()
}

/// The tokens of no named use: those that `tokenizer_config.json` lists or, where it has no list, `special_tokens_map.json`. The
/// list has had two names.
fn extra(tokenizer: &Map<String, Value>, older: &Map<String, Value>) -> Vec<AddedToken> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    let [current, former] = ["extra_special_tokens", "additional_special_tokens"].map(|name| list(tokenizer.get(name)));
    let listed = current.clone().filter(|list| !list.is_empty()).or(former).or(current);
    let listed = listed.or_else(|| list(older.get("additional_special_tokens"))).unwrap_or_default();
    let more = list(older.get("extra_special_tokens")).unwrap_or_default();
    listed.iter().chain(&more).filter_map(|value| spelled(value, false)).collect()
}

fn always_special(value: Value) -> Value {
    match value {
        Value::Object(mut token) => {
            token.insert("special".to_owned(), Value::Bool(true));
            Value::Object(token)
        }
        other => other,
    }
}

/// A token that is given by its letters, or with how it is found. Letters alone are a special token.
fn spelled(value: &Value, is_special: bool) -> Option<AddedToken> {
    let token = match value {
        Value::String(content) => AddedToken::from(content.clone(), true),
        other => {
            let Spelled { content, single_word, lstrip, rstrip, normalized, special } = Spelled::deserialize(other).ok()?;
            let normalized = normalized.unwrap_or(!special);
            AddedToken { content, single_word, lstrip, rstrip, normalized, special: special || is_special }
        }
    };
    Some(token).filter(|token| !token.content.is_empty())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// A file of settings; null where there is none.
///
/// # Errors
/// One that is there and cannot be read.
pub(super) fn config(file: &Path) -> Result<Value> {
    if !file.exists() {
        return Ok(Value::Null);
    }
    let expected = format!("a {}", file.file_name().unwrap_or_default().display());
    let text = decode_file(file, read_file(file, MAX_FILE, &expected)?, &expected)?;
    serde_json::from_str(&text).map_err(|err| {
        let other = || Error::refused(file.display(), format!("is no JSON ({err})")).expected(expected);
        misnamed(file.display(), text.as_bytes()).unwrap_or_else(|| other().remedy("download the file again, or remove it"))
    })
}
