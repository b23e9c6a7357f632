//! The folders of shards as one: only where together they are the whole evaluation, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::check::Wanted;
use super::contender::Contender;
use super::fingerprint::of_settings;
use super::folder::{self, Folder, ROWS, differences, settings};
use super::journal::{Line, lines, replace};
use super::pictures::Pictures;
use super::plan::{Plan, Shard};
use crate::domain::{Error, Result};

/// What a run can do about a shard that is not whole.
const RUN_AGAIN: &str = "run its command again: it goes on where it stopped";

/// The folder of a shard.
struct Part {
    path: PathBuf,
    plan: Plan,
    pictures: Pictures,
    /// Held until all is read.
    _lock: Folder,
}

/// Puts the rows of several folders into one, and returns what they are of with the folder, still locked.
///
/// # Errors
/// A refusal of folders that are not the shards of one evaluation, each once and complete; of rows that cannot be theirs; of a
/// folder to write to that holds anything else.
pub(super) fn join(folders: &[PathBuf], out: &Path) -> Result<(Plan, Folder)> {
    let parts = parts(folders, out)?;
    let first = parts.first().ok_or_else(|| Error::refused("merge", "no folder is named"))?;
    check_same(first, &parts)?;
    check_shards(&parts)?;
    let plan = first.plan.whole();
    let contenders = Contender::all(&plan)?;
    let settings = contenders.iter().map(|c| Ok((c.name(), of_settings(&plan, c)?))).collect::<Result<BTreeMap<_, _>>>()?;
    let wanted = Wanted::of(&plan)?;
    let mut all = Vec::new();
    for part in &parts {
        all.extend(part.rows(&settings, &wanted)?);
    }
    let mut ids: Vec<String> = parts.iter().flat_map(|part| part.pictures.ids.iter().cloned()).collect();
    ids.sort();
    let whole = Pictures { ids, ..first.pictures.clone() };
    let folder = write(out, &plan, &whole, &all)?;
    Ok((plan, folder))
}

fn parts(folders: &[PathBuf], out: &Path) -> Result<Vec<Part>> {
    let mut seen: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
    let resolved_out = folder::resolved(out);
    for path in folders {
        let resolved = folder::resolved(path);
        if resolved == resolved_out {
            return Err(Error::refused(out.display(), "is one of the folders that are merged").remedy("choose another --out"));
        }
        if let Some(before) = seen.insert(resolved, path) {
            let what =
                if before == path { "is named twice".to_owned() } else { format!("is also named as {}", before.display()) };
            return Err(Error::refused(path.display(), what).expected("the folder of each shard once"));
        }
    }
    let part = |path: &PathBuf| {
        let (lock, plan) = (Folder::read(path)?, settings(path)?);
        Ok(Part { path: path.clone(), plan, pictures: Pictures::read(path)?, _lock: lock })
    };
    folders.iter().map(part).collect()
}

/// Refuses folders of different settings or pictures.
fn check_same(first: &Part, parts: &[Part]) -> Result<()> {
    for part in parts {
        let place = part.path.display();
        let different = differences(&first.plan.whole(), &part.plan.whole())?;
        if !different.is_empty() {
            return Err(Error::refused(place, format!("is not of the same evaluation: {}", different.join(", ")))
                .expected(format!("the settings of {}, but for the shard", first.path.display())));
        }
        let seen = |pictures: &Pictures| (pictures.total, pictures.sha256.clone(), pictures.left_out.clone());
        if seen(&part.pictures) != seen(&first.pictures) {
            let what = if part.pictures.total == first.pictures.total {
                "is of other pictures or masks".to_owned()
            } else {
                format!("is a part of {} pictures, not of {}", part.pictures.total, first.pictures.total)
            };
            return Err(Error::refused(place, what)
                .expected(format!("the data of {}: names and sizes of every file", first.path.display()))
                .remedy("run each shard's command again on the same data"));
        }
    }
    Ok(())
}

