//! Checkpoints: config.json, weights in both formats, and indices of several files.

use std::path::Path;

use candle_core::Device;
use serde_json::{Map, json};
use tokenscope::domain::{Cancel, Progress, Result};
use tokenscope::model::{Model, ModelInput};

use crate::harness::{Kind, Reader, Seed};

/// Loads the checkpoint that a file belongs to, and lets it look at a small input.
fn look(file: &Path) -> Result<()> {
    let model = Model::load(file.parent().unwrap(), &Device::Cpu)?;
    let (cancel, progress) = (Cancel::default(), Progress::default());
    if let Some(vocabulary) = model.vocab_size() {
        let ids: Vec<u32> = (0..5).map(|i| (i * 7919 % vocabulary.max(1)) as u32).collect();
        let text = tokenscope::domain::text::Text::of_ids(&ids);
        return model.trace(&ModelInput::Words { ids: &ids, text: text.into() }, &cancel, &progress).map(drop);
    }
    let side = model.patches()?.patch_size * 2;
    if side > 256 {
        return Ok(());
    }
    let values = vec![0.5; 3 * side * side];
    model.trace(&ModelInput::Pixels { values: &values, height: side, width: side }, &cancel, &progress).map(drop)
}

pub struct Config;

impl Reader for Config {
    fn name(&self) -> &'static str {
        "config"
    }

    fn seeds(&self) -> Vec<Seed> {
        let families =
            ["beit", "bert", "clip", "deit", "dinov2_swiglu", "dinov3_vit", "distilbert", "gemma3_text", "gpt2", "llama"];
        let more = ["qwen3", "roberta", "siglip", "vit"];
        let seed = |family: &str| {
            let seed = Seed::fixture(&format!("models/{family}/config.json"), Kind::Json);
            seed.beside_fixture(&format!("models/{family}/model.safetensors"))
        };
        families.into_iter().chain(more).map(seed).collect()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        look(file)
    }
}

pub struct Safetensors;

impl Reader for Safetensors {
    fn name(&self) -> &'static str {
        "safetensors"
    }

    fn seeds(&self) -> Vec<Seed> {
        let seed = |family: &str| {
            let seed = Seed::fixture(&format!("models/{family}/model.safetensors"), Kind::Tensors);
            seed.beside_fixture(&format!("models/{family}/config.json"))
        };
        ["vit", "bert", "gpt2", "llama"].map(seed).into()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        look(file)
    }
}

pub struct Pickle;

impl Reader for Pickle {
    fn name(&self) -> &'static str {
        "pickle"
    }

    fn seeds(&self) -> Vec<Seed> {
        let seed = |folder: &str| {
            let seed = Seed::fixture(&format!("variants/{folder}/pytorch_model.bin"), Kind::Archive);
            seed.beside_fixture(&format!("variants/{folder}/config.json"))
        };
        ["strided/bert", "plain/vit", "half/dino"].map(seed).into()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        look(file)
    }
}

pub struct Index;

impl Reader for Index {
    fn name(&self) -> &'static str {
        "index"
    }

    fn seeds(&self) -> Vec<Seed> {
        let torch = "variants/sharded/dinov2";
        let parts = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "config.json"];
        let of_torch = Seed::fixture(&format!("{torch}/pytorch_model.bin.index.json"), Kind::Json);
        let of_torch = parts.iter().fold(of_torch, |seed, part| seed.beside_fixture(&format!("{torch}/{part}")));
        let weights = std::fs::read(crate::harness::fixtures().join("models/vit/model.safetensors")).unwrap();
        let header: Map<String, serde_json::Value> = {
            let length = u64::from_le_bytes(*weights.first_chunk().unwrap()) as usize;
            serde_json::from_slice(&weights[8..8 + length]).unwrap()
        };
        let map: Map<_, _> =
            header.keys().filter(|name| *name != "__metadata__").map(|name| (name.clone(), json!("part.safetensors"))).collect();
        let index = json!({"metadata": {"total_size": weights.len()}, "weight_map": map}).to_string();
        let of_ours = Seed::new("model.safetensors.index.json", index, Kind::Json).beside("part.safetensors", weights);
        vec![of_torch, of_ours.beside_fixture("models/vit/config.json")]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        look(file)
    }
}
