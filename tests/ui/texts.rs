//! The window with a text in it.

use super::*;
use tokenscope::app::pane::text::line::{Measure, Setting, Shape};
use tokenscope::domain::request::Input;
use tokenscope::figure::glyphs;
use tokenscope::letters::clusters::{Cluster, Clusters};
use tokenscope::letters::fonts::Fonts;
use tokenscope::letters::units::Unit;

fn bank() -> Lane {
    with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()))
}

fn pinned(harness: &Harness<'_, App>) -> Option<String> {
    harness.state().lane().pinned().as_ref().map(ToString::to_string)
}

fn press(harness: &mut Harness<'_, App>, key: Key) {
    harness.key_press(key);
    harness.run_ok();
}

#[test]
fn a_text_is_shown_as_words_with_a_node_each() {
    let harness = window(bank(), &Scripted::at_once());
    harness.get_by_label_contains("Text bank.txt, 34 tokens");
    for label in ["[CLS], position 0", "We, position 1", "bank, position 5", "bank, position 28", "[SEP], position 33"] {
        let value = harness.get_by_label(label).value().unwrap();
        assert!(value.starts_with("value ") && (value.contains("rank ") || value.contains("own entry")), "{label}: {value}");
    }
    let (river, comma) = (harness.get_by_label("river, position 8").rect(), harness.get_by_label("and, position 9").rect());
    assert!((river.center().y - comma.center().y).abs() < 0.5 && river.right() < comma.left(), "they do not touch");
    assert_eq!(shown(&harness), Some(0), "the first map is that of [CLS]");
    harness.get_by_label("34 tokens, 2 of them special");
}

#[test]
fn pointing_at_a_word_shows_its_map_in_the_same_frame() {
    let mut harness = window(bank(), &Scripted::at_once());
    harness.get_by_label("bank, position 5").hover();
    harness.step();
    assert_eq!(shown(&harness), Some(5));
    harness.get_by_label_contains("bank#1  |  position 5  |  ");
    harness.get_by_label("shown: bank#1");
    harness.get_by_label_contains("layer 3 of 3, bank#1, ");
}

#[test]
fn a_click_pins_a_word_and_escape_lets_it_go() {
    let oracle = Scripted::at_once();
    let mut harness = window(bank(), &oracle);
    harness.get_by_label("river, position 8").click();
    harness.run_ok();
    assert_eq!(pinned(&harness).as_deref(), Some("8"));
    harness.get_by_label("pinned: river");
    assert_eq!(harness.get_by_label("river, position 8").accesskit_node().toggled(), Some(Toggled::True));
    harness.get_by_label_contains("river, scalar sum, exact");
    harness.get_by_label("boats, position 12").hover();
    harness.run_ok();
    assert_eq!(shown(&harness), Some(8), "pinned: pointing reads values");
    harness.get_by_label_contains("boats  |  position 12");
    press(&mut harness, Key::Escape);
    assert_eq!(pinned(&harness), None);
    harness.get_by_label("river, position 8").click_accesskit();
    harness.run_ok();
    assert_eq!(pinned(&harness).as_deref(), Some("8"));
    let mut named = bank();
    named.selection = Selection::Token("river".parse().unwrap());
    let mut harness = window(named, &Scripted::at_once());
    harness.get_by_label("river, position 8").click();
    harness.run_ok();
    assert_eq!(pinned(&harness), None, "the pinned word under another name");
}

#[test]
fn shift_previews_other_words_while_one_is_pinned() {
    let mut harness = window(with(bank(), |l| l.selection = Selection::Token("8".parse().unwrap())), &Scripted::at_once());
    harness.get_by_label("bank, position 5").hover();
    harness.step();
    assert_eq!(shown(&harness), Some(8));
    harness.event(eframe::egui::Event::ModifiersChanged(Modifiers::SHIFT));
    harness.step();
    assert_eq!(shown(&harness), Some(5));
}

