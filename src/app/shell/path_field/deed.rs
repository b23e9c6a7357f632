//! What the keys do: which path a text names, what fits it, and what Enter makes of it.

use std::fs;
use std::path::{Path, PathBuf, is_separator};

use super::listing::{Entry, Listing, spell, words};
use super::{MAX_ROWS, PathField, Wants};

impl PathField {
    /// Does what Enter does: takes the selected row, or the path that is typed.
    pub(super) fn enter(&mut self) -> Option<PathBuf> {
        if let Some(row) = self.selected {
            return self.take(row);
        }
        let path = self.path_of(&self.text);
        let is_only = self.rows.len() == 1 && !split(&self.text).1.is_empty();
        let refusal = match (fs::metadata(&path), self.wants) {
            (Ok(found), _) if found.is_dir() => return self.descend(path),
            (Ok(found), Wants::File { .. }) if found.is_file() => return Some(path),
            (_, Wants::NewFile { .. }) => return self.save(path),
            // A name in other letters, or the beginning of one: nothing else can be meant.
            (Err(_), _) if is_only => return self.take(0),
            (Ok(_), Wants::Folder) => format!("Not a folder: {}", spell(path.as_os_str())),
            (Ok(_), _) => format!("Not a file: {}", spell(path.as_os_str())),
            (Err(err), Wants::Folder) => words(&err, &path, "folder"),
            (Err(err), _) => words(&err, &path, "file"),
        };
        // Where the folder itself is wrong, the line says so already, and more exactly.
        self.note = self.listing.entries.is_ok().then_some(refusal);
        None
    }

    /// Takes a row: opens a folder, chooses a file. A file that would be replaced is only asked about: clicks come in twos.
    pub(super) fn take(&mut self, row: usize) -> Option<PathBuf> {
        let entry = self.entry(row)?;
        let (path, is_folder) = (self.listing.path.join(&entry.name), entry.is_folder);
        let text = split(&self.text).0.to_owned() + &entry.label();
        self.write(text, path.clone());
        match self.wants {
            _ if is_folder => None,
            Wants::NewFile { .. } => self.save(path),
            _ => Some(path),
        }
    }

    /// Opens the folder that is typed.
    fn descend(&mut self, path: PathBuf) -> Option<PathBuf> {
        if self.text == "~" || !split(&self.text).1.is_empty() {
            self.write(format!("{}/", self.text), path);
            return None;
        }
        let hint = match self.wants {
            Wants::File { .. } => "Choose a file from the list, or type its name",
            Wants::Folder => "Press Ctrl+Enter to choose this folder",
            Wants::NewFile { .. } => "Type a name for the file",
        };
        self.note = self.listing.entries.is_ok().then(|| hint.to_owned());
        None
    }

    /// Chooses the selected folder, or the one that is typed.
    pub(super) fn choose_folder(&mut self) -> Option<PathBuf> {
        let selected = self.selected.and_then(|row| self.entry(row)).map(|entry| self.listing.path.join(&entry.name));
        let path = selected.unwrap_or_else(|| self.path_of(&self.text));
        self.note = not_a_folder(&path);
        self.note.is_none().then_some(path)
    }

