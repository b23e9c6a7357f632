//! The logit lens, the tuned lens and layer saliency: against PyTorch (`tests/fixtures/lenses.py`), and what must hold for any model.

#[path = "common/causal.rs"]
mod causal;
mod common;
#[path = "common/program.rs"]
mod program;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use common::{Given, assert_close, expectations, floats, own_models};
use tokenscope::domain::exhibit::{Cell, Exhibit, Shown};
use tokenscope::domain::knob::Knob;
use tokenscope::domain::request::Params;
use tokenscope::domain::request::{DeviceKind, Input, ModelRef, Request, Task};
use tokenscope::engine::fit::lens::LensRequest;
use tokenscope::engine::{Engine, Output};
use tokenscope::method::layer_saliency::{FLAVOUR, FOLD};
use tokenscope::method::logit_lens::{READ, WORDS};
use tokenscope::method::tuned_lens::LENS;
use tokenscope::method::{Control, Target, by_id};
use tokenscope::model::lens_fit::LensFit;
use tokenscope::model::{Model, Trace};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lenses").join(format!("{name}.safetensors"))
}

fn wanted(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(name), &Device::Cpu).unwrap()
}

fn traced(name: &str) -> (Model, Trace) {
    let folder = own_models().join(name);
    let model = Model::load(&folder, &Device::Cpu).unwrap();
    let trace = Given::expected(&expectations(&folder)[0]).trace(&model);
    (model, trace)
}

fn params(knobs: &[(&Knob, &str)]) -> Params {
    let mut params = Params::default();
    knobs.iter().for_each(|(knob, value)| params.knobs.set(knob, value).unwrap());
    params
}

fn explain(method: &str, (model, trace): &(Model, Trace), layer: usize, position: usize, params: &Params) -> Vec<f32> {
    let target = Target { layer, positions: &[position], params, phrase: None };
    by_id(method).unwrap().explain(model, trace, &target, &Control::default()).unwrap()
}

fn show(method: &str, (model, trace): &(Model, Trace), layer: usize, position: usize, params: &Params) -> Shown {
    let target = Target { layer, positions: &[position], params, phrase: None };
    by_id(method).unwrap().show(model, trace, &target, &Control::default()).unwrap()
}

fn at(tensor: &Tensor, n: usize, layer: usize) -> Vec<f32> {
    floats(&tensor.get(n).unwrap().get(layer).unwrap())
}

const READINGS: [&str; 4] = ["probability", "rank", "entropy", "top1"];

#[test]
fn lenses_read_what_pytorch_reads() {
    for name in ["gpt2", "llama", "gemma2", "bert_words"] {
        let (traced, want) = (traced(name), wanted(name));
        for (n, reading) in READINGS.iter().enumerate() {
            for layer in 0..=3 {
                let got = explain("logit-lens", &traced, layer, 2, &params(&[(&READ, reading)]));
                assert_close(&format!("{name}, {reading} of layer {layer}"), &got, &at(&want["read"], n, layer), 1e-4);
            }
        }
        let Shown { exhibits, .. } = show("logit-lens", &traced, 1, 4, &params(&[(&READ, "top1"), (&WORDS, "60")]));
        let [Exhibit::Table(table), Exhibit::Chart(_), Exhibit::Chart(_), Exhibit::Matrix(matrix)] = &exhibits[..] else {
            panic!("{exhibits:?}");
        };
        let words: Vec<String> = floats(&want["top"]).iter().map(|id| format!("#{id}")).collect();
        assert_eq!(matrix.words, words, "{name}");
        assert_eq!((matrix.mark, matrix.rows.len(), matrix.columns.len()), (Some((1, 4)), 4, trace_len(&traced)));
        // A table of all words is the whole distribution.
        let sum: f64 = table.rows.iter().map(|row| if let Cell::Number(p) = row[1] { p } else { f64::NAN }).sum();
        assert!((sum - 1.0).abs() < 1e-5 && table.rows.len() == 60, "{name}: {sum}");
        let Cell::Shaded(top, _) = &table.rows[0][0] else { panic!("{table:?}") };
        assert_eq!(*top, words[trace_len(&traced) + 4], "{name}");
    }
}

fn trace_len((_, trace): &(Model, Trace)) -> usize {
    trace.num_tokens()
}

