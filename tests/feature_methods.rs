//! Methods that read attention, weights and features: against what NumPy, SciPy, scikit-learn and PyTorch computed
//! (tests/fixtures/feature_methods.py), and by what must hold for any model.

mod common;
#[path = "common/program.rs"]
mod program;

#[path = "feature_methods/properties.rs"]
mod properties;
#[path = "feature_methods/program.rs"]
mod runs;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use common::{Given, assert_close, expectations, floats, own_models};
use tokenscope::domain::Result;
use tokenscope::domain::exhibit::{Cell, Exhibit, Shown, Table};
use tokenscope::domain::request::{Head, Params};
use tokenscope::method::{Control, Target, by_id};
use tokenscope::model::{Model, Trace};

/// The layer of all golden numbers.
const LAYER: usize = 2;

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/feature_methods")
}

/// A model, what it made of its input, and what Python made of that.
struct Case {
    model: Model,
    trace: Trace,
    want: HashMap<String, Tensor>,
}

impl Case {
    fn new(name: &str) -> Self {
        let folder = own_models().join(name);
        let given = Given::expected(&expectations(&folder)[0]);
        let model = Model::load_tower(&folder, given.tower(), &Device::Cpu).unwrap();
        let trace = given.trace(&model);
        let golden = golden_folder().join(format!("{name}.safetensors"));
        let want = if golden.exists() { candle_core::safetensors::load(golden, &Device::Cpu).unwrap() } else { HashMap::new() };
        Self { model, trace, want }
    }

    fn want(&self, name: &str) -> Vec<f32> {
        floats(&self.want[name])
    }

    /// Rows of every token.
    fn rows(&self, method: &str, params: &Params) -> Vec<f32> {
        self.try_rows(method, LAYER, params).unwrap()
    }

    fn try_rows(&self, method: &str, layer: usize, params: &Params) -> Result<Vec<f32>> {
        let positions: Vec<usize> = (0..self.trace.num_tokens()).collect();
        let target = Target { layer, positions: &positions, params, phrase: None };
        by_id(method).unwrap().explain(&self.model, &self.trace, &target, &Control::default())
    }

    fn shown(&self, method: &str, position: usize, params: &Params) -> Shown {
        let target = Target { layer: LAYER, positions: &[position], params, phrase: None };
        by_id(method).unwrap().show(&self.model, &self.trace, &target, &Control::default()).unwrap()
    }

    fn check(&self, method: &str, params: &Params, name: &str) {
        let (got, want) = (self.rows(method, params), self.want(name));
        // Of a method that does not look at its target, rows are all the same.
        same(&format!("{method}, {name}"), got.get(..want.len()).unwrap(), &want, 1e-4);
    }
}

/// As `assert_close`, and no value where none is wanted.
fn same(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    let there = |values: &[f32]| values.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
    assert_eq!(there(got), there(want), "{what}");
    let finite = |values: &[f32]| values.iter().copied().filter(|v| !v.is_nan()).collect::<Vec<_>>();
    assert_close(what, &finite(got), &finite(want), tolerance);
}

/// Parameters with some knobs of a method.
fn with(method: &str, chosen: &[(&str, &str)]) -> Params {
    let mut params = Params::default();
    for (id, value) in chosen {
        let knob = by_id(method).unwrap().info().knobs.iter().find(|knob| knob.id == *id).unwrap();
        params.knobs.set(knob, value).unwrap();
    }
    params
}

fn of_head(params: Params, head: usize) -> Params {
    Params { head: Head::One(head), ..params }
}

/// The points of the chart whose title begins so.
fn chart<'a>(shown: &'a Shown, title: &str) -> &'a [[f64; 2]] {
    let charts = shown.exhibits.iter().filter_map(|e| if let Exhibit::Chart(chart) = e { Some(chart) } else { None });
    &charts.into_iter().find(|chart| chart.title.starts_with(title)).unwrap().series[0].points
}

fn heights(points: &[[f64; 2]]) -> Vec<f32> {
    points.iter().map(|[_, y]| *y as f32).collect()
}

#[test]
fn modes_are_the_singular_vectors_of_the_whole_interaction() {
    for name in ["dinov2_with_registers", "bert", "qwen3"] {
        let case = Case::new(name);
        for mode in ["0", "2"] {
            case.check("qk-modes", &of_head(with("qk-modes", &[("mode", mode), ("side", "target")]), 1), &format!("mode_{mode}"));
        }
        for side in ["query", "key"] {
            let params = of_head(with("qk-modes", &[("mode", "2"), ("side", side)]), 1);
            let got: Vec<f32> = case.rows("qk-modes", &params)[..case.trace.num_tokens()].iter().map(|x| x.abs()).collect();
            same(&format!("{name}, {side}"), &got, &case.want(&format!("mode_2_{side}")), 1e-4);
        }
        let shown = case.shown("qk-modes", 3, &of_head(Params::default(), 1));
        same(name, &heights(chart(&shown, "Singular values")), &case.want("mode_values"), 1e-4);
        same(name, &heights(chart(&shown, "From similar")), &case.want("mode_similarity"), 1e-4);
        let modes = case.model.head_modes(LAYER, 1).unwrap();
        let cosines: Vec<f32> = modes.cosines.iter().map(|c| *c as f32).collect();
        assert_close(name, &cosines, &case.want("mode_cosines"), 1e-4);
    }
}

