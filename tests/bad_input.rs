//! Broken checkpoints, broken pictures and impossible flags: each is refused in one line that names the place, with exit code 1,
//! no file left behind, and without first filling the memory with what a header claims.

#[path = "common/program.rs"]
mod program;

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use candle_core::Device;
use program::{Desk, Ran};
use serde_json::{Map, Value, json};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::model::{Model, ModelInput};

/// Megabytes that a refused run may have used at its height.
const MAX_PEAK_MB: u64 = 300;

/// A checkpoint that is taken apart to be broken: the tiny `vit`.
#[derive(Clone)]
struct Checkpoint {
    config: Value,
    header: Map<String, Value>,
    data: Vec<u8>,
}

const FIRST: &str = "vit.embeddings.cls_token";
const QUERY: &str = "vit.encoder.layer.1.attention.attention.query.weight";

impl Checkpoint {
    fn new() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/vit/");
        let bytes = fs::read(format!("{folder}model.safetensors")).unwrap();
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let config = serde_json::from_slice(&fs::read(format!("{folder}config.json")).unwrap()).unwrap();
        Self { config, header: serde_json::from_slice(header).unwrap(), data: data.to_vec() }
    }

    fn with(field: &str, value: Value) -> Self {
        let mut broken = Self::new();
        broken.config[field] = value;
        broken
    }

    fn without(field: &str) -> Self {
        let mut broken = Self::new();
        broken.config.as_object_mut().unwrap().remove(field).unwrap();
        broken
    }

    fn header(change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut broken = Self::new();
        change(&mut broken.header);
        broken
    }

    fn weights(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).unwrap();
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }

    fn save(&self, desk: &Desk) {
        desk.write("m/config.json", self.config.to_string());
        desk.write("m/model.safetensors", self.weights());
    }

    /// Writes one number into the middle of a weight.
    fn set(&mut self, name: &str, value: f32) {
        let offset = |i: usize| self.header[name]["data_offsets"][i].as_u64().unwrap() as usize;
        let middle = (offset(0) + offset(1)) / 8 * 4;
        self.data[middle..middle + 4].copy_from_slice(&value.to_le_bytes());
    }
}

fn span(header: &Map<String, Value>, name: &str) -> Value {
    header[name]["data_offsets"].clone()
}

/// Runs a line and watches its memory. The peak is looked at once a millisecond while the process lives; where there is no
/// /proc it is taken as 0.
fn watched(desk: &Desk, line: &str) -> Ran {
    let mut child = desk.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_mb(&child));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    assert!(peak < MAX_PEAK_MB, "{line}: {peak} MB");
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Ran { line: line.to_owned(), code: status.code(), stdout, stderr }
}

fn peak_mb(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

/// Explains a sample with the checkpoint on the desk: a refusal that names `words`.
fn refuse_model(desk: &Desk, words: &[&str]) {
    desk.write("out/old.png", "old");
    watched(desk, "explain cat.jpg --model @m --token cls --out @out/a.png --out @out/old.png").refused(words);
    assert_eq!((desk.names("out"), desk.read("out/old.png")), (vec!["old.png".to_owned()], b"old".to_vec()));
}

#[test]
fn the_checkpoint_that_is_broken_below_is_whole() {
    let desk = Desk::new();
    Checkpoint::new().save(&desk);
    watched(&desk, "explain cat.jpg --model @m --token cls --out @a.png").done();
    watched(&desk, "explain cat.jpg --model @m/model.safetensors --token cls --out @a.png").done();
}

// ---- weights

#[test]
fn headers_that_lie_are_refused() {
    let desk = Desk::new();
    let whole = Checkpoint::new().weights();
    let deep = "[".repeat(10_000);
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
        (claims(10_000, deep.as_bytes()), "the header is no JSON"),
        (claims(2, b"{}"), "no weight embeddings.cls_token"),
        (claims(8, b"{\"a\": 1}"), "the header's entry a is wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n".to_vec(), "the header claims"),
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
        ("<html>404</html>", "not valid JSON"),
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
        (Checkpoint::with("model_type", json!("llava")), &["model_type is \"llava\"", "vit, deit, dinov2"]),
        (Checkpoint::with("model_type", json!({})), &["model_type is {}"]),
        (Checkpoint::with("hidden_size", json!(0)), &["hidden_size is 0", "a whole number from 1"]),
        (Checkpoint::with("hidden_size", billion()), &["hidden_size is 1000000000"]),
        (Checkpoint::with("hidden_size", json!(12_000_000)), &["position_embeddings", "[1, 26, 24]"]),
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
    watched(&desk, "explain /dev/zero --model %vit --token cls --out @a.png").refused(&["/dev/zero", "not a regular file"]);
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

// ---- inputs

/// A PNG of a few bytes that claims so many pixels.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let header = [b"IHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    let crc = !header.iter().fold(!0_u32, |crc, &b| (0..8).fold(crc ^ u32::from(b), |crc, _| step(crc)));
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &header, &crc.to_be_bytes(), b"\0\0\0\x04IDAT\0\0\0\0"].concat()
}

