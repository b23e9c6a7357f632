//! Broken pictures and impossible flags: each is refused in one line that names the place, with exit code 1, no file left behind,
//! and without first filling the memory with what a header claims.

#[path = "common/program.rs"]
mod program;

use std::fs;

use program::{Desk, Ran};

/// Megabytes that a refused run may have used at its height.
const MAX_PEAK_MB: u64 = 300;

fn watched(desk: &Desk, line: &str) -> Ran {
    desk.watch(line, MAX_PEAK_MB)
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
    if cfg!(unix) {
        // What is no file could be read for ever.
        watched(&desk, "explain /dev/zero --model %vit --token cls --out @a.png").refused(&["/dev/zero", "not a regular file"]);
    }
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
    for flags in ["--cut -0.5", "--cut nan", "--cut inf", "--method token-norms --clusters 3"] {
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
    for name in ["config.json", "model.safetensors"] {
        desk.write(&format!("m/{name}"), fs::read(format!("tests/fixtures/models/vit/{name}")).unwrap());
    }
    let weights = desk.read("m/model.safetensors");
    desk.run("trace @photo.png --model @m --out @m/model.safetensors").refused(&["model.safetensors", "is the model"]);
    desk.write("m/model.safetensors.index.json", "{}");
    for name in ["config.json", "model.safetensors.index.json"] {
        let line = format!("explain @photo.png --model @m --token cls --out @m/{name}");
        desk.run(&line).refused(&[name, "is the model"]);
    }
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
