//! The folder that an evaluation writes to: what may be there already, the lock that keeps other runs away, and `settings.json`.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::plan::Plan;
use super::row::Row;
use crate::domain::{Error, Result};
use crate::engine::whole_file::{WholeFile, check as check_file, refusal};
use crate::store::read_file;

pub(super) const SETTINGS: &str = "settings.json";
/// Which pictures the rows are about.
pub(super) const PICTURES: &str = "pictures.json";
pub(super) const ROWS: &str = "rows.jsonl";
/// Rows whose picture, mask or settings changed; they count again when these are as they were.
pub(super) const OUTDATED: &str = "outdated.jsonl";
/// What is computed from the rows.
pub(super) const TABLES: &[&str] = &["table.md", "table.csv", "table.tex", "confusion.csv"];
const LOCK: &str = ".lock";
/// Bytes of the settings.
const MAX_SETTINGS: u64 = 16 << 20;

/// A folder that no other run writes to.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Held for as long as the folder is open. Not one of the files that are replaced: their locks would go with them.
    _lock: Option<File>,
}

impl Folder {
    /// Opens a folder, or makes it.
    ///
    /// # Errors
    /// A refusal of a folder that another run writes to, or that cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|err| refusal(path, &err))?;
        let lock = path.join(LOCK);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock);
        let file = file.map_err(|err| refusal(&lock, &err))?;
        // Some network drives have no locks: there, users must see to it themselves.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(in_use(path).remedy("wait for it, or give each run its own --out"));
        }
        Ok(Self { path: path.to_owned(), _lock: Some(file) })
    }

    /// Opens a folder to read from it.
    ///
    /// # Errors
    /// A refusal of a folder that a run writes to, or in which something is no file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            check_files("merge", path)?;
        }
        let lock = File::open(path.join(LOCK)).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock_shared) {
            return Err(in_use(path).remedy("wait for it"));
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Removes the tables: their rows are about to change, and whoever stops the run must not find old tables beside new rows.
    ///
    /// # Errors
    /// A refusal where one cannot be removed.
    pub(super) fn remove_tables(&self) -> Result<()> {
        TABLES.iter().map(|name| self.path.join(name)).try_for_each(|path| match std::fs::remove_file(&path) {
            Err(err) if err.kind() != ErrorKind::NotFound => Err(refusal(&path, &err)),
            _ => Ok(()),
        })
    }

    /// Writes the settings, or compares them with those that are there.
    ///
    /// # Errors
    /// A refusal of a folder with other settings.
    pub(super) fn settle(&self, plan: &Plan) -> Result<()> {
        let path = self.path.join(SETTINGS);
        if !path.exists() {
            return write_json(&path, plan);
        }
        let different = differences(&settings(&self.path)?, plan)?;
        if different.is_empty() {
            return Ok(());
        }
        Err(Error::refused(path.display(), format!("holds another evaluation: {}", different.join(", ")))
            .expected("the same settings, to go on where it stopped")
            .remedy("choose another --out, or delete the folder"))
    }
}

fn in_use(folder: &Path) -> Error {
    Error::refused(folder.display(), "another run writes there").expected("a folder for each run")
}

/// Refuses a path whose files an evaluation would replace or stand among: what is no folder, a folder of other files, and folders of
/// the data.
///
/// # Errors
/// That refusal.
pub(super) fn check(out: &Path, data: &BTreeSet<PathBuf>) -> Result<()> {
    let remedy = "name an empty folder, or one that does not exist yet";
    if out.symlink_metadata().is_ok() && !out.is_dir() {
        let what = if out.exists() { "is no folder" } else { "is a link to what is not there" };
        return Err(Error::refused(out.display(), what).expected("a folder for the scores").remedy(remedy));
    }
    if out.is_dir() {
        check_files("--out", out)?;
    }
    let absolute = resolved(out);
    if let Some(of_data) = absolute.ancestors().find(|folder| data.contains(*folder)) {
        let what = if *of_data == *absolute { "holds the data".to_owned() } else { format!("lies in {}", of_data.display()) };
        return Err(Error::refused(out.display(), what).expected("a folder outside the pictures and masks").remedy(remedy));
    }
    match foreign(out) {
        Some(name) => Err(Error::refused(out.display(), format!("holds other files ({name})"))
            .expected("an empty folder, or one that `tokenscope evaluate` wrote")
            .remedy(remedy)),
        None => Ok(()),
    }
}

