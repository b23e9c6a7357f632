//! What the window says holds: of which model is asked, of errors that are over, of ranks, heads and controls that nothing looks at.

use super::script::{LETTERS, READER, VIEWER};
use super::*;
use tempfile::TempDir;
use tokenscope::domain::request::{Input, ModelRef};
use tokenscope::domain::span::Span;

/// Drops a folder of this name, which the script takes for a model.
fn open_model(harness: &mut Harness<'_, App>, name: &str) -> ModelRef {
    let desk = TempDir::new().unwrap();
    let folder = desk.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    harness.input_mut().dropped_files.push(dropped(folder.to_str().unwrap()));
    harness.run_ok();
    ModelRef::from(folder.to_str().unwrap())
}

fn open(harness: &mut Harness<'_, App>, path: &str) {
    harness.input_mut().dropped_files.push(dropped(path));
    harness.run_ok();
}

fn press(harness: &mut Harness<'_, App>, key: Key) {
    harness.key_press(key);
    harness.run_ok();
}

fn text_file() -> (TempDir, String) {
    let desk = TempDir::new().unwrap();
    let path = desk.path().join("a.txt");
    std::fs::write(&path, "The cat was sleeping by the river.").unwrap();
    (desk, path.to_str().unwrap().to_owned())
}

#[test]
fn pictures_and_texts_keep_their_own_models() {
    let mut harness = window(opened(), &Scripted::at_once());
    let (_desk, text) = text_file();
    open(&mut harness, &text);
    assert_eq!(harness.state().lane().question.model, None);
    harness.get_by_label("tiny for pictures");
    harness.get_by_label_contains("tiny is kept for the other kind of input");
    let reader = open_model(&mut harness, READER);
    open(&mut harness, "meadow.png");
    assert_eq!(harness.state().lane().question.model, Some("tiny".into()));
    harness.get_by_label_contains("Shown by tiny; reader is kept for the other kind of input");
    harness.get_by_label("reader for texts");
    open(&mut harness, &text);
    assert_eq!(harness.state().lane().question.model, Some(reader));
}

#[test]
fn the_first_page_keeps_both_models_and_names_them() {
    let mut harness = window(opened(), &Scripted::at_once());
    let (_desk, text) = text_file();
    let home = |harness: &mut Harness<'_, App>| {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
        harness.run_ok();
    };
    for _ in 0..2 {
        home(&mut harness);
        harness.get_by_label("Model: tiny for pictures, the built-in text model for texts.");
        open(&mut harness, &text);
        assert_eq!(harness.state().lane().question.model, None);
        home(&mut harness);
        harness.get_by_label("tiny for pictures");
        open(&mut harness, "meadow.png");
        assert_eq!(harness.state().lane().question.model, Some("tiny".into()));
    }
}

#[test]
fn an_error_that_is_met_again_is_said_again_and_once() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().refuses = Some("\"layer\":2".to_owned());
    for _ in 0..2 {
        press(&mut harness, Key::OpenBracket);
        assert!(harness.state().error().is_some());
        assert!(harness.query_by_label("Built-in models").is_none(), "the model is not at fault");
        press(&mut harness, Key::Escape);
        harness.run_ok();
        assert!(harness.state().error().is_none(), "closed, it stays closed");
        press(&mut harness, Key::CloseBracket);
        assert!(harness.state().error().is_none());
    }
}

#[test]
fn a_layer_that_the_next_model_has_not_is_no_error() {
    let mut harness = window(with(opened(), |l| l.question.layer = 3), &Scripted::at_once());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
    harness.run_ok();
    open_model(&mut harness, script::COARSE);
    open(&mut harness, "meadow.png");
    assert!(harness.state().error().is_none(), "{:?}", harness.state().error());
}

#[test]
fn a_model_of_the_other_kind_is_kept_and_asks_for_its_input() {
    let mut harness = window(opened(), &Scripted::at_once());
    let reader = open_model(&mut harness, READER);
    let session = harness.state().lane();
    assert_eq!((&session.question.model, &session.question.other_model), (&Some("tiny".into()), &Some(reader.clone())));
    assert_eq!(session.question.input, Some("meadow.png".into()));
    assert!(harness.state().error().is_none() && harness.state().view().map.is_some());
    harness.get_by_label_contains("reader reads texts: open a text, or type one, to use it");
    let (_desk, text) = text_file();
    open(&mut harness, &text);
    assert_eq!(harness.state().lane().question.model, Some(reader));
    let viewer = open_model(&mut harness, VIEWER);
    harness.get_by_label_contains("viewer reads pictures: open one to use it");
    open(&mut harness, "meadow.png");
    assert_eq!(harness.state().lane().question.model, Some(viewer));
}

