//! `explain`, `segment` and `trace`: refuse what is wrong before computing, compute with progress, write whole files.

use crate::domain::Result;
use crate::domain::request::Request;
use crate::engine::{Engine, trace_file};
use crate::figure::{self, FigureStyle};

use super::args;
use super::progress::Watch;

pub(super) fn explain(args: &args::Explain) -> Result<()> {
    let (request, style) = args.request()?;
    figure_of(&request, &style, &args.out)
}

pub(super) fn segment(args: &args::Segment) -> Result<()> {
    let (request, style) = args.request()?;
    figure_of(&request, &style, &args.out)
}

/// Answers a request and writes its files.
pub(super) fn figure_of(request: &Request, style: &FigureStyle, out: &[std::path::PathBuf]) -> Result<()> {
    figure::check_paths(out)?;
    style.check()?;
    let watch = Watch::start()?;
    let output = Engine::default().run(request, watch.control())?;
    watch.control().cancel.check()?;
    figure::write(&output, style, out)?;
    watch.finish();
    out.iter().for_each(|path| super::progress::say(&format!("wrote {}", path.display())));
    Ok(())
}

pub(super) fn trace(args: &args::Trace) -> Result<()> {
    let request = args.request()?;
    if args.out.extension().is_none_or(|e| e != "safetensors") {
        return Err(crate::domain::Error::refused(format!("--out {}", args.out.display()), "a trace has one format")
            .expected("a name that ends in .safetensors"));
    }
    let watch = Watch::start()?;
    let traced = Engine::default().trace(&request, watch.control())?;
    super::progress::say(&format!("writing {:.1} MB", trace_file::size(&traced) as f64 / 1e6));
    trace_file::write(&traced, &args.out, &watch.control().cancel)?;
    watch.finish();
    super::progress::say(&format!("wrote {}", args.out.display()));
    Ok(())
}
