//! Where answers go: what must not be replaced, what is no file, what cannot be written.

use super::*;

/// Every command that writes a file, with the flag that names it and an ending that it takes.
const WRITERS: [(&str, &str, &str); 9] = [
    ("explain cat.jpg --model %vit", "--out", "png"),
    ("explain cat.jpg --model %vit", "--out", "npy"),
    ("segment cat.jpg --model %vit", "--out", "json"),
    ("trace cat.jpg --model %vit", "--out", "safetensors"),
    ("generate --text hello --model %gpt2", "--out", "txt"),
    ("fit basis cat.jpg --model %vit", "--out", "safetensors"),
    ("fit lens @book.txt --model %gpt2", "--out", "safetensors"),
    ("cat.jpg --model %vit", "--screenshot", "png"),
    ("cat.jpg --model %vit", "--or-figure", "svg"),
];

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_and_left_alone() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let desk = Desk::new();
    desk.write("book.txt", "a book");
    for (line, flag, ending) in WRITERS {
        for name in ["pipe", "link", "folder"] {
            fs::remove_dir_all(desk.path("to")).ok();
            fs::create_dir(desk.path("to")).unwrap();
            let path = desk.path(&format!("to/{name}.{ending}"));
            let pipe = desk.path("to/a.pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let what = match name {
                "pipe" => fs::rename(&pipe, &path).map(|()| "is a pipe"),
                "link" => symlink("a.pipe", &path).map(|()| "is a pipe"),
                _ => fs::create_dir(&path).map(|()| "is a folder"),
            };
            desk.run(&format!("{line} {flag} @to/{name}.{ending}")).refused(&[flag, &format!("{name}.{ending}"), what.unwrap()]);
            let kind = fs::metadata(&path).unwrap().file_type();
            assert!(kind.is_dir() || kind.is_fifo(), "{line}: {name}");
        }
        desk.run(&format!("{line} {flag} @a.xyz")).refused(&[flag, "unknown extension .xyz"]);
        desk.run(&format!("{line} {flag} @nowhere/a.{ending}")).refused(&[flag, "folder does not exist"]);
    }
}

#[test]
fn what_is_read_is_not_written() {
    let desk = Desk::new();
    for name in ["config.json", "model.safetensors"] {
        desk.write(&format!("m/{name}"), fs::read(format!("tests/fixtures/models/vit/{name}")).unwrap());
    }
    desk.write("in.png", fs::read("tests/fixtures/preprocess/wide.png").unwrap());
    desk.write("w.npy", b"directions");
    desk.write("b.json", b"a basis");
    desk.write("book.txt", "a book");
    let before: Vec<Vec<u8>> = ["in.png", "w.npy", "b.json", "m/config.json"].iter().map(|name| desk.read(name)).collect();
    for (line, what) in [
        ("@in.png --screenshot @in.png", "is the input"),
        ("@in.png --or-figure @in.png", "is the input"),
        ("@in.png --model @m/model.safetensors --or-figure @m/config.json", "is the model"),
        ("explain @in.png --model @m --scalar file:@w.npy --out @w.npy", "is read by --scalar"),
        ("explain @in.png --model @m --method feature-pca --basis @b.json --out @b.json", "is read by another flag"),
        ("explain @in.png --model @m/model.safetensors --out @m/config.json", "is the model"),
        ("fit basis cat.jpg @in.png --model @m --out @m/model.safetensors", "is the model"),
        ("fit lens @book.txt --model @m --out @m/model.safetensors", "is the model"),
        ("generate @book.txt --model %gpt2 --out @book.txt", "is the input"),
    ] {
        let line = line.replace("file:@w.npy", &format!("file:{}", desk.path("w.npy").display()));
        desk.run(&line).refused(&[what, "choose another name"]);
    }
    for (name, bytes) in ["in.png", "w.npy", "b.json", "m/config.json"].iter().zip(before) {
        assert_eq!(desk.read(name), bytes, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn one_file_under_two_names_is_refused_and_links_are_written_through() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    desk.write("target.npy", "old");
    desk.write("sub/x", "");
    symlink("target.npy", desk.path("link.npy")).unwrap();
    symlink("new.npy", desk.path("dangling.npy")).unwrap();
    fs::hard_link(desk.path("target.npy"), desk.path("hard.npy")).unwrap();
    for (a, b) in [
        ("a.npy", "./a.npy"),
        ("a.npy", "sub/../a.npy"),
        ("target.npy", "link.npy"),
        ("hard.npy", "target.npy"),
        ("new.npy", "dangling.npy"),
    ] {
        desk.run(&format!("explain cat.jpg --model %vit --out @{a} --out @{b}")).refused(&["--out", b, "name each file once"]);
    }
    assert_eq!(desk.read("target.npy"), b"old");
    desk.run("explain cat.jpg --model %vit --token 1 --out @link.npy --out @dangling.npy").done();
    assert!(desk.path("link.npy").is_symlink() && desk.path("dangling.npy").is_symlink());
    assert_eq!((npy::<f32>(&desk.read("target.npy")).0, npy::<f32>(&desk.read("new.npy")).0), (vec![26], vec![26]));
    assert_eq!(desk.read("hard.npy"), b"old", "the other name of a file keeps what it had");
}

/// What a killed run left is removed by the next one that writes into the folder, and nothing else is.
#[test]
fn what_a_killed_run_left_is_removed() {
    let desk = Desk::new();
    desk.write(".tokenscopeAbC123.part", "half a file");
    desk.write(".tokenscope.toml", "somebody's");
    desk.run("explain cat.jpg --model %vit --token 1 --out @a.csv").done();
    assert_eq!(desk.names("."), [".tokenscope.toml", "a.csv"]);
}

/// /dev/full is a disk without space.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_is_no_success() {
    let desk = Desk::new();
    causal::write(&desk.path("m"), &Value::Null);
    let model = "--model tests/fixtures/models";
    for line in [
        "methods",
        "models",
        "models tests/fixtures/models",
        "models --verify tests/fixtures/models/vit",
        "--help",
        "explain --help",
        "--version",
        "explain --text hello --token 1",
        &format!("segment assets/samples/cat.jpg {model}/vit"),
        &format!("generate --text hello --model {} --tokens 3", desk.path("m").display()),
    ] {
        let ran = desk.shell(&format!("tokenscope {line} > /dev/full"));
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.starts_with("tokenscope: standard output: No space left on device; "), "{ran:?}");
        let ran = desk.shell(&format!("tokenscope {line} >&-"));
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(1), "tokenscope: standard output: is closed; send it to a file, or to /dev/null\n")
        );
    }
    let file = desk.path("a.csv");
    for end in ["> /dev/full", ">&-", "2> /dev/full", "2>&-"] {
        // What is written to a file is not printed.
        let line = format!("tokenscope explain assets/samples/cat.jpg {model}/vit --out {} {end}", file.display());
        assert_eq!(desk.shell(&line).code, Some(0), "{line}");
        fs::remove_file(&file).unwrap();
    }
    for (line, code) in [("methods > /dev/null", 0), ("explain no.jpg 2> /dev/full", 1), ("explain 2> /dev/full", 2)] {
        assert_eq!(desk.shell(&format!("tokenscope {line}")).code, Some(code), "{line}");
    }
}

