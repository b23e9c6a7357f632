//! What the program carries: its models and samples answer without any file, and say what they are.

use program::Desk;
use serde_json::Value;
use tokenscope::builtin::SAMPLES;

#[path = "common/program.rs"]
mod program;

#[test]
fn every_sample_is_explained_by_the_model_for_its_kind() {
    let desk = Desk::new();
    for sample in SAMPLES {
        let token = if sample.is_text() { "1" } else { "7,7" };
        desk.run(&format!("explain sample:{} --token {token} --out @a.json --out @a.csv", sample.name)).done();
        let record: Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
        let model = if sample.is_text() { "text" } else { "image" };
        assert_eq!(record["request"]["model"], model);
        assert_eq!(record["request"]["input"]["sample"], sample.name);
        assert_eq!(record["request"]["params"]["scalar"], if sample.is_text() { "norm" } else { "sum" });
        let followed = if sample.is_text() { "|z|" } else { "sum of z / |z|, |z| held fixed" };
        assert_eq!(record["method"]["scalar"], followed);
        assert_eq!(record["model"]["sha256"].as_str().unwrap().len(), 64);
        let rows = String::from_utf8(desk.read("a.csv")).unwrap();
        assert_eq!(rows.lines().count() == 198, !sample.is_text(), "{}", sample.name);
    }
    desk.run("explain sample:dog.jpg --token cls --out @b.png").refused(&["sample:dog.jpg", "cat.jpg", "bank.txt"]);
}

#[test]
fn the_image_model_knows_a_cat() {
    let desk = Desk::new();
    let said = desk.run("explain sample:cat.jpg --token cls --out @a.png --verbose").done().stderr;
    assert!(said.contains("built-in image model") && said.contains("cat"), "{said}");
}

#[test]
fn a_word_means_something_else_in_another_place() {
    let desk = Desk::new();
    let relevance = |word: &str| -> Vec<f32> {
        desk.run(&format!("explain sample:bank.txt --token {word} --out @a.csv")).done();
        let rows = String::from_utf8(desk.read("a.csv")).unwrap();
        rows.lines().skip(1).map(|row| row.rsplit_once(',').unwrap().1.parse().unwrap()).collect()
    };
    let (first, second) = (relevance("bank#1"), relevance("bank#2"));
    assert_eq!(first.len(), second.len());
    assert_ne!(first, second);
    assert!(first.iter().all(|r| *r >= 0.0));
}

#[test]
fn texts_come_from_flags_files_and_standard_input() {
    let desk = Desk::new();
    std::fs::write(desk.path("note.txt"), "The cat sat.\n").unwrap();
    let csv = |desk: &Desk| String::from_utf8(desk.read("a.csv")).unwrap();
    desk.run_with(&["explain", "--text", "The cat sat.\n", "--token", "cat", "--out", "@a.csv"], b"").done();
    let from_flag = csv(&desk);
    desk.run_with(&["explain", "@note.txt", "--token", "cat", "--out", "@a.csv"], b"").done();
    assert_eq!(csv(&desk), from_flag);
    desk.run_with(&["explain", "-", "--model", "text", "--token", "cat", "--out", "@a.csv"], b"The cat sat.\n").done();
    assert!(!csv(&desk).is_empty());
    let printed = desk.run_with(&["explain", "--text", "The cat sat.\n", "--token", "cat"], b"").done().stdout;
    assert_eq!(printed, from_flag, "without --out the numbers are printed");
    assert!(desk.run("explain --text cat --model text").done().stdout.contains("\n0,special,"), "without --token, the first");
    desk.run("explain sample:bank.txt --model image --token cls --out @b.csv").refused(&[
        "bank.txt",
        "is a text",
        "--model text",
    ]);
    desk.run("explain sample:cat.jpg --model text --token cls --out @b.csv").refused(&["is a picture", "--model image"]);
    desk.run("explain sample:bank.txt --token 7,7 --out @b.csv").refused(&["--token 7,7", "a word of the text"]);
    desk.run("segment sample:bank.txt --out @b.npy").refused(&["the input is a text"]);
}

#[test]
fn models_lists_what_is_built_in() {
    let said = Desk::new().run("models").done().stdout;
    for word in ["image", "text", "bert", "vit", "bank.txt", "cat.jpg"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
