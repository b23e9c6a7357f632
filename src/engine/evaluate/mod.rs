//! Evaluations over folders of pictures: segments against masks, faithfulness of maps, and maps of models that forgot what they
//! learned.
//!
//! Every answer is one line of `rows.jsonl`, written as soon as it is there: an evaluation that was stopped, however that happened,
//! goes on where it was when the same [`Plan`] runs again. Every row keeps digests of what it was made from, so that answers about
//! pictures, masks or settings that have changed are made again, and only those. Tables are computed from the rows alone, in an order
//! of their own: a run in one go, one that was stopped and one in shards give the same bytes.

mod check;
mod classes;
mod contender;
mod faithfulness;
mod fingerprint;
mod folder;
mod joint;
mod journal;
mod layout;
mod left_out;
mod merge;
mod pictures;
mod plan;
mod randomization;
mod remarks;
mod row;
mod segments;
mod sources;
mod summary;
mod table;
mod truth;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use classes::Meaning;
pub use contender::Contender;
use journal::{Current, Journal, Resumed};
use layout::Found;
pub use layout::{Kind, LAYOUTS, Layout, Pair};
use pictures::{Pictures, part};
pub use plan::{Baseline, Data, Fingerprint, Plan, Select, Shard, Test};
use rayon::prelude::*;
pub use row::Row;
pub use sources::Sources;
use truth::Truth;

use super::Engine;
use crate::domain::{Control, Error, Notice, Progress, Result};

/// What an evaluation came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The table, as Markdown.
    pub table: String,
    /// Every file that was written.
    pub files: Vec<PathBuf>,
    /// Answers that are there.
    pub num_rows: usize,
    /// Answers that are there or were refused.
    pub num_asked: usize,
    /// Answers that were refused, with the reason of the first.
    pub refused: Option<(usize, String)>,
    /// What was left out, which masks were changed, and what became of earlier rows.
    pub notices: Vec<Notice>,
}

/// Runs an evaluation into a folder, or what is left of it.
///
/// # Errors
/// A refusal of the plan, of the folder, of a picture or mask where nothing else could be done; [`Error::Cancelled`].
pub fn evaluate(plan: &Plan, out: &Path, control: &Control) -> Result<Report> {
    plan.check()?;
    let (plan, layout) = &layout::resolved(plan)?;
    let Found { pairs: every, left_out } = layout.find(plan)?;
    folder::check(out, &data_folders(plan, &every))?;
    let contenders = Contender::all(plan)?;
    let mut engine = Engine::default();
    let plan = &fingerprint::with_digests(plan, &contenders, &mut engine)?;
    let pairs = part(plan, &every);
    let current = current(plan, &contenders, &pairs, control)?;
    let (mut journal, resumed) = Journal::open(out, plan, &Pictures::of(&every, &pairs, left_out), &current)?;
    let is_left = |pair: &&Pair| contenders.iter().any(|c| !journal.is_done(&pair.id, &c.name()));
    let left: Vec<&Pair> = pairs.iter().filter(is_left).collect();
    let count = |pair: &&Pair| contenders.iter().filter(|c| !journal.is_done(&pair.id, &c.name())).count();
    control.progress.start(left.iter().map(count).sum());
    let dates = fingerprint::dates(plan, &contenders, &engine);
    let mut run = Run { plan, layout, engine, current, dates, suspects: BTreeMap::new(), control };
    for pair in left {
        run.picture(pair, &contenders, &mut journal)?;
        forget_inputs(&mut run.engine);
    }
    run.check_answered(&journal)?;
    let report = summary::write(journal.folder(), plan, layout)?;
    Ok(Report { notices: [report.notices, notices(out, resumed)].concat(), ..report })
}

/// Forgets what was recorded and answered about a picture: nobody asks about it again. Models and phrases stay.
fn forget_inputs(engine: &mut Engine) {
    engine.traces.clear();
    engine.continuations.clear();
    engine.answers.clear();
}

/// The folders that pictures and masks lie in; none where a single picture is named.
fn data_folders(plan: &Plan, pairs: &[Pair]) -> BTreeSet<PathBuf> {
    if plan.data.images.is_file() {
        return BTreeSet::new();
    }
    let files = pairs.iter().flat_map(|pair| std::iter::once(&pair.image).chain(&pair.masks));
    let folders: BTreeSet<&Path> = files.filter_map(|file| file.parent()).collect();
    folders.into_iter().map(folder::resolved).collect()
}

/// Digests of everything that rows are made from.
fn current(plan: &Plan, contenders: &[Contender], pairs: &[Pair], control: &Control) -> Result<Current> {
    let with_masks = plan.has_masks();
    let sources = |pair: &Pair| {
        control.cancel.check()?;
        Ok((pair.id.clone(), Sources::of(pair, with_masks).ok()))
    };
    let settings = |contender: &Contender| Ok((contender.name(), fingerprint::of_settings(plan, contender)?));
    Ok(Current {
        sources: pairs.par_iter().map(sources).collect::<Result<_>>()?,
        settings: contenders.iter().map(settings).collect::<Result<_>>()?,
    })
}

