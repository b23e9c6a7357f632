//! What survives a close: the document and the preferences. And paths that are typed where the desktop has no dialog.

use super::script::COARSE;
use super::*;
use std::path::Path;
use tempfile::TempDir;
use tokenscope::app::{LaneId, Remembered};
use tokenscope::domain::request::Input;

/// A window that begins where the one before it stopped.
fn start(folder: &Path) -> Harness<'static, App> {
    let Remembered { document, prefs, error } = Remembered::read(folder);
    let first = || with(Lane::default(), |l| l.question = prefs.first_question()).into();
    let (document, folder) = (document.unwrap_or_else(first), folder.to_owned());
    let mut harness = Harness::builder().with_size(Vec2::new(1300.0, 700.0)).with_max_steps(12).build_eframe(move |cc| {
        let app = App::new(&cc.egui_ctx, document, Box::new(Scripted::at_once())).with_prefs(prefs).with_error(error);
        app.with_memory(folder).with_dialogs_inside()
    });
    harness.run_ok();
    harness
}

fn press(harness: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_ok();
}

fn open(harness: &mut Harness<'_, App>, path: &str) {
    harness.input_mut().dropped_files.push(dropped(path));
    harness.run_ok();
}

#[test]
fn a_day_of_work_is_there_at_the_next_start() {
    let home = TempDir::new().unwrap();
    let mut harness = start(home.path());
    open(&mut harness, "meadow.png");
    harness.get_by_label(&patch(2, 3)).click();
    harness.run_ok();
    press(&mut harness, Modifiers::NONE, Key::OpenBracket);
    press(&mut harness, Modifiers::COMMAND, Key::D);
    let model = home.path().join(COARSE);
    std::fs::create_dir(&model).unwrap();
    open(&mut harness, model.to_str().unwrap());
    harness.get_by_label("pointer").click();
    harness.run_ok();
    press(&mut harness, Modifiers::NONE, Key::Num2);
    for _ in 0..10 {
        press(&mut harness, Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(harness.state().document().lanes.len(), 1, "ten steps back");
    for _ in 0..10 {
        press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    press(&mut harness, Modifiers::COMMAND, Key::T);
    let (document, prefs) = (harness.state().document().clone(), harness.state().prefs().clone());
    assert!(document.links.pointer && document.lanes.len() == 2);
    assert_eq!(document.get(LaneId(1)).question.mode, Mode::Segments);
    drop(harness);
    let harness = start(home.path());
    assert_eq!(harness.state().document(), &document);
    assert_eq!(harness.state().prefs(), &prefs);
    assert!(harness.state().view_of(LaneId(0)).map.is_some() && harness.state().error().is_none());
}

#[test]
fn a_new_session_begins_with_the_models_of_the_last_time() {
    let home = TempDir::new().unwrap();
    let prefs = Prefs { picture_model: Some("tiny".into()), ..Prefs::default() };
    std::fs::write(home.path().join("prefs.json"), serde_json::to_vec(&prefs).unwrap()).unwrap();
    let mut harness = start(home.path());
    harness.get_by_label("Model: tiny for pictures, the built-in text model for texts.");
    let text = home.path().join("a.txt");
    std::fs::write(&text, "The cat was sleeping.").unwrap();
    open(&mut harness, text.to_str().unwrap());
    assert_eq!((harness.state().lane().question.model.clone(), harness.state().error()), (None, None));
    open(&mut harness, "meadow.png");
    assert_eq!(harness.state().lane().question.model, Some("tiny".into()));
    assert_eq!(harness.state().prefs().recent_inputs, [Input::from("meadow.png"), Input::File(text)]);
}

#[test]
fn what_cannot_be_understood_is_set_aside_and_told() {
    for (text, why) in [("{\"version\": 9}", "version 9"), ("{}", "it has no version"), ("{\"vers", "EOF")] {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("session.json"), text).unwrap();
        let mut harness = start(home.path());
        assert!(harness.state().error().unwrap().to_string().contains(why));
        open(&mut harness, "meadow.png");
        drop(harness);
        assert_eq!(std::fs::read_to_string(home.path().join("session.json.broken")).unwrap(), text, "nothing is lost");
        assert_eq!(start(home.path()).state().lane().question.input, Some("meadow.png".into()));
    }
}

#[test]
fn sessions_are_saved_and_opened_by_typed_paths() {
    let home = TempDir::new().unwrap();
    let mut harness = start(home.path());
    open(&mut harness, "meadow.png");
    press(&mut harness, Modifiers::NONE, Key::OpenBracket);
    let document = harness.state().document().clone();
    let path = home.path().join("mine.json");
    press(&mut harness, Modifiers::COMMAND, Key::S);
    harness.get_by_label("Save the session");
    type_path(&mut harness, path.to_str().unwrap());
    until(&mut harness, |_| path.exists());
    harness.get_by_label_contains("Wrote ");
    press(&mut harness, Modifiers::NONE, Key::OpenBracket);
    assert_ne!(harness.state().document(), &document);
    harness.get_by_label("More").click();
    harness.run_ok();
    harness.get_by_label_contains("Open a session...").click();
    harness.run_ok();
    type_path(&mut harness, path.to_str().unwrap());
    until(&mut harness, |harness| harness.state().document() == &document);
}

/// Types a path in place of what stands in the field, and takes it.
fn type_path(harness: &mut Harness<'_, App>, path: &str) {
    until(harness, |harness| harness.query_by_label("Path").is_some());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(eframe::egui::Event::Text(path.to_owned()));
    harness.run_ok();
    harness.key_press(Key::Enter);
    harness.run_ok();
}

fn until(harness: &mut Harness<'_, App>, is_so: impl Fn(&Harness<'_, App>) -> bool) {
    for _ in 0..200 {
        if is_so(harness) {
            harness.run_ok();
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        harness.step();
    }
    panic!("it does not come");
}
