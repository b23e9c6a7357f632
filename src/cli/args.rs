//! Flags. Each names the field of the request that it fills; defaults are those of the request.

use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Parser, Subcommand};

use super::WindowArgs;
use super::evaluate::Evaluate;
use super::fit::Fit;
use super::generate::{Continued, Generate};
use super::how::How;
use super::knobs::{KnobFlags, infos};
use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::request::{Cut, Input, ModelRef, Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::figure::FigureStyle;
use crate::figure::style::range_from_word;
use crate::input::text_file::MAX_TEXT;
use crate::input::text_of;
use crate::render::Interpolation;

/// See what a transformer's tokens mean: open an image, click a token at any layer.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: Window,
    /// Say more about what is done.
    #[arg(long, global = true)]
    pub verbose: bool,
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
        /// numbers lie there, else against what must hold for any transformer.
        #[arg(long, value_name = "FOLDER", num_args = 1.., conflicts_with = "folders")]
        verify: Vec<PathBuf>,
    },
    /// Models of Hugging Face's hub into the cache, where --model finds them; continues what was stopped.
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
    fn get(&self) -> Result<Option<Input>> {
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
    method: String,
    #[command(flatten)]
    knobs: KnobFlags,
    #[command(flatten)]
    how: How,
}

/// How figures look.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Figure")]
pub(super) struct Look {
    /// viridis, magma, inferno, plasma, cividis, turbo, coolwarm or gray [default: viridis; coolwarm for signed values].
    #[arg(long, value_parser = word::<Colormap>)]
    colormap: Option<Colormap>,
    /// minmax, symmetric, LOW:HIGH, or percentiles pLOW:pHIGH.
    #[arg(long, value_parser = range_from_word, allow_hyphen_values = true)]
    range: Option<RangeRule>,
    /// 0 = photo or paper only, 1 = map only.
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true)]
    opacity: f32,
    /// Inches [default: 3.5, or 7.16 for more than two panels].
    #[arg(long, allow_negative_numbers = true)]
    width: Option<f64>,
    /// Dots an inch.
    #[arg(long, default_value_t = 300)]
    dpi: u32,
    /// Show one label alone.
    #[arg(long)]
    solo: Option<u16>,
    /// Put the photo beside the maps, or the bare text above them.
    #[arg(long, conflicts_with = "no_photo")]
    photo: bool,
    /// Leave the photo, or the bare text, out.
    #[arg(long)]
    no_photo: bool,
    /// Charts and tables of the answer below the panels [default: those of a map, up to four].
    #[arg(long, value_name = "on|off", value_parser = clap::builder::BoolishValueParser::new())]
    exhibits: Option<bool>,
    /// Interpolate between patches.
    #[arg(long)]
    smooth: bool,
    /// Give each map a range of its own.
    #[arg(long)]
    own_range: bool,
    /// Draw no lines between labels.
    #[arg(long, action = ArgAction::SetTrue)]
    no_outlines: bool,
    /// Leave the title line out.
    #[arg(long)]
    no_title: bool,
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
    look: Look,
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
    look: Look,
    /// A .png, .svg, .json, .npy, .npz or .csv file; may be repeated [default: the .csv, on standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("input", |input| input.required_unless_present("text")))]
