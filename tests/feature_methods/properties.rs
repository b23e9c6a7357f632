//! What must hold whatever the model.

use tokenscope::domain::exhibit::Shown;
use tokenscope::model::block::NormPlace;

use super::*;

/// One of each kind of attention: learned, relative and rotary positions, prefix tokens, grouped and causal heads, soft caps, windows,
/// norms before and after.
const KINDS: &[&str] =
    &["vit", "beit", "dinov2_with_registers", "dinov3_vit", "siglip_vision", "bert", "gpt2", "llama", "gemma2", "gemma3_text"];

const METHODS: &[&str] =
    &["attention", "rollout", "value-weighted", "attention-entropy", "qk-modes", "similarity", "feature-pca", "token-norms"];

#[test]
fn every_method_answers_for_every_kind_of_model() {
    for name in KINDS {
        let case = Case::new(name);
        let tokens = case.trace.num_tokens();
        for method in METHODS {
            let rows = case.rows(method, &Params::default());
            assert_eq!(rows.len(), tokens * tokens, "{method} of {name}");
            assert!(rows.iter().any(|v| v.is_finite()) && !rows.iter().any(|v| v.is_infinite()), "{method} of {name}");
            check_shown(&case.shown(method, tokens - 1, &Params::default()), &case, &format!("{method} of {name}"));
        }
    }
}

/// Colours for every patch, tables as wide as their headings, and numbers where curves are.
fn check_shown(shown: &Shown, case: &Case, what: &str) {
    if let Some(paint) = &shown.paint {
        assert_eq!(paint.colours.len(), case.trace.layout.grid.len(), "{what}");
        assert!(paint.colours.as_flattened().iter().all(|c| (0.0..=1.0).contains(c)), "{what}");
    }
    for exhibit in &shown.exhibits {
        match exhibit {
            Exhibit::Table(table) => assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{what}"),
            Exhibit::Chart(chart) => {
                assert!(chart.series.iter().all(|s| s.points.as_flattened().iter().all(|x| x.is_finite())), "{what}");
            }
            Exhibit::Histogram(found) => assert_eq!(found.edges.len(), found.counts.len() + 1, "{what}"),
            Exhibit::Matrix(_) => {}
        }
    }
}

/// Turning both tokens by the same angle leaves their product as it is: what modes add between a token and itself is its score, where
/// there are no biases.
#[test]
fn modes_of_a_token_and_itself_are_its_score_under_rotary_positions() {
    for name in ["llama", "gemma2", "gemma3_text", "qwen3"] {
        let case = Case::new(name);
        let (block, qkv) = (&case.model.blocks[LAYER - 1], floats(&case.trace.blocks[LAYER - 1].qkv));
        assert_eq!(block.norm_place, NormPlace::Before);
        let (heads, tokens) = (block.heads, case.trace.num_tokens());
        for head in 0..heads.num_heads {
            let mut sums = vec![0.0; tokens];
            for mode in 0..heads.head_dim {
                let rows = case.rows("qk-modes", &of_head(with("qk-modes", &[("mode", &mode.to_string())]), head));
                (0..tokens).for_each(|i| sums[i] += rows[i * tokens + i]);
            }
            let score = |i: usize| {
                let row = &qkv[i * heads.qkv_width()..][..heads.qkv_width()];
                let (query, key) = (&row[head * heads.head_dim..], &row[heads.key_column(head / heads.group())..]);
                query.iter().zip(key).take(heads.head_dim).map(|(q, k)| q * k).sum::<f32>() * heads.scale as f32
            };
            assert_close(name, &sums, &(0..tokens).map(score).collect::<Vec<_>>(), 1e-4);
        }
    }
}

