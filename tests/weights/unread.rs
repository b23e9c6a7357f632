//! Weights of a file that no part of the model reads.

use std::fs;

use candle_core::{DType, Device, Tensor};
use serde_json::json;
use tokenscope::domain::request::Tower;
use tokenscope::model::Model;

use crate::common::model_folders;
use crate::{Weights, changed, load, notices, numbers, own_models, refusal};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap()
}

fn with(extra: &[(&str, Tensor)]) -> impl Fn(&mut Weights) {
    let extra: Vec<(String, Tensor)> = extra.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
    move |weights| weights.extend(extra.iter().cloned())
}

#[test]
fn nothing_is_said_of_checkpoints_as_transformers_saves_them() {
    for folder in model_folders() {
        for tower in [Tower::Image, Tower::Text] {
            let model = Model::load_tower(&folder, tower, &Device::Cpu).unwrap();
            assert_eq!(notices(&model), "", "{}", folder.display());
        }
    }
}

/// Buffers, poolers and masked tokens of published checkpoints, and heads for other tasks.
#[test]
fn what_no_forward_pass_needs_is_passed_over() {
    let ids = Tensor::arange(0_i64, 12, &Device::Cpu).unwrap();
    for (name, extra) in [
        (
            "bert",
            &[
                ("bert.embeddings.position_ids", ids.clone()),
                ("cls.seq_relationship.weight", ones(&[2, 24])),
                ("qa_outputs.bias", ones(&[2])),
            ][..],
        ),
        ("gpt2", &[("transformer.h.0.attn.bias", ones(&[1, 1, 8, 8])), ("transformer.h.1.attn.masked_bias", ones(&[]))]),
        ("llama", &[("model.layers.0.self_attn.rotary_emb.inv_freq", ones(&[4]))]),
        ("vit", &[("vit.pooler.dense.weight", ones(&[24, 24])), ("vit.embeddings.mask_token", ones(&[1, 1, 24]))]),
        ("vit", &[("decoder.0.weight", ones(&[3, 3])), ("decoder.0.bias", ones(&[3]))]),
    ] {
        let desk = changed(name, |_| (), with(extra));
        let model = load(desk.path());
        assert_eq!(notices(&model), "", "{name}");
        assert!(numbers(&model) == numbers(&load(&own_models().join(name))), "{name}");
    }
}

#[test]
fn weights_without_a_reader_are_counted_and_named() {
    let extra: Vec<(String, Tensor)> = (0..6).map(|i| (format!("extra{i}.weight"), ones(&[2]))).collect();
    let said = notices(&load(changed("bert", |_| (), |weights| weights.extend(extra)).path()));
    let want = "holds 6 weights that the model does not use: extra0.weight, extra1.weight, extra2.weight, extra3.weight, ..";
    assert!(said.contains(want), "{said}");
    let said = notices(&load(changed("vit", |_| (), with(&[("lm_head.weight", ones(&[2, 24]))])).path()));
    assert!(said.contains("holds a weight that the model does not use: lm_head.weight"), "{said}");
}

#[test]
fn layers_above_those_of_the_configuration_are_said() {
    let model = load(changed("vit", |config| config["num_hidden_layers"] = json!(1), |_| ()).path());
    let said = notices(&model);
    assert!(said.contains("holds 2 layers (vit.encoder.layer.1 to 2) above the 1 of config.json"), "{said}");
    assert_eq!(model.num_layers(), 1);
    let said = notices(&load(changed("gpt2", |config| config["n_layer"] = json!(2), |_| ()).path()));
    assert!(said.contains("holds a layer (transformer.h.2) above the 2 of config.json"), "{said}");
}

/// A bias that config.json does not declare changes every number; zeros change none.
#[test]
fn biases_that_are_not_declared_are_refused() {
    for (name, bias) in [
        ("llama", "model.layers.0.self_attn.q_proj.bias"),
        ("llama", "model.layers.1.mlp.up_proj.bias"),
        ("llama", "lm_head.bias"),
        ("llama", "model.norm.bias"),
        ("dinov3_vit", "layer.0.attention.k_proj.bias"),
    ] {
        let model = own_models().join(name);
        let weight = bias.replace("bias", "weight");
        let rows = crate::weights(&model).get(&weight).unwrap_or_else(|| panic!("{name} lacks {weight}")).dims()[0];
        let line = refusal(changed(name, |_| (), with(&[(bias, ones(&[rows]))])).path());
        assert!(line.contains(&format!("holds {bias}, a bias that config.json does not declare")), "{line}");
        let zeros = ones(&[rows]).zeros_like().unwrap();
        let harmless = load(changed(name, |_| (), with(&[(bias, zeros)])).path());
        assert_eq!(notices(&harmless), "");
        assert!(numbers(&harmless) == numbers(&load(&model)), "{name}");
    }
}

#[test]
fn weights_inside_the_blocks_that_the_model_lacks_are_refused() {
    for (name, extra) in [
        ("bert", "encoder.layer.0.output.adapters.task.adapter_down.0.weight"),
        ("llama", "model.layers.0.self_attn.q_norm.weight"),
        ("gpt2", "transformer.h.1.crossattention.c_attn.weight"),
    ] {
        let line = refusal(changed(name, |_| (), with(&[(extra, ones(&[4]))])).path());
        assert!(line.contains(&format!("holds {extra}, which the blocks of this model_type do not have")), "{line}");
    }
    for extra in ["model.layers.0.self_attn.q_proj.lora_A.default.weight", "model.layers.0.self_attn.q_proj.base_layer.weight"] {
        let line = refusal(changed("llama", |_| (), with(&[(extra, ones(&[4, 4]))])).path());
        assert!(line.contains("holds a LoRA adapter that was not merged") && line.contains(extra), "{line}");
    }
}

#[test]
fn an_adapter_beside_a_model_is_said() {
    let desk = changed("bert", |_| (), |_| ());
    fs::write(desk.path().join("adapter_config.json"), "{}").unwrap();
    let said = notices(&load(desk.path()));
    assert!(said.contains("adapter_config.json") && said.contains("is not applied"), "{said}");
}
