//! Models of texts: what they refuse, the names that old checkpoints use, and checkpoints that the program brings along.

#[path = "common/mod.rs"]
mod common;
#[path = "common/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use common::{Given, expectations, floats, own_models};
use program::Desk;
use serde_json::Value;
use tokenscope::builtin::EmbeddedModel;
use tokenscope::domain::request::{Input, Request, Task, Tower};
use tokenscope::domain::{Cancel, Control, Error, Progress};
use tokenscope::engine::Engine;
use tokenscope::model::{Answer, Model, Trace};

fn bert() -> Model {
    Model::load(&own_models().join("bert"), &Device::Cpu).unwrap()
}

fn trace(model: &Model, given: &Given) -> Result<Trace, Error> {
    model.trace(&given.input(), &Cancel::default(), &Progress::default())
}

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Error>, words: &[&str]) {
    let err = answer.unwrap_err();
    assert!(matches!(err, Error::Refused { .. }), "{err:?}");
    let line = err.to_string();
    assert!(words.iter().all(|word| line.contains(word)), "{line}: {words:?}");
}

#[test]
fn a_model_says_what_it_reads() {
    let model = bert();
    assert!(model.takes_text() && model.is_post_norm());
    assert_eq!((model.vocab_size(), model.max_tokens()), (Some(60), Some(24)));
    let vit = Model::load(&own_models().join("vit"), &Device::Cpu).unwrap();
    assert!(!vit.takes_text() && !vit.is_post_norm());
    assert_eq!((vit.vocab_size(), vit.max_tokens()), (None, None));
}

#[test]
fn texts_that_do_not_fit_are_refused() {
    let model = bert();
    for (ids, words) in [
        (vec![1, 2, 60], &["the token at position 2", "id 60", "ids 0 to 59"][..]),
        (vec![u32::MAX], &["position 0", "4294967295"]),
        (vec![1; 25], &["25 tokens", "1 to 24 tokens", "shorten the text"]),
        (Vec::new(), &["0 tokens", "1 to 24 tokens"]),
    ] {
        assert_refused(trace(&model, &Given::words(ids)), words);
    }
    for ids in [vec![0], vec![59; 24]] {
        assert_eq!(trace(&model, &Given::words(ids.clone())).unwrap().num_tokens(), ids.len());
    }
}

#[test]
fn inputs_of_the_other_kind_are_refused() {
    let vit = Model::load(&own_models().join("vit"), &Device::Cpu).unwrap();
    assert_refused(trace(&bert(), &Given::any(&vit)), &["models/bert", "(bert) reads texts, not images", "--model"]);
    assert_refused(trace(&vit, &Given::words(vec![1, 2])), &["models/vit", "(vit) reads images, not texts", "--model"]);
    let desk = Desk::new();
    let command = "explain cat.jpg --model %bert --token 0 --out @a.png";
    desk.run(command).refused(&["cat.jpg", "is a picture", "the model takes texts", "--model image"]);
    assert_eq!(desk.names("."), [""; 0]);
}

/// Changes the names of the weights, or the configuration, of a tiny checkpoint.
fn changed(from: &str, rename: impl Fn(&str) -> Option<String>, configure: impl Fn(&mut Value)) -> tempfile::TempDir {
    let (folder, desk) = (own_models().join(from), tempfile::tempdir().unwrap());
    let weights = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let weights = weights.into_iter().filter_map(|(name, tensor)| Some((rename(&name)?, tensor))).collect();
    candle_core::safetensors::save(&weights, desk.path().join("model.safetensors")).unwrap();
    let mut config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    configure(&mut config);
    fs::write(desk.path().join("config.json"), config.to_string()).unwrap();
    desk
}

fn loaded(folder: &Path) -> Result<Model, Error> {
    Model::load(folder, &Device::Cpu)
}

