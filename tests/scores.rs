//! Scores of segments and of maps against SciPy, scikit-learn and NumPy (tests/fixtures/scores.py), and what must hold for any input.

use std::path::Path;

use serde_json::Value;
use tokenscope::algebra::random::Random;
use tokenscope::measure::assignment::{hungarian, majority};
use tokenscope::measure::boundary::{BoundaryCounts, Labels, Lines, match_boundaries};
use tokenscope::measure::clustering::{adjusted_rand, normalized_mutual_information, rand_index, variation_of_information};
use tokenscope::measure::contingency::IGNORED;
use tokenscope::measure::covering::covering;
use tokenscope::measure::rank::spearman;
use tokenscope::measure::silhouette::{cosine_distances, silhouette};
use tokenscope::measure::thinning::thin;
use tokenscope::measure::{Confusion, Contingency, faithfulness};

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scores/scores.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn labels(value: &Value) -> Vec<u16> {
    numbers(value).into_iter().map(|v| v as u16).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

/// Python's f64 arithmetic in another order.
fn assert_same(what: &str, got: f64, want: &Value) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= 1e-9, "{what}: {got}, expected {want}");
}

#[test]
fn scores_of_labels_are_those_of_scikit_learn() {
    for (case, golden) in golden()["labels"].as_array().unwrap().iter().enumerate() {
        let predicted = labels(&golden["predicted"]);
        let truths: Vec<Vec<u16>> = golden["annotators"].as_array().unwrap().iter().map(labels).collect();
        for (truth, want) in truths.iter().zip(golden["scores"].as_array().unwrap()) {
            let table = Contingency::new(&predicted, truth);
            let one_to_one = Confusion::new(&table, &hungarian(&table));
            let many_to_one = Confusion::new(&table, &majority(&table));
            let scores = [
                ("accuracy", one_to_one.accuracy(), &want["accuracy"]),
                ("mean IoU", one_to_one.mean_iou(), &want["mean_iou"]),
                ("accuracy by majority", many_to_one.accuracy(), &want["majority"]["accuracy"]),
                ("mean IoU by majority", many_to_one.mean_iou(), &want["majority"]["mean_iou"]),
                ("ARI", adjusted_rand(&table), &want["ari"]),
                ("NMI", normalized_mutual_information(&table), &want["nmi"]),
                ("Rand index", rand_index(&table), &want["rand"]),
                ("variation of information", variation_of_information(&table), &want["voi"]),
                ("covering", covering(&table), &want["covering"]),
            ];
            scores.into_iter().for_each(|(name, got, want)| assert_same(&format!("case {case}, {name}"), got, want));
        }
    }
}

/// A line of the fixture: a digit a pixel, `-` where it is void.
fn digits(value: &Value) -> Vec<u16> {
    value.as_str().unwrap().bytes().map(|b| if b == b'-' { IGNORED } else { u16::from(b - b'0') }).collect()
}

fn boundaries() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scores/boundaries.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn masks_are_thinned_as_scikit_image_does() {
    for (case, golden) in boundaries()["thinning"].as_array().unwrap().iter().enumerate() {
        let rows = |key: &str| -> Vec<String> {
            golden[key].as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
        };
        let width = rows("mask")[0].len();
        let mut mask: Vec<bool> = rows("mask").concat().bytes().map(|b| b == b'1').collect();
        thin(&mut mask, width);
        let got: String = mask.iter().map(|&set| if set { '1' } else { '0' }).collect();
        assert_eq!(got, rows("thinned").concat(), "case {case}");
    }
}

