//! Methods that follow gradients or leave parts out, against PyTorch's autograd on tiny checkpoints, and by what must hold for any
//! model.

mod common;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use common::{Given, assert_close, assert_rows_close, expectations, floats, largest_difference, own_models};
use tokenscope::domain::exhibit::{Cell, Exhibit, Shown};
use tokenscope::domain::request::{Params, Rows, Scalar};
use tokenscope::method::{Control, Method, Target, by_id};
use tokenscope::model::{Answer, Model, Trace, residual_gradient};

/// Where PyTorch asked language models, and whose rows it followed.
const POSITION: usize = 8;
const TARGETS: [usize; 3] = [0, 5, 9];
const MODELS: [&str; 10] = [
    "vit",
    "deit_classifier",
    "dinov2_classifier",
    "beit",
    "bert_classifier",
    "bert_words",
    "llama_classifier",
    "gpt2",
    "llama",
    "gemma2",
];

struct Case {
    name: &'static str,
    model: Model,
    trace: Trace,
    want: HashMap<String, Tensor>,
}

fn case(name: &'static str) -> Case {
    let folder = own_models().join(name);
    let model = Model::load(&folder, &Device::Cpu).unwrap();
    let trace = Given::expected(&expectations(&folder)[0]).trace(&model);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/gradient_methods/{name}.safetensors"));
    Case { name, model, trace, want: candle_core::safetensors::load(file, &Device::Cpu).unwrap() }
}

fn method(id: &str) -> &'static dyn Method {
    by_id(id).unwrap()
}

/// Parameters with some knobs of a method turned.
fn turned(id: &str, knobs: &[(&str, &str)]) -> Params {
    let mut params = Params::default();
    for (name, value) in knobs {
        let knob = method(id).info().knobs.iter().find(|knob| knob.id == *name).expect("a knob");
        params.knobs.set(knob, value).unwrap();
    }
    params
}

impl Case {
    fn want(&self, key: &str) -> Vec<f32> {
        floats(&self.want[key])
    }

    fn row(&self, id: &str, layer: usize, position: usize, params: &Params) -> Vec<f32> {
        self.rows(id, layer, &[position], params)
    }

    fn rows(&self, id: &str, layer: usize, positions: &[usize], params: &Params) -> Vec<f32> {
        let target = Target { layer, positions, params, phrase: None };
        method(id).explain(&self.model, &self.trace, &target, &Control::default()).unwrap()
    }

    fn show(&self, id: &str, layer: usize, params: &Params) -> Shown {
        let target = Target { layer, positions: &[POSITION], params, phrase: None };
        method(id).show(&self.model, &self.trace, &target, &Control::default()).unwrap()
    }

    fn refusal(&self, id: &str, layer: usize, position: usize, params: &Params) -> String {
        let target = Target { layer, positions: &[position], params, phrase: None };
        let err = method(id).explain(&self.model, &self.trace, &target, &Control::default()).unwrap_err();
        let line = err.to_string();
        assert!(!line.contains("internal") && line.lines().count() == 1, "{line}");
        line
    }

    /// PyTorch has numbers for patches alone.
    fn check(&self, key: &str, got: &[f32], tolerance: f32, except: Option<usize>) {
        let mut want = self.want(key);
        let prefix = got.len() - want.len();
        let mut got = got[prefix..].to_vec();
        if let Some(except) = except {
            assert!(got[except - prefix].is_nan(), "{}, {key}: the token itself was left out", self.name);
            (got[except - prefix], want[except - prefix]) = (0.0, 0.0);
        }
        assert_close(&format!("{}, {key}", self.name), &got, &want, tolerance);
    }

    fn answer(&self) -> Answer {
        Answer::choose(&self.model, &self.trace, "", POSITION, None).unwrap()
    }
}

