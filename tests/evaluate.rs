//! `evaluate` as a user meets it: a folder of tiny pictures with masks, run whole, killed and resumed, and in shards.

#[path = "common/program.rs"]
mod program;

#[path = "evaluate/data_sets.rs"]
mod data_sets;
#[path = "evaluate/folders.rs"]
mod folders;
#[path = "evaluate/masks.rs"]
mod masks;
#[path = "evaluate/resumed.rs"]
mod resumed;
#[path = "evaluate/rows.rs"]
mod rows;
#[path = "evaluate/shards.rs"]
mod shards;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use image::{GrayImage, Luma, Rgb, RgbImage};
use program::Desk;
use serde_json::Value;

const TABLES: [&str; 4] = ["table.md", "table.csv", "table.tex", "confusion.csv"];

/// A desk with `data/images` and `data/masks`: six pictures of a disc on a ground, and what is what.
fn desk() -> Desk {
    let desk = Desk::new();
    for folder in ["data/images", "data/masks"] {
        fs::create_dir_all(desk.path(folder)).unwrap();
    }
    for i in 0..6_u32 {
        let inside = |x: u32, y: u32| (x as i32 - 20 - i as i32).pow(2) + (y as i32 - 18).pow(2) < 120;
        let shade = |x: u32, y: u32| ((x * 7 + y * 13 + i * 29) % 40) as u8;
        let colour = |x, y| if inside(x, y) { Rgb([200 + shade(x, y), 60, 30]) } else { Rgb([30, 90 + shade(x, y), 160]) };
        RgbImage::from_fn(48, 40, colour).save(desk.path(&format!("data/images/p{i}.png"))).unwrap();
        let label = |x, y| match (inside(x, y), y < 3) {
            (_, true) => Luma([255]),
            (true, _) => Luma([1 + (i % 2) as u8]),
            _ => Luma([0]),
        };
        GrayImage::from_fn(48, 40, label).save(desk.path(&format!("data/masks/p{i}.png"))).unwrap();
    }
    desk
}

const SEGMENTS: &str = "evaluate segments @data --model %vit --model %dino --layer -1 --layer 2 --clusters 2..4 \
                        --select oracle --select unsupervised --seed 5";

fn tables(desk: &Desk, out: &str) -> Vec<Vec<u8>> {
    TABLES.iter().map(|name| desk.read(&format!("{out}/{name}"))).collect()
}

/// The numbers of a column, but for empty cells.
fn cells(csv: &str, column: usize) -> Vec<f64> {
    csv.lines().skip(1).filter_map(|line| line.split(',').nth(column)?.parse().ok()).collect()
}

fn num_rows(path: &Path) -> usize {
    fs::read(path).map_or(0, |bytes| bytes.iter().filter(|&&b| b == b'\n').count())
}

