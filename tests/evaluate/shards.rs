//! Merging: the shards of one evaluation, each once, complete and unchanged, or a refusal that says which is not.

use std::fs;

use serde_json::Value;

use super::{Desk, desk, tables};

const LINE: &str = "evaluate segments @data --model %vit --method kmeans --method random --clusters 3";

/// A desk with `p0` and `p1`, the two shards of an evaluation of six pictures by two contenders.
fn shards() -> Desk {
    let desk = desk();
    for shard in 0..2 {
        desk.run(&format!("{LINE} --shard {shard}/2 --out @p{shard}")).done();
    }
    desk
}

fn copy(desk: &Desk, from: &str, to: &str) {
    for name in desk.names(from) {
        desk.write(&format!("{to}/{name}"), desk.read(&format!("{from}/{name}")));
    }
}

/// A copy of `p1` with other rows.
fn with_rows(desk: &Desk, name: &str, change: impl FnOnce(&mut Vec<Value>)) {
    copy(desk, "p1", name);
    let text = String::from_utf8(desk.read("p1/rows.jsonl")).unwrap();
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut rows);
    desk.write(&format!("{name}/rows.jsonl"), rows.iter().map(|row| format!("{row}\n")).collect::<String>());
}

#[test]
fn shards_that_are_missing_doubled_or_of_other_data_are_refused() {
    let desk = shards();
    desk.run("evaluate merge @p0 --out @all").refused(&["no folder holds shard 1/2", "all 2 shards"]);
    desk.run("evaluate merge @p0 @p1 @p0 --out @all").refused(&["p0", "is named twice"]);
    desk.run("evaluate merge @p0 @p1 @p1/../p0 --out @all").refused(&["p1/../p0", "is also named as", "once"]);
    copy(&desk, "p0", "copy");
    desk.run("evaluate merge @p0 @p1 @copy --out @all").refused(&["copy", "is shard 0/2, as", "p0 is", "every shard once"]);
    desk.run(&format!("{LINE} --shard 1/3 --out @third")).done();
    desk.run("evaluate merge @p0 @third --out @all").refused(&["third", "is shard 1/3", "one of 2"]);
    desk.run(&format!("{LINE} --out @whole")).done();
    desk.run("evaluate merge @p0 @p1 @whole --out @all").refused(&["whole", "is shard 0/1", "one of 2"]);
    desk.run("evaluate merge @p0 @nowhere --out @all").refused(&["nowhere", "settings.json"]);
    desk.run("evaluate merge @p0 @p1 --out @p1/../p0").refused(&["is one of the folders that are merged"]);

    copy(&desk, "p1", "bare");
    fs::remove_file(desk.path("bare/pictures.json")).unwrap();
    desk.run("evaluate merge @p0 @bare --out @all").refused(&["bare/pictures.json", "run its command again"]);

    // The same shard of a folder that has one picture more, or as many pictures and a larger mask.
    let mask = desk.read("data/masks/p3.png");
    desk.write("data/masks/p3.png", [&mask[..], b"more"].concat());
    copy(&desk, "p1", "mended");
    desk.run(&format!("{LINE} --shard 1/2 --out @mended")).done();
    desk.run("evaluate merge @p0 @mended --out @all").refused(&["mended", "is of other pictures or masks", "again"]);
    for folder in ["images", "masks"] {
        fs::copy(desk.path(&format!("data/{folder}/p0.png")), desk.path(&format!("data/{folder}/p00.png"))).unwrap();
    }
    copy(&desk, "p1", "more");
    desk.run(&format!("{LINE} --shard 1/2 --out @more")).done();
    desk.run("evaluate merge @p0 @more --out @all").refused(&["more", "a part of 7 pictures, not of 6", "again"]);
    assert!(!desk.path("all").exists(), "nothing is written before all is known to be right");
}

