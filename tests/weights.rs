//! Weights of every kind of file: the same checkpoint whole, in parts, as PyTorch pickles it, in half precision, with and without
//! the prefix of its class gives the same trace.

#[path = "common/mod.rs"]
mod common;
#[path = "weights/heads.rs"]
mod heads;
#[path = "weights/scoring.rs"]
mod scoring;
#[path = "weights/unread.rs"]
mod unread;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use common::{Given, assert_close, floats, model_folders, own_models};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenscope::model::{Model, Trace};
use tokenscope::store::{Bytes, Digest, Format, Location, TensorFiles};

fn load(path: &Path) -> Model {
    Model::load(path, &Device::Cpu).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn refusal(path: &Path) -> String {
    Model::load(path, &Device::Cpu).unwrap_err().to_string()
}

/// Everything that a trace holds of each layer, and what comes out.
fn numbers(model: &Model) -> Vec<Vec<f32>> {
    let Trace { residual, output, logits, .. } = Given::any(model).trace(model);
    residual.iter().chain([&output]).map(floats).chain(logits.map(|logits| logits.values.to_vec())).collect()
}

fn assert_same(path: &Path, want: &Model) {
    let got = load(path);
    assert_eq!(got.num_parameters, want.num_parameters, "{}", path.display());
    assert!(numbers(&got) == numbers(want), "{}: other numbers", path.display());
}

type Weights = HashMap<String, Tensor>;

fn weights(folder: &Path) -> Weights {
    candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap()
}

/// The model that single precision makes of weights that were rounded to `dtype`.
fn rounded(model: &Path, dtype: DType) -> Model {
    let round = |w: &Tensor| w.to_dtype(dtype).unwrap().to_dtype(DType::F32).unwrap();
    load(saved(model, round).path())
}

/// A checkpoint whose weights are changed.
fn saved(model: &Path, change: impl Fn(&Tensor) -> Tensor) -> TempDir {
    let desk = configured(model);
    let weights: Weights = weights(model).iter().map(|(name, w)| (name.clone(), change(w))).collect();
    candle_core::safetensors::save(&weights, desk.path().join("model.safetensors")).unwrap();
    desk
}

/// One of the project's checkpoints with another configuration and other weights.
fn changed(name: &str, config: impl FnOnce(&mut Value), change: impl FnOnce(&mut Weights)) -> TempDir {
    let model = own_models().join(name);
    let desk = TempDir::new().unwrap();
    let mut fields: Value = serde_json::from_slice(&fs::read(model.join("config.json")).unwrap()).unwrap();
    config(&mut fields);
    fs::write(desk.path().join("config.json"), fields.to_string()).unwrap();
    let mut tensors = weights(&model);
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, desk.path().join("model.safetensors")).unwrap();
    desk
}

