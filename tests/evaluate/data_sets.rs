//! Which pictures count, and what is said of the others.

use std::fs;

use super::desk;
use super::program::{Desk, Ran};

fn run(desk: &Desk, folder: &str, out: &str) -> Ran {
    desk.run(&format!("evaluate segments @{folder} --model %vit --method kmeans --clusters 3 --out @{out}"))
}

/// How many pictures the table of a run counts.
fn counted(desk: &Desk, out: &str) -> usize {
    let csv = String::from_utf8(desk.read(&format!("{out}/table.csv"))).unwrap();
    csv.lines().nth(1).unwrap().split(',').nth(3).unwrap().parse().unwrap()
}

/// Every sentence is said at the end of the run, and stands below the table.
fn says(desk: &Desk, ran: &Ran, out: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(ran.stderr.lines().any(|line| line.starts_with("note: ") && line.contains(sentence)), "{sentence}: {ran:?}");
        for table in ["table.md", "table.tex"] {
            let text = String::from_utf8(desk.read(&format!("{out}/{table}"))).unwrap();
            assert!(text.contains(sentence), "{sentence} is not in {table}: {text}");
        }
    }
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("note: ")).count(), sentences.len(), "{ran:?}");
}

#[test]
fn pictures_that_do_not_count_are_counted() {
    let desk = desk();
    let path = |name: &str| desk.path(&format!("data/{name}"));
    fs::remove_file(path("masks/p1.png")).unwrap();
    fs::rename(path("masks/p2.png"), path("masks/p2.PNG")).unwrap();
    fs::rename(path("images/p3.png"), path("images/p3.PNG")).unwrap();
    for (from, to) in [("images/p0.png", "images/._p0.png"), ("images/p0.png", "images/.ipynb_checkpoints/p0-checkpoint.png")] {
        desk.write(&format!("data/{to}"), desk.read(&format!("data/{from}")));
    }
    desk.write("data/masks/.ipynb_checkpoints/p0-checkpoint.png", desk.read("data/masks/p0.png"));
    desk.write("data/masks/p9.png", desk.read("data/masks/p0.png"));
    desk.write("data/images/x.HEIC", "?");
    desk.write("data/images/Thumbs.db", "?");
    let ran = run(&desk, "data", "out").done();
    assert_eq!(counted(&desk, "out"), 5);
    let sentences = [
        "1 picture has no mask: p1.png",
        "1 mask has no picture: p9.png",
        "2 hidden pictures were passed by: ._p0.png, .ipynb_checkpoints/p0-checkpoint.png",
        "1 picture is of a format that is not read: x.HEIC",
    ];
    says(&desk, &ran, "out", &sentences);

    // Shards say it of the whole data set, and so does their table.
    for shard in 0..2 {
        let line = "evaluate segments @data --model %vit --method kmeans --clusters 3";
        let ran = desk.run(&format!("{line} --shard {shard}/2 --out @part{shard}")).done();
        says(&desk, &ran, &format!("part{shard}"), &sentences);
    }
    let ran = desk.run("evaluate merge @part0 @part1 --out @merged").done();
    says(&desk, &ran, "merged", &sentences);
    for table in ["table.md", "table.csv", "table.tex", "confusion.csv"] {
        assert_eq!(desk.read(&format!("merged/{table}")), desk.read(&format!("out/{table}")), "{table}");
    }

    // Maps need no masks; a limit counts pictures that count.
    let ran = desk.run("evaluate faithfulness @data --model %vit --method attention --steps 2 --tokens 1 --out @maps").done();
    assert_eq!(counted(&desk, "maps"), 6);
    says(&desk, &ran, "maps", &sentences[2..]);
    desk.run("evaluate segments @data --model %vit --method kmeans --clusters 3 --limit 2 --out @two").done();
    let rows = String::from_utf8(desk.read("two/rows.jsonl")).unwrap();
    assert!(rows.lines().count() == 2 && rows.contains("\"p0\"") && rows.contains("\"p2\""), "p1 has no mask: {rows}");
}

#[cfg(unix)]
#[test]
fn a_picture_that_links_reach_twice_counts_once() {
    use std::os::unix::fs::symlink;
    let desk = desk();
    let path = |name: &str| desk.path(&format!("data/{name}"));
    for part in ["images", "masks"] {
        symlink(".", path(&format!("{part}/again"))).unwrap();
        symlink("p0.png", path(&format!("{part}/same.png"))).unwrap();
    }
    symlink("nowhere.png", path("images/annexed.png")).unwrap();
    let ran = run(&desk, "data", "out").done();
    assert_eq!(counted(&desk, "out"), 6);
    says(
        &desk,
        &ran,
        "out",
        &[
            "1 picture is a link to one that counts: same.png",
            "1 folder was reached twice and read once: again",
            "1 link leads nowhere: annexed.png",
        ],
    );
}

