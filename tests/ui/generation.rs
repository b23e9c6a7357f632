//! The window while a causal model continues a text: a real engine, one answer a frame.

use super::*;
use tokenscope::app::command::continuation::Generating;
use tokenscope::domain::request::{Generation, Input};
use tokenscope::domain::request_key::RequestKey;
use tokenscope::domain::{Progress, Result};
use tokenscope::engine::{Engine, Oracle, Output, Reply};
use tokenscope::method::Control;

/// An engine that answers the most urgent wish when it is polled.
#[derive(Default)]
struct Direct {
    engine: Engine,
    wishes: Vec<Request>,
}

impl Oracle for Direct {
    fn wish(&mut self, wishes: Vec<Request>) {
        self.wishes = wishes;
    }

    fn poll(&mut self) -> Vec<Reply> {
        if self.wishes.is_empty() {
            return Vec::new();
        }
        let request = self.wishes.remove(0);
        let result: Result<Output> = self.engine.run(&request, &Control::default());
        vec![Reply { key: request.key(), result }]
    }

    fn running(&self) -> Option<(RequestKey, Progress)> {
        self.wishes.first().map(|request| (request.key(), Progress::default()))
    }
}

fn session(model: &std::path::Path) -> Lane {
    let input = Some(Input::Text("The cat sat".to_owned()));
    let sampling = Generation { tokens: 6, ..Generation::default() };
    with(Lane::default(), |l| {
        l.question.input = input;
        l.question.model = Some(model.to_owned().into());
        l.question.sampling = sampling;
    })
}

fn opened_by_engine(session: Lane) -> Harness<'static, App> {
    let mut harness = Harness::builder()
        .with_size(Vec2::new(1280.0, 800.0))
        .with_max_steps(400)
        .allow_missing_glyphs()
        .build_eframe(move |cc| App::new(&cc.egui_ctx, session, Box::new(Direct::default())));
    settle(&mut harness);
    harness
}

fn settle(harness: &mut Harness<'_, App>) {
    for _ in 0..400 {
        harness.step();
        if harness.state_mut().is_settled() {
            harness.step();
            return;
        }
    }
    panic!("it never settles: {:?}", harness.state().error());
}

fn num_tokens(harness: &Harness<'_, App>) -> usize {
    harness.state().view().scene.as_ref().unwrap().layout.len()
}

fn string(harness: &Harness<'_, App>) -> String {
    harness.state().view().scene.as_ref().unwrap().layout.text.as_ref().unwrap().string.clone()
}

#[test]
fn words_appear_one_by_one_and_each_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), &serde_json::Value::Null);
    let mut harness = opened_by_engine(session(folder.path()));
    let prompt = num_tokens(&harness);
    harness.get_by_label("The model can continue this text");
    harness.get_by_label("Next token, after the end");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::G);
    let mut lengths = Vec::new();
    for _ in 0..60 {
        harness.step();
        lengths.push(num_tokens(&harness));
        if lengths.last() == Some(&(prompt + 3)) {
            break;
        }
    }
    lengths.dedup();
    assert!(lengths.len() > 1 && lengths.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lengths:?} from {prompt}");
    harness.get_by_label("3 of 6 tokens");
    let at = format!(", position {}", prompt + 1);
    harness.get_by_label_contains(&at).click_accesskit();
    settle(&mut harness);
    assert_eq!((num_tokens(&harness), shown(&harness)), (prompt + 6, Some(prompt + 1)));
    harness.get_by_label("Underlined: 6 generated tokens");
    assert_eq!(harness.get_by_label_contains(&at).accesskit_node().description().as_deref(), Some("generated"));
    assert!(string(&harness).starts_with("The cat sat"));
    let map = harness.state().view().map.clone().unwrap();
    assert_eq!(map.heatmap.values.len(), prompt + 6);
    assert!(map.heatmap.values[prompt + 2..].iter().all(|v| v.is_nan()), "a causal token sees nothing after itself");

    harness.get_by_label("Generate more").click();
    harness.step();
    settle(&mut harness);
    assert_eq!(num_tokens(&harness), prompt + 12);
    harness.get_by_label("Discard").click();
    harness.step();
    settle(&mut harness);
    assert_eq!((string(&harness).as_str(), harness.state().lane().pinned().cloned()), ("The cat sat", None));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(num_tokens(&harness), prompt + 12, "undo brings it back");
    assert_eq!(harness.state().error(), None);
}