#[test]
fn answers_and_their_gradients_agree_with_pytorch() {
    for case in MODELS.map(case) {
        let (name, answer) = (case.name, case.answer());
        let named = match answer {
            Answer::Class(class) => class,
            Answer::Word { id, .. } => id as usize,
            Answer::Phrase { .. } => panic!("{name}: a phrase"),
        };
        assert_eq!(named as i64, case.want["answer"].to_vec1::<i64>().unwrap()[0], "{name}");
        let score = answer.score(&case.model, &case.trace).unwrap();
        let probability = answer.probability(&case.model, &case.trace).unwrap();
        assert_close(&format!("{name}, score"), &[score], &case.want("score"), 1e-4);
        assert_close(&format!("{name}, probability"), &[probability.unwrap()], &case.want("probability"), 1e-4);
        for layer in 0..=case.model.num_layers() {
            let got = residual_gradient(&case.model, &case.trace, &answer, layer, &Control::default()).unwrap();
            let want = floats(&case.want["residual_gradient"].get(layer).unwrap());
            assert_close(&format!("{name}, gradient at layer {layer}"), &floats(&got), &want, 1e-3);
        }
    }
}

#[test]
fn maps_of_answers_agree_with_pytorch() {
    for case in MODELS.map(case) {
        let plain = Params::default();
        for layer in [1, 2, 3] {
            case.check(&format!("class_relevance_{layer}"), &case.row("class-relevance", layer, POSITION, &plain), 1e-3, None);
            case.check(&format!("cam_{layer}"), &case.row("grad-cam", layer, POSITION, &plain), 1e-3, None);
            let tokens = turned("grad-cam", &[("cam", "tokens")]);
            case.check(&format!("token_cam_{layer}"), &case.row("grad-cam", layer, POSITION, &tokens), 1e-3, None);
        }
        let last = turned("class-relevance", &[("blocks", "1")]);
        case.check("class_relevance_last", &case.row("class-relevance", 3, POSITION, &last), 1e-3, None);
        case.check("input_product", &case.row("input-gradient", 3, POSITION, &plain), 1e-3, None);
        let length = turned("input-gradient", &[("reading", "length")]);
        case.check("input_length", &case.row("input-gradient", 3, POSITION, &length), 1e-3, None);
        for (key, baseline) in [("integrated", "zero"), ("integrated_mean", "mean")] {
            let params = turned("integrated-gradients", &[("steps", "7"), ("baseline", baseline)]);
            case.check(key, &case.row("integrated-gradients", 3, POSITION, &params), 2e-3, None);
        }
    }
}

#[test]
fn occlusion_agrees_with_pytorch() {
    for case in MODELS.map(case) {
        let occluded = |effect: &str, position| {
            case.row("occlusion", 2, position, &turned("occlusion", &[("effect", effect), ("fill", "zero")]))
        };
        case.check("occluded", &occluded("auto", POSITION), 2e-3, None);
        case.check("occluded_probability", &occluded("probability", POSITION), 2e-3, None);
        for target in [5, 9] {
            case.check(&format!("occluded_token_{target}"), &occluded("token", target), 2e-3, Some(target));
        }
        if case.want.contains_key("removed") {
            let lost = (case.name == "bert_words").then_some(POSITION);
            case.check("removed", &case.row("occlusion", 2, POSITION, &Params::default()), 2e-3, lost);
        }
    }
}

#[test]
fn ultra_along_directions_agrees_with_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    for case in MODELS.map(case) {
        case.want["matrix"].save_safetensors("W", &file).unwrap();
        let answer = case.want["answer"].to_vec1::<i64>().unwrap()[0];
        for layer in [1, 3] {
            for (key, scalar) in [
                ("class", format!("class:{answer}")),
                ("word", format!("vocab:#{answer}")),
                ("token", "token:3+4".to_owned()),
                ("matrix", format!("file:{}", file.display())),
            ] {
                let key = format!("along_{key}_{layer}");
                if !case.want.contains_key(&key) {
                    continue;
                }
                let params = Params { scalar: scalar.parse().unwrap(), rows: Rows::All, ..Params::default() };
                let got = case.rows("ultra", layer, &TARGETS, &params);
                assert_rows_close(&format!("{}, {key}", case.name), &got, &case.want(&key), &TARGETS, 1e-3);
            }
        }
    }
}