#[test]
fn segments_are_scored_and_a_killed_run_and_shards_give_the_same_bytes() {
    let desk = desk();
    let ran = desk.run(&format!("{SEGMENTS} --out @whole")).done();
    assert!(ran.stdout.starts_with("| model | layer | method | clusters | images |"), "{ran:?}");
    let whole = tables(&desk, "whole");
    // Two models, two layers, two ways to choose; and regions by lot in two ways.
    assert_eq!(num_rows(&desk.path("whole/rows.jsonl")), 6 * 10);
    let csv = String::from_utf8(whole[1].clone()).unwrap();
    let mut reader = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heads = reader.next().unwrap();
    // Regions by lot look like nothing to the model: no joint clusters.
    let numbers = |line: Vec<&str>| -> Vec<f64> {
        line[heads.len() - 12..].iter().filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).collect()
    };
    let scores: Vec<f64> = reader.flat_map(numbers).collect();
    assert!(scores.len() == 120 - 2 * 4 && scores.iter().all(|s| (0.0..=1.0).contains(s)), "{csv}");
    let column = |name: &str| heads.iter().position(|head| *head == name).unwrap();
    let [joint, lowest, highest] =
        ["joint mIoU", "joint mIoU lowest", "joint mIoU highest"].map(|name| cells(&csv, column(name)));
    assert!(joint.len() == 8 && (0..8).all(|i| lowest[i] <= joint[i] && joint[i] <= highest[i]), "{csv}");
    assert!(lowest.iter().zip(&highest).any(|(a, b)| a < b), "the starts differ: {csv}");
    assert!(String::from_utf8_lossy(&whole[3]).contains("class 2"), "classes of the masks are named");

    // A second run finds nothing to do.
    desk.run(&format!("{SEGMENTS} --out @whole")).done();
    assert_eq!(tables(&desk, "whole"), whole);

    let mut child =
        desk.command(&format!("{SEGMENTS} --out @killed")).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let (rows, started) = (desk.path("killed/rows.jsonl"), Instant::now());
    while num_rows(&rows) < 7 && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let done = num_rows(&rows);
    assert!(done >= 7, "{done} rows");
    assert!(!desk.path("killed/table.md").exists() || done == 60);
    // What a kill may leave: a line that was not written to its end.
    let mut half = fs::read(&rows).unwrap();
    half.extend(b"{\"image\":\"p5\",\"contend");
    fs::write(&rows, half).unwrap();
    desk.run(&format!("{SEGMENTS} --out @killed")).done();
    assert_eq!(tables(&desk, "killed"), whole);
    assert_eq!(num_rows(&rows), 60);

    for shard in 0..2 {
        desk.run(&format!("{SEGMENTS} --shard {shard}/2 --out @part{shard}")).done();
        assert_eq!(num_rows(&desk.path(&format!("part{shard}/rows.jsonl"))), 30);
    }
    desk.run("evaluate merge @part1 @part0 --out @merged").done();
    assert_eq!(tables(&desk, "merged"), whole);

    desk.run(&SEGMENTS.replace("--seed 5", "--seed 6 --out @whole")).refused(&[
        "settings.json",
        "seed was 5 and is 6",
        "another --out",
    ]);
    desk.run(&format!("{SEGMENTS} --clusters 3 --out @other")).misused();
    desk.run("evaluate segments @data --model %vit --clusters 3 --out @other").done();
    desk.run("evaluate merge @part0 @other --out @mixed").refused(&["other", "not of the same evaluation", "test.segments"]);
    assert!(!desk.path("mixed").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_cleanly_and_what_was_done_stays() {
    let desk = desk();
    let child = desk.command(&format!("{SEGMENTS} --out @out")).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (rows, started) = (desk.path("out/rows.jsonl"), Instant::now());
    while num_rows(&rows) < 3 && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = fs::read_to_string(&rows).unwrap();
    assert!(text.ends_with('\n') && text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    assert!(ended.status.code() == Some(130) || text.lines().count() == 60, "{ended:?}");
}

#[test]
fn maps_are_scored_beside_a_random_one_and_a_gaussian() {
    let desk = desk();
    let line =
        "evaluate faithfulness @data --model %vit --model %siglip_vision --method all --steps 5 --tokens 2 --limit 2 --out @out";
    desk.run(line).done();
    let table = String::from_utf8(desk.read("out/table.csv")).unwrap();
    let line = |words: &[&str]| {
        let found = table.lines().find(|line| words.iter().all(|word| line.split(',').any(|cell| cell == *word)));
        found.unwrap_or_else(|| panic!("{words:?} in {table}")).split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        table.lines().next().unwrap(),
        "model,layer,method,images,answer,deletion,insertion,comprehensiveness,sufficiency,latent deletion"
    );
    for method in ["ultra", "rollout", "random", "gaussian"] {
        let cells = line(&["vit", method]);
        let scores: Vec<f64> = cells[4..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!(scores.len() == 6 && cells[3] == "2" && scores.iter().all(|s| s.abs() <= 1.0), "{cells:?}");
        // A model without classes has patches alone.
        let cells = line(&["siglip_vision", method]);
        assert!(cells[4..9].iter().all(String::is_empty) && cells[9].parse::<f64>().unwrap() <= 1.0, "{cells:?}");
    }
    let settings: Value = serde_json::from_slice(&desk.read("out/settings.json")).unwrap();
    assert_eq!(settings["data"]["layout"], "plain");
}

#[test]
fn scores_of_maps_are_those_of_pytorch() {
    let golden: Value = serde_json::from_slice(&fs::read("tests/fixtures/scores/scores.json").unwrap()).unwrap();
    let desk = Desk::new();
    desk.run("evaluate faithfulness %vit/expected.safetensors --model %vit --method attention --steps 5 --tokens 25 --out @out")
        .done();
    let rows = String::from_utf8(desk.read("out/rows.jsonl")).unwrap();
    let row: Value = serde_json::from_str(rows.lines().find(|line| line.contains("| attention")).unwrap()).unwrap();
    for (name, want) in golden["faithfulness"].as_object().unwrap() {
        let (got, want) = (row["scores"][name].as_f64().unwrap(), want.as_f64().unwrap());
        // Both are means of what f32 computes.
        assert!((got - want).abs() < 1e-5, "{name}: {got}, PyTorch has {want}");
    }
}

#[test]
fn a_mask_that_is_the_answer_is_met_in_every_score() {
    let desk = desk();
    // The size of the model's input: nothing is resized on the way.
    let picture = image::open(desk.path("data/images/p1.png")).unwrap().to_rgb8();
    image::imageops::crop_imm(&picture, 4, 0, 40, 40).to_image().save(desk.path("data/images/p1.png")).unwrap();
    desk.run("segment @data/images/p1.png --model %vit --clusters 3 --out @labels.npz").done();
    let mut zip = zip::ZipArchive::new(fs::File::open(desk.path("labels.npz")).unwrap()).unwrap();
    let mut bytes = Vec::new();
    zip.by_name("labels.npy").unwrap().read_to_end(&mut bytes).unwrap();
    let labels: Vec<i32> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
    assert_eq!(labels.len(), 1600);
    let mask = GrayImage::from_fn(40, 40, |x, y| Luma([20 - labels[(y * 40 + x) as usize] as u8]));
    for i in [0, 2, 3, 4, 5] {
        fs::remove_file(desk.path(&format!("data/masks/p{i}.png"))).unwrap();
    }
    mask.save(desk.path("data/masks/p1.png")).unwrap();
    desk.run("evaluate segments @data --model %vit --method ultra --clusters 2..6 --out @out").done();
    let table = String::from_utf8(desk.read("out/table.csv")).unwrap();
    let (heads, cells) = table.trim_end().split_once('\n').unwrap();
    for (head, cell) in heads.split(',').zip(cells.split(',')).skip(7) {
        match head {
            "VoI (bits)" => assert_eq!(cell, "0.0000", "{head}: {table}"),
            // The truth keeps the corners that thinning takes from the prediction.
            "boundary recall" | "boundary F" | "boundary F of sums" => {
                assert!((0.5..1.0).contains(&cell.parse::<f64>().unwrap()), "{head}: {table}");
            }
            _ => assert_eq!(cell, "1.0000", "{head}: {table}"),
        }
    }
    assert!(cells.contains(",1,3.0000,3.0000,"), "the oracle finds three: {table}");

    // DeiT's preprocessing crops: what it does not show is not scored.
    desk.run("evaluate segments @data --model %deit --method ultra --clusters 3 --out @cropped").done();
    let row: Value = serde_json::from_slice(&desk.read("cropped/rows.jsonl")).unwrap();
    let scored = row["scores"]["scored"].as_f64().unwrap();
    assert!((0.7..0.8).contains(&scored), "(224 / 256) squared is {:.3}: {row}", (224.0_f64 / 256.0).powi(2));
    let counted: u64 = row["counts"].as_array().unwrap().iter().map(|cell| cell[2].as_u64().unwrap()).sum();
    assert_eq!(counted as f64, scored * 1600.0);
}

#[test]
fn maps_of_a_model_that_forgot_are_compared_block_by_block() {
    let desk = desk();
    desk.run("evaluate randomization @data/images/p1.png --model %vit --method ultra --method similarity,facet=key --out @out")
        .done();
    let table = String::from_utf8(desk.read("out/table.csv")).unwrap();
    assert!(table.starts_with("model,layer,method,images,last 1,last 2,last 3\n"), "{table}");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert!(rows.len() == 2 && table.contains("\"similarity,facet=key\""), "{table}");
    let last: f64 = rows[0].last().unwrap().parse().unwrap();
    assert!((-1.0..0.95).contains(&last), "{table}");
    // Keys of the last block alone are shuffled: below it nothing has changed.
    assert_ne!(rows[1][rows[1].len() - 3], "1.0000");
}

#[test]
fn layouts_are_found_and_several_annotators_are_joined() {
    let desk = desk();
    for i in 0..2 {
        let picture = image::open(desk.path(&format!("data/images/p{i}.png"))).unwrap().to_rgb8();
        fs::create_dir_all(desk.path("bsds")).unwrap();
        picture.save(desk.path(&format!("bsds/{i}.jpg"))).unwrap();
        for k in 0..=i {
            let mask = GrayImage::from_fn(48, 40, |x, y| Luma([1 + u8::from(x > 20 + k) + 2 * u8::from(y > 17)]));
            mask.save(desk.path(&format!("bsds/{i}.{k}.png"))).unwrap();
        }
    }
    desk.run("evaluate segments @bsds --model %vit --clusters 4 --out @regions").done();
    let settings: Value = serde_json::from_slice(&desk.read("regions/settings.json")).unwrap();
    assert_eq!(settings["data"]["layout"], "bsds500");
    assert!(!desk.path("regions/confusion.csv").exists(), "regions have no classes");
    let table = String::from_utf8(desk.read("regions/table.csv")).unwrap();
    assert!(table.contains("boundary F of sums") && !table.contains("joint mIoU"), "{table}");

    // A mask with a palette holds indices, as those of Pascal VOC do.
    let voc = |i: u32, mask: &[u8]| {
        let picture = image::open(desk.path(&format!("data/images/p{i}.png"))).unwrap().to_rgb8();
        for folder in ["voc/JPEGImages", "voc/SegmentationClass", "voc/ImageSets/Segmentation"] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        picture.save(desk.path(&format!("voc/JPEGImages/{i}.jpg"))).unwrap();
        desk.write(&format!("voc/SegmentationClass/{i}.png"), mask);
        desk.write("voc/ImageSets/Segmentation/val.txt", "0\n");
    };
    (0..2).for_each(|i| voc(i, &fs::read("tests/fixtures/scores/palette.png").unwrap()));
    desk.run("evaluate segments @voc --model %vit --clusters 3 --out @classes").done();
    assert_eq!(num_rows(&desk.path("classes/rows.jsonl")), 2, "the list names one picture, and two are scored on it");
    let confusion = String::from_utf8(desk.read("classes/confusion.csv")).unwrap();
    assert!(confusion.contains("cat") && confusion.contains("background") && !confusion.contains("class"), "{confusion}");
}

#[test]
fn what_cannot_be_scored_is_refused_in_one_line() {
    let desk = desk();
    desk.write("empty/readme.txt", "nothing");
    desk.run("evaluate segments @empty --out @out").refused(&["no known layout", "images/ and masks/"]);
    desk.write("matlab/groundTruth/val/1.mat", "MATLAB");
    desk.run("evaluate segments @matlab --out @out").refused(&["NAME.K.png", "scipy.io.loadmat"]);
    desk.run("evaluate segments @matlab --layout bsds500 --out @out").refused(&["no picture", "scipy.io.loadmat"]);
    desk.run("evaluate segments @nowhere --out @out").refused(&["nowhere", "not there"]);
    desk.run("evaluate segments @data --method nothing --out @out").refused(&["nothing", "ultra", "random"]);
    desk.run("evaluate segments @data --method ultra,what=1 --out @out").refused(&["what", "scalar"]);
    desk.run("evaluate segments @data --model %vit --layer 9 --out @layer").refused(&["--layer 9", "layers 0..3"]);
    desk.run("evaluate segments @data --layout pictures --out @out").refused(&["has no masks"]);
    desk.run("evaluate segments @data --shard 2/2 --out @out").misused();
    desk.run("evaluate merge @empty --out @out").refused(&["settings.json"]);
    assert!(!desk.path("out").exists(), "nothing is written before the question is sound");

    // One mask that cannot be read does not stop the others, and is named.
    desk.write("data/masks/p3.png", b"not a mask");
    let ran = desk.run("evaluate segments @data --model %vit --clusters 2 --out @rest").done();
    assert!(ran.stderr.contains("2 of 12 answers are missing") && ran.stderr.contains("p3.png"), "{ran:?}");
    assert!(String::from_utf8(desk.read("rest/table.csv")).unwrap().lines().skip(1).all(|line| line.contains(",5,")));
}