/// Pascal VOC's folders with a list.
fn voc(desk: &Desk, list: impl AsRef<[u8]>) {
    for (from, to) in [("images", "JPEGImages"), ("masks", "SegmentationClass")] {
        fs::rename(desk.path(&format!("data/{from}")), desk.path(&format!("data/{to}"))).unwrap();
        fs::rename(desk.path(&format!("data/{to}/p5.png")), desk.path(&format!("data/{to}/my pic 5.png"))).unwrap();
    }
    desk.write("data/ImageSets/Segmentation/val.txt", list);
}

#[test]
fn a_list_is_read_whatever_its_encoding_and_says_what_it_lacks() {
    let desk = desk();
    let list = "my pic 5 \r\np0\r\n\r\np1.png\r\np0\r\np77\r\n";
    voc(&desk, list);
    let sentences = [
        "1 name in ImageSets/Segmentation/val.txt without a picture: p77",
        "3 pictures are not in ImageSets/Segmentation/val.txt: p2, p3, p4",
    ];
    let ran = run(&desk, "data", "out").done();
    assert_eq!(counted(&desk, "out"), 3);
    says(&desk, &ran, "out", &sentences);
    let wide: Vec<u8> = format!("\u{feff}{list}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes) in [("bom", format!("\u{feff}{list}").into_bytes()), ("utf16", wide)] {
        desk.write("data/ImageSets/Segmentation/val.txt", bytes);
        let ran = run(&desk, "data", name).done();
        assert_eq!(desk.read(&format!("{name}/table.md")), desk.read("out/table.md"));
        says(&desk, &ran, name, &sentences);
    }
    for bad in [&b"p\x000\x00\n\x00"[..], b"caf\xe9\n", b"\n\n", b"p77\np78\n"] {
        desk.write("data/ImageSets/Segmentation/val.txt", bad);
        run(&desk, "data", "bad").refused(&["val.txt", "expected"]);
    }
    assert!(!desk.path("bad").exists());
    fs::remove_file(desk.path("data/ImageSets/Segmentation/val.txt")).unwrap();
    desk.write("data/ImageSets/Segmentation/train.txt", "p0\n");
    let ran = run(&desk, "data", "all").done();
    assert_eq!(counted(&desk, "all"), 6);
    says(&desk, &ran, "all", &["ImageSets/Segmentation/val.txt is not there: every picture counts"]);
}

#[test]
fn annotators_are_numbered_from_anywhere() {
    let desk = desk();
    for (name, numbers) in [("p0", [0, 1]), ("p1", [1, 2]), ("p2", [0, 7])] {
        desk.write(&format!("bsds/{name}.png"), desk.read(&format!("data/images/{name}.png")));
        numbers.iter().for_each(|k| desk.write(&format!("bsds/{name}.{k}.png"), desk.read(&format!("data/masks/{name}.png"))));
    }
    desk.write("bsds/p3.png", desk.read("data/images/p3.png"));
    desk.write("bsds/p4.0.png", desk.read("data/masks/p4.png"));
    let ran = run(&desk, "bsds", "out").done();
    assert_eq!(counted(&desk, "out"), 3);
    says(&desk, &ran, "out", &["1 picture has no mask: p3.png", "1 mask has no picture: p4.0.png"]);
    assert!(String::from_utf8(desk.read("out/table.md")).unwrap().contains("Masks: 6 as grey values."));
}

