//! The phrase that a picture is compared with.

use super::*;
use tokenscope::app::ask::obstacle::NEEDS_PHRASE;
use tokenscope::domain::colormap::Colormap;
use tokenscope::domain::request::{Input, Scalar, Tower};

/// A model of images and texts, as the script knows it by its name.
fn clip() -> Lane {
    with(opened(), |l| l.question.model = Some("clip".into()))
}

fn scalar(harness: &Harness<'_, App>) -> Scalar {
    harness.state().lane().question.params.scalar.clone()
}

fn text(words: &str) -> Scalar {
    Scalar::Text(words.to_owned())
}

/// Types into the field, which begins with what is set.
fn type_phrase(harness: &mut Harness<'_, App>, words: &str, end: Key) {
    harness.get_by_label("Phrase to look for").focus();
    harness.run_ok();
    harness.get_by_label("Phrase to look for").type_text(words);
    harness.run_ok();
    harness.key_press(end);
    harness.run_ok();
}

/// The scalars of the newest explanations that were asked for.
fn asked(oracle: &Scripted) -> Vec<Scalar> {
    let script = oracle.0.borrow();
    let wishes = script.wishes.iter().rev().find(|wishes| wishes.iter().any(|w| w.task == Task::Explain)).unwrap();
    wishes.iter().filter(|w| w.task == Task::Explain).map(|w| w.params.scalar.clone()).collect()
}

#[test]
fn a_phrase_is_typed_followed_undone_and_cleared() {
    let oracle = Scripted::at_once();
    let mut harness = window(clip(), &oracle);
    type_phrase(&mut harness, "a cat", Key::Escape);
    assert_eq!(scalar(&harness), Scalar::Auto, "Escape leaves it");
    type_phrase(&mut harness, "a cat", Key::Enter);
    assert_eq!((scalar(&harness), asked(&oracle)), (text("a cat"), vec![text("a cat")]));
    harness.get_by_label_contains("layer 3 of 3, CLS, along 'a cat', own-row");
    harness.get_by_label("cosine 0.2500, logit 25.00: a cat");
    type_phrase(&mut harness, " | a dog", Key::Enter);
    assert_eq!(scalar(&harness), text("a cat | a dog"));
    harness.get_by_label("cosine 0.2500, logit 25.00, 50.0 %: a dog");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(scalar(&harness), text("a cat"));
    assert_eq!(harness.get_by_label("Phrase to look for").value().as_deref(), Some("a cat"));
    harness.get_by_label("Clear the phrase").click();
    harness.run_ok();
    assert_eq!(scalar(&harness), Scalar::Auto);
    harness.get_by_label_contains("CLS, scalar sum, own-row");
    assert!(harness.query_by_label("Clear the phrase").is_none());
}

#[test]
fn agreement_waits_for_a_phrase_and_shows_cosines() {
    let oracle = Scripted::at_once();
    let mut harness = window(with(clip(), |l| l.question.method = "agreement".to_owned()), &oracle);
    assert!(harness.state().view().map.is_none());
    assert!(harness.state().view().obstacle.as_ref().unwrap().contains("Type a phrase"));
    type_phrase(&mut harness, "a cat", Key::Enter);
    harness.get_by_label_contains("Agreement, layer 3 of 3, with 'a cat'");
    harness.get_by_label(&patch(1, 2)).hover();
    harness.step();
    harness.get_by_label_contains("position 9  |  cosine ");
}

#[test]
fn a_phrase_leads_from_a_method_without_one_to_agreement() {
    let mut session = with(clip(), |l| l.question.method = "attention".to_owned());
    session.look.colormap = Some(Colormap::Gray);
    let mut harness = window(session, &Scripted::at_once());
    type_phrase(&mut harness, "a cat", Key::Enter);
    let session = harness.state().lane();
    assert_eq!((session.question.method.as_str(), session.look.colormap), ("agreement", None));
}

#[test]
fn without_a_place_for_phrases_there_is_no_field_and_nothing_is_asked() {
    let mut session = with(opened(), |l| l.question.method = "agreement".to_owned());
    session.question.params.scalar = text("a cat");
    let oracle = Scripted::at_once();
    let harness = window(session.clone(), &oracle);
    assert!(harness.query_by_label("Phrase to look for").is_none());
    assert_eq!(harness.state().view().obstacle.as_deref(), Some(NEEDS_PHRASE));
    session.question.method = "ultra".to_owned();
    let harness = window(session, &oracle);
    let obstacle = harness.state().view().obstacle.clone().unwrap();
    assert!(obstacle.starts_with("Along text:") && obstacle.ends_with(NEEDS_PHRASE), "{obstacle}");
    let mut harness = window(with(clip(), |l| l.question.method = "ultra".to_owned()), &oracle);
    type_phrase(&mut harness, "a cat", Key::Enter);
    harness.input_mut().dropped_files.push(dropped(env!("CARGO_MANIFEST_DIR")));
    harness.run_ok();
    assert_eq!(asked(&oracle), [Scalar::Auto], "a phrase from another model is not asked of this one");
}

#[test]
fn each_kind_of_input_has_its_tower_of_the_open_model() {
    let mut harness = window(clip(), &Scripted::at_once());
    harness.input_mut().events.push(eframe::egui::Event::Paste("Two cats".to_owned()));
    harness.run_ok();
    let tower = |harness: &Harness<'_, App>| harness.state().view().scene.as_ref().and_then(|s| s.model.tower);
    assert_eq!(harness.state().lane().question.input, Some(Input::Text("Two cats".to_owned())));
    assert_eq!((harness.state().lane().question.model.clone(), tower(&harness)), (clip().question.model, Some(Tower::Text)));
    harness.get_by_label_contains("clip, text tower, 3 layers");
    assert!(harness.query_by_label("Phrase to look for").is_none());
    harness.input_mut().dropped_files.push(dropped("meadow.png"));
    harness.run_ok();
    assert_eq!((harness.state().lane().question.model.clone(), tower(&harness)), (clip().question.model, Some(Tower::Image)));
}

/// Probabilities are percentages with a bar; plain values are neither.
#[test]
fn predictions_are_shown_as_what_their_scores_mean() {
    for (model, heading, label) in [
        ("tiny", "Predicted classes", "orange: 84.0 %"),
        ("labels", "Predicted classes, each on its own", "stars: 75.0 %"),
        ("regression", "Predicted values", "stars: 3.250"),
    ] {
        let oracle = Scripted::at_once();
        let harness = window(with(opened(), |l| l.question.model = Some(model.into())), &oracle);
        harness.get_by_label(heading);
        harness.get_by_label(label);
    }
}