#[test]
fn a_method_that_the_next_model_lacks_gives_way_and_says_so() {
    let session = with(opened(), |l| {
        l.question.method = "agreement".into();
        l.question.model = Some("clip".into());
    });
    let mut harness = window(session, &Scripted::at_once());
    open_model(&mut harness, "plain");
    assert_eq!(harness.state().lane().question.method, "ultra");
    harness.get_by_label_contains(": ULTra is shown instead");
    assert!(harness.state().view().map.is_some());

    // By way of the first page too.
    let session = with(opened(), |l| {
        l.question.method = "logit-lens".into();
        l.question.input = Some("sample:bank.txt".into());
    });
    let mut harness = window(session, &Scripted::at_once());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
    harness.run_ok();
    open(&mut harness, "meadow.png");
    assert_eq!(harness.state().lane().question.method, "ultra");
    harness.get_by_label_contains("needs a text: ULTra is shown instead");
}

#[test]
fn errors_leave_with_what_they_are_about() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().refuses = Some("broken.png".to_owned());
    open(&mut harness, "broken.png");
    assert!(harness.state().error().is_some());
    // Colours are no answer to an error.
    press(&mut harness, Key::H);
    assert!(harness.state().error().is_some());
    open(&mut harness, "other.png");
    assert!(harness.state().error().is_none(), "{:?}", harness.state().error());

    oracle.0.borrow_mut().refuses = Some("\"layer\":2".to_owned());
    press(&mut harness, Key::OpenBracket);
    assert!(harness.state().error().is_some());
    harness.get_by_label_contains("(the newer one could not be made)");
    assert!(harness.query_by_label_contains("on its way").is_none());
    press(&mut harness, Key::CloseBracket);
    assert!(harness.state().error().is_none() && harness.state().view().stale_since.is_none());
}

#[test]
fn what_was_stopped_is_not_on_its_way() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().at_once = false;
    harness.key_press(Key::OpenBracket);
    harness.run_steps(2);
    harness.get_by_label_contains("(the newer one is on its way)");
    harness.get_by_label("Cancel").click();
    harness.run_steps(3);
    harness.get_by_label_contains("(the newer one was stopped)");
}

#[test]
fn a_method_of_single_heads_offers_and_names_the_head_that_it_shows() {
    let mut harness = window(with(opened(), |l| l.question.method = "qk-modes".into()), &Scripted::at_once());
    let heads = |harness: &Harness<'_, App>| harness.state().lane().question.heads(2);
    assert_eq!(heads(&harness), [Head::One(0), Head::One(1)]);
    assert!(harness.query_by_value("mean of heads").is_none());
    harness.get_by_value("head 0");
    press(&mut harness, Key::Period);
    assert_eq!(harness.state().lane().question.params.head, Head::One(1));
}

#[test]
fn the_own_entry_has_no_rank_and_the_others_are_counted_without_it() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label(&patch(1, 1)).hover();
    harness.step();
    harness.get_by_label_contains("relevance 9.000  |  own entry, drawn as the largest other (");
    assert!(harness.query_by_label_contains("rank 1 of").is_none());
    harness.get_by_label(&patch(1, 1)).click();
    harness.run_ok();
    harness.get_by_label(&patch(1, 2)).hover();
    harness.run_ok();
    harness.get_by_label_contains(" of 23 others");
    assert!(harness.get_by_label(&patch(1, 1)).value().unwrap().ends_with("own entry, drawn as the largest other"));
}

#[test]
fn where_all_are_equal_nobody_is_first() {
    let mut harness = window(with(opened(), |l| l.question.layer = 0), &Scripted::at_once());
    harness.get_by_label(&patch(1, 1)).click();
    harness.run_ok();
    harness.get_by_label(&patch(1, 2)).hover();
    harness.run_ok();
    harness.get_by_label_contains("relevance 0  |  the same as all others");
}

#[test]
fn a_pin_stays_at_its_place_when_the_grid_changes() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label(&patch(3, 4)).click();
    harness.run_ok();
    open_model(&mut harness, script::COARSE);
    assert_eq!(harness.state().lane().pinned().cloned(), Some("1,2".parse().unwrap()));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(harness.state().lane().pinned().cloned(), Some("3,4".parse().unwrap()), "undo knows where it was");
    harness.get_by_label("CLS").click();
    harness.run_ok();
    open_model(&mut harness, script::COARSE);
    assert_eq!(harness.state().lane().pinned().cloned(), Some("cls".parse().unwrap()));
}

#[test]
fn a_pinned_word_stays_at_its_letters_when_the_tokenizer_changes() {
    let text = "sleeping cats";
    let session = with(Lane::default(), |l| l.question.input = Some(Input::Text(text.to_owned())));
    let mut harness = window(session, &Scripted::at_once());
    let pinned = |harness: &Harness<'_, App>| {
        let (view, session) = (harness.state().view(), harness.state().lane());
        let scene = view.scene.clone().unwrap();
        let position = scene.layout.resolve(session.pinned()?).unwrap();
        Some(scene.layout.text.as_ref().unwrap().pieces[position].span.start)
    };
    harness.get_by_label("cats, position 3").click();
    harness.run_ok();
    assert_eq!(pinned(&harness), Some(9));
    open_model(&mut harness, LETTERS);
    assert_eq!(pinned(&harness), Some(9));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    harness.get_by_label("[CLS], position 0").click();
    harness.run_ok();
    open_model(&mut harness, LETTERS);
    assert_eq!(harness.state().lane().pinned(), None, "there is no special token to go to");
    harness.get_by_label_contains("is let go");
}

