//! The window with a scripted oracle: no model, no worker thread, and no graphics adapter but for the few pictures at the end.

use eframe::egui::{Key, Modifiers, Vec2, accesskit::Toggled};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tokenscope::app::state::file;
use tokenscope::app::{App, Document, Lane, Mode, Prefs, Selection, Theme};
use tokenscope::domain::request::{Cut, Head, Request, Rows, Task, Tokens};
use tokenscope::domain::token::TokenRef;

#[path = "ui/script.rs"]
mod script;
use script::Scripted;

#[path = "common/causal.rs"]
mod causal;
#[path = "hub/server.rs"]
mod server;

#[path = "ui/asking.rs"]
mod asking;
#[path = "ui/exhibits.rs"]
mod exhibits;
#[path = "ui/generation.rs"]
mod generation;
#[path = "ui/hub.rs"]
mod hub;
#[path = "ui/lanes.rs"]
mod lanes;
#[path = "ui/layers.rs"]
mod layers;
#[path = "ui/letters.rs"]
mod letters;
#[path = "ui/memory.rs"]
mod memory;
#[path = "ui/phrases.rs"]
mod phrases;
#[path = "ui/samples.rs"]
mod samples;
#[path = "ui/texts.rs"]
mod texts;
#[path = "ui/truths.rs"]
mod truths;

/// A lane, changed.
fn with(mut lane: Lane, change: impl FnOnce(&mut Lane)) -> Lane {
    change(&mut lane);
    lane
}

fn opened() -> Lane {
    with(Lane::default(), |l| {
        l.question.input = Some("meadow.png".into());
        l.question.model = Some("tiny".into());
    })
}

fn dark() -> Prefs {
    Prefs { theme: Theme::Dark, ..Prefs::default() }
}

fn window(lane: Lane, oracle: &Scripted) -> Harness<'static, App> {
    window_of(lane.into(), oracle, Vec2::new(1000.0, 640.0))
}

fn window_of(document: Document, oracle: &Scripted, size: Vec2) -> Harness<'static, App> {
    let oracle = oracle.clone();
    let mut harness = Harness::builder()
        .with_size(size)
        .with_max_steps(12)
        .build_eframe(move |cc| App::new(&cc.egui_ctx, document, Box::new(oracle)).with_prefs(dark()));
    harness.run_ok();
    harness
}

fn patch(row: usize, col: usize) -> String {
    format!("patch row {row} column {col}")
}

fn shown(harness: &Harness<'_, App>) -> Option<usize> {
    harness.state().view().map.as_ref().map(|m| m.position)
}

/// Position of a patch in the scripted sequence, which has one prefix token.
fn position(row: usize, col: usize) -> usize {
    1 + row * script::COLS + col
}

fn tasks(wishes: &[Request]) -> Vec<(Task, bool)> {
    wishes.iter().map(|w| (w.task, w.tokens == Tokens::All)).collect()
}

#[test]
fn wishes_are_ordered_trace_table_exact() {
    let scene = script::scene();
    let mut session = with(opened(), |l| l.selection = Selection::Token("2,3".parse().unwrap()));
    assert_eq!(tasks(&session.wanted(None)), [(Task::Trace, false)]);
    let wanted = session.wanted(Some(&scene));
    assert_eq!(tasks(&wanted), [(Task::Trace, false), (Task::Explain, true), (Task::Explain, false)]);
    assert_eq!((wanted[1].params.rows, wanted[2].params.rows), (Rows::Some(1), Rows::All));
    assert_eq!(wanted[1].layer, 3);
    assert_eq!(wanted[2].tokens, Tokens::These(vec!["2,3".parse().unwrap()]));

    session.show(Mode::Segments);
    let before = session.wanted(Some(&scene));
    assert_eq!(tasks(&before)[1], (Task::Segment { cut: Cut::default() }, false));
    session.look.cut = Cut::Clusters(5);
    assert_eq!(session.wanted(Some(&scene)), before, "the cut is made in the window");
}

#[test]
fn equal_questions_have_equal_keys() {
    let scene = script::scene();
    let session = opened();
    let top = with(opened(), |l| l.question.layer = 3);
    let looks = with(opened(), |l| l.look.outlines = false);
    let mut head = opened();
    head.question.params.head = Head::One(1);
    for other in [top, looks, head] {
        assert_eq!(session.wanted(Some(&scene)), other.wanted(Some(&scene)), "ultra looks at no head");
    }
}