fn notices(out: &Path, resumed: Resumed) -> Vec<Notice> {
    let Resumed { kept, changed, gone } = resumed;
    let answers = |count: usize| if count == 1 { "1 answer".to_owned() } else { format!("{count} answers") };
    let made_again = format!("{} made again, because a picture, a mask or the settings changed; {kept} kept", answers(changed));
    let left_out =
        format!("{} left out, because the picture or its mask is gone or no longer chosen; {kept} kept", answers(gone));
    let lines = [(changed, made_again), (gone, left_out)];
    lines.into_iter().filter(|(count, _)| *count > 0).map(|(_, what)| Notice::new(out.display(), what)).collect()
}

/// Joins the folders of shards into one.
///
/// # Errors
/// A refusal of folders that are not the shards of one evaluation, each once and complete, or that cannot be read or written.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Report> {
    let (plan, _locked) = merge::join(folders, out)?;
    summary::write(out, &plan, layout::by_id(&plan.data.layout)?)
}

/// An evaluation while it runs.
struct Run<'a> {
    plan: &'a Plan,
    layout: &'static Layout,
    engine: Engine,
    current: Current,
    /// Of the checkpoints and of the files that methods read.
    dates: String,
    /// Contenders without an answer so far, and why they had none for the first picture that could be read.
    suspects: BTreeMap<String, Error>,
    control: &'a Control,
}

impl Run<'_> {
    /// Everything that is not done yet of one picture.
    fn picture(&mut self, pair: &Pair, contenders: &[Contender], journal: &mut Journal) -> Result<()> {
        // Not the digest of the beginning: a picture may have been replaced since.
        let sources = Sources::of(pair, self.plan.has_masks());
        let truth = match (&sources, &self.plan.test) {
            _ if pair.fault.is_some() => Err(pair.fault.clone().unwrap_or(Error::Cancelled)),
            (Err(err), _) => Err(err.clone()),
            (Ok(_), Test::Segments { .. }) => Truth::read(pair, self.layout, &self.control.cancel).map(Some),
            (Ok(_), Test::Faithfulness { .. } | Test::Randomization) => Ok(None),
        };
        let sources = sources.unwrap_or_default();
        for contender in contenders {
            let name = contender.name();
            if journal.is_done(&pair.id, &name) {
                continue;
            }
            self.control.cancel.check()?;
            let scored = truth.as_ref().map_err(Clone::clone).and_then(|truth| self.row(pair, truth.as_ref(), contender));
            let scored = scored.and_then(|row| self.check_unchanged(pair, &sources).map(|()| row));
            let row = match scored {
                Ok(row) => row,
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(err) => {
                    if truth.is_ok() && !contender.may_fail && !journal.has_any(&name) {
                        self.suspect(&name, &err)?;
                    }
                    Row::refused(&pair.id, &name, &err)
                }
            };
            self.check_settings(contenders)?;
            let settings = self.current.settings.get(&name).cloned().unwrap_or_default();
            journal.append(&Row { made_from: sources.clone(), settings, ..row })?;
            self.control.progress.step();
        }
        Ok(())
    }

    /// Notes why a contender had no answer. Two pictures that are refused in the same words, which therefore name neither, are a
    /// mistake in the question.
    fn suspect(&mut self, name: &str, why: &Error) -> Result<()> {
        match self.suspects.get(name) {
            Some(before) if before == why => return Err(why.clone()),
            Some(_) => {}
            None => drop(self.suspects.insert(name.to_owned(), why.clone())),
        }
        Ok(())
    }

    /// Refuses a question to which no picture had an answer; a shard may have had none but damaged ones.
    fn check_answered(&self, journal: &Journal) -> Result<()> {
        let unanswered = self.suspects.iter().find(|(name, _)| !journal.has_any(name));
        match unanswered {
            Some((_, why)) if self.plan.shard.is_none() => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// Refuses a picture whose files are not those that were hashed before it was scored.
    fn check_unchanged(&self, pair: &Pair, sources: &Sources) -> Result<()> {
        if Sources::of(pair, self.plan.has_masks())? == *sources {
            return Ok(());
        }
        Err(Error::refused(pair.image.display(), "the picture or its mask was written to while it was being scored")
            .remedy("run the command again"))
    }

    /// Refuses to go on with a checkpoint, or with a method's file, that is no longer the one of the settings.
    fn check_settings(&mut self, contenders: &[Contender]) -> Result<()> {
        let dates = fingerprint::dates(self.plan, contenders, &self.engine);
        if dates == self.dates {
            return Ok(());
        }
        let again = fingerprint::with_digests(self.plan, contenders, &mut self.engine)?;
        if again != *self.plan {
            return Err(fingerprint::changed(self.plan, &again));
        }
        self.dates = dates;
        Ok(())
    }

    fn row(&mut self, pair: &Pair, truth: Option<&Truth>, contender: &Contender) -> Result<Row> {
        // The bar counts answers, not blocks.
        let control = &Control { cancel: self.control.cancel.clone(), progress: Progress::default() };
        let mut row = Row::new(&pair.id, &contender.name());
        match (&self.plan.test, truth) {
            (Test::Segments { .. }, Some(truth)) => {
                segments::score(&mut self.engine, self.plan, contender, truth, control, &mut row)?;
            }
            (Test::Segments { .. }, None) => return Err(Error::Internal("segments without a mask".to_owned())),
            (Test::Faithfulness { .. }, _) => {
                faithfulness::score(&mut self.engine, self.plan, contender, pair, control, &mut row)?;
            }
            (Test::Randomization, _) => randomization::score(&mut self.engine, self.plan, contender, pair, control, &mut row)?,
        }
        Ok(row)
    }
}
