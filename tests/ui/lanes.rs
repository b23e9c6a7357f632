//! Lanes beside each other: what each shows, what they share, and how they come and go.

use super::script::COARSE;
use super::*;
use tokenscope::app::{LaneId, Links};
use tokenscope::domain::request::ModelRef;

const A: LaneId = LaneId(0);
const B: LaneId = LaneId(1);

fn two(links: Links) -> Harness<'static, App> {
    let mut document: Document = opened().into();
    assert!(document.split());
    document.lane_mut().question.model = Some(COARSE.into());
    document.links = links;
    let mut harness = window_of(document, &Scripted::at_once(), Vec2::new(1500.0, 800.0));
    harness.run_ok();
    harness
}

fn target(harness: &Harness<'_, App>, id: LaneId) -> Option<usize> {
    harness.state().view_of(id).map.as_ref().map(|map| map.position)
}

/// The patch of this place in the lane on the left, or on the right.
fn cell(harness: &Harness<'_, App>, label: &str, is_left: bool) -> eframe::egui::Rect {
    let mut found = harness.get_all_by_label(label).map(|node| node.rect());
    let middle = 900.0;
    found.rfind(|rect| (rect.center().x < middle) == is_left).expect("no such patch")
}

fn click(harness: &mut Harness<'_, App>, at: eframe::egui::Pos2) {
    harness.hover_at(at);
    harness.step();
    harness.drag_at(at);
    harness.drop_at(at);
    harness.run_ok();
}

#[test]
fn another_lane_is_a_copy_that_goes_its_own_way() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label("Compare").click();
    harness.run_ok();
    assert_eq!((harness.state().document().lanes.len(), harness.state().document().focus), (2, B));
    harness.key_press(Key::OpenBracket);
    harness.run_ok();
    let layer = |harness: &Harness<'_, App>, id: LaneId| harness.state().view_of(id).map.as_ref().unwrap().layer;
    assert_eq!((layer(&harness, A), layer(&harness, B)), (3, 2));
    harness.key_press(Key::F6);
    harness.run_ok();
    assert_eq!(harness.state().document().focus, A);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    harness.run_ok();
    assert_eq!((harness.state().document().lanes.len(), harness.state().lane().question.layer), (1, 2));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    harness.run_ok();
    harness.get_by_label("This is the only lane");
}

#[test]
fn undo_takes_lanes_back_and_brings_them_again() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_ok();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(harness.state().document(), &opened().into());
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    harness.run_ok();
    assert_eq!(harness.state().document().lanes.len(), 2);
    assert!(harness.state().view_of(B).map.is_some());
}

#[test]
fn a_click_in_a_lane_brings_the_focus_and_pins_there() {
    let mut harness = two(Links::default());
    let at = cell(&harness, &patch(1, 1), true).center();
    click(&mut harness, at);
    let document = harness.state().document();
    assert_eq!((document.focus, document.get(A).pinned().map(ToString::to_string).as_deref()), (A, Some("1,1")));
    assert_eq!(document.get(B).pinned(), None);
}

#[test]
fn lanes_point_at_the_same_place_where_they_share_the_pointer() {
    for is_linked in [false, true] {
        let mut harness = two(Links { pointer: is_linked, ..Links::default() });
        let before = target(&harness, B);
        let at = cell(&harness, &patch(3, 4), true).center();
        harness.hover_at(at);
        harness.run_ok();
        assert_eq!(target(&harness, A), Some(position(3, 4)));
        // Of the coarse grid the patch that holds that place.
        let there = target(&harness, B);
        assert_eq!(there != before, is_linked);
        assert!(!is_linked || there.is_some_and(|position| position < 1 + 2 * 3 + 1), "{there:?}");
    }
}

#[test]
fn lanes_select_and_zoom_together_where_they_share_that() {
    let mut harness = two(Links { selection: true, zoom: true, ..Links::default() });
    let at = cell(&harness, &patch(0, 0), true).center();
    click(&mut harness, at);
    let pinned = |harness: &Harness<'_, App>, id| harness.state().document().get(id).pinned().map(ToString::to_string);
    assert_eq!((pinned(&harness, A).as_deref(), pinned(&harness, B).as_deref()), (Some("0,0"), Some("0,0")));
    let width = |harness: &Harness<'_, App>| cell(harness, &patch(0, 0), false).width();
    let before = width(&harness);
    for _ in 0..3 {
        harness.key_press(Key::Plus);
        harness.run_ok();
    }
    assert!(width(&harness) > before, "{before} {}", width(&harness));
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert_eq!((pinned(&harness, A), pinned(&harness, B)), (None, None));
}

#[test]
fn maps_of_one_unit_share_a_range_where_lanes_do() {
    let range = |harness: &Harness<'_, App>, id| harness.state().view_of(id).map.as_ref().unwrap().range;
    let mut harness = two(Links::default());
    harness.key_press(Key::OpenBracket);
    harness.run_ok();
    let (a, b) = (range(&harness, A), range(&harness, B));
    assert_ne!(a, b);
    harness.get_by_label("range").click();
    harness.run_ok();
    assert_eq!(range(&harness, A), range(&harness, B));
    assert_eq!((range(&harness, A).low, range(&harness, A).high), (a.low.min(b.low), a.high.max(b.high)));
}

#[test]
fn a_text_and_a_picture_lie_beside_each_other_with_models_of_their_own() {
    let mut harness = two(Links { pointer: true, zoom: true, selection: true, range: true });
    harness.event(eframe::egui::Event::Paste("The cat was sleeping by the river.".to_owned()));
    harness.run_ok();
    let document = harness.state().document();
    assert!(document.get(B).question.input.as_ref().is_some_and(tokenscope::domain::request::Input::is_text));
    assert_eq!(document.get(A).question.model, Some(ModelRef::from("tiny")));
    assert!(harness.state().view_of(A).map.is_some() && harness.state().view_of(B).map.is_some());
    harness.get_by_label_contains("A  meadow.png, tiny");
    harness.get_by_label("Close lane B").click();
    harness.run_ok();
    assert_eq!(harness.state().document().lanes.len(), 1);
}

#[test]
fn a_frame_in_which_nothing_changes_serialises_nothing() {
    let mut harness = two(Links { pointer: true, ..Links::default() });
    harness.run_ok();
    let before = harness.state().keys_made();
    (0..50).for_each(|_| harness.step());
    assert_eq!(harness.state().keys_made(), before);
    harness.key_press(Key::OpenBracket);
    harness.run_ok();
    assert!(harness.state().keys_made() > before);
}
