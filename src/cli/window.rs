//! Flags of the window: the state that it opens in.

use std::path::PathBuf;

use super::WindowArgs;
use super::args::{Source, What, check_cut, cut_of, word};
use super::generate::Continued;
use crate::domain::colormap::Colormap;
use crate::domain::request::{Input, Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::engine::outputs::{self, Reads};
use crate::engine::{check_parameters, reads_as_text};
use crate::figure;
use crate::segment;

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

fn window_size(text: &str) -> Result<(u32, u32)> {
    let number = |t: &str| t.parse::<u32>().ok().filter(|n| (320..=8192).contains(n));
    text.split_once('x').and_then(|(w, h)| number(w).zip(number(h))).ok_or_else(|| {
        Error::refused(format!("--screenshot-size {text}"), "not a size").expected("WIDTHxHEIGHT, 320 to 8192 pixels each")
    })
}

impl Window {
    pub(super) fn into_args(self, verbose: bool) -> Result<WindowArgs> {
        let cut = cut_of(self.clusters, self.cut)?;
        check_cut(&self.what.method, cut)?;
        let segments = self.segments || cut.is_some() || segment::by_id(&self.what.method).is_some();
        let task = if segments { Task::Segment { cut: cut.unwrap_or_default() } } else { Task::Explain };
        let input = self.source.get()?;
        let mut request = self.what.request(task, input.clone().unwrap_or_else(|| Input::Sample("cat.jpg".to_owned())))?;
        request.layers = self.matrix;
        request.tokens =
            self.token.as_ref().map_or(Ok(Tokens::These(Vec::new())), |token| Tokens::read(std::slice::from_ref(token)))?;
        request.generation = self.continued.generation()?;
        self.check(&request, input.as_ref())?;
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

    /// Refuses flags that the window, as it opens, would not look at, and files that it could not write.
    fn check(&self, request: &Request, input: Option<&Input>) -> Result<()> {
        check_parameters(request)?;
        let unread = |flag: String, what: &str| Err(Error::refused(flag, what).expected("other flags").remedy("leave it out"));
        match (self.what.how.rows(), self.colormap, &request.task) {
            (Some(rows), ..) if self.or_figure.is_none() => {
                return unread(format!("--rows {rows}"), "the window itself chooses how exact each map is");
            }
            (_, Some(colormap), Task::Segment { .. }) => {
                return unread(format!("--colormap {colormap}"), "segments have no scale of colours");
            }
            _ => {}
        }
        if self.matrix && input.is_some_and(|input| !reads_as_text(input)) {
            return unread("--matrix".to_owned(), "the input is a picture");
        }
        if matches!(request.task, Task::Segment { .. }) && input.is_some_and(reads_as_text) {
            let flag = if self.segments { "--segments".to_owned() } else { format!("--method {}", self.what.method) };
            return Err(Error::refused(flag, "segments are parts of a picture, and the input is a text")
                .expected("a picture, or a method of heatmaps")
                .remedy("leave out what asks for segments"));
        }
        if let Some(path) = &self.or_figure {
            figure::check_paths("--or-figure", std::slice::from_ref(path))?;
            outputs::check("--or-figure", std::slice::from_ref(path), &Reads::of(request))?;
        }
        if let Some(path) = &self.screenshot {
            outputs::check_ending("--screenshot", path, &["png"])?;
            outputs::check("--screenshot", std::slice::from_ref(path), &Reads::of(request))?;
        }
        Ok(())
    }
}
