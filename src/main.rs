//! The thin binary: the command line first, then the window where it asks for one.

use std::process::ExitCode;
use std::time::Instant;

use tokenscope::app::shell::files::{Opening, data_folder, open};
use tokenscope::app::state::Question;
use tokenscope::app::{self, Document, Lane, Mode, Remembered, Selection, Start};
use tokenscope::cli::{self, Next, WindowArgs};
use tokenscope::domain::Result;
use tokenscope::domain::request::{Input, Task, Tokens};
use tokenscope::segment;

/// Traces come and go by the hundred megabytes. The system's allocator gives such blocks back at once, and a third of a forward
/// pass is then spent on fresh pages; this one keeps them for a moment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::main() {
        Next::Exit(code) => code,
        Next::Window(args) => cli::exit_code(window(&args)),
    }
}

fn window(args: &WindowArgs) -> Result<()> {
    if let Some(out) = &args.screenshot {
        return app::screenshot(document(args)?, out, args.screenshot_size);
    }
    let start = start(args)?;
    let started = Instant::now();
    let tell = move || eprintln!("first map after {:.2} s", started.elapsed().as_secs_f64());
    let on_first_map: Option<Box<dyn FnOnce()>> = if args.verbose { Some(Box::new(tell)) } else { None };
    match (app::run(start, on_first_map), &args.or_figure) {
        (Err(err), Some(path)) => cli::figure_instead(args, &err, path),
        (done, _) => done,
    }
}

/// Where the last window stopped, unless the flags ask for something.
fn start(args: &WindowArgs) -> Result<Start> {
    let folder = data_folder().ok();
    let Remembered { document: last, prefs, error } = folder.as_deref().map(Remembered::read).unwrap_or_default();
    let asked = document(args)?;
    let document = if asked == Document::default() {
        last.unwrap_or_else(|| Lane { question: prefs.first_question(), ..Lane::default() }.into())
    } else {
        folder.iter().for_each(|folder| Remembered::keep_before(folder));
        asked
    };
    Ok(Start { document, prefs, folder, error })
}

/// What the flags describe: a session file, or one lane.
fn document(args: &WindowArgs) -> Result<Document> {
    match &args.input {
        Some(Input::File(path)) => match open(path.clone()) {
            Opening::Session(document) => document.map(|document| *document),
            Opening::Command(_) => Ok(lane(args).into()),
        },
        _ => Ok(lane(args).into()),
    }
}

/// The lane that the flags describe.
fn lane(args: &WindowArgs) -> Lane {
    let request = &args.request;
    let is_segmenter = segment::by_id(&request.method).is_some();
    let mut question = Question {
        input: args.input.clone(),
        model: args.model.clone(),
        tower: request.tower,
        size: request.size,
        device: request.device,
        layer: request.layer,
        params: request.params.clone(),
        generation: request.generation,
        sampling: request.generation.unwrap_or_default(),
        ..Question::default()
    };
    if !is_segmenter {
        question.method.clone_from(&request.method);
    }
    let selection = match &request.tokens {
        Tokens::These(tokens) => tokens.first().cloned().map_or(Selection::None, Selection::Token),
        Tokens::Span(span) => Selection::Span(*span),
        Tokens::All => Selection::None,
    };
    let mut lane = Lane { question, selection, ..Lane::default() };
    lane.look.matrix.shown = request.layers;
    lane.look.colormap = args.colormap;
    lane.look.cut = args.cut.unwrap_or(lane.look.cut);
    if matches!(request.task, Task::Segment { .. }) || is_segmenter {
        lane.question.segmenter.clone_from(&request.method);
        lane.show(Mode::Segments);
    }
    lane
}
