//! A causal language model that is made on the spot: GPT-2 with two blocks, numbers that mean nothing, and a real tokenizer.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

/// Tokens that it reads at most.
pub const MAX_TOKENS: usize = 40;
const VOCAB: usize = 400;
const WIDTH: usize = 16;

/// Numbers between -size and size that look random.
fn tensor(shape: &[usize], size: f32, seed: &mut u64) -> Tensor {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*seed >> 40) as f32 / (1 << 23) as f32 - 1.0) * size
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Writes the checkpoint into a folder; `end` becomes `eos_token_id` of config.json.
pub fn write(folder: &Path, end: &Value) {
    fs::create_dir_all(folder).unwrap();
    let config = json!({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": WIDTH, "n_head": 2, "n_layer": 2,
        "n_positions": MAX_TOKENS, "vocab_size": VOCAB, "eos_token_id": end,
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers/bytelevel_bpe/tokenizer.json");
    fs::copy(tokenizer, folder.join("tokenizer.json")).unwrap();
    let (mut weights, mut seed) = (HashMap::new(), 7);
    let mut put = |name: String, shape: &[usize], size: f32| {
        weights.insert(name, tensor(shape, size, &mut seed));
    };
    put("wte.weight".into(), &[VOCAB, WIDTH], 1.0);
    put("wpe.weight".into(), &[MAX_TOKENS, WIDTH], 3.0);
    for layer in 0..2 {
        let maps = [
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 64),
            ("mlp.c_proj", 64, WIDTH),
        ];
        for (name, from, to) in maps {
            put(format!("h.{layer}.{name}.weight"), &[from, to], 0.6);
            put(format!("h.{layer}.{name}.bias"), &[to], 0.3);
        }
        for name in ["ln_1", "ln_2"] {
            put(format!("h.{layer}.{name}.weight"), &[WIDTH], 1.0);
            put(format!("h.{layer}.{name}.bias"), &[WIDTH], 0.3);
        }
    }
    put("ln_f.weight".into(), &[WIDTH], 2.0);
    put("ln_f.bias".into(), &[WIDTH], 0.3);
    candle_core::safetensors::save(&weights, folder.join("model.safetensors")).unwrap();
}