/// What is said of how a checkpoint was read.
fn notices(model: &Model) -> String {
    model.notices.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A folder with the configuration of `model`.
fn configured(model: &Path) -> TempDir {
    let desk = TempDir::new().unwrap();
    fs::copy(model.join("config.json"), desk.path().join("config.json")).unwrap();
    desk
}

/// A checkpoint in `count` parts, without an index.
fn in_parts(model: &Path, count: usize) -> (TempDir, BTreeMap<String, String>) {
    let (desk, weights) = (configured(model), weights(model));
    let mut names: Vec<&String> = weights.keys().collect();
    names.sort();
    let part = |i: usize| format!("model-{:05}-of-{count:05}.safetensors", i % count + 1);
    for i in 0..count {
        let own: Weights = names.iter().skip(i).step_by(count).map(|&name| (name.clone(), weights[name].clone())).collect();
        candle_core::safetensors::save(&own, desk.path().join(part(i))).unwrap();
    }
    let map = names.iter().enumerate().map(|(i, &name)| (name.clone(), part(i))).collect();
    (desk, map)
}

fn write_index(folder: &Path, map: &BTreeMap<String, String>) {
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

#[test]
fn the_kind_of_file_does_not_matter() {
    for model in model_folders() {
        let want = load(&model);
        for dtype in [DType::F16, DType::BF16, DType::F64] {
            let desk = saved(&model, |w| w.to_dtype(dtype).unwrap());
            assert_same(desk.path(), &rounded(&model, dtype));
            // What rounding may do to a model of three blocks whose weights are not trained.
            let tolerance = if dtype == DType::BF16 { 5e-2 } else { 1e-2 };
            for (got, want) in numbers(&load(desk.path())).iter().zip(&numbers(&want)) {
                assert_close(&format!("{}, {dtype:?}", model.display()), got, want, tolerance);
            }
        }
        let (desk, map) = in_parts(&model, 3);
        write_index(desk.path(), &map);
        assert_same(desk.path(), &want);
        // A file that is whole is preferred to its parts.
        fs::copy(model.join("model.safetensors"), desk.path().join("model.safetensors")).unwrap();
        fs::remove_file(desk.path().join("model-00001-of-00003.safetensors")).unwrap();
        assert_same(desk.path(), &want);
        assert_same(&desk.path().join("model.safetensors"), &want);
    }
}

/// Names may begin with the model's own, or not.
#[test]
fn the_prefix_does_not_matter() {
    let heads = ["classifier", "cls", "distillation_classifier", "pre_classifier", "lm_head", "score", "vocab_"];
    for model in model_folders() {
        let (want, weights) = (load(&model), weights(&model));
        let prefix = match want.family.as_str() {
            // Names of two towers begin with the tower's.
            "clip" | "siglip" => continue,
            "siglip_vision_model" => "vision_model.".to_owned(),
            "gpt2" => "transformer.".to_owned(),
            "llama" | "qwen2" | "qwen3" | "gemma2" | "gemma3_text" => "model.".to_owned(),
            family => format!("{family}."),
        };
        let is_head = |name: &str| heads.iter().any(|head| name.starts_with(head));
        let with =
            |name: &str| if is_head(name) || name.starts_with(&prefix) { name.to_owned() } else { format!("{prefix}{name}") };
        let without = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        for rename in [&with as &dyn Fn(&str) -> String, &without] {
            let desk = configured(&model);
            let renamed: Weights = weights.iter().map(|(name, w)| (rename(name), w.clone())).collect();
            candle_core::safetensors::save(&renamed, desk.path().join("model.safetensors")).unwrap();
            assert_same(desk.path(), &want);
        }
    }
}

/// The folders that variants.py wrote: one for each way of writing, which holds one for each model. Those in the repository, and
/// those of the folder that TOKENSCOPE_VARIANTS names.
fn variants() -> Vec<PathBuf> {
    let own = own_models().with_file_name("variants");
    let other = std::env::var_os("TOKENSCOPE_VARIANTS").map(PathBuf::from);
    let below = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = [own].into_iter().chain(other).flat_map(below).flat_map(below).collect();
    found.sort();
    found
}

fn assert_same_tensors(folder: &Path, original: &Path) {
    let [got, want] = [folder, original].map(|path| TensorFiles::open(&Location::find(path).unwrap()).unwrap());
    assert!(got.names().eq(want.names()), "{}", folder.display());
    for name in want.names() {
        let shape = want.shape(name).unwrap();
        assert!(got.read(name, shape).unwrap() == want.read(name, shape).unwrap(), "{}: {name}", folder.display());
    }
}

#[test]
fn what_pytorch_saves_is_read() {
    let mut kinds = Vec::new();
    for folder in variants() {
        let [kind, name] = [folder.parent().unwrap(), &folder].map(|path| path.file_name().unwrap().to_str().unwrap());
        let original = [folder.join("../../original").join(name), own_models().join(name)].into_iter().find(|f| f.is_dir());
        match kind {
            "original" => {}
            // Of families that are not read the tensors are looked at.
            _ if original.as_ref().is_some_and(|f| Model::load(f, &Device::Cpu).is_err()) => {
                if kind != "half" {
                    assert_same_tensors(&folder, &original.unwrap());
                }
            }
            "old" => {
                let line = refusal(&folder);
                assert!(["PyTorch before version 1.6", "torch.load", "save_file"].iter().all(|w| line.contains(w)), "{line}");
            }
            "half" => assert_same(&folder, &rounded(&original.unwrap(), DType::BF16)),
            _ => assert_same(&folder, &load(&original.unwrap())),
        }
        kinds.push(kind.to_owned());
    }
    kinds.dedup();
    assert!(["half", "old", "plain", "sharded", "strided"].iter().all(|kind| kinds.iter().any(|k| k == kind)), "{kinds:?}");
}

#[test]
fn a_file_of_pytorch_may_be_named_itself() {
    let folder = own_models().with_file_name("variants").join("plain/vit");
    assert_same(&folder.join("pytorch_model.bin"), &load(&own_models().join("vit")));
    let files = TensorFiles::open(&Location::find(&folder).unwrap()).unwrap();
    assert_eq!((files.format(), files.num_files()), (Format::Torch, 1));
    let same = TensorFiles::open(&Location::find(&own_models().join("vit")).unwrap()).unwrap();
    assert!(files.names().eq(same.names()));
    assert_eq!(files.bytes_needed(), same.bytes_needed());
    let elements: usize = weights(&own_models().join("vit")).values().map(Tensor::elem_count).sum();
    assert_eq!(files.bytes_needed(), 4 * elements as u64);
}

#[test]
fn an_index_that_lies_is_refused() {
    let model = own_models().join("vit");
    let (desk, map) = in_parts(&model, 2);
    let (first, name) = ("model-00001-of-00002.safetensors", "vit.encoder.layer.1.attention.attention.query.weight");
    let other = |part: &str| if part == first { "model-00002-of-00002.safetensors" } else { first }.to_owned();
    // A tensor that the index puts into the other part, and one that it does not list.
    let mut lying = map.clone();
    lying.insert(name.to_owned(), other(&map[name]));
    write_index(desk.path(), &lying);
    let line = refusal(desk.path());
    assert!(line.contains(&format!("the weight {name} is not in {}", other(&map[name]))), "{line}");
    let mut silent = map.clone();
    silent.remove(name);
    write_index(desk.path(), &silent);
    assert_same(desk.path(), &load(&model));
    fs::remove_file(desk.path().join(first)).unwrap();
    let line = refusal(desk.path());
    assert!(line.contains(first) && line.contains("no such file"), "{line}");
}

/// The digest of parts is that of their bytes one after the other, in the order of their names.
#[test]
fn parts_are_hashed_in_order() {
    let model = own_models().join("bert");
    let (desk, map) = in_parts(&model, 3);
    write_index(desk.path(), &map);
    let mut all = Vec::new();
    for i in 1..=3 {
        all.extend(fs::read(desk.path().join(format!("model-{i:05}-of-00003.safetensors"))).unwrap());
    }
    let want = Digest::of(vec![Bytes::embedded("all".to_owned(), all.leak()).into()]);
    let got = load(desk.path());
    assert_eq!(got.sha256.hexadecimal().unwrap(), want.hexadecimal().unwrap());
    let changed = load(desk.path());
    fs::write(desk.path().join("model-00002-of-00003.safetensors"), b"other").unwrap();
    let line = changed.sha256.hexadecimal().unwrap_err().to_string();
    assert!(line.contains("model-00002-of-00003.safetensors: was written to"), "{line}");
}

/// The needed memory is said, and nothing is read, where there is too little.
#[cfg(target_os = "linux")]
#[test]
fn checkpoints_that_do_not_fit_are_refused() {
    let desk = configured(&own_models().join("vit"));
    let bytes = 1_u64 << 50;
    let header =
        json!({"vit.embeddings.cls_token": {"dtype": "F16", "shape": [1_u64 << 49], "data_offsets": [0, bytes]}}).to_string();
    let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let path = desk.path().join("model.safetensors");
    fs::write(&path, &start).unwrap();
    // A file with a hole takes no room on the disk; where the disk knows no such files there is nothing to see.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    if file.set_len(start.len() as u64 + bytes).is_err() {
        return;
    }
    let line = refusal(desk.path());
    assert!(line.contains("needs 2251799.8 GB of memory") && line.contains("are free"), "{line}");
}