#[test]
fn checkpoints_that_are_not_whole_are_refused() {
    let same = |name: &str| Some(name.to_owned());
    for missing in
        ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", "encoder.layer.1.output.LayerNorm.bias"]
    {
        let desk = changed("bert", |name| (name != missing).then(|| name.to_owned()), |_| {});
        assert_refused(loaded(desk.path()), &["model.safetensors", missing]);
    }
    let desk = changed("bert_classifier", |name| (!name.contains("pooler")).then(|| name.to_owned()), |_| {});
    assert_refused(loaded(desk.path()), &["pooler.dense.weight is missing"]);
    for (field, value, words) in [
        ("vocab_size", Value::from(61), &["word_embeddings", "[60, 24]", "[61, 24]"][..]),
        ("max_position_embeddings", Value::from(1 << 20), &["position_embeddings", "[24, 24]"]),
        ("position_embedding_type", Value::from("relative_key"), &["position_embedding_type", "relative_key", "absolute"]),
        ("is_decoder", Value::from(true), &["is_decoder"]),
        ("type_vocab_size", Value::from(0), &["type_vocab_size"]),
        ("hidden_act", Value::from("maxout"), &["hidden_act", "maxout"]),
    ] {
        let desk = changed("bert", same, |config| config[field] = value.clone());
        assert_refused(loaded(desk.path()), words);
    }
}

/// With and without the prefix, from the classes of pretraining; what the heads of those are called does not matter.
#[test]
fn names_may_have_a_prefix() {
    let given = Given::expected(&expectations(&own_models().join("bert"))[0]);
    let want = floats(&trace(&bert(), &given).unwrap().output);
    let desk =
        changed("bert", |name| Some(format!("bert.{name}")), |config| config["architectures"] = "BertForPreTraining".into());
    let model = loaded(desk.path()).unwrap();
    assert!(model.head.is_none());
    assert_eq!(floats(&trace(&model, &given).unwrap().output), want);
}

/// Old classifiers of tokens have a pooler that they do not use.
#[test]
fn the_architecture_says_what_is_classified() {
    let desk = changed(
        "bert_classifier",
        |name| Some(name.to_owned()),
        |config| {
            config["architectures"] = serde_json::json!(["BertForTokenClassification"]);
        },
    );
    let logits = trace(&loaded(desk.path()).unwrap(), &Given::words(vec![3, 1, 4, 1])).unwrap().logits.unwrap();
    assert_eq!((logits.shape.as_slice(), logits.of_input()), (&[4, 3][..], None));
}

/// One text among several choices is scored by a classifier of one row, which says nothing alone.
#[test]
fn classifiers_of_choices_are_not_read() {
    for (from, class) in [("bert_classifier", "BertForMultipleChoice"), ("roberta", "RobertaForMultipleChoice")] {
        let rename = |name: &str| Some(name.replace("classifier.out_proj", "classifier"));
        let desk = changed(from, rename, |config| config["architectures"] = serde_json::json!([class]));
        let model = loaded(desk.path()).unwrap();
        assert!(model.head.is_none(), "{class}");
        let notices: Vec<String> = model.notices.iter().map(ToString::to_string).collect();
        assert!(notices.iter().any(|line| line.contains(class) && line.contains("which of several texts fits")), "{notices:?}");
    }
}

/// A head that is not read is named where the checkpoint was saved for it, and passed over where it is left from pretraining.
#[test]
fn heads_that_are_not_read_are_said() {
    for (class, says) in [
        ("BertForQuestionAnswering", Some("where in a text an answer stands")),
        ("BertForNextSentencePrediction", Some("whether one text follows another")),
        ("BertModel", None),
    ] {
        let head = if class.contains("Next") { "cls.seq_relationship" } else { "qa_outputs" };
        let rename = |name: &str| Some(name.replace("classifier", head));
        let desk = changed("bert_tokens", rename, |config| config["architectures"] = serde_json::json!([class]));
        let model = loaded(desk.path()).unwrap();
        let notices: Vec<String> = model.notices.iter().map(ToString::to_string).collect();
        match says {
            Some(says) => assert!(notices[0].contains(class) && notices[0].contains(says), "{notices:?}"),
            None => assert_eq!(notices, [""; 0]),
        }
        assert!(model.head.is_none());
    }
}

/// Without a tokenizer.json a vocabulary of SentencePiece is named.
#[test]
fn a_vocabulary_of_sentencepiece_is_named() {
    let desk = changed("bert", |name| Some(name.to_owned()), |_| {});
    fs::write(desk.path().join("spiece.model"), b"\x0a\x0b").unwrap();
    let request = Request::of(Task::Explain, Input::Text("a word".to_owned()), desk.path().to_str().unwrap().into());
    let answer = Engine::default().run(&request, &Control::default());
    assert_refused(answer.map(|_| ()), &["no tokenizer.json, and spiece.model", "SentencePiece"]);
}

