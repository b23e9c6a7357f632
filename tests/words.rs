//! Tokenizers of the three kinds, compared with what Python's `tokenizers` makes of awkward strings (`tests/fixtures/tokenizers`,
//! made by the same script as the shared ones), those of folders without tokenizer.json with what transformers makes of them
//! (`tests/fixtures/vocabularies`), and what is said about texts that cannot be taken.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenscope::domain::{Cancel, Error};
use tokenscope::input::{Tokenizer, holds_ids, read_input_ids, read_text};

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(kind)
}

fn old_folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vocabularies").join(kind)
}

fn tokenizer(kind: &str, max_tokens: usize) -> Tokenizer {
    Tokenizer::read(&folder(kind), max_tokens).unwrap().unwrap()
}

#[test]
fn ids_tokens_and_offsets_equal_python_s() {
    let kinds = ["wordpiece", "bytelevel_bpe", "metaspace_bpe", "unigram"];
    // Those that lie beside a developer's checkout too, where they do.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/tokenizers");
    let old = ["bert", "bert_cased", "gpt2", "roberta", "clip"].map(old_folder);
    let folders = kinds.map(folder).into_iter().chain(kinds.map(|kind| beside.join(kind))).chain(old);
    for folder in folders.filter(|folder| folder.is_dir()) {
        let tokenizer = Tokenizer::read(&folder, 512).unwrap().unwrap();
        let kind = folder.display();
        let cases: Vec<Value> = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        cases.iter().filter(|case| case["text"] != "").for_each(|case| assert_reads(&tokenizer, case, &kind.to_string()));
    }
}

/// Compares the tokens of a text with those of a row that Python wrote.
fn assert_reads(tokenizer: &Tokenizer, case: &Value, kind: &str) {
    let string = case["text"].as_str().unwrap();
    let got = tokenizer.encode(string).unwrap();
    let numbers = |v: &Value| v.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(got.ids.iter().map(|&id| u64::from(id)).collect::<Vec<_>>(), numbers(&case["ids"]), "{kind} {string}");
    let chars = |byte: usize| string[..byte].chars().count() as u64;
    for ((piece, token), offsets) in
        got.text.pieces.iter().zip(case["tokens"].as_array().unwrap()).zip(case["offsets"].as_array().unwrap())
    {
        assert_eq!(piece.piece, token.as_str().unwrap(), "{kind} {string}");
        // A character of several bytes may be several tokens, each of which stands for all of it.
        let whole = string.is_char_boundary(piece.span.start) && string.is_char_boundary(piece.span.end);
        assert!(whole, "{kind} {string} {piece:?}");
        if !piece.special && !piece.span.is_empty() {
            assert_eq!([chars(piece.span.start), chars(piece.span.end)], numbers(offsets)[..], "{kind} {string}");
        }
    }
    assert_eq!(got.text.cut_at, None);
}

/// A checkpoint folder with the files of a fixture and others beside them.
fn with_settings(base: &str, files: &Value) -> TempDir {
    let desk = TempDir::new().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(base);
    let pieces = ["vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"];
    for name in pieces.into_iter().chain(["tokenizer.json"]).filter(|name| from.join(name).exists()) {
        fs::copy(from.join(name), desk.path().join(name)).unwrap();
    }
    for (name, value) in files.as_object().unwrap() {
        fs::write(desk.path().join(name), value.to_string()).unwrap();
    }
    desk
}

#[test]
fn settings_beside_a_tokenizer_count_as_in_transformers() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer_settings.json");
    let variants: Vec<Value> = serde_json::from_slice(&fs::read(fixture).unwrap()).unwrap();
    assert!(variants.len() >= 35);
    for variant in &variants {
        let desk = with_settings(variant["base"].as_str().unwrap(), &variant["files"]);
        let tokenizer = Tokenizer::read(desk.path(), 512).unwrap().unwrap();
        let rows = variant["rows"].as_array().unwrap();
        rows.iter().for_each(|row| assert_reads(&tokenizer, row, variant["name"].as_str().unwrap()));
    }
}