/// The logit is exp(logit_scale) times the cosine, to which SigLIP adds logit_bias; so its gradient is the cosine's, scaled.
fn check_logit(case: &Case, name: &str, phrase: &[f32], cosine: &Answer) {
    let weights = candle_core::safetensors::load(own_models().join(name).join("model.safetensors"), &Device::Cpu).unwrap();
    let number = |name: &str| weights.get(name).map_or(0.0, |weight| floats(weight)[0]);
    let (scale, bias) = (number("logit_scale").exp(), number("logit_bias"));
    let logit = Answer::choose(&case.model, &case.trace, "#logit", 0, Some(phrase)).unwrap();
    let [of_cosine, of_logit] = [cosine, &logit].map(|answer| answer.score(&case.model, &case.trace).unwrap());
    assert!((of_logit - (scale * of_cosine + bias)).abs() < 1e-4, "{name}: {of_logit}");
    let gradient =
        |answer: &Answer| floats(&residual_gradient(&case.model, &case.trace, answer, 1, &Control::default()).unwrap());
    let want: Vec<f32> = gradient(cosine).iter().map(|g| scale * g).collect();
    assert_close(&format!("{name}, gradient of the logit"), &gradient(&logit), &want, 1e-4);
    let probability = cosine.probability(&case.model, &case.trace).unwrap();
    let alone = (name == "siglip").then(|| 1.0 / (1.0 + (-of_logit).exp()));
    assert_eq!(probability.is_some(), alone.is_some(), "{name}");
    assert!(probability.zip(alone).is_none_or(|(got, want)| (got - want).abs() < 1e-6), "{name}");
}

/// The answer is a phrase: Chefer's map of CLIP, and the same of SigLIP, whose head looks at all tokens.
#[test]
fn phrases_are_answers_too() {
    for name in ["clip", "siglip"] {
        let case = case(name);
        let joint = candle_core::safetensors::load(own_models().join(name).join("expected_joint.safetensors"), &Device::Cpu);
        let phrase = floats(&joint.unwrap()["text_embeds"]);
        let length = phrase.iter().map(|x| x * x).sum::<f32>().sqrt();
        let phrase: Vec<f32> = phrase.iter().map(|x| x / length).collect();
        let answer = Answer::choose(&case.model, &case.trace, "", 0, Some(&phrase)).unwrap();
        let score = answer.score(&case.model, &case.trace).unwrap();
        assert!((score - case.want("score")[0]).abs() < 1e-4, "{name}: {score}");
        check_logit(&case, name, &phrase, &answer);
        let params = Params::default();
        for layer in [1, 2, 3] {
            let gradient = residual_gradient(&case.model, &case.trace, &answer, layer, &Control::default()).unwrap();
            let want = floats(&case.want["residual_gradient"].get(layer).unwrap());
            assert_close(&format!("{name}, gradient {layer}"), &floats(&gradient), &want, 1e-3);
            let target = Target { layer, positions: &[4], params: &params, phrase: Some(&phrase) };
            let got = method("class-relevance").explain(&case.model, &case.trace, &target, &Control::default()).unwrap();
            case.check(&format!("class_relevance_{layer}"), &got, 1e-3, None);
        }
    }
}

/// M >= 0, so every block adds: what is followed deeper is nowhere smaller, and all blocks are all of it.
#[test]
fn relevance_grows_with_the_blocks_that_are_followed() {
    for name in ["vit", "bert_classifier", "gpt2"] {
        let case = case(name);
        for (id, positions) in [("ultra", &TARGETS[..]), ("class-relevance", &[POSITION])] {
            let rows = |blocks: &str| case.rows(id, 3, positions, &turned(id, &[("blocks", blocks)]));
            let depths = ["1", "2", "3", "0"].map(rows);
            for pair in depths.windows(2) {
                assert!(pair[0].iter().zip(&pair[1]).all(|(few, more)| more - few >= -1e-6), "{name}, {id}");
            }
            assert!(largest_difference(&depths[2], &depths[3]) < 1e-7 && depths[0] != depths[2], "{name}, {id}");
        }
    }
}

