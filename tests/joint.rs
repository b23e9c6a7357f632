//! CLIP and SigLIP: both towers, phrases, and maps along them, against what PyTorch computes on tiny checkpoints.

mod common;
#[path = "common/program.rs"]
mod program;

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use common::{Given, assert_close, assert_rows_close, expectations, floats, own_models, positions};
use program::Desk;
use tokenscope::domain::request::{Input, Params, Request, Rows, Scalar, Task, Tokens, Tower};
use tokenscope::engine::{Engine, Explanation, Output};
use tokenscope::method::{Control, Target, by_id};
use tokenscope::model::{Model, Trace};

const FAMILIES: [&str; 2] = ["clip", "siglip"];
/// The phrase that PyTorch was given.
const PHRASE: &str = "A photo of a cat";

/// The image tower's trace of PyTorch's image, and what is expected of it: of the tower, and of both together.
struct Case {
    name: &'static str,
    model: Model,
    trace: Trace,
    targets: Vec<usize>,
    want: HashMap<String, Tensor>,
}

fn case(name: &'static str) -> Case {
    let folder = own_models().join(name);
    let image = expectations(&folder).remove(0);
    let model = Model::load_tower(&folder, Tower::Image, &Device::Cpu).unwrap();
    let trace = Given::expected(&image).trace(&model);
    let want = candle_core::safetensors::load(folder.join("expected_joint.safetensors"), &Device::Cpu).unwrap();
    Case { name, model, trace, targets: positions(&image["targets"]), want }
}

impl Case {
    fn want(&self, key: &str) -> Vec<f32> {
        floats(&self.want[key])
    }

    /// The phrase as PyTorch placed it, of length 1.
    fn phrase(&self) -> Vec<f32> {
        unit(&self.want("text_embeds"))
    }