#[test]
fn inputs_that_are_no_pictures_are_refused() {
    let desk = Desk::new();
    let jpeg = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/cat.jpg")).unwrap();
    let png = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/preprocess/wide.png")).unwrap();
    for (name, bytes, word) in [
        ("empty.png", &b""[..], "empty"),
        ("text.png", b"Dear reader,\nthis is a letter.\n", "not a picture"),
        ("cut.png", &png[..png.len() / 2], "cut off or damaged"),
        ("cut.jpg", &jpeg[..jpeg.len() / 2], "cut off or damaged"),
        ("bomb.png", &bomb(100_000, 100_000), "100000 x 100000"),
        ("bomb.ppm", b"P6 90000 90000 255\n", "90000 x 90000"),
        ("strange\nname.png", b"no", "strange name.png"),
        ("no.safetensors", b"no", "no.safetensors"),
        ("lies.safetensors", &[0xff; 64], "header claims"),
        ("notes.txt", b"words", "notes.txt"),
    ] {
        desk.write(name, bytes);
        let mut command = desk.command("explain --model %vit --token cls --out @a.png");
        let output = command.arg(desk.path(name)).output().unwrap();
        Ran::new(name, output).refused(&[word]);
        if !name.contains('\n') {
            watched(&desk, &format!("explain @{name} --model %vit --token cls --out @a.png")).refused(&[word]);
        }
        fs::remove_file(desk.path(name)).unwrap();
    }
    watched(&desk, "explain @none.png --model %vit --token cls --out @a.png").refused(&["none.png", "no such file"]);
    watched(&desk, "explain assets --model %vit --token cls --out @a.png").refused(&["assets", "is a folder"]);
    watched(&desk, "trace @none.png --model %vit --out @a.safetensors").refused(&["none.png"]);
    watched(&desk, "segment @none.png --model %vit --out @a.png").refused(&["none.png"]);
    assert_eq!(desk.names("."), [""; 0]);
}

// ---- flags

#[test]
fn sizes_that_no_model_takes_are_refused() {
    let desk = Desk::new();
    for (size, words) in [
        ("223", &["--size 223", "8"][..]),
        ("40x41", &["--size 40x41", "8"]),
        ("100000", &["--size 100000", "4096"]),
        ("8x100000", &["100000", "4096"]),
        ("native:100000", &["4096"]),
        ("4096", &["--size 4096", "patches"]),
        // As many patches as are allowed, but no memory holds their attention.
        ("2040", &["2040", "GB", "--size"]),
    ] {
        let line = format!("explain cat.jpg --model %vit --token cls --out @a.png --size {size}");
        watched(&desk, &line).refused(words);
    }
    for size in ["0", "-8", "8.5", "x", "40x", "18446744073709551616", "native:0", "huge"] {
        desk.run(&format!("explain cat.jpg --model %vit --token cls --out @a.png --size {size}")).misused();
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn values_out_of_range_are_refused_by_flag() {
    let desk = Desk::new();
    for (flags, words) in [
        ("--layer 4", &["--layer 4", "0..3"][..]),
        ("--layer -5", &["--layer -5", "0..3"]),
        ("--method attention --layer 0", &["--layer 0", "1..3"]),
        ("--method attention --head 3", &["--head 3", "0 to 2"]),
        ("--token 5,5", &["--token 5,5"]),
        ("--token 26", &["--token 26"]),
        ("--token -1,2", &["--token -1,2"]),
        ("--device cuda", &["--device cuda", "cpu"]),
        ("--opacity 2", &["--opacity 2"]),
        ("--opacity -1", &["--opacity -1"]),
        ("--opacity nan", &["--opacity NaN"]),
        ("--dpi 1", &["--dpi 1"]),
        ("--dpi 100000", &["--dpi 100000"]),
        ("--width 0", &["--width 0"]),
        ("--width -3", &["--width -3"]),
        ("--width 1e9", &["--width 1000000000"]),
        ("--out @nowhere/b.png", &["nowhere/b.png", "folder"]),
        ("--out @b", &["--out", "no extension"]),
        ("--out @b.jpeg", &["--out", ".jpeg", ".png"]),
        ("--out @a.png", &["--out", "twice"]),
        ("--out @", &["--out"]),
    ] {
        watched(&desk, &format!("explain cat.jpg --model %vit --token cls --out @a.png {flags}")).refused(words);
    }
    for flags in ["--cut -0.5", "--cut nan", "--cut inf", "--method similarity --clusters 3"] {
        watched(&desk, &format!("segment cat.jpg --model %vit --out @a.png {flags}")).refused(&[&flags[..5]]);
    }
    for (out, word) in [("@a.png", ".safetensors"), ("@nowhere/a.safetensors", "nowhere"), ("@a", ".safetensors")] {
        watched(&desk, &format!("trace cat.jpg --model %vit --out {out}")).refused(&[word]);
    }
    for flags in [
        "--method magic",
        "--head most",
        "--head -1",
        "--facet soul",
        "--scalar max",
        "--rows 0",
        "--rows -2",
        "--own up",
        "--device tpu",
        "--layer 1.5",
        "--colormap jet",
        "--range 2:1",
    ] {
        desk.run(&format!("explain cat.jpg --model %vit --token cls --out @a.png {flags}")).misused();
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn an_input_is_not_overwritten() {
    let desk = Desk::new();
    let png = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/preprocess/wide.png")).unwrap();
    desk.write("photo.png", &png);
    desk.run("explain @photo.png --model %vit --token cls --out @photo.png").refused(&["photo.png", "is the input"]);
    Checkpoint::new().save(&desk);
    let weights = desk.read("m/model.safetensors");
    desk.run("trace @photo.png --model @m --out @m/model.safetensors").refused(&["model.safetensors", "is the model"]);
    assert_eq!((desk.read("photo.png"), desk.read("m/model.safetensors")), (png, weights));
}

/// Without a display the window is refused, and what needs none is named.
#[cfg(target_os = "linux")]
#[test]
fn no_display_is_one_line() {
    let desk = Desk::new();
    for line in ["", "cat.jpg --model %vit"] {
        let mut command = desk.command(line);
        for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(name);
        }
        Ran::new(line, command.output().unwrap()).refused(&["display", "tokenscope explain"]);
    }
}
