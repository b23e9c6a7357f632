//! Spans, their scores and the layers of one token: what the engine answers, and what the command line writes of it.

#[path = "common/mod.rs"]
mod common;
#[path = "common/program.rs"]
mod program;

use std::io::Cursor;

use program::Desk;
use serde_json::Value;
use tokenscope::domain::Error;
use tokenscope::domain::request::{Input, ModelRef, Params, Request, Rows, Task, Tokens};
use tokenscope::domain::span::Span;
use tokenscope::engine::{Engine, Explanation, Output};
use tokenscope::method::Control;
use tokenscope::model::Model;

const TEXT: &str = "We sat on the bank of the river and watched the boats go by. Then we walked home.";

fn request(method: &str, tokens: Tokens) -> Request {
    let mut request = Request::of(Task::Explain, Input::Text(TEXT.to_owned()), ModelRef::Text);
    (request.method, request.tokens) = (method.to_owned(), tokens);
    request
}

fn explain(engine: &mut Engine, request: &Request) -> Result<Explanation, Error> {
    match engine.run(request, &Control::default())? {
        Output::Explanation(explanation) => Ok((*explanation).clone()),
        other => panic!("not an explanation: {other:?}"),
    }
}

#[test]
fn a_span_is_the_mean_of_its_tokens_without_itself() {
    let mut engine = Engine::default();
    let span = Span { from: 4, to: 7 };
    for method in ["ultra", "attention", "rollout", "similarity"] {
        let whole = explain(&mut engine, &request(method, Tokens::Span(span))).unwrap();
        let names = span.positions().map(|p| p.to_string().parse().unwrap()).collect();
        let single = explain(&mut engine, &request(method, Tokens::These(names))).unwrap();
        assert_eq!((whole.relevance.len(), whole.explained()), (whole.scene.layout.len(), vec![4, 5, 6]));
        for (position, value) in whole.row(0).iter().enumerate() {
            let mean = (0..3).map(|n| f64::from(single.row(n)[position])).sum::<f64>() / 3.0;
            let fits = if span.contains(position) { value.is_nan() } else { (f64::from(*value) - mean).abs() < 1e-5 };
            assert!(fits, "{method}, position {position}: {value} is not {mean}");
        }
    }
}

#[test]
fn every_layer_has_the_row_that_it_has_alone() {
    let mut engine = Engine::default();
    let token = || Tokens::These(vec!["river".parse().unwrap()]);
    for (method, rows) in [("ultra", Rows::Some(1)), ("attention", Rows::All)] {
        let params = Params { rows, ..Params::default() };
        let asked = Request { params, layers: true, ..request(method, token()) };
        let all = explain(&mut engine, &asked).unwrap();
        let (rows, top) = (all.layer_rows(), all.scene.model.num_layers);
        assert_eq!((rows.len(), rows[top].as_slice()), (top + 1, all.row(0)));
        let alone = explain(&mut engine, &Request { layer: 2, layers: false, ..asked }).unwrap();
        assert_eq!(rows[2], alone.row(0));
        assert_eq!(rows[0].iter().all(|v| v.is_nan()), method == "attention", "attention has no layer 0");
    }
}

/// Of every tiny model that predicts its text.
#[test]
fn a_causal_model_is_scored_on_the_sources_before_the_span() {
    for folder in common::model_folders() {
        let model = Model::load(&folder, &candle_core::Device::Cpu).unwrap();
        if !model.is_causal() {
            continue;
        }
        let ids: Vec<i64> = (0..12).map(|i| i * 7919 % model.vocab_size().unwrap() as i64).collect();
        let desk = Desk::new();
        let path = desk.path("ids.safetensors");
        let ids = candle_core::Tensor::new(ids, &candle_core::Device::Cpu).unwrap();
        candle_core::safetensors::save(&std::collections::HashMap::from([("input_ids", ids)]), &path).unwrap();
        let mut request = Request::new(Task::Explain, path, folder.clone());
        (request.tokens, request.score) = (Tokens::Span(Span { from: 8, to: 11 }), true);
        let explanation = explain(&mut Engine::default(), &request).unwrap();
        let row = explanation.row(0);
        assert!(row[8..].iter().all(|v| v.is_nan()) && row[..7].iter().all(|v| v.is_finite()), "{row:?}");
        assert!((row[1..8].iter().filter(|v| !v.is_nan()).sum::<f32>() - 1.0).abs() < 0.5, "{row:?}");
        let score = explanation.score.unwrap();
        assert!(score.num_context == 7 && score.log_probability < 0.0, "{score:?}");
        assert!(score.removals.iter().all(|r| r.comprehensiveness.is_finite() && r.random.is_finite()), "{score:?}");
    }
}

#[test]
fn spans_and_layers_are_written_and_their_record_remakes_them() {
    let desk = Desk::new();
    let outs = "--out @a.json --out @a.svg --out @a.npz --out @a.csv";
    desk.run(&format!("explain sample:bank.txt --token 8..13 --matrix {outs}")).done();
    let record: Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
    let command = record["command"].as_str().unwrap();
    assert!(command.contains("--token 8..13") && command.contains("--matrix"), "{command}");
    assert_eq!(record["tokens"].as_array().unwrap().len(), 5);
    assert_eq!(record["request"]["tokens"]["span"], "8..13");
    let svg = String::from_utf8(desk.read("a.svg")).unwrap();
    assert!(svg.contains("sources of tokens 8..13") && svg.contains("every layer"), "{svg}");
    let csv = String::from_utf8(desk.read("a.csv")).unwrap();
    assert!(csv.lines().nth(9).unwrap().ends_with("river,NaN"), "{csv}");
    let mut npz = zip::ZipArchive::new(Cursor::new(desk.read("a.npz"))).unwrap();
    let layers = npyz::NpyFile::new(npz.by_name("layers.npy").unwrap()).unwrap();
    assert_eq!(layers.shape(), [7, 34]);
    assert!(layers.into_vec::<f32>().unwrap()[6 * 34 + 13].is_finite());
    let target = npyz::NpyFile::new(npz.by_name("target.npy").unwrap()).unwrap();
    assert_eq!(target.into_vec::<i64>().unwrap(), [8, 9, 10, 11, 12]);
}

#[test]
fn spans_that_cannot_be_are_refused() {
    let desk = Desk::new();
    for (line, words) in [
        ("sample:bank.txt --token 30..90", &["30..90", "0 <= A < B <= 34"][..]),
        ("sample:bank.txt --token 0..34", &["nothing is left"]),
        ("sample:bank.txt --token 2..4 --token 7", &["stands alone", "one span"]),
        ("sample:cat.jpg --token 2..4", &["a picture"]),
        ("sample:bank.txt --token 2..4 --score", &["--score", "does not predict"]),
        ("sample:bank.txt --token 2 --score", &["only a span"]),
        ("sample:bank.txt --token 2 --token 3 --matrix", &["--matrix", "several"]),
        ("sample:cat.jpg --token 2 --matrix", &["--matrix", "a picture"]),
    ] {
        desk.run(&format!("explain {line} --out @a.npy")).refused(words);
        assert!(!desk.path("a.npy").exists());
    }
}