#[test]
fn arrows_go_through_the_text_and_its_lines() {
    let mut harness = window(bank(), &Scripted::at_once());
    press(&mut harness, Key::ArrowRight);
    assert_eq!(pinned(&harness).as_deref(), Some("1"), "the first word");
    for (key, position) in [(Key::ArrowRight, "2"), (Key::ArrowLeft, "1"), (Key::ArrowLeft, "0"), (Key::ArrowLeft, "0")] {
        press(&mut harness, key);
        assert_eq!(pinned(&harness).as_deref(), Some(position));
    }
    press(&mut harness, Key::ArrowUp);
    assert_eq!(pinned(&harness).as_deref(), Some("0"), "nothing is above the first line");
    let before = harness.get_by_label_contains("[CLS], position 0").rect();
    press(&mut harness, Key::ArrowDown);
    let below: usize = pinned(&harness).unwrap().parse().unwrap();
    let label = format!(", position {below}");
    let after = harness.get_by_label_contains(&label).rect();
    assert!(below > 5 && after.top() > before.bottom() && (after.center().x - before.center().x).abs() < 40.0);
    press(&mut harness, Key::OpenBracket);
    assert_eq!(harness.state().lane().question.layer, 2);
}

#[test]
fn the_words_keep_their_colours_where_a_special_token_holds_the_most() {
    let harness = window(bank(), &Scripted::at_once());
    let map = harness.state().view().map.as_ref().unwrap();
    assert!(map.heatmap.values[33] > 30.0 && map.range.high < 3.0, "{:?}", map.range);
    let harness = window(with(bank(), |l| l.selection = Selection::Token("8".parse().unwrap())), &Scripted::at_once());
    let map = harness.state().view().map.as_ref().unwrap();
    assert!(map.heatmap.values[8] > 30.0 && map.range.high < 3.0, "the own entry repeats the largest: {:?}", map.range);
}

#[test]
fn what_makes_no_sense_for_a_text_cannot_be_asked() {
    let mut harness = window(with(bank(), |l| l.show(Mode::Segments)), &Scripted::at_once());
    assert_eq!(harness.state().lane().question.mode, Mode::Heatmap);
    assert!(harness.get_by_label("Segments").accesskit_node().is_disabled());
    assert!(harness.get_by_label("Grid").accesskit_node().is_disabled());
    assert!(harness.query_by_label("smooth").is_none());
    press(&mut harness, Key::S);
    press(&mut harness, Key::G);
    assert_eq!((harness.state().lane().question.mode, harness.state().lane().look.grid), (Mode::Heatmap, false));
    let photo = window(opened(), &Scripted::at_once());
    assert!(!photo.get_by_label("Segments").accesskit_node().is_disabled());
    photo.get_by_label("smooth");
}

#[test]
fn a_text_is_typed_and_undone() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label("Type...").click();
    harness.run_ok();
    let editor = || harness.get_by_label("Text to explain");
    assert!(editor().is_focused());
    editor().type_text("Two cats sleeping");
    harness.run_ok();
    assert_eq!(harness.state().lane(), &opened(), "not yet");
    harness.get_by_label("3 words");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    harness.run_ok();
    let session = harness.state().lane();
    assert_eq!(
        (session.question.input.clone(), session.question.model.clone()),
        (Some(Input::Text("Two cats sleeping".to_owned())), None)
    );
    harness.get_by_label("sleep, position 3");
    harness.get_by_label("ing, position 4");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(harness.state().lane(), &opened());

    press(&mut harness, Key::T);
    harness.get_by_label("Text to explain").type_text("x");
    harness.run_ok();
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label("Text to explain").is_none());
    assert_eq!(harness.state().lane(), &opened());
}

#[test]
fn the_open_text_is_changed_in_the_editor() {
    let mut harness = window(bank(), &Scripted::at_once());
    harness.get_by_label("Type...").click();
    harness.run_ok();
    assert!(harness.get_by_label("Text to explain").value().unwrap().starts_with("We sat on the bank"));
    harness.get_by_label("Cancel").click();
    harness.run_ok();
    assert_eq!(harness.state().lane(), &bank());
}