#[test]
fn boundaries_are_counted_as_the_benchmark_and_scipy_do() {
    for golden in boundaries()["boundaries"].as_array().unwrap() {
        let (name, predicted, width) =
            (&golden["name"], digits(&golden["predicted"]), golden["width"].as_u64().unwrap() as usize);
        let truths: Vec<Vec<u16>> = golden["annotators"].as_array().unwrap().iter().map(digits).collect();
        let (annotators, tolerance) =
            (truths.iter().map(Vec::as_slice).collect::<Vec<_>>(), golden["tolerance"].as_f64().unwrap());
        for (lines, kind) in [(Lines::Thinned, "thinned"), (Lines::Unthinned, "unthinned")] {
            let got = match_boundaries(Labels { values: &predicted, width }, &annotators, tolerance, lines);
            let want: BoundaryCounts = serde_json::from_value(golden[kind].clone()).unwrap();
            assert_eq!((got.truth, got.true_matched), (want.truth, want.true_matched), "{name}, {kind}");
            // Which pixels a maximum matching takes is free, and counts where there are several annotators, or void to pair with.
            let is_free = truths.len() > 1 || truths.iter().flatten().any(|&label| label == IGNORED);
            let slack = if is_free { got.predicted / 50 } else { 0 };
            assert!(got.predicted.abs_diff(want.predicted) <= slack, "{name}, {kind}: {got:?} {want:?}");
            assert!(got.predicted_matched.abs_diff(want.predicted_matched) <= slack, "{name}, {kind}: {got:?} {want:?}");
            let Some(benchmark) = golden.get(format!("{kind}_benchmark")) else { continue };
            let benchmark: BoundaryCounts = serde_json::from_value(benchmark.clone()).unwrap();
            assert_eq!((got.predicted, got.truth), (benchmark.predicted, benchmark.truth), "{name}, {kind}");
            let apart = (got.f_measure() - benchmark.f_measure()).abs();
            assert!(apart <= 0.002, "{name}, {kind}: {apart}, {got:?} {benchmark:?}");
        }
    }
}

#[test]
fn curves_of_maps_are_those_of_numpy() {
    for golden in golden()["maps"].as_array().unwrap() {
        let (w, q, b) = (numbers(&golden["w"]), numbers(&golden["q"]), golden["b"].as_f64().unwrap());
        let (patches, steps) = (w.len(), golden["steps"].as_u64().unwrap() as usize);
        let mut answer = |kept: &[bool]| {
            let there = |p: usize| f64::from(u8::from(kept[p]));
            let alone: f64 = (0..patches).map(|p| w[p] * there(p)).sum();
            let pairs: f64 = (0..patches * patches).map(|i| there(i / patches) * q[i] * there(i % patches)).sum();
            Ok(1.0 / (1.0 + (-(b + alone + pairs)).exp()))
        };
        let order = faithfulness::ranked(&floats(&golden["relevance"]), &[]);
        let fall = faithfulness::deletion(&order, patches, steps, &mut answer).unwrap();
        let rise = faithfulness::insertion(&order, patches, steps, &mut answer).unwrap();
        for (name, got) in [("deletion", &fall), ("insertion", &rise)] {
            let want = golden[name].as_array().unwrap();
            assert_eq!(got.len(), want.len());
            got.iter().zip(want).for_each(|(got, want)| assert_same(name, *got, want));
            assert_same(name, faithfulness::area(got), &golden[&format!("{name}_area")]);
        }
        let erased = faithfulness::erased(&order, patches, fall[0], &mut answer).unwrap();
        assert_same("comprehensiveness", erased.comprehensiveness, &golden["comprehensiveness"]);
        assert_same("sufficiency", erased.sufficiency, &golden["sufficiency"]);
    }
}

#[test]
fn ranks_and_silhouettes_are_those_of_scipy_and_scikit_learn() {
    let golden = &golden()["points"];
    let distances = cosine_distances(&floats(&golden["vectors"]), 3);
    let got = silhouette(&distances, &labels(&golden["labels"])).unwrap();
    // Distances are kept in f32.
    assert!((got - golden["silhouette"].as_f64().unwrap()).abs() < 1e-5, "{got}");
    assert_same("Spearman", spearman(&floats(&golden["a"]), &floats(&golden["b"])), &golden["spearman"]);
    assert!(silhouette(&distances, &[0; 21]).is_none() && spearman(&[1.0, 1.0], &[0.0, 1.0]).is_nan());
}

