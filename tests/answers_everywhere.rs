//! Methods that explain answers, through the engine and the command line: every tiny checkpoint is answered or kindly refused.

mod common;
#[path = "common/program.rs"]
mod program;

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use common::model_folders;
use program::Desk;
use tokenscope::domain::request::{Cut, Request, Scalar, Task, Tokens};
use tokenscope::domain::span::Span;
use tokenscope::domain::{Error, Result};
use tokenscope::engine::{Engine, Explanation, Output};
use tokenscope::method::{Control, by_id};

const METHODS: [&str; 6] =
    ["class-relevance", "grad-cam", "input-gradient", "integrated-gradients", "occlusion", "semantic-budget"];

fn ids(desk: &Desk) -> PathBuf {
    let path = desk.path("ids.safetensors");
    let ids = Tensor::new(vec![3_i64, 9, 11, 22, 14, 7], &Device::Cpu).unwrap();
    ids.save_safetensors("input_ids", &path).unwrap();
    path
}

fn run(engine: &mut Engine, request: &Request) -> Result<Explanation> {
    match engine.run(request, &Control::default())? {
        Output::Explanation(explanation) => Ok((*explanation).clone()),
        other => panic!("not an explanation: {other:?}"),
    }
}

fn request(method: &str, input: PathBuf, model: PathBuf) -> Request {
    let mut request = Request::new(Task::Explain, input, model);
    (request.method, request.tokens) = (method.to_owned(), Tokens::These(vec!["4".parse().unwrap()]));
    if let Some(steps) = by_id(method).unwrap().info().knobs.iter().find(|knob| knob.id == "steps") {
        request.params.knobs.set(steps, "2").unwrap();
    }
    request
}