#[test]
fn a_session_survives_its_file() {
    let mut session = with(opened(), |l| {
        l.selection = Selection::Token("reg0".parse().unwrap());
        l.look.cut = Cut::Clusters(4);
        l.selection = Selection::Segment(2);
    });
    session.question.params.head = Head::One(1);
    let document: Document = session.into();
    assert_eq!(file::read("a.json", file::write(&document).unwrap().as_bytes()).unwrap(), document);
}

#[test]
fn the_first_map_is_that_of_the_class_token() {
    let harness = window(opened(), &Scripted::at_once());
    assert_eq!(shown(&harness), Some(0));
    harness.get_by_label_contains(", layer 3 of 3, CLS");
}

#[test]
fn pointing_shows_the_map_and_the_numbers_in_the_same_frame() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label(&patch(1, 2)).hover();
    harness.step();
    assert_eq!(shown(&harness), Some(position(1, 2)));
    harness.get_by_label_contains("row 1, col 2  |  patch 8, position 9  |  ");
    harness.get_by_label_contains("own entry, drawn as the largest other");
    let value = harness.get_by_label(&patch(1, 3)).value().unwrap();
    assert!(value.contains("rank "), "{value}");
}

#[test]
fn a_click_pins_and_asks_for_the_exact_map() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().at_once = false;
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    assert_eq!(harness.state().lane().pinned().cloned(), Some("2,3".parse().unwrap()));
    let asked = oracle.0.borrow().newest().to_vec();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].params.rows, asked[0].tokens.clone()), (Rows::All, Tokens::These(vec!["2,3".parse().unwrap()])));
    harness.get_by_label_contains(", own-row");

    oracle.0.borrow_mut().answer_all();
    harness.run_ok();
    harness.get_by_label_contains(", exact");
    harness.get_by_label(&patch(0, 0)).hover();
    harness.run_ok();
    assert_eq!(shown(&harness), Some(position(2, 3)), "pinned: pointing reads values");
    harness.get_by_label_contains("row 0, col 0");
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    assert_eq!(harness.state().lane().pinned(), None, "a second click lets it go");
}

#[test]
fn shift_previews_other_patches_while_one_is_pinned() {
    let mut harness = window(with(opened(), |l| l.selection = Selection::Token("2,3".parse().unwrap())), &Scripted::at_once());
    let cell = harness.get_by_label(&patch(0, 1)).rect().center();
    harness.hover_at(cell);
    harness.step();
    assert_eq!(shown(&harness), Some(position(2, 3)));
    harness.event(eframe::egui::Event::ModifiersChanged(Modifiers::SHIFT));
    harness.step();
    assert_eq!(shown(&harness), Some(position(0, 1)));
}

#[test]
fn escape_lets_go_and_arrows_move() {
    let mut harness = window(opened(), &Scripted::at_once());
    let pinned = |h: &Harness<'_, App>| h.state().lane().pinned().cloned();
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    for (key, token) in [(Key::ArrowUp, "1,3"), (Key::ArrowRight, "1,4"), (Key::ArrowRight, "1,5"), (Key::ArrowRight, "1,5")] {
        harness.key_press(key);
        harness.run_ok();
        assert_eq!(pinned(&harness), Some(token.parse::<TokenRef>().unwrap()));
    }
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert_eq!(pinned(&harness), None);
}

#[test]
fn prefix_tokens_are_chips() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label("CLS").click();
    harness.run_ok();
    assert_eq!(harness.state().lane().pinned().cloned(), Some("cls".parse().unwrap()));
    assert_eq!(harness.get_by_label("CLS").accesskit_node().toggled(), Some(Toggled::True));
}

#[test]
fn keys_step_layers_and_heads_and_switch_views() {
    let mut harness = window(with(opened(), |l| l.question.method = "attention".into()), &Scripted::at_once());
    for key in [Key::OpenBracket, Key::OpenBracket, Key::CloseBracket] {
        harness.key_press(key);
        harness.run_ok();
    }
    assert_eq!(harness.state().lane().question.layer, 2);
    for _ in 0..3 {
        harness.key_press(Key::Period);
    }
    harness.run_ok();
    assert_eq!(harness.state().lane().question.params.head, Head::One(0));
    harness.key_press(Key::H);
    harness.key_press(Key::Num2);
    harness.run_ok();
    assert!(!harness.state().lane().look.overlay);
    assert_eq!(harness.state().lane().question.mode, Mode::Segments);
}