#[test]
fn the_lens_of_the_last_layer_is_the_model_itself() {
    let (model, trace) = traced("gpt2");
    let tokens = trace.num_tokens();
    let scores = model.token_logits(&trace, &(0..tokens).collect::<Vec<_>>()).unwrap();
    let want: Vec<f32> = scores
        .chunks_exact(60)
        .map(|row| {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            1.0 / row.iter().map(|score| (score - top).exp()).sum::<f32>()
        })
        .collect();
    let traced = (model, trace);
    let got = explain("logit-lens", &traced, 3, 0, &params(&[(&READ, "top1")]));
    assert_close("top word", &got, &want, 1e-5);
    // Nothing follows the last token: the model's own answer is read there, which at layer L has the first rank.
    let ranks = explain("logit-lens", &traced, 3, 0, &params(&[(&READ, "rank")]));
    assert!((ranks[tokens - 1] - 1.0).abs() < f32::EPSILON && ranks.iter().all(|&rank| (1.0..=60.0).contains(&rank)));
}

#[test]
fn a_tuned_lens_reads_behind_its_maps() {
    let (traced, want) = (traced("gpt2"), wanted("gpt2"));
    let lens = golden("gpt2_lens");
    let of_torch = params(&[(&LENS, lens.with_extension("pt").to_str().unwrap())]);
    let same = explain("tuned-lens", &traced, 1, 2, &of_torch);
    assert_eq!(same, explain("tuned-lens", &traced, 1, 2, &params(&[(&LENS, lens.to_str().unwrap())])));
    for (n, reading) in READINGS.iter().enumerate() {
        for layer in 0..=3 {
            let got = explain("tuned-lens", &traced, layer, 2, &params(&[(&READ, reading), (&LENS, lens.to_str().unwrap())]));
            assert_close(&format!("{reading} of layer {layer}"), &got, &at(&want["tuned_read"], n, layer), 1e-4);
        }
    }
}

/// A lens of identity maps, in either spelling.
fn identity(folder: &Path, width: usize, whole: bool) -> PathBuf {
    let eye = Tensor::eye(width, DType::F32, &Device::Cpu).unwrap();
    let mut maps = HashMap::new();
    for layer in 0..3 {
        let (weight, bias) = if whole {
            (format!("A_{layer}"), format!("b_{layer}"))
        } else {
            (format!("{layer}.weight"), format!("{layer}.bias"))
        };
        maps.insert(weight, if whole { eye.clone() } else { eye.zeros_like().unwrap() });
        maps.insert(bias, Tensor::zeros(width, DType::F32, &Device::Cpu).unwrap());
    }
    let path = folder.join("lens.safetensors");
    candle_core::safetensors::save(&maps, &path).unwrap();
    path
}

#[test]
fn an_identity_lens_is_the_logit_lens_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let traced = traced("llama");
    for whole in [false, true] {
        let path = identity(folder.path(), 24, whole);
        let tuned = params(&[(&LENS, path.to_str().unwrap())]);
        for layer in 0..=3 {
            let plain = explain("logit-lens", &traced, layer, 0, &params(&[]));
            assert_close("identity", &explain("tuned-lens", &traced, layer, 0, &tuned), &plain, 1e-5);
        }
    }
    let refusal = |params: &Params| {
        let target = Target { layer: 1, positions: &[0], params, phrase: None };
        by_id("tuned-lens").unwrap().explain(&traced.0, &traced.1, &target, &Control::default()).unwrap_err().to_string()
    };
    let said = refusal(&params(&[]));
    assert!(said.contains("--lens") && said.contains("fit lens"), "{said}");
    let other = identity(folder.path(), 16, false);
    assert!(refusal(&params(&[(&LENS, other.to_str().unwrap())])).contains("[16, 16]"));
    let weights = own_models().join("gpt2/model.safetensors");
    assert!(refusal(&params(&[(&LENS, weights.to_str().unwrap())])).contains("is no lens"));
    let absent = folder.path().join("absent.safetensors");
    assert!(refusal(&params(&[(&LENS, absent.to_str().unwrap())])).contains("absent.safetensors"));
}