/// Behind `head` nobody reads to the end: that is success, and files are written all the same.
#[cfg(unix)]
#[test]
fn a_story_is_written_though_nobody_reads_it() {
    let desk = Desk::new();
    causal::write(&desk.path("m"), &Value::Null);
    let line = "generate --text hello --model @m --tokens 9 --out";
    let mut child = desk.command(&format!("{line} @story.txt")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    desk.run(&format!("{line} @alone.txt")).done();
    assert_eq!(desk.read("story.txt"), desk.read("alone.txt"));
}

/// More than a figure holds is refused before the maps are made: this model has no answer, and is not even asked for one.
#[test]
fn too_many_tokens_are_refused_before_their_maps_are_made() {
    let desk = Desk::new();
    desk.write("long.txt", "we sat on the bank of the river ".repeat(12));
    let ran = desk.run("explain @long.txt --method class-relevance --token all --out @a.png");
    ran.refused(&["--token", "a figure of ", "1 to 64", ".npz"]);
    let ran = desk.run("explain cat.jpg --model %vit --size 80 --method grad-cam --token all --out @a.json");
    ran.refused(&["--token", "a figure of 101 tokens", "1 to 64"]);
    let tokens: String = (1..60).map(|n| format!(" --token {n}")).collect();
    let ran = desk.run(&format!("explain @long.txt --method class-relevance{tokens} --width 6 --dpi 2400 --out @a.png"));
    ran.refused(&["--token", "59 panels", "at most 400 million pixels"]);
    desk.run("explain @long.txt --method class-relevance --out @a.png").refused(&["class-relevance", "needs"]);
    assert_eq!(desk.names("."), ["long.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_fonts_shows_code_points() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fonts.conf");
    let none = format!("<fontconfig><dir>{0}</dir><cachedir>{0}</cachedir></fontconfig>", folder.path().display());
    fs::write(&config, none).unwrap();
    let (picture, record) = (folder.path().join("a.png"), folder.path().join("a.json"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tokenscope"))
        .args(["explain", "--text", "שלום 我 and 我", "--token", "1", "--out"])
        .args([picture.as_os_str(), "--out".as_ref(), record.as_os_str()])
        .env("FONTCONFIG_FILE", &config)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("panicked"), "{said}");
    assert!(said.contains("1 character is in no font of this machine and is shown as its code point: U+6211"), "{said}");
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!((&record["figure"]["without_glyph"], &record["figure"]["fonts"]), (&serde_json::json!(["U+6211"]), &Value::Null));
    assert!(picture.exists());
}
