//! Runs that go on in a folder with rows: answers about what has changed are made again, and only those.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Desk, desk, num_rows, tables};

const LINE: &str = "evaluate segments @data --model %vit --method kmeans --method ultra --method random --clusters 3 --seed 5";

/// Ends every row with a blank: rows that are kept are kept as they are, and those that are made again have none.
fn mark(desk: &Desk, out: &str) {
    let path = desk.path(&format!("{out}/rows.jsonl"));
    let rows = fs::read_to_string(&path).unwrap();
    fs::write(path, rows.replace('\n', " \n")).unwrap();
}

/// Rows that were kept since they were marked, and rows in all.
fn kept(desk: &Desk, out: &str) -> (usize, usize) {
    let rows = String::from_utf8(desk.read(&format!("{out}/rows.jsonl"))).unwrap();
    (rows.lines().filter(|line| line.ends_with(' ')).count(), rows.lines().count())
}

/// Writes other bytes of the same length and date: nothing but the bytes tells.
fn replace_with(desk: &Desk, name: &str, change: impl FnOnce(&mut image::RgbImage)) -> Vec<u8> {
    let (path, old) = (desk.path(name), desk.read(name));
    let date = fs::metadata(&path).unwrap().modified().unwrap();
    let mut picture = image::load_from_memory(&old).unwrap().to_rgb8();
    change(&mut picture);
    if name.contains("masks") {
        image::DynamicImage::from(picture).to_luma8().save(&path).unwrap();
    } else {
        picture.save(&path).unwrap();
    }
    fs::File::options().write(true).open(&path).unwrap().set_modified(date).unwrap();
    assert_ne!(desk.read(name), old);
    old
}

#[test]
fn only_answers_about_what_changed_are_made_again() {
    let desk = desk();
    desk.run(&format!("{LINE} --out @out")).done();
    let first = tables(&desk, "out");
    mark(&desk, "out");
    let mask = replace_with(&desk, "data/masks/p1.png", image::imageops::flip_vertical_in_place);
    let picture = replace_with(&desk, "data/images/p2.png", image::imageops::flip_horizontal_in_place);
    let deleted = desk.read("data/images/p3.png");
    fs::remove_file(desk.path("data/images/p3.png")).unwrap();
    for folder in ["images", "masks"] {
        fs::copy(desk.path(&format!("data/{folder}/p0.png")), desk.path(&format!("data/{folder}/p6.png"))).unwrap();
    }
    let ran = desk.run(&format!("{LINE} --out @out")).done();
    assert!(ran.stderr.contains("6 answers made again") && ran.stderr.contains("3 answers left out"), "{ran:?}");
    assert_eq!(kept(&desk, "out"), (9, 18), "p0, p4 and p5 by three contenders");
    desk.run(&format!("{LINE} --out @fresh")).done();
    assert_eq!(tables(&desk, "out"), tables(&desk, "fresh"));
    assert_ne!(tables(&desk, "out"), first);

    // The second time there is nothing to say of answers.
    let ran = desk.run(&format!("{LINE} --out @out")).done();
    assert!(!ran.stderr.contains("answer") && kept(&desk, "out") == (9, 18), "{ran:?}");

    // What is as it was needs no second computation.
    desk.write("data/masks/p1.png", mask);
    desk.write("data/images/p2.png", picture);
    desk.write("data/images/p3.png", deleted);
    ["images", "masks"].iter().for_each(|folder| fs::remove_file(desk.path(&format!("data/{folder}/p6.png"))).unwrap());
    let ran = desk.run(&format!("{LINE} --out @out")).done();
    assert!(!ran.stderr.contains("made again") && kept(&desk, "out") == (18, 18), "{ran:?}");
    assert_eq!(tables(&desk, "out"), first);
}

#[test]
fn without_its_settings_a_folder_keeps_the_rows_that_the_new_settings_would_make() {
    let desk = desk();
    desk.run(&format!("{LINE} --out @out")).done();
    let whole = tables(&desk, "out");
    let again = |line: &str| {
        mark(&desk, "out");
        fs::remove_file(desk.path("out/settings.json")).unwrap();
        let ran = desk.run(&format!("{line} --out @out")).done();
        desk.run(&format!("{line} --out @fresh")).done();
        assert_eq!(tables(&desk, "out"), tables(&desk, "fresh"), "{line}");
        fs::remove_dir_all(desk.path("fresh")).unwrap();
        (kept(&desk, "out"), ran.stderr)
    };
    assert_eq!(again(LINE).0, (18, 18));
    let (rows, said) = again(&format!("{LINE} --limit 2"));
    assert!(rows == (6, 6) && said.contains("12 answers left out"), "{said}");
    assert_eq!(again(LINE).0, (18, 18), "rows that were left out come back");
    // Random regions look at no model, and ultra does not care how k-means is asked.
    let facet = LINE.replace("--method kmeans", "--method kmeans,facet=key");
    for (line, same) in [(format!("{LINE} --size 32"), 6), (format!("{LINE} --layer 2"), 6), (facet, 12)] {
        let (rows, said) = again(&line);
        assert_eq!(rows, (same, 18), "{line}: {said}");
        assert_eq!(again(LINE).0, (18, 18));
    }
    let ((kept, _), said) = again(&LINE.replace("--seed 5", "--seed 6"));
    assert!(kept == 0 && said.contains("18 answers made again"), "{said}");
    let ((kept, _), _) = again(LINE);
    assert_eq!(kept, 18);
    assert_eq!(tables(&desk, "out"), whole);

    // Rows of an earlier version have no digests.
    let rows = String::from_utf8(desk.read("out/rows.jsonl")).unwrap();
    let bare = |line: &str| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["made_from", "settings"] {
            row.as_object_mut().unwrap().remove(key).unwrap();
        }
        format!("{row}\n")
    };
    desk.write("out/rows.jsonl", rows.lines().map(bare).collect::<String>());
    fs::remove_file(desk.path("out/outdated.jsonl")).unwrap();
    assert_eq!(again(LINE).0, (0, 18));
}