#[test]
fn undo_goes_back_and_redo_forth() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    harness.key_press(Key::OpenBracket);
    harness.run_ok();
    let state = |h: &Harness<'_, App>| (h.state().lane().question.layer, h.state().lane().pinned().is_some());
    assert_eq!(state(&harness), (2, true));
    for want in [(-1, true), (-1, false)] {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        harness.run_ok();
        assert_eq!(state(&harness), want);
    }
    for want in [(-1, true), (2, true)] {
        harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        harness.run_ok();
        assert_eq!(state(&harness), want);
    }
}

#[test]
fn a_refusal_is_shown_and_the_window_goes_on() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().refuses = Some("broken.png".to_owned());
    harness.input_mut().dropped_files.push(dropped("broken.png"));
    harness.run_ok();
    harness.get_by_label_contains("broken.png: not an image");
    harness.get_by_label_contains("Expected: PNG or JPEG. Open another file.");
    assert_eq!(harness.state().lane().question.input, Some("meadow.png".into()), "what was open stays open");
    assert!(harness.state().view().map.is_some());
    harness.get_by_label(&patch(0, 1)).hover();
    harness.step();
    assert_eq!(shown(&harness), Some(position(0, 1)));
    harness.get_by_label("Dismiss").click();
    harness.run_ok();
    assert!(harness.query_by_label_contains("not an image").is_none());
}

#[test]
fn a_refused_question_is_not_asked_every_frame() {
    let oracle = Scripted::at_once();
    oracle.0.borrow_mut().refuses = Some("\"task\":\"explain\"".to_owned());
    let mut harness = window(opened(), &oracle);
    let asked = oracle.0.borrow().wishes.len();
    harness.run_steps(5);
    assert_eq!(oracle.0.borrow().wishes.len(), asked);
    oracle.0.borrow_mut().refuses = None;
    harness.get_by_label("Try again").click();
    harness.run_ok();
    assert!(harness.state().view().map.is_some() && harness.state().error().is_none());
}

#[test]
fn the_old_map_stays_dimmed_while_the_worker_is_busy() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    oracle.0.borrow_mut().at_once = false;
    harness.key_press(Key::OpenBracket);
    harness.step();
    let layer = |h: &Harness<'_, App>| h.state().view().map.as_ref().map(|m| m.layer);
    assert_eq!(layer(&harness), Some(3));
    assert_eq!(harness.state().view().fade(0.0), 1.0, "not yet");
    harness.run_steps(3);
    assert!(harness.state().view().fade(f64::MAX) < 1.0);
    harness.get_by_label_contains("the newer one is on its way");
    harness.get_by_label_contains("working, 25 %");

    harness.get_by_label("Cancel").click();
    harness.run_ok();
    assert!(oracle.0.borrow().newest().is_empty());
    assert_eq!(layer(&harness), Some(3));
    harness.get_by_label("Resume").click();
    oracle.0.borrow_mut().at_once = true;
    harness.run_ok();
    assert_eq!(layer(&harness), Some(2));
    assert_eq!(harness.state().view().stale_since, None);
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.run();
    let delay = harness.output().viewport_output.values().map(|v| v.repaint_delay).min();
    assert_eq!(delay, Some(std::time::Duration::MAX));
}

#[test]
fn the_legend_solos_and_the_cut_recuts_in_the_window() {
    let oracle = Scripted::at_once();
    let mut harness = window(
        with(opened(), |l| {
            l.show(Mode::Segments);
            l.look.cut = Cut::Clusters(2);
        }),
        &oracle,
    );
    harness.get_by_label("2 segments");
    let asked = oracle.0.borrow().wishes.len();
    harness.get_by_label_contains("Segment 1,").click();
    harness.run_ok();
    assert_eq!(harness.state().lane().solo(), Some(1));
    assert_eq!(harness.get_by_label_contains("Segment 1,").accesskit_node().toggled(), Some(Toggled::True));
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert_eq!(harness.state().lane().solo(), None);
    harness.get_by_label("distance").click();
    harness.run_ok();
    assert!(matches!(harness.state().lane().look.cut, Cut::Distance(_)));
    harness.get_by_label("2 segments");
    assert_eq!(oracle.0.borrow().wishes.len(), asked, "cutting asks nothing");
}

#[test]
fn a_layer_without_an_answer_says_so() {
    let harness = window(
        with(opened(), |l| {
            l.question.method = "attention".into();
            l.question.layer = 0;
        }),
        &Scripted::at_once(),
    );
    assert!(harness.state().view().obstacle.as_ref().unwrap().contains("starts at layer 1"));
    assert!(harness.state().view().map.is_none());
}

