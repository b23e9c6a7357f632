//! Figures and data files of made-up answers: read back, drawn again, and refused.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenscope::domain::Notices;
use tokenscope::domain::grid::{Grid, PixelRect};
use tokenscope::domain::linkage::{LinkageTree, Merge};
use tokenscope::domain::request::{Cut, Request, Scalar, Task, Tokens};
use tokenscope::domain::token::{TokenKind, TokenLayout};
use tokenscope::engine::{Explanation, ModelFacts, Output, Photo, Scene, Segments};
use tokenscope::figure::layout::{Mark, Source};
use tokenscope::figure::svg::Rasters;
use tokenscope::figure::{FigureStyle, Layout, check_paths, png, svg, write};
use tokenscope::input::Picture;
use tokenscope::method::{Info, Reach, Uses};
use tokenscope::model::Digest;
use tokenscope::segment::{Cutting, MapTree, Partition};

#[path = "figure/beside.rs"]
mod beside;
#[path = "figure/letters.rs"]
mod letters;
#[path = "figure/words.rs"]
mod words;

const SIDE: usize = 4;

static METHOD: Info = Info {
    id: "ultra",
    name: "ULTra",
    summary: "",
    formula: "r = ...",
    citation: "ULTra, 2024",
    cost: "",
    unit: "relevance",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Scalar, Uses::Rows, Uses::Own],
    knobs: &[],
};

fn scene(width: usize, height: usize) -> Arc<Scene> {
    let rgb = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
    let picture = Picture {
        name: "cat & dog.png".into(),
        width,
        height,
        rgb,
        file_size: (width, height),
        sha256: "ab".repeat(32),
        notices: Vec::new(),
    };
    let model = ModelFacts {
        name: "tiny".into(),
        folder: Some("models/tiny".into()),
        family: "vit".into(),
        tower: None,
        takes_phrases: false,
        num_layers: 12,
        num_heads: 3,
        width: 32,
        patch_size: 16,
        is_post_norm: false,
        is_causal: false,
        num_classes: 0,
        scoring: tokenscope::engine::Scoring::OneOf,
        scores_words: false,
        num_parameters: 1000,
        sha256: Digest::known("cd".repeat(32)),
    };
    Arc::new(Scene {
        photo: Some(Photo {
            picture: Arc::new(picture),
            levels: std::sync::OnceLock::new(),
            seen: PixelRect { x: 0.0, y: 0.0, width: width as f64, height: height as f64 },
            input_size: (64, 64),
        }),
        layout: TokenLayout::image(vec![TokenKind::Cls], Grid { rows: SIDE, cols: SIDE }),
        model,
        predictions: Vec::new(),
        notices: Notices::default(),
    })
}

fn explanation(positions: &[usize]) -> Output {
    let scene = scene(90, 60);
    let tokens = scene.layout.len();
    let mut request = Request::new(Task::Explain, "my cat.png", "models/tiny");
    request.layer = 9;
    request.params.scalar = Scalar::Sum;
    request.tokens = Tokens::These(positions.iter().map(|p| p.to_string().parse().unwrap()).collect());
    let relevance = (0..positions.len() * tokens).map(|i| i as f32 / 7.0 - 1.0).collect();
    let positions = positions.to_vec();
    Output::Explanation(Arc::new(Explanation {
        request,
        scene,
        method: &METHOD,
        layer: 9,
        positions,
        relevance,
        layers: None,
        score: None,
        matches: Vec::new(),
        shown: Arc::default(),
    }))
}

fn segments() -> Output {
    let count = SIDE * SIDE;
    // A comb: patch i + 1 joins what the patches before it have become.
    let merge = |i: usize| {
        let (left, right) = if i == 0 { (0, 1) } else { (i + 1, count + i - 1) };
        Merge { left, right, distance: i as f64 / 20.0, size: i + 2 }
    };
    let tree = LinkageTree::new(count, (0..count - 1).map(merge).collect());
    let maps = (0..count * count).map(|i| i as f32).collect();
    let request = Request::new(Task::Segment { cut: Cut::Clusters(3) }, "my cat.png", "models/tiny");
    let tree = MapTree::from_linkage(maps, tree, Grid { rows: SIDE, cols: SIDE }, (64, 64));
    let Output::Explanation(maps) = explanation(&(1..=count).collect::<Vec<_>>()) else { panic!("not an explanation") };
    Output::Segments(Arc::new(Segments {
        request,
        scene: scene(60, 60),
        method: &METHOD,
        cutting: Cutting::Tree,
        layer: 12,
        maps: Some(maps),
        partition: Partition::Maps(tree),
        relations: Arc::default(),
        shown: Arc::default(),
    }))
}

fn style() -> FigureStyle {
    FigureStyle { dpi: 150, ..FigureStyle::default() }
}

