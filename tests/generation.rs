//! Texts that models continue: the decoder against the full forward pass, greedy continuations against transformers', and what the
//! engine keeps, ends and refuses.

#[path = "common/causal.rs"]
mod causal;
#[path = "common/mod.rs"]
mod common;
#[path = "common/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use common::{Given, assert_close, model_folders};
use program::Desk;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenscope::domain::request::{Generation, Input, Request, Task, Tokens};
use tokenscope::domain::{Cancel, Error, Progress};
use tokenscope::engine::{Continuation, Ending, Engine, Output};
use tokenscope::method::Control;
use tokenscope::model::{Decoder, Model};

fn causal_model(end: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), end);
    folder
}

/// What lies beside a developer's checkout.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).map(|folder| folder.join("shared").join(name));
    let found = beside.into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("skipped: ../shared/{name} is absent");
    }
    found
}

fn request(model: &Path, text: &str, generation: Generation) -> Request {
    let request = Request::of(Task::Generate, Input::Text(text.to_owned()), model.to_owned().into());
    Request { generation: Some(generation), ..request }
}

fn greedy(tokens: usize) -> Generation {
    Generation { tokens, ..Generation::default() }
}

/// The answer, and the tokens that were chosen for it.
fn answer(engine: &mut Engine, request: &Request) -> Result<(Arc<Continuation>, usize), Error> {
    let control = Control::default();
    match engine.run(request, &control)? {
        Output::Continuation(continuation) => Ok((continuation, control.progress.get().1)),
        other => panic!("not a continuation: {other:?}"),
    }
}

/// Scores of the last of some tokens by the full forward pass.
fn full(model: &Model, ids: &[u32]) -> Vec<f32> {
    let trace = Given::words(ids.to_vec()).trace(model);
    model.token_logits(&trace, &[ids.len() - 1]).unwrap()
}

fn assert_decodes(name: &str, model: Model) {
    let (model, cancel) = (Arc::new(model), Cancel::default());
    let length = model.max_tokens().unwrap().min(40);
    let ids: Vec<u32> = (0..length).map(|i| (i * 7919 % model.vocab_size().unwrap()) as u32).collect();
    for first in [1, 9, length - 3] {
        let mut decoder = Decoder::new(model.clone()).unwrap();
        assert_close(name, &decoder.feed(&ids[..first], &cancel).unwrap(), &full(&model, &ids[..first]), 1e-4);
        for count in first + 1..length {
            let scores = decoder.feed(&ids[count - 1..count], &cancel).unwrap();
            if count % 5 == 0 || count + 1 == length {
                assert_close(&format!("{name}, {count} tokens"), &scores, &full(&model, &ids[..count]), 1e-4);
            }
        }
        assert_eq!(decoder.num_tokens(), length - 1);
    }
}

#[test]
fn a_decoder_scores_as_the_full_forward_pass_does() {
    let own = causal_model(&Value::Null);
    let mut folders = vec![own.path().to_owned()];
    folders.extend(model_folders());
    let beside = shared("fixtures").and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    folders.extend(beside.map(|entry| entry.unwrap().path()).filter(|folder| folder.join("model.safetensors").is_file()));
    let mut families = Vec::new();
    for folder in folders {
        let model = Model::load(&folder, &Device::Cpu).unwrap();
        if model.is_causal() && model.num_scored_words().is_some() {
            families.push(model.family.clone());
            assert_decodes(&folder.display().to_string(), model);
        }
    }
    eprintln!("compared: {families:?}");
    assert!(families.contains(&"gpt2".to_owned()));
}

#[test]
fn a_long_text_goes_through_in_parts() {
    let Some(folder) = shared("models/stories260k") else { return };
    let model = Arc::new(Model::load(&folder, &Device::Cpu).unwrap());
    let ids: Vec<u32> = (0..400).map(|i| i * 7919 % 512).collect();
    let mut decoder = Decoder::new(model.clone()).unwrap();
    assert_close("400 tokens", &decoder.feed(&ids, &Cancel::default()).unwrap(), &full(&model, &ids), 1e-4);
    let too_many = decoder.feed(&ids, &Cancel::default()).unwrap_err().to_string();
    assert!(too_many.contains("800 tokens") && too_many.contains("512"), "{too_many}");
}

