//! Segmenters against NumPy, SciPy and scikit-learn on the features of 6 x 8 patches: see fixtures/segmenters.py.

mod common;
#[path = "common/program.rs"]
mod program;

#[path = "segmenters/answers.rs"]
mod answers;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use common::floats;
use tokenscope::algebra::random::Random;
use tokenscope::domain::Cancel;
use tokenscope::domain::grid::Grid;
use tokenscope::domain::request::Cut;
use tokenscope::segment::affinity::{GraphSpectrum, above, clamped, cosines, unit_vectors};
use tokenscope::segment::agglomerative::{Linkage, linkage_tree};
use tokenscope::segment::bipartition::{mask_cut, token_cut};
use tokenscope::segment::colour_affinity::{colour_affinity, mean_colours};
use tokenscope::segment::component::PatchBox;
use tokenscope::segment::lloyd::{kmeans, lloyd};
use tokenscope::segment::lost::discover;
use tokenscope::segment::ncut::normalised_cut;
use tokenscope::segment::pixels::numbered_by_first;
use tokenscope::segment::spectral::{joined, spectral_clusters};

const GRID: Grid = Grid { rows: 6, cols: 8 };
const WIDTH: usize = 12;
const TAU: f64 = 0.2;

/// What the script wrote, and the features of length 1.
struct Given {
    expected: HashMap<String, Tensor>,
    features: Vec<f32>,
    unit: Vec<f64>,
}

impl Given {
    fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/segmenters.safetensors");
        let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let features = floats(&expected["features"]);
        let unit = unit_vectors(&features, WIDTH).unwrap();
        Self { expected, features, unit }
    }

    fn reals(&self, name: &str) -> Vec<f64> {
        self.expected[name].to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn wholes(&self, name: &str) -> Vec<usize> {
        self.reals(name).into_iter().map(|v| v as usize).collect()
    }

    fn mask(&self, name: &str) -> Vec<bool> {
        self.wholes(name).into_iter().map(|v| v == 1).collect()
    }

    fn affinity(&self, name: &str) -> Vec<f64> {
        let cosines = cosines(&self.unit, WIDTH).unwrap();
        if name == "threshold" { above(&cosines, TAU) } else { clamped(&cosines) }
    }
}

fn assert_near(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let apart = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-8, "{what}: differs by {apart:e}");
}

fn by_first(labels: &[usize]) -> Vec<usize> {
    numbered_by_first(labels).0.into_iter().map(usize::from).collect()
}

fn sides(found: &PatchBox) -> Vec<usize> {
    vec![found.top, found.left, found.bottom, found.right]
}

#[test]
fn linkage_trees_are_scipy_s() {
    let given = Given::read();
    for (name, linkage) in
        [("average", Linkage::Average), ("complete", Linkage::Complete), ("single", Linkage::Single), ("ward", Linkage::Ward)]
    {
        let tree = linkage_tree(&given.unit, WIDTH, linkage, &Cancel::default()).unwrap();
        let rows: Vec<f64> =
            tree.merges().iter().flat_map(|m| [m.left as f64, m.right as f64, m.distance, m.size as f64]).collect();
        assert_near(name, &rows, &given.reals(&format!("linkage_{name}")));
        assert_eq!(tree.cut(Cut::Clusters(4)).label_of, given.wholes(&format!("linkage_{name}_4")), "{name}");
    }
}

#[test]
fn lloyd_s_fixpoint_is_scikit_learn_s_and_restarts_find_as_good_a_one() {
    let given = Given::read();
    let found = lloyd(&given.unit, WIDTH, given.reals("kmeans_start"), &Cancel::default()).unwrap();
    assert_eq!(found.labels, given.wholes("kmeans_labels"));
    assert_near("centres", &found.centres, &given.reals("kmeans_centres"));
    assert_near("inertia", &[found.inertia], &given.reals("kmeans_inertia"));
    let best = kmeans(&given.unit, WIDTH, 5, &Cancel::default()).unwrap().inertia;
    // Ten starts need not find what a hundred do, but nearly.
    assert!(best < given.reals("kmeans_best_inertia")[0] * 1.01, "{best}");
}

#[test]
fn normalised_cuts_are_numpy_s() {
    let given = Given::read();
    for (name, clusters) in [("threshold", 2), ("threshold", 3), ("cosine", 2), ("cosine", 3)] {
        let affinity = given.affinity(name);
        let spectrum = GraphSpectrum::new(affinity.clone(), GRID.len(), clusters, &Cancel::default()).unwrap();
        let key = format!("ncut_{name}_{clusters}");
        assert_near(&key, &spectrum.values, &given.reals(&format!("{key}_values")));
        let labels = normalised_cut(affinity, GRID.len(), clusters, &Cancel::default()).unwrap();
        assert_eq!(by_first(&labels), given.wholes(&key), "{key}");
    }
}

#[test]
fn token_cut_and_mask_cut_find_what_numpy_does() {
    let given = Given::read();
    let (found, object) = token_cut(&given.unit, WIDTH, GRID, TAU, &Cancel::default()).unwrap();
    assert_near("eigenvector", &found.vector, &given.reals("tokencut_vector"));
    assert_eq!(object.mask, given.mask("tokencut_mask"));
    assert_eq!(vec![object.seed], given.wholes("tokencut_seed"));
    assert_eq!(sides(&object.around.unwrap()), given.wholes("tokencut_box"));
    let objects = mask_cut(&given.unit, WIDTH, GRID, TAU, 3, &Cancel::default()).unwrap();
    let masks: Vec<bool> = objects.iter().flat_map(|object| object.mask.clone()).collect();
    assert_eq!((objects.len(), masks), (2, given.mask("maskcut")));
}

