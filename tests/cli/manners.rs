//! How the program behaves: help, lists, exit codes, what it leaves behind.

use super::*;

#[test]
fn help_and_version_say_what_there_is() {
    let desk = Desk::new();
    let help = desk.run("--help").done().stdout;
    for word in ["explain", "segment", "trace", "models", "methods", "--model", "--layer", "--token"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(desk.run("--version").done().stdout, format!("tokenscope {}\n", env!("CARGO_PKG_VERSION")));
    let help = desk.run("explain --help").done().stdout;
    for method in tokenscope::method::METHODS {
        assert!(help.contains(method.info().id));
    }
}

#[test]
fn models_and_methods_are_listed() {
    let desk = Desk::new();
    let methods = desk.run("methods").done().stdout;
    for info in tokenscope::method::METHODS.iter().map(|m| m.info()) {
        assert!(methods.contains(info.id) && methods.contains(info.formula) && methods.contains(info.citation));
    }
    let families = desk.run("models").done().stdout;
    assert!(tokenscope::engine::families().all(|family| families.contains(family.model_type)));
    desk.write("m/broken/config.json", "{}");
    fs::create_dir(desk.path("empty")).unwrap();
    let weights = fs::read("tests/fixtures/variants/plain/vit/pytorch_model.bin").unwrap();
    desk.write("m/pickled/pytorch_model.bin", weights);
    desk.write("m/pickled/config.json", fs::read("tests/fixtures/models/vit/config.json").unwrap());
    let models = desk.run("models tests/fixtures/models @m @empty").done().stdout;
    let pickled = models.lines().find(|line| line.contains("pickled")).unwrap();
    for word in ["vit ", "3 layers", "3 heads", "24 wide", "20.1 K parameters", "0.1 MB in memory (.bin)"] {
        assert!(pickled.contains(word), "{pickled}");
    }
    let count = model_folders().len();
    assert!(models.contains(&format!("{count} checkpoints")) && models.contains("dinov2_swiglu"), "{models}");
    assert!(models.contains("not readable: ") && models.contains("0 checkpoints"), "{models}");
    desk.run("models @nowhere").refused(&["nowhere", "folder"]);
}

#[test]
fn wrong_usage_ends_with_two_and_leaves_nothing() {
    let desk = Desk::new();
    for line in [
        "trace cat.jpg --model %vit",
        "explain --model %vit --token cls --out @a.png",
        "explain cat.jpg --model %vit --token cls --out @a.png --colour red",
        "explain cat.jpg --model %vit --token cls --out @a.png --method magic",
        "explain cat.jpg --model %vit --token cls --out @a.png --rows 0",
        "explain cat.jpg --model %vit --token cls --out @a.png --layer top",
        "segment cat.jpg --model %vit --clusters 0 --out @a.png",
        "segment cat.jpg --model %vit --clusters 3 --cut 0.5 --out @a.png",
        "explode cat.jpg --model %vit",
    ] {
        desk.run(line).misused();
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn a_refused_run_leaves_old_files_alone() {
    let desk = Desk::new();
    desk.write("a.png", "old");
    desk.write("a.csv", "old");
    for rest in ["--token dist", "--token cls --layer 9", "--token cls --out @nowhere/b.png", "--token cls --out @b.xyz"] {
        desk.run(&format!("explain cat.jpg --model %vit --out @a.png --out @a.csv {rest}")).refused(&[]);
    }
    desk.run("explain none.png --model %vit --token cls --out @a.png").refused(&["none.png", "no such file"]);
    assert_eq!((desk.read("a.png"), desk.read("a.csv")), (b"old".to_vec(), b"old".to_vec()));
    assert_eq!(desk.names("."), ["a.csv", "a.png"]);
    desk.run("explain cat.jpg --model %vit --token cls --out @a.csv").done();
    assert_ne!(desk.read("a.csv"), b"old");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::new();
    for line in ["methods", "models tests/fixtures/models", "--help", "explain cat.jpg --model %vit --token cls --out @a.csv"] {
        let mut child = desk.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
    }
}

/// Ctrl-C in the middle of a job: it ends soon, and neither a file nor a part of one is left.
#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing() {
    use std::time::{Duration, Instant};
    let desk = Desk::new();
    for signal in ["-INT", "-TERM"] {
        let line = "explain brick.jpg --model %dinov2 --token all --size 448 --out @a.npy --out @a.csv";
        let mut child = desk.command(line).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.is_ok());
        let asked = Instant::now();
        let status = child.wait().unwrap();
        if status.success() {
            eprintln!("skipped: the job had ended before {signal}");
            continue;
        }
        assert!(status.code().is_none_or(|code| code == 130), "{status}");
        assert!(asked.elapsed() < Duration::from_secs(20), "ended after {:?}", asked.elapsed());
        assert_eq!(desk.names("."), [""; 0], "{signal}");
    }
}