/// By transformers 5 on torch 2: `AutoModelForCausalLM.from_pretrained("stories260k").generate(ids, do_sample=False,
/// max_new_tokens=60)` with the tokenizer's ids of "Once upon a time".
#[test]
fn a_greedy_continuation_is_that_of_transformers() {
    let Some(folder) = shared("models/stories260k") else { return };
    let want = [
        1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419,
        292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394, 261, 370, 432, 352, 266, 268, 388, 426, 338, 391, 266,
        267, 337, 335, 312, 432, 398, 312, 286, 267, 414, 270, 333, 415, 426, 13, 438, 310,
    ];
    let (got, _) = answer(&mut Engine::default(), &request(&folder, "Once upon a time", greedy(60))).unwrap();
    assert_eq!(got.ids, want);
    let text = got.scene.layout.text.as_ref().unwrap();
    assert_eq!(
        text.string,
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red \
         ball. She wanted to play with it, but it was too high.\nLily"
    );
    assert_eq!((got.ending, got.num_generated()), (Ending::Count, 60));
    assert_eq!(text.find("Lily", 2).map(|at| at.end), Some(65));
    assert_eq!(text.find("upon", 1), Some(2..3));
    let (full, _) = answer(&mut Engine::default(), &request(&folder, "Once upon a time", greedy(10_000))).unwrap();
    assert_eq!((full.ending, full.ids.len()), (Ending::ModelFull { max_tokens: 512 }, 512));
}

#[test]
fn one_token_more_is_one_step_and_fewer_are_there_already() {
    let model = causal_model(&Value::Null);
    let mut engine = Engine::default();
    let mut ask = |generation| answer(&mut engine, &request(model.path(), "The cat", generation)).unwrap();
    let (eight, steps) = ask(greedy(8));
    assert_eq!((eight.num_generated(), steps), (8, 8));
    let (nine, steps) = ask(greedy(9));
    assert_eq!((nine.num_generated(), steps), (9, 1));
    assert_eq!(nine.ids[..nine.ids.len() - 1], eight.ids[..]);
    let (three, steps) = ask(greedy(3));
    assert_eq!((three.num_generated(), steps, three.ending), (3, 0, Ending::Count));
    assert_eq!(three.ids[..], nine.ids[..three.ids.len()]);
    assert!(nine.generated().starts_with(three.generated()));
    let (seeded, steps) = ask(Generation { seed: 5, ..greedy(9) });
    assert_eq!((&seeded.ids, steps), (&nine.ids, 0), "nothing is drawn, so the seed makes no difference");
}

#[test]
fn a_seed_decides_what_is_drawn_whatever_the_steps() {
    let model = causal_model(&Value::Null);
    let drawn = Generation { temperature: 1.0, seed: 3, top_p: 0.9, tokens: 12 };
    let ids =
        |engine: &mut Engine, generation| answer(engine, &request(model.path(), "The cat", generation)).unwrap().0.ids.clone();
    let at_once = ids(&mut Engine::default(), drawn);
    let mut engine = Engine::default();
    let stepwise = (1..=12).map(|tokens| ids(&mut engine, Generation { tokens, ..drawn })).last().unwrap();
    assert_eq!(at_once, stepwise);
    assert_ne!(at_once, ids(&mut engine, Generation { seed: 4, ..drawn }));
    assert_ne!(at_once, ids(&mut engine, greedy(12)));
}

#[test]
fn what_is_asked_of_a_continued_text_is_asked_of_exactly_its_tokens() {
    let model = causal_model(&Value::Null);
    let mut engine = Engine::default();
    let asked = request(model.path(), "The cat sat", Generation { temperature: 1.5, seed: 9, ..greedy(20) });
    let (continuation, _) = answer(&mut engine, &asked).unwrap();
    let text = continuation.scene.layout.text.clone().unwrap();
    let from = text.generated_from.unwrap();
    assert!(from.position >= 3 && from.byte == "The cat sat".len() && text.string.starts_with("The cat sat"));
    let traced = engine.trace(&Request { task: Task::Trace, ..asked.clone() }, &Control::default()).unwrap();
    assert_eq!(traced.scene.layout, continuation.scene.layout);
    let direct = Given::words(continuation.ids.clone()).trace(&traced.model);
    assert_close("trace", &traced.trace.residual_values(2).unwrap(), &direct.residual_values(2).unwrap(), 1e-6);
    assert_eq!(traced.scene.predictions.len(), 5, "the tokens that may come next");
    let last = continuation.ids.len() - 1;
    let tokens = Tokens::These(vec![last.to_string().parse().unwrap()]);
    let explained = engine.run(&Request { task: Task::Explain, tokens, ..asked }, &Control::default()).unwrap();
    let Output::Explanation(explained) = explained else { panic!("not an explanation") };
    assert_eq!((explained.positions.clone(), explained.row(0).len()), (vec![last], last + 1));
}

