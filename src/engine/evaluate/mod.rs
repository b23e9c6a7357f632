//! Evaluations over folders of pictures: segments against masks, faithfulness of maps, and maps of models that forgot what they
//! learned.
//!
//! Every answer is one line of `rows.jsonl`, written when it is there: an evaluation that was stopped, by whatever it may be, goes on
//! where it was when the same [`Plan`] runs again. Tables are computed from these lines alone, in an order of their own, so that a
//! run in one go, one that was stopped and one in shards give the same bytes.

mod classes;
mod contender;
mod faithfulness;
mod joint;
mod journal;
mod layout;
mod plan;
mod randomization;
mod row;
mod segments;
mod summary;
mod table;
mod view;

use std::path::{Path, PathBuf};

pub use contender::Contender;
use journal::Journal;
pub use layout::{LAYOUTS, Layout, Pair};
pub use plan::{Baseline, Data, Plan, Select, Shard, Test};
pub use row::Row;
use view::Truth;

use super::Engine;
use crate::domain::request::{ModelRef, Request};
use crate::domain::{Control, Error, Progress, Result};

/// What an evaluation came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The table, as Markdown.
    pub table: String,
    /// Every file that was written.
    pub files: Vec<PathBuf>,
    /// Answers that are there.
    pub num_rows: usize,
    /// Pictures that were refused, with the reason of the first.
    pub refused: Option<(usize, String)>,
}

/// Runs an evaluation into a folder, or what is left of it.
///
/// # Errors
/// A refusal of the plan, of the folder, of a picture or mask where nothing else could be done; [`Error::Cancelled`].
pub fn evaluate(plan: &Plan, out: &Path, control: &Control) -> Result<Report> {
    plan.check()?;
    let (plan, layout) = &layout::resolved(plan)?;
    let pairs = layout.find(plan)?;
    let contenders = Contender::all(plan)?;
    let mut engine = Engine::default();
    let plan = &with_digests(plan, &contenders, &mut engine)?;
    let mut journal = Journal::open(out, plan)?;
    let is_left = |pair: &&Pair| contenders.iter().any(|c| !journal.is_done(&pair.id, &c.name()));
    let left: Vec<&Pair> = pairs.iter().filter(is_left).collect();
    let count = |pair: &&Pair| contenders.iter().filter(|c| !journal.is_done(&pair.id, &c.name())).count();
    control.progress.start(left.iter().map(count).sum());
    let mut run = Run { plan, layout, engine, control };
    for pair in left {
        run.picture(pair, &contenders, &mut journal)?;
    }
    drop(journal);
    summary::write(out, plan, layout)
}

/// The plan with the fingerprints of the weights that it loads: numbers of other weights do not belong into the same table.
fn with_digests(plan: &Plan, contenders: &[Contender], engine: &mut Engine) -> Result<Plan> {
    if contenders.iter().all(|contender| contender.request.is_none()) {
        return Ok(plan.clone());
    }
    let digest = |model: &ModelRef| {
        let request = Request { model: model.clone(), ..plan.request.clone() };
        let loaded = engine.model(&request, request.tower.unwrap_or_default())?;
        loaded.model.sha256.hexadecimal().map(str::to_owned)
    };
    Ok(Plan { sha256: plan.models.iter().map(digest).collect::<Result<_>>()?, ..plan.clone() })
}

/// Joins the folders of shards into one.
///
/// # Errors
/// A refusal of folders that hold other evaluations, or that cannot be read or written.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Report> {
    let plan = journal::join(folders, out)?;
    summary::write(out, &plan, layout::by_id(&plan.data.layout)?)
}

/// An evaluation while it runs.
struct Run<'a> {
    plan: &'a Plan,
    layout: &'static Layout,
    engine: Engine,
    control: &'a Control,
}

impl Run<'_> {
    /// Everything that is not done yet of one picture.
    fn picture(&mut self, pair: &Pair, contenders: &[Contender], journal: &mut Journal) -> Result<()> {
        let truth = match self.plan.test {
            Test::Segments { .. } => Truth::read(pair, self.layout).map(Some),
            Test::Faithfulness { .. } | Test::Randomization => Ok(None),
        };
        for contender in contenders {
            let name = contender.name();
            if journal.is_done(&pair.id, &name) {
                continue;
            }
            self.control.cancel.check()?;
            let scored = truth.as_ref().map_err(Clone::clone).and_then(|truth| self.row(pair, truth.as_ref(), contender));
            let row = match scored {
                Ok(row) => row,
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                // What never worked is a mistake in the question; what did is one in a picture.
                Err(err) if truth.is_ok() && !contender.may_fail && !journal.has_any(&name) => return Err(err),
                Err(err) => Row::refused(&pair.id, &name, &err),
            };
            journal.append(&row)?;
            self.control.progress.step();
        }
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
