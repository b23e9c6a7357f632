//! What a folder holds, as far as a list shows it.

use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Entries read of one folder at most: a frame waits for them.
const MAX_ENTRIES: usize = 10_000;

/// A folder and what it holds.
#[derive(Debug)]
pub(super) struct Listing {
    /// The folder.
    pub path: PathBuf,
    /// Its folders and then its files, by name; or why they cannot be read.
    pub entries: Result<Vec<Entry>, String>,
    /// Whether there are more than were read.
    pub is_cut: bool,
}

/// A folder or a regular file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name, exactly.
    pub name: OsString,
    /// Its name as it is shown.
    pub shown: String,
    /// The shown name in lower case.
    pub lower: String,
    /// Whether it is a folder, or a link to one.
    pub is_folder: bool,
}

impl Listing {
    /// Reads a folder. Nothing in it is opened.
    pub(super) fn read(path: PathBuf) -> Self {
        let mut is_cut = false;
        let entries = fs::read_dir(&path).map_err(|err| words(&err, &path, "folder")).map(|mut found| {
            // Bounded before errors are left out: a folder may go on giving errors.
            let mut entries: Vec<Entry> = found.by_ref().take(MAX_ENTRIES).flatten().filter_map(|e| Entry::new(&e)).collect();
            is_cut = found.next().is_some();
            entries.sort_by(|a, b| (Reverse(a.is_folder), &a.lower, &a.name).cmp(&(Reverse(b.is_folder), &b.lower, &b.name)));
            entries
        });
        Self { path, entries, is_cut }
    }
}

impl Entry {
    /// Looks at an entry; none where it is neither a folder nor a regular file, as a pipe, or a link to nothing.
    fn new(entry: &fs::DirEntry) -> Option<Self> {
        let kind = entry.file_type().ok()?;
        let kind = if kind.is_symlink() { fs::metadata(entry.path()).ok()?.file_type() } else { kind };
        let name = entry.file_name();
        let shown = spell(&name);
        let lower = shown.to_lowercase();
        (kind.is_dir() || kind.is_file()).then_some(Self { name, shown, lower, is_folder: kind.is_dir() })
    }

    /// Returns the shown name, with a slash behind a folder.
    pub(super) fn label(&self) -> String {
        if self.is_folder { format!("{}/", self.shown) } else { self.shown.clone() }
    }
}

/// Returns a name as one line of text, with marks for what is no text.
pub(super) fn spell(name: &OsStr) -> String {
    name.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

/// Says in plain words why a path cannot be used.
pub(super) fn words(err: &io::Error, path: &Path, what: &str) -> String {
    let path = spell(path.as_os_str());
    match err.kind() {
        io::ErrorKind::NotFound => format!("No such {what}: {path}"),
        io::ErrorKind::PermissionDenied => format!("Permission denied: {path}"),
        io::ErrorKind::NotADirectory => format!("Not a folder: {path}"),
        _ => format!("{path} cannot be read: {err}"),
    }
}
