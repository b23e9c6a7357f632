//! The command line as a user meets it: every command, every output read back, every promise about names, exit codes and
//! bytes. Runs the binary on the samples with tiny checkpoints; numbers are compared with what PyTorch computed.

mod common;
#[path = "common/program.rs"]
mod program;

#[path = "common/causal.rs"]
mod causal;
#[path = "cli/flags.rs"]
mod flags;
#[path = "cli/manners.rs"]
mod manners;
#[cfg(target_os = "linux")]
#[path = "cli/names.rs"]
mod names;
#[path = "cli/outputs.rs"]
mod outputs;

use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Stdio;

use candle_core::{Device, Tensor};
use common::{assert_close, assert_rows_close, expectations, floats, model_folders, positions};
use npyz::{Deserialize, NpyFile};
use program::Desk;
use safetensors::SafeTensors;
use serde_json::Value;
use tokenscope::method::{Info, Uses};

/// An array of a .npy file: its shape and its values, which must be stored as `T`.
fn npy<T: Deserialize>(bytes: &[u8]) -> (Vec<u64>, Vec<T>) {
    let file = NpyFile::new(bytes).unwrap();
    assert_eq!(file.order(), npyz::Order::C);
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// Arrays of a .npz file as .npy files, by name.
fn npz(bytes: Vec<u8>) -> HashMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut arrays = HashMap::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().strip_suffix(".npy").unwrap().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        arrays.insert(name, bytes);
    }
    arrays
}

/// Relevance of one token, after the flags in `rest`.
fn relevance(desk: &Desk, rest: &str) -> Vec<f32> {
    desk.run(&format!("explain cat.jpg --out @r.npy {rest}")).done();
    npy(&desk.read("r.npy")).1
}

fn record(desk: &Desk, name: &str) -> Value {
    serde_json::from_slice(&desk.read(name)).unwrap()
}

// ---- outputs

