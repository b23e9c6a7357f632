//! Folders and files that hold a model in another form than a checkpoint of transformers: each refusal names the form and the way
//! out.

use std::fs;

use serde_json::json;

use crate::checkpoint::{Checkpoint, QUERY, refuse_model};
use crate::program::Desk;

/// A folder of the desk with these files; of some the words matter, of the others the name alone.
fn folder(files: &[(&str, &str)]) -> Desk {
    let desk = Desk::new();
    files.iter().for_each(|(name, text)| desk.write(&format!("m/{name}"), text));
    desk
}

#[test]
fn folders_of_other_formats_are_called_by_their_names() {
    let config = Checkpoint::new().config.to_string();
    for (files, words) in [
        (
            &[("adapter_config.json", r#"{"peft_type": "LORA", "base_model_name_or_path": "bert-base"}"#)][..],
            &["LoRA adapter of bert-base", "merge_and_unload"][..],
        ),
        (&[("adapter_model.safetensors", "")], &["an adapter", "merge_and_unload"]),
        (&[("open_clip_config.json", "{}"), ("open_clip_model.safetensors", "")], &["open_clip checkpoint"]),
        (&[("model_index.json", "{}"), ("text_encoder/config.json", "{}")], &["diffusers pipeline", "m/text_encoder"]),
        (&[("config.json", &config), ("model-Q4.gguf", "")], &["GGUF", "model-Q4.gguf"]),
        (&[("config.json", &config), ("tf_model.h5", "")], &["TensorFlow weights", "from_tf=True"]),
        (&[("config.json", &config), ("flax_model.msgpack", "")], &["Flax weights", "from_flax=True"]),
        (&[("config.json", &config), ("model.onnx", "")], &["ONNX"]),
        (&[("config.json", &config), ("onnx/model.onnx", "")], &["ONNX"]),
        (&[("config.json", &config), ("openvino_model.xml", "")], &["OpenVINO"]),
        (&[("config.json", &config), ("weights.npz", "")], &["MLX"]),
        (&[("params.json", "{}"), ("consolidated.00.pth", "")], &["Meta's own code of Llama"]),
        (&[("meta.json", "{}"), ("config.cfg", "")], &["spaCy pipeline"]),
        (&[("model.tar.gz", "")], &["an archive", "unpack"]),
        (
            &[("config.json", &config), ("model-00002-of-00003.safetensors", "")],
            &["1 of 3 parts", "no model.safetensors.index.json", "the parts 1, 3"],
        ),
        (
            &[("config.json", &config), ("pytorch_model-00001-of-00002.bin", "")],
            &["1 of 2 parts", "pytorch_model.bin.index.json", "part 2"],
        ),
        (
            &[("config.json", &config), ("model.fp16.safetensors", "")],
            &["no model.safetensors, but model.fp16.safetensors", "name the file itself"],
        ),
        (&[("config.json", &config), ("training_args.bin", "")], &["holds no model.safetensors", "pytorch_model.bin"]),
    ] {
        refuse_model(&folder(files), &[&["/m: "], words].concat());
    }
}

/// The checkpoint lies further down.
#[test]
fn folders_around_a_checkpoint_say_which_one_to_name() {
    for (inner, beside, words) in [
        ("checkpoint-1000", &["checkpoint-500/config.json"][..], &["checkpoints of a training", "m/checkpoint-1000"][..]),
        ("snapshots/abc", &["refs/main"], &["snapshots", "m/snapshots/abc"]),
        ("0_Transformer", &["1_Pooling/config.json"], &["sentence-transformers", "m/0_Transformer"]),
        ("my_model", &["README.md"], &["holds no model itself, but in my_model", "m/my_model"]),
    ] {
        let desk = Desk::new();
        Checkpoint::new().save(&desk);
        fs::rename(desk.path("m"), desk.path("inner")).unwrap();
        fs::create_dir_all(desk.path("m").join(inner).parent().unwrap()).unwrap();
        fs::rename(desk.path("inner"), desk.path("m").join(inner)).unwrap();
        beside.iter().for_each(|name| desk.write(&format!("m/{name}"), "{}"));
        if inner == "0_Transformer" {
            desk.write(
                "m/modules.json",
                r#"[{"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]"#,
            );
        }
        refuse_model(&desk, words);
        desk.run(&format!("explain cat.jpg --model @m/{inner} --token cls --out @a.png")).done();
    }
}

#[test]
fn configurations_of_other_libraries_are_called_by_their_names() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    for (config, words) in [
        (json!({"architecture": "vit_tiny_patch16_224"}), &["timm checkpoint (vit_tiny_patch16_224)", "convert_vit_timm"][..]),
        (json!({"architecture": "deit_tiny_distilled_patch16_224"}), &["timm checkpoint", "convert_deit_timm"]),
        (json!({"architecture": "vit_small_patch14_dinov2.lvd142m"}), &["timm checkpoint", "as a dinov2"]),
        (json!({"architecture": "vit_base_patch16_siglip_224"}), &["timm checkpoint", "as a siglip"]),
        (json!({"architecture": "vit_base_patch32_clip_224"}), &["timm checkpoint", "as a clip"]),
        (
            json!({"architecture": "resnet50", "model_type": "timm_wrapper"}),
            &["timm checkpoint (resnet50)", "vision transformer"],
        ),
        (json!({"_class_name": "AutoencoderKL"}), &["part of a diffusers pipeline (AutoencoderKL)"]),
    ] {
        desk.write("m/config.json", config.to_string());
        refuse_model(&desk, words);
    }
}

#[test]
fn names_of_weights_tell_whose_they_are() {
    let desk = Desk::new();
    for (name, words) in [
        ("blocks.0.attn.qkv.weight", &["the names of timm"][..]),
        ("visual.conv1.weight", &["OpenAI's or open_clip's CLIP"]),
        ("module.vit.embeddings.cls_token", &["DataParallel", "model.module.save_pretrained"]),
        ("_orig_mod.vit.embeddings.cls_token", &["torch.compile"]),
    ] {
        let mut other = Checkpoint::new();
        let entry = other.header[QUERY].clone();
        other.header = [(name.to_owned(), entry)].into_iter().collect();
        other.save(&desk);
        refuse_model(&desk, &[&["model.safetensors", name], words].concat());
    }
}

#[test]
fn quantised_weights_are_refused_by_the_name_of_the_method() {
    let desk = Desk::new();
    let method = |fields| Checkpoint::with("quantization_config", fields);
    let holding = |ending: &str| Checkpoint::header(|h| drop(h.insert(format!("a.{ending}"), empty())));
    for (broken, words) in [
        (
            method(json!({"quant_method": "bitsandbytes", "load_in_4bit": true})),
            &["with bitsandbytes to 4 bits", "look whole"][..],
        ),
        (method(json!({"load_in_8bit": true})), &["with an unnamed method to 8 bits"]),
        (method(json!({"quant_method": "gptq", "bits": 4})), &["with GPTQ to 4 bits"]),
        (method(json!({"quant_method": "awq", "w_bit": 4})), &["with AWQ to 4 bits"]),
        (method(json!({"quant_method": "fp8"})), &["with FP8"]),
        (method(json!({"quant_method": "compressed-tensors"})), &["with compressed-tensors"]),
        (method(json!({"quant_method": "torchao"})), &["with torchao"]),
        (Checkpoint::with("quantization", json!({"group_size": 64, "bits": 4})), &["with MLX to 4 bits"]),
        (holding("qweight"), &["with GPTQ or AWQ: it holds a.qweight", "choose the model that it was made from"]),
        (holding("weight_scale"), &["with FP8 or compressed-tensors: it holds a.weight_scale"]),
        (holding("weight.absmax"), &["with bitsandbytes: it holds a.weight.absmax"]),
        (holding("weight.quant_state.bitsandbytes__nf4"), &["with bitsandbytes: it holds a.weight.quant_state"]),
        (holding("scales"), &["with MLX: it holds a.scales"]),
    ] {
        broken.save(&desk);
        refuse_model(&desk, &[&["is quantised"], words].concat());
    }
    Checkpoint::with("quantization_config", json!({})).save(&desk);
    desk.run("explain cat.jpg --model @m --token cls --out @a.png").done();
}

fn empty() -> serde_json::Value {
    json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
}

/// A file in place of a folder.
#[test]
fn files_that_are_no_weights_are_called_by_their_names() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    for (name, words) in [
        ("model.gguf", &["is a GGUF model of llama.cpp"][..]),
        ("model.onnx", &["is an ONNX model"]),
        ("model.zip", &["is an archive", "unpack"]),
        ("config.json", &["is a file of settings", "name the folder"]),
    ] {
        if name != "config.json" {
            desk.write(&format!("m/{name}"), "x");
        }
        desk.run(&format!("explain cat.jpg --model @m/{name} --token cls --out @a.png")).refused(words);
    }
    // Weights by any ending of PyTorch's, beside their config.json.
    let plain = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/variants/plain/vit/pytorch_model.bin");
    for ending in ["pt", "pth", "ckpt"] {
        desk.write(&format!("m/last.{ending}"), fs::read(plain).unwrap());
        desk.run(&format!("explain cat.jpg --model @m/last.{ending} --token cls --out @a.png")).done();
    }
}

