//! The folder of an evaluation: `settings.json` says what it does, `rows.jsonl` what is done.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::plan::Plan;
use super::row::Row;
use crate::domain::{Error, Result};
use crate::engine::whole_file::{WholeFile, refusal};
use crate::store::unreadable;

const SETTINGS: &str = "settings.json";
const ROWS: &str = "rows.jsonl";

/// An open `rows.jsonl`. One process writes to it at a time.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    done: BTreeSet<(String, String)>,
    contenders: BTreeSet<String>,
}

impl Journal {
    /// Opens the folder of a plan, or makes it. What a run that was killed left half-written is cut off.
    ///
    /// # Errors
    /// A refusal of a folder that holds another plan, that another process works in, or that cannot be written.
    pub(super) fn open(folder: &Path, plan: &Plan) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|err| refusal(folder, &err))?;
        let path = folder.join(ROWS);
        let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = open.map_err(|err| refusal(&path, &err))?;
        // Some network drives have no locks: there it is the user's to see to it.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::refused(folder.display(), "another run writes there")
                .expected("a folder for each run")
                .remedy("wait for it, or give each shard its own --out"));
        }
        settle(folder, plan)?;
        let (_, lines) = whole_lines(folder)?;
        file.set_len(lines.len() as u64).map_err(|err| refusal(&path, &err))?;
        let rows = parse(&path, &lines)?;
        let mut journal = Self { file, path, done: BTreeSet::new(), contenders: BTreeSet::new() };
        rows.iter().for_each(|row| journal.note(row));
        Ok(journal)
    }

    /// What was refused is tried again.
    fn note(&mut self, row: &Row) {
        if row.refused.is_none() {
            self.done.insert((row.image.clone(), row.contender.clone()));
            self.contenders.insert(row.contender.clone());
        }
    }

    /// Whether a picture was scored.
    pub(super) fn is_done(&self, image: &str, contender: &str) -> bool {
        self.done.contains(&(image.to_owned(), contender.to_owned()))
    }

    /// Whether any picture was scored.
    pub(super) fn has_any(&self, contender: &str) -> bool {
        self.contenders.contains(contender)
    }

    /// Writes a row, at once.
    pub(super) fn append(&mut self, row: &Row) -> Result<()> {
        let mut line = serde_json::to_string(row).map_err(|err| Error::Internal(format!("a row: {err}")))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush()).map_err(|err| refusal(&self.path, &err))?;
        self.note(row);
        Ok(())
    }
}

/// Writes the settings, or compares them with those that are there.
fn settle(folder: &Path, plan: &Plan) -> Result<()> {
    let path = folder.join(SETTINGS);
    if !path.exists() {
        return write_settings(&path, plan);
    }
    let different = differences(&json(&settings(folder)?)?, &json(plan)?);
    if different.is_empty() {
        return Ok(());
    }
    Err(Error::refused(path.display(), format!("holds another evaluation: {}", different.join(", ")))
        .expected("the same settings, to go on where it stopped")
        .remedy("choose another --out, or delete the folder"))
}

fn write_settings(path: &Path, plan: &Plan) -> Result<()> {
    let text = serde_json::to_string_pretty(plan).map_err(|err| Error::Internal(format!("settings: {err}")))?;
    let mut file = WholeFile::create(path)?;
    writeln!(file, "{text}").map_err(|err| refusal(path, &err))?;
    file.finish()
}

/// The settings of a folder.
///
/// # Errors
/// A refusal of a folder that holds none.
pub(super) fn settings(folder: &Path) -> Result<Plan> {
    let path = folder.join(SETTINGS);
    let bytes = std::fs::read(&path).map_err(|err| unreadable(&path, &err))?;
    serde_json::from_slice(&bytes).map_err(|err| {
        Error::refused(path.display(), err)
            .expected("settings of `tokenscope evaluate` of this version")
            .remedy("choose another folder")
    })
}

fn json(plan: &Plan) -> Result<Value> {
    serde_json::to_value(plan).map_err(|err| Error::Internal(format!("settings: {err}")))
}

/// `name: was, is` of everything that differs.
fn differences(was: &Value, is: &Value) -> Vec<String> {
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
    let mut found = Vec::new();
    walk("", was, is, &mut found);
    found
}

/// `rows.jsonl` without a last line that was not written to its end.
fn whole_lines(folder: &Path) -> Result<(PathBuf, Vec<u8>)> {
    let path = folder.join(ROWS);
    let mut bytes = std::fs::read(&path).map_err(|err| unreadable(&path, &err))?;
    bytes.truncate(bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1));
    Ok((path, bytes))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Row>> {
    let lines = bytes.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let row = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|err| {
            Error::refused(format!("{}, line {}", path.display(), number + 1), err)
                .expected("a row of `tokenscope evaluate`")
                .remedy("delete the line; its picture is then done again")
        })
    };
    lines.map(row).collect()
}

/// Every answer of a folder once: what was refused counts only where nothing else is there. Sorted by contender, then by picture.
///
/// # Errors
/// A refusal of a folder without rows, or with what are none.
pub(super) fn rows(folder: &Path) -> Result<Vec<Row>> {
    let (path, lines) = whole_lines(folder)?;
    let mut rows = parse(&path, &lines)?;
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.contender.clone(), row.image.clone(), row.refused.is_some());
        key(a).cmp(&key(b))
    });
    rows.dedup_by(|next, first| next.contender == first.contender && next.image == first.image);
    Ok(rows)
}

/// Puts the rows of several folders into one.
///
/// # Errors
/// A refusal of folders whose settings differ in more than their shards.
pub(super) fn join(folders: &[PathBuf], out: &Path) -> Result<Plan> {
    let mut plans = folders.iter().map(|folder| settings(folder).map(|plan| (folder, plan.whole())));
    let (first, plan) = plans.next().transpose()?.ok_or_else(|| Error::refused("merge", "no folder is named"))?;
    for other in plans {
        let (folder, other) = other?;
        let different = differences(&json(&plan)?, &json(&other)?);
        if !different.is_empty() {
            return Err(Error::refused(folder.display(), format!("is not of the same evaluation: {}", different.join(", ")))
                .expected(format!("the settings of {}, but for the shard", first.display())));
        }
    }
    if folders.iter().any(|folder| folder == out) {
        return Err(Error::refused(out.display(), "is one of the folders that are merged").remedy("choose another --out"));
    }
    // Lines as they are: a number that is read and written again might lose its last digit.
    let mut text = Vec::new();
    for folder in folders {
        let (path, lines) = whole_lines(folder)?;
        parse(&path, &lines)?;
        text.extend(lines);
    }
    std::fs::create_dir_all(out).map_err(|err| refusal(out, &err))?;
    settle(out, &plan)?;
    let path = out.join(ROWS);
    let mut file = WholeFile::create(&path)?;
    file.write_all(&text).map_err(|err| refusal(&path, &err))?;
    file.finish()?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let was = serde_json::json!({"seed": 1, "data": {"layout": "voc"}, "layers": [-1]});
        let is = serde_json::json!({"seed": 2, "data": {"layout": "voc"}, "layers": [-1, 3], "shard": "0/2"});
        assert_eq!(
            differences(&was, &is),
            ["layers was [-1] and is [-1,3]", "seed was 1 and is 2", "shard was null and is \"0/2\""]
        );
        assert!(differences(&was, &was).is_empty());
    }
}