#[test]
fn layer_saliency_is_pytorch_s() {
    for (name, position) in
        [("gpt2", 13), ("llama", 13), ("gemma2", 13), ("bert_words", 5), ("bert_classifier", 0), ("llama_classifier", 0)]
    {
        let (traced, want) = (traced(name), wanted(name));
        for (n, flavour) in ["gradient-input", "grad-cam"].iter().enumerate() {
            for layer in 0..=3 {
                let what = format!("{name}, {flavour} at layer {layer}");
                // Of the largest of all layers: at layer L below a final norm gradient x input is rounding alone.
                let close = |what: &str, got: &[f32], want: &Tensor| {
                    let scale = floats(&want.get(n).unwrap()).iter().fold(0.0_f32, |top, s| top.max(s.abs()));
                    let apart = common::largest_difference(got, &at(want, n, layer));
                    assert!(apart <= 1e-3 * scale, "{what}: differs by {apart:e} of {scale}");
                };
                let raw = explain("layer-saliency", &traced, layer, position, &params(&[(&FLAVOUR, flavour), (&FOLD, "off")]));
                close(&what, &raw, &want["saliency"]);
                let got = explain("layer-saliency", &traced, layer, position, &params(&[(&FLAVOUR, flavour)]));
                let Some(folded) = want.get("folded") else {
                    assert_eq!(raw, got, "{what}: there is no head to fold by");
                    continue;
                };
                close(&format!("{what}, folded"), &got, folded);
                // Folding moves saliency and makes none.
                let total = |row: &[f32]| row.iter().sum::<f32>();
                assert!((total(&raw) - total(&got)).abs() <= 1e-4 * raw.iter().map(|s| s.abs()).sum::<f32>(), "{what}");
            }
        }
    }
}

#[test]
fn coherence_is_pytorch_s_and_falls_from_the_embeddings() {
    for name in ["gpt2", "llama", "gemma2", "bert_words"] {
        let (traced, want) = (traced(name), wanted(name));
        let Shown { exhibits, .. } = show("layer-saliency", &traced, 2, 5, &params(&[]));
        let Some(Exhibit::Chart(chart)) = exhibits.last() else { panic!("{exhibits:?}") };
        assert!((chart.mark.unwrap() - 2.0).abs() < f64::EPSILON);
        for (n, series) in chart.series.iter().take(2).enumerate() {
            let got: Vec<f32> = series.points.iter().map(|point| point[1] as f32).collect();
            assert_close(&format!("{name}, {}", series.name), &got, &floats(&want["coherence"].get(n).unwrap()), 1e-4);
        }
    }
}

#[test]
fn a_classifier_is_decoded_by_the_head_of_another_model_or_not_at_all() {
    let traced = traced("bert_classifier");
    let refused = |params: &Params| {
        let target = Target { layer: 1, positions: &[0], params, phrase: None };
        by_id("layer-saliency").unwrap().explain(&traced.0, &traced.1, &target, &Control::default()).unwrap_err().to_string()
    };
    assert!(refused(&params(&[(&FOLD, "on")])).contains("--decoder"));
    let decoder = &tokenscope::method::layer_saliency::DECODER;
    let none = own_models().join("bert");
    assert!(refused(&params(&[(decoder, none.to_str().unwrap())])).contains("cannot decode"));
    let words = own_models().join("bert_words");
    let decoded = params(&[(decoder, words.to_str().unwrap()), (&FOLD, "on")]);
    let (raw, got) = (explain("layer-saliency", &traced, 1, 0, &params(&[])), explain("layer-saliency", &traced, 1, 0, &decoded));
    assert!(common::largest_difference(&raw, &got) > 0.0);
    assert!((raw.iter().sum::<f32>() - got.iter().sum::<f32>()).abs() < 1e-3 * raw.iter().map(|s| s.abs()).sum::<f32>());
    assert_eq!(show("layer-saliency", &traced, 1, 0, &params(&[])).exhibits.len(), 2);
    assert_eq!(show("layer-saliency", &traced, 1, 0, &decoded).exhibits.len(), 4);
}

