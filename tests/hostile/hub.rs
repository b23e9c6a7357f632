//! What the hub answers when it is asked for the files of a model.

use std::path::Path;

use serde_json::{Value, json};
use tokenscope::domain::Result;
use tokenscope::hub::Plan;

use crate::harness::{Kind, Reader, Seed};

pub struct Answers;

/// A large file, which the hub names by its SHA-256.
fn large(name: &str, size: u64) -> Value {
    json!({"rfilename": name, "size": size, "blobId": "c1".repeat(20), "lfs": {"sha256": "5e".repeat(32), "size": size}})
}

fn small(name: &str, size: u64) -> Value {
    json!({"rfilename": name, "size": size, "blobId": "0f".repeat(20)})
}

impl Reader for Answers {
    fn name(&self) -> &'static str {
        "hub"
    }

    fn seeds(&self) -> Vec<Seed> {
        let whole = [small("config.json", 640), small("README.md", 9_000), large("model.safetensors", 346_000_000)];
        let index = "model.safetensors.index.json";
        let shards = (1..=3).map(|k| large(&format!("model-{k:05}-of-00003.safetensors"), 4_900_000_000));
        let words = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", index];
        let parts: Vec<Value> = words.iter().map(|name| small(name, 2_000)).chain(shards).collect();
        let pickle = [small("config.json", 640), small("preprocessor_config.json", 300), large("pytorch_model.bin", 88_000_000)];
        let answer = |siblings: &[Value], gated: Value| {
            let answer =
                json!({"sha": "ab".repeat(20), "gated": gated, "private": false, "siblings": siblings, "tags": ["vision"]});
            Seed::new("answer.json", answer.to_string(), Kind::Json)
        };
        vec![answer(&whole, json!(false)), answer(&parts, json!("manual")), answer(&pickle, Value::Null)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        Plan::parse("org/name", &std::fs::read(file).unwrap()).map(|plan| assert!(plan.bytes() < u64::MAX))
    }
}
