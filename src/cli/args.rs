//! Flags. Each names the field of the request that it fills; defaults are those of the request.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::evaluate::Evaluate;
use super::fit::Fit;
use super::generate::{Continued, Generate};
use super::how::{How, Seen};
use super::knobs::{KnobFlags, infos};
use super::look::{MapLook, SegmentLook};
use super::window::Window;
use crate::domain::request::{Cut, Input, ModelRef, Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::figure::FigureStyle;
use crate::input::text_file::MAX_TEXT;
use crate::input::text_of;
use crate::method::Reach;
use crate::segment::{self, Cutting};

/// See what a transformer's tokens mean: open an image, click a token at any layer.
#[derive(Debug, Parser)]
#[command(version, subcommand_negates_reqs = true, override_usage = USAGE)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: Window,
    /// Say more about what is done.
    #[arg(long, global = true)]
    pub verbose: bool,
}

const USAGE: &str = "tokenscope [OPTIONS] [INPUT]\n       tokenscope [--verbose] <COMMAND>";

impl Args {
    /// Reads the command line. Before a command stand flags of every command alone: those of the window are refused there.
    pub(super) fn read() -> std::result::Result<Self, clap::Error> {
        Self::of(std::env::args_os())
    }

    fn of<T: Into<OsString> + Clone>(words: impl IntoIterator<Item = T>) -> std::result::Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        if let Some(name) = matches.subcommand_name() {
            let is_given = |arg: &&clap::Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
            let foreign = command.get_arguments().filter(|arg| !arg.is_global_set()).find(is_given).map(ToString::to_string);
            if let Some(arg) = foreign {
                let what = format!("'{arg}' belongs to the window and cannot stand before the command '{name}'");
                return Err(command.error(ErrorKind::ArgumentConflict, what));
            }
        }
        Self::from_arg_matches(&matches)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Heatmaps of tokens, as figures and numbers.
    Explain(Explain),
    /// A segmentation by clustering the maps of all patches.
    Segment(Segment),
    /// Everything recorded of a forward pass, as .safetensors for other tools.
    Trace(Trace),
    /// Let a causal language model continue a text.
    Generate(Generate),
    /// Model families that are read, models of the hub that are here, and the checkpoints in folders.
    Models {
        /// Folders to look for checkpoints in.
        folders: Vec<PathBuf>,
        /// Check the numbers of the checkpoints in this folder: against expected*.safetensors beside the weights, where PyTorch's
        /// numbers lie there, else against what must hold for any transformer. The files of a model of the hub, named by its id,
        /// are first compared with the checksums that the hub announced.
        #[arg(long, value_name = "FOLDER", num_args = 1.., conflicts_with = "folders")]
        verify: Vec<PathBuf>,
    },
    /// Models of Hugging Face's hub into the cache, where --model finds them; continues what was stopped, checks what is there,
    /// and fetches damaged files again.
    Download {
        /// As the model's page names it, such as facebook/dino-vits16; may be repeated.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Scores over folders of pictures: segments against masks, faithfulness of maps.
    ///
    /// What is done is kept in the folder of --out: the same command goes on where it was stopped.
    #[command(after_help = super::evaluate::RECIPES)]
    Evaluate {
        /// What is measured.
        #[command(subcommand)]
        what: Evaluate,
    },
    /// Learn something small from a folder of inputs, without labels.
    Fit {
        /// What is learned.
        #[command(subcommand)]
        what: Fit,
    },
    /// Methods, with formulas and citations.
    Methods,
}

/// What is explained.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// An image, a .txt file, `-` for a text from standard input, `sample:NAME`, or a .safetensors file with `pixel_values` or
    /// `input_ids`.
    #[arg(value_name = "INPUT")]
    input: Option<PathBuf>,
    /// A text, in place of a file.
    #[arg(long, value_name = "TEXT", conflicts_with = "input", allow_hyphen_values = true)]
    text: Option<String>,
}

impl Source {
    /// The input, if one is named.
    pub(super) fn get(&self) -> Result<Option<Input>> {
        match (&self.text, &self.input) {
            (Some(text), _) => Ok(Some(Input::Text(text.clone()))),
            (None, Some(path)) if path.as_os_str() == "-" => read_stdin().map(|text| Some(Input::Text(text))),
            (None, path) => Ok(path.clone().map(Input::from)),
        }
    }

    pub(super) fn needed(&self) -> Result<Input> {
        self.get()?.ok_or_else(|| {
            Error::refused("INPUT", "nothing is named")
                .expected("an image, a .txt file, sample:NAME or --text \"...\"")
                .remedy("name one; `tokenscope models` lists the samples")
        })
    }
}

