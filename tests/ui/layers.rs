//! The matrix of tokens by layers, spans and their score.

use super::*;
use tokenscope::app::resolve::matrix::Row;
use tokenscope::app::state::MatrixLook;
use tokenscope::domain::request::{Input, Own};
use tokenscope::domain::span::Span;

fn bank() -> Lane {
    with(Lane::default(), |l| l.question.input = Some("sample:bank.txt".into()))
}

fn layered() -> Lane {
    with(bank(), |l| l.look.matrix = MatrixLook { shown: true, shared: false })
}

fn causal() -> Lane {
    with(bank(), |l| l.question.model = Some(script::CAUSAL.into()))
}

fn press(harness: &mut Harness<'_, App>, key: Key) {
    harness.key_press(key);
    harness.run_ok();
}

fn press_shift(harness: &mut Harness<'_, App>, key: Key) {
    harness.key_press_modifiers(Modifiers::SHIFT, key);
    harness.run_ok();
}

fn span(harness: &Harness<'_, App>) -> Option<String> {
    harness.state().lane().span().map(|span| span.to_string())
}

fn layers(wishes: &[Request]) -> Vec<i32> {
    wishes.iter().filter(|w| w.tokens == Tokens::All).map(|w| w.layer).collect()
}

/// What a row of the matrix holds for a token.
fn value(harness: &Harness<'_, App>, layer: usize, position: usize) -> f32 {
    harness.state().view().matrix.as_ref().unwrap().rows[layer].values().unwrap()[position]
}

#[test]
fn the_matrix_asks_for_every_layer_the_shown_one_first() {
    let scene = script::text_scene("We sat on the bank.");
    assert_eq!(layers(&bank().wanted(Some(&scene))), [3]);
    let low = with(layered(), |l| l.question.layer = 1);
    assert_eq!(layers(&low.wanted(Some(&scene))), [1, 3, 2, 0]);
    let attention = with(layered(), |l| l.question.method = "attention".into());
    assert_eq!(layers(&attention.wanted(Some(&scene))), [3, 2, 1], "attention has no layer 0");
    assert_eq!(layers(&layered().wanted(Some(&script::scene()))), [3], "a picture has no matrix");
}

#[test]
fn the_matrix_is_opened_by_its_key_and_follows_the_pointer() {
    let mut harness = window(bank(), &Scripted::at_once());
    assert!(harness.query_by_label("Layer 2 of 3").is_none());
    press(&mut harness, Key::M);
    harness.run_ok();
    harness.get_by_label("[CLS] at every layer");
    for layer in 0..=3 {
        let value = harness.get_by_label(&format!("Layer {layer} of 3")).value().unwrap();
        assert!(value.starts_with("strongest: "), "{value}");
    }
    harness.get_by_label("bank, position 5").hover();
    harness.step();
    harness.get_by_label("bank#1 at every layer");
    assert!(value(&harness, 3, 6) > 1.9 * value(&harness, 1, 6), "the scripted map grows with the layer");
    let (top, bottom) = (harness.get_by_label("Layer 3 of 3").rect(), harness.get_by_label("Layer 0 of 3").rect());
    assert!(top.bottom() < bottom.top());
    harness.get_by_label("Hide").click();
    harness.run_ok();
    assert!(!harness.state().lane().look.matrix.shown && harness.query_by_label("Layer 2 of 3").is_none());
}

/// The middle of a cell of bank.txt's matrix, which has 34 columns.
fn cell(harness: &Harness<'_, App>, layer: usize, position: usize) -> eframe::egui::Pos2 {
    let row = harness.get_by_label(&format!("Layer {layer} of 3")).rect();
    eframe::egui::pos2(row.left() + row.width() * (position as f32 + 0.5) / 34.0, row.center().y)
}