#[test]
fn rows_that_are_missing_or_not_of_a_shard_are_refused_by_their_line() {
    let desk = shards();
    with_rows(&desk, "cut", |rows| rows.truncate(1));
    desk.run("evaluate merge @p0 @cut --out @all").refused(&["cut", "5 of 6 answers are missing", "p1 by random", "again"]);
    with_rows(&desk, "empty", Vec::clear);
    desk.run("evaluate merge @p0 @empty --out @all").refused(&["empty", "6 of 6 answers are missing"]);
    let twice = |rows: &mut Vec<Value>, set: &dyn Fn(&mut Value)| {
        let mut row = rows[2].clone();
        set(&mut row);
        rows.push(row);
    };
    with_rows(&desk, "foreign", |rows| twice(rows, &|row| row["image"] = "p9".into()));
    desk.run("evaluate merge @p0 @foreign --out @all").refused(&["rows.jsonl, line 7", "p9", "no picture of this shard"]);
    with_rows(&desk, "neighbour", |rows| twice(rows, &|row| row["image"] = "p0".into()));
    desk.run("evaluate merge @p0 @neighbour --out @all").refused(&["rows.jsonl, line 7", "p0", "no picture of this shard"]);
    with_rows(&desk, "other", |rows| twice(rows, &|row| row["contender"] = "nobody".into()));
    desk.run("evaluate merge @p0 @other --out @all").refused(&["rows.jsonl, line 7", "nobody", "none of the contenders"]);
    with_rows(&desk, "settings", |rows| rows[3]["settings"] = "ab".repeat(32).into());
    desk.run("evaluate merge @p0 @settings --out @all").refused(&["rows.jsonl, line 4", "made with other settings"]);
    with_rows(&desk, "twice", |rows| twice(rows, &|row| row["scores"]["miou"] = 0.125.into()));
    desk.run("evaluate merge @p0 @twice --out @all").refused(&["rows.jsonl, line 7", "scores again what line 3"]);
    assert!(!desk.path("all").exists());

    // The same line twice says the same.
    with_rows(&desk, "same", |rows| twice(rows, &|_| ()));
    desk.run("evaluate merge @p0 @same --out @all").done();
    desk.run(&format!("{LINE} --out @whole")).done();
    assert_eq!(tables(&desk, "all"), tables(&desk, "whole"));
    // Its picture is refused, then scored.
    with_rows(&desk, "refused", |rows| {
        let refused = serde_json::json!({"image": "p1", "contender": rows[0]["contender"], "refused": "why", "settings": rows[0]["settings"]});
        rows.insert(0, refused);
    });
    desk.run("evaluate merge @p0 @refused --out @again").done();
    assert_eq!(tables(&desk, "again"), tables(&desk, "whole"));
}

#[test]
fn a_merge_replaces_an_earlier_one_and_nothing_else() {
    let desk = shards();
    desk.run("evaluate merge @p0 @p1 --out @all").done();
    let rows = desk.read("all/rows.jsonl");
    desk.run("evaluate merge @p1 @p0 --out @all/../all").done();
    assert_eq!(tables(&desk, "all").len(), 4);
    // The merged folder is the evaluation in one go: there is nothing left to do in it.
    desk.run(&format!("{LINE} --out @all")).done();
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&desk.read("all/rows.jsonl")), sorted(&rows));

    for folder in ["images", "masks"] {
        fs::copy(desk.path(&format!("data/{folder}/p0.png")), desk.path(&format!("data/{folder}/p6.png"))).unwrap();
    }
    desk.run(&format!("{LINE} --out @longer")).done();
    let longer = desk.read("longer/rows.jsonl");
    desk.run("evaluate merge @p0 @p1 --out @longer").refused(&["longer", "holds an answer that none of the folders has: p6"]);
    assert_eq!(desk.read("longer/rows.jsonl"), longer);
    desk.write("foreign/notes.txt", "mine");
    desk.run("evaluate merge @p0 @p1 --out @foreign").refused(&[
        "foreign",
        "holds other files (notes.txt)",
        "name an empty folder",
    ]);
    assert_eq!(desk.names("foreign"), ["notes.txt"]);
}

#[test]
fn a_folder_that_a_run_writes_to_is_left_alone() {
    let desk = shards();
    let lock = fs::File::options().write(true).open(desk.path("p1/.lock")).unwrap();
    lock.lock().unwrap();
    desk.run(&format!("{LINE} --shard 1/2 --out @p1/../p1")).refused(&["p1", "another run writes there", "wait"]);
    desk.run("evaluate merge @p0 @p1 --out @all").refused(&["p1", "another run writes there"]);
    drop(lock);
    desk.run("evaluate merge @p0 @p1 --out @all").done();
    let lock = fs::File::options().write(true).open(desk.path("all/.lock")).unwrap();
    lock.lock().unwrap();
    desk.run("evaluate merge @p0 @p1 --out @all").refused(&["all", "another run writes there"]);
}
