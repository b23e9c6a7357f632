//! Where the files of a tokenizer contradict each other, and what of them is not read.

use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::tokenizer::Tokenizer as Inner;

use super::tokenizer_class::{Class, PLAIN, Pieces};
use super::tokenizer_making::{Making, around, unknown_id};
use crate::domain::Notice;

/// What the user should know of how the files were read; `said` is the class that they choose.
pub(super) fn notices(making: &Making<'_>, said: Option<&Class>) -> Vec<Notice> {
    let settings = making.settings;
    let config = making.file.with_file_name("tokenizer_config.json");
    let notice = |what: String| Notice::new(config.display(), what);
    let mut notices = Vec::new();
    if settings.has_code() {
        notices.push(notice("names code of its own (auto_map), which is not run".to_owned()));
    }
    match (said, making.class, settings.class()) {
        (Some(Class { pieces: Pieces::OnlySentencePiece(file), .. }), None, Some(name)) => {
            notices.push(notice(format!(
                "names {name}, which reads {file}, and that is missing; tokenizer.json is read as it stands"
            )));
        }
        (Some(_), None, Some(name)) => notices.push(notice(format!(
            "names {name}, whose pieces are cut by another algorithm than those in tokenizer.json, which is read as it stands"
        ))),
        (None, _, Some(name)) if !PLAIN.contains(&name) && name != "LlamaTokenizer" => {
            notices
                .push(notice(format!("names {name}, whose own rules are not known here; tokenizer.json is read as it stands")));
        }
        _ => {}
    }
    if making.class.is_none() {
        notices.extend(unread_switches(making).map(notice));
    }
    notices.extend(unheard(making).map(notice));
    notices.extend(renumbered(making));
    notices
}

/// Switches of tokenizer_config.json that the class does not read, where tokenizer.json says otherwise.
fn unread_switches(making: &Making<'_>) -> impl Iterator<Item = String> {
    let normalizer = json!(making.inner.get_normalizer());
    let words = json!(making.inner.get_pre_tokenizer());
    let fields = [
        ("do_lower_case", &normalizer, "lowercase"),
        ("strip_accents", &normalizer, "strip_accents"),
        ("tokenize_chinese_chars", &normalizer, "handle_chinese_chars"),
        ("add_prefix_space", &words, "add_prefix_space"),
    ];
    let contradicted = fields.map(|(switch, part, field)| {
        let said = making.settings.switch(switch)?;
        let does = field_of(part, field)?;
        (said != does).then(|| format!("says {switch} {said}, which its class does not read; tokenizer.json says {does}"))
    });
    contradicted.into_iter().flatten()
}

/// A switch in a part of tokenizer.json, wherever it stands.
fn field_of(part: &Value, field: &str) -> Option<bool> {
    match part {
        Value::Object(fields) => {
            fields.get(field).and_then(Value::as_bool).or_else(|| fields.values().find_map(|value| field_of(value, field)))
        }
        Value::Array(values) => values.iter().find_map(|value| field_of(value, field)),
        _ => None,
    }
}

/// `add_bos_token` and `add_eos_token`, where tokenizer.json does otherwise.
fn unheard(making: &Making<'_>) -> impl Iterator<Item = String> {
    let around = around(&making.inner);
    let names = [("add_bos_token", "bos_token"), ("add_eos_token", "eos_token")];
    let contradicted = names.into_iter().zip(making.settings.unheard).map(move |((switch, usage), said)| {
        let (said, id) = (said?, making.inner.token_to_id(&making.token(usage)?.content)?);
        let does = around.contains(&id);
        let so = if does { "adds it" } else { "adds none" };
        (said != does).then(|| format!("says {switch} {said}, but tokenizer.json {so}, which counts, as in transformers 5"))
    });
    contradicted.flatten()
}

/// Added tokens that do not get the numbers that the folder gives them: numbers follow on from the pieces.
fn renumbered(making: &Making<'_>) -> Option<Notice> {
    let other = |(said, token): (&u32, &tokenizers::AddedToken)| {
        let id = making.inner.token_to_id(&token.content)?;
        (id != *said).then(|| (token.content.clone(), *said, id))
    };
    let moved: Vec<_> = making.settings.added.iter().filter_map(other).collect();
    let (token, said, id) = moved.first()?;
    let more = if moved.len() > 1 { format!(", and {} more tokens likewise", moved.len() - 1) } else { String::new() };
    let what = format!("numbers {token:?} {said}; it is read as {id}, as transformers 5 numbers it{more}");
    Some(Notice::new(making.file.with_file_name("").display(), what).remedy("save the tokenizer again"))
}

/// Whether two tokenizers may cut a text into other tokens.
pub(super) fn differ(made: &Inner, written: &Inner) -> bool {
    let parts =
        |inner: &Inner| json!([inner.get_normalizer(), inner.get_pre_tokenizer(), inner.get_added_vocabulary(), switches(inner)]);
    made.get_encode_special_tokens() != written.get_encode_special_tokens()
        || parts(made) != parts(written)
        || around(made) != around(written)
}

/// What a model does with what it has no piece for, and how words end.
fn switches(inner: &Inner) -> Value {
    match inner.get_model() {
        ModelWrapper::BPE(model) => {
            let suffix = model.end_of_word_suffix.as_deref().unwrap_or_default();
            json!([model.unk_token, suffix, model.fuse_unk, model.byte_fallback, model.ignore_merges])
        }
        ModelWrapper::WordPiece(model) => {
            json!([model.unk_token, model.continuing_subword_prefix, model.max_input_chars_per_word])
        }
        ModelWrapper::WordLevel(model) => json!([model.unk_token]),
        ModelWrapper::Unigram(model) => json!([unknown_id(inner), model.byte_fallback()]),
    }
}
