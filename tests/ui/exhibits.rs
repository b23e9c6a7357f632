//! What stands beside a map: charts, tables, matrices, and colours that mean themselves.

use super::*;
use tokenscope::domain::request::Input;

fn showing(model: &str) -> Lane {
    with(opened(), |l| {
        l.question.model = Some(model.into());
        l.question.method = "similarity".to_owned();
    })
}

/// High enough for everything.
fn tall(session: Lane) -> Harness<'static, App> {
    let mut harness = Harness::builder()
        .with_size(Vec2::new(1300.0, 1500.0))
        .with_max_steps(12)
        .build_eframe(move |cc| App::new(&cc.egui_ctx, session, Box::new(Scripted::at_once())));
    harness.run_ok();
    harness
}

#[test]
fn exhibits_of_every_kind_stand_beside_the_map_and_can_be_hidden() {
    let mut harness = tall(showing(script::SHOWS));
    harness.get_by_label("Similarity, CLS");
    harness.get_by_label("Chart Norms by layer, norm by layer: patches from 0 to 3.000; class token from 0 to 7.500");
    harness.get_by_label("Histogram Norms of tokens: 23 values of norm, outliers at 2.200");
    for words in ["Most probable words", "river", "0.5123", "probability"] {
        assert!(harness.query_all_by_label(words).next().is_some(), "{words}");
    }
    harness.get_by_label("Matrix Words by layer, 4 by 25");
    harness.get_by_label("layer 1, token t2: 0.2700 probability");
    harness.get_by_label("Hide charts and tables").click();
    harness.run_ok();
    assert!(harness.query_by_label("river").is_none() && !harness.state().lane().look.exhibits);
    harness.key_press(Key::E);
    harness.run_ok();
    harness.get_by_label("river");
}

#[test]
fn exhibits_are_those_of_the_pinned_token_and_stay_while_others_are_on_their_way() {
    let oracle = Scripted::at_once();
    let mut harness = window(showing(script::SHOWS), &oracle);
    oracle.0.borrow_mut().at_once = false;
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    harness.get_by_label("Similarity, CLS");
    oracle.0.borrow_mut().answer_all();
    harness.run_ok();
    harness.get_by_label("Similarity, patch 2,3");
    harness.get_by_label(&patch(0, 0)).hover();
    harness.run_ok();
    harness.get_by_label("Similarity, patch 2,3");
}

#[test]
fn a_click_on_a_matrix_of_layers_and_tokens_goes_there() {
    let mut harness = tall(showing(script::SHOWS));
    harness.get_by_label_contains("layer 1, token t9:").click();
    harness.run_ok();
    let session = harness.state().lane();
    assert_eq!((session.question.layer, session.pinned().cloned()), (1, Some("1,2".parse().unwrap())));
}

#[test]
fn a_method_without_exhibits_has_no_panel() {
    let mut harness = window(with(opened(), |l| l.question.method = "similarity".to_owned()), &Scripted::at_once());
    assert!(harness.query_by_label("Hide charts and tables").is_none() && harness.state().view().beside.is_none());
    harness.key_press(Key::E);
    harness.run_ok();
    harness.get_by_label("Similarity has no charts and tables beside its map");
}

#[test]
fn colours_that_mean_themselves_have_a_legend_in_place_of_a_colour_bar() {
    let mut session = showing(script::PAINTS);
    session.selection = Selection::Token("1,1".parse().unwrap());
    let harness = window(session.clone(), &Scripted::at_once());
    assert!(harness.state().view().map.as_ref().unwrap().paint().is_some());
    harness.get_by_label("queries");
    assert!(harness.query_by_label_contains("Colour bar").is_none());
    assert!(harness.query_by_label("Range").is_none(), "there is nothing to range over");
    // They are made for one token alone: pointing shows no map of another kind.
    let mut harness = window(showing(script::PAINTS), &Scripted::at_once());
    let before = shown(&harness);
    harness.get_by_label(&patch(2, 2)).hover();
    harness.run_ok();
    assert_eq!(shown(&harness), before);
    harness.get_by_label_contains("click to explain");
    session.question.input = Some(Input::Text("A bank of a river".to_owned()));
    session.selection = Selection::None;
    let harness = window(session, &Scripted::at_once());
    harness.get_by_label("keys");
}

#[test]
fn picture_of_a_painted_map_with_charts() {
    let lane = with(showing(script::PAINTS), |l| l.selection = Selection::Token("1,1".parse().unwrap()));
    picture("exhibits", (lane, Theme::Dark), |_| ());
}
