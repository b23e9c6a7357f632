//! `rows.jsonl`: a line for every answer, written as soon as it is there, and kept for as long as what it was made from is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::check::{Wanted, impossible};
use super::folder::{Folder, OUTDATED, ROWS};
use super::pictures::Pictures;
use super::plan::Plan;
use super::row::Row;
use super::sources::Sources;
use crate::domain::{Error, Result};
use crate::engine::whole_file::{WholeFile, refusal};
use crate::store::read_file;

/// Bytes of a file of rows; one of a million rows with vectors is smaller.
const MAX_FILE: u64 = 1 << 40;

/// What rows are made from now.
#[derive(Clone, Debug, Default)]
pub(super) struct Current {
    /// The files of every picture, by its id; none of a picture that cannot be read.
    pub(super) sources: BTreeMap<String, Option<Sources>>,
    /// The digest of every contender's settings, by its name.
    pub(super) settings: BTreeMap<String, String>,
}

impl Current {
    /// Whether a row would be the same if it were made again.
    pub(super) fn holds(&self, row: &Row) -> bool {
        let sources = self.sources.get(&row.image).and_then(Option::as_ref);
        sources.is_some_and(|sources| *sources == row.made_from) && self.settings.get(&row.contender) == Some(&row.settings)
    }

    fn num_answers(&self) -> usize {
        self.sources.len() * self.settings.len()
    }
}

/// What became of the rows that a folder held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resumed {
    /// Rows that count.
    pub(super) kept: usize,
    /// Rows of pictures, masks or settings that have changed since.
    pub(super) changed: usize,
    /// Rows of pictures that are no longer there, or no longer chosen.
    pub(super) gone: usize,
}

/// An open `rows.jsonl`. One process writes to it at a time.
#[derive(Debug)]
pub(super) struct Journal {
    /// Held to the end.
    folder: Folder,
    file: File,
    path: PathBuf,
    done: BTreeSet<(String, String)>,
    contenders: BTreeSet<String>,
}

/// A row as it is written: numbers that are read and written again might lose their last digit.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) text: Vec<u8>,
    pub(super) row: Row,
}

impl Journal {
    /// Opens the folder of a plan, or makes it. A line that a killed run left unfinished is cut off; rows whose picture, masks or
    /// settings have changed go to `outdated.jsonl`, and come back when these are as they were.
    ///
    /// # Errors
    /// A refusal of a folder that holds another plan or impossible rows, that another process works in, or that cannot be written.
    pub(super) fn open(out: &Path, plan: &Plan, pictures: &Pictures, current: &Current) -> Result<(Self, Resumed)> {
        let folder = Folder::open(out)?;
        folder.settle(plan)?;
        let path = out.join(ROWS);
        let there = lines(&path)?;
        let (kept, outdated, resumed) = sorted_out(there, lines(&out.join(OUTDATED))?, current);
        let wanted = Wanted::of(plan)?;
        if let Some((line, what)) = kept.iter().find_map(|line| Some((line, wanted.unlike(&line.row)?))) {
            return Err(bad_line(&path, line.number, &what));
        }
        if kept.len() < current.num_answers() || !holds(&path, &kept) {
            folder.remove_tables()?;
        }
        // In this order: a row is in both files, rather than in none, if the run is killed in between.
        replace(&out.join(OUTDATED), &outdated)?;
        replace(&path, &kept)?;
        pictures.write(out)?;
        let open = OpenOptions::new().append(true).create(true).open(&path);
        let file = open.map_err(|err| refusal(&path, &err))?;
        let mut journal = Self { folder, file, path, done: BTreeSet::new(), contenders: BTreeSet::new() };
        kept.iter().for_each(|line| journal.note(&line.row));
        Ok((journal, resumed))
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Refused answers are tried again.
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

/// Rows that count, rows that do not, and what became of those in `there`.
fn sorted_out(there: Vec<Line>, outdated: Vec<Line>, current: &Current) -> (Vec<Line>, Vec<Line>, Resumed) {
    let (mut kept, mut rest, mut gone) = (Vec::new(), Vec::new(), 0);
    let (mut answered, mut changed, mut known) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let num_there = there.len();
    for (i, line) in there.into_iter().chain(outdated).enumerate().filter(|(_, line)| line.row.refused.is_none()) {
        let key = (line.row.image.clone(), line.row.contender.clone());
        if current.holds(&line.row) {
            if answered.insert(key) {
                kept.push(line);
            }
            continue;
        }
        if i < num_there && current.sources.contains_key(&line.row.image) {
            changed.insert(key);
        } else if i < num_there {
            gone += 1;
        }
        if known.insert(line.text.clone()) {
            rest.push(line);
        }
    }
    let resumed = Resumed { kept: kept.len(), changed: changed.difference(&answered).count(), gone };
    (kept, rest, resumed)
}

fn text(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.text.iter().copied().chain([b'\n'])).collect()
}

/// Whether a file holds these rows and nothing else.
fn holds(path: &Path, lines: &[Line]) -> bool {
    std::fs::read(path).unwrap_or_default() == text(lines)
}

/// Replaces a file of rows, unless it already holds just these.
///
/// # Errors
/// A refusal where that cannot be done.
pub(super) fn replace(path: &Path, lines: &[Line]) -> Result<()> {
    if holds(path, lines) {
        return Ok(());
    }
    let mut file = WholeFile::create(path)?;
    file.write_all(&text(lines)).map_err(|err| refusal(path, &err))?;
    file.finish()
}

/// The rows of a file without a last line that was not written to its end; none where there is no file.
///
/// # Errors
/// A refusal of a file that cannot be read, or of a line that is no row or has impossible numbers.
pub(super) fn lines(path: &Path) -> Result<Vec<Line>> {
    if path.symlink_metadata().is_err() {
        return Ok(Vec::new());
    }
    let mut bytes = read_file(path, MAX_FILE, "rows of `tokenscope evaluate`")?;
    bytes.truncate(bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1));
    let lines = bytes.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let line = |(i, text): (usize, &[u8])| {
        let row: Row = serde_json::from_slice(text).map_err(|err| bad_line(path, i + 1, &err.to_string()))?;
        impossible(&row).map_or(Ok(()), |what| Err(bad_line(path, i + 1, &what)))?;
        Ok(Line { number: i + 1, text: text.to_vec(), row })
    };
    lines.map(line).collect()
}