#[test]
fn what_the_model_lacks_is_refused_with_what_it_has() {
    for (session, what) in [
        (with(opened(), |l| l.selection = Selection::Token("9,9".parse().unwrap())), "patches 0,0 to 3,5"),
        (with(opened(), |l| l.question.layer = 40), "0..3, or -1 for the top"),
    ] {
        let harness = window(session, &Scripted::at_once());
        harness.get_by_label_contains(what);
        assert_eq!(shown(&harness), Some(0), "the rest of the session holds");
    }
}

#[test]
fn a_session_file_is_opened_and_a_broken_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.json");
    let mut harness = window(opened(), &Scripted::at_once());
    let saved = file::write(&with(opened(), |l| l.question.layer = 1).into()).unwrap();
    for (text, layer) in [(saved.as_str(), 1), ("{", 1), ("{}", 1), (&saved.replace(": 2", ": 3"), 1)] {
        std::fs::write(&path, text).unwrap();
        harness.input_mut().dropped_files.push(dropped(path.to_str().unwrap()));
        harness.run_ok();
        assert_eq!(harness.state().lane().question.layer, layer);
    }
    harness.get_by_label_contains("Expected: version 1 to 2. Update the program.");
}

#[test]
fn the_key_list_opens_and_closes() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.key_press(Key::F1);
    harness.run_ok();
    harness.get_by_label("move the pinned token");
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("move the pinned token").is_none());
}

#[test]
fn the_figure_is_copied_and_the_window_says_so() {
    let mut harness = window(opened(), &Scripted::at_once());
    harness.event(eframe::egui::Event::Copy);
    let started = std::time::Instant::now();
    while harness.query_by_label("Copied the figure").is_none() {
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", harness.state().error());
        std::thread::sleep(std::time::Duration::from_millis(10));
        harness.step();
    }
    harness.key_press(Key::G);
    harness.run_ok();
    assert!(harness.query_by_label("Copied the figure").is_none(), "it stays until something else is done");
}

#[test]
fn dropped_folders_are_models_and_zoom_keeps_patches_under_the_pointer() {
    let oracle = Scripted::at_once();
    let mut harness = window(opened(), &oracle);
    harness.input_mut().dropped_files.push(dropped(env!("CARGO_MANIFEST_DIR")));
    harness.run_ok();
    assert_eq!(harness.state().lane().question.model, Some(env!("CARGO_MANIFEST_DIR").into()));
    let before = harness.get_by_label(&patch(1, 1)).rect();
    harness.hover_at(before.center());
    harness.key_press(Key::Plus);
    harness.run_ok();
    let after = harness.get_by_label(&patch(1, 1)).rect();
    assert!(after.width() > 1.1 * before.width() && after.contains(before.center()));
    harness.key_press(Key::R);
    harness.run_ok();
    assert_eq!(harness.get_by_label(&patch(1, 1)).rect(), before);
}

#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl eframe::egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the window opens paths".to_owned())
    }
}

fn dropped(path: &str) -> eframe::egui::DroppedFileHandle {
    std::sync::Arc::new(Dropped(path.into()))
}

/// A window that draws, where there is an adapter. Pictures are small, few, and from one kind of machine: queries come first.
fn picture(name: &str, (session, theme): (Lane, Theme), act: impl FnOnce(&mut Harness<'static, App>)) {
    use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
    let options = eframe::egui_wgpu::RendererOptions::PREDICTABLE;
    let state = std::panic::catch_unwind(|| create_render_state(default_wgpu_setup(), options));
    let Ok(state) = state else {
        assert!(std::env::var_os("REQUIRE_GPU").is_none(), "no graphics adapter");
        eprintln!("skipped: no adapter");
        return;
    };
    tokenscope::render::Renderer::install(&state);
    let mut harness = Harness::builder()
        .with_size(Vec2::new(1000.0, 640.0))
        .with_max_steps(12)
        .with_render_cursor(false)
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_eframe(move |cc| {
            App::new(&cc.egui_ctx, session, Box::new(Scripted::at_once())).with_prefs(Prefs { theme, ..Prefs::default() })
        });
    harness.run_ok();
    act(&mut harness);
    harness.run_ok();
    let options = egui_kittest::SnapshotOptions::new().threshold(1.0).max_failed_pixels(10_usize);
    harness.snapshot_options(name, &options);
}

#[test]
fn picture_of_a_pinned_patch() {
    picture("pinned", (opened(), Theme::Dark), |harness| {
        harness.get_by_label(&patch(2, 3)).click();
        harness.run_ok();
        harness.get_by_label(&patch(1, 1)).hover();
    });
}

#[test]
fn picture_of_the_light_empty_window() {
    picture("welcome", (Lane::default(), Theme::Light), samples::wait_for_pictures);
}