#[test]
fn a_changed_checkpoint_or_file_of_a_method_is_another_evaluation() {
    let desk = desk();
    for name in ["config.json", "model.safetensors"] {
        desk.write(&format!("m/{name}"), fs::read(format!("tests/fixtures/models/vit/{name}")).unwrap());
    }
    let processor = |mean: f32| {
        format!(
            r#"{{"image_processor_type":"ViTImageProcessor","size":{{"height":40,"width":40}},"image_mean":[{mean},0.5,0.5]}}"#
        )
    };
    let direction = |first: f32| {
        let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (24,), }";
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(format!("{head:<117}\n").bytes());
        bytes.extend((0..24).flat_map(|i| (if i == 0 { first } else { 0.1 }).to_le_bytes()));
        bytes
    };
    desk.write("m/preprocessor_config.json", processor(0.5));
    desk.write("w.npy", direction(1.0));
    let file = desk.path("w.npy").display().to_string();
    let line =
        format!("evaluate segments @data --model @m --method kmeans --method ultra,scalar=file:{file} --clusters 3 --out @out");
    desk.run(&line).done();
    mark(&desk, "out");
    let rows = desk.read("out/rows.jsonl");

    desk.write("m/preprocessor_config.json", processor(0.3));
    desk.run(&line).refused(&["holds another evaluation", "fingerprints", "another --out"]);
    desk.write("m/preprocessor_config.json", processor(0.5));
    desk.write("w.npy", direction(-3.0));
    desk.run(&line).refused(&["holds another evaluation", "w.npy"]);
    assert_eq!(desk.read("out/rows.jsonl"), rows, "a refusal leaves all as it was");

    fs::remove_file(desk.path("out/settings.json")).unwrap();
    desk.run(&line).done();
    assert_eq!(kept(&desk, "out"), (6, 12), "k-means does not read the file");
    desk.write("m/preprocessor_config.json", processor(0.3));
    fs::remove_file(desk.path("out/settings.json")).unwrap();
    desk.run(&line).done();
    assert_eq!(kept(&desk, "out"), (0, 12));
    desk.run(&line.replace("@out", "@fresh")).done();
    assert_eq!(tables(&desk, "out"), tables(&desk, "fresh"));
}

#[test]
fn a_run_that_was_killed_after_any_row_or_in_the_middle_of_one_goes_on() {
    let desk = desk();
    desk.run(&format!("{LINE} --out @whole")).done();
    let rows = desk.read("whole/rows.jsonl");
    let ends: Vec<usize> = (0..rows.len()).filter(|&i| rows[i] == b'\n').map(|i| i + 1).collect();
    assert_eq!(ends.len(), 18);
    for cut in [0, 1, ends[0] - 1, ends[0], ends[4] + 20, ends[10], ends[16] + 300, ends[17] - 1] {
        desk.write("out/settings.json", desk.read("whole/settings.json"));
        desk.write("out/rows.jsonl", &rows[..cut]);
        // Tables of an earlier run must not outlive it.
        desk.write("out/table.csv", "old");
        desk.run(&format!("{LINE} --out @out")).done();
        assert_eq!(tables(&desk, "out"), tables(&desk, "whole"), "{cut} bytes");
        assert_eq!(num_rows(&desk.path("out/rows.jsonl")), 18);
        fs::remove_dir_all(desk.path("out")).unwrap();
    }
}

#[test]
fn a_killed_run_leaves_no_table_of_other_rows() {
    let desk = desk();
    desk.run(&format!("{LINE} --out @out")).done();
    let old = desk.read("out/rows.jsonl");
    for i in 0..6 {
        replace_with(&desk, &format!("data/masks/p{i}.png"), image::imageops::flip_vertical_in_place);
    }
    let mut child = desk.command(&format!("{LINE} --out @out")).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let (rows, started) = (desk.path("out/rows.jsonl"), Instant::now());
    while fs::read(&rows).unwrap() == old && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!desk.path("out/table.md").exists() || num_rows(&rows) == 18, "{:?}", desk.names("out"));
    desk.run(&format!("{LINE} --out @out")).done();
    desk.run(&format!("{LINE} --out @fresh")).done();
    assert_eq!(tables(&desk, "out"), tables(&desk, "fresh"));
}