#[test]
fn modes_together_are_the_scores_without_biases() {
    for name in ["dinov2_with_registers", "bert", "qwen3"] {
        let case = Case::new(name);
        let mut sum = vec![0.0; case.trace.num_tokens().pow(2)];
        for mode in 0..8 {
            let params = of_head(with("qk-modes", &[("mode", &mode.to_string())]), 1);
            sum.iter_mut().zip(case.rows("qk-modes", &params)).for_each(|(s, x)| *s += x);
        }
        same(name, &sum, &case.want("scores"), 1e-4);
    }
}

#[test]
fn values_weigh_attention_as_kobayashi_s_norms_do() {
    for name in ["dinov2_with_registers", "bert", "qwen3"] {
        let case = Case::new(name);
        case.check("value-weighted", &Params::default(), "value_sum");
        let norms = with("value-weighted", &[("combine", "norms")]);
        case.check("value-weighted", &norms, "value_mean");
        case.check("value-weighted", &Params { head: Head::Max, ..norms }, "value_max");
        case.check("value-weighted", &of_head(Params::default(), 1), "value_head_1");
    }
}

#[test]
fn entropy_is_scipy_s_over_the_patches_that_are_seen() {
    for name in ["dinov2_with_registers", "bert", "qwen3"] {
        let case = Case::new(name);
        case.check("attention-entropy", &Params::default(), "entropy");
        case.check("attention-entropy", &of_head(Params::default(), 2), "entropy_head_2");
    }
}

#[test]
fn attention_and_rollout_leave_out_what_they_are_told_to() {
    let case = Case::new("dinov2_with_registers");
    case.check("attention", &with("attention", &[("mass", "60")]), "mass_60");
    case.check("attention", &with("attention", &[("renormalise", "on")]), "renormalised");
    case.check("rollout", &with("rollout", &[("discard", "50")]), "rollout_50");
}

/// `rollout_*` against sums of rows, `vit_explain_*` against that code's own arithmetic.
#[test]
fn rollout_fuses_heads_without_normalising_them_first() {
    let case = Case::new("dinov2_with_registers");
    for (head, name) in [(Head::Max, "max"), (Head::Min, "min"), (Head::Mean, "mean")] {
        for discard in ["0", "90"] {
            let params =
                |normalise: &str| Params { head, ..with("rollout", &[("discard", discard), ("normalisation", normalise)]) };
            case.check("rollout", &params("rows"), &format!("rollout_{name}_{discard}"));
            case.check("rollout", &params("vit-explain"), &format!("vit_explain_{name}_{discard}"));
        }
    }
    // The two are one where nothing is left to normalise.
    let mean = with("rollout", &[("normalisation", "vit-explain")]);
    same("mean", &case.rows("rollout", &mean), &case.rows("rollout", &Params::default()), 1e-5);
}

#[test]
fn outliers_lie_above_scipy_s_median_absolute_deviations() {
    let case = Case::new("dinov2_with_registers");
    case.check("token-norms", &Params::default(), "norms");
    let shown = case.shown("token-norms", 0, &with("token-norms", &[("mads", "2")]));
    let (histogram, table) = shown.exhibits.iter().fold((None, None), |(histogram, table), exhibit| match exhibit {
        Exhibit::Histogram(found) => (Some(found), table),
        Exhibit::Table(found) => (histogram, Some(found)),
        _ => (histogram, table),
    });
    let (histogram, table) = (histogram.unwrap(), table.unwrap());
    let cut = histogram.cut.as_ref().unwrap().0 as f32;
    assert_close("cut", &[cut], &case.want("norm_cut_2"), 1e-5);
    assert_eq!(histogram.counts.iter().sum::<usize>(), 25);
    let norms = case.want("norms");
    assert_eq!(table.rows.len(), norms.iter().filter(|norm| **norm > cut).count());
    let share = 4.0 * norms[5..].iter().filter(|norm| **norm > cut).count() as f64;
    assert!((chart(&shown, "Outliers")[LAYER][1] - share).abs() < 1e-9);
    case.check("similarity", &with("similarity", &[("outliers", "replace"), ("mads", "2")]), "similarity_replaced_2");
}