fn bad_line(path: &Path, number: usize, what: &str) -> Error {
    Error::refused(format!("{}, line {number}", path.display()), what)
        .expected("a row of `tokenscope evaluate`")
        .remedy("delete the line; its picture is then scored again")
}

/// Every answer of a folder once: a refusal counts only where there is no score. Sorted by contender, then by picture.
///
/// # Errors
/// As [`lines`].
pub(super) fn rows(folder: &Path) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = lines(&folder.join(ROWS))?.into_iter().map(|line| line.row).collect();
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.contender.clone(), row.image.clone(), row.refused.is_some());
        key(a).cmp(&key(b))
    });
    rows.dedup_by(|next, first| next.contender == first.contender && next.image == first.image);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(image: &str, digest: &str) -> Row {
        let sources = Sources { file: format!("{image}.png"), picture: digest.to_owned(), masks: Vec::new() };
        let mut row = Row { made_from: sources, settings: "s".to_owned(), ..Row::new(image, "x") };
        row.set("miou", 0.5);
        row
    }

    fn written(rows: &[Row]) -> String {
        rows.iter().map(|row| serde_json::to_string(row).unwrap() + "\n").collect()
    }

    #[test]
    fn a_line_may_be_cut_anywhere() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join(ROWS);
        let whole = written(&[row("a", "1"), row("b\u{e9}", "2")]);
        let first = whole.find('\n').unwrap() + 1;
        for end in 0..=whole.len() {
            std::fs::write(&path, &whole.as_bytes()[..end]).unwrap();
            let want = usize::from(end >= first) + usize::from(end == whole.len());
            assert_eq!(lines(&path).unwrap().len(), want, "{end} bytes");
        }
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(lines(&path).unwrap_err().to_string().contains("line 1"));
        assert!(lines(&desk.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn rows_count_while_their_digests_are_those_of_now() {
        let line = |row: &Row| Line { number: 1, text: written(std::slice::from_ref(row)).into_bytes(), row: row.clone() };
        let of = |image: &str, digest: &str| (image.to_owned(), Some(row(image, digest).made_from));
        let current = Current {
            sources: [of("a", "1"), of("b", "new"), of("d", "4")].into(),
            settings: [("x".to_owned(), "s".to_owned())].into(),
        };
        let other_settings = Row { settings: "t".to_owned(), ..row("a", "1") };
        let refused = Row { refused: Some("why".to_owned()), ..row("a", "1") };
        let there = [row("a", "1"), row("a", "1"), row("b", "2"), row("c", "3"), row("d", "0"), other_settings, refused];
        let earlier = [row("d", "4"), row("b", "2")];
        let (kept, rest, resumed) = sorted_out(there.iter().map(line).collect(), earlier.iter().map(line).collect(), &current);
        let names = |lines: &[Line]| lines.iter().map(|line| line.row.image.clone()).collect::<Vec<_>>();
        assert_eq!(names(&kept), ["a", "d"], "d was as it is now before");
        assert_eq!(names(&rest), ["b", "c", "d", "a"], "none is lost, and none is there twice");
        assert_eq!(resumed, Resumed { kept: 2, changed: 1, gone: 1 });
    }
}