#[test]
fn words_that_are_no_scalar_stay_to_be_mended() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label("Scalar in words").focus();
    harness.run_ok();
    harness.get_by_label("Scalar in words").type_text("clas");
    harness.run_ok();
    press(&mut harness, Key::Enter);
    assert_eq!(harness.get_by_label("Scalar in words").value().as_deref(), Some("clas"));
    // What is typed next goes on there, and does not show the segments.
    harness.key_press(Key::S);
    harness.get_by_label("Scalar in words").type_text("s:orange");
    harness.run_ok();
    assert_eq!(harness.state().lane().question.mode, Mode::Heatmap);
    press(&mut harness, Key::Enter);
    assert_eq!(harness.state().lane().question.params.scalar.to_string(), "class:orange");
}

#[test]
fn keys_that_do_nothing_say_why() {
    let mut harness = window(opened(), &Scripted::at_once());
    for (key, said) in [(Key::M, "this is a picture"), (Key::Period, "does not look at single heads"), (Key::PageDown, "Ctrl+H")]
    {
        press(&mut harness, key);
        harness.get_by_label_contains(said);
    }
    let (_desk, text) = text_file();
    open(&mut harness, &text);
    for (key, said) in [(Key::G, "this is a text"), (Key::Num2, "a text has its words instead")] {
        press(&mut harness, key);
        harness.get_by_label_contains(said);
    }
}

#[test]
fn what_cannot_be_done_says_so() {
    let said = |session: Lane, key: Key, words: &str| {
        let mut harness = window(session, &Scripted::at_once());
        press(&mut harness, key);
        harness.get_by_label_contains(words);
    };
    let bank = || with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()));
    said(opened(), Key::E, "ULTra has no charts and tables beside its map");
    said(opened(), Key::CloseBracket, "Layer 3 is the last one");
    said(with(opened(), |l| l.question.layer = 0), Key::OpenBracket, "Layer 0 is the first one");
    said(with(opened(), |l| l.question.method = "attention".into()), Key::Comma, "There is no other head in this direction");
    said(with(opened(), |l| l.show(Mode::Segments)), Key::ArrowDown, "Arrows move the pinned token of a heatmap");
    said(bank(), Key::Plus, "This enlarges pictures");
    said(Lane::default(), Key::M, "Nothing is open: choose a sample");
    let mut harness = window(bank(), &Scripted::at_once());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::G);
    harness.run_ok();
    harness.get_by_label_contains("reads whole texts and continues none");
}

#[test]
fn a_selection_names_its_last_token() {
    let span = Span { from: 2, to: 5 };
    let lane = with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()));
    let harness = window(with(lane, |l| l.selection = Selection::Span(span)), &Scripted::at_once());
    harness.get_by_label("selected: tokens 2 to 4");
    harness.get_by_label_contains("sources of tokens 2 to 4");
}

#[test]
fn controls_that_nothing_looks_at_are_off() {
    let session = with(opened(), |l| l.show(Mode::Segments));
    let mut harness = window(session.clone(), &Scripted::at_once());
    let is_disabled = |harness: &Harness<'_, App>| {
        let mut sliders = harness.query_all_by_label("Superpixels");
        sliders.any(|node| node.accesskit_node().is_disabled())
    };
    assert!(is_disabled(&harness));
    harness.run_ok();
    let mut with_regions = session;
    let knob = tokenscope::app::ask::registry::knob("regions").unwrap();
    with_regions.question.params.knobs.set(knob, "slic").unwrap();
    assert!(!is_disabled(&window(with_regions, &Scripted::at_once())));
}

#[test]
fn one_segment_is_one_segment() {
    let session = with(opened(), |l| {
        l.show(Mode::Segments);
        l.look.cut = Cut::Clusters(1);
    });
    let harness = window(session, &Scripted::at_once());
    harness.get_by_label("1 segment");
    harness.get_by_label_contains(", 1 segment");
    harness.get_by_label("One segment, as asked");
    harness.get_by_label("Segment 0, all");
    let session = with(harness.state().lane().clone(), |l| l.look.cut = Cut::Distance(2.0));
    window(session, &Scripted::at_once()).get_by_label_contains("everything is one segment; cut lower");
}

#[test]
fn values_beyond_the_colour_bar_are_named() {
    let session = with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()));
    let harness = window(session, &Scripted::at_once());
    let label = harness.get_by_label_contains("Colour bar, ").accesskit_node().label().unwrap();
    assert!(label.ends_with("; above: [SEP] 40.00") || label.contains("above: [CLS]"), "{label}");
}
