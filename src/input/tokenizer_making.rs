//! A tokenizer in the making: pieces from a file, and everything else as a class of transformers 5 and the folder's settings
//! have it.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::models::unigram::Unigram;
use tokenizers::tokenizer::Tokenizer as Inner;
use tokenizers::{
    AddedToken, AddedVocabulary, DecoderWrapper, Model, NormalizerWrapper, PaddingDirection, PostProcessorWrapper,
    PreTokenizerWrapper,
};

use super::tokenizer_bounds::Bounds;
use super::tokenizer_class::{Algorithm, Around, Class};
use super::tokenizer_settings::{Settings, USES};
use crate::domain::{Error, Notice, Result};
use crate::guard;

/// A tokenizer and where it came from.
pub(super) struct Assembled {
    /// tokenizer.json, or the file of pieces.
    pub(super) file: PathBuf,
    pub(super) inner: Inner,
    /// tokenizer.json as it stands, where it may cut a text into other tokens.
    pub(super) as_written: Option<Inner>,
    /// Whether offsets leave out the space before a word.
    pub(super) trims: bool,
    pub(super) padding: Padding,
    pub(super) notices: Vec<Notice>,
}

/// What short texts are filled up with.
#[derive(Clone, Debug, Default)]
pub(super) struct Padding {
    pub(super) token: Option<String>,
    pub(super) is_left: bool,
}

/// A tokenizer in the making.
pub(super) struct Making<'a> {
    pub(super) file: &'a Path,
    pub(super) inner: Inner,
    pub(super) settings: &'a Settings,
    pub(super) class: Option<&'static Class>,
    /// The pad token of tokenizer.json.
    pub(super) pad: Option<String>,
}

pub(super) fn no_tokenizer(place: &Path, why: &str) -> Error {
    Error::refused(place.display(), format!("is no tokenizer ({why})"))
        .expected("a file of Hugging Face's tokenizers")
        .remedy("download the file again")
}