fn number(cell: &Cell) -> f64 {
    if let Cell::Number(number) = cell { *number } else { panic!("no number: {cell:?}") }
}

#[test]
fn integrated_gradients_are_complete_where_steps_are_many() {
    for name in ["vit", "dinov2_classifier", "bert_classifier", "gpt2"] {
        let case = case(name);
        let gap = |steps: &str| {
            let shown = case.show("integrated-gradients", 3, &turned("integrated-gradients", &[("steps", steps)]));
            let Some(Exhibit::Table(table)) = shown.exhibits.last() else { panic!("no table") };
            let row = |name: &str| table.rows.iter().find(|row| row[0] == Cell::from(name)).map(|row| number(&row[1])).unwrap();
            (row("gap").abs(), row("their difference").abs())
        };
        let (few, many) = (gap("2"), gap("200"));
        assert!(many.0 <= 0.01 * many.1.max(0.1) && many.0 <= few.0.max(1e-4), "{name}: {few:?}, {many:?}");
    }
}

#[test]
fn a_budget_keeps_the_strongest_patches() {
    for (name, kept, prefix) in [("vit", 7, 1), ("deit_classifier", 7, 2), ("beit", 7, 1)] {
        let case = case(name);
        for ranking in ["ultra", "attention", "rollout", "class-relevance", "grad-cam"] {
            let all = case.row("semantic-budget", 3, 0, &turned("semantic-budget", &[("ranking", ranking), ("keep", "100")]));
            let some = case.row("semantic-budget", 3, 0, &turned("semantic-budget", &[("ranking", ranking)]));
            assert!(all[prefix..].iter().all(|v| v.is_finite()), "{name}, {ranking}");
            let weakest = some[prefix..].iter().copied().filter(|v| !v.is_nan()).fold(f32::INFINITY, f32::min);
            assert_eq!(some[prefix..].iter().filter(|v| !v.is_nan()).count(), kept, "{name}, {ranking}");
            let lost = all[prefix..].iter().zip(&some[prefix..]).filter(|(_, some)| some.is_nan());
            assert!(lost.into_iter().all(|(all, _)| *all <= weakest), "{name}, {ranking}");
        }
    }
}

#[test]
fn what_arrives_of_a_budget_is_answered_anew() {
    let case = case("vit");
    let probability = f64::from(case.want("probability")[0]);
    for rest in ["blanked", "dropped"] {
        let shown = case.show("semantic-budget", 3, &turned("semantic-budget", &[("rest", rest)]));
        let [Exhibit::Chart(chart), Exhibit::Table(table)] = &shown.exhibits[..] else { panic!("{shown:?}") };
        for series in &chart.series {
            let last = series.points.last().unwrap();
            assert!((last[0] - 100.0).abs() < 1e-9 && (last[1] - probability).abs() < 1e-5, "{rest}: {last:?}");
        }
        assert_eq!((chart.series[0].points.len(), chart.series[1].points.len(), chart.mark), (20, 10, Some(25.0)));
        let sum: f64 = table.rows.iter().map(|row| number(&row[1])).sum();
        assert!(table.rows.len() == 5 && sum <= 1.0 + 1e-6 && table.title.contains("the answer"), "{table:?}");
    }
    let target = Target { layer: 3, positions: &[0], params: &turned("semantic-budget", &[("rest", "dropped")]), phrase: None };
    let beit = self::case("beit");
    let err = method("semantic-budget").show(&beit.model, &beit.trace, &target, &Control::default()).unwrap_err();
    assert!(err.to_string().contains("how far apart patches lie"), "{err}");
}