/// Some tokenizers end texts with the token that also fills them up: transformers classifies the last one that is none.
#[test]
fn padding_is_not_classified() {
    let logits = |padding: Value, ids: &[u32]| {
        let desk = changed("llama_classifier", |name| Some(name.to_owned()), |config| config["pad_token_id"] = padding.clone());
        let model = loaded(desk.path()).unwrap();
        let trace = trace(&model, &Given::words(ids.to_vec())).unwrap();
        let read = Answer::Class(0).read_from(&model, &trace);
        let position = read.iter().position(|&share| share == 1.0).unwrap();
        (trace.logits.unwrap().values, position)
    };
    // The model is causal: what follows a token does not change it.
    let (want, _) = logits(Value::Null, &[3, 7, 4]);
    let (got, position) = logits(2.into(), &[3, 7, 4, 2, 2]);
    common::assert_close("without padding", &got, &want, 1e-5);
    assert_eq!(position, 2);
    for none in [Value::Null, Value::from(-1), Value::from(9)] {
        let (got, position) = logits(none, &[3, 7, 4, 2, 2]);
        assert!(common::largest_difference(&got, &want) > 1e-2, "{got:?}");
        assert_eq!(position, 4);
    }
    assert_eq!(logits(2.into(), &[2, 2]).1, 0);
}

/// `token_classification_bias` of config.json leaves the bias out, and then only the class tells what is classified.
#[test]
fn tokens_may_be_classified_without_a_bias() {
    let given = Given::words(vec![3, 7, 4]);
    let same = |name: &str| Some(name.to_owned());
    let whole = trace(&loaded(&own_models().join("llama_classifier")).unwrap(), &given).unwrap().logits.unwrap();
    let desk =
        changed("llama_classifier", same, |config| config["architectures"] = serde_json::json!(["LlamaForTokenClassification"]));
    let each = trace(&loaded(desk.path()).unwrap(), &given).unwrap().logits.unwrap();
    assert_eq!((whole.shape, each.shape), (vec![3], vec![3, 3]));
    assert_eq!(each.values[6..], whole.values);
}

/// RoBERTa counts positions from behind the padding, and leaves out padding itself.
#[test]
fn padding_without_a_position_is_refused() {
    let model = loaded(&own_models().join("roberta")).unwrap();
    assert_refused(
        trace(&model, &Given::words(vec![0, 5, 1, 6])),
        &["the token at position 2", "id 1", "is the padding of this model", "leave it out", "pad_token_id"],
    );
    assert!(trace(&model, &Given::words(vec![0, 5, 6])).is_ok());
}

#[test]
fn fields_that_are_not_followed_are_refused() {
    let sliding = serde_json::json!(["full_attention", "sliding_attention", "full_attention"]);
    let flat = serde_json::json!({"rope_type": "default", "rope_theta": 500.0});
    for (from, field, value, words) in [
        ("llama", "is_causal", Value::from(false), &["is_causal is false", "each token sees itself"][..]),
        ("qwen3", "is_causal", Value::from(false), &["is_causal is false"]),
        ("gpt2", "is_causal", Value::from(false), &["is_causal is false"]),
        ("gemma2", "is_causal", Value::from(false), &["is_causal is false"]),
        ("qwen2", "layer_types", sliding, &["layer_types", "sliding_attention", "full_attention alone"]),
        ("gemma2", "sliding_window", Value::Null, &["sliding_window is null", "layers of sliding_attention"]),
        ("gemma3_text", "attn_logit_softcapping", Value::from(3.0), &["attn_logit_softcapping is 3.0", "only Gemma 2"]),
        ("gemma3_text", "rope_parameters", flat.clone(), &["rope_parameters", "an object for full_attention"]),
        (
            "qwen2",
            "rope_parameters",
            serde_json::json!({"full_attention": flat}),
            &["rope_parameters", "the same for all layers"],
        ),
        ("bert", "hidden_act", Value::from("gelu_10"), &["hidden_act", "gelu_10"]),
        ("llama_classifier", "pad_token_id", Value::from("</s>"), &["pad_token_id", "a number of the vocabulary"]),
    ] {
        let desk = changed(from, |name| Some(name.to_owned()), |config| config[field] = value.clone());
        assert_refused(loaded(desk.path()), words);
    }
    let sections = |config: &mut Value| config["text_config"]["is_causal"] = false.into();
    let desk = changed("clip", |name| Some(name.to_owned()), sections);
    assert_refused(Model::load_tower(desk.path(), Tower::Text, &Device::Cpu), &["text_config", "is_causal is false"]);
}

