//! Tokenizers of folders from before tokenizer.json: WordPiece from vocab.txt, pairs of bytes from vocab.json and merges.txt. Those
//! files hold pieces alone. How a text is cleaned and cut into words, and what is set around it, is known of the families that
//! came so; put together, it is the tokenizer.json that such a folder lacks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::padding::config;
use super::words::{MAX_FILE, read_file};
use crate::domain::{Error, Result};
use crate::store::{misnamed, without_mark};

/// What CLIP takes for words.
const CLIP_WORDS: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// Letters in a word, beyond which WordPiece takes it for unknown.
const MAX_LETTERS: usize = 100;

/// Pieces and their numbers.
type Pieces = HashMap<String, u32>;

/// Whose way of reading a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Bert,
    Gpt2,
    Roberta,
    Clip,
}

/// What a folder says of its way of reading a text.
enum Said {
    Family(Family),
    Nothing,
    /// Some way that is not known here; other families keep their pieces in files of the same names.
    Other,
}

/// What the files of pieces hold.
struct Parts {
    file: PathBuf,
    family: Family,
    pieces: Pieces,
    /// Pairs of pieces that become one, the first to be joined first; none in WordPiece.
    merges: Vec<(String, String)>,
}

/// A token that is found in a text before it is cut into words, as tokenizer.json spells it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Added {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

/// What a folder says beside its pieces.
struct Settings {
    /// tokenizer_config.json.
    tokenizer: Value,
    /// special_tokens_map.json.
    special: Value,
    /// config.json.
    model: Value,
}

/// The file of pieces in a folder, and the tokenizer.json that they amount to; `None` where there is no such file, or it is read in
/// a way that is not known here.
///
/// # Errors
/// Files that cannot be read, contradict each other, or lack a token that the family sets around every text.
pub(super) fn compose(folder: &Path) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let [text, pairs] = ["vocab.txt", "vocab.json"].map(|name| folder.join(name));
    if !text.exists() && !pairs.exists() {
        return Ok(None);
    }
    let settings = Settings::read(folder)?;
    let Some(mut parts) = Parts::read(&text, &pairs, &settings)? else { return Ok(None) };
    let mut added = settings.added(&folder.join("added_tokens.json"))?;
    for token in &mut added {
        token.id = *parts.pieces.entry(token.content.clone()).or_insert(token.id);
    }
    settings.add_special(&parts, &mut added);
    let whole = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": settings.normalizer(parts.family),
        "pre_tokenizer": settings.pre_tokenizer(parts.family),
        "post_processor": settings.post_processor(&parts)?,
        "decoder": if parts.family == Family::Bert { json!({"type": "WordPiece", "prefix": "##", "cleanup": true}) } else { bytes(true) },
        "model": settings.pieces_of_words(&parts)?,
    });
    Ok(Some((parts.file, whole.to_string().into_bytes())))
}

impl Parts {
    fn read(text: &Path, pairs: &Path, settings: &Settings) -> Result<Option<Self>> {
        let said = match settings.said() {
            Said::Family(family) => Some(family),
            Said::Nothing => None,
            Said::Other => return Ok(None),
        };
        let is_text = match said {
            Some(Family::Bert) => true,
            Some(_) => !pairs.exists(),
            None => text.exists(),
        };
        if is_text {
            let read = || Ok(Self { file: text.to_owned(), family: Family::Bert, pieces: lines(text)?, merges: Vec::new() });
            return text.exists().then(read).transpose();
        }
        let pieces = numbered(pairs)?;
        let Some(family) = said.or_else(|| family_of(&pieces)) else { return Ok(None) };
        let merges = merges(&pairs.with_file_name("merges.txt"), &pieces)?;
        Ok(Some(Self { file: pairs.to_owned(), family, pieces, merges }))
    }

    /// A token and its number.
    fn numbered(&self, token: String) -> Result<(String, u32)> {
        match self.pieces.get(&token) {
            Some(&id) => Ok((token, id)),
            None => Err(Error::refused(self.file.display(), format!("lacks {token}"))
                .expected("a vocabulary with the tokens that its family sets around a text, and for what it cannot spell")
                .remedy("name them in tokenizer_config.json beside it, or add the model's tokenizer.json")),
        }
    }
}

