//! A whole checkpoint that is taken apart to be broken: the tiny `vit`.

use std::fs;

use serde_json::{Map, Value};

use crate::program::Desk;

/// Its configuration, and its weights in parts.
#[derive(Clone)]
pub struct Checkpoint {
    pub config: Value,
    pub header: Map<String, Value>,
    pub data: Vec<u8>,
}

/// Names of two of its weights.
pub const FIRST: &str = "vit.embeddings.cls_token";
pub const QUERY: &str = "vit.encoder.layer.1.attention.attention.query.weight";

impl Checkpoint {
    pub fn new() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/vit/");
        let bytes = fs::read(format!("{folder}model.safetensors")).unwrap();
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let config = serde_json::from_slice(&fs::read(format!("{folder}config.json")).unwrap()).unwrap();
        Self { config, header: serde_json::from_slice(header).unwrap(), data: data.to_vec() }
    }

    pub fn with(field: &str, value: Value) -> Self {
        let mut broken = Self::new();
        broken.config[field] = value;
        broken
    }

    pub fn without(field: &str) -> Self {
        let mut broken = Self::new();
        broken.config.as_object_mut().unwrap().remove(field).unwrap();
        broken
    }

    pub fn header(change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut broken = Self::new();
        change(&mut broken.header);
        broken
    }

    pub fn weights(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).unwrap();
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }

    pub fn save(&self, desk: &Desk) {
        desk.write("m/config.json", self.config.to_string());
        desk.write("m/model.safetensors", self.weights());
    }

    /// Writes one number into the middle of a weight.
    pub fn set(&mut self, name: &str, value: f32) {
        let offset = |i: usize| self.header[name]["data_offsets"][i].as_u64().unwrap() as usize;
        let middle = (offset(0) + offset(1)) / 8 * 4;
        self.data[middle..middle + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// Megabytes that a refused run may have used at its height.
const MAX_PEAK_MB: u64 = 200;
/// Characters of a refusal.
const MAX_LINE: usize = 2000;

/// Explains a sample with the checkpoint in the desk's folder `m`: a refusal that names `words`, and what stood there stays.
pub fn refuse_model(desk: &Desk, words: &[&str]) {
    desk.write("out/old.png", "old");
    let line = "explain cat.jpg --model @m --token cls --out @out/a.png --out @out/old.png";
    let ran = desk.watch(line, MAX_PEAK_MB).refused(words);
    assert!(ran.stderr.len() < MAX_LINE && !ran.stderr.trim_end().contains(char::is_control), "{ran:?}");
    assert_eq!((desk.names("out"), desk.read("out/old.png")), (vec!["old.png".to_owned()], b"old".to_vec()));
}
