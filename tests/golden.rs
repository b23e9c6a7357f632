//! The transformer and its backward against what PyTorch computes on tiny checkpoints of every family.

mod common;

use std::path::Path;

use candle_core::Device;
use common::{assert_close, assert_rows_close, expectations, floats, model_folders, positions};
use tokenscope::domain::request::{Params, Rows, Scalar};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::method::{Control, Target, by_id};
use tokenscope::model::{Model, Trace};

fn check_folder(folder: &Path) {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let model = Model::load(folder, &Device::Cpu).unwrap();
    let expected = expectations(folder);
    assert!(!expected.is_empty(), "{name} has no expected.safetensors");
    for want in expected {
        let (_, height, width) = want["pixel_values"].dims3().unwrap();
        let pixels = floats(&want["pixel_values"]);
        let trace = model.trace(&pixels, (height, width), &Cancel::default(), &Progress::default()).unwrap();
        let name = format!("{name} at {height}x{width}");
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
            assert_close(&format!("{name}, logits"), trace.logits.as_ref().unwrap(), &floats(logits), 1e-4);
        }
        check_ultra(&name, &model, &trace, &want);
    }
}

fn check_ultra(name: &str, model: &Model, trace: &Trace, want: &std::collections::HashMap<String, candle_core::Tensor>) {
    let targets = positions(&want["targets"]);
    for layer in [1, 2, trace.num_layers()] {
        for (scalar, key) in [(Scalar::Sum, format!("ultra_{layer}")), (Scalar::Norm, format!("ultra_norm_{layer}"))] {
            let params = Params { scalar, rows: Rows::All, ..Params::default() };
            let target = Target { layer, positions: &targets, params: &params };
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

/// The larger fixtures that lie beside a developer's checkout, where they do.
#[test]
fn larger_fixtures_agree_with_pytorch() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    if !shared.is_dir() {
        eprintln!("skipped: {} is absent", shared.display());
        return;
    }
    for name in ["vit", "dino", "deit", "deit_classifier", "dinov2", "dinov2_swiglu", "dinov2_with_registers"] {
        check_folder(&shared.join(name));
    }
}