    fn explain(&self, method: &str, layer: usize) -> Vec<f32> {
        let phrase = self.phrase();
        let params = Params { scalar: Scalar::Text(PHRASE.to_owned()), rows: Rows::All, ..Params::default() };
        let target = Target { layer, positions: &self.targets, params: &params, phrase: Some(&phrase) };
        by_id(method).unwrap().explain(&self.model, &self.trace, &target, &Control::default()).unwrap()
    }
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

#[test]
fn images_and_their_tokens_lie_where_pytorch_places_them() {
    for case in FAMILIES.map(case) {
        let joint = case.model.joint().unwrap();
        let stream = case.trace.residual.last().unwrap();
        let image = floats(&joint.of_input(stream, &[]).unwrap());
        assert_close(&format!("{}, image", case.name), &image, &case.want("image_embeds"), 1e-4);
        let tokens = floats(&joint.of_tokens(stream).unwrap());
        assert_close(&format!("{}, tokens", case.name), &tokens, &case.want("of_tokens"), 1e-4);
        assert_close("of length 1", &case.model.embedding(&case.trace, &[]).unwrap(), &unit(&image), 1e-5);
    }
}

#[test]
fn the_way_to_a_phrase_and_maps_along_it_equal_pytorch() {
    for case in FAMILIES.map(case) {
        for layer in [2, 3] {
            let name = |what: &str| format!("{}, {what} at layer {layer}", case.name);
            let directions = case.model.joint().unwrap().directions(&case.trace.residual[layer], &case.phrase()).unwrap();
            assert_close(&name("direction"), &floats(&directions), &case.want(&format!("direction_{layer}")), 1e-4);
            let rows = case.want(&format!("ultra_{layer}"));
            assert_rows_close(&name("ultra"), &case.explain("ultra", layer), &rows, &case.targets, 1e-3);
            let row = case.want(&format!("agreement_{layer}"));
            assert_close(&name("agreement"), &case.explain("agreement", layer), &row.repeat(case.targets.len()), 1e-4);
        }
    }
}

fn request(name: &str, input: impl Into<Input>, scalar: &str) -> Request {
    let mut request = Request::new(Task::Explain, input, own_models().join(name));
    request.tokens = Tokens::All;
    request.params.scalar = scalar.parse().unwrap();
    request
}

fn explained(engine: &mut Engine, request: &Request) -> std::sync::Arc<Explanation> {
    match engine.run(request, &Control::default()).unwrap() {
        Output::Explanation(explanation) => explanation,
        other => panic!("not an explanation: {other:?}"),
    }
}

/// From the string to the cosine: tokenizer, padding, text tower, projection.
#[test]
fn a_phrase_is_read_by_the_text_tower_and_compared_with_the_image() {
    for case in FAMILIES.map(case) {
        let folder = own_models().join(case.name);
        let mut asked = request(case.name, folder.join("expected.safetensors"), "text:A photo of a cat | a dog");
        let mut engine = Engine::default();
        let ultra = explained(&mut engine, &asked);
        let (image, text) = (unit(&case.want("image_embeds")), case.phrase());
        let cosine: f32 = image.iter().zip(&text).map(|(a, b)| a * b).sum();
        let [cat, dog] = &ultra.matches[..] else { panic!("{:?}", ultra.matches) };
        assert!((cat.cosine - cosine).abs() < 1e-5 && cat.phrase == PHRASE, "{}: {cat:?}, not {cosine}", case.name);
        let logit = case.model.matching().unwrap().logit(cosine);
        assert!((cat.logit.unwrap() - logit).abs() < 1e-4, "{}: {cat:?}, not {logit}", case.name);
        let total = cat.probability.unwrap() + dog.probability.unwrap();
        assert_eq!((total - 1.0).abs() < 1e-5, case.name == "clip", "SigLIP judges each phrase alone: {total}");
        assert_eq!(ultra.scene.model.tower, Some(Tower::Image));
        let rows = case.want("ultra_3");
        for (row, &target) in rows.chunks(rows.len() / case.targets.len()).zip(&case.targets) {
            assert_rows_close(case.name, ultra.row(target), row, &[target], 1e-3);
        }
        asked.method = "agreement".to_owned();
        let agreement = explained(&mut engine, &asked);
        assert_close(case.name, agreement.row(0), &case.want("agreement_3"), 1e-4);
        assert_eq!(agreement.row(0), agreement.row(5));
        let other = explained(&mut engine, &Request { params: request("clip", "a", "text:dog").params, ..asked });
        assert_ne!(agreement.relevance, other.relevance);
    }
}

/// A text that is opened is what the model makes its embedding of: lower-cased, between its ends or filled up.
#[test]
fn an_opened_text_is_read_by_the_text_tower_as_the_model_reads_it() {
    for (name, pieces) in [
        ("clip", &["<|startoftext|>", "a</w>", "photo</w>", "of</w>", "a</w>", "cat</w>", "<|endoftext|>"][..]),
        ("siglip", &["▁a", "▁photo", "▁of", "▁a", "▁cat", "</s>", "</s>", "</s>", "</s>"]),
    ] {
        let folder = own_models().join(name);
        let mut engine = Engine::default();
        let typed = explained(&mut engine, &request(name, Input::Text(PHRASE.to_owned()), "sum"));
        let text = typed.scene.layout.text.as_ref().unwrap();
        assert_eq!(text.pieces.iter().map(|p| p.piece.as_str()).collect::<Vec<_>>(), pieces);
        assert_eq!(typed.scene.model.tower, Some(Tower::Text));
        let given = explained(&mut engine, &request(name, folder.join("expected_text.safetensors"), "sum"));
        assert_eq!(typed.relevance, given.relevance, "{name}: the same ids");
        let want = candle_core::safetensors::load(folder.join("expected_joint.safetensors"), &Device::Cpu).unwrap();
        let text = expectations(&folder).remove(1);
        let model = Model::load_tower(&folder, Tower::Text, &Device::Cpu).unwrap();
        let ids: Vec<u32> = positions(&text["input_ids"]).into_iter().map(|id| id as u32).collect();
        let trace = Given::expected(&text).trace(&model);
        let placed = floats(&model.joint().unwrap().of_input(trace.residual.last().unwrap(), &ids).unwrap());
        assert_close(name, &placed, &floats(&want["text_embeds"]), 1e-4);
        let image = explained(&mut engine, &request(name, folder.join("expected.safetensors"), "sum"));
        assert_eq!(image.scene.model.tower, Some(Tower::Image), "both towers stay loaded under their own keys");
        let along = explained(&mut engine, &request(name, Input::Text("a cat".to_owned()), "text:a photo"));
        assert!(along.matches.is_empty() && along.relevance.iter().all(|v| v.is_finite()));
    }
}

/// The checkpoint's own pad token goes before that of config.json, whose default is not SigLIP 2's.
#[test]
fn the_tokenizer_s_own_padding_is_taken() {
    let desk = Desk::new();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        desk.write(&format!("m/{file}"), std::fs::read(own_models().join("siglip").join(file)).unwrap());
    }
    let pieces = |config: &str| {
        desk.write("m/tokenizer_config.json", config);
        let mut asked = request("siglip", Input::Text("cat".to_owned()), "sum");
        asked.model = desk.path("m").into();
        let explanation = explained(&mut Engine::default(), &asked);
        let text = explanation.scene.layout.text.clone().unwrap();
        text.pieces.iter().map(|p| (p.piece.clone(), p.special)).collect::<Vec<_>>()
    };
    let own = |piece: &str| (piece.to_owned(), true);
    assert_eq!(pieces("{}")[..3], [("▁cat".to_owned(), false), own("</s>"), own("</s>")]);
    assert_eq!(pieces(r#"{"pad_token": "<unk>"}"#)[..3], [("▁cat".to_owned(), false), own("</s>"), own("<unk>")]);
    assert_eq!(
        pieces(r#"{"pad_token": {"content": "<unk>"}, "padding_side": "left"}"#)[6..],
        [own("<unk>"), ("▁cat".to_owned(), false), own("</s>")]
    );
    desk.write("m/tokenizer_config.json", "{");
    desk.run_with(&["explain", "--text", "cat", "--model", "@m"], b"").refused(&["tokenizer_config.json", "no JSON"]);
}

#[test]
fn the_binary_draws_maps_of_phrases_and_its_record_remakes_them() {
    let desk = Desk::new();
    for name in FAMILIES {
        for method in ["ultra", "agreement"] {
            let model = format!("%{name}");
            let (svg, json) = ("@a.svg", "@a.json");
            let scalar = "text:a cat | a dog";
            let words =
                ["explain", "--verbose", "cat.jpg", "--model", &model, "--token", "2,2", "--method", method, "--scalar", scalar];
            let ran = desk.run_with(&[&words[..], &["--out", svg, "--out", json]].concat(), b"").done();
            assert!(ran.stderr.contains("whole picture and 'a dog': cosine"), "{ran:?}");
            let title = if method == "ultra" { "along &apos;a cat&apos;" } else { "Agreement with &apos;a cat&apos;" };
            let drawn = String::from_utf8(desk.read("a.svg")).unwrap();
            assert!(drawn.replace('\'', "&apos;").contains(title), "{method}: {title}");
            let record: serde_json::Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
            assert_eq!((&record["model"]["tower"], &record["request"]["params"]["scalar"]), (&"image".into(), &scalar.into()));
            assert_eq!(record["phrases"][1]["phrase"], "a dog");
            desk.shell(record["command"].as_str().unwrap()).done();
            assert_eq!(String::from_utf8(desk.read("a.svg")).unwrap(), drawn);
        }
        desk.run_with(&["explain", "--text", "a cat", "--model", &format!("%{name}"), "--tower", "text", "--token", "2"], b"")
            .done();
        desk.run(&format!("segment cat.jpg --model %{name} --clusters 3 --scalar text:cat --out @s.png")).done();
    }
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_line() {
    let desk = Desk::new();
    let explain = "explain cat.jpg --token 2,2 --out @a.png";
    desk.run(&format!("{explain} --model %clip --method agreement")).refused(&["agreement", "no phrase", "--scalar text:"]);
    desk.run(&format!("{explain} --model %dino --scalar text:cat")).refused(&["vit", "phrases", "CLIP"]);
    desk.run(&format!("{explain} --model %dino --method agreement --scalar text:cat")).refused(&["vit", "phrases", "CLIP"]);
    desk.run(&format!("{explain} --model %dino --tower text")).refused(&["--tower text", "vit", "image"]);
    desk.run(&format!("{explain} --model %clip --tower text")).refused(&["cat.jpg", "is a picture", "--tower"]);
    desk.run(&format!("{explain} --model %clip --scalar text:")).misused();
    let long = "text:a cat | a photo of a cat of a cat of a cat of a cat of a cat of a cat";
    for model in ["%clip", "%siglip"] {
        let words = [&explain.split(' ').collect::<Vec<_>>()[..], &["--model", model, "--scalar", long]].concat();
        desk.run_with(&words, b"").refused(&[
            "the phrase \"a photo of",
            "is too long",
            "would not read",
            "at most",
            "shorten it",
        ]);
    }
    let unknown = ["explain", "cat.jpg", "--token", "2,2", "--model", "%siglip", "--scalar", "text:a 日 | a cat"];
    let ran = desk.run_with(&unknown, b"").done();
    assert!(ran.stderr.contains("note: the phrase \"a 日\": ") && ran.stderr.contains("<unk>"), "{ran:?}");
    let config = std::fs::read_to_string(own_models().join("clip/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let mut alone = config["vision_config"].clone();
    alone["model_type"] = "clip_vision_model".into();
    alone["projection_dim"] = config["projection_dim"].clone();
    desk.write("m/config.json", alone.to_string());
    desk.write("m/model.safetensors", std::fs::read(own_models().join("clip/model.safetensors")).unwrap());
    desk.run(&format!("{explain} --model @m")).done();
    desk.run(&format!("{explain} --model @m --scalar text:cat")).refused(&["tower for images alone", "both towers"]);
    desk.write("n/config.json", config.to_string());
    desk.write("n/model.safetensors", std::fs::read(own_models().join("clip/model.safetensors")).unwrap());
    desk.run(&format!("{explain} --model @n --scalar text:cat")).refused(&["tokenizer.json"]);
    assert!(!desk.names(".").contains(&"b.png".to_owned()));
}
