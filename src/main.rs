//! The thin binary: the command line first, then the window where it asks for one.

use std::process::ExitCode;
use std::time::Instant;

use tokenscope::app::session::MatrixLook;
use tokenscope::app::{self, Session};
use tokenscope::cli::{self, Next, WindowArgs};
use tokenscope::domain::Result;
use tokenscope::domain::request::{Task, Tokens};
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
    let session = session(args);
    if let Some(out) = &args.screenshot {
        return app::screenshot(session, out, args.screenshot_size);
    }
    let started = Instant::now();
    let tell = move || eprintln!("first map after {:.2} s", started.elapsed().as_secs_f64());
    let on_first_map: Option<Box<dyn FnOnce()>> = if args.verbose { Some(Box::new(tell)) } else { None };
    match (app::run(session, on_first_map), &args.or_figure) {
        (Err(err), Some(path)) => cli::figure_instead(args, &err, path),
        (done, _) => done,
    }
}

/// The session that the flags describe.
fn session(args: &WindowArgs) -> Session {
    let request = &args.request;
    let (pinned, span) = match &request.tokens {
        Tokens::These(tokens) => (tokens.first().cloned(), None),
        Tokens::Span(span) => (None, Some(*span)),
        Tokens::All => (None, None),
    };
    let mut session = Session {
        input: args.input.clone(),
        model: args.model.clone(),
        tower: request.tower,
        size: request.size,
        device: request.device,
        layer: request.layer,
        pinned,
        span,
        matrix: MatrixLook { shown: request.layers, ..MatrixLook::default() },
        method: request.method.clone(),
        params: request.params.clone(),
        generation: request.generation,
        sampling: request.generation.unwrap_or_default(),
        ..Session::default()
    };
    session.look.colormap = args.colormap;
    session.cut = args.cut.unwrap_or(session.cut);
    let is_segmenter = segment::by_id(&request.method).is_some();
    if matches!(request.task, Task::Segment { .. }) || is_segmenter {
        session.mode = app::Mode::Segments;
        session.segmenter.clone_from(&request.method);
    }
    if is_segmenter {
        session.method = Session::default().method;
    }
    session
}
