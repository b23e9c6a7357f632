//! What is asked: methods by their reach, segmenters, parameters of single methods, and scalars in words.

use super::*;
use eframe::egui::accesskit::Role;
use tokenscope::app::ask::obstacle::lacking;
use tokenscope::app::ask::registry::{GROUPS, segmenters};
use tokenscope::domain::request::Scalar;
use tokenscope::method::{METHODS, Reach, Uses};
use tokenscope::segment::Cutting;

fn divided(segmenter: &str) -> Lane {
    with(opened(), |l| {
        l.show(Mode::Segments);
        l.question.segmenter = segmenter.to_owned();
    })
}

/// The tokens of the explanations that a state wants.
fn explained(session: &Lane) -> Vec<Tokens> {
    let wanted = session.wanted(Some(&script::scene()));
    wanted.into_iter().filter(|w| w.task == Task::Explain).map(|w| w.tokens).collect()
}

fn these(token: &str) -> Tokens {
    Tokens::These(vec![token.parse().unwrap()])
}

#[test]
fn rows_are_asked_for_by_what_they_cost() {
    let scene = script::scene();
    for info in METHODS.iter().map(|m| m.info()).filter(|info| lacking(info, &scene).is_none()) {
        let bare = with(opened(), |l| l.question.method = info.id.to_owned());
        let pinned = with(bare.clone(), |l| l.selection = Selection::Token("1,1".parse().unwrap()));
        let (first, second) = (explained(&bare), explained(&pinned));
        match info.reach {
            Reach::Rows => {
                assert!(first[0] == Tokens::All && second == [Tokens::All, these("1,1")], "{}", info.id);
                assert_eq!(first.len(), if info.uses(Uses::Rows) { 1 } else { 2 }, "{}", info.id);
            }
            Reach::Each => assert_eq!((first, second), (vec![these("cls")], vec![these("1,1")]), "{}", info.id),
            Reach::Whole => assert_eq!((first, second), (vec![these("cls")], vec![these("cls")]), "{}", info.id),
        }
    }
}

#[test]
fn methods_without_rows_need_no_exact_map_and_layers_below_are_not_asked() {
    let scene = script::scene();
    let mut session = with(opened(), |l| {
        l.question.method = "attention".into();
        l.selection = Selection::Token("cls".parse().unwrap());
    });
    // The map of the token alone is that of the table; it is asked for what it shows beside.
    assert_eq!(tasks(&session.wanted(Some(&scene))), [(Task::Trace, false), (Task::Explain, true), (Task::Explain, false)]);
    session.question.layer = 0;
    assert_eq!(tasks(&session.wanted(Some(&scene))), [(Task::Trace, false)]);
}

#[test]
fn a_map_that_is_the_same_for_all_does_not_follow_the_pointer() {
    let mut session = with(opened(), |l| {
        l.question.model = Some("clip".into());
        l.question.method = "agreement".to_owned();
    });
    session.question.params.scalar = Scalar::Text("a cat".to_owned());
    let mut harness = window(session, &Scripted::at_once());
    harness.get_by_label("This map is the same for every token; point to read values");
    harness.get_by_label(&patch(1, 2)).hover();
    harness.step();
    assert_eq!(shown(&harness), Some(0));
    harness.get_by_label_contains("row 1, col 2");
}

#[test]
fn every_method_stands_in_the_menu_and_says_what_it_lacks() {
    for info in METHODS.iter().map(|m| m.info()) {
        let groups = GROUPS.iter().filter(|(_, ids)| ids.contains(&info.id)).count();
        assert_eq!(groups, 1, "{} belongs to one group of the menu", info.id);
    }
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_role_and_label(Role::ComboBox, "Method").click();
    harness.run_ok();
    for heading in ["Relevance", "Features"] {
        harness.get_by_label(heading);
    }
    assert!(harness.get_by_label("Agreement").accesskit_node().is_disabled());
    harness.get_by_label("Similarity").click_accesskit();
    harness.run_ok();
    assert_eq!(harness.state().lane().question.method, "similarity");
}