#[test]
fn a_cell_tells_its_value_and_a_click_goes_to_its_layer() {
    let mut harness = window(layered(), &Scripted::at_once());
    harness.get_by_label("bank, position 5").hover();
    harness.step();
    harness.hover_at(cell(&harness, 1, 8));
    harness.run_ok();
    assert_eq!(shown(&harness), Some(5), "the target stays while the matrix is read");
    harness.get_by_label_contains("river (position 8), layer 1: relevance ");
    harness.get_by_label_contains("river  |  position 8");
    let pos = cell(&harness, 1, 8);
    harness.event(eframe::egui::Event::PointerMoved(pos));
    for pressed in [true, false] {
        let button = eframe::egui::PointerButton::Primary;
        harness.event(eframe::egui::Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
    }
    harness.run_ok();
    let session = harness.state().lane();
    assert_eq!((session.question.layer, session.pinned().cloned()), (1, Some("5".parse().unwrap())));
    harness.get_by_label("Layer 2 of 3").click_accesskit();
    harness.run_ok();
    assert_eq!(harness.state().lane().question.layer, 2);
}

#[test]
fn rows_without_an_answer_say_why() {
    let mut harness = window(with(layered(), |l| l.question.method = "attention".into()), &Scripted::at_once());
    harness.run_ok();
    let value = harness.get_by_label("Layer 0 of 3").value().unwrap();
    assert!(value.contains("starts at layer 1"), "{value}");
    let oracle = Scripted::default();
    let mut harness = window(layered(), &oracle);
    oracle.0.borrow_mut().answer_all();
    harness.run_ok();
    let first = oracle.0.borrow_mut().open.pop_front().unwrap();
    oracle.0.borrow_mut().replies.push(tokenscope::engine::Reply { key: first.key(), result: script::answer(&first) });
    harness.run_ok();
    assert_eq!(harness.get_by_label("Layer 1 of 3").value().as_deref(), Some("on its way"));
    harness.get_by_label_contains("3 rows on their way");
}

#[test]
fn rows_have_a_range_each_or_one_for_all() {
    let ranges = |harness: &Harness<'_, App>| -> Vec<f32> {
        let range = |row: &Row| if let Row::Has { range, .. } = row { range.high } else { f32::NAN };
        harness.state().view().matrix.as_ref().unwrap().rows.iter().map(range).collect()
    };
    let mut harness = window(layered(), &Scripted::at_once());
    harness.run_ok();
    let own = ranges(&harness);
    assert!(own[3] > 2.0 * own[0], "{own:?}");
    harness.get_by_label("one for all").click();
    harness.run_ok();
    let shared = ranges(&harness);
    assert!(shared.iter().all(|high| *high == own[3]), "{shared:?}");
}

#[test]
fn a_long_text_has_rows_of_what_is_pinned() {
    let scene = script::text_scene(&"word ".repeat(600));
    let mut deep = (*scene).clone();
    deep.model.num_layers = 200;
    let unpinned = layered().wanted(Some(&deep));
    assert_eq!(unpinned.len(), 2, "the trace and the table");
    let pinned = with(layered(), |l| l.selection = Selection::Token("7".parse().unwrap())).wanted(Some(&deep));
    assert_eq!(pinned.len(), 3 + 201);
    assert!(pinned[3..].iter().all(|r| r.tokens == Tokens::These(vec!["7".parse().unwrap()])));
}

pub fn drag(harness: &mut Harness<'_, App>, from: &str, to: &str) {
    let [from, to] = [from, to].map(|label| harness.get_by_label(label).rect().center());
    harness.drag_at(from);
    harness.run_ok();
    harness.hover_at(from + (to - from) * 0.5);
    harness.run_ok();
    harness.hover_at(to);
    harness.run_ok();
    harness.drop_at(to);
    harness.run_ok();
}

#[test]
fn dragging_over_words_shows_what_they_were_made_from() {
    let oracle = Scripted::at_once();
    let mut harness = window(bank(), &oracle);
    drag(&mut harness, "river, position 8", "boats, position 12");
    assert_eq!(span(&harness).as_deref(), Some("8..13"));
    harness.get_by_label("selected: tokens 8 to 12");
    harness.get_by_label_contains("layer 3 of 3, sources of tokens 8 to 12, scalar sum, exact");
    let map = harness.state().view().map.as_ref().unwrap();
    let values = map.heatmap.values.clone();
    assert!(values[8..13].iter().all(|v| v.is_nan()) && values[13] > 0.0 && values[7] > 0.0);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(span(&harness), None, "the whole drag is one step");
}

#[test]
fn a_selection_grows_by_keys_and_is_let_go() {
    let mut harness = window(bank(), &Scripted::at_once());
    harness.get_by_label("river, position 8").click();
    harness.run_ok();
    for (key, expected) in
        [(Key::ArrowRight, "8..10"), (Key::ArrowLeft, "8..9"), (Key::ArrowLeft, "7..9"), (Key::ArrowLeft, "6..9")]
    {
        press_shift(&mut harness, key);
        assert_eq!(span(&harness).as_deref(), Some(expected));
    }
    assert_eq!(harness.get_by_label("the, position 7").accesskit_node().toggled(), Some(Toggled::True));
    press_shift(&mut harness, Key::ArrowDown);
    assert!(harness.state().lane().span().is_some_and(|span| span.from == 8 && span.len() > 5));
    press(&mut harness, Key::ArrowRight);
    assert_eq!(span(&harness), None, "without Shift the end becomes the target");
    assert!(harness.state().lane().pinned().is_some());
    press_shift(&mut harness, Key::ArrowRight);
    press(&mut harness, Key::Escape);
    let session = harness.state().lane();
    assert_eq!((session.span(), session.pinned().cloned()), (None, None));
}

