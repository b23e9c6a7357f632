//! A ViT checkpoint with random weights, in the Hugging Face layout.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

pub fn write_random_vit(folder: &Path, width: usize, heads: usize) {
    std::fs::create_dir_all(folder).expect("a folder");
    let config = format!(
        r#"{{"model_type": "vit", "hidden_size": {width}, "num_attention_heads": {heads}, "intermediate_size": {}, "num_hidden_layers": 12}}"#,
        4 * width
    );
    std::fs::write(folder.join("config.json"), config).expect("config.json");
    let mut weights = HashMap::new();
    let mut put = |name: &str, shape: &[usize], spread: f32| {
        weights.insert(name.to_owned(), Tensor::randn(0.0_f32, spread, shape, &Device::Cpu).expect("random weights"));
    };
    put("embeddings.cls_token", &[1, 1, width], 0.02);
    put("embeddings.position_embeddings", &[1, 197, width], 0.02);
    put("embeddings.patch_embeddings.projection.weight", &[width, 3, 16, 16], 0.04);
    put("embeddings.patch_embeddings.projection.bias", &[width], 0.02);
    put("layernorm.weight", &[width], 1.0);
    put("layernorm.bias", &[width], 0.02);
    for i in 0..12 {
        let mut linear = |name: &str, rows: usize, cols: usize| {
            put(&format!("encoder.layer.{i}.{name}.weight"), &[rows, cols], 1.0 / (cols as f32).sqrt());
            put(&format!("encoder.layer.{i}.{name}.bias"), &[rows], 0.02);
        };
        for name in
            ["attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense"]
        {
            linear(name, width, width);
        }
        linear("intermediate.dense", 4 * width, width);
        linear("output.dense", width, 4 * width);
        for name in ["layernorm_before", "layernorm_after"] {
            put(&format!("encoder.layer.{i}.{name}.weight"), &[width], 1.0);
            put(&format!("encoder.layer.{i}.{name}.bias"), &[width], 0.02);
        }
    }
    candle_core::safetensors::save(&weights, folder.join("model.safetensors")).expect("model.safetensors");
}
