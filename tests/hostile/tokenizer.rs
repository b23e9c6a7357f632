//! Tokenizers: tokenizer.json, the settings beside it, and the older files of pieces.

use std::path::Path;

use serde_json::{Value, json};
use tokenscope::domain::Result;
use tokenscope::domain::vocabulary::Vocabulary as _;
use tokenscope::input::{Growing, Tokenizer};

use crate::harness::{Kind, Reader, Seed, fixtures};

/// Reads a folder's tokenizer, cuts texts with it and puts tokens together.
fn cut(file: &Path) -> Result<()> {
    let Some(tokenizer) = Tokenizer::read(file.parent().unwrap(), 32)? else { return Ok(()) };
    let long = "a banana ".repeat(100);
    let mut done = Ok(());
    for text in ["We sat on the bank.", "ﬁ ½ Å ǆ\u{202e} 🦊\t\r\n  éé", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", &long]
    {
        let encoded = tokenizer.encode(text);
        if let Ok(encoded) = &encoded {
            assert_eq!(encoded.ids.len(), encoded.text.pieces.len());
            let mut growing = Growing::new(encoded.clone());
            (1..6).for_each(|id| growing.push(id, Some(&tokenizer)));
        }
        done = done.and(encoded.map(drop));
    }
    (0..20).chain([u32::MAX]).for_each(|id| drop(tokenizer.shown(id)));
    for word in ["the", "\u{b7}bank"] {
        drop(tokenizer.id_of(word).map(|id| tokenizer.piece(id)));
    }
    drop(tokenizer.padded(3).encode("We sat."));
    done
}

const KINDS: [(&str, &str); 4] = [
    ("wordpiece", "BertTokenizer"),
    ("bytelevel_bpe", "GPT2Tokenizer"),
    ("metaspace_bpe", "LlamaTokenizer"),
    ("unigram", "XLMRobertaTokenizer"),
];

/// Settings of which most are read by some class.
fn settings(class: &str) -> Value {
    json!({
        "tokenizer_class": class, "do_lower_case": true, "add_prefix_space": false, "add_bos_token": true, "padding_side": "left",
        "unk_token": "[UNK]", "pad_token": {"content": "[PAD]", "lstrip": false, "rstrip": false, "normalized": false, "special": true},
        "added_tokens_decoder": {"900": {"content": "<new>", "lstrip": true, "rstrip": false, "normalized": true, "special": false}},
        "extra_special_tokens": ["<extra>"], "clean_up_tokenization_spaces": true, "split_special_tokens": false,
    })
}

pub struct Json;

impl Reader for Json {
    fn name(&self) -> &'static str {
        "tokenizer"
    }

    fn seeds(&self) -> Vec<Seed> {
        let plain = KINDS.map(|(kind, _)| Seed::fixture(&format!("tokenizers/{kind}/tokenizer.json"), Kind::Json));
        // Small vocabularies, so that most changes meet the parts that work on a text.
        let small =
            [None, Some(json!({"type": "Fuse"}))].map(|decoder| Seed::new("tokenizer.json", small(decoder.as_ref()), Kind::Json));
        plain.into_iter().chain(small).chain([Seed::new("tokenizer.json", unigram(), Kind::Json)]).collect()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        cut(file)
    }
}

/// Every kind of part, over a handful of pieces.
fn small(decoder: Option<&Value>) -> String {
    let replace = |from: Value, to: &str| json!({"type": "Replace", "pattern": from, "content": to});
    let letters = " !.Wabehknostu🦊é▁Ġ".chars().map(|letter| letter.to_string());
    let vocabulary: serde_json::Map<String, Value> = letters
        .chain(["an".to_owned(), "ban".to_owned(), "<s>".to_owned()])
        .zip(0..)
        .map(|(piece, id)| (piece, json!(id)))
        .collect();
    let mut decoders = vec![
        replace(json!({"String": "▁"}), " "),
        json!({"type": "ByteFallback"}),
        json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}),
    ];
    decoders.extend(decoder.cloned());
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 2},
        "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": 4, "pad_id": 0, "pad_type_id": 0, "pad_token": " "},
        "added_tokens": [{"id": 20, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": true, "normalized": true, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFKC"}, replace(json!({"String": "a"}), "aa"), replace(json!({"Regex": "e|o+"}), "ooo"),
            {"type": "Prepend", "prepend": "▁"}, {"type": "Strip", "strip_left": true, "strip_right": false},
            {"type": "Precompiled", "precompiled_charsmap": letters_map()},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\\s+|\\p{L}+(?=a)"}, "behavior": "Isolated", "invert": false},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
            {"type": "Digits", "individual_digits": true}, {"type": "Punctuation", "behavior": "Contiguous"},
            {"type": "FixedLength", "length": 5},
        ]},
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [20], "tokens": ["<s>"]}}},
        ]},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {"type": "BPE", "dropout": null, "unk_token": "!", "continuing_subword_prefix": null, "end_of_word_suffix": null,
                  "fuse_unk": true, "byte_fallback": false, "vocab": vocabulary, "merges": [["a", "n"], ["b", "an"]]},
    })
    .to_string()
}

