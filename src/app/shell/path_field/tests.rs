//! The dialog as the keyboard and the mouse meet it, over folders on disk.

use std::fs;
use std::path::{Path, PathBuf};

use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tempfile::TempDir;

use super::{Answer, PathField, Wants};

mod odd;

/// Pictures to open.
const PICTURES: Wants = Wants::File { endings: &["png", "jpg"] };
/// A figure to write.
const FIGURE: Wants = Wants::NewFile { endings: &["png", "svg", "npz"] };

/// A dialog in a window of its own.
struct Dialog(Harness<'static, (PathField, Option<Answer>)>);

impl Dialog {
    /// Opens the dialog and draws it.
    fn open(wants: Wants, start: impl Into<PathBuf>) -> Self {
        let field = PathField::new("Open", wants, start.into());
        // The mark for what is no text is in no built-in font.
        let mut harness = Harness::builder().allow_missing_glyphs().build_ui_state(
            |ui, (field, answer): &mut (PathField, Option<Answer>)| {
                if answer.is_none() {
                    *answer = field.show(ui.ctx());
                }
            },
            (field, None),
        );
        harness.run();
        Self(harness)
    }

    /// Types at the cursor.
    fn type_text(&mut self, text: &str) -> &mut Self {
        self.0.get_by_label("Path").type_text(text);
        self.0.run();
        self
    }

    /// Presses keys, one after another.
    fn press(&mut self, keys: &[Key]) -> &mut Self {
        for key in keys {
            self.0.key_press(*key);
            self.0.run();
        }
        self
    }

    /// Clicks what has a label.
    fn click(&mut self, label: &str) -> &mut Self {
        self.0.get_by_label(label).click();
        self.0.run();
        self
    }

    /// Returns what the field holds.
    fn text(&self) -> &str {
        &self.0.state().0.text
    }

    /// Says whether something has exactly this label.
    fn shows(&self, label: &str) -> bool {
        self.0.query_by_label(label).is_some()
    }

    /// Says whether a label contains this.
    fn says(&self, part: &str) -> bool {
        self.0.query_by_label_contains(part).is_some()
    }

    /// Returns the answer, if there is one.
    fn answer(&self) -> Option<&Answer> {
        self.0.state().1.as_ref()
    }

    /// Returns the chosen path, if one was chosen.
    fn chosen(&self) -> Option<&Path> {
        match self.answer()? {
            Answer::Chosen(path) => Some(path),
            Answer::Cancelled => None,
        }
    }
}

/// A folder with two models, pictures, a text and hidden things.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["models/small", "models/large", "Masks", ".cache"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    for name in ["photo_1.png", "photo_2.jpg", "plan.PNG", "notes.txt", ".hidden.png", "models/cat.png"] {
        fs::write(dir.path().join(name), b"x").unwrap();
    }
    dir
}

#[test]
fn typing_filters() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    for label in ["Masks/", "models/", "photo_1.png", "photo_2.jpg", "plan.PNG"] {
        assert!(dialog.shows(label), "{label}");
    }
    for label in ["notes.txt", ".cache/", ".hidden.png"] {
        assert!(!dialog.shows(label), "{label}");
    }
    dialog.type_text("PL");
    assert!(dialog.shows("plan.PNG") && !dialog.shows("photo_1.png") && !dialog.shows("models/"));
    dialog.type_text("zzz");
    assert!(dialog.says("Nothing here fits"));
}

#[test]
fn folders_come_first_and_hidden_names_when_asked_for() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    let top = |label: &str| dialog.0.get_by_label(label).rect().top();
    assert!(top("Masks/") < top("models/") && top("models/") < top("photo_1.png"));
    dialog.type_text(".");
    assert!(dialog.shows(".cache/") && dialog.shows(".hidden.png") && !dialog.shows("models/"));
}

#[test]
fn field_has_the_keyboard_and_keeps_it() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    assert!(dialog.0.get_by_label("Path").is_focused());
    dialog.press(&[Key::Tab, Key::ArrowDown, Key::ArrowUp, Key::ArrowUp]).click("models/");
    assert!(dialog.0.get_by_label("Path").is_focused());
    dialog.type_text("c");
    assert_eq!(dialog.text(), format!("{}/models/c", dir.path().display()));
}

#[test]
fn tab_completes() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.type_text("PH").press(&[Key::Tab]);
    assert_eq!(dialog.text(), format!("{}/photo_", dir.path().display()));
    dialog.type_text("2").press(&[Key::Tab, Key::Enter]);
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("photo_2.jpg")));

    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.type_text("mo").press(&[Key::Tab]).type_text("la").press(&[Key::Tab]);
    assert_eq!(dialog.text(), format!("{}/models/large/", dir.path().display()));
}