/// Editors on Windows begin UTF-8 with a mark.
#[test]
fn a_mark_before_json_does_no_harm() {
    let desk = Desk::new();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let marked = |name: &str| format!("\u{feff}{}", fs::read_to_string(format!("{fixtures}/{name}")).unwrap());
    desk.write("m/config.json", marked("models/bert/config.json"));
    desk.write("m/model.safetensors", fs::read(format!("{fixtures}/models/bert/model.safetensors")).unwrap());
    desk.write("m/tokenizer.json", marked("tokenizers/wordpiece/tokenizer.json"));
    desk.write("in.txt", "a b");
    let ran = desk.run("explain @in.txt --model @m --token 0").done();
    desk.write("m/tokenizer.json", fs::read(format!("{fixtures}/tokenizers/wordpiece/tokenizer.json")).unwrap());
    assert_eq!(ran.stdout, desk.run("explain @in.txt --model @m --token 0").done().stdout);
    Checkpoint::new().save(&desk);
    desk.write("m/preprocessor_config.json", "\u{feff}{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 40}");
    desk.run("explain cat.jpg --model @m --token cls --out @a.png").done();
}

#[test]
fn pointers_of_git_lfs_are_told_in_place_of_any_file() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let desk = Desk::new();
    for name in ["config.json", "model.safetensors", "preprocessor_config.json"] {
        Checkpoint::new().save(&desk);
        desk.write(&format!("m/{name}"), pointer);
        refuse_model(&desk, &[name, "is a git-lfs pointer", "git lfs pull"]);
        fs::remove_file(desk.path("m").join(name)).unwrap();
    }
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/bert");
    ["config.json", "model.safetensors"]
        .iter()
        .for_each(|n| desk.write(&format!("b/{n}"), fs::read(format!("{fixtures}/{n}")).unwrap()));
    desk.write("in.txt", "some words");
    for name in ["tokenizer.json", "vocab.txt"] {
        desk.write(&format!("b/{name}"), pointer);
        desk.run("explain @in.txt --model @b --token 0 --out @a.png").refused(&[name, "is a git-lfs pointer"]);
        fs::remove_file(desk.path("b").join(name)).unwrap();
    }
}
