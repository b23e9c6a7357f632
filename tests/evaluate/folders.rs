//! Where `--out` may be: a folder of its own, so that nobody's files are replaced.

use std::fs;

use super::{desk, num_rows, tables};

const LINE: &str = "evaluate segments @data --model %vit --method kmeans --clusters 3";

#[test]
fn folders_of_other_files_are_refused_and_left_as_they_were() {
    let desk = desk();
    for name in ["table.csv", "table.md", "confusion.csv", "pictures.json", "basis.safetensors", "rows.jsonl"] {
        desk.write("other/results", "");
        fs::remove_dir_all(desk.path("other")).unwrap();
        desk.write(&format!("other/{name}"), "my results of last year\n");
        desk.run(&format!("{LINE} --out @other")).refused(&[
            "other",
            &format!("holds other files ({name})"),
            "name an empty folder",
        ]);
        assert_eq!(desk.names("other"), [name]);
        assert_eq!(desk.read(&format!("other/{name}")), b"my results of last year\n");
    }
    desk.write("other/settings.json", r#"{"editor.tabSize": 4}"#);
    desk.run(&format!("{LINE} --out @other")).refused(&["settings.json", "choose another folder"]);
    desk.write("file", "mine");
    desk.run(&format!("{LINE} --out @file")).refused(&["file", "is no folder", "name an empty folder"]);
    desk.run(&format!("{LINE} --out @data")).refused(&["data", "holds other files (images)"]);
    for inside in ["data/images", "data/masks", "data/images/scores", "data/new/../masks/a/b"] {
        desk.run(&format!("{LINE} --out @{inside}")).refused(&["outside the pictures and masks"]);
    }
    desk.run("evaluate faithfulness @data/images --model %vit --limit 1 --out @data/images/scores").refused(&["lies in"]);
    assert_eq!((desk.names("data").len(), desk.names("data/images").len(), desk.names("data/masks").len()), (2, 6, 6));

    // What a file manager or version control leaves is in nobody's way.
    desk.write("empty/.gitkeep", "");
    desk.run(&format!("{LINE} --out @empty")).done();
    desk.run(&format!("{LINE} --out @data/scores")).done();
    assert_eq!(tables(&desk, "empty"), tables(&desk, "data/scores"));
    desk.write("empty/notes.txt", "whoever adds a file later may go on");
    desk.run(&format!("{LINE} --out @empty")).done();
}

#[cfg(unix)]
#[test]
fn one_folder_by_any_name_is_one_evaluation() {
    let desk = desk();
    fs::create_dir(desk.path("real")).unwrap();
    std::os::unix::fs::symlink(desk.path("real"), desk.path("link")).unwrap();
    std::os::unix::fs::symlink(desk.path("nothing"), desk.path("lost")).unwrap();
    desk.run(&format!("{LINE} --out @link")).done();
    let rows = desk.read("real/rows.jsonl");
    assert_eq!(num_rows(&desk.path("real/rows.jsonl")), 6);
    for spelling in ["real", "link/.", "link/../real"] {
        desk.run(&format!("{LINE} --out @{spelling}")).done();
        assert_eq!(desk.read("real/rows.jsonl"), rows, "{spelling}");
    }
    desk.run("evaluate merge @real @link --out @all").refused(&["link", "is also named as"]);
    desk.run("evaluate merge @real --out @link").refused(&["is one of the folders that are merged"]);
    desk.run(&format!("{LINE} --out @lost")).refused(&["lost", "is a link to what is not there"]);
    std::os::unix::fs::symlink(desk.path("data/images"), desk.path("there")).unwrap();
    desk.run(&format!("{LINE} --out @there/scores")).refused(&["lies in", "outside the pictures and masks"]);
}

/// Opening a pipe waits for its other end.
#[cfg(unix)]
#[test]
fn pipes_among_the_files_are_refused_and_not_waited_for() {
    let desk = desk();
    desk.run(&format!("{LINE} --out @whole")).done();
    for name in [".lock", "settings.json", "pictures.json", "rows.jsonl", "outdated.jsonl", "table.md", "confusion.csv"] {
        for file in ["settings.json", "pictures.json", "rows.jsonl"] {
            desk.write(&format!("out/{file}"), desk.read(&format!("whole/{file}")));
        }
        drop(fs::remove_file(desk.path(&format!("out/{name}"))));
        let made = std::process::Command::new("mkfifo").arg(desk.path(&format!("out/{name}"))).status();
        assert!(made.is_ok_and(|status| status.success()), "{name}");
        for line in [format!("{LINE} --out @out"), "evaluate merge @out --out @all".to_owned()] {
            desk.run(&line).refused(&[name, "is a pipe"]);
        }
        fs::remove_dir_all(desk.path("out")).unwrap();
    }
    assert!(std::process::Command::new("mkfifo").arg(desk.path("data/val.txt")).status().unwrap().success());
    desk.run(&format!("{LINE} --out @out")).done();
}

/// Nobody asks about a picture again: what was recorded of it goes before the next one comes.
#[cfg(target_os = "linux")]
#[test]
fn one_picture_is_held_at_a_time() {
    let desk = desk();
    // The trace of one takes 70 MB.
    let line = "evaluate faithfulness @data/images --model %vit --method rollout --size 288 --steps 1 --tokens 0 --out @out";
    desk.watch(line, 400).done();
}