#[test]
fn arrows_and_enter_descend_and_choose() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.press(&[Key::ArrowDown, Key::ArrowDown, Key::Enter]);
    assert_eq!(dialog.text(), format!("{}/models/", dir.path().display()));
    dialog.press(&[Key::ArrowDown, Key::ArrowDown, Key::ArrowDown, Key::ArrowDown, Key::Enter]);
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("models/cat.png")));
}

#[test]
fn clicks_descend_and_choose() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.click("models/").click("cat.png");
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("models/cat.png")));
}

#[test]
fn typed_paths_are_entered_and_chosen() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.press(&[Key::Enter]);
    assert!(dialog.says("Choose a file from the list"));
    dialog.type_text("models").press(&[Key::Enter]).type_text("../notes.txt").press(&[Key::Enter]);
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("models/../notes.txt")));
}

#[test]
fn relative_and_home_paths() {
    let dir = folder();
    let field = PathField::new("Open", PICTURES, dir.path().to_owned());
    assert_eq!(field.path_of("models/cat.png"), dir.path().join("models/cat.png"));
    let home = std::env::home_dir().unwrap();
    assert_eq!(field.path_of("~"), home);
    assert_eq!(field.path_of("~//a"), home.join("a"));
    assert_eq!(field.path_of("~a"), dir.path().join("~a"));
}

#[test]
fn escape_and_cancel_leave() {
    let dir = folder();
    assert_eq!(Dialog::open(PICTURES, dir.path()).press(&[Key::Escape]).answer(), Some(&Answer::Cancelled));
    assert_eq!(Dialog::open(PICTURES, dir.path()).click("Cancel").answer(), Some(&Answer::Cancelled));
}

#[test]
fn a_folder_is_chosen() {
    let dir = folder();
    let mut dialog = Dialog::open(Wants::Folder, dir.path());
    assert!(dialog.shows("models/") && !dialog.shows("photo_1.png"));
    dialog.type_text("models").press(&[Key::Enter, Key::Enter]);
    assert!(dialog.says("Press Ctrl+Enter"));
    dialog.0.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    dialog.0.run();
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("models")));

    let mut dialog = Dialog::open(Wants::Folder, dir.path());
    dialog.type_text("nowhere").click("Choose this folder");
    assert!(dialog.says("No such folder"));
    assert_eq!(dialog.answer(), None);
}

#[test]
fn a_new_file_replaces_only_when_asked_twice() {
    let dir = folder();
    let mut dialog = Dialog::open(FIGURE, dir.path().join("figure.png"));
    dialog.press(&[Key::Enter]);
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("figure.png")));

    let mut dialog = Dialog::open(FIGURE, dir.path().join("photo_1.png"));
    dialog.press(&[Key::Enter]);
    assert!(dialog.shows("photo_1.png exists and will be replaced: press Enter again"));
    dialog.press(&[Key::Backspace]).type_text("g").press(&[Key::Enter]);
    assert_eq!(dialog.answer(), None, "asked anew");
    dialog.press(&[Key::Enter]);
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("photo_1.png")));
}

#[test]
fn neither_clicks_nor_a_held_key_replace() {
    let dir = folder();
    let mut dialog = Dialog::open(FIGURE, dir.path());
    dialog.click("photo_1.png").click("photo_1.png");
    assert!(dialog.says("exists and will be replaced"));
    dialog.press(&[Key::ArrowDown, Key::ArrowUp]);
    assert!(!dialog.says("exists and will be replaced"));
    for _ in 0..4 {
        dialog.0.key_down(Key::Enter);
        dialog.0.run();
    }
    assert_eq!(dialog.answer(), None);
    dialog.0.key_up(Key::Enter);
    dialog.0.run();
    dialog.click("Save");
    assert_eq!(dialog.chosen(), Some(&*dir.path().join("photo_1.png")));
}

#[test]
fn a_new_file_is_refused_in_words() {
    let dir = folder();
    let mut dialog = Dialog::open(FIGURE, dir.path());
    dialog.press(&[Key::Enter]);
    assert!(dialog.says("Type a name"));
    dialog.type_text("figure.txt").press(&[Key::Enter]);
    assert!(dialog.shows("figure.txt must end in .png, .svg or .npz"));
    let mut dialog = Dialog::open(FIGURE, dir.path());
    dialog.type_text("nowhere/figure.png").press(&[Key::Enter]);
    assert!(dialog.says("No such folder"));
    assert_eq!(dialog.answer(), None);
}

#[test]
fn a_wrong_folder_is_said() {
    let dir = folder();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.type_text("nowhere/");
    assert!(dialog.says("No such folder"));
    let mut dialog = Dialog::open(PICTURES, dir.path());
    dialog.type_text("notes.txt/").press(&[Key::Enter]);
    assert!(dialog.says("Not a folder"));
    assert_eq!(dialog.answer(), None);
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    assert_eq!(super::listing::words(&denied, Path::new("/a"), "folder"), "Permission denied: /a");
}