#[test]
fn one_bad_picture_is_one_row_wherever_it_stands() {
    for name in ["p0", "p3", "p5"] {
        let desk = desk();
        let line = "--model %vit --clusters 3 --seed 1";
        let bytes = desk.read(&format!("data/images/{name}.png"));
        desk.write(&format!("data/images/{name}.png"), &bytes[..bytes.len() / 2]);
        let ran = desk.run(&format!("evaluate segments @data --method kmeans --method random {line} --out @out")).done();
        assert!(ran.stderr.contains("2 of 12 answers are missing") && ran.stderr.contains(&format!("{name}.png")), "{ran:?}");
        let csv = String::from_utf8(desk.read("out/table.csv")).unwrap();
        assert!(csv.lines().next().unwrap().ends_with(",refused"), "{csv}");
        assert!(csv.lines().skip(1).all(|line| line.ends_with(",1") && line.contains(",5,")), "{csv}");

        // As if it were not there.
        fs::remove_file(desk.path(&format!("data/images/{name}.png"))).unwrap();
        desk.run(&format!("evaluate segments @data --method kmeans --method random {line} --out @rest")).done();
        let rest = String::from_utf8(desk.read("rest/table.csv")).unwrap();
        let with_column = |(n, line): (usize, &str)| format!("{line},{}\n", if n == 0 { "refused" } else { "1" });
        assert_eq!(csv, rest.lines().enumerate().map(with_column).collect::<String>());
    }

    let desk = desk();
    for name in ["p0", "p2"] {
        desk.write(&format!("data/images/{name}.png"), "damaged");
    }
    let line = "evaluate faithfulness @data --model %vit --method attention --steps 2 --tokens 1 --limit 3 --out @maps";
    let ran = desk.run(line).done();
    assert_eq!(counted(&desk, "maps"), 1);
    assert!(ran.stderr.contains("6 of 9 answers are missing") && ran.stderr.contains("p0.png"), "{ran:?}");
    // Nothing but damaged pictures: the first reason.
    desk.write("data/images/p1.png", "damaged");
    desk.run(&line.replace("@maps", "@none")).refused(&["p0.png"]);
    desk.run(&format!("{} --shard 1/3", line.replace("@maps", "@shard"))).done();
}

#[test]
fn a_mistake_in_the_question_is_no_row() {
    let desk = desk();
    let ask = |flags: &str| {
        fs::remove_dir_all(desk.path("out")).unwrap_or_default();
        desk.run(&format!("evaluate segments @data --model %vit --clusters 3 {flags} --out @out"))
    };
    ask("--method ultra,scalar=class:9999 --method kmeans").refused(&["9999"]);
    ask("--method ultra --layer 9").refused(&["--layer 9", "layers 0..3"]);
    desk.write("data/images/p0.png", "damaged");
    ask("--method ultra --layer 9").refused(&["--layer 9", "layers 0..3"]);
    desk.run("evaluate segments @data/images/p1.png --layout plain --out @file").refused(&["p1.png", "is a file", "folder"]);
    desk.run("evaluate segments --images @data/images --masks @nowhere --out @file").refused(&["nowhere", "folder of pictures"]);
    for name in ["p1.bmp", "p1.tif"] {
        image::open(desk.path("data/images/p1.png")).unwrap().save(desk.path(&format!("data/images/{name}"))).unwrap();
    }
    let ran = run(&desk, "data", "twice").done();
    assert!(ran.stderr.contains("2 of 6 answers are missing"), "{ran:?}");
    let said = String::from_utf8(desk.read("twice/rows.jsonl")).unwrap();
    assert!(said.contains("there are 3 pictures of that name, p1.png, p1.tif too"), "{said}");
}

#[test]
fn what_is_said_of_pictures_and_models_is_said_once() {
    let desk = desk();
    for (i, alpha) in [(1, 0), (4, 128)] {
        let path = desk.path(&format!("data/images/p{i}.png"));
        let mut picture = image::open(&path).unwrap().into_rgba8();
        (0..=i).for_each(|x| picture.get_pixel_mut(x, 0).0[3] = alpha);
        picture.save(&path).unwrap();
    }
    for name in ["config.json", "model.safetensors"] {
        desk.write(&format!("vit/{name}"), fs::read(format!("tests/fixtures/models/vit/{name}")).unwrap());
    }
    let config = String::from_utf8(desk.read("vit/config.json")).unwrap();
    desk.write("vit/config.json", config.replace("\"LABEL_0\": 0", "\"cat\": 0"));
    let ran = desk.run("evaluate segments @data --model @vit --method kmeans --clusters 3 --method random --out @out").done();
    says(
        &desk,
        &ran,
        "out",
        &[
            "p1: 2 of 1920 pixels are transparent, and their stored colours were used as PIL does; 1 more picture is read like it",
            "vit: config.json: label2id calls class 0 cat, and id2label calls it LABEL_0: id2label is used",
        ],
    );
    let rows = desk.read("out/rows.jsonl");
    desk.run("evaluate merge @out --out @all").done();
    assert_eq!((desk.read("all/table.md"), desk.read("out/rows.jsonl")), (desk.read("out/table.md"), rows));
}