/// Reads a text from standard input, as [`crate::input::read_text`] reads one from a file.
fn read_stdin() -> Result<String> {
    let refused =
        |what: String| Error::refused("standard input", what).expected(format!("a text of at most {} MB", MAX_TEXT >> 20));
    let mut bytes = Vec::new();
    std::io::stdin().take(MAX_TEXT + 1).read_to_end(&mut bytes).map_err(|err| refused(err.to_string()))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(refused("is longer than a text may be".to_owned()).remedy("give it a part of the text"));
    }
    text_of("standard input", bytes)
}

/// Input, model, layer, method and its parameters.
#[derive(Debug, clap::Args)]
pub(super) struct What {
    /// `image` or `text` (built in), a Hugging Face model folder, a file of weights beside its config.json, or a model of the hub:
    /// org/name, hf:name (see `tokenscope download`) [default: as the input needs].
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// 0..L; negative counts from the top.
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    layer: i32,
    /// How tokens are explained, or the picture is divided.
    #[arg(long, default_value = "ultra", value_parser = method_id, help = method_help())]
    pub(super) method: String,
    #[command(flatten)]
    knobs: KnobFlags,
    #[command(flatten)]
    pub(super) how: How,
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("input", |input| input.required_unless_present("text")))]
pub(super) struct Explain {
    #[command(flatten)]
    source: Source,
    /// A position, `row,col`, cls, dist, reg0.., a word of a text (`bank`, the second one `bank#2`) or all; may be repeated. Or
    /// one span A..B of positions, B exclusive: the sources of that part of the text.
    /// [default: the first, and where tokens see only those before them the last].
    #[arg(long = "token", value_name = "TOKEN", allow_hyphen_values = true)]
    tokens: Vec<String>,
    /// Add the token's map at every layer, as a panel below the text and as `layers` in the .npz.
    #[arg(long)]
    matrix: bool,
    /// Say how much less likely the span is without its strongest sources (causal language models).
    #[arg(long)]
    score: bool,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    continued: Continued,
    #[command(flatten)]
    look: MapLook,
    /// A .png, .svg, .json, .npy, .npz or .csv file; may be repeated [default: the .csv, on standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("input", |input| input.required_unless_present("text")))]
pub(super) struct Segment {
    #[command(flatten)]
    source: Source,
    /// At most so many clusters.
    #[arg(long, conflicts_with = "cut", value_parser = clap::value_parser!(u32).range(1..=4096))]
    clusters: Option<u32>,
    /// Cut the linkage tree at this cosine distance [default: 0.25].
    #[arg(long, allow_negative_numbers = true)]
    cut: Option<f64>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    look: SegmentLook,
    /// A .png, .svg, .json, .npy, .npz or .csv file; may be repeated [default: the .csv, on standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("input", |input| input.required_unless_present("text")))]
pub(super) struct Trace {
    #[command(flatten)]
    source: Source,
    /// As for `explain`.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    seen: Seen,
    #[command(flatten)]
    continued: Continued,
    /// A .safetensors file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

pub(super) fn word<T: FromStr<Err = Error>>(text: &str) -> Result<T> {
    text.parse()
}

fn method_id(text: &str) -> Result<String> {
    infos().find(|info| info.id == text).map(|info| info.id.to_owned()).ok_or_else(|| {
        let ids: Vec<&str> = infos().map(|info| info.id).collect();
        Error::refused(format!("--method {text}"), "unknown method").expected(ids.join(", "))
    })
}

fn method_help() -> String {
    infos().map(|info| info.id).collect::<Vec<_>>().join(", ") + "; see `tokenscope methods`"
}

impl What {
    /// Where no model is named, the built-in one for the input.
    pub(super) fn request(&self, task: Task, input: Input) -> Result<Request> {
        let model = self.model().unwrap_or_else(|| ModelRef::built_in_for(&input));
        self.fill(Request::of(task, input, model))
    }

    pub(super) fn model(&self) -> Option<ModelRef> {
        self.model.clone().map(ModelRef::from)
    }

