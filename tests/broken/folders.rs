//! Folders in which files are missing, of the wrong kind, or name one another wrongly.

use std::fs;

use serde_json::{Value, json};

use crate::checkpoint::{Checkpoint, FIRST, refuse_model};
use crate::program::Desk;

/// The whole checkpoint as one part, `part.safetensors`, and an index of it.
fn indexed(desk: &Desk, index: &str) {
    let whole = Checkpoint::new();
    desk.write("m/config.json", whole.config.to_string());
    desk.write("m/part.safetensors", whole.weights());
    desk.write("m/model.safetensors.index.json", index);
}

/// An index that puts every weight into `part`.
fn all_in(part: &str) -> String {
    let whole = Checkpoint::new();
    let map: serde_json::Map<String, Value> = whole.header.keys().map(|name| (name.clone(), json!(part))).collect();
    json!({ "weight_map": map }).to_string()
}

#[test]
fn indices_that_lead_astray_are_refused() {
    let desk = Desk::new();
    let deep = "[".repeat(10_000);
    desk.write("secret.safetensors", Checkpoint::new().weights());
    let elsewhere = desk.path("secret.safetensors").to_string_lossy().into_owned();
    let own = "model.safetensors.index.json";
    for (index, words) in [
        (all_in("../../etc/passwd"), &["../../etc/passwd", "not in its folder"][..]),
        (all_in("../secret.safetensors"), &["../secret.safetensors", "not in its folder"]),
        (all_in(&elsewhere), &["secret.safetensors", "not in its folder"]),
        (all_in("..\\secret.safetensors"), &["not in its folder"]),
        (all_in("a/part.safetensors"), &["a/part.safetensors", "not in its folder"]),
        (all_in(""), &["not in its folder"]),
        (all_in(".."), &["not in its folder"]),
        (all_in("\u{0}.safetensors"), &["not in its folder"]),
        // Of itself, and of another index.
        (all_in(own), &[own, "holds no tensors"]),
        (all_in("other.safetensors.index.json"), &["other.safetensors.index.json", "holds no tensors"]),
        (all_in("part.bin"), &["part.bin", "holds no tensors"]),
        (all_in("model-00002-of-00002.safetensors"), &["m/model-00002-of-00002.safetensors", "no such file"]),
        ("{}".to_owned(), &["is no index", "weight_map"]),
        (String::new(), &["is no index"]),
        ("null".to_owned(), &["is no index"]),
        (deep, &["is no index"]),
        ("{\"weight_map\": {}}".to_owned(), &["names no file"]),
        ("{\"weight_map\": 7}".to_owned(), &["is no index"]),
        ("{\"weight_map\": {\"a\": 7}}".to_owned(), &["is no index"]),
        ("{\"weight_map\": [\"part.safetensors\"]}".to_owned(), &["is no index"]),
        (" ".repeat(13 << 20), &["is too large for an index"]),
    ] {
        indexed(&desk, &index);
        refuse_model(&desk, &[&["m/"], words].concat());
    }
    indexed(&desk, &all_in("part.safetensors"));
    let line = "explain cat.jpg --model @m --token cls --out @a.png";
    desk.run(line).done();
    desk.write("m/part.safetensors", b"no");
    refuse_model(&desk, &["m/part.safetensors", "only 2 bytes long"]);
    fs::remove_file(desk.path("m/part.safetensors")).unwrap();
    fs::create_dir(desk.path("m/part.safetensors")).unwrap();
    refuse_model(&desk, &["m/part.safetensors", "not a regular file"]);
}

#[test]
fn weights_that_are_no_file_are_refused() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    fs::remove_file(desk.path("m/model.safetensors")).unwrap();
    refuse_model(&desk, &["holds no model.safetensors", "pytorch_model.bin"]);
    fs::create_dir(desk.path("m/model.safetensors")).unwrap();
    refuse_model(&desk, &["model.safetensors", "not a regular file"]);
    fs::remove_dir(desk.path("m/model.safetensors")).unwrap();
    if cfg!(unix) {
        let made = std::process::Command::new("mkfifo").arg(desk.path("m/model.safetensors")).status();
        if made.is_ok_and(|status| status.success()) {
            refuse_model(&desk, &["model.safetensors", "not a regular file"]);
        }
    }
}

/// What a header may hold besides tensors, and names that are long or meant for a terminal, cost neither memory nor a screen.
#[test]
fn large_headers_cost_little() {
    let desk = Desk::new();
    let whole = Checkpoint::new();
    whole.save(&desk);
    let weights = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &whole.data].concat();
    let long = format!("\u{1b}[2J{}", "n".repeat(1 << 20));
    let numbers = "1,".repeat(7 << 20);
    let shaped = || format!("{{\"{FIRST}\": {{\"dtype\": \"F32\", \"shape\": [{numbers}1], \"data_offsets\": [0, 4]}}}}");
    // One at a time: what this process holds counts for those that it starts.
    let cases: [(&dyn Fn() -> String, &str); 7] = [
        (&|| json!({ &long: 1 }).to_string(), "is wrong"),
        (&|| json!({ &long: {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]} }).to_string(), "has 4 bytes"),
        (&|| json!({ &long: {"dtype": long, "shape": [1], "data_offsets": [0, 4]} }).to_string(), "no weight"),
        (&|| format!("{{\"a\": [{numbers}1]}}"), "the entry a is wrong"),
        (&|| format!("{{\"__metadata__\": [{numbers}1]}}"), "no weight"),
        (&shaped, "at most 16 axes"),
        (&|| " ".repeat(17 << 20), "the header claims"),
    ];
    for (header, word) in cases {
        desk.write("m/model.safetensors", weights(&header()));
        refuse_model(&desk, &["model.safetensors", word]);
    }
    whole.save(&desk);
    let config = format!("{{\"model_type\": [{}1]}}", &numbers[..3 << 20]);
    desk.write("m/config.json", config);
    refuse_model(&desk, &["config.json", "model_type is [1,1"]);
    desk.write("m/config.json", " ".repeat(5 << 20));
    refuse_model(&desk, &["config.json", "at most 4 MiB"]);
}

/// Names of classes are no reason to refuse a model, and a mark that some editors write none to refuse its configuration.
#[test]
fn what_does_no_harm_is_taken() {
    let desk = Desk::new();
    for labels in [json!(7), json!([]), json!({"x": 1, "-1": [], "0": {}}), json!("LABEL_0")] {
        Checkpoint::with("id2label", labels).save(&desk);
        desk.run("explain cat.jpg --model @m --token cls --out @a.png").done();
    }
    desk.write("m/config.json", format!("\u{feff}{}", Checkpoint::new().config));
    desk.run("explain cat.jpg --model @m --token cls --out @a.png").done();
}

#[test]
fn a_broken_tokenizer_is_refused() {
    let desk = Desk::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    for name in ["config.json", "model.safetensors"] {
        desk.write(&format!("m/{name}"), fs::read(format!("{fixtures}/models/bert/{name}")).unwrap());
    }
    desk.write("in.txt", "some words");
    let whole = fs::read_to_string(format!("{fixtures}/tokenizers/wordpiece/tokenizer.json")).unwrap();
    let deep = "[".repeat(10_000);
    for text in ["", "{", "null", "[1]", "{}", &deep, &whole[..whole.len() / 2], &whole[..whole.len() - 2]] {
        desk.write("m/tokenizer.json", text);
        desk.watch("explain @in.txt --model @m --token 0 --out @a.png", 200).refused(&["m/tokenizer.json"]);
    }
    assert_eq!(desk.names("."), ["in.txt", "m"]);
}