#[test]
fn lost_finds_what_numpy_does() {
    let given = Given::read();
    for expansion in [5, 20] {
        let object = discover(&given.features, WIDTH, GRID, expansion).unwrap();
        let key = format!("lost_{expansion}");
        assert_eq!(vec![object.seed], given.wholes(&format!("{key}_seed")));
        assert_eq!(object.mask, given.mask(&format!("{key}_mask")), "{key}");
        assert_eq!(sides(&object.around.unwrap()), given.wholes(&format!("{key}_box")), "{key}");
    }
}

#[test]
fn deep_spectral_segments_are_numpy_s() {
    let given = Given::read();
    let rgb: Vec<u8> = given.reals("rgb").into_iter().map(|v| v as u8).collect();
    let colours = colour_affinity(&mean_colours(&rgb, (24, 32), GRID), GRID);
    assert_near("colour affinity", &colours, &given.reals("colour_affinity"));
    let affinity = joined(given.affinity("cosine"), &colours, 0.05);
    let spectrum = GraphSpectrum::new(affinity.clone(), GRID.len(), 5, &Cancel::default()).unwrap();
    assert_near("eigenvalues", &spectrum.values, &given.reals("spectral_values"));
    let vectors: Vec<f64> = (0..5).flat_map(|n| spectrum.generalised(n)).collect();
    assert_near("eigenvectors", &vectors, &given.reals("spectral_vectors"));
    for clusters in [2, 3] {
        let labels = spectral_clusters(affinity.clone(), GRID.len(), (4, clusters), &Cancel::default()).unwrap();
        assert_eq!(by_first(&labels), given.wholes(&format!("spectral_{clusters}")), "{clusters} segments");
    }
}

/// Features seen in other axes: each pair of axes turned by some angle.
fn turned(features: &[f32]) -> Vec<f32> {
    let mut random = Random::new(5);
    let angles: Vec<f64> = (0..WIDTH * WIDTH).map(|_| random.unit() * 6.0).collect();
    let turn = |vector: &[f32]| {
        let mut vector: Vec<f64> = vector.iter().map(|&v| f64::from(v)).collect();
        for (a, b) in (0..WIDTH).flat_map(|a| (a + 1..WIDTH).map(move |b| (a, b))) {
            let (sin, cos) = angles[a * WIDTH + b].sin_cos();
            (vector[a], vector[b]) = (cos * vector[a] - sin * vector[b], sin * vector[a] + cos * vector[b]);
        }
        vector.into_iter().map(|v| v as f32).collect::<Vec<_>>()
    };
    features.chunks_exact(WIDTH).flat_map(turn).collect()
}

/// Labels of every way to cluster vectors.
fn every_way(features: &[f32]) -> Vec<Vec<usize>> {
    let cancel = Cancel::default();
    let unit = unit_vectors(features, WIDTH).unwrap();
    let cosines = cosines(&unit, WIDTH).unwrap();
    let bits = |mask: Vec<bool>| mask.into_iter().map(usize::from).collect::<Vec<_>>();
    let tree = linkage_tree(&unit, WIDTH, Linkage::Average, &cancel).unwrap();
    vec![
        tree.cut(Cut::Clusters(3)).label_of,
        kmeans(&unit, WIDTH, 3, &cancel).unwrap().labels,
        normalised_cut(above(&cosines, TAU), 48, 3, &cancel).unwrap(),
        spectral_clusters(clamped(&cosines), 48, (3, 3), &cancel).unwrap(),
        bits(token_cut(&unit, WIDTH, GRID, TAU, &cancel).unwrap().1.mask),
        bits(discover(features, WIDTH, GRID, 20).unwrap().mask),
    ]
}

#[test]
fn labels_do_not_depend_on_the_axes_of_the_features() {
    let given = Given::read();
    let (straight, turned) = (every_way(&given.features), every_way(&turned(&given.features)));
    for (way, (a, b)) in straight.iter().zip(&turned).enumerate() {
        assert_eq!(by_first(a), by_first(b), "way {way}");
    }
}

#[test]
fn the_groups_are_found_wherever_their_patches_stand() {
    let given = Given::read();
    // The last patch first: the picture turned by half.
    let turned: Vec<f32> = given.features.chunks_exact(WIDTH).rev().flatten().copied().collect();
    for (way, (a, mut b)) in every_way(&given.features).into_iter().zip(every_way(&turned)).enumerate().take(5) {
        b.reverse();
        assert_eq!(by_first(&a), by_first(&b), "way {way}");
    }
}

#[test]
fn features_without_direction_do_no_harm_and_those_that_are_not_finite_are_refused() {
    for value in [0.0, 1.0] {
        for labels in every_way(&[value; 48 * WIDTH]) {
            assert_eq!(labels.len(), 48);
        }
    }
    let err = unit_vectors(&[1.0, f32::NAN], 1).unwrap_err().to_string();
    assert!(err.contains("patch 1"), "{err}");
}