pub(super) struct Trace {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    continued: Continued,
    /// A .safetensors file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Window {
    #[command(flatten)]
    source: Source,
    /// The token to pin, or the span A..B to select.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    token: Option<String>,
    /// Begin with the token's map at every layer below a text.
    #[arg(long)]
    matrix: bool,
    /// Begin with segments.
    #[arg(long)]
    segments: bool,
    /// Begin with at most so many segments.
    #[arg(long, conflicts_with = "cut", value_parser = clap::value_parser!(u32).range(1..=4096))]
    clusters: Option<u32>,
    /// Begin with segments cut at this cosine distance.
    #[arg(long, allow_negative_numbers = true)]
    cut: Option<f64>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    continued: Continued,
    /// The map's colours.
    #[arg(long, value_parser = word::<Colormap>)]
    colormap: Option<Colormap>,
    /// Write this figure where no window can open, instead of giving up.
    #[arg(long, value_name = "FILE", conflicts_with = "screenshot")]
    or_figure: Option<PathBuf>,
    /// Lay the window out offscreen, write it here when the map is there, and exit.
    #[arg(long, value_name = "FILE.png")]
    screenshot: Option<PathBuf>,
    /// Pixels of that picture, as WIDTHxHEIGHT.
    #[arg(long, value_name = "WxH", requires = "screenshot", value_parser = window_size)]
    screenshot_size: Option<(u32, u32)>,
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

fn window_size(text: &str) -> Result<(u32, u32)> {
    let number = |t: &str| t.parse::<u32>().ok().filter(|n| (320..=8192).contains(n));
    text.split_once('x').and_then(|(w, h)| number(w).zip(number(h))).ok_or_else(|| {
        Error::refused(format!("--screenshot-size {text}"), "not a size").expected("WIDTHxHEIGHT, 320 to 8192 pixels each")
    })
}

impl What {
    /// Where no model is named, the built-in one for the input.
    fn request(&self, task: Task, input: Input) -> Result<Request> {
        let model = self.model().unwrap_or_else(|| ModelRef::built_in_for(&input));
        self.fill(Request::of(task, input, model))
    }

    fn model(&self) -> Option<ModelRef> {
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

impl Look {
    fn style(&self) -> FigureStyle {
        FigureStyle {
            colormap: self.colormap,
            range: self.range,
            own_range: self.own_range,
            opacity: self.opacity,
            interpolation: if self.smooth { Interpolation::Smooth } else { Interpolation::Nearest },
            photo: self.photo.then_some(true).or(self.no_photo.then_some(false)),
            outlines: !self.no_outlines,
            solo: self.solo,
            cut: None,
            exhibits: self.exhibits,
            title: !self.no_title,
            width_in: self.width,
            dpi: self.dpi,
        }
    }
}

impl Explain {
    pub(super) fn request(&self) -> Result<(Request, FigureStyle)> {
        let mut request = self.what.request(Task::Explain, self.source.needed()?)?;
        request.generation = self.continued.generation()?;
        request.tokens = Tokens::read(&self.tokens)?;
        (request.layers, request.score) = (self.matrix, self.score);
        Ok((request, self.look.style()))
    }
}

impl Segment {
    pub(super) fn request(&self) -> Result<(Request, FigureStyle)> {
        let cut = cut_of(self.clusters, self.cut)?.unwrap_or_default();
        Ok((self.what.request(Task::Segment { cut }, self.source.needed()?)?, self.look.style()))
    }
}

/// The cut that was asked for, if one was.
fn cut_of(clusters: Option<u32>, distance: Option<f64>) -> Result<Option<Cut>> {
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
        let request = self.what.request(Task::Trace, self.source.needed()?)?;
        Ok(Request { generation: self.continued.generation()?, ..request })
    }
}

impl Window {
    pub(super) fn into_args(self, verbose: bool) -> Result<WindowArgs> {
        let cut = cut_of(self.clusters, self.cut)?;
        let segments = self.segments || cut.is_some();
        let task = if segments { Task::Segment { cut: cut.unwrap_or_default() } } else { Task::Explain };
        let input = self.source.get()?;
        let mut request = self.what.request(task, input.clone().unwrap_or_else(|| Input::Sample("cat.jpg".to_owned())))?;
        request.layers = self.matrix;
        request.tokens = self.token.map_or(Ok(Tokens::These(Vec::new())), |token| Tokens::read(&[token]))?;
        request.generation = self.continued.generation()?;
        Ok(WindowArgs {
            input,
            model: self.what.model(),
            request,
            verbose,
            colormap: self.colormap,
            cut,
            or_figure: self.or_figure,
            screenshot: self.screenshot,
            screenshot_size: self.screenshot_size,
        })
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
        let line = "tokenscope segment a.png --model m --layer -1 --method ultra --clusters 6 --opacity 0.7 --smooth \
                    --no-outlines --range p1:p99 --colormap magma --width 3.5 --dpi 150 --no-photo --out b.svg";
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Segment(segment)) = args.command else { panic!("not segment") };
        let (request, style) = segment.request().unwrap();
        assert_eq!(request.task, Task::Segment { cut: Cut::Clusters(6) });
        assert_eq!(request.params.rows, Rows::Some(8));
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(style.flags().iter().all(|flag| words.contains(&flag.as_str())), "{:?}", style.flags());
    }
}