/// Refuses a folder in which something else has the name of a file that is read or written: opening a pipe waits for its other end.
fn check_files(flag: &str, folder: &Path) -> Result<()> {
    let names = [LOCK, SETTINGS, PICTURES, ROWS, OUTDATED].into_iter().chain(TABLES.iter().copied());
    names.into_iter().try_for_each(|name| check_file(flag, &folder.join(name)))
}

/// A file that shows a folder to be none of ours. Hidden files are nobody's work.
fn foreign(out: &Path) -> Option<String> {
    if out.join(SETTINGS).exists() || holds_rows(&out.join(ROWS)) {
        return None;
    }
    let names =
        std::fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names.into_iter().next()
}

/// Whether the first line of a file is a row: whoever deletes the settings keeps the rows that are still right.
fn holds_rows(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let first = std::io::BufRead::lines(std::io::BufReader::new(file)).next();
    first.is_some_and(|line| line.is_ok_and(|line| serde_json::from_str::<Row>(&line).is_ok()))
}

/// A path without links and dots, whether it exists or not.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let Some((part, mut found)) = there else { return absolute };
    for step in absolute.strip_prefix(part).into_iter().flat_map(Path::components) {
        match step {
            Component::ParentDir => drop(found.pop()),
            step => found.push(step),
        }
    }
    found
}

/// The settings of a folder.
///
/// # Errors
/// A refusal of a folder that holds none.
pub(super) fn settings(folder: &Path) -> Result<Plan> {
    let path = folder.join(SETTINGS);
    let bytes = read_file(&path, MAX_SETTINGS, "settings of `tokenscope evaluate`")?;
    serde_json::from_slice(&bytes).map_err(|err| {
        Error::refused(path.display(), err)
            .expected("settings of `tokenscope evaluate` of this version")
            .remedy("choose another folder")
    })
}

/// Writes a value as JSON for people to read.
///
/// # Errors
/// A refusal where that cannot be done.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|err| Error::Internal(format!("{}: {err}", path.display())))?;
    let mut file = WholeFile::create(path)?;
    writeln!(file, "{text}").map_err(|err| refusal(path, &err))?;
    file.finish()
}

/// `name was A and is B` for everything that differs between two plans.
///
/// # Errors
/// A fault of this program.
pub(super) fn differences(was: &Plan, is: &Plan) -> Result<Vec<String>> {
    let json = |plan: &Plan| serde_json::to_value(plan).map_err(|err| Error::Internal(format!("settings: {err}")));
    let mut found = Vec::new();
    walk("", &json(was)?, &json(is)?, &mut found);
    Ok(found)
}

fn walk(name: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    match (was, is) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                walk(&name, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if was == is => {}
        _ => found.push(format!("{name} was {was} and is {is}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let differences = |was: &Value, is: &Value| {
            let mut found = Vec::new();
            walk("", was, is, &mut found);
            found
        };
        let was = serde_json::json!({"seed": 1, "data": {"layout": "voc"}, "layers": [-1]});
        let is = serde_json::json!({"seed": 2, "data": {"layout": "voc"}, "layers": [-1, 3], "shard": "0/2"});
        assert_eq!(
            differences(&was, &is),
            ["layers was [-1] and is [-1,3]", "seed was 1 and is 2", "shard was null and is \"0/2\""]
        );
        assert!(differences(&was, &was).is_empty());
    }

    #[test]
    fn a_path_is_resolved_whether_it_exists_or_not() {
        let desk = tempfile::tempdir().unwrap();
        let root = desk.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        assert_eq!(resolved(&root.join("a/../a/./b/c")), root.join("a/b/c"));
        assert_eq!(resolved(&root.join("a")), root.join("a"));
        assert_eq!(resolved(&root.join("b/c/../../a/./d")), root.join("a/d"));
    }
}