#[test]
fn every_file_has_the_same_bytes_when_it_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    for (name, output) in [("e", explanation(&[6])), ("m", explanation(&[0, 3, 5])), ("s", segments())] {
        let paths: Vec<PathBuf> =
            ["png", "svg", "json", "npy", "npz", "csv"].iter().map(|e| folder.path().join(format!("{name}.{e}"))).collect();
        write(&output, &style(), &paths).unwrap();
        let first: Vec<Vec<u8>> = paths.iter().map(|p| std::fs::read(p).unwrap()).collect();
        write(&output, &style(), &paths).unwrap();
        for (path, old) in paths.iter().zip(first) {
            assert!(!old.is_empty() && std::fs::read(path).unwrap() == old, "{}", path.display());
        }
    }
}

#[test]
fn a_png_has_the_size_and_resolution_asked_for() {
    for (positions, width_in) in [(vec![6], 3.5), (vec![1, 2, 3], 7.16)] {
        let layout = Layout::new(&explanation(&positions), &style()).unwrap();
        let bytes = png::bytes(&layout).unwrap();
        let decoded = image::load_from_memory(&bytes).unwrap();
        assert_eq!(decoded.width(), (width_in * 150.0_f64).round() as u32);
        assert_eq!((decoded.width() as usize, decoded.height() as usize), layout.pixels());
        let resolution = bytes.windows(4).position(|w| w == b"pHYs").unwrap();
        assert_eq!(bytes[resolution + 4..resolution + 8], 5906_u32.to_be_bytes());
    }
}

#[test]
fn pixels_of_maps_arrive_unchanged() {
    let layout = Layout::new(&explanation(&[0]), &FigureStyle { dpi: 300, ..style() }).unwrap();
    let drawn = image::load_from_memory(&png::bytes(&layout).unwrap()).unwrap().into_rgb8();
    let mut compared = 0;
    for mark in &layout.marks {
        // The class token has no box over the map.
        let Mark::Raster { rect, source: source @ Source::Painting(_) } = mark else { continue };
        let pixels = layout.pixels_of(*rect, source);
        for (i, want) in pixels.rgb.chunks_exact(3).enumerate() {
            let (x, y) = (pixels.x + i % pixels.width, pixels.y + i / pixels.width);
            assert_eq!(drawn.get_pixel(x as u32, y as u32).0, want, "({x}, {y})");
            compared += 1;
        }
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn an_svg_says_everything_in_text() {
    let text = svg::text(&Layout::new(&explanation(&[0, 6]), &style()).unwrap(), Rasters::Embedded).unwrap();
    for words in
        ["tiny · layer 9 of 12", "ULTra (scalar sum, rows all)", "(a) cls", "(b) patch 1,1", "relevance", "width=\"3.5in\""]
    {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert_eq!(text.matches("data:image/png;base64,").count(), 3);
    let single = svg::text(&Layout::new(&explanation(&[6]), &style()).unwrap(), Rasters::LeftOut).unwrap();
    assert!(single.contains("(a) cat &amp; dog.png") && !single.contains("<image"));
    let layout = Layout::new(&segments(), &style()).unwrap();
    assert!(svg::text(&layout, Rasters::LeftOut).unwrap().contains("segmentation"));
}

#[test]
fn nothing_reaches_beyond_the_page() {
    for width_in in [1.5, 3.5, 7.16] {
        for output in [explanation(&[6]), explanation(&[0, 1]), explanation(&(0..17).collect::<Vec<_>>()), segments()] {
            for own_range in [false, true] {
                let style = FigureStyle { width_in: Some(width_in), own_range, ..style() };
                let layout = Layout::new(&output, &style).unwrap();
                for mark in &layout.marks {
                    let (right, bottom) = match mark {
                        Mark::Raster { rect, .. } | Mark::Box { rect, .. } => (rect.right(), rect.bottom()),
                        Mark::Text { at, size, text, upright: false, .. } => {
                            (at.0 + tokenscope::figure::text::width(text, *size), at.1)
                        }
                        Mark::Text { at, .. } | Mark::Line { to: at, .. } => *at,
                        Mark::Letters(letters) => letters.at,
                        Mark::Path { points, .. } => points[0],
                        Mark::Triangle { corners, .. } => corners[0],
                    };
                    assert!(right <= layout.width + 0.5 && bottom <= layout.height + 0.5, "{width_in}: {mark:?}");
                }
            }
        }
    }
}

#[test]
fn numbers_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let [npy, npz, csv] = ["a.npy", "a.npz", "a.csv"].map(|name| folder.path().join(name));
    let paths = [npy.clone(), npz.clone(), csv.clone()];
    write(&explanation(&[6]), &style(), &paths).unwrap();
    let row: Vec<f32> = (0..17).map(|i| i as f32 / 7.0 - 1.0).collect();
    assert_eq!(array::<f32>(&std::fs::read(&npy).unwrap()), (vec![17], row.clone()));
    assert_eq!(array::<f32>(&member(&npz, "relevance")).1, row);
    // Patch 1,1 is position 6; its own entry is the largest of the others, the last.
    let heatmap = array::<f32>(&member(&npz, "heatmap"));
    assert_eq!((heatmap.0, heatmap.1[5]), (vec![4, 4], row[16]));
    assert_eq!(array::<i64>(&member(&npz, "grid")), (vec![2], vec![4, 4]));
    assert_eq!(array::<i64>(&member(&npz, "num_prefix")), (vec![], vec![1]));
    assert_eq!(array::<i64>(&member(&npz, "target")), (vec![], vec![6]));
    let text = std::fs::read_to_string(&csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["position,kind,row,col,text,value", "0,cls,,,,-1", "1,patch,0,0,,-0.85714287"]);
    assert_eq!(lines.len(), 18);
    write(&explanation(&[0, 6]), &style(), &paths).unwrap();
    assert_eq!(array::<f32>(&std::fs::read(&npy).unwrap()).0, [2, 17]);
    assert_eq!(array::<f32>(&member(&npz, "heatmap")).0, [2, 4, 4]);
    assert_eq!(array::<i64>(&member(&npz, "target")), (vec![2], vec![0, 6]));
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("target,position,kind,row,col,text,value\n0,0,cls,,,,-1\n") && text.contains("\n6,0,cls"));
}

#[test]
fn numbers_of_a_segmentation_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let npz = folder.path().join("s.npz");
    write(&segments(), &style(), std::slice::from_ref(&npz)).unwrap();
    let linkage = array::<f64>(&member(&npz, "linkage"));
    assert_eq!((linkage.0, &linkage.1[4..8]), (vec![15, 4], &[2.0, 16.0, 0.05, 3.0][..]));
    assert_eq!(array::<f32>(&member(&npz, "heatmap")).0, [16, 4, 4]);
    assert_eq!(array::<f32>(&member(&npz, "relevance")).0, [16, 17]);
    assert_eq!(array::<i64>(&member(&npz, "target")).1[..3], [1, 2, 3]);
    array::<i32>(&member(&npz, "labels"));
    array::<i32>(&member(&npz, "token_labels"));
}

