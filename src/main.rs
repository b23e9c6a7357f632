//! The thin binary: the command line first, then the window where it asks for one.

use std::process::ExitCode;

use tokenscope::app::{self, Session};
use tokenscope::cli::{self, Next, WindowArgs};
use tokenscope::domain::Result;
use tokenscope::domain::request::Tokens;

fn main() -> ExitCode {
    match cli::main() {
        Next::Exit(code) => code,
        Next::Window(args) => cli::exit_code(window(*args)),
    }
}

fn window(args: WindowArgs) -> Result<()> {
    let session = session(&args);
    match args.screenshot {
        Some(out) => app::screenshot(session, &out, args.screenshot_size),
        None => app::run(session),
    }
}

/// The session that the flags describe.
fn session(args: &WindowArgs) -> Session {
    let request = &args.request;
    let path = |p: &std::path::Path| (!p.as_os_str().is_empty()).then(|| p.to_owned());
    let pinned = match &request.tokens {
        Tokens::These(tokens) => tokens.first().cloned(),
        Tokens::All => None,
    };
    let mut session = Session {
        input: path(&request.input),
        model: path(&request.model),
        size: request.size,
        device: request.device,
        layer: request.layer,
        pinned,
        method: request.method.clone(),
        params: request.params.clone(),
        ..Session::default()
    };
    session.look.colormap = args.colormap;
    if args.segments {
        session.mode = app::Mode::Segments;
    }
    session
}