#[test]
fn a_count_is_a_part_of_the_question_only_where_there_is_no_tree() {
    let scene = script::scene();
    let asked = |segmenter: &str, cut| {
        let session = with(divided(segmenter), |l| l.look.cut = cut);
        session.segment_request(&scene).map(|request| request.task)
    };
    for (info, cutting) in segmenters().filter(|(info, _)| lacking(info, &scene).is_none()) {
        let at = |cut| asked(info.id, cut);
        let of_count = cutting == Cutting::Count;
        assert_eq!(at(Cut::Clusters(3)) != at(Cut::Clusters(4)), of_count, "{}", info.id);
        if of_count {
            assert_eq!(at(Cut::Clusters(3)), Some(Task::Segment { cut: Cut::Clusters(3) }));
            assert!(matches!(at(Cut::Distance(0.1)), Some(Task::Segment { cut: Cut::Clusters(_) })), "{}", info.id);
        }
    }
}

#[test]
fn segmenters_are_chosen_and_keep_the_old_picture_until_the_new_one_is_there() {
    let oracle = Scripted::at_once();
    let mut harness = window(divided("ultra"), &oracle);
    harness.get_by_label("distance");
    harness.get_by_role_and_label(Role::ComboBox, "Divide by").click();
    harness.run_ok();
    harness.get_by_label("Segmenters");
    let name = tokenscope::segment::by_id("kmeans").unwrap().info().name;
    harness.get_by_label(name).click();
    harness.run_ok();
    assert_eq!(harness.state().lane().question.segmenter, "kmeans");
    harness.get_by_label("6 segments");
    assert!(harness.query_by_label("distance").is_none(), "there is no tree to cut at a distance");
    oracle.0.borrow_mut().at_once = false;
    harness.key_press(Key::OpenBracket);
    harness.run_ok();
    harness.get_by_label("6 segments");
    let newest = oracle.0.borrow().newest().to_vec();
    assert_eq!((newest.len(), newest[0].task), (1, Task::Segment { cut: Cut::Clusters(6) }));
}

#[test]
fn parameters_of_a_segmenter_are_controls_and_a_part_of_the_question() {
    let oracle = Scripted::at_once();
    let mut harness = window(divided("kmeans"), &oracle);
    let chosen = |harness: &Harness<'_, App>| serde_json::to_string(&harness.state().lane().question.params.knobs).unwrap();
    harness.get_by_label("smooth").click();
    harness.run_ok();
    assert_eq!(chosen(&harness), r#"{"edges":"smooth"}"#);
    let asked = oracle.0.borrow().wishes.iter().rev().find_map(|w| w.first().cloned()).unwrap();
    assert_eq!(asked.params.knobs, harness.state().lane().question.params.knobs);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_ok();
    assert_eq!(chosen(&harness), "{}");
}

fn type_scalar(harness: &mut Harness<'_, App>, words: &str) {
    harness.get_by_label("Scalar in words").focus();
    harness.run_ok();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.get_by_label("Scalar in words").type_text(words);
    harness.run_ok();
    harness.key_press(Key::Enter);
    harness.run_ok();
}

#[test]
fn scalars_are_typed_in_any_spelling_and_refusals_stand_below() {
    let mut harness = window(opened(), &Scripted::at_once());
    type_scalar(&mut harness, "nonsense");
    assert_eq!(harness.state().lane().question.params.scalar, Scalar::Auto);
    harness.get_by_label_contains("scalar nonsense: unknown value");
    type_scalar(&mut harness, "norm");
    assert_eq!(harness.state().lane().question.params.scalar, Scalar::Norm);
    assert!(harness.query_by_label_contains("nonsense").is_none());
}

#[test]
fn a_right_click_offers_to_explain_along_a_patch() {
    let mut harness = window(with(opened(), |l| l.question.method = "attention".to_owned()), &Scripted::at_once());
    let at = harness.get_by_label(&patch(1, 1)).rect().center();
    harness.hover_at(at);
    harness.step();
    for pressed in [true, false] {
        let (button, modifiers) = (eframe::egui::PointerButton::Secondary, Modifiers::NONE);
        harness.event(eframe::egui::Event::PointerButton { pos: at, button, pressed, modifiers });
        harness.step();
    }
    harness.run_ok();
    harness.get_by_label("Explain along this patch");
    if let Ok(along) = "token:1,1".parse::<Scalar>() {
        harness.get_by_label("Explain along this patch").click();
        harness.run_ok();
        let session = harness.state().lane();
        assert_eq!((session.question.method.as_str(), &session.question.params.scalar), ("ultra", &along));
    } else {
        harness.get_by_label("Keep the map of this patch").click();
        harness.run_ok();
        assert_eq!(harness.state().lane().pinned().cloned(), Some("1,1".parse().unwrap()));
    }
}