#[test]
fn shift_clicks_and_double_clicks_select() {
    let mut harness = window(bank(), &Scripted::at_once());
    harness.get_by_label("river, position 8").click();
    harness.run_ok();
    harness.get_by_label("boats, position 12").click_modifiers(Modifiers::SHIFT);
    harness.run_ok();
    assert_eq!(span(&harness).as_deref(), Some("8..13"));
    let pos = harness.get_by_label("Then, position 16").rect().center();
    harness.hover_at(pos);
    // Clicks that come sooner would count as a third and a fourth.
    harness.run_steps(8);
    for pressed in [true, false, true, false] {
        let button = eframe::egui::PointerButton::Primary;
        let event = eframe::egui::Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE };
        harness.input_mut().events.push(event);
    }
    harness.run_ok();
    assert_eq!(span(&harness).as_deref(), Some("16..33"), "the second sentence, without [SEP]");
}

#[test]
fn spans_are_asked_for_quickly_then_exactly_and_survive_json() {
    let scene = script::text_scene("We sat on the bank.");
    let session = with(bank(), |l| l.selection = Selection::Span(Span { from: 2, to: 4 }));
    let text = serde_json::to_string(&session).unwrap();
    assert!(text.contains(r#""span":"2..4""#), "{text}");
    assert_eq!(serde_json::from_str::<Lane>(&text).unwrap(), session);
    let wanted = session.wanted(Some(&scene));
    assert_eq!(wanted.iter().map(|w| w.params.rows).collect::<Vec<_>>()[1..], [Rows::Some(1), Rows::Some(1), Rows::All]);
    let attention = with(session, |l| l.question.method = "attention".into());
    assert_eq!(attention.wanted(Some(&scene)).len(), 3, "the trace, the span, the table");
}

#[test]
fn a_span_that_the_text_lacks_is_let_go_with_a_word() {
    let harness = window(with(bank(), |l| l.selection = Selection::Span(Span { from: 30, to: 90 })), &Scripted::at_once());
    assert_eq!(span(&harness), None);
    assert!(harness.state().error().unwrap().to_string().contains("A..B with 0 <= A < B <= 34"));
}

#[test]
fn of_a_causal_model_the_sources_lie_before_and_their_worth_is_measured() {
    let oracle = Scripted::at_once();
    let mut harness = window(with(causal(), |l| l.look.matrix = MatrixLook { shown: true, shared: true }), &oracle);
    drag(&mut harness, "river, position 8", "boats, position 12");
    assert_eq!(span(&harness).as_deref(), Some("8..13"));
    let values = harness.state().view().map.as_ref().unwrap().heatmap.values.clone();
    assert!(values[8..].iter().all(|v| v.is_nan()) && values[..8].iter().all(|v| v.is_finite()));
    harness.get_by_label("sources of tokens 8 to 12 at every layer");
    assert!(value(&harness, 2, 9).is_nan() && value(&harness, 2, 7) > 0.0);
    harness.get_by_label("how much less likely the span is without its strongest sources");
    harness.get_by_label("Measure").click();
    harness.run_ok();
    let told = "Without its 10 % strongest sources (10 tokens) the span is 2.00 nats a token less likely; without as many at random: 1.00";
    harness.get_by_label(told);
    drag(&mut harness, "[CLS], position 0", "sat, position 2");
    assert_eq!(span(&harness).as_deref(), Some("1..3"), "nothing predicted the first token");
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label("Measure").is_none());
}

#[test]
fn a_text_that_scrolls_selects_what_is_under_the_pointer() {
    let text = with(layered(), |l| l.question.input = Some(Input::Text("One two three. ".repeat(60))));
    let mut session = text;
    session.question.params.own = Own::Keep;
    let mut harness = window(session, &Scripted::at_once());
    harness.run_ok();
    let names = harness.query_all_by_label_contains("at every layer").count();
    assert_eq!(names, 1);
    drag(&mut harness, "One, position 1", "three, position 7");
    assert_eq!(span(&harness).as_deref(), Some("1..8"));
}

#[test]
fn picture_of_the_layers() {
    picture("layers", (layered(), Theme::Dark), |harness| {
        harness.get_by_label("bank, position 5").click();
        harness.run_ok();
        harness.hover_at(cell(harness, 2, 8));
    });
}

#[test]
fn picture_of_a_span() {
    picture("span", (causal(), Theme::Dark), |harness| {
        drag(harness, "boats, position 12", "remembered, position 18");
    });
}
