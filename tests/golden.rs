//! The transformer and its backward against what PyTorch computes on tiny checkpoints of every family.

mod common;

use std::path::Path;

use candle_core::{Device, Tensor};
use common::{Given, assert_close, assert_rows_close, expectations, floats, model_folders, positions};
use tokenscope::domain::request::{Facet, Head, Params, Rows, Scalar};
use tokenscope::method::{Control, Target, by_id};
use tokenscope::model::head::Logits;
use tokenscope::model::{Model, Trace};

fn check_folder(folder: &Path) {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let expected = expectations(folder);
    assert!(!expected.is_empty(), "{name} has no expected.safetensors");
    for want in expected {
        let given = Given::expected(&want);
        let model = Model::load_tower(folder, given.tower(), &Device::Cpu).unwrap();
        let trace = given.trace(&model);
        let name = format!("{name} at {}", given.shape());
        for (layer, got) in trace.residual.iter().enumerate() {
            let want = floats(&want["residual"].get(layer).unwrap());
            assert_close(&format!("{name}, residual of layer {layer}"), &floats(got), &want, 1e-4);
        }
        for (i, block) in trace.blocks.iter().enumerate() {
            let want = floats(&want["attention"].get(i).unwrap());
            assert_close(
                &format!("{name}, attention of layer {}", i + 1),
                &floats(block.attention.as_ref().unwrap()),
                &want,
                1e-4,
            );
        }
        if let Some(output) = want.get("output") {
            assert_close(&format!("{name}, output"), &floats(&trace.output), &floats(output), 1e-4);
        }
        if let Some(logits) = want.get("logits") {
            let all: Vec<usize> = (0..trace.num_tokens()).collect();
            let got = match &trace.logits {
                Some(logits) => logits.clone(),
                None => Logits { values: model.token_logits(&trace, &all).unwrap(), shape: logits.dims().to_vec() },
            };
            assert_eq!(got.shape, logits.dims(), "{name}, logits");
            assert_close(&format!("{name}, logits"), &got.values, &floats(logits), 1e-4);
        }
        check_ultra(&name, &model, &trace, &want);
    }
}

fn check_ultra(name: &str, model: &Model, trace: &Trace, want: &std::collections::HashMap<String, Tensor>) {
    let targets = positions(&want["targets"]);
    for layer in [1, 2, trace.num_layers()] {
        for (scalar, key) in [(Scalar::Sum, format!("ultra_{layer}")), (Scalar::Norm, format!("ultra_norm_{layer}"))] {
            let params = Params { scalar, rows: Rows::All, ..Params::default() };
            let target = Target { layer, positions: &targets, params: &params, phrase: None };
            let got = by_id("ultra").unwrap().explain(model, trace, &target, &Control::default()).unwrap();
            assert_rows_close(&format!("{name}, {key}"), &got, &floats(&want[&key]), &targets, 1e-3);
        }
    }
}

#[test]
fn every_family_agrees_with_pytorch() {
    for folder in model_folders() {
        check_folder(&folder);
    }
}

/// The larger fixtures that lie beside a developer's checkout, where they do, with either spelling of their config.json.
#[test]
fn larger_fixtures_agree_with_pytorch() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    if !shared.is_dir() {
        eprintln!("skipped: {} is absent", shared.display());
        return;
    }
    let folders = std::fs::read_dir(shared).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for folder in folders.filter(|folder| folder.join("model.safetensors").is_file()) {
        check_folder(&folder);
        count += 1;
        if folder.join("old_config.json").is_file() {
            let old = tempfile::tempdir().unwrap();
            for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                std::fs::copy(&entry, old.path().join(entry.file_name().unwrap())).unwrap();
            }
            std::fs::rename(old.path().join("old_config.json"), old.path().join("config.json")).unwrap();
            check_folder(old.path());
        }
    }
    assert!(count >= 24, "{count} fixtures");
}

/// What a method answers for every token, on the fixture that has the most prefix tokens.
fn answers(method: &str, layer: usize, params: &Params) -> (Vec<f32>, std::collections::HashMap<String, Tensor>) {
    let folder = common::own_models().join("dinov2_with_registers");
    let model = Model::load(&folder, &Device::Cpu).unwrap();
    let want = expectations(&folder).remove(0);
    let trace = Given::expected(&want).trace(&model);
    let all: Vec<usize> = (0..trace.num_tokens()).collect();
    let target = Target { layer, positions: &all, params, phrase: None };
    (by_id(method).unwrap().explain(&model, &trace, &target, &Control::default()).unwrap(), want)
}

#[test]
fn attention_is_the_row_of_the_block_below() {
    let head = |head| answers("attention", 2, &Params { head, ..Params::default() });
    let (got, want) = head(Head::One(1));
    assert_close("head 1", &got, &floats(&want["attention"].get(1).unwrap().get(1).unwrap()), 1e-4);
    let (got, want) = head(Head::Mean);
    assert_close("mean", &got, &floats(&want["attention"].get(1).unwrap().mean(0).unwrap()), 1e-4);
    let (got, want) = head(Head::Max);
    assert_close("max", &got, &floats(&want["attention"].get(1).unwrap().max(0).unwrap()), 1e-4);
}

/// R = (A_3 + I)/2 (A_2 + I)/2 (A_1 + I)/2 by plain matrix products of PyTorch's attention.
#[test]
fn rollout_is_the_product_of_pytorch_s_attention() {
    let (got, want) = answers("rollout", 3, &Params::default());
    let attention = want["attention"].mean(1).unwrap();
    let tokens = attention.dim(1).unwrap();
    let eye = Tensor::eye(tokens, candle_core::DType::F32, &Device::Cpu).unwrap();
    let mut product = eye.clone();
    for block in 0..3 {
        let step = ((attention.get(block).unwrap() + &eye).unwrap() * 0.5).unwrap();
        product = step.matmul(&product).unwrap();
    }
    assert_close("rollout", &got, &floats(&product), 1e-4);
    assert!(got.chunks(tokens).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-4));
}

#[test]
fn similarity_is_the_cosine_of_pytorch_s_streams() {
    let (got, want) = answers("similarity", 2, &Params::default());
    let stream = want["residual"].get(2).unwrap();
    let norms = stream.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
    let unit = stream.broadcast_div(&norms).unwrap();
    assert_close("residual", &got, &floats(&unit.matmul(&unit.t().unwrap()).unwrap()), 1e-4);
    for facet in [Facet::Query, Facet::Key, Facet::Value] {
        let (got, _) = answers("similarity", 2, &Params { facet, ..Params::default() });
        let tokens = stream.dim(0).unwrap();
        assert!((0..tokens).all(|i| (got[i * tokens + i] - 1.0).abs() < 1e-5), "{facet}");
        assert!((0..tokens).all(|i| (got[i] - got[i * tokens]).abs() < 1e-6), "{facet} is not symmetric");
    }
}