/// Several names of one activation, and a field that the family's class does not read.
#[test]
fn fields_that_change_nothing_change_nothing() {
    let windowed = |config: &mut Value| {
        config["use_sliding_window"] = true.into();
        config["sliding_window"] = 2.into();
        config["max_window_layers"] = 0.into();
    };
    let python = |config: &mut Value| config["hidden_act"] = "gelu_python".into();
    let same = |name: &str| Some(name.to_owned());
    for (from, desk) in [("llama", changed("llama", same, windowed)), ("bert", changed("bert", same, python))] {
        let given = Given::words(vec![3, 7, 4, 9, 11]);
        let want = floats(&trace(&loaded(&own_models().join(from)).unwrap(), &given).unwrap().output);
        assert_eq!(floats(&trace(&loaded(desk.path()).unwrap(), &given).unwrap().output), want, "{from}");
    }
}

/// Without registers the family is DINOv2 itself.
#[test]
fn there_may_be_no_registers() {
    let without = |name: &str| (!name.contains("register")).then(|| name.to_owned());
    let bare = changed("dinov2_with_registers", without, |config| config["num_register_tokens"] = 0.into());
    let dinov2 = changed("dinov2_with_registers", without, |config| config["model_type"] = "dinov2".into());
    let [got, want] = [&bare, &dinov2].map(|desk| {
        let model = loaded(desk.path()).unwrap();
        let values = vec![0.25; 3 * 40 * 40];
        let given = Given::Pixels { values, height: 40, width: 40 };
        floats(&trace(&model, &given).unwrap().output)
    });
    assert!(!got.is_empty());
    assert_eq!(got, want);
}