impl Making<'_> {
    /// The token of a use, as the folder names it or the class does.
    pub(super) fn token(&self, usage: &str) -> Option<AddedToken> {
        if let Some(said) = self.settings.special(usage) {
            return said;
        }
        let usual = self.class.and_then(|class| class.special.iter().find(|(name, _)| *name == usage));
        let of_file = self.pad.as_deref().filter(|_| usage == "pad_token");
        let content = usual.map(|(_, content)| *content).or(of_file).filter(|content| !content.is_empty())?;
        Some(AddedToken::from(content, true))
    }

    /// The token of a use and its number.
    ///
    /// # Errors
    /// A token that the class presumes and that no file has.
    fn numbered(&self, usage: &str) -> Result<(String, u32)> {
        let token = self.token(usage).map(|token| token.content).unwrap_or_default();
        let is_said = self.settings.special(usage).flatten().is_some();
        let is_known = is_said
            || self.inner.get_model().token_to_id(&token).is_some()
            || self.settings.added.values().any(|added| added.content == token);
        match self.inner.token_to_id(&token).filter(|_| is_known) {
            Some(id) => Ok((token, id)),
            None => Err(Error::refused(self.file.display(), format!("lacks {token}"))
                .expected("a vocabulary with the tokens that its family sets around a text, and for what it cannot spell")
                .remedy("name them in tokenizer_config.json beside it, or add the model's tokenizer.json")),
        }
    }

    /// Replaces everything but the pieces by what the class has.
    pub(super) fn rebuild(&mut self, class: &Class) -> Result<()> {
        let precompiled = self.inner.get_normalizer().and_then(|normalizer| precompiled(&json!(normalizer)));
        let [normalizer, words, decoder] = (class.pipeline)(self.settings);
        let normalizer = filled(normalizer, precompiled.as_ref());
        if let Some(model) = self.model(class)? {
            self.inner.with_model(model);
        }
        self.inner.with_added_vocabulary(AddedVocabulary::new());
        let normalizer = part::<NormalizerWrapper>(normalizer)?;
        self.inner.with_normalizer(normalizer).map_err(|err| Error::Internal(err.to_string()))?;
        self.inner.with_pre_tokenizer(part::<PreTokenizerWrapper>(words)?);
        self.inner.with_decoder(part::<DecoderWrapper>(decoder)?);
        Ok(())
    }

    /// The model with the switches of a class; none where it has them already.
    fn model(&self, class: &Class) -> Result<Option<ModelWrapper>> {
        let unknown = self.token("unk_token").map(|token| token.content);
        Ok(match (class.algorithm, self.inner.get_model()) {
            (Algorithm::WordPiece, ModelWrapper::WordPiece(model)) => {
                let mut model = model.clone();
                model.unk_token = unknown.unwrap_or_default();
                model.continuing_subword_prefix = "##".to_owned();
                model.max_input_chars_per_word = 100;
                Some(model.into())
            }
            (Algorithm::Bpe(switches), ModelWrapper::BPE(model)) => {
                let mut model = model.clone();
                model.dropout = None;
                model.unk_token = unknown.filter(|_| switches.has_unk);
                model.continuing_subword_prefix = None;
                model.end_of_word_suffix = Some(switches.suffix.to_owned()).filter(|suffix| !suffix.is_empty());
                (model.fuse_unk, model.byte_fallback, model.ignore_merges) = (switches.fuse_unk, switches.byte_fallback, false);
                Some(model.into())
            }
            (Algorithm::Unigram(Some(unknown)), ModelWrapper::Unigram(model))
                if unknown_id(&self.inner) != u32::try_from(unknown).ok() =>
            {
                let pieces = model.iter().cloned().collect();
                let made = Unigram::from(pieces, Some(unknown), false);
                Some(made.map_err(|err| no_tokenizer(self.file, &err.to_string()))?.into())
            }
            _ => None,
        })
    }

    /// Adds what the folder adds to the pieces: tokens that it numbers, special tokens of the uses, and extra ones.
    pub(super) fn add_tokens(&mut self) -> Result<()> {
        self.inner.set_encode_special_tokens(self.settings.switch("split_special_tokens") == Some(true));
        let uses: Vec<AddedToken> = USES.iter().filter_map(|usage| self.token(usage)).collect();
        let named: Vec<&AddedToken> = uses.iter().chain(&self.settings.named).collect();
        let known = self.inner.get_added_tokens_decoder();
        let mut tokens: Vec<AddedToken> =
            self.settings.added.values().filter(|token| !known.values().any(|k| k == *token)).cloned().collect();
        for token in &mut tokens {
            token.special |= named.iter().any(|named| named.content == token.content);
        }
        for &token in named.iter().chain(&self.settings.extra.iter().collect::<Vec<_>>()) {
            let is_known = self.inner.get_added_vocabulary().get_vocab().contains_key(&token.content);
            if !is_known && !tokens.iter().any(|added| added.content == token.content) {
                tokens.push(token.clone());
            }
        }
        if self.class.is_some_and(|class| class.names.contains(&"Qwen2Tokenizer")) {
            // This class forgets how its special tokens are found.
            let special: Vec<&AddedToken> = named.into_iter().chain(&self.settings.extra).collect();
            let plain = special.into_iter().map(|token| AddedToken::from(token.content.clone(), true));
            tokens.extend(plain.collect::<Vec<_>>());
        }
        let added = guard::quietly(|| {
            let bounds = Bounds::of(&self.inner)?;
            // The normalizer is applied to them as well.
            tokens.iter().try_for_each(|token| bounds.check(&token.content).map_err(|why| format!("an added token {why}")))?;
            self.inner.add_tokens(tokens).map_err(|err| err.to_string())
        });
        let added = added.unwrap_or_else(|| Err("its added tokens contradict each other".to_owned()));
        added.map(|_| ()).map_err(|why| no_tokenizer(self.file, &why))
    }

    /// Sets what stands around a text.
    pub(super) fn set_around(&mut self) -> Result<()> {
        let usages = match self.class.map(|class| class.around) {
            Some(Around::Tokens(first, last)) => [first, last],
            _ if self.inner.get_post_processor().is_some() => return self.check_unknown(),
            _ => [("add_bos_token", "bos_token"), ("add_eos_token", "eos_token")]
                .map(|(switch, usage)| (self.settings.switch(switch) == Some(true)).then_some(usage))
                .map(|usage| usage.filter(|usage| self.token(usage).is_some())),
        };
        let [first, last] = usages.map(|usage| usage.map(|usage| self.numbered(usage)).transpose());
        self.inner.with_post_processor(part::<PostProcessorWrapper>(template(first?, last?))?);
        self.check_unknown()
    }

    /// Refuses pieces without one for what they cannot spell, where the class needs it.
    fn check_unknown(&self) -> Result<()> {
        match self.class.map(|class| class.algorithm) {
            Some(Algorithm::WordPiece) => self.numbered("unk_token").map(|_| ()),
            Some(Algorithm::Bpe(switches)) if switches.has_unk => self.numbered("unk_token").map(|_| ()),
            _ => Ok(()),
        }
    }

    pub(super) fn finished(self, direction: Option<PaddingDirection>) -> Assembled {
        let is_left = match self.settings.word("padding_side") {
            Some(side) => side == "left",
            None => direction.map_or(self.class.is_some_and(|class| class.pads_left), |d| matches!(d, PaddingDirection::Left)),
        };
        let padding = Padding { token: self.token("pad_token").map(|token| token.content), is_left };
        let trims = self.class.is_some_and(|class| (class.trims)(self.settings));
        let mut made =
            Assembled { file: self.file.to_owned(), inner: self.inner, as_written: None, trims, padding, notices: Vec::new() };
        made.trims |= take_trimming(&mut made.inner);
        made
    }
}

