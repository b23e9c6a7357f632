//! Files and configurations of finite numbers from which no finite map follows: refused, naming the file.

use std::fs;

use serde_json::{Value, json};

use crate::checkpoint::{Checkpoint, refuse_model};
use crate::program::Desk;

const VIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/vit");
/// D of the tiny models.
const WIDTH: usize = 24;

/// A .safetensors file of tensors that hold one number each, everywhere.
fn tensors(entries: &[(&str, &[usize], f32)]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, value) in entries {
        let start = data.len();
        data.extend(value.to_le_bytes().repeat(shape.iter().product()));
        header.insert((*name).to_owned(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::from(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

#[test]
fn heads_bases_and_lenses_that_overflow_are_refused_by_their_files() {
    let desk = Desk::new();
    let huge = 3e38;
    desk.write("head.safetensors", tensors(&[("cluster1.0.weight", &[4, WIDTH], 1.0), ("cluster1.0.bias", &[4], huge)]));
    desk.write("basis.safetensors", tensors(&[("mean", &[WIDTH], huge), ("components", &[3, WIDTH], huge)]));
    desk.write("lens.safetensors", tensors(&[("0.weight", &[WIDTH, WIDTH], 1.0), ("0.bias", &[WIDTH], huge)]));
    for (line, words) in [
        ("explain cat.jpg --model %vit --token cls --method similarity --project stego:@head.safetensors", "head.safetensors"),
        ("segment cat.jpg --model %vit --method kmeans --clusters 2 --project stego:@head.safetensors", "head.safetensors"),
        ("explain cat.jpg --model %vit --token cls --method feature-pca --basis @basis.safetensors", "basis.safetensors"),
    ] {
        let line = line.replace("stego:@head", &format!("stego:{}", desk.path("head").display()));
        desk.run(&format!("{line} --out @a.png")).refused(&[words, "overflow"]);
    }
    let ids = "%gpt2/expected.safetensors";
    desk.run(&format!(
        "explain {ids} --model %gpt2 --layer 0 --token 1 --method tuned-lens --lens @lens.safetensors --out @a.png"
    ))
    .refused(&["lens.safetensors", "overflow at layer 0"]);
    assert!(!desk.path("a.png").exists());
}

/// Only the direction of a direction counts: its length neither overflows nor vanishes.
#[test]
fn directions_of_any_length_give_one_map() {
    let desk = Desk::new();
    let mut maps = Vec::new();
    for value in [1.0, 1e30, 1e-30] {
        desk.write("w.safetensors", tensors(&[("W", &[WIDTH], value)]));
        let line = format!("explain cat.jpg --model %vit --token cls --scalar file:{}", desk.path("w.safetensors").display());
        maps.push(desk.run(&line).done().stdout);
    }
    assert!(maps[0] == maps[1] && maps[0] == maps[2] && !maps[0].contains("NaN"));
}

#[test]
fn numbers_that_make_no_model_are_refused_by_their_fields() {
    let desk = Desk::new();
    for value in [json!(0), json!(-1e-6), json!(1e30), json!(0.5)] {
        Checkpoint::with("layer_norm_eps", value).save(&desk);
        refuse_model(&desk, &["config.json", "layer_norm_eps is"]);
    }
    for (name, field, values) in [
        ("llama", "rms_norm_eps", &[json!(0), json!(1e30)][..]),
        ("llama", "rope_parameters", &[json!({"rope_theta": 0}), json!({"rope_theta": 1e-30}), json!({"rope_theta": 1e300})]),
        ("dinov3_vit", "rope_theta", &[json!(0), json!(1e-9)]),
        ("gemma2", "query_pre_attn_scalar", &[json!(0), json!(1e-300)]),
        ("gemma2", "final_logit_softcapping", &[json!(0), json!(1e-300)]),
    ] {
        let source = format!("{VIT}/../{name}");
        let config: Value = serde_json::from_slice(&fs::read(format!("{source}/config.json")).unwrap()).unwrap();
        desk.write("m/model.safetensors", fs::read(format!("{source}/model.safetensors")).unwrap());
        for value in values {
            let mut config = config.clone();
            config[field] = value.clone();
            // The older spelling beside the newer one is refused for its own sake.
            config.as_object_mut().unwrap().remove("rope_scaling");
            desk.write("m/config.json", config.to_string());
            let named = if field == "rope_parameters" { "rope_theta" } else { field };
            desk.run("trace %gpt2/expected.safetensors --model @m --out @t.safetensors").refused(&["config.json", named]);
        }
    }
}

/// Finite weights of the head whose scores are not.
#[test]
fn scores_that_overflow_are_refused() {
    let desk = Desk::new();
    let source = format!("{VIT}/../dinov2_classifier");
    desk.write("m/config.json", fs::read(format!("{source}/config.json")).unwrap());
    let bytes = fs::read(format!("{source}/model.safetensors")).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let (header, mut data): (Value, Vec<u8>) = (serde_json::from_slice(header).unwrap(), data.to_vec());
    let [from, to] = [0, 1].map(|i| header["classifier.weight"]["data_offsets"][i].as_u64().unwrap() as usize);
    data[from..to].as_chunks_mut::<4>().0.iter_mut().for_each(|number| *number = 3e38_f32.to_le_bytes());
    desk.write("m/model.safetensors", [&bytes[..bytes.len() - data.len()], &data].concat());
    let ran = desk.run("explain cat.jpg --model @m --token cls --out @a.png");
    // Sums of features times a huge number are infinite, or cancel to NaN.
    ran.refused(&["/m: what the head scores overflows", "damaged"]);
}