#[test]
fn every_checkpoint_is_answered_or_refused() {
    let desk = Desk::new();
    let (text, picture) = (ids(&desk), PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/cat.jpg")));
    let (mut engine, mut answered) = (Engine::default(), 0);
    for folder in model_folders() {
        for (input, method) in [&text, &picture].into_iter().flat_map(|input| METHODS.map(|method| (input, method))) {
            let what = format!("{method} of {} by {}", input.display(), folder.display());
            match run(&mut engine, &request(method, input.clone(), folder.clone())) {
                Ok(explanation) => {
                    answered += 1;
                    let row = explanation.row(0);
                    assert_eq!(row.len(), explanation.scene.layout.len(), "{what}");
                    assert!(row.iter().any(|v| v.is_finite()) && !row.iter().any(|v| v.is_infinite()), "{what}: {row:?}");
                }
                Err(Error::OtherKind { reads_texts, .. }) => assert_eq!(reads_texts, input == &picture, "{what}"),
                Err(Error::Refused { place, what, expected, .. }) => {
                    assert!(!place.is_empty() && !what.is_empty() && !expected.is_empty(), "{place}: {what}");
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }
    assert!(answered >= 90, "{answered} answers");
}

#[test]
fn a_segment_is_the_tokens_in_it() {
    let mut engine = Engine::default();
    let folder = common::own_models().join("vit");
    let picture = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/cat.jpg"));
    let mut along = |scalar: &str| {
        let mut asked = request("ultra", picture.clone(), folder.clone());
        asked.params.scalar = scalar.parse().unwrap();
        run(&mut engine, &asked)
    };
    let segment = along("cluster:1/3").unwrap();
    assert_eq!(segment.request.params.scalar, Scalar::Cluster { number: 1, of: 3 });
    let mut segments = Request::new(Task::Segment { cut: Cut::Clusters(3) }, picture.clone(), folder.clone());
    segments.method = "ultra".to_owned();
    let Output::Segments(segments) = Engine::default().run(&segments, &Control::default()).unwrap() else {
        panic!("no segments")
    };
    let labels = segments.partition.segmentation(Cut::Clusters(3)).patch_labels;
    let members = labels.iter().enumerate().filter(|(_, label)| **label == 1);
    let members: Vec<String> = members.map(|(patch, _)| (patch + 1).to_string()).collect();
    assert_eq!(along(&format!("token:{}", members.join("+"))).unwrap().relevance, segment.relevance);
    assert!(along("cluster:5/6").is_ok() || along("cluster:5/6").unwrap_err().to_string().contains("segments"));
}

/// A part of a text was made of words, and these are explained: not others that are more probable.
#[test]
fn spans_are_explained_as_they_are_written() {
    let desk = Desk::new();
    let mut engine = Engine::default();
    let mut span = request("class-relevance", ids(&desk), common::own_models().join("gpt2"));
    span.tokens = Tokens::Span(Span { from: 3, to: 5 });
    let written = run(&mut engine, &span).unwrap();
    let class = by_id("class-relevance").unwrap().info().knobs.iter().find(|knob| knob.id == "class").unwrap();
    assert_eq!(written.request.params.knobs.text(class), "#next");
    let mut other = span.clone();
    other.params.knobs.set(class, "#11").unwrap();
    assert_ne!(run(&mut engine, &other).unwrap().relevance, written.relevance);
    let names = Tokens::These(vec!["2".parse().unwrap(), "3".parse().unwrap()]);
    let single = run(&mut engine, &Request { tokens: names, ..written.request.clone() }).unwrap();
    let share = |n: usize| single.row(n)[1] / (1..3).filter(|&t| t != n + 2).map(|t| single.row(n)[t]).sum::<f32>();
    assert!((written.row(0)[1] - 0.5 * (share(0) + share(1))).abs() < 1e-5, "{:?}", written.row(0));
}

#[test]
fn the_command_line_has_every_knob() {
    let desk = Desk::new();
    ids(&desk);
    for line in [
        "cat.jpg --model %vit --method class-relevance --class LABEL_2 --blocks 1",
        "cat.jpg --model %vit --method grad-cam --cam tokens --layer 2",
        "cat.jpg --model %dinov2_classifier --method input-gradient --reading length",
        "cat.jpg --model %beit --method integrated-gradients --steps 3 --baseline mean",
        "cat.jpg --model %dinov2 --method occlusion --effect token --fill remove --token 3,3",
        "cat.jpg --model %vit --method semantic-budget --keep 40 --ranking attention --rest dropped",
        "cat.jpg --model %clip --method class-relevance --scalar text:cat",
        "cat.jpg --model %vit --scalar class:3 --token 2,2",
        "cat.jpg --model %vit --scalar cluster:0/2 --token 2,2 --blocks 2",
        "@ids.safetensors --model %gpt2 --method class-relevance --class #next --token 3",
        "@ids.safetensors --model %gpt2 --scalar vocab:#7 --token 3",
        "@ids.safetensors --model %bert_words --method occlusion --fill zero --token 3",
    ] {
        desk.run(&format!("explain {line} --out @a.npy --out @a.png --out @a.json")).done();
        let record: serde_json::Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
        let again = record["command"].as_str().map(str::to_owned).unwrap_or_default();
        assert!(again.is_empty() || again.contains("tokenscope"), "{again}");
    }
    for (line, words) in [
        ("cat.jpg --model %vit --method class-relevance --class zebra", &["zebra", "0 to 6"][..]),
        ("cat.jpg --model %clip --method class-relevance", &["gives no answer", "--scalar text:"]),
        ("cat.jpg --model %dino --method grad-cam", &["--method grad-cam", "classifier"]),
        ("@ids.safetensors --model %gpt2 --scalar cluster:1/2 --token 3", &["picture"]),
        ("@ids.safetensors --model %gpt2 --method semantic-budget", &["semantic-budget", "picture"]),
        ("cat.jpg --model %vit --method ultra --class 3", &["--class", "ultra"]),
    ] {
        desk.run(&format!("explain {line} --out @a.npy")).refused(words);
    }
}