#[test]
fn a_text_is_pasted_and_a_text_file_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "One small step").unwrap();
    let mut harness = window(opened(), &Scripted::at_once());
    harness.event(eframe::egui::Event::Paste("Green ideas\r\nsleep.\n".to_owned()));
    harness.run_ok();
    assert_eq!(harness.state().lane().question.input, Some(Input::Text("Green ideas\nsleep.".to_owned())));
    let (ideas, sleep) = (harness.get_by_label("ideas, position 2").rect(), harness.get_by_label("sleep, position 3").rect());
    assert!(sleep.top() > ideas.bottom());
    harness.input_mut().dropped_files.push(dropped(path.to_str().unwrap()));
    harness.run_ok();
    harness.get_by_label("step, position 3");
    harness.event(eframe::egui::Event::Paste("  \n".to_owned()));
    harness.run_ok();
    assert_eq!(harness.state().lane().question.input, Some(path.into()), "blanks are no text");
}

/// More words than the scripted model reads, and more than the window holds.
pub fn long() -> Lane {
    let words: Vec<String> =
        (0..700).map(|n| format!("{}{}", ["water", "walking", "a", "harbour"][n % 4], [" ", ", ", ".\n"][n % 3])).collect();
    with(Lane::default(), |l| l.question.input = Some(Input::Text(words.concat())))
}

#[test]
fn what_the_model_does_not_read_is_said_and_the_pin_stays_in_sight() {
    let mut harness = window(long(), &Scripted::at_once());
    harness.get_by_label_contains("characters are not read");
    harness.get_by_label_contains("[SEP], position ").click_accesskit();
    harness.run_ok();
    harness.run_ok();
    harness.run_ok();
    let place = harness.get_by_label_contains("[SEP], position ").rect();
    assert!((80.0..600.0).contains(&place.center().y), "{place:?}");
    let at = pinned(&harness).unwrap();
    harness.hover_at(place.center());
    harness.step();
    harness.get_by_label_contains(&format!("[SEP]  |  position {at}"));
}

#[test]
fn an_idle_text_asks_for_no_frame() {
    let mut harness = window(bank(), &Scripted::at_once());
    harness.run();
    let delay = harness.output().viewport_output.values().map(|v| v.repaint_delay).min();
    assert_eq!(delay, Some(std::time::Duration::MAX));
}

/// Ten points a letter.
struct Tens(Fonts);

impl Measure for Tens {
    fn fonts(&self) -> &Fonts {
        &self.0
    }

    fn shape(&self, text: &str, _: &Unit) -> Shape {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let cluster = |(n, &start): (usize, &usize)| Cluster { start, left: 10.0 * n as f32, right: 10.0 * (n + 1) as f32 };
        let clusters = Clusters::new(starts.iter().enumerate().map(cluster).collect(), text.len(), false);
        Shape { text: text.to_owned(), width: 10.0 * starts.len() as f32, clusters, glyphs: starts }
    }

    fn chip(&self, text: &str) -> f32 {
        10.0 * text.chars().count() as f32
    }

    fn space(&self) -> f32 {
        10.0
    }
}

#[test]
fn every_token_of_every_sample_has_a_place_of_its_own() {
    for sample in tokenscope::builtin::SAMPLES.iter().filter(|s| s.is_text()) {
        let scene = script::text_scene(std::str::from_utf8(sample.bytes).unwrap());
        for width in [60.0, 300.0, 2000.0] {
            let setting = Setting::new(scene.layout.text.as_ref().unwrap(), width, &Tens(glyphs::built_in()));
            for position in 0..scene.layout.len() {
                let place = setting.place(position).unwrap();
                assert_eq!(setting.position_at(place.rect.center().to_vec2()), Some(position), "{} at {width}", sample.name);
                assert!(place.rect.right() <= width && place.rect.left() >= 0.0, "{} at {width}", sample.name);
            }
        }
    }
}

#[test]
fn picture_of_a_text() {
    picture("text", (bank(), Theme::Dark), |harness| {
        harness.get_by_label("bank, position 5").click();
        harness.run_ok();
        harness.get_by_label("boats, position 12").hover();
    });
}