/// Refuses anything but every shard once.
fn check_shards(parts: &[Part]) -> Result<()> {
    let mut found: BTreeMap<usize, &Part> = BTreeMap::new();
    let whole = Shard { index: 0, count: 1 };
    let count = parts.first().and_then(|part| part.plan.shard).unwrap_or(whole).count;
    for part in parts {
        let shard = part.plan.shard.unwrap_or(whole);
        if shard.count != count {
            return Err(Error::refused(part.path.display(), format!("is shard {shard}"))
                .expected(format!("one of {count}, as {} is", parts[0].path.display())));
        }
        if let Some(before) = found.insert(shard.index, part) {
            return Err(Error::refused(part.path.display(), format!("is shard {shard}, as {} is", before.path.display()))
                .expected("every shard once"));
        }
    }
    let missing: Vec<String> =
        (0..count).filter(|i| !found.contains_key(i)).map(|index| Shard { index, count }.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::refused("merge", format!("no folder holds shard {}", missing.join(", ")))
        .expected(format!("all {count} shards"))
        .remedy("run what is missing, or name its folder too"))
}

impl Part {
    /// Every row, if they are all there and nothing else.
    fn rows(&self, settings: &BTreeMap<String, String>, wanted: &Wanted) -> Result<Vec<Line>> {
        let path = self.path.join(ROWS);
        let ids: BTreeSet<&str> = self.pictures.ids.iter().map(String::as_str).collect();
        let mut answers: BTreeMap<(String, String), Line> = BTreeMap::new();
        let mut order = Vec::new();
        for line in lines(&path)? {
            let row = &line.row;
            let what = if !ids.contains(row.image.as_str()) {
                Some(format!("{:?} is no picture of this shard", row.image))
            } else if settings.get(&row.contender).is_some_and(|digest| *digest != row.settings) {
                Some("was made with other settings".to_owned())
            } else {
                wanted.unlike(row)
            };
            if let Some(what) = what {
                return Err(Error::refused(format!("{}, line {}", path.display(), line.number), what)
                    .expected("rows of the settings and pictures beside it")
                    .remedy(RUN_AGAIN));
            }
            let key = (row.image.clone(), row.contender.clone());
            match answers.get(&key) {
                // A refusal counts only where there is no score.
                Some(before) if before.row.refused.is_none() && (row.refused.is_some() || before.text == line.text) => continue,
                Some(before) if before.row.refused.is_none() => {
                    let place = format!("{}, line {}", path.display(), line.number);
                    return Err(Error::refused(place, format!("scores again what line {} scored", before.number))
                        .expected("every answer once")
                        .remedy("delete one of the lines"));
                }
                Some(_) => {}
                None => order.push(key.clone()),
            }
            answers.insert(key, line);
        }
        self.check_complete(&answers, settings)?;
        Ok(order.iter().filter_map(|key| answers.remove(key)).collect())
    }

    fn check_complete(&self, answers: &BTreeMap<(String, String), Line>, settings: &BTreeMap<String, String>) -> Result<()> {
        let every = self.pictures.ids.iter().flat_map(|id| settings.keys().map(move |name| (id.clone(), name.clone())));
        let missing: Vec<(String, String)> = every.filter(|key| !answers.contains_key(key)).collect();
        let Some((image, contender)) = missing.first() else { return Ok(()) };
        let all = self.pictures.ids.len() * settings.len();
        Err(Error::refused(
            self.path.display(),
            format!("{} of {all} answers are missing: {image} by {contender}, ..", missing.len()),
        )
        .expected("shards that ran to their end")
        .remedy(RUN_AGAIN))
    }
}

/// Writes what was merged, in place of an earlier merge.
fn write(out: &Path, plan: &Plan, pictures: &Pictures, all: &[Line]) -> Result<Folder> {
    folder::check(out, &BTreeSet::new())?;
    let folder = Folder::open(out)?;
    folder.settle(plan)?;
    let path = out.join(ROWS);
    let key = |line: &Line| (line.row.image.clone(), line.row.contender.clone());
    let ours: BTreeSet<(String, String)> = all.iter().map(key).collect();
    let is_lost = |line: &Line| line.row.refused.is_none() && !ours.contains(&key(line));
    if let Some(line) = lines(&path)?.iter().find(|line| is_lost(line)) {
        let what = format!("holds an answer that none of the folders has: {} by {}", line.row.image, line.row.contender);
        return Err(Error::refused(out.display(), what)
            .expected("a new folder, or one with an earlier merge of the same shards")
            .remedy("choose another --out"));
    }
    folder.remove_tables()?;
    pictures.write(out)?;
    replace(&path, all)?;
    Ok(folder)
}
