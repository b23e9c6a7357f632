//! Broken checkpoints: each is refused in one line that names the place, with exit code 1, no file left behind, and without first
//! filling the memory with what a header claims.

#[path = "broken/checkpoint.rs"]
mod checkpoint;
#[path = "broken/folders.rs"]
mod folders;
#[path = "broken/foreign.rs"]
mod foreign;
#[path = "broken/overflow.rs"]
mod overflow;
#[path = "common/program.rs"]
mod program;
#[path = "broken/torch.rs"]
mod torch;

use std::fs;

use candle_core::Device;
use checkpoint::{Checkpoint, FIRST, QUERY, refuse_model};
use program::Desk;
use serde_json::{Map, Value, json};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::model::{Model, ModelInput};

fn span(header: &Map<String, Value>, name: &str) -> Value {
    header[name]["data_offsets"].clone()
}

#[test]
fn the_checkpoint_that_is_broken_below_is_whole() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    desk.run("explain cat.jpg --model @m --token cls --out @a.png").done();
    desk.run("explain cat.jpg --model @m/model.safetensors --token cls --out @a.png").done();
}

// ---- weights

#[test]
fn headers_that_lie_are_refused() {
    let desk = Desk::new();
    let whole = Checkpoint::new().weights();
    let deep = "[".repeat(10_000);
    let nested = format!("{{\"__metadata__\": {deep}");
    let claims = |length: u64, header: &[u8]| [&length.to_le_bytes()[..], header].concat();
    for (bytes, word) in [
        (Vec::new(), "only 0 bytes long"),
        (whole[..5].to_vec(), "only 5 bytes long"),
        (whole[..500].to_vec(), "the header claims"),
        (whole[..whole.len() - 1].to_vec(), "bytes of data"),
        (whole[..whole.len() / 2].to_vec(), "bytes of data"),
        (claims(u64::MAX, &whole[8..]), "the header claims 18446744073709551615 bytes"),
        (claims(1 << 40, &whole[8..]), "the header claims 1099511627776 bytes"),
        (claims(0, &whole[8..]), "the header is no JSON"),
        (claims(40, &[b'{'; 40]), "the header is no JSON"),
        (claims(10_000, deep.as_bytes()), "expected tensors by name"),
        (claims(nested.len() as u64, nested.as_bytes()), "the header is no JSON"),
        (claims(2, b"{}"), "no weight embeddings.cls_token"),
        (claims(8, b"{\"a\": 1}"), "the entry a is wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n".to_vec(), "is a git-lfs pointer"),
    ] {
        Checkpoint::new().save(&desk);
        desk.write("m/model.safetensors", &bytes);
        refuse_model(&desk, &["model.safetensors", word]);
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    for (broken, words) in [
        (Checkpoint::header(|h| h[QUERY]["data_offsets"] = span(h, FIRST)), &[QUERY, "bytes"][..]),
        (
            Checkpoint::header(|h| {
                let bias = QUERY.replace("weight", "bias");
                h[&bias]["data_offsets"] = span(h, FIRST);
            }),
            &["query.bias", "cls_token", "overlap"],
        ),
        (
            Checkpoint::header(|h| h[QUERY]["data_offsets"] = json!([9_000_000_000_u64, 9_000_002_304_u64])),
            &[QUERY, "bytes of data"],
        ),
        (Checkpoint::header(|h| h[QUERY]["data_offsets"] = json!([2304, 0])), &[QUERY]),
        (Checkpoint::header(|h| h[QUERY]["data_offsets"] = json!([-4, 0])), &[QUERY]),
        (Checkpoint::header(|h| h[QUERY]["dtype"] = json!("I32")), &[QUERY, "I32", "F32"]),
        (Checkpoint::header(|h| h[QUERY]["dtype"] = json!("F64")), &[QUERY, "bytes"]),
        (Checkpoint::header(|h| h[QUERY]["dtype"] = json!(7)), &[QUERY]),
        (Checkpoint::header(|h| h[QUERY]["shape"] = json!([12, 48])), &[QUERY, "[12, 48]", "[24, 24]"]),
        (Checkpoint::header(|h| h[QUERY]["shape"] = json!([576])), &[QUERY, "[576]", "[24, 24]"]),
        (Checkpoint::header(|h| h[QUERY]["shape"] = json!([u64::MAX, u64::MAX])), &[QUERY]),
        (Checkpoint::header(|h| h[QUERY]["shape"] = json!([-24, -24])), &[QUERY]),
        (Checkpoint::header(|h| drop(h.remove(QUERY))), &[QUERY, "is missing"]),
        (Checkpoint::header(|h| drop(h.remove(FIRST))), &["embeddings.cls_token"]),
    ] {
        broken.save(&desk);
        refuse_model(&desk, &[&["model.safetensors"], words].concat());
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let desk = Desk::new();
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut broken = Checkpoint::new();
        broken.set(QUERY, value);
        broken.save(&desk);
        refuse_model(&desk, &["model.safetensors", QUERY, shown, "finite numbers"]);
    }
    // Finite, but nothing finite comes out.
    let mut broken = Checkpoint::new();
    broken.set(FIRST, 3e38);
    broken.set("vit.embeddings.position_embeddings", 3e38);
    broken.set(QUERY, -3e38);
    broken.save(&desk);
    refuse_model(&desk, &["the residual stream at layer", "overflows"]);
}

// ---- config.json

#[test]
fn a_config_that_is_no_config_is_refused() {
    let desk = Desk::new();
    let deep = format!("{{\"model_type\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (text, word) in [
        ("", "not valid JSON"),
        ("{\"model_type\": \"vit\"", "not valid JSON"),
        ("<html>404</html>", "is a web page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "is a git-lfs pointer"),
        ("{\"model_type\": \"vit\", \"hidden_size\": 1e400}", "number out of range at line 1"),
        ("{\"model_type\": \"vit\", \"hidden_size\": NaN}", "not valid JSON"),
        (&deep, "not valid JSON"),
        ("\u{0}\u{1}\u{2}", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ("null", "not a JSON object"),
    ] {
        Checkpoint::new().save(&desk);
        desk.write("m/config.json", text);
        refuse_model(&desk, &["config.json", word]);
    }
    fs::remove_file(desk.path("m/config.json")).unwrap();
    refuse_model(&desk, &["config.json", "cannot be read"]);
    fs::create_dir(desk.path("m/config.json")).unwrap();
    refuse_model(&desk, &["config.json"]);
}

#[test]
fn fields_that_make_no_model_are_refused() {
    let desk = Desk::new();
    let billion = || json!(1_000_000_000);
    for (broken, words) in [
        (Checkpoint::without("model_type"), &["model_type is missing", "vit"][..]),
        (Checkpoint::with("model_type", json!("llava")), &["model_type is \"llava\"", "vit, deit, beit"]),
        (Checkpoint::with("model_type", json!({})), &["model_type is {}"]),
        (Checkpoint::with("hidden_size", json!(0)), &["hidden_size is 0", "a whole number from 1"]),
        (Checkpoint::with("hidden_size", billion()), &["hidden_size is 1000000000"]),
        (Checkpoint::with("hidden_size", json!(12_000_000)), &["position_embeddings", "[1, 26, 24]"]),
        (Checkpoint::with("hidden_size", json!(1_u64 << 63)), &["hidden_size is 9223372036854775808"]),
        (Checkpoint::with("hidden_size", json!([24])), &["hidden_size is [24]"]),
        (Checkpoint::with("hidden_size", json!(1 << 24)), &["num_attention_heads is 3", "hidden_size 16777216"]),
        (Checkpoint::with("hidden_size", json!(-24)), &["hidden_size is -24"]),
        (Checkpoint::with("hidden_size", json!(24.5)), &["hidden_size is 24.5"]),
        (Checkpoint::with("hidden_size", json!("24")), &["hidden_size is \"24\""]),
        (Checkpoint::with("hidden_size", json!(1e300)), &["hidden_size is 1e+300"]),
        (Checkpoint::without("hidden_size"), &["position_embeddings", "[1, 26, 768]"]),
        (Checkpoint::with("num_attention_heads", json!(5)), &["num_attention_heads is 5", "a divisor of hidden_size 24"]),
        (Checkpoint::with("num_attention_heads", json!(0)), &["num_attention_heads is 0"]),
        (Checkpoint::with("patch_size", json!(64)), &["patch_size is 64", "image_size 40"]),
        (Checkpoint::with("patch_size", json!(0)), &["patch_size is 0"]),
        (Checkpoint::with("patch_size", json!([8, 16])), &["patch_size is [8,16]"]),
        (Checkpoint::with("image_size", json!(16_000_000)), &["position_embeddings"]),
        (Checkpoint::with("image_size", json!([40])), &["image_size is [40]"]),
        (Checkpoint::with("num_hidden_layers", billion()), &["num_hidden_layers is 1000000000"]),
        (Checkpoint::with("num_hidden_layers", json!(5_000_000)), &["num_hidden_layers is 5000000"]),
        (Checkpoint::with("num_hidden_layers", json!(4)), &["layer.3", "is missing"]),
        (Checkpoint::with("num_hidden_layers", json!(0)), &["num_hidden_layers is 0"]),
        (Checkpoint::with("intermediate_size", json!(16_000_000)), &["intermediate.dense.weight", "[48, 24]"]),
        (Checkpoint::with("hidden_act", json!("snake")), &["hidden_act is \"snake\"", "gelu"]),
        (Checkpoint::with("hidden_act", json!(3)), &["hidden_act is 3", "gelu"]),
        (Checkpoint::with("layer_norm_eps", json!(-1)), &["layer_norm_eps is -1"]),
        (Checkpoint::with("layer_norm_eps", json!("small")), &["layer_norm_eps is \"small\""]),
        (Checkpoint::with("num_channels", json!(1)), &["num_channels is 1", "3"]),
        (Checkpoint::with("qkv_bias", json!("yes")), &["qkv_bias is \"yes\"", "true or false"]),
    ] {
        broken.save(&desk);
        let in_config = words[0].contains(" is ") && !words[0].starts_with("layer.");
        let file = if in_config { "config.json" } else { "model.safetensors" };
        refuse_model(&desk, &[&[file], words].concat());
    }
}

#[test]
fn a_broken_preprocessor_is_refused() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    let deep = "[".repeat(10_000);
    for (text, word) in [
        ("{", "not valid JSON"),
        (deep.as_str(), "not valid JSON"),
        ("{\"size\": -224}", "size"),
        ("{\"size\": 1e30}", "size"),
        ("{\"size\": {\"width\": 40}}", "size"),
        ("{\"image_mean\": [0.5, 0.5]}", "image_mean"),
        ("{\"image_std\": [0, 0, 0]}", "image_std"),
        ("{\"resample\": 77}", "resample"),
    ] {
        desk.write("m/preprocessor_config.json", text);
        refuse_model(&desk, &["preprocessor_config.json", word]);
    }
}

#[test]
fn paths_that_are_no_checkpoints_are_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.path("m")).unwrap();
    refuse_model(&desk, &["holds no model.safetensors"]);
    for (model, word) in
        [("@nowhere", "does not exist"), ("cat.jpg", "is no model folder"), ("@nowhere/model.safetensors", "does not exist")]
    {
        desk.run(&format!("explain cat.jpg --model {model} --token cls --out @a.png")).refused(&[word, "--model"]);
    }
}