#[test]
fn every_output_of_an_explanation_can_be_read_back() {
    let desk = Desk::new();
    desk.run(
        "explain cat.jpg --model %vit --token 2,3 --out @a.png --out @a.svg --out @a.json --out @a.npy --out @a.npz --out @a.csv",
    )
    .done();
    let (shape, relevance) = npy::<f32>(&desk.read("a.npy"));
    assert_eq!(shape, [26]);

    let arrays = npz(desk.read("a.npz"));
    assert_eq!(arrays.len(), 5);
    assert_eq!(arrays["relevance"], desk.read("a.npy"));
    let (shape, heatmap) = npy::<f32>(&arrays["heatmap"]);
    assert_eq!(shape, [5, 5]);
    let others = relevance[1..].iter().enumerate().filter(|(patch, _)| *patch != 13);
    let largest = others.map(|(_, v)| *v).fold(f32::MIN, f32::max);
    let own_is_max = |(i, &v): (usize, &f32)| if i == 13 { largest } else { v };
    assert_eq!(heatmap, relevance[1..].iter().enumerate().map(own_is_max).collect::<Vec<_>>());
    assert_eq!(npy::<i64>(&arrays["grid"]), (vec![2], vec![5, 5]));
    assert_eq!(npy::<i64>(&arrays["num_prefix"]), (vec![], vec![1]));
    assert_eq!(npy::<i64>(&arrays["target"]), (vec![], vec![14]));

    let table = String::from_utf8(desk.read("a.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "position,kind,row,col,text,value");
    assert!(lines[1].starts_with("0,cls,,,,") && lines[15].starts_with("14,patch,2,3,,"), "{table}");
    let values: Vec<f32> = lines[1..].iter().map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(values, relevance);

    let record = record(&desk, "a.json");
    let size = |name: &str| record["figure"][name].as_u64().unwrap() as u32;
    let figure = image::load_from_memory(&desk.read("a.png")).unwrap();
    assert_eq!((figure.width(), figure.height()), (size("width_px"), size("height_px")));
    assert_eq!((&record["layer"], &record["tokens"][0]["position"]), (&Value::from(3), &Value::from(14)));
    assert_eq!(record["method"]["id"], "ultra");
    let drawing = String::from_utf8(desk.read("a.svg")).unwrap();
    resvg::usvg::Tree::from_str(&drawing, &resvg::usvg::Options::default()).unwrap();
    assert_eq!(desk.names("."), ["a.csv", "a.json", "a.npy", "a.npz", "a.png", "a.svg"]);
}

#[test]
fn several_tokens_get_an_axis_and_a_column() {
    let desk = Desk::new();
    let flags = "--out @a.npy --out @a.npz --out @a.csv --out @a.json --out @a.png";
    desk.run(&format!("explain coffee.jpg --model %dinov2 --token 4,4 --token cls --token 7 {flags}")).done();
    let (shape, relevance) = npy::<f32>(&desk.read("a.npy"));
    assert_eq!(shape, [3, 26]);
    let arrays = npz(desk.read("a.npz"));
    assert_eq!(npy::<i64>(&arrays["target"]), (vec![3], vec![25, 0, 7]));
    assert_eq!(npy::<f32>(&arrays["heatmap"]).0, [3, 5, 5]);
    let table = String::from_utf8(desk.read("a.csv")).unwrap();
    assert_eq!(table.lines().next(), Some("target,position,kind,row,col,text,value"));
    assert!(table.lines().nth(1).unwrap().starts_with("25,0,cls,,,,"), "{table}");
    assert_eq!(table.lines().count(), 1 + 3 * 26);
    let names: Vec<Value> = record(&desk, "a.json")["tokens"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
    assert_eq!(names.len(), 3);

    desk.run("explain coffee.jpg --model %dinov2 --token all --out @all.npy").done();
    let (shape, all) = npy::<f32>(&desk.read("all.npy"));
    assert_eq!(shape, [26, 26]);
    for (row, position) in relevance.chunks(26).zip([25, 0, 7]) {
        assert_close("one of all tokens", &all[position * 26..][..26], row, 1e-5);
    }
}

#[test]
fn segments_come_with_labels_and_a_linkage_tree() {
    let desk = Desk::new();
    desk.run("segment brick.jpg --model %dinov2_with_registers --clusters 3 --out @s.png --out @s.svg --out @s.json --out @s.npz --out @s.npy --out @s.csv")
        .done();
    let arrays = npz(desk.read("s.npz"));
    assert_eq!((npy::<f32>(&arrays["relevance"]).0, npy::<f32>(&arrays["heatmap"]).0), (vec![25, 30], vec![25, 5, 5]));
    assert_eq!(npy::<i64>(&arrays["target"]), (vec![25], (5..30).collect()));
    assert_eq!(arrays["relevance"], desk.read("s.npy"));
    let (shape, labels) = npy::<i32>(&arrays["labels"]);
    assert_eq!(shape, [40, 40]);
    let (shape, of_patches) = npy::<i32>(&arrays["token_labels"]);
    assert_eq!((shape, of_patches[0]), (vec![25], 0));
    let count = of_patches.iter().max().unwrap() + 1;
    assert!((1..=3).contains(&count) && labels.iter().all(|label| (0..count).contains(label)));
    let (shape, linkage) = npy::<f64>(&arrays["linkage"]);
    assert_eq!(shape, [24, 4]);
    assert!(linkage.chunks(4).map(|merge| merge[2]).is_sorted() && linkage[23 * 4 + 3].round() as usize == 25);
    assert_eq!(npy::<i64>(&arrays["grid"]).1, [5, 5]);
    assert_eq!(npy::<i64>(&arrays["num_prefix"]).1, [5]);
    let table = String::from_utf8(desk.read("s.csv")).unwrap();
    let column: Vec<i32> = table.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(column, of_patches);
    assert_eq!(record(&desk, "s.json")["segmentation"]["num_segments"], count);

    let num_segments = |flags: &str| {
        desk.run(&format!("segment brick.jpg --model %dinov2_with_registers {flags} --out @n.json")).done();
        record(&desk, "n.json")["segmentation"]["num_segments"].as_u64().unwrap()
    };
    assert_eq!((num_segments("--cut 2"), num_segments("--clusters 1"), num_segments("--clusters 4096")), (1, 1, 25));
    assert!(num_segments("--cut 0.5") <= num_segments("--cut 0.1"));
    assert_eq!(num_segments("--cut 0.25 --rows 8"), num_segments(""));
}

#[test]
fn the_same_command_writes_the_same_bytes() {
    let desk = Desk::new();
    for (i, line) in [
        "explain cat.jpg --model %deit_classifier --token 3,1 --token dist --smooth --colormap magma",
        "explain dandelions.jpg --model %vit --token cls --size native --method similarity --facet key",
        "segment coffee.jpg --model %dinov2 --cut 0.1",
    ]
    .into_iter()
    .enumerate()
    {
        let files = ["png", "svg", "npz", "csv", "npy"].map(|kind| format!("f{i}.{kind}"));
        let out: String = files.iter().map(|name| format!(" --out @{name}")).collect();
        let bytes = || {
            desk.run(&format!("{line}{out}")).done();
            files.each_ref().map(|name| desk.read(name))
        };
        let first = bytes();
        for (name, (first, second)) in files.iter().zip(first.iter().zip(&bytes())) {
            assert!(first == second, "{line}: {name} differs");
        }
    }
}

#[test]
fn a_record_s_command_remakes_every_file() {
    let desk = Desk::new();
    for line in [
        "explain astronaut.jpg --model %deit --token dist --token 0,3 --layer 2 --scalar norm --rows 3 --own zero --size 48x32 --range p2:p98",
        "explain notes.jpg --model %vit --token all --method attention --head 2 --layer -2 --opacity 0.75 --smooth --no-photo --dpi 90",
        "explain cat.jpg --model %dinov2 --token 5 --method similarity --facet value --size native:48 --colormap coolwarm --range symmetric --photo",
        "segment brick.jpg --model %dinov2_swiglu --clusters 4 --rows all --layer 2 --no-outlines --solo 1 --width 2.5 --no-title",
        "segment brick.jpg --model %vit --cut 0.125",
    ] {
        desk.run(&format!("{line} --out @f.png --out @f.svg --out @f.json --out @f.npy --out @f.npz --out @f.csv")).done();
        let names = desk.names(".");
        let first: Vec<Vec<u8>> = names.iter().map(|name| desk.read(name)).collect();
        let command = record(&desk, "f.json")["command"].as_str().unwrap().to_owned();
        names.iter().for_each(|name| fs::remove_file(desk.path(name)).unwrap());
        desk.shell(&command).done();
        for (name, bytes) in names.iter().zip(first) {
            assert!(desk.read(name) == bytes, "{command}: {name} differs");
        }
    }
}

// ---- what is asked

#[test]
fn prefix_tokens_are_named_by_what_they_are() {
    let desk = Desk::new();
    for (model, tokens) in [
        ("vit", &["cls"][..]),
        ("deit", &["cls", "dist"]),
        ("dinov2", &["cls"]),
        ("dinov2_with_registers", &["cls", "reg0", "reg1", "reg2", "reg3"]),
    ] {
        for (position, token) in tokens.iter().enumerate() {
            let named = relevance(&desk, &format!("--model %{model} --token {token}"));
            assert_eq!(named, relevance(&desk, &format!("--model %{model} --token {position}")), "{model} {token}");
        }
        let first_patch = relevance(&desk, &format!("--model %{model} --token 0,0"));
        assert_eq!(first_patch, relevance(&desk, &format!("--model %{model} --token {}", tokens.len())));
    }
}

#[test]
fn tokens_that_a_model_lacks_are_refused_with_those_it_has() {
    let desk = Desk::new();
    for (model, token, has) in [
        ("vit", "dist", "cls, patches 0,0 to 4,4 or positions 0 to 25"),
        ("vit", "reg0", "cls, patches 0,0 to 4,4 or positions 0 to 25"),
        ("vit", "5,0", "cls, patches 0,0 to 4,4 or positions 0 to 25"),
        ("deit", "27", "cls, dist, patches 0,0 to 4,4 or positions 0 to 26"),
        ("dinov2_with_registers", "reg4", "cls, reg0, reg1, reg2, reg3, patches 0,0 to 4,4 or positions 0 to 29"),
        ("vit", "-1", "a position, `row,col`, cls, dist, reg0, reg1.., a word of the text, or a span of positions A..B"),
        ("vit", "ear", "cls, patches 0,0 to 4,4"),
    ] {
        let ran = desk.run(&format!("explain cat.jpg --model %{model} --token {token} --out @a.png"));
        ran.refused(&[&format!("--token {token}"), has]);
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn layers_count_from_both_ends() {
    let desk = Desk::new();
    let at = |layer: i32| relevance(&desk, &format!("--model %vit --token 1,1 --layer {layer}"));
    assert_eq!((at(-1), at(-2), at(-4)), (at(3), at(2), at(0)));
    let identity: Vec<f32> = (0..26).map(|position| if position == 7 { 1.0 } else { 0.0 }).collect();
    assert_eq!((at(0), relevance(&desk, "--model %vit --token 7 --layer 0 --method rollout")), (identity.clone(), identity));
    for (layer, method) in [("4", "ultra"), ("-5", "rollout"), ("2000000000", "similarity"), ("-2147483648", "ultra")] {
        desk.run(&format!("explain cat.jpg --model %vit --token 7 --layer {layer} --method {method} --out @a.npy")).refused(&[
            &format!("--layer {layer}"),
            method,
            "layers 0..3",
        ]);
    }
    desk.run("explain cat.jpg --model %vit --token 7 --layer 0 --method attention --out @a.npy")
        .refused(&["--layer 0", "layers 1..3"]);
    for facet in ["query", "key", "value"] {
        desk.run(&format!("explain cat.jpg --model %vit --token 7 --layer 0 --method similarity --facet {facet} --out @a.npy"))
            .refused(&[&format!("--facet {facet}"), "layer 0", "layers 1..3"]);
    }
}

#[test]
fn every_method_answers_in_its_own_range() {
    let desk = Desk::new();
    // Those that explain an answer need a head, and are tried elsewhere; occlusion has no value where a token is itself left out,
    // and STEGO none without its file.
    let is_tried =
        |info: &&Info| (info.needs.is_empty() || info.uses(Uses::Phrase)) && !["occlusion", "stego"].contains(&info.id);
    for method in tokenscope::method::METHODS.iter().map(|m| m.info()).filter(is_tried) {
        let model = if method.uses(Uses::Phrase) { "%clip --scalar text:cat" } else { "%dinov2" };
        let values = relevance(&desk, &format!("--model {model} --token 2,2 --method {} --out @a.json --out @a.png", method.id));
        assert!([17, 26].contains(&values.len()) && values.iter().all(|v| v.is_finite()), "{}: {values:?}", method.id);
        let sum: f32 = values.iter().sum();
        match method.id {
            "attention" | "rollout" => assert!((sum - 1.0).abs() < 1e-5 && values.iter().all(|v| *v >= 0.0), "{values:?}"),
            "agreement" => assert!(values.iter().all(|v| v.abs() <= 1.0) && values.iter().any(|v| *v < 0.0), "{values:?}"),
            "similarity" => assert!((values[13] - 1.0).abs() < 1e-5 && values.iter().all(|v| v.abs() <= 1.0), "{values:?}"),
            "ultra" => assert!(values[13] >= 1.0 && values.iter().all(|v| *v >= 0.0), "{values:?}"),
            _ => assert!(method.signed || values.iter().all(|v| *v >= 0.0), "{}: {values:?}", method.id),
        }
        let record = record(&desk, "a.json");
        assert_eq!((&record["method"]["id"], &record["method"]["citation"]), (&method.id.into(), &method.citation.into()));
    }
}

#[test]
fn heads_are_taken_alone_or_fused() {
    let desk = Desk::new();
    let row = |head: &str| relevance(&desk, &format!("--model %vit --token 9 --layer 2 --method attention --head {head}"));
    let [mean, max, min] = ["mean", "max", "min"].map(row);
    let heads = ["0", "1", "2"].map(row);
    for j in 0..26 {
        let over = heads.each_ref().map(|head| head[j]);
        assert!((over.iter().sum::<f32>() / 3.0 - mean[j]).abs() < 1e-6);
        assert_eq!((over.into_iter().reduce(f32::max), over.into_iter().reduce(f32::min)), (Some(max[j]), Some(min[j])));
    }
    desk.run("explain cat.jpg --model %vit --token 9 --method rollout --head 3 --out @a.npy").refused(&["--head 3", "0 to 2"]);
    desk.run("explain cat.jpg --model %vit --token 9 --method attention --head -1 --out @a.npy").misused();
}

#[test]
fn facets_rows_scalars_and_own_entries_change_what_they_should() {
    let desk = Desk::new();
    let differ = |base: &str, flags: &[&str]| {
        let rows: Vec<Vec<f32>> =
            flags.iter().map(|flag| relevance(&desk, &format!("--model %dino --token 2,1 {base} {flag}"))).collect();
        assert!((0..rows.len()).all(|i| (0..i).all(|j| rows[i] != rows[j])), "{flags:?}");
    };
    differ("--method similarity", &["", "--facet query", "--facet key", "--facet value"]);
    differ("", &["", "--rows 1", "--rows 5", "--scalar norm"]);
    let all = relevance(&desk, "--model %dino --token 2,1");
    assert_close("rows beyond the tokens", &relevance(&desk, "--model %dino --token 2,1 --rows 999"), &all, 1e-6);
    for (own, expected) in [("keep", all[12]), ("zero", 0.0)] {
        assert_eq!(relevance(&desk, &format!("--model %dino --token 2,1 --own {own} --out @own.npz")), all);
        assert_eq!(npy::<f32>(&npz(desk.read("own.npz"))["heatmap"]).1[11], expected, "--own {own}");
    }
}

#[test]
fn every_sample_is_explained_at_any_size() {
    let desk = Desk::new();
    for (sample, size, grid) in [
        ("cat", "checkpoint", [5, 5]),
        ("astronaut", "80", [10, 10]),
        ("coffee", "32x48", [4, 6]),
        ("dandelions", "native:64", [8, 12]),
        ("notes", "8", [1, 1]),
        ("brick", "16x8", [2, 1]),
    ] {
        desk.run(&format!("explain {sample}.jpg --model %vit --token cls --size {size} --out @a.npz --out @a.png")).done();
        let arrays = npz(desk.read("a.npz"));
        let found = npy::<i64>(&arrays["grid"]).1;
        assert!(found == grid || size.starts_with("native") && found.iter().min() == Some(&8), "{sample}: {found:?}");
        assert_eq!(npy::<f32>(&arrays["relevance"]).0[0] as i64, 1 + found[0] * found[1]);
    }
}

// ---- numbers

/// Inputs that PyTorch was given, and what it made of them.
fn expected(folder: &Path) -> Vec<(&'static str, HashMap<String, Tensor>)> {
    let files = ["expected", "expected_wide", "expected_text"];
    let files = files.into_iter().filter(|file| folder.join(format!("{file}.safetensors")).exists());
    files.zip(expectations(folder)).collect()
}

#[test]
fn traces_equal_pytorch() {
    let desk = Desk::new();
    for folder in model_folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (file, want) in expected(&folder) {
            desk.run(&format!("trace tests/fixtures/models/{name}/{file}.safetensors --model %{name} --out @t.safetensors"))
                .done();
            let bytes = desk.read("t.safetensors");
            let got = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
            for part in ["residual", "attention", "output", "logits"] {
                let Some(want) = want.get(part).filter(|_| part != "logits" || got.contains_key(part)) else { continue };
                assert_eq!(got[part].dims(), want.dims(), "{name}, {part}");
                let layers = if want.rank() > 2 { want.dim(0).unwrap() } else { 1 };
                let each = want.elem_count() / layers;
                for (layer, (got, want)) in floats(&got[part]).chunks(each).zip(floats(want).chunks(each)).enumerate() {
                    assert_close(&format!("{name}, {file}, {part} {layer}"), got, want, 1e-4);
                }
            }
            let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
            let tokens: Vec<String> = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["tokens"]).unwrap();
            assert_eq!(tokens.len(), got["residual"].dim(1).unwrap());
            let named = match want.contains_key("pixel_values") {
                true if name.starts_with("siglip") => ["patch ", "patch "],
                true => ["cls", "patch "],
                false => ["#", "#"],
            };
            assert!(tokens[0].starts_with(named[0]) && tokens.last().unwrap().starts_with(named[1]), "{tokens:?}");
        }
    }
}

#[test]
fn explanations_equal_pytorch() {
    let desk = Desk::new();
    for folder in model_folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (file, want) in expected(&folder) {
            let targets = positions(&want["targets"]);
            let tokens: String = targets.iter().map(|t| format!(" --token {t}")).collect();
            let line = format!(
                "explain tests/fixtures/models/{name}/{file}.safetensors --model %{name}{tokens} --rows all --out @r.npy"
            );
            for layer in 1..=3 {
                for (scalar, key) in [("sum", format!("ultra_{layer}")), ("norm", format!("ultra_norm_{layer}"))] {
                    desk.run(&format!("{line} --layer {layer} --scalar {scalar}")).done();
                    let (_, got) = npy::<f32>(&desk.read("r.npy"));
                    assert_rows_close(&format!("{name}, {file}, {key}"), &got, &floats(&want[&key]), &targets, 1e-3);
                }
            }
        }
    }
}