impl Family {
    /// Special tokens, by what tokenizer_config.json calls their use.
    fn special_tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Bert => &[
                ("unk_token", "[UNK]"),
                ("cls_token", "[CLS]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("mask_token", "[MASK]"),
            ],
            Self::Gpt2 => &[("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>")],
            Self::Roberta => &[
                ("cls_token", "<s>"),
                ("sep_token", "</s>"),
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Self::Clip => &[
                ("bos_token", "<|startoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
        }
    }
}

impl Settings {
    fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| config(&folder.join(name));
        Ok(Self {
            tokenizer: read("tokenizer_config.json")?,
            special: read("special_tokens_map.json")?,
            model: read("config.json")?,
        })
    }

    fn said(&self) -> Said {
        let class = [&self.tokenizer, &self.model].into_iter().find_map(|config| config.get("tokenizer_class")?.as_str());
        match class.map_or("", |class| class.strip_suffix("Fast").unwrap_or(class)) {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => return Said::Family(Family::Bert),
            "GPT2Tokenizer" => return Said::Family(Family::Gpt2),
            "RobertaTokenizer" => return Said::Family(Family::Roberta),
            "CLIPTokenizer" => return Said::Family(Family::Clip),
            "" | "AutoTokenizer" | "PreTrainedTokenizer" | "TokenizersBackend" => {}
            _ => return Said::Other,
        }
        match self.model.get("model_type").and_then(Value::as_str) {
            Some("gpt2") => Said::Family(Family::Gpt2),
            Some("roberta") => Said::Family(Family::Roberta),
            Some(name) if name.starts_with("clip") => Said::Family(Family::Clip),
            _ => Said::Nothing,
        }
    }

    /// A switch of tokenizer_config.json.
    fn switch(&self, name: &str) -> Option<bool> {
        self.tokenizer.get(name).and_then(Value::as_bool)
    }

    /// The token of a use, as the folder names it or the family does.
    fn special(&self, family: Family, usage: &str) -> Added {
        let named = [&self.tokenizer, &self.special].into_iter().find_map(|config| token(config.get(usage)?));
        let usual = family.special_tokens().iter().find(|(name, _)| *name == usage).map_or("", |(_, token)| token);
        named.unwrap_or_else(|| Added { content: usual.to_owned(), ..Added::default() })
    }

    /// Tokens that were added to the pieces later; their numbers are what the folder says.
    fn added(&self, file: &Path) -> Result<Vec<Added>> {
        if let Some(Value::Object(tokens)) = self.tokenizer.get("added_tokens_decoder") {
            let read = |(id, value): (&String, &Value)| Some(Added { id: id.parse().ok()?, ..token(value)? });
            return Ok(tokens.iter().filter_map(read).collect());
        }
        let added = config(file)?;
        let Value::Object(tokens) = added else { return Ok(Vec::new()) };
        let read = |(content, id): (String, Value)| {
            let whole = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = whole.ok_or_else(|| {
                Error::refused(file.display(), format!("numbers {content:?} {id}")).expected("a whole number of 32 bits")
            })?;
            Ok(Added { id, content, normalized: true, ..Added::default() })
        };
        tokens.into_iter().map(read).collect()
    }

    /// Adds the special tokens that are among the pieces.
    fn add_special(&self, parts: &Parts, added: &mut Vec<Added>) {
        let usual = parts.family.special_tokens().iter().map(|(usage, _)| *usage).chain(["pad_token"]);
        let more = [&self.tokenizer, &self.special].into_iter().find_map(|config| {
            ["additional_special_tokens", "extra_special_tokens"].into_iter().find_map(|name| config.get(name)?.as_array())
        });
        let tokens = usual.map(|usage| self.special(parts.family, usage)).chain(more.into_iter().flatten().filter_map(token));
        for token in tokens {
            let Some(&id) = parts.pieces.get(&token.content) else { continue };
            match added.iter_mut().find(|known| known.content == token.content) {
                // Files that only number a token say nothing of how it is found.
                Some(known) if !known.special => *known = Added { id, special: true, ..token },
                Some(_) => {}
                None => added.push(Added { id, special: true, ..token }),
            }
        }
    }

    fn normalizer(&self, family: Family) -> Value {
        match family {
            Family::Bert => json!({
                "type": "BertNormalizer",
                "clean_text": true,
                "handle_chinese_chars": self.switch("tokenize_chinese_chars").unwrap_or(true),
                "strip_accents": self.switch("strip_accents"),
                "lowercase": self.switch("do_lower_case").unwrap_or(true),
            }),
            Family::Gpt2 | Family::Roberta => Value::Null,
            Family::Clip => json!({"type": "Sequence", "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ]}),
        }
    }

    fn pre_tokenizer(&self, family: Family) -> Value {
        match family {
            Family::Bert => json!({"type": "BertPreTokenizer"}),
            Family::Gpt2 | Family::Roberta => bytes(self.switch("add_prefix_space").unwrap_or(false)),
            Family::Clip => json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": CLIP_WORDS}, "behavior": "Removed", "invert": true},
                bytes(false),
            ]}),
        }
    }

