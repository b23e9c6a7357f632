//! The first page and the way back to it.

use super::*;
use tokenscope::builtin::SAMPLES;
use tokenscope::domain::request::Input;

fn input(harness: &Harness<'_, App>) -> Option<Input> {
    harness.state().lane().question.input.clone()
}

fn sample(name: &str) -> Option<Input> {
    Some(Input::Sample(name.to_owned()))
}

#[test]
fn the_first_page_offers_samples_and_says_what_else_to_do() {
    let oracle = Scripted::default();
    let harness = window(Lane::default(), &oracle);
    harness.get_by_label("Open an image or a text...");
    harness.get_by_label("Type a text...");
    harness.get_by_label("Open a model folder...");
    harness.get_by_label_contains("built-in image model for pictures, the built-in text model for texts");
    for sample in SAMPLES {
        harness.get_by_label(&format!("Open the sample {}", sample.title));
    }
    assert!(oracle.0.borrow().wishes.is_empty());
}

#[test]
fn a_card_opens_its_sample_and_the_button_goes_back() {
    for (card, name, label) in [("Cat", "cat.jpg", patch(0, 0)), ("Two banks", "bank.txt", "river, position 8".to_owned())] {
        let mut harness = window(Lane::default(), &Scripted::at_once());
        assert!(harness.get_by_label("Samples").accesskit_node().is_disabled());
        harness.get_by_label(&format!("Open the sample {card}")).click_accesskit();
        harness.run_ok();
        assert_eq!((input(&harness), harness.state().lane().question.model.clone()), (sample(name), None));
        harness.get_by_label(&label);
        harness.get_by_label("Samples").click();
        harness.run_ok();
        assert_eq!(input(&harness), None);
        harness.get_by_label("Open the sample News");
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        harness.run_ok();
        assert_eq!(input(&harness), sample(name), "undone");
        harness.get_by_label(&label);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
        harness.run_ok();
        assert_eq!(input(&harness), None);
        assert!(harness.state().lane().look.overlay, "H alone is the overlay");
    }
}

#[test]
fn the_keyboard_opens_a_card() {
    let mut harness = window(Lane::default(), &Scripted::at_once());
    harness.get_by_label("Open the sample Coffee").focus();
    harness.run_ok();
    assert!(harness.get_by_label("Open the sample Coffee").is_focused());
    harness.key_press(Key::Enter);
    harness.run_ok();
    assert_eq!(input(&harness), sample("coffee.jpg"));
}

#[test]
fn samples_of_a_kind_are_stepped_through() {
    let mut harness = window(with(opened(), |l| l.question.input = sample("notes.jpg")), &Scripted::at_once());
    harness.get_by_label("Next sample").click();
    harness.run_ok();
    assert_eq!(input(&harness), sample(SAMPLES[0].name), "after the last photo comes the first");
    harness.key_press(Key::PageUp);
    harness.run_ok();
    assert_eq!(input(&harness), sample("notes.jpg"));
    assert_eq!(harness.state().lane().question.model, Some("tiny".into()), "the same kind, the same model");
    let mut harness = window(opened(), &Scripted::at_once());
    assert!(harness.query_by_label("Next sample").is_none());
    harness.key_press(Key::PageDown);
    harness.run_ok();
    assert_eq!(harness.state().lane(), &opened());
}

#[test]
fn a_sample_of_the_other_kind_brings_its_own_model() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label("Samples").click();
    harness.run_ok();
    harness.get_by_label("Model: tiny for pictures, the built-in text model for texts.");
    harness.get_by_label("Open the sample Negation").click_accesskit();
    harness.run_ok();
    assert_eq!((input(&harness), harness.state().lane().question.model.clone()), (sample("negation.txt"), None));
}

#[test]
fn a_refused_model_is_not_called_done_and_is_left() {
    let oracle = Scripted::at_once();
    oracle.0.borrow_mut().refuses = Some("broken".to_owned());
    let mut harness = window(with(Lane::default(), |l| l.question.model = Some("broken".into())), &oracle);
    harness.get_by_label("Open the sample Cat").click();
    harness.run_ok();
    harness.get_by_label_contains("not an image");
    assert_eq!(input(&harness), None, "back on the first page");
    harness.get_by_label("Model: broken");
    assert!(harness.query_by_label_contains("done").is_none());
    harness.get_by_label("Use the built-in models").click_accesskit();
    harness.run_ok();
    harness.get_by_label("Open the sample Cat").click();
    harness.run_ok();
    assert_eq!(input(&harness), sample("cat.jpg"));
    assert!(harness.state().view().map.is_some());
}

#[test]
fn what_cannot_be_opened_from_the_first_page_leaves_it() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::H);
    harness.run_ok();
    oracle.0.borrow_mut().refuses = Some("broken.png".to_owned());
    harness.input_mut().dropped_files.push(dropped("broken.png"));
    harness.run_ok();
    harness.get_by_label_contains("broken.png: not an image");
    assert_eq!(input(&harness), None);
    harness.get_by_label("Open the sample Cat");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(input(&harness), opened().question.input);
    harness.input_mut().dropped_files.push(dropped("broken.png"));
    harness.run_ok();
    assert_eq!(input(&harness), opened().question.input, "undo had led away from the first page");
}

#[test]
fn an_idle_first_page_asks_for_no_frame() {
    let mut harness = window(Lane::default(), &Scripted::at_once());
    wait_for_pictures(&mut harness);
    harness.run();
    let delay = harness.output().viewport_output.values().map(|v| v.repaint_delay).min();
    assert_eq!(delay, Some(std::time::Duration::MAX));
}

/// Thumbnails are decoded beside the frame loop.
pub fn wait_for_pictures(harness: &mut Harness<'_, App>) {
    let started = std::time::Instant::now();
    while !harness.state_mut().is_settled() {
        assert!(started.elapsed() < std::time::Duration::from_secs(20));
        std::thread::sleep(std::time::Duration::from_millis(10));
        harness.step();
    }
}