/// A token that is dropped is not there; a patch that is blanked at its place is the same as pixels of the mean colour.
#[test]
fn tokens_that_are_kept_stay_where_they_stand() {
    for name in ["vit", "dinov2_classifier"] {
        let case = case(name);
        let all: Vec<usize> = (0..case.trace.num_tokens()).collect();
        let same = case.model.trace_tokens(&all, &case.trace, &Control::default().cancel).unwrap();
        assert_close(name, &floats(&same.output), &floats(&case.trace.output), 1e-6);
        let fewer = case.model.trace_tokens(&all[..9], &case.trace, &Control::default().cancel).unwrap();
        assert_eq!((fewer.num_tokens(), fewer.output.dims()[0]), (9, 9));
        let score = case.answer().score(&case.model, &fewer).unwrap();
        assert_close(&format!("{name}, score of nine tokens"), &[score], &case.want("dropped_score"), 1e-4);
        assert_close(name, &floats(&fewer.residual[0]), &floats(&case.trace.residual[0].narrow(0, 0, 9).unwrap()), 1e-7);
    }
}

#[test]
fn what_a_model_lacks_is_refused() {
    let (vit, gpt2, dino) = (case("vit"), case("gpt2"), Case { name: "bert", ..case_of("bert") });
    let scalar = |scalar: &str| Params { scalar: scalar.parse().unwrap(), ..Params::default() };
    for (case, id, params, word) in [
        (&vit, "class-relevance", turned("class-relevance", &[("class", "zebra")]), "no such class"),
        (&vit, "ultra", scalar("vocab:#3"), "scores no words"),
        (&vit, "ultra", scalar("class:99"), "no such class"),
        (&vit, "ultra", scalar("token:99"), "no such token"),
        (&vit, "ultra", scalar("file:missing.npy"), "missing.npy"),
        (&vit, "ultra", scalar("file:missing.txt"), ".npy"),
        (&vit, "integrated-gradients", turned("integrated-gradients", &[("baseline", "mask")]), "a picture"),
        (&gpt2, "integrated-gradients", turned("integrated-gradients", &[("baseline", "mask")]), "no such word"),
        (&gpt2, "ultra", scalar("class:1"), "no classifier's head"),
        (&gpt2, "ultra", scalar("vocab:#60"), "60"),
        (&gpt2, "grad-cam", turned("grad-cam", &[("class", "cat")]), "no tokenizer"),
        (&dino, "class-relevance", Params::default(), "gives no answer"),
        (&dino, "occlusion", turned("occlusion", &[("effect", "score")]), "gives no answer"),
    ] {
        let line = case.refusal(id, 2, 5, &params);
        assert!(line.contains(word), "{line} lacks {word}");
    }
    let last = gpt2.trace.num_tokens() - 1;
    let next = turned("class-relevance", &[("class", "#next")]);
    assert!(gpt2.refusal("class-relevance", 2, last, &next).contains("nothing follows"));
    assert_eq!(gpt2.row("class-relevance", 2, 3, &next).len(), last + 1);
    assert!(matches!(scalar("token:3").scalar, Scalar::Token(_)));
}

/// A checkpoint of which PyTorch was asked no answer.
fn case_of(name: &'static str) -> Case {
    let folder = own_models().join(name);
    let model = Model::load(&folder, &Device::Cpu).unwrap();
    let trace = Given::any(&model).trace(&model);
    Case { name, model, trace, want: HashMap::new() }
}

/// A class is the same by its number, its name, and one of several names.
#[test]
fn classes_are_found_by_name() {
    let mut case = case("vit");
    case.model.class_names[4] = "tabby, tabby cat".to_owned();
    for named in ["4", "#4", "tabby", "Tabby Cat", "tabby, tabby cat"] {
        assert_eq!(Answer::choose(&case.model, &case.trace, named, 0, None).unwrap(), Answer::Class(4), "{named}");
    }
    let err = Answer::choose(&case.model, &case.trace, "tab", 0, None).unwrap_err();
    assert!(err.to_string().contains("did you mean tabby"), "{err}");
}