fn embedded(name: &'static str, f16: bool) -> &'static EmbeddedModel {
    let folder = own_models().join(name);
    let mut weights = fs::read(folder.join("model.safetensors")).unwrap();
    if f16 {
        let tensors = candle_core::safetensors::load_buffer(&weights, &Device::Cpu).unwrap();
        let half = |(name, tensor): (String, Tensor)| (name, tensor.to_dtype(candle_core::DType::F16).unwrap());
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("half.safetensors");
        candle_core::safetensors::save(&tensors.into_iter().map(half).collect(), &path).unwrap();
        weights = fs::read(path).unwrap();
    }
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    Box::leak(Box::new(EmbeddedModel { name, about: "", config: config.leak(), weights: weights.leak(), reader: b"" }))
}

#[test]
fn a_checkpoint_in_memory_is_read_like_one_on_disk() {
    for name in ["bert_classifier", "vit"] {
        let from_disk = loaded(&own_models().join(name)).unwrap();
        let model = Model::load(embedded(name, false), &Device::Cpu).unwrap();
        assert_eq!((model.folder(), from_disk.folder().is_some()), (None, true));
        assert_eq!(model.sha256.hexadecimal(), from_disk.sha256.hexadecimal());
        assert_eq!(model.num_parameters, from_disk.num_parameters);
        let given = Given::any(&model);
        assert_eq!(trace(&model, &given).unwrap().logits, trace(&from_disk, &given).unwrap().logits);
        let half = Model::load(embedded(name, true), &Device::Cpu).unwrap();
        assert_ne!(half.sha256.hexadecimal(), model.sha256.hexadecimal());
        let (got, want) = (trace(&half, &given).unwrap(), trace(&model, &given).unwrap());
        common::assert_close(name, &floats(&got.output), &floats(&want.output), 1e-2);
    }
    let broken = EmbeddedModel {
        name: "broken",
        about: "",
        config: "{\"model_type\": \"bert\"}",
        weights: b"\x08\0\0\0\0\0\0\0{\"a\": 1}",
        reader: b"",
    };
    let broken: &'static EmbeddedModel = Box::leak(Box::new(broken));
    assert_refused(Model::load(broken, &Device::Cpu), &["the built-in model broken", "entry a is wrong"]);
}

/// A digest names the weights that were loaded: those of a file that was replaced since, and none of one that was written to.
#[test]
fn a_digest_is_of_what_was_loaded() {
    let same = |name: &str| Some(name.to_owned());
    let desk = changed("bert", same, |_| {});
    let file = desk.path().join("model.safetensors");
    let want = loaded(desk.path()).unwrap().sha256.hexadecimal().unwrap().to_owned();
    assert_eq!(want.len(), 64);
    let model = loaded(desk.path()).unwrap();
    fs::write(desk.path().join("other"), b"other").unwrap();
    fs::rename(desk.path().join("other"), &file).unwrap();
    assert_eq!(model.clone().sha256.hexadecimal(), Ok(want.as_str()));
    assert_eq!(model.sha256.hexadecimal(), Ok(want.as_str()));
    let desk = changed("bert", same, |_| {});
    let model = loaded(desk.path()).unwrap();
    fs::write(desk.path().join("model.safetensors"), b"other").unwrap();
    assert_refused(model.sha256.hexadecimal(), &["model.safetensors"]);
}

/// A tiny BERT that reads a few words, on a desk.
fn with_words(desk: &Desk) {
    for file in ["config.json", "model.safetensors"] {
        desk.write(&format!("m/{file}"), fs::read(own_models().join("bert").join(file)).unwrap());
    }
    desk.write("m/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\nword\n");
}

fn record(desk: &Desk, name: &str) -> Value {
    serde_json::from_slice(&desk.read(name)).unwrap()
}

/// Offsets are those of the file, whose line ends are the user's.
#[test]
fn line_ends_and_marks_are_read_as_they_are() {
    let desk = Desk::new();
    with_words(&desk);
    for (bytes, text, start) in [
        (&b"the\r\ncat"[..], "the\r\ncat", 5),
        (b"\xef\xbb\xbfthe\ncat", "the\ncat", 4),
        (b"\xff\xfet\0h\0e\0 \0c\0a\0t\0", "the cat", 4),
        (b"\xfe\xff\0t\0h\0e\0\r\0\n\0c\0a\0t", "the\r\ncat", 5),
    ] {
        desk.write("a.txt", bytes);
        desk.run("explain @a.txt --model @m --token cat --out @a.json").done();
        let from_file = record(&desk, "a.json");
        assert_eq!((&from_file["input"]["text"], &from_file["input"]["pieces"][2]["start"]), (&text.into(), &start.into()));
        desk.run_with(&["explain", "-", "--model", "@m", "--token", "cat", "--out", "@b.json"], bytes).done();
        assert_eq!(record(&desk, "b.json")["input"]["pieces"], from_file["input"]["pieces"]);
    }
}

#[test]
fn other_encodings_are_refused_and_no_letter_is_lost() {
    let desk = Desk::new();
    with_words(&desk);
    for (bytes, words) in [
        (&b"the caf\xe9"[..], "is not UTF-8 at byte 7"),
        (b"\xce\xd2\xc3\xc7", "is not UTF-8 at byte 0"),
        (b"\xff\xfe\0\0t\0\0\0", "is UTF-32"),
        (b"t\0h\0e\0", "byte 1 is zero"),
    ] {
        desk.write("a.txt", bytes);
        desk.run("explain @a.txt --model @m --token 1").refused(&["a.txt", words, "iconv -f"]);
        desk.run_with(&["explain", "-", "--model", "@m", "--token", "1"], bytes).refused(&["standard input", words, "iconv -f"]);
    }
}

#[test]
fn what_is_lost_of_a_text_is_said() {
    let desk = Desk::new();
    with_words(&desk);
    desk.write("long.txt", "word ".repeat(12_000));
    let ran = desk.run("explain @long.txt --model @m --token 1 --out @a.json").done();
    let of_text = record(&desk, "a.json")["input"].clone();
    let read = of_text["cut_at"].as_u64().unwrap();
    assert_eq!((read, &of_text["num_unread"]), (22 * 5 - 1, &(60_000 - read).into()));
    assert_eq!(of_text["text"].as_str().unwrap().len() as u64, read);
    assert!(ran.stderr.contains(&format!("note: the text: {} of its 60000 characters are not read", 60_000 - read)), "{ran:?}");
    let ran = desk.run_with(&["explain", "--text", "the dog sat 日", "--model", "@m", "--token", "1"], b"").done();
    assert!(ran.stderr.contains("note: the text: 2 of its 4 tokens are [UNK]") && ran.stderr.contains("\"dog\""), "{ran:?}");
    desk.run_with(&["explain", "--text", "\u{200b}", "--model", "@m", "--token", "1"], b"").refused(&["leaves no token"]);
    desk.write("m/added_tokens.json", r#"{"<img>": 9}"#);
    desk.write("m/tokenizer_config.json", r#"{"tokenizer_class": "BertTokenizer"}"#);
    desk.run_with(&["explain", "--text", "the <img>", "--model", "@m", "--token", "<img>"], b"").done();
}
