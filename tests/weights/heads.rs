//! Heads that score words: tied to the table of words, of their own, or both.

use candle_core::Tensor;
use serde_json::{Value, json};
use tokenscope::model::Model;

use crate::common::Given;
use crate::{Weights, assert_same, changed, load, notices, own_models, refusal};

/// Models with a head, its name and that of the table of words.
const HEADS: [(&str, &str, &str); 4] = [
    ("gpt2", "lm_head.weight", "transformer.wte.weight"),
    ("gemma2", "lm_head.weight", "model.embed_tokens.weight"),
    ("llama", "lm_head.weight", "model.embed_tokens.weight"),
    ("bert_words", "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
];

fn tied(is_tied: bool) -> impl Fn(&mut Value) {
    move |config| config["tie_word_embeddings"] = json!(is_tied)
}

/// Scores of every word at every place.
fn scores(model: &Model) -> Vec<f32> {
    let trace = Given::any(model).trace(model);
    model.token_logits(&trace, &(0..trace.num_tokens()).collect::<Vec<_>>()).unwrap()
}

fn mirrored(words: &Tensor) -> Tensor {
    words.affine(-0.5, 0.01).unwrap()
}

/// Two different tables: the file's head scores the words, as in transformers 5, whatever config.json says of ties.
#[test]
fn a_head_of_the_file_wins_over_the_tie() {
    for (name, head, words) in HEADS {
        let with_head = |weights: &mut Weights| drop(weights.insert(head.to_owned(), mirrored(&weights[words])));
        let [both, untied] = [true, false].map(|is_tied| load(changed(name, tied(is_tied), with_head).path()));
        let table_alone = load(changed(name, tied(true), |weights| drop(weights.remove(head))).path());
        let said = notices(&both);
        assert!(said.contains(&format!("holds {head} beside a different table of words")), "{name}: {said}");
        assert_eq!(notices(&untied), "", "{name}");
        assert!(scores(&both) == scores(&untied) && scores(&both) != scores(&table_alone), "{name}");
        assert_eq!(both.num_parameters, untied.num_parameters, "{name}");
    }
}

/// PyTorch's own files hold tied tables by both names.
#[test]
fn a_head_that_equals_the_table_of_words_is_one_with_it() {
    for (name, head, words) in HEADS {
        let alone = changed(name, tied(true), |weights| drop(weights.remove(head)));
        let twice = changed(name, tied(true), |weights| drop(weights.insert(head.to_owned(), weights[words].clone())));
        assert_same(twice.path(), &load(alone.path()));
        assert_eq!(notices(&load(twice.path())), "", "{name}");
    }
}

/// `safetensors.torch.save_model` keeps the first name of a table in the alphabet, which may be the head's.
#[test]
fn a_tied_table_may_go_by_the_name_of_the_head() {
    for (name, head, words) in HEADS {
        let alone = changed(name, tied(true), |weights| drop(weights.remove(head)));
        let renamed = changed(name, tied(true), |weights| {
            let table = weights.remove(words).unwrap();
            weights.insert(head.to_owned(), table);
        });
        assert_same(renamed.path(), &load(alone.path()));
        assert!(scores(&load(renamed.path())) == scores(&load(alone.path())), "{name}");
        let untied = changed(name, tied(false), |weights| {
            let table = weights.remove(words).unwrap();
            weights.insert(head.to_owned(), table);
        });
        let line = refusal(untied.path());
        assert!(line.contains(words) && line.contains("is missing"), "{name}: {line}");
    }
}

#[test]
fn a_head_that_is_neither_there_nor_tied_is_said() {
    for (name, head, _) in HEADS {
        let model = load(changed(name, tied(false), |weights| drop(weights.remove(head))).path());
        assert_eq!(model.num_scored_words(), None, "{name}");
        let said = notices(&model);
        assert!(said.contains(&format!("holds no {head}")) && said.contains("no words are scored"), "{name}: {said}");
    }
}

#[test]
fn a_head_of_another_size_is_refused() {
    for (name, head, words) in HEADS {
        let longer = changed(name, tied(true), |weights| {
            let table = Tensor::cat(&[&weights[words], &weights[words].narrow(0, 0, 1).unwrap()], 0).unwrap();
            weights.insert(head.to_owned(), table);
        });
        let line = refusal(longer.path());
        assert!(line.contains(head) && line.contains("has shape"), "{name}: {line}");
    }
}

/// BERT's bias of the words has two names; the decoder's is the one that transformers adds.
#[test]
fn the_bias_of_the_decoder_counts() {
    let plain = load(&own_models().join("bert_words"));
    let model = load(
        changed("bert_words", tied(true), |weights| {
            let bias = weights["cls.predictions.bias"].affine(1.0, 0.25).unwrap();
            weights.insert("cls.predictions.decoder.bias".to_owned(), bias);
        })
        .path(),
    );
    assert!(notices(&model).contains("cls.predictions.decoder.bias beside a different cls.predictions.bias"));
    let apart =
        scores(&model).iter().zip(scores(&plain)).map(|(with, without)| (with - without - 0.25).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-5, "{apart}");
}

#[test]
fn a_head_that_config_names_and_the_weights_lack_is_said() {
    let headless = changed("bert_classifier", |_| (), |weights| weights.retain(|name, _| !name.starts_with("classifier.")));
    let said = notices(&load(headless.path()));
    assert!(said.contains("config.json names BertForSequenceClassification") && said.contains("head are missing"), "{said}");
    assert_eq!(notices(&load(&own_models().join("bert"))), "", "a bare model promises nothing");
}
