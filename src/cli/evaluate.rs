//! `evaluate`: flags become a plan, the engine runs it, the table is printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::args::word;
use super::how::How;
use super::progress::{Watch, mention, say};
use super::stdout::print;
use crate::domain::request::{Cut, Input, ModelRef, Request, Task};
use crate::domain::{Error, Result};
use crate::engine::evaluate::{Baseline, Data, LAYOUTS, Plan, Report, Select, Shard, Test, evaluate as run, merge};

/// How many machines share the work.
pub(super) const RECIPES: &str = "\
Many machines share the work by --shard, each with a folder of its own; `merge` makes one table of them:

  Slurm          #SBATCH --array=0-15
                 tokenscope evaluate segments DATA --shard $SLURM_ARRAY_TASK_ID/16 --out runs/$SLURM_ARRAY_TASK_ID
  GNU parallel   parallel tokenscope evaluate segments DATA --shard {}/16 --out runs/{} ::: $(seq 0 15)
  Ray            shard = ray.remote(lambda i: subprocess.run(
                     f\"tokenscope evaluate segments DATA --shard {i}/16 --out runs/{i}\".split(), check=True))
                 ray.get([shard.remote(i) for i in range(16)])
  then           tokenscope evaluate merge runs/* --out all";

/// Definitions of the columns that the field defines in more than one way.
const SCORES: &str = "\
Scores that have more than one definition in the field:
  boundary F         as the Berkeley benchmark (BSDS500): predicted boundaries are thinned and
                     matched one to one with each annotator's, within 0.75 % of the diagonal.
                     Recall counts every annotator's matched pixels; precision counts predicted
                     pixels that any annotator matches. Mean over images
  .. of sums         from the counts of all images together, the benchmark's own number
  .. (unthinned)     boundaries as they are, whose additional pixels match more of the truth
  void in masks      a narrow band between regions is a boundary in its middle; predicted
                     boundaries in wide void are not counted, unless they are matched
  mIoU               segments matched to classes one to one, image by image; mean over images
  mIoU of sums       the same from the counts of all images together
  majority           each segment counts as the class that it covers most
  joint              segments of all images clustered together and matched once. Of 20 starts of
                     k-means the one with the least inertia counts; lowest and highest are the
                     extremes over the starts: differences within them mean nothing";

#[derive(Debug, Subcommand)]
pub(super) enum Evaluate {
    /// Segments against the masks of a data set.
    #[command(after_help = format!("{SCORES}\n\n{}", layouts()))]
    Segments {
        /// A data set's folder.
        #[arg(value_name = "FOLDER", required_unless_present = "images")]
        folder: Option<PathBuf>,
        /// The folder of the pictures, in place of a data set's.
        #[arg(long, value_name = "DIR", conflicts_with = "folder", requires = "masks")]
        images: Option<PathBuf>,
        /// The folder of their masks.
        #[arg(long, value_name = "DIR", requires = "images")]
        masks: Option<PathBuf>,
        /// Segments a picture: K, or A..B to choose from.
        #[arg(long, value_name = "K|A..B", default_value = "2..12", value_parser = clusters)]
        clusters: (usize, usize),
        /// How the number is chosen: oracle = the best one for each mask (mean IoU of classes, covering of regions), an upper bound;
        /// unsupervised = the best silhouette of the patches' vectors (Rousseeuw 1987). May be repeated.
        #[arg(long, value_name = "WORD", default_value = "oracle", value_parser = select)]
        select: Vec<Select>,
        #[command(flatten)]
        common: Common,
    },
    /// Deletion, insertion, comprehensiveness and sufficiency of maps, beside a random map and a centred Gaussian.
    #[command(after_help = layouts())]
    Faithfulness {
        /// A folder of pictures, a data set's folder, or a picture.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Steps in which patches are taken out; at most one a patch.
        #[arg(long, value_name = "N", default_value_t = 20)]
        steps: usize,
        /// What stands in for patches: mean or blur.
        #[arg(long, value_name = "WORD", default_value = "mean", value_parser = baseline)]
        baseline: Baseline,
        /// Patches by lot whose own vectors are answers too (latent deletion); 0 for none.
        #[arg(long, value_name = "N", default_value_t = 3)]
        tokens: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Whether maps change when the model forgets what it learned, block by block from the top (Adebayo et al. 2018).
    #[command(after_help = layouts())]
    Randomization {
        /// A folder of pictures, a data set's folder, or a picture.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// One table of the folders of all shards, each finished and named once.
    Merge {
        /// What --out was of each shard.
        #[arg(value_name = "OUT", required = true)]
        folders: Vec<PathBuf>,
        /// A new or empty folder for the whole.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

/// Who is scored, and where it is written.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// How the folder lies on disk; see below.
    #[arg(long, default_value = "auto")]
    layout: String,
    /// A method's or a segmenter's id, possibly with parameters of its own: ID,flag=value,..; `all`; of segments also `random`,
    /// regions by lot. May be repeated [default: ultra; of segments ultra and random].
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,
    /// As of `explain`; may be repeated.
    #[arg(long = "model", value_name = "MODEL", default_value = "image")]
    models: Vec<PathBuf>,
    /// 0..L; negative counts from the top; may be repeated.
    #[arg(long = "layer", value_name = "LAYER", default_value = "-1", allow_hyphen_values = true)]
    layers: Vec<i32>,
    #[command(flatten)]
    how: How,
    /// At most so many pictures, the first by name.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Of all that is drawn by lot.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The I-th of N parts of the pictures, from 0.
    #[arg(long, value_name = "I/N", value_parser = word::<Shard>)]
    shard: Option<Shard>,
    /// A new or empty folder for rows.jsonl, table.md, table.csv, table.tex and, of classes, confusion.csv. The same command goes on
    /// there after it was stopped, and scores again what has changed.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Common {
    fn plan(&self, test: Test, images: &Path, masks: Option<PathBuf>) -> Plan {
        let models: Vec<ModelRef> = self.models.iter().cloned().map(ModelRef::from).collect();
        let (task, methods): (_, &[&str]) = match test {
            Test::Segments { .. } => (Task::Segment { cut: Cut::default() }, &["ultra", "random"]),
            Test::Faithfulness { .. } | Test::Randomization => (Task::Explain, &["ultra"]),
        };
        let methods =
            if self.methods.is_empty() { methods.iter().map(|&m| m.to_owned()).collect() } else { self.methods.clone() };
        let model = models.first().cloned().unwrap_or(ModelRef::Image);
        let limit = self.limit.map(|limit| limit as usize);
        Plan {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            test,
            data: Data { images: images.to_owned(), masks, layout: self.layout.clone(), limit },
            models,
            fingerprints: Vec::new(),
            files: BTreeMap::new(),
            methods,
            layers: self.layers.clone(),
            request: self.how.fill(Request::of(task, Input::File(images.to_owned()), model)),
            seed: self.seed,
            shard: self.shard,
        }
    }
}

/// Runs an evaluation, or joins those of shards.
pub(super) fn evaluate(what: &Evaluate) -> Result<()> {
    let (plan, out) = match what {
        Evaluate::Merge { folders, out } => return tell(&merge(folders, out)?),
        Evaluate::Segments { folder, images, masks, clusters: (from, to), select, common } => {
            let images = folder.as_ref().or(images.as_ref()).ok_or_else(|| Error::refused("FOLDER", "nothing is named"))?;
            let test = Test::Segments { from: *from, to: *to, select: select.clone() };
            (common.plan(test, images, masks.clone()), &common.out)
        }
        Evaluate::Faithfulness { folder, steps, baseline, tokens, common } => {
            let test = Test::Faithfulness { steps: *steps, baseline: *baseline, tokens: *tokens };
            (common.plan(test, folder, None), &common.out)
        }
        Evaluate::Randomization { folder, common } => (common.plan(Test::Randomization, folder, None), &common.out),
    };
    let watch = Watch::of_answers()?;
    let report = run(&plan, out, watch.control())?;
    drop(watch);
    tell(&report)
}

fn tell(report: &Report) -> Result<()> {
    print(report.table.trim_end())?;
    report.notices.iter().for_each(mention);
    if let Some((count, why)) = &report.refused {
        say(&format!("{count} of {} answers are missing, the first because of: {why}", report.num_asked));
    }
    report.files.iter().for_each(|path| say(&format!("wrote {}", path.display())));
    Ok(())
}

fn layouts() -> String {
    let lines: Vec<String> = LAYOUTS.iter().map(|layout| format!("  {:<12}  {}", layout.id, layout.summary)).collect();
    format!("Layouts, in the order in which auto tries them:\n{}", lines.join("\n"))
}

fn clusters(text: &str) -> Result<(usize, usize)> {
    let range = text.split_once("..").unwrap_or((text, text));
    let numbers = range.0.parse().ok().zip(range.1.parse().ok());
    numbers.filter(|(from, to)| (1..=*to).contains(from) && *to <= 4096).ok_or_else(|| {
        Error::refused(format!("--clusters {text}"), "is no number of segments")
            .expected("K, or A..B with A <= B, from 1 to 4096")
    })
}

fn select(text: &str) -> Result<Select> {
    one_of("--select", text, &[("oracle", Select::Oracle), ("unsupervised", Select::Unsupervised)])
}

fn baseline(text: &str) -> Result<Baseline> {
    one_of("--baseline", text, &[("mean", Baseline::Mean), ("blur", Baseline::Blur)])
}

fn one_of<T: Copy>(flag: &str, text: &str, choices: &[(&str, T)]) -> Result<T> {
    choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        Error::refused(format!("{flag} {text}"), "unknown value").expected(words.join(", "))
    })
}