    /// Chooses a file to write, if it can be one; asks before one is replaced.
    fn save(&mut self, path: PathBuf) -> Option<PathBuf> {
        let name = split(&self.text).1;
        let endings = self.endings();
        let refusal = if let Some(refusal) = not_a_folder(&self.listing.path) {
            Some(refusal)
        } else if name.is_empty() {
            Some("Type a name for the file".to_owned())
        } else if !ends_in(name, endings) {
            Some(format!("{name} must end in {}", listed(endings)))
        } else if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            Some(format!("Not a file: {}", spell(path.as_os_str())))
        } else if fs::symlink_metadata(&path).is_ok() && self.asked.as_ref() != Some(&path) {
            self.note = Some(format!("{name} exists and will be replaced: press Enter again"));
            self.asked = Some(path);
            return None;
        } else {
            None
        };
        (self.note, self.asked) = (refusal, None);
        self.note.is_none().then_some(path)
    }

    /// Completes the typed name as far as all that fits agrees.
    pub(super) fn complete(&mut self) {
        let (head, name) = split(&self.text);
        let Some(first) = self.entry(0) else { return };
        if self.rows.len() == 1 {
            self.write(head.to_owned() + &first.label(), self.listing.path.join(&first.name));
            return;
        }
        let rest = (1..self.rows.len()).filter_map(|row| self.entry(row));
        let common = rest.fold(first.shown.chars().count(), |common, entry| {
            let pairs = first.shown.chars().zip(entry.shown.chars()).take(common);
            pairs.take_while(|(a, b)| a.to_lowercase().eq(b.to_lowercase())).count()
        });
        if common > name.chars().count() {
            let name: String = first.shown.chars().take(common).collect();
            let text = head.to_owned() + &name;
            self.write(text, self.listing.path.join(name));
        }
    }

    /// Writes a text that names a path.
    pub(super) fn write(&mut self, text: String, path: PathBuf) {
        self.exact.retain(|(known, _)| *known != text);
        if self.path_of(&text) != path {
            self.exact.push((text.clone(), path));
        }
        self.text = text;
        self.rewritten = true;
        self.follow();
    }

    /// Lists what fits the text, and forgets what was said about another.
    pub(super) fn follow(&mut self) {
        self.select(None);
        let (head, name) = split(&self.text);
        let folder = self.path_of(head);
        if folder != self.listing.path {
            self.listing = Listing::read(folder);
        }
        let (endings, begin, hidden) = (self.endings(), name.to_lowercase(), name.starts_with('.'));
        let fits = |e: &Entry| {
            let kind = e.is_folder || (self.wants != Wants::Folder && ends_in(&e.lower, endings));
            kind && e.lower.starts_with(&begin) && (hidden || !e.lower.starts_with('.'))
        };
        let entries = self.listing.entries.iter().flatten().enumerate();
        self.rows = entries.filter(|(_, e)| fits(e)).map(|(index, _)| index).collect();
    }

    /// Returns the path that a text names.
    pub(super) fn path_of(&self, text: &str) -> PathBuf {
        let known = |(begin, path): &'_ (String, PathBuf)| {
            let rest = text.strip_prefix(begin.as_str()).filter(|rest| rest.is_empty() || begin.ends_with(is_separator))?;
            Some((begin.len(), under(path, rest)))
        };
        if let Some((_, path)) = self.exact.iter().filter_map(known).max_by_key(|(length, _)| *length) {
            return path;
        }
        let rest = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(is_separator));
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        rest.zip(home).map_or_else(|| self.base.join(text), |(rest, home)| under(&home, rest))
    }

    /// Returns the entry of a row.
    pub(super) fn entry(&self, row: usize) -> Option<&Entry> {
        self.listing.entries.as_ref().ok()?.get(*self.rows.get(row)?)
    }

    /// Returns the endings that fit, none meaning any.
    fn endings(&self) -> &'static [&'static str] {
        match self.wants {
            Wants::File { endings } | Wants::NewFile { endings } => endings,
            Wants::Folder => &[],
        }
    }

    /// Says what is wrong, if anything is.
    pub(super) fn complaint(&self) -> Option<&str> {
        let is_new = matches!(self.wants, Wants::NewFile { .. });
        match &self.listing.entries {
            _ if self.note.is_some() => self.note.as_deref(),
            Err(words) => Some(words),
            // A new name fits nothing, and `..` is no entry.
            Ok(_) if self.rows.is_empty() && !is_new && split(&self.text).1 != ".." => Some("Nothing here fits"),
            Ok(_) => None,
        }
    }

    /// Says what the list leaves out, if it does.
    pub(super) fn rest(&self) -> Option<String> {
        match (self.rows.len().saturating_sub(MAX_ROWS), self.listing.is_cut) {
            (0, false) => None,
            (0, true) => Some("and others: this folder holds too many to list".to_owned()),
            (more, false) => Some(format!("and {more} more")),
            (more, true) => Some(format!("and {more} more, and others: this folder holds too many to list")),
        }
    }
}

/// Splits a text into the folder that it names and what is typed behind it.
fn split(text: &str) -> (&str, &str) {
    match text.rfind(is_separator) {
        _ if text == "~" => ("~/", ""),
        Some(at) => text.split_at(at + 1),
        None => ("", text),
    }
}

/// Joins a relative path that may begin with a slash.
fn under(folder: &Path, rest: &str) -> PathBuf {
    folder.join(rest.trim_start_matches(is_separator))
}

/// Says whether a name has one of the endings, and more than that.
fn ends_in(name: &str, endings: &[&str]) -> bool {
    let stem = |ending: &&str| name.to_lowercase().strip_suffix(&ending.to_lowercase())?.strip_suffix('.').map(str::len);
    endings.is_empty() || endings.iter().filter_map(stem).any(|length| length > 0)
}

/// Lists endings in words.
fn listed(endings: &[&str]) -> String {
    let dotted: Vec<String> = endings.iter().map(|ending| format!(".{ending}")).collect();
    match dotted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => dotted.concat(),
    }
}

/// Says why a path is no folder, if it is none.
fn not_a_folder(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(format!("Not a folder: {}", spell(path.as_os_str()))),
        Err(err) => Some(words(&err, path, "folder")),
    }
}