#[test]
fn maps_are_those_of_numpy_s_least_squares() {
    let ((model, trace), want) = (traced("gpt2"), wanted("gpt2"));
    let mut fit = LensFit::new(&model).unwrap();
    fit.add(&trace).unwrap();
    let maps = fit.solve(0.01).unwrap();
    assert_eq!((maps.len(), fit.num_tokens()), (3, trace.num_tokens()));
    assert_close("weight", &maps[1].weight, &floats(&want["fit_weight"]), 1e-3);
    assert_close("bias", &maps[1].bias, &floats(&want["fit_bias"]), 1e-3);
    // Drawn hard, a map is the logit lens: W is nothing.
    assert!(fit.solve(1e6).unwrap()[1].weight.iter().all(|w| w.abs() < 1e-4));
    assert!(LensFit::new(&traced_model("bert_words")).unwrap_err().to_string().contains("causal"));
}

fn traced_model(name: &str) -> Model {
    traced(name).0
}

const STORY: &str = "The old bank by the river was flooded, so the money was moved to another bank. ";

#[test]
fn what_is_shown_is_spelled_by_the_model_s_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), &serde_json::Value::Null);
    let model = ModelRef::from(folder.path().to_owned());
    let mut engine = Engine::default();
    for method in ["logit-lens", "layer-saliency"] {
        let mut request = Request::of(Task::Explain, Input::Text(STORY.to_owned()), model.clone());
        request.method = method.to_owned();
        request.layer = 1;
        let Output::Explanation(explanation) = engine.run(&request, &Control::default()).unwrap() else { panic!() };
        assert!(explanation.relevance.iter().all(|v| v.is_finite()) && explanation.shown.exhibits.len() >= 3, "{method}");
        for exhibit in &explanation.shown.exhibits {
            let words: Vec<&String> = match exhibit {
                Exhibit::Matrix(matrix) => matrix.words.iter().chain(&matrix.columns).collect(),
                Exhibit::Table(table) => {
                    let word = |cell: &Cell| matches!(cell, Cell::Shaded(..) | Cell::Words(_));
                    let spelled = table.rows.iter().flatten().filter(|cell| word(cell));
                    spelled
                        .map(|cell| if let Cell::Shaded(word, _) | Cell::Words(word) = cell { word } else { unreachable!() })
                        .collect()
                }
                _ => continue,
            };
            assert!(!words.is_empty() && words.iter().all(|word| !word.starts_with('#')), "{method}: {words:?}");
        }
    }
    // A lens that is written again is another lens.
    let elsewhere = tempfile::tempdir().unwrap();
    let lens = identity(elsewhere.path(), 16, false);
    let mut request = Request::of(Task::Explain, Input::Text(STORY.to_owned()), model.clone());
    request.method = "tuned-lens".to_owned();
    request.layer = 1;
    request.params = params(&[(&LENS, lens.to_str().unwrap())]);
    let mut seen = || match engine.run(&request, &Control::default()).unwrap() {
        Output::Explanation(explanation) => explanation.relevance.clone(),
        other => panic!("{other:?}"),
    };
    let before = seen();
    let rising = Tensor::arange(0.0_f32, 16.0, &Device::Cpu).unwrap();
    let maps: HashMap<String, Tensor> = candle_core::safetensors::load(&lens, &Device::Cpu).unwrap();
    // Of another length too: clocks of files are coarse.
    let maps: HashMap<String, Tensor> = maps
        .into_iter()
        .filter(|(name, _)| !name.starts_with('2'))
        .map(|(name, map)| (name, map.broadcast_add(&rising).unwrap()))
        .collect();
    candle_core::safetensors::save(&maps, &lens).unwrap();
    assert_ne!(seen(), before);
    // A word of the text is a word of the model.
    let traced = engine.trace(&Request::of(Task::Trace, Input::Text(STORY.to_owned()), model), &Control::default()).unwrap();
    let id = traced.model.id_of_word("the").unwrap();
    assert_eq!(traced.model.word(id), "\u{b7}the");
    assert!(traced.model.id_of_word("floodedbank").is_err() && traced.model.id_of_word("#400").is_err());
    assert_eq!(traced.model.id_of_word("#399").unwrap(), 399);
}

