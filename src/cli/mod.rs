//! The command line: flags parse into requests, the engine answers, files are written. What it cannot do by itself, opening
//! the window, it hands back to the caller.

mod args;
mod download;
mod evaluate;
mod fit;
mod generate;
mod how;
mod knobs;
mod lists;
mod look;
mod progress;
mod stdout;
mod tasks;
mod window;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::domain::colormap::Colormap;
use crate::domain::request::{Cut, Input, ModelRef, Request};
use crate::domain::{Error, Result};
use crate::figure::FigureStyle;

/// What is left to do after the command line was read.
#[derive(Debug)]
pub enum Next {
    /// Nothing: the program ends with this code.
    Exit(ExitCode),
    /// Open the window in a state, or draw it into a file.
    Window(Box<WindowArgs>),
}

/// The state that the window opens in.
#[derive(Debug)]
pub struct WindowArgs {
    /// What is opened.
    pub input: Option<Input>,
    /// The checkpoint; the one that the program carries where none was named.
    pub model: Option<ModelRef>,
    /// What is asked of them; its own input and model are those of a figure in place of the window.
    pub request: Request,
    /// The map's colours, where they were chosen.
    pub colormap: Option<Colormap>,
    /// Where segments are cut at first, if that was chosen.
    pub cut: Option<Cut>,
    /// Say when the first map is on the screen.
    pub verbose: bool,
    /// A figure to write where no window can open.
    pub or_figure: Option<PathBuf>,
    /// Lay the window out offscreen, write it here, and exit.
    pub screenshot: Option<PathBuf>,
    /// Pixels of that picture.
    pub screenshot_size: Option<(u32, u32)>,
}

/// Reads the command line and does what it says, up to opening the window.
pub fn main() -> Next {
    let args = match args::Args::read() {
        Ok(args) => args,
        Err(err) => return Next::Exit(told(&err)),
    };
    let done = match args.command {
        None => match args.window.into_args(args.verbose) {
            Ok(window) => return Next::Window(Box::new(window)),
            Err(err) => Err(err),
        },
        Some(args::Command::Explain(explain)) => tasks::explain(&explain, args.verbose),
        Some(args::Command::Segment(segment)) => tasks::segment(&segment, args.verbose),
        Some(args::Command::Trace(trace)) => tasks::trace(&trace, args.verbose),
        Some(args::Command::Generate(generate)) => generate::generate(&generate, args.verbose),
        Some(args::Command::Models { folders, verify }) if verify.is_empty() => lists::models(&folders),
        Some(args::Command::Models { verify, .. }) => lists::verify(&verify),
        Some(args::Command::Download { ids }) => download::download(&ids),
        Some(args::Command::Evaluate { what }) => evaluate::evaluate(&what),
        Some(args::Command::Fit { what }) => fit::fit(&what),
        Some(args::Command::Methods) => lists::methods(),
    };
    Next::Exit(exit_code(done.and_then(|()| stdout::flush())))
}

/// Prints help and the version on standard output, with code 0; wrong usage on standard error, with code 2.
fn told(err: &clap::Error) -> ExitCode {
    if err.kind() == ErrorKind::InvalidUtf8 {
        let foreign: Vec<String> =
            std::env::args_os().filter(|word| word.to_str().is_none()).map(|w| w.display().to_string()).collect();
        progress::complain(
            &Error::refused(foreign.join(" "), "is not UTF-8, and the flag takes nothing else")
                .expected("a name in UTF-8; an input, --model and --out may have any")
                .remedy("rename the file"),
        );
        return ExitCode::from(2);
    }
    let printed = err.print();
    if !err.use_stderr()
        && let Err(err) = stdout::check(printed).and_then(|()| stdout::flush())
    {
        return exit_code(Err(err));
    }
    ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2))
}

/// Writes the figure of a window that could not be opened.
///
/// # Errors
/// As `explain` and `segment`.
pub fn figure_instead(args: &WindowArgs, why: &Error, path: &Path) -> Result<()> {
    progress::say(&format!("{why}; writing {} instead", path.display()));
    let style = FigureStyle { colormap: args.colormap, ..FigureStyle::default() };
    tasks::figure_of(&args.request, &style, ("--or-figure", &[path.to_owned()]), false)
}

/// 0 done; 1 refused, with one line on stderr; 130 stopped by Ctrl-C.
pub fn exit_code(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Cancelled) => ExitCode::from(progress::INTERRUPTED),
        Err(err) => {
            progress::complain(&err);
            ExitCode::from(1)
        }
    }
}