/// The class says at which end, where the folder does not, and with which token: one that the pieces lack is added behind them.
#[test]
fn short_texts_are_filled_up_where_the_class_does() {
    for (side, first) in [(None, 453), (Some("left"), 453), (Some("right"), 1)] {
        let mut settings = json!({"tokenizer_class": "Siglip2Tokenizer"});
        if let Some(side) = side {
            settings["padding_side"] = side.into();
        }
        let desk = with_settings(
            "tokenizers/metaspace_bpe",
            &json!({"config.json": {"model_type": "siglip"}, "tokenizer_config.json": settings}),
        );
        let ids = Tokenizer::read(desk.path(), 8).unwrap().unwrap().padded(3).encode("a").unwrap().ids;
        assert_eq!((ids.len(), ids[0]), (8, first), "{side:?} {ids:?}");
    }
}

#[test]
fn files_that_contradict_each_other_are_noticed() {
    let said = |base: &str, config: &Value, text: &str| {
        let desk = with_settings(base, &json!({"config.json": {"model_type": "bert"}, "tokenizer_config.json": config}));
        let tokenizer = Tokenizer::read(desk.path(), 512).unwrap().unwrap();
        let of_text = tokenizer.encode(text).unwrap().text.notices;
        tokenizer.notices.iter().chain(&of_text).map(ToString::to_string).collect::<Vec<_>>()
    };
    let plain = json!({"tokenizer_class": "BertTokenizer"});
    assert_eq!(said("tokenizers/wordpiece", &plain, "The line"), [""; 0]);
    let token = json!({"content": "<img>", "special": true});
    for (base, config, words) in [
        (
            "wordpiece",
            json!({"tokenizer_class": "BertTokenizer", "do_lower_case": false}),
            "tokenizer.json: alone would cut this text",
        ),
        ("wordpiece", json!({"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": false}), "says do_lower_case false"),
        (
            "wordpiece",
            json!({"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"900": token}}),
            "numbers \"<img>\" 900; it is read as",
        ),
        ("wordpiece", json!({"tokenizer_class": "AlbertTokenizer"}), "names AlbertTokenizer, whose own rules are not known here"),
        (
            "wordpiece",
            json!({"tokenizer_class": "GPT2Tokenizer"}),
            "names GPT2Tokenizer, whose pieces are cut by another algorithm",
        ),
        ("wordpiece", json!({"auto_map": {"AutoTokenizer": ["own.py", null]}}), "names code of its own (auto_map)"),
        (
            "bytelevel_bpe",
            json!({"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": "<|endoftext|>"}),
            "says add_bos_token true",
        ),
    ] {
        let lines = said(&format!("tokenizers/{base}"), &config, "The line");
        assert!(lines.iter().any(|line| line.contains(words)), "{config}: {lines:?}");
    }
}

/// A mark that the tokenizer sets before a word has no letter: tokenizers gives it the one after it.
#[test]
fn marks_of_words_have_no_letters() {
    let text = tokenizer("unigram", 512).encode("the cat 中文 mat").unwrap().text;
    let shown: Vec<&str> = (0..text.pieces.len()).map(|position| text.shown(position)).collect();
    let first = shown.iter().position(|&shown| shown == "中").unwrap();
    assert_eq!(shown.iter().filter(|&&shown| shown == "中").count(), 1);
    assert_eq!(shown[first - 1..first + 2], ["\u{2581}", "中", "文"]);
    assert!(text.pieces[first - 1].span.is_empty() && text.pieces[first - 1].word.is_none());
    assert_eq!(text.find("中文", 1), Some(first..first + 2));
    assert_eq!(text.find("cat 中文", 1), text.find("cat", 1).map(|cat| cat.start..first + 2));
    let letters: String = text.pieces.iter().map(|piece| text.string[piece.span.clone()].trim()).collect();
    assert_eq!(letters, "thecat中文mat");
    // Bytes: the space that is set before a text, and the trimming of what is not there.
    let desk = with_settings(
        "vocabularies/roberta",
        &json!({"config.json": {"model_type": "roberta"}, "tokenizer_config.json": {"add_prefix_space": true}}),
    );
    let text = Tokenizer::read(desk.path(), 512).unwrap().unwrap().encode("中 the</s>brown").unwrap().text;
    let letters = |word: &str| text.find(word, 1).map(|found| text.pieces[found.start].span.start);
    assert_eq!(letters("brown"), Some("中 the</s>".len()), "{:?}", text.pieces);
    assert_eq!(text.pieces.iter().filter(|piece| piece.span == (0..3)).count(), 3, "{:?}", text.pieces);
}

#[test]
fn what_the_vocabulary_lacks_is_counted() {
    let said = |kind: &str, text: &str| {
        tokenizer(kind, 512).encode(text).map(|e| e.text.notices.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(said("wordpiece", "the fox").unwrap(), [""; 0]);
    let lines = said("wordpiece", "the 日本 fox 日").unwrap();
    assert!(lines[0].contains("3 of its 5 tokens are [UNK]: the vocabulary has no piece for \"日\", \"本\""), "{lines:?}");
    assert_eq!(said("wordpiece", "the [UNK]").unwrap(), [""; 0], "a token that was typed");
    let err = said("wordpiece", "\u{1}\u{2}").unwrap_err().to_string();
    assert!(err.contains("leaves no token"), "{err}");
}

#[test]
fn what_is_not_read_is_counted_in_all_of_the_text() {
    let string = "word ".repeat(12_000);
    let text = tokenizer("wordpiece", 6).encode(&string).unwrap().text;
    let read = text.cut_at.unwrap();
    assert_eq!((text.string.len(), text.num_unread()), (60_000, 60_000 - read));
    let line = text.every_notice()[0].to_string();
    assert!(line.contains(&format!("{} of its 60000 characters are not read", 60_000 - read)), "{line}");
    // Spaces that make no tokens do not hide what comes after them.
    let text = tokenizer("wordpiece", 6).encode(&format!("{}the fox", " ".repeat(5000))).unwrap().text;
    assert_eq!((text.cut_at, text.find("fox", 1).is_some()), (None, true));
}

#[test]
fn words_are_joined_again() {
    let text = tokenizer("wordpiece", 512).encode("unseenword transformers!").unwrap().text;
    let words: Vec<&str> = text.words().iter().map(|w| &text.string[w.span.clone()]).collect();
    assert_eq!(words, ["unseenword", "transformers", "!"]);
    assert_eq!(text.find("TRANSFORMERS", 1), Some(9..11));
    assert!(text.pieces[0].special && text.shown(0) == "[CLS]");
}

#[test]
fn a_long_text_is_cut_where_the_model_ends_and_says_so() {
    let tokenizer = tokenizer("wordpiece", 6);
    let encoded = tokenizer.encode("The quick brown fox jumps over the lazy dog").unwrap();
    assert_eq!(encoded.ids.len(), 6);
    assert_eq!(encoded.text.cut_at, Some("The quick brown fox".len()));
    assert!(encoded.text.pieces[5].special, "the closing token stays");
    let long = "fox ".repeat(100_000);
    assert_eq!(tokenizer.encode(&long).unwrap().ids.len(), 6);
}

#[test]
fn what_is_no_text_and_no_tokenizer_is_refused() {
    let said = |err: Error| err.to_string();
    for empty in ["", " \n"] {
        assert!(said(tokenizer("wordpiece", 512).encode(empty).unwrap_err()).contains("is empty"));
    }
    let desk = TempDir::new().unwrap();
    for broken in ["", "{}", "[1]", r#"{"version":"1.0","model":{"type":"WordPiece","vocab":{"a":-1}}}"#] {
        fs::write(desk.path().join("tokenizer.json"), broken).unwrap();
        let err = said(Tokenizer::read(desk.path(), 512).unwrap_err());
        assert!(err.contains("tokenizer.json: is no tokenizer"), "{err}");
    }
    assert!(said(Tokenizer::read(&folder("wordpiece"), 1).unwrap_err()).contains("more tokens than the 1"));
    let file = desk.path().join("a.txt");
    fs::write(&file, b"\xef\xbb\xbfone\r\ntwo").unwrap();
    assert_eq!(read_text(&file).unwrap(), "one\r\ntwo", "a mark is dropped, line ends stay");
    fs::write(&file, b"\xff\xfeo\0n\0").unwrap();
    assert_eq!(read_text(&file).unwrap(), "on");
    fs::write(&file, b"one two \xff").unwrap();
    assert!(said(read_text(&file).unwrap_err()).contains("a.txt: is not UTF-8 at byte 8"));
    fs::write(&file, b"a\0b").unwrap();
    assert!(said(read_text(&file).unwrap_err()).contains("is no text"));
    assert!(said(read_text(desk.path()).unwrap_err()).contains("a text of at most"));
}

#[test]
fn a_broken_vocabulary_is_refused() {
    let desk = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    let said = || Tokenizer::read(desk.path(), 64).unwrap_err().to_string();
    for (lines, lacks) in [("[CLS]\n[SEP]\na", "[UNK]"), ("[UNK]\n[SEP]\na", "[CLS]"), ("", "[CLS]")] {
        write("vocab.txt", lines);
        assert!(said().contains(&format!("vocab.txt: lacks {lacks}")), "{}", said());
    }
    fs::write(desk.path().join("vocab.txt"), b"[UNK]\n\xff").unwrap();
    assert!(said().contains("vocab.txt: is not UTF-8 at byte 6") && said().contains("download the file again"), "{}", said());
    fs::remove_file(desk.path().join("vocab.txt")).unwrap();
    for broken in ["", "[]", r#"{"a": -1}"#, r#"{"a": "b"}"#] {
        write("vocab.json", broken);
        assert!(said().contains("vocab.json: is no vocabulary"), "{}", said());
    }
    write("vocab.json", r#"{"<|endoftext|>": 0, "a": 1, "b": 2, "ab": 3}"#);
    assert!(said().contains("merges.txt: is missing"));
    for (line, number) in [("a b\nab a", 2), ("#version: 0.2\nc b", 2), ("ab", 1), ("a b c", 1), ("\u{e9}", 1)] {
        write("merges.txt", line);
        assert!(said().contains(&format!("merges.txt: joins in line {number} ")), "{}", said());
    }
    write("merges.txt", "#version: 0.2\na b\n\n");
    for broken in [r#"{"<new>": -1}"#, r#"{"<new>": 5000000000}"#, r#"{"<new>": "x"}"#] {
        write("added_tokens.json", broken);
        assert!(said().contains("added_tokens.json: numbers \"<new>\""), "{}", said());
    }
    write("added_tokens.json", r#"{"<new>": 9}"#);
    let made = Tokenizer::read(desk.path(), 64).unwrap().unwrap();
    assert_eq!(made.encode("ab<new>a").unwrap().ids, [3, 4, 1]);
    assert!(made.notices[0].to_string().contains("numbers \"<new>\" 9; it is read as 4"), "{:?}", made.notices);
    write("tokenizer_config.json", r#"{"add_bos_token": true}"#);
    assert_eq!(Tokenizer::read(desk.path(), 64).unwrap().unwrap().encode("ab<new>a").unwrap().ids, [0, 3, 4, 1]);
    write("config.json", r#"{"model_type": "roberta"}"#);
    assert!(said().contains("vocab.json: lacks <s>"), "{}", said());
    // Japanese BERT has a vocab.txt too, for words that are found in another way.
    write("tokenizer_config.json", r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#);
    assert!(Tokenizer::read(desk.path(), 64).unwrap().is_none());
}

#[test]
fn ids_come_from_a_file_as_they_are() {
    let desk = TempDir::new().unwrap();
    let write = |name: &str, tensor: &str, dtype, shape: Vec<usize>, bytes: &[u8]| {
        let file = desk.path().join(name);
        let view = TensorView::new(dtype, shape, bytes).unwrap();
        serialize_to_file([(tensor, view)], None, &file).unwrap();
        file
    };
    let long: Vec<u8> = [7_i64, 300].iter().flat_map(|id| id.to_le_bytes()).collect();
    let file = write("a.safetensors", "input_ids", Dtype::I64, vec![1, 2], &long);
    assert!(holds_ids(&file));
    assert_eq!(read_input_ids(&file).unwrap(), [7, 300]);
    let short: Vec<u8> = [7_i32, -1].iter().flat_map(|id| id.to_le_bytes()).collect();
    let err = read_input_ids(&write("b.safetensors", "input_ids", Dtype::I32, vec![2], &short)).unwrap_err().to_string();
    assert!(err.contains("\"input_ids\" holds -1"), "{err}");
    let err = read_input_ids(&write("c.safetensors", "input_ids", Dtype::I64, vec![2, 1], &long)).unwrap_err().to_string();
    assert!(err.contains("[2, 1]"), "{err}");
    let other = write("d.safetensors", "ids", Dtype::I64, vec![2], &long);
    assert!(!holds_ids(&other));
    assert!(read_input_ids(&other).unwrap_err().to_string().contains("holds no \"input_ids\", but ids"));
}

/// A tokenizer.json with other parts.
fn changed(parts: &Value) -> String {
    let mut json: Value = serde_json::from_slice(&fs::read(folder("metaspace_bpe").join("tokenizer.json")).unwrap()).unwrap();
    parts.as_object().unwrap().iter().for_each(|(name, part)| json[name] = part.clone());
    json.to_string()
}

/// Files of a few lines that would fill the memory or never end.
#[test]
fn tokenizers_that_make_far_more_of_a_text_than_it_holds_are_refused() {
    let desk = TempDir::new().unwrap();
    let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let doubling = vec![replace("a", "aa"); 24];
    let text = "a".repeat(40) + "!";
    let added = json!([{"id": 900, "content": "aaaa", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}]);
    let read = |parts: &Value| {
        fs::write(desk.path().join("tokenizer.json"), changed(parts)).unwrap();
        Tokenizer::read(desk.path(), 512).and_then(|made| made.unwrap().encode(&text)).map(|encoded| encoded.ids)
    };
    let normalizer = json!({"type": "Sequence", "normalizers": doubling});
    let template = json!({"type": "TemplateProcessing", "single": vec![json!({"Sequence": {"id": "A", "type_id": 0}}); 9000],
        "pair": [], "special_tokens": {}});
    let padding = json!({"strategy": {"Fixed": 1_u64 << 45}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "<fill>"});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let map = json!({"type": "Precompiled", "precompiled_charsmap": "/////w=="});
    for (parts, words) in [
        (json!({"normalizer": normalizer}), "the text: grows beyond"),
        (json!({"normalizer": normalizer, "added_tokens": added}), "an added token grows beyond"),
        (json!({"decoder": {"type": "Sequence", "decoders": doubling}}), "its decoder can make a token 16777216 times as long"),
        (json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": vec![bytes; 20]}}), "pre-tokenizers"),
        (json!({"post_processor": template}), "holds the text 9000 times"),
        (json!({"normalizer": map}), "its map of letters is cut off"),
    ] {
        let err = read(&parts).unwrap_err().to_string();
        assert!(err.contains(words) && !err.contains('\n'), "{words}: {err}");
    }
    assert_eq!(read(&json!({"padding": padding})), read(&json!({})), "texts are never filled up by the file");
}

#[test]
fn cutting_a_text_is_cancelled() {
    let cancel = Cancel::default();
    let made = tokenizer("unigram", 512);
    assert!(made.encode_until("We sat on the bank.", &cancel).is_ok());
    cancel.cancel();
    assert_eq!(made.encode_until("We sat on the bank.", &cancel), Err(Error::Cancelled));
}