/// What is no file could be read for ever.
#[cfg(unix)]
#[test]
fn devices_are_refused() {
    let desk = Desk::new();
    for name in ["config.json", "model.safetensors", "preprocessor_config.json"] {
        Checkpoint::new().save(&desk);
        let path = desk.path("m").join(name);
        drop(fs::remove_file(&path));
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        refuse_model(&desk, &[name]);
        fs::remove_file(&path).unwrap();
    }
}

/// Bytes of both files changed at random: refused or run, never a panic. In this process, so that many fit into a second.
#[test]
fn changed_bytes_never_panic() {
    let desk = Desk::new();
    let whole = Checkpoint::new();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let texts = [b"0".as_slice(), b"1", b"9", b"-", b"\"", b"[", b"}", b"e9", b"null", b"", b"99999999", b"\xff"];
    let (config, weights) = (whole.config.to_string().into_bytes(), whole.weights());
    let header = weights.len() - whole.data.len();
    for _ in 0..600 {
        let (mut config, mut weights) = (config.clone(), weights.clone());
        let (target, end) = if random(2) == 0 { (&mut config, usize::MAX) } else { (&mut weights, header) };
        let at = random(end.min(target.len()));
        let length = random(3).min(target.len() - at);
        target.splice(at..at + length, texts[random(texts.len())].iter().copied());
        desk.write("m/config.json", config);
        desk.write("m/model.safetensors", weights);
        let Ok(model) = Model::load(&desk.path("m"), &Device::Cpu) else { continue };
        let Ok(patches) = model.patches() else { continue };
        let side = patches.patch_size * 2;
        let input = ModelInput::Pixels { values: &vec![0.5; 3 * side * side], height: side, width: side };
        drop(model.trace(&input, &Cancel::default(), &Progress::default()));
    }
}
