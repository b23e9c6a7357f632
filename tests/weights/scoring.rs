//! What the scores of classes mean, and classes by their names, wherever they are shown.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenscope::domain::exhibit::{Cell, Exhibit};
use tokenscope::domain::request::{Request, Task, Tokens};
use tokenscope::engine::{Engine, Explanation, Output, Scoring};
use tokenscope::method::answering::CLASS;
use tokenscope::method::{Control, by_id};

use crate::common::{Given, own_models};
use crate::{Weights, changed, load, notices, refusal};

const IDS: [i64; 5] = [1, 7, 9, 4, 2];

/// A classifier of so many classes with these fields in its configuration.
fn classifier(classes: usize, fields: &Value) -> TempDir {
    let add = |config: &mut Value| fields.as_object().unwrap().iter().for_each(|(name, value)| config[name] = value.clone());
    let cut = |weights: &mut Weights| {
        for name in ["classifier.weight", "classifier.bias"] {
            let part = weights[name].narrow(0, 0, classes).unwrap().contiguous().unwrap();
            weights.insert(name.to_owned(), part);
        }
    };
    let desk = changed("bert_classifier", add, cut);
    let ids = Tensor::new(&IDS, &Device::Cpu).unwrap();
    candle_core::safetensors::save(&[("input_ids", ids)].into(), desk.path().join("ids.safetensors")).unwrap();
    desk
}

fn names(count: usize) -> Value {
    (0..count).map(|class| (class.to_string(), json!(format!("LABEL_{class}")))).collect::<serde_json::Map<_, _>>().into()
}

fn ask(folder: &Path, method: &str, knobs: &[(&str, &str)]) -> tokenscope::domain::Result<Arc<Explanation>> {
    let mut request = Request::new(Task::Explain, folder.join("ids.safetensors"), folder);
    request.tokens = Tokens::These(vec!["0".parse().unwrap()]);
    method.clone_into(&mut request.method);
    for (name, value) in knobs {
        let knob = by_id(method).unwrap().info().knobs.iter().find(|knob| knob.id == *name).unwrap();
        request.params.knobs.set(knob, value).unwrap();
    }
    match Engine::default().run(&request, &Control::default())? {
        Output::Explanation(explanation) => Ok(explanation),
        other => panic!("not an explanation: {other:?}"),
    }
}

/// The number beside a name in the table of the answer.
fn told(explanation: &Explanation, name: &str) -> Option<f64> {
    let Some(Exhibit::Table(table)) = explanation.shown.exhibits.last() else { panic!("no table") };
    let row = table.rows.iter().find(|row| row[0] == Cell::from(name))?;
    if let Cell::Number(number) = row[1] { Some(number) } else { panic!("{row:?}") }
}

/// What transformers' pipelines make of scores.
fn expected(scoring: Scoring, scores: &[f64], class: usize) -> f64 {
    match scoring {
        Scoring::OneOf => scores[class].exp() / scores.iter().map(|score| score.exp()).sum::<f64>(),
        Scoring::Each => 1.0 / (1.0 + (-scores[class]).exp()),
        Scoring::Plain => scores[class],
    }
}

#[test]
fn scores_become_what_the_problem_says_everywhere() {
    for (classes, problem, scoring) in [
        (3, json!(null), Scoring::OneOf),
        (3, json!("multi_label_classification"), Scoring::Each),
        (3, json!("regression"), Scoring::Plain),
        (1, json!(null), Scoring::Each),
        (1, json!("regression"), Scoring::Plain),
    ] {
        let desk = classifier(classes, &json!({"problem_type": problem, "id2label": names(classes)}));
        let model = load(desk.path());
        let given = Given::words(IDS.iter().map(|&id| id as u32).collect());
        let scores: Vec<f64> = given.trace(&model).logits.unwrap().values.iter().map(|&score| f64::from(score)).collect();
        let answer = ask(desk.path(), "class-relevance", &[]).unwrap();
        assert_eq!((answer.scene.model.scoring, answer.scene.predictions.len()), (scoring, classes));
        for prediction in &answer.scene.predictions {
            let want = expected(scoring, &scores, prediction.class);
            assert!((f64::from(prediction.level) - want).abs() < 1e-6, "{problem}: {prediction:?}, not {want}");
        }
        let first = answer.scene.predictions[0].class;
        let want = expected(scoring, &scores, first);
        let name = if scoring == Scoring::Plain { "value" } else { "probability" };
        assert!((told(&answer, name).unwrap() - want).abs() < 1e-6, "{problem}");
        assert_eq!(told(&answer, "probability").is_some(), scoring != Scoring::Plain, "{problem}");
        let occluded = ask(desk.path(), "occlusion", &[("effect", "probability")]);
        match scoring {
            Scoring::Plain => assert!(occluded.unwrap_err().to_string().contains("gives this answer no probability")),
            _ => assert!(occluded.unwrap().row(0).iter().any(|fall| fall.abs() > 0.0), "{problem}"),
        }
    }
    let line = refusal(classifier(3, &json!({"problem_type": "ranking"})).path());
    assert!(line.contains("problem_type is \"ranking\""), "{line}");
}

#[test]
fn a_name_that_two_classes_have_is_refused_with_their_numbers() {
    let desk = classifier(3, &json!({"id2label": {"0": "crane", "1": "Crane, a machine", "2": "dog"}, "label2id": null}));
    for (method, named) in [("class-relevance", "crane"), ("occlusion", "CRANE")] {
        let line = ask(desk.path(), method, &[(CLASS.id, named)]).unwrap_err().to_string();
        assert!(line.contains("is the name of classes 0 and 1") && line.contains("give the number"), "{line}");
    }
    let mut scores = Vec::new();
    for named in ["0", "1", "crane, a machine", "dog"] {
        scores.push(told(&ask(desk.path(), "class-relevance", &[(CLASS.id, named)]).unwrap(), "score").unwrap());
    }
    assert!(scores[1] == scores[2] && scores[0] != scores[1], "{scores:?}");
}

#[test]
fn names_that_do_not_fit_the_head_are_said() {
    let said = |labels: Value| notices(&load(classifier(3, &labels).path()));
    let two = said(json!({"id2label": names(2), "label2id": null}));
    assert!(two.contains("id2label names 2 classes, and the weights have 3"), "{two}");
    let crossed = said(json!({"label2id": {"LABEL_1": 0, "LABEL_0": 1, "LABEL_2": 2}}));
    assert!(crossed.contains("label2id calls class"), "{crossed}");
    assert_eq!(notices(&load(&own_models().join("bert_classifier"))), "");
}