/// Blobs of some labels on 24 x 30 pixels.
fn blobs(random: &mut Random, kinds: usize) -> Vec<u16> {
    let points: Vec<(f64, f64)> = (0..kinds).map(|_| (random.unit() * 24.0, random.unit() * 30.0)).collect();
    let nearest = |i: usize| {
        let distance = |(y, x): &(f64, f64)| ((i / 30) as f64 - y).powi(2) + ((i % 30) as f64 - x).powi(2);
        (0..kinds).min_by(|&a, &b| distance(&points[a]).total_cmp(&distance(&points[b]))).unwrap() as u16
    };
    (0..24 * 30).map(nearest).collect()
}

/// Accuracy and mean IoU one to one, then by majority, ARI, NMI, covering, and boundary F without thinning: the truth is not thinned,
/// so that thinned boundaries cannot match all of it.
fn all_scores(predicted: &[u16], truth: &[u16]) -> [f64; 8] {
    let table = Contingency::new(predicted, truth);
    let (one, many) = (Confusion::new(&table, &hungarian(&table)), Confusion::new(&table, &majority(&table)));
    let boundary = match_boundaries(Labels { values: predicted, width: 30 }, &[truth], 0.03, Lines::Unthinned).f_measure();
    let (pairs, information) = (adjusted_rand(&table), normalized_mutual_information(&table));
    [one.accuracy(), one.mean_iou(), many.accuracy(), many.mean_iou(), pairs, information, covering(&table), boundary]
}

#[test]
fn scores_do_not_know_names_stay_in_bounds_and_are_one_for_the_truth() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let (kinds, clusters) = (1 + random.below(7), 1 + random.below(9));
        let (truth, predicted) = (blobs(&mut random, kinds), blobs(&mut random, clusters));
        let scores = all_scores(&predicted, &truth);
        assert!(scores.iter().all(|s| (-1.0..=1.0 + 1e-12).contains(s)), "seed {seed}: {scores:?}");
        assert!(
            scores.iter().enumerate().all(|(i, s)| *s >= 0.0 || i == 4),
            "only the adjusted Rand index may be negative: {scores:?}"
        );
        assert!(scores[2] >= scores[0] - 1e-12, "the majority is never worse: {scores:?}");

        let mut names: Vec<u16> = (0..500).collect();
        random.shuffle(&mut names);
        let renamed = |labels: &[u16]| labels.iter().map(|&l| names[usize::from(l)]).collect::<Vec<u16>>();
        for other in [all_scores(&renamed(&predicted), &truth), all_scores(&predicted, &renamed(&truth))] {
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            // Among equal assignments the first is taken, and the mean IoU may tell them apart.
            let same = [0, 2, 4, 5, 6, 7].iter().all(|&i| close((&scores[i], &other[i])));
            assert!(same, "seed {seed}: {scores:?} {other:?}");
        }
        assert!(all_scores(&truth, &truth).iter().all(|s| (s - 1.0).abs() < 1e-12), "seed {seed}");
        assert!(all_scores(&renamed(&truth), &truth).iter().all(|s| (s - 1.0).abs() < 1e-12), "seed {seed}");

        let [own, other] = [&truth, &predicted]
            .map(|labels| match_boundaries(Labels { values: labels, width: 30 }, &[&truth], 0.03, Lines::Thinned));
        assert!(own.precision() == 1.0 && own.recall() > 0.5, "seed {seed}: {own:?}");
        assert!(other.predicted_matched <= other.predicted && other.true_matched <= other.truth, "seed {seed}: {other:?}");

        let mut void = truth.clone();
        void[..300].fill(IGNORED);
        let table = Contingency::new(&predicted, &void);
        assert_eq!(table, Contingency::new(&predicted[300..], &truth[300..]), "what is ignored does not count");
    }
}
