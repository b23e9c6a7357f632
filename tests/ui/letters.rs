//! Texts of scripts that run from right to left or join, in the window: from fonts of the program and of the tests.

use std::sync::Arc;

use super::layers::drag;
use super::*;
use tokenscope::app::pane::text::line::Setting;
use tokenscope::app::pane::text::shaper::Shaper;
use tokenscope::app::widgets::fonts;
use tokenscope::domain::request::Input;
use tokenscope::domain::text::{Piece, Text};
use tokenscope::letters::face::Face;
use tokenscope::letters::fonts::Others;

/// Arabic, Devanagari and one emoji.
fn others() -> Others {
    let face = |name: &str, bytes: &'static [u8]| Arc::new(Face::embedded(name, bytes).unwrap());
    Others::These(vec![
        face("Arabic", include_bytes!("../fixtures/letters/arabic.ttf")),
        face("Devanagari", include_bytes!("../fixtures/letters/devanagari.ttf")),
        face("Emoji", include_bytes!("../fixtures/letters/emoji.ttf")),
    ])
}

fn typed(text: &str) -> Lane {
    with(Lane::default(), |l| l.question.input = Some(Input::Text(text.to_owned())))
}

fn rect(harness: &Harness<'_, App>, label: &str) -> eframe::egui::Rect {
    harness.get_by_label(label).rect()
}

#[test]
fn hebrew_words_are_pointed_at_clicked_and_selected_where_they_are_seen() {
    let mut harness = window(typed("שלום עולם, three ארבע"), &Scripted::at_once());
    let labels = ["שלום, position 1", "עולם, position 2", ",, position 3", "three, position 4", "ארבע, position 5"];
    let lefts = labels.map(|label| rect(&harness, label).left());
    assert!(lefts.is_sorted_by(|a, b| a > b), "from the right: {lefts:?}");
    harness.get_by_label("עולם, position 2").hover();
    harness.step();
    assert_eq!(shown(&harness), Some(2));
    harness.get_by_label("ארבע, position 5").click();
    harness.run_ok();
    assert_eq!(harness.state().lane().pinned().as_ref().map(ToString::to_string).as_deref(), Some("5"));
    // Arrows go where they point: three stands to the right of ארבע, and further right is what comes before it.
    let pinned = |harness: &Harness<'_, App>| harness.state().lane().pinned().map(ToString::to_string);
    for (key, position) in [(Key::ArrowRight, "4"), (Key::ArrowRight, "3"), (Key::ArrowLeft, "4"), (Key::ArrowLeft, "5")] {
        harness.key_press(key);
        harness.run_ok();
        assert_eq!(pinned(&harness).as_deref(), Some(position));
    }
    drag(&mut harness, "שלום, position 1", "three, position 4");
    let span = harness.state().lane().span().unwrap();
    assert_eq!((span.from, span.to), (1, 5));
}

/// A text with a token for each character.
fn pieces_of(string: &str) -> Text {
    let piece = |(at, c): (usize, char)| Piece { piece: c.into(), span: at..at + c.len_utf8(), special: false, word: Some(at) };
    let pieces = string.char_indices().filter(|(_, c)| !c.is_whitespace()).map(piece).collect();
    Text { string: string.into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() }
}

fn set(string: &str) -> Setting {
    set_text(pieces_of(string))
}

/// How egui sets a text.
fn set_text(text: Text) -> Setting {
    let setting = std::rc::Rc::new(std::cell::RefCell::new(None));
    let slot = setting.clone();
    let mut harness = Harness::builder().with_size(Vec2::new(400.0, 100.0)).build_ui(move |ui| {
        if fonts::of(ui.ctx()).own.is_empty() {
            fonts::install(ui.ctx(), others());
        } else {
            *slot.borrow_mut() = Some(Setting::new(&text, 300.0, &Shaper::new(ui)));
        }
        ui.ctx().request_repaint();
    });
    harness.run_steps(4);
    let setting = setting.borrow_mut().take();
    setting.unwrap()
}

#[test]
fn arabic_is_one_run_with_a_token_for_each_glyph() {
    let setting = set("مرحبا");
    let line = &setting.lines[0];
    assert_eq!((line.runs.len(), line.runs[0].text.as_str()), (1, "مرحبا"));
    assert_eq!(line.runs[0].owners[..5], [4, 3, 2, 1, 0].map(Some), "from the left");
    assert_eq!(line.places.iter().map(|p| p.position).collect::<Vec<_>>(), [4, 3, 2, 1, 0]);
    assert!((line.places[4].rect.right() - 300.0).abs() < 1.5, "it begins at the right");
    for place in &line.places {
        assert!(place.rect.width() >= 2.0, "{place:?}");
        assert_eq!(setting.position_at(place.rect.center().to_vec2()), Some(place.position));
    }
}

#[test]
fn tokens_within_a_ligature_a_mark_or_an_emoji_share_its_place() {
    for (string, tokens) in [("لا", 2), ("नमस्ते", 6), ("e\u{301}a", 3), ("👩\u{200d}🚀", 3)] {
        let setting = set(string);
        let line = &setting.lines[0];
        assert_eq!(line.runs.len(), 1, "{string} is shaped as a whole");
        assert_eq!(line.places.len(), tokens, "{string}");
        let total: f32 = line.places.iter().map(|place| place.rect.width()).sum();
        assert!((total - line.runs[0].width).abs() <= 1.0, "{string}: {total} of {}", line.runs[0].width);
        for place in &line.places {
            assert!(place.rect.width() >= 2.0, "{string}: {place:?}");
        }
    }
}

#[test]
fn brackets_of_hebrew_are_turned_around() {
    let setting = set("(אב)");
    let runs: String = setting.lines[0].runs.iter().map(|run| run.text.as_str()).collect();
    assert_eq!(setting.lines[0].places.iter().map(|p| p.position).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(runs, "(אב)", "what is drawn first stands at the left, and opens there");
}

#[test]
fn a_mark_that_no_token_has_belongs_to_the_letter_below_it() {
    let mut text = pieces_of("की ");
    text.pieces.truncate(1);
    let setting = set_text(text);
    let line = &setting.lines[0];
    assert_eq!((line.runs.len(), line.places.len()), (1, 1), "{line:?}");
    assert!(line.runs[0].owners.iter().all(|owner| *owner == Some(0)));
    assert!((line.places[0].rect.width() - line.runs[0].width).abs() < 0.5, "{line:?}");
}

#[test]
fn what_no_token_has_at_the_end_stands_before_the_closing_token() {
    let mut text = pieces_of("की");
    text.pieces.truncate(1);
    text.pieces.push(Piece { piece: "[SEP]".into(), span: 0..0, special: true, word: None });
    let setting = set_text(text);
    assert_eq!(setting.lines[0].runs.iter().map(|run| run.text.as_str()).collect::<String>(), "की");
}

#[test]
fn what_no_font_has_keeps_a_place() {
    let setting = set("a\u{378}b");
    assert_eq!(setting.lines[0].places.iter().map(|p| p.position).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(setting.place(1).unwrap().rect.width() > 10.0);
}

#[test]
fn picture_of_many_scripts() {
    let string = "שלום עולם (1) one مرحبا لا\nLeft: नमस्ते and שלום, مرحبا 2\ne\u{301}a 👩\u{200d}🚀 川 \u{378}";
    picture("letters", (typed("."), Theme::Dark), |harness| {
        fonts::install(&harness.ctx, others());
        harness.event(eframe::egui::Event::Paste(string.to_owned()));
    });
}