#[test]
fn components_and_colours_are_scikit_learn_s() {
    let case = Case::new("dinov2_with_registers");
    let tokens = case.trace.num_tokens();
    let column = |name: &str, k: usize| case.want(name).chunks(3).map(|scores| scores[k]).collect::<Vec<_>>();
    for k in 0..3 {
        let component = (k + 1).to_string();
        let got = case.rows("feature-pca", &with("feature-pca", &[("component", &component)]));
        same("component", &got[..tokens], &column("pca", k), 1e-4);
        let got = case.rows("feature-pca", &with("feature-pca", &[("component", &component), ("normalise", "on")]));
        same("component of unit vectors", &got[..tokens], &column("pca_unit", k), 1e-4);
    }
    for side in ["first", "flipped"] {
        case.check("feature-pca", &with("feature-pca", &[("foreground", side)]), &format!("pca_{side}"));
    }
    let shown = case.shown("feature-pca", 0, &Params::default());
    assert_close("colours", shown.paint.unwrap().colours.as_flattened(), &case.want("pca_colours"), 1e-4);
}

#[test]
fn projections_are_scikit_learn_s_numpy_s_and_pytorch_s() {
    let case = Case::new("dinov2_with_registers");
    let head = golden_folder().join("stego_head.safetensors").display().to_string();
    case.check("similarity", &with("similarity", &[("project", "pca:3")]), "similarity_pca_3");
    case.check("similarity", &with("similarity", &[("project", "random:5:3")]), "similarity_random_5_3");
    case.check("similarity", &with("similarity", &[("project", &format!("stego:{head}"))]), "similarity_stego");
    case.check("stego", &with("stego", &[("stego-head", &head)]), "similarity_stego");
}

/// Red where the query map is high, cyan where the key map is; each goes up to its own highest patch.
#[test]
fn a_pair_is_painted_by_both_of_its_maps() {
    let case = Case::new("dinov2_with_registers");
    let map = |side: &str| {
        let row = case.rows("qk-modes", &of_head(with("qk-modes", &[("mode", "2"), ("side", side)]), 1))[5..30].to_vec();
        let highest = row.iter().copied().fold(0.0, f32::max);
        row.into_iter().map(|x| x.max(0.0) / highest).collect::<Vec<f32>>()
    };
    let paint = case.shown("qk-modes", 7, &of_head(with("qk-modes", &[("mode", "2")]), 1)).paint.unwrap();
    let channel = |c: usize| paint.colours.iter().map(|colour| colour[c]).collect::<Vec<_>>();
    assert_close("red", &channel(0), &map("query"), 1e-5);
    assert_close("green", &channel(1), &map("key"), 1e-5);
    assert_eq!((channel(1), paint.legend.len()), (channel(2), 3));
    assert!(case.shown("qk-modes", 7, &with("qk-modes", &[("side", "target")])).paint.is_none());
}

/// The table names the modes that add most between two tokens, and what modes know nothing of.
#[test]
fn the_table_ranks_modes_by_what_they_add() {
    for name in ["dinov2_with_registers", "qwen3", "llama"] {
        let case = Case::new(name);
        let tables = |params: &Params| -> Vec<Table> {
            let shown = case.shown("qk-modes", 9, params);
            shown.exhibits.into_iter().filter_map(|e| if let Exhibit::Table(table) = e { Some(table) } else { None }).collect()
        };
        let number = |cell: &Cell| if let Cell::Number(x) = cell { *x } else { panic!("{cell:?} is no number") };
        let partnered = tables(&of_head(with("qk-modes", &[("partner", "4"), ("mode", "1")]), 1));
        let rows = |mode: usize| case.rows("qk-modes", &of_head(with("qk-modes", &[("mode", &mode.to_string())]), 1));
        let count = case.model.blocks[LAYER - 1].heads.head_dim;
        let mut added: Vec<f64> = (0..count).map(|mode| f64::from(rows(mode)[9 * case.trace.num_tokens() + 4])).collect();
        added.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
        let listed: Vec<f64> = partnered[0].rows.iter().map(|row| number(&row[2])).collect();
        assert!(
            listed.iter().zip(&added).all(|(a, b)| (a - b).abs() < 1e-4) && listed.len() == count,
            "{name}: {listed:?} {added:?}"
        );
        assert!(partnered[0].mark.is_some());
        let correlation = number(&partnered[1].rows[0][1]);
        assert!((-1.0..=1.0).contains(&correlation), "{name}: {correlation}");
        let said = format!("{:?}", partnered[1].rows);
        assert_eq!(said.contains("rotary"), name != "dinov2_with_registers", "{said}");
        assert_eq!(said.contains("biases of queries"), name == "dinov2_with_registers", "{said}");
        assert_eq!(said.contains("share its keys"), name != "dinov2_with_registers", "{said}");
    }
}