    fn fill(&self, mut request: Request) -> Result<Request> {
        request.layer = self.layer;
        request.method.clone_from(&self.method);
        let mut request = self.how.fill(request);
        request.params.knobs = self.knobs.knobs()?;
        Ok(request)
    }
}

impl Explain {
    pub(super) fn request(&self) -> Result<(Request, FigureStyle)> {
        if segment::by_id(&self.what.method).is_some() {
            return Err(Error::refused(
                format!("--method {}", self.what.method),
                "divides pictures, and makes no map of a token",
            )
            .remedy("use `tokenscope segment`"));
        }
        let mut request = self.what.request(Task::Explain, self.source.needed()?)?;
        request.generation = self.continued.generation()?;
        request.tokens = Tokens::read(&self.tokens)?;
        (request.layers, request.score) = (self.matrix, self.score);
        check_tokens(&request)?;
        Ok((request, self.look.style()))
    }
}

impl Segment {
    pub(super) fn request(&self) -> Result<(Request, FigureStyle)> {
        let cut = cut_of(self.clusters, self.cut)?;
        check_cut(&self.what.method, cut)?;
        Ok((self.what.request(Task::Segment { cut: cut.unwrap_or_default() }, self.source.needed()?)?, self.look.style()))
    }
}

/// Refuses more than one token where a method has one map whatever the token.
fn check_tokens(request: &Request) -> Result<()> {
    let many = match &request.tokens {
        Tokens::All => Some("all".to_owned()),
        Tokens::These(tokens) => tokens.get(1).map(ToString::to_string),
        Tokens::Span(_) => None,
    };
    let is_whole = infos().any(|info| info.id == request.method && info.reach == Reach::Whole);
    match many.filter(|_| is_whole) {
        Some(token) => {
            Err(Error::refused(format!("--token {token}"), format!("{} has one map whatever the token", request.method))
                .expected("one token at most, the one that charts and tables are of")
                .remedy("leave it out"))
        }
        None => Ok(()),
    }
}

/// Refuses a cut where a segmenter decides for itself how many segments there are.
pub(super) fn check_cut(method: &str, cut: Option<Cut>) -> Result<()> {
    let is_fixed = segment::by_id(method).is_some_and(|segmenter| segmenter.cutting() == Cutting::Fixed);
    let flag = match cut.filter(|_| is_fixed) {
        Some(Cut::Clusters(k)) => format!("--clusters {k}"),
        Some(Cut::Distance(t)) => format!("--cut {t}"),
        None => return Ok(()),
    };
    Err(Error::refused(flag, format!("is no parameter of {method}"))
        .expected("nothing: it decides for itself how many segments there are")
        .remedy("leave it out"))
}

/// The cut that was asked for, if one was.
pub(super) fn cut_of(clusters: Option<u32>, distance: Option<f64>) -> Result<Option<Cut>> {
    match (clusters, distance) {
        (Some(k), _) => Ok(Some(Cut::Clusters(k as usize))),
        (None, Some(t)) if !t.is_finite() || t < 0.0 => {
            Err(Error::refused(format!("--cut {t}"), "not a distance").expected("a cosine distance from 0"))
        }
        (None, t) => Ok(t.map(Cut::Distance)),
    }
}

impl Trace {
    pub(super) fn request(&self) -> Result<Request> {
        let input = self.source.needed()?;
        let model = self.model.clone().map_or_else(|| ModelRef::built_in_for(&input), ModelRef::from);
        let request = self.seen.fill(Request::of(Task::Trace, input, model));
        Ok(Request { generation: self.continued.generation()?, ..request })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::domain::request::{Rows, SizeRule};

    #[test]
    fn flags_are_consistent_and_fill_the_request() {
        Args::command().debug_assert();
        let line = "tokenscope explain a.png --model m --token 7,7 --token cls --layer -2 --rows 8 --size native --out a.png";
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::Explain(explain)) = args.command else { panic!("not explain") };
        let (request, style) = explain.request().unwrap();
        assert_eq!((request.layer, request.params.rows, request.size), (-2, Rows::Some(8), SizeRule::Native(None)));
        assert_eq!(request.tokens, Tokens::These(vec!["7,7".parse().unwrap(), "cls".parse().unwrap()]));
        assert_eq!(style, FigureStyle::default());
    }

    #[test]
    fn a_record_s_command_parses_back() {
        let line = "tokenscope segment a.png --model m --layer -1 --method ultra --clusters 6 --opacity 0.7 \
                    --no-outlines --width 3.5 --dpi 150 --no-photo --out b.svg";
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Segment(segment)) = args.command else { panic!("not segment") };
        let (request, style) = segment.request().unwrap();
        assert_eq!(request.task, Task::Segment { cut: Cut::Clusters(6) });
        assert_eq!(request.params.rows, Rows::Some(8));
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(style.flags().iter().all(|flag| words.contains(&flag.as_str())), "{:?}", style.flags());
    }
}