/// The number of the token for what has no piece; none where there is no such token.
pub(super) fn unknown_id(inner: &Inner) -> Option<u32> {
    let named = match inner.get_model() {
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::Unigram(model) => {
            // It keeps the number to itself; the last character of all has no piece.
            let tokens = guard::quietly(|| model.tokenize("\u{10ffff}"))?.ok()?;
            return tokens.first().filter(|_| tokens.len() == 1).map(|token| token.id);
        }
    };
    inner.token_to_id(&named?)
}

/// The numbers of what stands around a text.
pub(super) fn around(inner: &Inner) -> Vec<u32> {
    let encoded = guard::quietly(|| inner.encode("", true)).and_then(std::result::Result::ok);
    encoded.map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
}

/// Turns off that the tokenizer trims offsets, and says whether it did. It takes off a space before a word also where the space is
/// its own addition, and then loses a letter.
pub(super) fn take_trimming(inner: &mut Inner) -> bool {
    let Some(mut around) = inner.get_post_processor().map(|around| json!(around)) else { return false };
    let trims = untrim(&mut around);
    if trims && let Ok(changed) = part::<PostProcessorWrapper>(around) {
        inner.with_post_processor(changed);
    }
    trims
}

fn untrim(part: &mut Value) -> bool {
    let mut trims = false;
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                trims |= if name == "trim_offsets" {
                    std::mem::replace(value, Value::Bool(false)) == Value::Bool(true)
                } else {
                    untrim(value)
                };
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| trims |= untrim(value)),
        _ => {}
    }
    trims
}

/// The map of letters that SentencePiece compiled, wherever it stands in a normalizer.
fn precompiled(normalizer: &Value) -> Option<Value> {
    match normalizer {
        Value::Object(fields) if fields.get("type").is_some_and(|kind| kind == "Precompiled") => Some(normalizer.clone()),
        Value::Object(fields) => fields.get("normalizers")?.as_array()?.iter().find_map(precompiled),
        _ => None,
    }
}

/// A normalizer with a map of letters in its place, or without the place.
fn filled(normalizer: Value, charsmap: Option<&Value>) -> Value {
    match normalizer {
        Value::String(_) => charsmap.cloned().unwrap_or(Value::Null),
        Value::Object(mut fields) => {
            if let Some(Value::Array(parts)) = fields.get_mut("normalizers") {
                let kept = std::mem::take(parts).into_iter().map(|part| filled(part, charsmap));
                *parts = kept.filter(|part| !part.is_null()).collect();
            }
            Value::Object(fields)
        }
        other => other,
    }
}

/// Tokens before and after a text.
fn template(first: Option<(String, u32)>, last: Option<(String, u32)>) -> Value {
    let piece =
        |token: &Option<(String, u32)>| token.as_ref().map(|(token, _)| json!({"SpecialToken": {"id": token, "type_id": 0}}));
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let single: Vec<Value> = piece(&first).into_iter().chain([text.clone()]).chain(piece(&last)).collect();
    let special: serde_json::Map<String, Value> = first
        .into_iter()
        .chain(last)
        .map(|(token, id)| (token.clone(), json!({"id": token, "ids": [id], "tokens": [token]})))
        .collect();
    json!({
        "type": "TemplateProcessing",
        "single": single,
        "pair": [text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": special,
    })
}

/// A part of a tokenizer, as tokenizer.json spells it; none from null.
fn part<T: DeserializeOwned>(json: Value) -> Result<Option<T>> {
    serde_json::from_value(json).map_err(|err| Error::Internal(format!("part of a tokenizer: {err}")))
}