#[test]
fn a_text_ends_where_the_model_says_so_or_reads_no_more() {
    let silent = causal_model(&Value::Null);
    let (all, _) = answer(&mut Engine::default(), &request(silent.path(), "The cat", greedy(1000))).unwrap();
    assert_eq!((all.ending, all.ids.len()), (Ending::ModelFull { max_tokens: causal::MAX_TOKENS }, causal::MAX_TOKENS));
    let prompt = all.ids.len() - all.num_generated();
    let end = all.ids[prompt + 4];
    let first = prompt + all.ids[prompt..].iter().position(|id| *id == end).unwrap() + 1;
    for spelled in [json!(end), json!([399, end])] {
        let model = causal_model(&spelled);
        let mut engine = Engine::default();
        let (ended, _) = answer(&mut engine, &request(model.path(), "The cat", greedy(1000))).unwrap();
        assert_eq!((ended.ending, &ended.ids[..]), (Ending::EndOfText, &all.ids[..first]));
        let (fewer, _) = answer(&mut engine, &request(model.path(), "The cat", greedy(1))).unwrap();
        assert_eq!(fewer.ending == Ending::EndOfText, first == prompt + 1);
    }
    let model = causal_model(&json!(end));
    std::fs::write(model.path().join("generation_config.json"), r#"{"eos_token_id": []}"#).unwrap();
    let (whole, _) = answer(&mut Engine::default(), &request(model.path(), "The cat", greedy(1000))).unwrap();
    assert_eq!(whole.ids, all.ids, "generation_config.json comes first");
    std::fs::write(model.path().join("generation_config.json"), r#"{"eos_token_id": "x"}"#).unwrap();
    let err = answer(&mut Engine::default(), &request(model.path(), "The cat", greedy(5))).unwrap_err().to_string();
    assert!(err.contains("generation_config.json") && err.contains("eos_token_id"), "{err}");
}

#[test]
fn what_cannot_be_continued_is_refused() {
    let model = causal_model(&Value::Null);
    let refused = |request: Request, words: &[&str]| {
        let err = Engine::default().run(&request, &Control::default()).unwrap_err().to_string();
        assert!(words.iter().all(|word| err.contains(word)), "{err}");
    };
    let long = "The cat sat on the mat. ".repeat(20);
    refused(request(model.path(), &long, greedy(5)), &["leaves no room", "40 tokens", "shorten the text"]);
    refused(request(model.path(), " ", greedy(5)), &["is empty"]);
    refused(request(model.path(), "a", Generation { temperature: -1.0, ..greedy(5) }), &["--temperature -1"]);
    let bert = common::own_models().join("bert");
    refused(request(&bert, "a", greedy(5)), &["bert", "no causal language model", "gemma2"]);
    let vit = common::own_models().join("vit");
    refused(request(&vit, "a", greedy(5)), &["vit", "no causal language model"]);
    let explained = Request { task: Task::Explain, tokens: Tokens::All, ..request(&bert, "a", greedy(5)) };
    refused(explained, &["no causal language model"]);
}

#[test]
fn a_stopped_continuation_goes_on_where_it_was() {
    let model = causal_model(&Value::Null);
    let asked = request(model.path(), "The cat", Generation { temperature: 1.0, seed: 2, ..greedy(20) });
    let (want, _) = answer(&mut Engine::default(), &asked).unwrap();
    let mut engine = Engine::default();
    let some = Request { generation: Some(Generation { tokens: 7, ..asked.generation.unwrap() }), ..asked.clone() };
    answer(&mut engine, &some).unwrap();
    let stopped = Control { cancel: Cancel::default(), progress: Progress::default() };
    stopped.cancel.cancel();
    assert!(matches!(engine.run(&asked, &stopped), Err(Error::Cancelled)));
    let (got, steps) = answer(&mut engine, &asked).unwrap();
    assert_eq!((&got.ids, steps), (&want.ids, 13));
}

fn desk_with_model() -> Desk {
    let desk = Desk::new();
    causal::write(&desk.path("m"), &Value::Null);
    desk
}

#[test]
fn the_command_line_writes_the_text_as_it_comes_and_a_record_that_remakes_it() {
    let desk = desk_with_model();
    let words = ["generate", "--text", "The cat sat", "--model", "@m", "--tokens", "9", "--temperature", "0.9", "--seed", "4"];
    let files = ["--out", "@a.txt", "--out", "@a.json"];
    let ran = desk.run_with(&[&words[..], &files[..]].concat(), b"").done();
    assert!(ran.stdout.starts_with("The cat sat") && ran.stdout.len() > "The cat sat\n".len(), "{ran:?}");
    assert_eq!(desk.read("a.txt"), ran.stdout.as_bytes());
    let record: Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
    assert_eq!(record["generated"]["num_tokens"], 9);
    assert_eq!(record["generated"]["ending"], "count");
    assert_eq!(format!("The cat sat{}\n", record["generated"]["text"].as_str().unwrap()), ran.stdout);
    let from = record["input"]["generated_from"]["position"].as_u64().unwrap() as usize;
    assert_eq!(record["input"]["pieces"].as_array().unwrap().len(), from + 9);
    let before = desk.read("a.json");
    std::fs::remove_file(desk.path("a.json")).unwrap();
    desk.shell(record["command"].as_str().unwrap()).done();
    assert_eq!(desk.read("a.json"), before);

    let piped = desk.run_with(&["generate", "-", "--model", "@m", "--tokens", "1000"], b"The cat sat").done();
    assert!(piped.stderr.contains(&format!("reads no more than {} tokens", causal::MAX_TOKENS)), "{piped:?}");
    let mut child =
        desk.command("generate --text a --model @m --tokens 30").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "a closed pipe is no error");
}

#[test]
fn generated_words_are_explained_and_traced_by_one_command() {
    let desk = desk_with_model();
    let text = ["--text", "The cat sat", "--model", "@m", "--generate", "5"];
    let explain = [&["explain"], &text[..], &["--token", "9", "--out", "@e.csv", "--out", "@e.json", "--out", "@e.svg"]].concat();
    desk.run_with(&explain, b"").done();
    let csv = String::from_utf8(desk.read("e.csv")).unwrap();
    let record: Value = serde_json::from_slice(&desk.read("e.json")).unwrap();
    assert_eq!(csv.lines().count() as u64, 1 + record["input"]["num_tokens"].as_u64().unwrap());
    assert_eq!((&record["request"]["generation"]["tokens"], &record["tokens"][0]["position"]), (&json!(5), &json!(9)));
    let before = desk.read("e.svg");
    // The grey of signs is that of the lines under what was generated.
    assert!(String::from_utf8_lossy(&before).matches("#696969").count() >= 5);
    std::fs::remove_file(desk.path("e.svg")).unwrap();
    desk.shell(record["command"].as_str().unwrap()).done();
    assert_eq!((desk.read("e.csv"), desk.read("e.svg")), (csv.into_bytes(), before));
    desk.run_with(&[&["trace"], &text[..], &["--out", "@t.safetensors"]].concat(), b"").done();
    let traced = candle_core::safetensors::load(desk.path("t.safetensors"), &Device::Cpu).unwrap();
    assert_eq!(traced["residual"].dim(1).unwrap() as u64, record["input"]["num_tokens"].as_u64().unwrap());
}

#[test]
fn the_command_line_refuses_what_cannot_be_continued() {
    let desk = desk_with_model();
    for (line, words) in [
        ("generate sample:bank.txt", &["built-in model text", "no causal language model"][..]),
        ("generate cat.jpg --model %vit", &["no causal language model"]),
        ("generate cat.jpg --model @m", &["cat.jpg", "picture"]),
        ("generate --text a --model @m --temperature -1", &["--temperature -1"]),
        ("generate --text a --model @m --out @a.png", &["a.png", ".txt"]),
        ("generate --text a --model @m --out @nowhere/a.txt", &["a.txt", "folder"]),
        ("explain --text a --model @m --seed 3", &["--generate N"]),
        ("explain --text a --generate 3", &["no causal language model"]),
    ] {
        desk.run(line).refused(words);
    }
    desk.run("generate --text a --model @m --tokens 0").misused();
    desk.run("generate --model @m").misused();
    assert_eq!(desk.names("."), ["m"]);
}