#[test]
fn a_token_is_explained_while_the_text_grows() {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), &serde_json::Value::Null);
    let sampling = Generation { tokens: 20, temperature: 1.0, seed: 3, ..Generation::default() };
    let mut harness = opened_by_engine(with(session(folder.path()), |l| l.question.sampling = sampling));
    let prompt = num_tokens(&harness);
    harness.get_by_label("Generate").click();
    while num_tokens(&harness) < prompt + 4 {
        harness.step();
    }
    harness.get_by_label_contains(&format!(", position {}", prompt + 2)).click_accesskit();
    for _ in 0..6 {
        harness.step();
    }
    assert_eq!(shown(&harness), Some(prompt + 2));
    let there = num_tokens(&harness);
    assert!(there > prompt + 4 && there < prompt + 20, "it grows on: {there}");
    harness.key_press(Key::Escape);
    settle(&mut harness);
    let stopped = num_tokens(&harness);
    assert!((there..=there + 2).contains(&stopped), "{there}, {stopped}");
    assert_eq!(harness.state().lane().question.generation.map(|g| g.tokens), Some(stopped - prompt));
    harness.get_by_label(&format!("Underlined: {} generated tokens", stopped - prompt));
    assert_eq!(shown(&harness), Some(prompt + 2), "what was pinned stays");
}

#[test]
fn a_session_keeps_its_continuation_and_a_refusal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), &serde_json::Value::Null);
    let generation = Some(Generation { tokens: 5, temperature: 0.9, seed: 11, top_p: 0.8 });
    let saved = with(session(folder.path()), |l| l.question.generation = generation);
    let read: Lane = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
    assert_eq!(read, saved);
    let harness = opened_by_engine(saved.clone());
    let again = opened_by_engine(read);
    assert_eq!(string(&harness), string(&again));
    assert!(string(&harness).len() > "The cat sat".len());

    let long = Some(Input::Text("The cat sat on the mat. ".repeat(20)));
    let harness = opened_by_engine(with(saved, |l| l.question.input = long));
    assert_eq!(harness.state().lane().question.generation, None);
    assert!(harness.state().error().unwrap().to_string().contains("leaves no room"));
}

#[test]
fn models_that_cannot_continue_a_text_do_not_offer_it() {
    let bank = with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()));
    let mut harness = window(bank.clone(), &Scripted::at_once());
    assert!(harness.query_by_label("Generate").is_none());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::G);
    harness.run_ok();
    assert_eq!(harness.state().lane(), &bank);
    let scene = harness.state().view().scene.clone();
    let mut session = bank.clone();
    Generating::Begin.apply(&mut session, scene.as_deref(), Default::default());
    assert_eq!(session, bank);
}

#[test]
fn a_span_is_explained_while_the_text_grows_and_after() {
    let folder = tempfile::tempdir().unwrap();
    causal::write(folder.path(), &serde_json::Value::Null);
    let mut session = session(folder.path());
    (session.selection, session.look.matrix.shown) = (Selection::Span("2..4".parse().unwrap()), true);
    let mut harness = opened_by_engine(session);
    let prompt = num_tokens(&harness);
    let span = |harness: &Harness<'_, App>| harness.state().view().map.as_ref().and_then(|m| m.span);
    assert!(span(&harness).is_some() && harness.state().view().matrix.is_some());
    harness.get_by_label("Generate").click();
    while num_tokens(&harness) < prompt + 3 {
        harness.step();
        assert!(span(&harness).is_some(), "the map stays");
    }
    settle(&mut harness);
    assert_eq!((num_tokens(&harness), harness.state().error()), (prompt + 6, None));
    assert!(span(&harness).is_some() && harness.state().view().matrix.is_some());
    harness.get_by_label("Discard").click();
    harness.step();
    settle(&mut harness);
    assert_eq!(harness.state().lane().span(), Some("2..4".parse().unwrap()), "it lies before the continuation");
}