    /// What is set around a text.
    fn post_processor(&self, parts: &Parts) -> Result<Value> {
        let token = |usage| parts.numbered(self.special(parts.family, usage).content);
        Ok(match parts.family {
            Family::Bert => json!({"type": "BertProcessing", "sep": token("sep_token")?, "cls": token("cls_token")?}),
            Family::Roberta => json!({
                "type": "RobertaProcessing",
                "sep": token("sep_token")?,
                "cls": token("cls_token")?,
                "trim_offsets": self.switch("trim_offsets").unwrap_or(true),
                "add_prefix_space": self.switch("add_prefix_space").unwrap_or(false),
            }),
            Family::Clip => json!({
                "type": "RobertaProcessing",
                "sep": token("eos_token")?,
                "cls": token("bos_token")?,
                "trim_offsets": false,
                "add_prefix_space": false,
            }),
            Family::Gpt2 if self.switch("add_bos_token") == Some(true) => {
                let (first, id) = token("bos_token")?;
                let of_text = json!({"Sequence": {"id": "A", "type_id": 0}});
                json!({
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": first, "type_id": 0}}, of_text],
                    "pair": [of_text, {"Sequence": {"id": "B", "type_id": 1}}],
                    "special_tokens": {&first: {"id": first, "ids": [id], "tokens": [first]}},
                })
            }
            Family::Gpt2 => Value::Null,
        })
    }

    /// What cuts words into pieces.
    fn pieces_of_words(&self, parts: &Parts) -> Result<Value> {
        let unknown = || parts.numbered(self.special(parts.family, "unk_token").content).map(|(token, _)| token);
        if parts.family == Family::Bert {
            return Ok(json!({
                "type": "WordPiece",
                "unk_token": unknown()?,
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": MAX_LETTERS,
                "vocab": parts.pieces,
            }));
        }
        let is_clip = parts.family == Family::Clip;
        Ok(json!({
            "type": "BPE",
            "unk_token": if is_clip { Some(unknown()?) } else { None },
            "end_of_word_suffix": if is_clip { "</w>" } else { "" },
            "vocab": parts.pieces,
            "merges": parts.merges,
        }))
    }
}

/// Bytes in the letters that GPT-2 gave them.
fn bytes(add_prefix_space: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": true})
}

/// A token that a configuration gives as its letters or with how it is found.
fn token(value: &Value) -> Option<Added> {
    match value {
        Value::String(content) => Some(Added { content: content.clone(), ..Added::default() }),
        other => Added::deserialize(other).ok(),
    }
    .filter(|token| !token.content.is_empty())
}

/// Whose pieces these are, by the special tokens among them.
fn family_of(pieces: &Pieces) -> Option<Family> {
    let holds = |tokens: &[&str]| tokens.iter().all(|&token| pieces.contains_key(token));
    let families = [
        (Family::Clip, &["<|startoftext|>", "<|endoftext|>"][..]),
        (Family::Roberta, &["<s>", "</s>"]),
        (Family::Gpt2, &["<|endoftext|>"]),
    ];
    families.into_iter().find(|(_, tokens)| holds(tokens)).map(|(family, _)| family)
}

/// A piece a line; its number is that of the line.
fn lines(file: &Path) -> Result<Pieces> {
    let text = read_lines(file, "a vocab.txt")?;
    Ok(text.lines().map(|line| line.trim_end().to_owned()).zip(0..).collect())
}

fn numbered(file: &Path) -> Result<Pieces> {
    let bytes = read_file(file, MAX_FILE, "a vocab.json")?;
    serde_json::from_slice(without_mark(&bytes)).map_err(|err| {
        let other = || Error::refused(file.display(), format!("is no vocabulary ({err})"));
        misnamed(file.display(), &bytes)
            .unwrap_or_else(|| other().expected("pieces and their numbers, as {\"the\": 0}").remedy("download the file again"))
    })
}

/// Two pieces a line, which with what they are together are among the pieces.
fn merges(file: &Path, pieces: &Pieces) -> Result<Vec<(String, String)>> {
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
    let bytes = read_file(file, MAX_FILE, expected)?;
    if let Some(refusal) = misnamed(file.display(), &bytes) {
        return Err(refusal);
    }
    String::from_utf8(without_mark(&bytes).to_vec()).map_err(|_| {
        Error::refused(file.display(), "is no text").expected(format!("{expected} in UTF-8")).remedy("download the file again")
    })
}