#[test]
fn the_command_line_makes_a_lens_and_looks_through_it() {
    let desk = program::Desk::new();
    causal::write(&desk.path("model"), &serde_json::Value::Null);
    desk.write("book.txt", STORY.repeat(40));
    let made = desk.run("fit lens @book.txt --model @model --out @lens.safetensors --tokens 600").done();
    let rows: Vec<Vec<&str>> = made.stdout.lines().skip(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{made:?}");
    assert!(rows[2][1] == rows[2][2] && rows[0][1] != rows[0][2], "{made:?}");
    let seen =
        desk.run("explain @book.txt --model @model --method tuned-lens --lens @lens.safetensors --layer 0 --read entropy").done();
    let values = seen.stdout.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<f32>().unwrap());
    assert!(values.into_iter().all(|nats| (0.0..=400.0_f32.ln()).contains(&nats)), "{seen:?}");
    desk.run("fit lens @book.txt --model @model --out @lens.txt").refused(&["lens.txt", ".safetensors"]);
    desk.run("fit lens @book.txt --model %bert_words --out @b.safetensors").refused(&["bert", "causal"]);
    desk.write("short.txt", "the bank");
    desk.run("fit lens @short.txt --model @model --out @b.safetensors").refused(&["the texts", "book"]);
    desk.run("explain @book.txt --model @model --method tuned-lens").refused(&["--lens", "fit lens"]);
    desk.run("explain @book.txt --model @model --method tuned-lens --lens @none.safetensors").refused(&["none.safetensors"]);
    desk.run("explain cat.jpg --model %vit --method logit-lens").refused(&["--method logit-lens", "a text"]);
    let ids = "tests/fixtures/models/bert/expected.safetensors";
    desk.run(&format!("explain {ids} --model %bert --method logit-lens")).refused(&["a language head"]);
    desk.run(&format!("explain {ids} --model %bert --method layer-saliency")).refused(&["language head"]);
    for (model, methods) in [
        ("bert_words", &["logit-lens", "layer-saliency"][..]),
        ("gemma2", &["logit-lens", "layer-saliency"]),
        ("bert_classifier", &["layer-saliency"]),
    ] {
        for method in methods {
            desk.run(&format!(
                "explain tests/fixtures/models/{model}/expected.safetensors --model %{model} --method {method} --layer 2"
            ))
            .done();
        }
    }
}

/// A model that was trained, and books, where they lie beside a developer's checkout.
#[test]
fn a_fitted_lens_reads_other_text_better_and_layers_drift_from_their_words() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).map(|folder| folder.join("shared"));
    let found =
        beside.into_iter().find(|shared| shared.join("models/stories260k").is_dir() && shared.join("data/books").is_dir());
    let Some(shared) = found else { return eprintln!("skipped: ../shared/models/stories260k is absent") };
    let (folder, model) = (tempfile::tempdir().unwrap(), ModelRef::from(shared.join("models/stories260k")));
    let texts = vec![Input::from(shared.join("data/books/The_Wind_in_the_Willows.md"))];
    let request = LensRequest { texts, model: model.clone(), device: DeviceKind::Cpu, tokens: 10_000, ridge: 1e-4 };
    let mut engine = Engine::default();
    let fitted = engine.fit_lens(&request, &folder.path().join("lens.safetensors"), &Control::default()).unwrap();
    let (last, below) = fitted.surprisal.split_last().unwrap();
    assert!(below.iter().all(|[plain, tuned]| *tuned < plain - 0.2), "{fitted:?}");
    assert!((last[0] - last[1]).abs() < 1e-9 && below.iter().all(|[_, tuned]| *tuned > last[1]), "{fitted:?}");
    let mut saliency = Request::of(Task::Explain, Input::Text(STORY.to_owned()), model);
    saliency.method = "layer-saliency".to_owned();
    let Output::Explanation(explanation) = engine.run(&saliency, &Control::default()).unwrap() else { panic!() };
    let Some(Exhibit::Chart(chart)) = explanation.shown.exhibits.last() else { panic!() };
    // Its head is its embedding, so that layer 0 speaks of its own words, and layer L of the next.
    let ranks: Vec<f64> = chart.series[0].points.iter().map(|point| point[1]).collect();
    assert!(ranks[0] > 0.95 && ranks.is_sorted_by(|a, b| a >= b) && ranks[ranks.len() - 1] < 0.3, "{ranks:?}");
    let next = &chart.series[2].points;
    assert!(next[next.len() - 1][1] > 2.0 * next[0][1], "{next:?}");
}
