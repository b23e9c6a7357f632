//! Tokenizers of the three kinds, compared with what Python's `tokenizers` makes of awkward strings (`tests/fixtures/tokenizers`,
//! made by the same script as the shared ones), those of folders without tokenizer.json with what transformers makes of them
//! (`tests/fixtures/vocabularies`), and what is said about texts that cannot be taken.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::Value;
use tempfile::TempDir;
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
    let kinds = ["wordpiece", "bytelevel_bpe", "metaspace_bpe"];
    // Those that lie beside a developer's checkout too, where they do.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/tokenizers");
    let old = ["bert", "bert_cased", "gpt2", "roberta", "clip"].map(old_folder);
    let folders = kinds.map(folder).into_iter().chain(kinds.map(|kind| beside.join(kind))).chain(old);
    for folder in folders.filter(|folder| folder.is_dir()) {
        let tokenizer = Tokenizer::read(&folder, 512).unwrap().unwrap();
        let kind = folder.display();
        let cases: Vec<Value> = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        for case in cases.iter().filter(|case| case["text"] != "") {
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
    }
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
    let said = |err: tokenscope::domain::Error| err.to_string();
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
    fs::write(&file, b"\xef\xbb\xbfone\r\ntwo \xff").unwrap();
    assert_eq!(read_text(&file).unwrap(), "one\ntwo \u{fffd}");
    fs::write(&file, b"a\0b").unwrap();
    assert!(said(read_text(&file).unwrap_err()).contains("is no text"));
    assert!(said(read_text(desk.path()).unwrap_err()).contains("a text of at most"));
}

#[test]
fn a_broken_vocabulary_is_refused() {
    let desk = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    let said = || Tokenizer::read(desk.path(), 64).unwrap_err().to_string();
    for (lines, lacks) in [("[CLS]\n[SEP]\na", "[UNK]"), ("[UNK]\n[SEP]\na", "[CLS]"), ("", "[SEP]")] {
        write("vocab.txt", lines);
        assert!(said().contains(&format!("vocab.txt: lacks {lacks}")), "{}", said());
    }
    fs::write(desk.path().join("vocab.txt"), b"[UNK]\n\xff").unwrap();
    assert!(said().contains("vocab.txt: is no text"));
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
    assert_eq!(Tokenizer::read(desk.path(), 64).unwrap().unwrap().encode("ab<new>a").unwrap().ids, [3, 9, 1]);
    write("tokenizer_config.json", r#"{"add_bos_token": true}"#);
    assert_eq!(Tokenizer::read(desk.path(), 64).unwrap().unwrap().encode("ab<new>a").unwrap().ids, [0, 3, 9, 1]);
    write("config.json", r#"{"model_type": "roberta"}"#);
    assert!(said().contains("vocab.json: lacks </s>"), "{}", said());
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