#[test]
fn a_record_names_the_command_and_the_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    write(&explanation(&[0, 6]), &FigureStyle { own_range: true, ..style() }, std::slice::from_ref(&path)).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let out = format!("--dpi 150 --own-range --out {}", path.display());
    let command = "tokenscope explain 'my cat.png' --model models/tiny --layer 9 --token 0 --token 6 --method ultra --scalar sum";
    assert_eq!(record["command"], format!("{command} {out}"));
    assert_eq!(record["model"]["sha256"], "cd".repeat(32));
    assert_eq!(record["input"]["sha256"], "ab".repeat(32));
    assert_eq!(record["tokens"][1]["name"], "patch 1,1");
    assert_eq!(record["layer"], 9);
    assert_eq!(record["figure"]["ranges"].as_array().unwrap().len(), 2);
    let request: Request = serde_json::from_value(record["request"].clone()).unwrap();
    assert_eq!(request.layer, 9);
    write(&segments(), &FigureStyle { cut: Some(Cut::Distance(0.3)), ..style() }, std::slice::from_ref(&path)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("tokenscope segment 'my cat.png'") && text.contains("--cut 0.3 "), "{text}");
}

#[test]
fn bad_paths_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str| check_paths("--out", &[folder.path().join(name)]).unwrap_err().to_string();
    assert!(refused("a.pdf").contains("unknown extension .pdf; expected .png, .svg, .json, .npy, .npz, .csv"));
    assert!(refused("a").contains("no extension"));
    assert!(refused("no/a.png").contains("folder does not exist"));
    let twice = folder.path().join("a.png");
    assert!(check_paths("--out", &[twice.clone(), twice]).unwrap_err().to_string().contains("named twice"));
    assert!(check_paths("--out", &["a.PNG".into(), "b.svg".into()]).is_ok());
}

#[test]
fn a_figure_that_cannot_be_drawn_leaves_old_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, png) = (folder.path().join("a.csv"), folder.path().join("a.png"));
    std::fs::write(&csv, "old").unwrap();
    std::fs::write(&png, "old").unwrap();
    let err = write(&explanation(&[1; 100]), &style(), &[csv.clone(), png.clone()]).unwrap_err();
    assert!(err.to_string().contains("a figure of 100 tokens"), "{err}");
    let scene = Output::Scene(scene(10, 10));
    assert!(write(&scene, &style(), std::slice::from_ref(&csv)).is_err());
    for path in [&csv, &png] {
        assert_eq!(std::fs::read_to_string(path).unwrap(), "old");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "temporary files are left");
}

#[test]
fn odd_pictures_are_drawn() {
    let Output::Explanation(plain) = explanation(&[3]) else { unreachable!() };
    for (width, height) in [(1, 1), (400, 3), (3, 400)] {
        for values in [f32::NAN, f32::INFINITY, 0.0, -1e-30, 3e38] {
            let relevance = vec![values; 17].into();
            let output =
                Output::Explanation(Arc::new(Explanation { scene: scene(width, height), relevance, ..(*plain).clone() }));
            let layout = Layout::new(&output, &style()).unwrap();
            png::bytes(&layout).unwrap();
        }
    }
}

fn member(archive: &Path, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn array<T: npyz::Deserialize>(bytes: &[u8]) -> (Vec<u64>, Vec<T>) {
    let file = npyz::NpyFile::new(bytes).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}
