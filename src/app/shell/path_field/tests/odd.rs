//! Folders that are long, and names that are odd.

use std::fs;

use eframe::egui::Key;
use egui_kittest::kittest::Queryable;

use super::super::{PathField, Wants};
#[cfg(unix)]
use super::FIGURE;
use super::{Dialog, PICTURES};

#[test]
fn long_lists_are_cut_and_scroll_to_the_selected_row() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..1434 {
        fs::write(dir.path().join(format!("{i:04}.png")), b"x").unwrap();
    }
    let mut dialog = Dialog::open(PICTURES, dir.path());
    assert!(dialog.shows("0199.png") && !dialog.shows("0200.png") && dialog.shows("and 1234 more"));
    dialog.press(&[Key::ArrowDown; 100]);
    let (row, cancel) = (dialog.0.get_by_label("0099.png").rect(), dialog.0.get_by_label("Cancel").rect());
    assert!(row.top() > dialog.0.get_by_label("Path").rect().bottom() && row.bottom() < cancel.top(), "{row} {cancel}");
    assert_eq!(dialog.press(&[Key::Enter]).chosen(), Some(&*dir.path().join("0099.png")));
}

#[test]
fn huge_folders_are_read_in_part() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..10_001 {
        fs::write(dir.path().join(i.to_string()), b"").unwrap();
    }
    let field = PathField::new("Open", Wants::File { endings: &[] }, dir.path().to_owned());
    assert_eq!(field.rows.len(), 10_000);
    assert_eq!(field.rest().as_deref(), Some("and 9800 more, and others: this folder holds too many to list"));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_chosen_exactly() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join(OsStr::from_bytes(b"caf\xe9"));
    let file = inner.join(OsStr::from_bytes(b"t\xe9te\n.png"));
    fs::create_dir(&inner).unwrap();
    fs::write(&file, b"x").unwrap();
    let keys: [&[Key]; 3] =
        [&[Key::ArrowDown, Key::Enter, Key::ArrowDown, Key::Enter], &[Key::Tab, Key::Tab, Key::Enter], &[Key::Tab, Key::Enter]];
    for keys in keys {
        let mut dialog = Dialog::open(PICTURES, dir.path());
        if keys.len() == 2 {
            dialog.type_text("caf").press(&[Key::Enter]).type_text("t");
        }
        assert_eq!(dialog.press(keys).chosen(), Some(&*file), "{keys:?}");
    }
    assert_eq!(Dialog::open(PICTURES, &file).press(&[Key::Enter]).chosen(), Some(&*file));
}

#[cfg(unix)]
#[test]
fn pipes_and_dead_links_are_left_out() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe.png")).status().unwrap();
    assert!(made.success());
    symlink("nowhere", dir.path().join("dead.png")).unwrap();
    symlink("/", dir.path().join("root")).unwrap();
    let mut dialog = Dialog::open(PICTURES, dir.path());
    assert!(dialog.shows("root/") && !dialog.shows("pipe.png") && !dialog.shows("dead.png"));
    dialog.type_text("pipe.png").press(&[Key::Enter]);
    assert!(dialog.says("Not a file"));
    let mut dialog = Dialog::open(FIGURE, dir.path().join("dead.png"));
    assert!(dialog.press(&[Key::Enter]).says("exists and will be replaced"));
}
