//! Segmenters asked through the engine and the command line, on tiny checkpoints.

use std::path::Path;

use serde_json::Value;
use tokenscope::domain::exhibit::{Exhibit, Matrix};
use tokenscope::domain::request::{Cut, Facet, Request, Task};
use tokenscope::domain::segmentation::Segmentation;
use tokenscope::engine::{Engine, Output, Segments};
use tokenscope::method::Control;
use tokenscope::segment::knobs::{EDGES, REGIONS, SUPERPIXELS};
use tokenscope::segment::superpixels::{Slic, slic};
use tokenscope::segment::{Cutting, SEGMENTERS, by_id};

use crate::common::own_models;
use crate::program::Desk;

fn request(method: &str, clusters: usize) -> Request {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/cat.jpg");
    let mut request = Request::new(Task::Segment { cut: Cut::Clusters(clusters) }, photo, own_models().join("dinov2"));
    request.method = method.to_owned();
    request
}

fn segments(engine: &mut Engine, request: &Request) -> Segments {
    match engine.run(request, &Control::default()) {
        Ok(Output::Segments(segments)) => (*segments).clone(),
        other => panic!("{}: {other:?}", request.method),
    }
}

fn check(name: &str, found: &Segmentation) {
    let count = found.colours.len();
    assert_eq!((found.labels.len(), found.patch_labels.len()), (40 * 40, 25), "{name}");
    assert!(found.labels.iter().chain(&found.patch_labels).all(|&label| usize::from(label) < count), "{name}");
    assert!((found.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9, "{name}");
}

#[test]
fn every_segmenter_divides_a_picture_and_does_so_again() {
    for segmenter in SEGMENTERS {
        let (name, cutting) = (segmenter.info().id, segmenter.cutting());
        let once = segments(&mut Engine::default(), &request(name, 3));
        let again = segments(&mut Engine::default(), &request(name, 3));
        let found = once.partition.segmentation(Cut::Clusters(3));
        check(name, &found);
        assert_eq!(found, again.partition.segmentation(Cut::Clusters(3)), "{name}");
        assert_eq!(once.partition.tree().is_some(), cutting == Cutting::Tree, "{name}");
        if cutting != Cutting::Fixed {
            assert!((1..=3).contains(&found.colours.len()) && found.patch_labels[0] == 0, "{name}");
        }
        for found in once.partition.boxes() {
            assert!(found.x + found.width <= 40.0 && found.y + found.height <= 40.0 && found.width * found.height > 0.0);
        }
    }
}

#[test]
fn a_tree_of_vectors_is_cut_as_often_as_one_likes() {
    let mut facets = Vec::new();
    for facet in [Facet::Residual, Facet::Key] {
        let mut request = request("agglomerative", 2);
        request.params.facet = facet;
        let found = segments(&mut Engine::default(), &request);
        for clusters in 1..=25 {
            let cut = found.partition.segmentation(Cut::Clusters(clusters));
            check("agglomerative", &cut);
            assert_eq!(cut.colours.len(), clusters);
        }
        facets.push(found.partition.segmentation(Cut::Clusters(9)).patch_labels);
    }
    assert_ne!(facets[0], facets[1], "the facet changes nothing");
}

#[test]
fn labels_follow_the_borders_of_superpixels() {
    let mut engine = Engine::default();
    let mut superpixels = request("slic", 2);
    superpixels.params.knobs.set(&SUPERPIXELS, "30").unwrap();
    let regions = segments(&mut engine, &superpixels).partition.segmentation(Cut::default());
    for method in ["ultra", "kmeans", "agglomerative", "tokencut"] {
        let mut request = request(method, 3);
        let plain = segments(&mut engine, &request).partition.segmentation(Cut::Clusters(3));
        request.params.knobs.set(&REGIONS, "slic").unwrap();
        request.params.knobs.set(&SUPERPIXELS, "30").unwrap();
        let sharp = segments(&mut engine, &request).partition.segmentation(Cut::Clusters(3));
        assert_eq!((&plain.patch_labels, &plain.colours), (&sharp.patch_labels, &sharp.colours));
        assert_ne!(plain.labels, sharp.labels, "{method}");
        let mut label_of = vec![None; regions.colours.len()];
        for (&region, &label) in regions.labels.iter().zip(&sharp.labels) {
            assert_eq!(*label_of[usize::from(region)].get_or_insert(label), label, "{method} divides region {region}");
        }
    }
}

#[test]
fn knobs_that_do_not_fit_are_refused() {
    let mut engine = Engine::default();
    let refused = |engine: &mut Engine, request: &Request| engine.run(request, &Control::default()).unwrap_err().to_string();
    let mut edges = request("ultra", 3);
    edges.params.knobs.set(&EDGES, "smooth").unwrap();
    let err = refused(&mut engine, &edges);
    assert!(err.contains("--edges") && err.contains("--regions"), "{err}");
    let mut explained = Request { task: Task::Explain, ..request("ultra", 3) };
    explained.params.knobs.set(&REGIONS, "slic").unwrap();
    assert!(refused(&mut engine, &explained).contains("--regions"));
    let uncounted = Request { task: Task::Segment { cut: Cut::Distance(0.25) }, ..request("kmeans", 3) };
    assert!(refused(&mut engine, &uncounted).contains("--clusters"));
    let embedding = Request { layer: 0, ..request("tokencut", 3) };
    assert!(refused(&mut engine, &embedding).contains("layers 1..3"));
    assert!(by_id("ultra").is_none());
}

fn matrices(segments: &Segments, cut: Cut) -> Vec<Matrix> {
    let exhibits = segments.exhibits(&segments.partition.segmentation(cut));
    exhibits.into_iter().map(|exhibit| if let Exhibit::Matrix(matrix) = exhibit { matrix } else { panic!("no matrix") }).collect()
}

#[test]
fn segments_read_from_each_other_what_is_left_beside_prefix_tokens() {
    let mut engine = Engine::default();
    let mut explained = Request { task: Task::Explain, ..request("attention", 3) };
    explained.tokens = tokenscope::domain::request::Tokens::All;
    explained.params = tokenscope::domain::request::Params::of(Task::Explain);
    let Ok(Output::Explanation(attention)) = engine.run(&explained, &Control::default()) else { panic!("no attention") };
    for method in ["ultra", "ncut"] {
        let found = segments(&mut engine, &request(method, 3));
        assert_eq!(found.shown.exhibits.len(), 2);
        for clusters in [2, 3] {
            let cut = Cut::Clusters(clusters);
            let labels = found.partition.segmentation(cut).patch_labels;
            let count = usize::from(*labels.iter().max().unwrap()) + 1;
            let [between, alike] = &matrices(&found, cut)[..] else { panic!("{method}: not two matrices") };
            for from in 0..count {
                let members: Vec<usize> = (0..25).filter(|&patch| usize::from(labels[patch]) == from).collect();
                let prefix: f32 = members.iter().map(|&patch| attention.row(patch + 1)[0]).sum::<f32>() / members.len() as f32;
                let row: f32 = between.values[from * count..][..count].iter().sum();
                assert!((row + prefix - 1.0).abs() < 1e-5, "{method}, segment {from}: {row} + {prefix}");
                assert!((alike.values[from * count + from] - 1.0).abs() < 1e-5);
            }
        }
    }
    let embedding = segments(&mut engine, &Request { layer: 0, ..request("kmeans", 3) });
    assert_eq!(matrices(&embedding, Cut::Clusters(3)).len(), 1, "nothing is read at layer 0");
}

#[test]
fn the_command_line_segments_and_its_record_remakes_the_same() {
    let desk = Desk::new();
    for flags in [
        "kmeans --clusters 3 --facet key --edges smooth",
        "agglomerative --linkage ward --clusters 4 --regions slic --superpixels 40",
        "ncut --affinity threshold --clusters 2",
        "spectral --clusters 3 --eigenvectors 4 --colour-weight 0.5",
        "tokencut --tau 0.3 --features value",
        "maskcut --objects 2",
        "lost --expansion 10",
        "slic --superpixels 16 --compactness 5",
        "ultra --clusters 3 --regions slic --superpixels 20",
    ] {
        desk.run(&format!("segment brick.jpg --model %dinov2_with_registers --method {flags} --out @a.npz --out @a.json")).done();
        let record: Value = serde_json::from_slice(&desk.read("a.json")).unwrap();
        let command = record["command"].as_str().unwrap();
        assert!(flags.split_whitespace().all(|word| command.contains(word)), "{flags}: {command}");
        let boxes = record["segmentation"]["boxes"].as_array().map_or(0, Vec::len);
        assert_eq!(boxes > 0, ["tokencut", "maskcut", "lost"].iter().any(|method| flags.starts_with(method)), "{flags}");
        let labels = desk.read("a.npz");
        desk.shell(command).done();
        assert_eq!(desk.read("a.npz"), labels, "{command}");
    }
    desk.run("segment brick.jpg --model %dinov2 --method nothing --out @a.npz").misused();
    desk.run("segment brick.jpg --model %dinov2 --method kmeans --clusters 2 --tau 0.3 --out @a.npz").refused(&["--tau"]);
}

#[test]
fn the_cat_s_superpixels_are_as_many_as_asked() {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/cat.jpg");
    let picture = tokenscope::input::Picture::open(&photo, tokenscope::input::Transparency::Dropped).unwrap();
    let (height, width) = (picture.height, picture.width);
    for count in [200, 400] {
        let how = Slic { count, ..Slic::default() };
        let found = slic(&picture.rgb, (height, width), how, &Default::default()).unwrap();
        assert!((count * 7 / 10..=count * 13 / 10).contains(&found.count), "{} of {count}", found.count);
        let coverage = found.coverage(tokenscope::domain::grid::Grid { rows: 14, cols: 14 });
        for shares in coverage.chunks(196) {
            assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
}