#[test]
fn shares_norms_and_entropies_keep_their_bounds() {
    for name in KINDS {
        let case = Case::new(name);
        let tokens = case.trace.num_tokens();
        for head in [Head::Mean, Head::Max, Head::Min, Head::One(0)] {
            let params = |method: &str, chosen: &[(&str, &str)]| Params { head, ..with(method, chosen) };
            let rollout = case.rows("rollout", &params("rollout", &[("discard", "90")]));
            assert!(rollout.chunks(tokens).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-4), "{name} {head}");
            let entropies = case.rows("attention-entropy", &params("attention-entropy", &[("average-layers", "2")]));
            assert!(entropies.iter().all(|e| e.is_nan() || (0.0..=1.0).contains(e)), "{name} {head}");
            let norms = case.rows("value-weighted", &params("value-weighted", &[("combine", "norms")]));
            assert!(norms.iter().all(|n| *n >= 0.0), "{name} {head}");
            let (all, kept) = (
                case.rows("attention", &params("attention", &[])),
                case.rows("attention", &params("attention", &[("mass", "60")])),
            );
            let patches: Vec<usize> = case.trace.layout.ranged().map(|p| case.trace.layout.position_of(p)).collect();
            for (all, kept) in all.chunks(tokens).zip(kept.chunks(tokens)) {
                let mass = |row: &[f32]| patches.iter().map(|&p| row[p]).sum::<f32>();
                assert!(mass(kept) >= 0.6 * mass(all) - 1e-6, "{name} {head}");
                let smallest = patches.iter().map(|&p| kept[p]).filter(|v| *v > 0.0).fold(f32::INFINITY, f32::min);
                assert!(
                    smallest.is_infinite() || mass(kept) - smallest < 0.6 * mass(all) + 1e-6,
                    "more than it takes: {name} {head}"
                );
            }
        }
        assert!(case.rows("token-norms", &Params::default()).iter().all(|n| *n >= 0.0), "{name}");
    }
}

/// Random vectors keep angles, the better the more there are (Johnson and Lindenstrauss).
#[test]
fn projections_onto_many_dimensions_change_little() {
    let case = Case::new("dinov2_with_registers");
    let plain = case.rows("similarity", &Params::default());
    let distance = |k: usize| {
        let rows = case.rows("similarity", &with("similarity", &[("project", &format!("random:{k}"))]));
        rows.iter().zip(&plain).map(|(a, b)| (a - b).abs()).sum::<f32>() / plain.len() as f32
    };
    assert!(distance(24) < distance(2) && distance(24) < 0.35, "{} {}", distance(24), distance(2));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (image, text) = (Case::new("vit"), Case::new("bert"));
    let refused = |case: &Case, method: &str, params: &Params, words: &[&str]| {
        let err = case.try_rows(method, LAYER, params).unwrap_err().to_string();
        assert!(words.iter().all(|word| err.contains(word)), "{err}");
    };
    refused(&image, "qk-modes", &with("qk-modes", &[("mode", "8")]), &["--mode 8", "0 to 7"]);
    refused(&image, "qk-modes", &of_head(Params::default(), 3), &["--head 3", "0 to 2"]);
    refused(&image, "value-weighted", &of_head(Params::default(), 3), &["--head 3", "0 to 2"]);
    refused(&text, "similarity", &with("similarity", &[("outliers", "replace")]), &["--outliers replace", "a picture"]);
    refused(&image, "similarity", &with("similarity", &[("project", "pca:25")]), &["--project", "25", "at most 24"]);
    refused(&image, "similarity", &with("similarity", &[("project", "stego:a.bin")]), &["a.bin", "cluster1.0.weight"]);
    refused(
        &image,
        "similarity",
        &with("similarity", &[("project", "stego:none.safetensors")]),
        &["none.safetensors", "no such file"],
    );
    refused(&image, "stego", &Params::default(), &["--stego-head", "similarity"]);
    refused(&image, "feature-pca", &with("feature-pca", &[("component", "60")]), &["--component 60", "1 to"]);
    let weights = own_models().join("vit/model.safetensors").display().to_string();
    refused(&image, "stego", &with("stego", &[("stego-head", &weights)]), &["model.safetensors", "cluster1.0.weight", "[K, 24]"]);
    refused(&image, "feature-pca", &with("feature-pca", &[("basis", &weights)]), &["--basis", "mean", "fit basis"]);
    let target = Target { layer: LAYER, positions: &[1], params: &with("qk-modes", &[("partner", "9,9")]), phrase: None };
    let err = by_id("qk-modes").unwrap().show(&image.model, &image.trace, &target, &Control::default()).unwrap_err().to_string();
    assert!(err.contains("9,9"), "{err}");
}