/// A map of letters that changes none: an index of empty units, and a string.
fn letters_map() -> String {
    use base64::Engine;
    let map = [&2048_u32.to_le_bytes()[..], &[0; 2048], b"aaaa\0"].concat();
    base64::engine::general_purpose::STANDARD.encode(map)
}

fn unigram() -> String {
    let pieces = ["<unk>", "▁", "a", "n", "an", "ban", "ana", "▁We", "t", "s"];
    let pieces: Vec<Value> = pieces.iter().zip(1..).map(|(piece, rank)| json!([piece, -f64::from(rank)])).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": null, "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": false},
    })
    .to_string()
}

pub struct Settings;

impl Reader for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn seeds(&self) -> Vec<Seed> {
        let of_kind = |(kind, class): (&str, &str)| {
            let seed = Seed::new("tokenizer_config.json", settings(class).to_string(), Kind::Json);
            seed.beside_fixture(&format!("tokenizers/{kind}/tokenizer.json"))
        };
        // A class that needs other special tokens than a file has is refused: of these two the names agree.
        let mut seeds: Vec<Seed> = KINDS[..1].iter().copied().map(of_kind).collect();
        seeds.extend(KINDS.iter().map(|&(kind, _)| of_kind((kind, "PreTrainedTokenizer"))));
        let pieces = Seed::fixture("vocabularies/bert_cased/tokenizer_config.json", Kind::Json);
        seeds.push(pieces.beside_fixture("vocabularies/bert_cased/vocab.txt"));
        let added = Seed::fixture("vocabularies/bert_cased/added_tokens.json", Kind::Json);
        let added = added.beside_fixture("vocabularies/bert_cased/tokenizer_config.json");
        seeds.push(added.beside_fixture("vocabularies/bert_cased/vocab.txt"));
        seeds
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        cut(file)
    }
}

pub struct Vocabulary;

impl Reader for Vocabulary {
    fn name(&self) -> &'static str {
        "vocabulary"
    }

    fn seeds(&self) -> Vec<Seed> {
        let seed = |file: &str, kind: Kind, beside: &[&str]| {
            beside.iter().fold(Seed::fixture(&format!("vocabularies/{file}"), kind), |seed, other| {
                seed.beside_fixture(&format!("vocabularies/{other}"))
            })
        };
        vec![
            seed("bert/vocab.txt", Kind::Lines, &[]),
            seed("gpt2/vocab.json", Kind::Json, &["gpt2/merges.txt", "gpt2/config.json"]),
            seed("gpt2/merges.txt", Kind::Lines, &["gpt2/vocab.json", "gpt2/config.json"]),
            seed("clip/vocab.json", Kind::Json, &["clip/merges.txt", "clip/config.json"]),
            seed("roberta/merges.txt", Kind::Lines, &["roberta/vocab.json", "roberta/tokenizer_config.json"]),
        ]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        cut(file)
    }
}

pub struct SentencePiece;

impl Reader for SentencePiece {
    fn name(&self) -> &'static str {
        "sentencepiece"
    }

    fn seeds(&self) -> Vec<Seed> {
        let seed = |file: &str, class: &str| {
            let seed = Seed::fixture(&format!("sentencepiece/{file}"), Kind::Message);
            seed.beside("tokenizer_config.json", json!({"tokenizer_class": class}).to_string())
        };
        assert!(fixtures().join("sentencepiece").is_dir());
        vec![
            seed("llama/tokenizer.model", "LlamaTokenizer"),
            seed("siglip/spiece.model", "SiglipTokenizer"),
            seed("xlm-roberta/sentencepiece.bpe.model", "XLMRobertaTokenizer"),
        ]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        cut(file)
    }
}
