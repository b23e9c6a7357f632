//! `explain`, `segment` and `trace`: refuse what is wrong before computing, compute with progress, write whole files.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args;
use super::progress::{Watch, print, say};
use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::engine::{Engine, Output, Scene, trace_file};
use crate::figure::{self, FigureStyle};

pub(super) fn explain(args: &args::Explain, verbose: bool) -> Result<()> {
    let (request, style) = args.request()?;
    figure_of(&request, &style, &args.out, verbose)
}

pub(super) fn segment(args: &args::Segment, verbose: bool) -> Result<()> {
    let (request, style) = args.request()?;
    figure_of(&request, &style, &args.out, verbose)
}

/// Answers a request and writes its files.
pub(super) fn figure_of(request: &Request, style: &FigureStyle, out: &[PathBuf], verbose: bool) -> Result<()> {
    figure::check_paths(out)?;
    out.iter().try_for_each(|path| spare_what_is_read(request, path))?;
    style.check()?;
    let (watch, started) = (Watch::start()?, Instant::now());
    let output = Engine::default().run(request, watch.control())?;
    watch.control().cancel.check()?;
    if verbose {
        let scene = match &output {
            Output::Scene(scene) => scene,
            Output::Explanation(explanation) => &explanation.scene,
            Output::Segments(segments) => &segments.scene,
        };
        describe(scene, started);
    }
    figure::write(&output, style, out)?;
    drop(watch);
    if out.is_empty() {
        print(figure::data::csv(&output, style)?.trim_end());
    }
    out.iter().for_each(|path| say(&format!("wrote {}", path.display())));
    Ok(())
}

pub(super) fn trace(args: &args::Trace, verbose: bool) -> Result<()> {
    let request = args.request()?;
    trace_file::check_path(&args.out)?;
    spare_what_is_read(&request, &args.out)?;
    let (watch, started) = (Watch::start()?, Instant::now());
    let traced = Engine::default().trace(&request, watch.control())?;
    if verbose {
        describe(&traced.scene, started);
    }
    say(&format!("writing {:.1} MB", trace_file::size(&traced) as f64 / 1e6));
    trace_file::write(&traced, &args.out, &watch.control().cancel)?;
    drop(watch);
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

/// A slip of the hand must not cost a photo or a checkpoint.
fn spare_what_is_read(request: &Request, out: &Path) -> Result<()> {
    let Ok(out) = out.canonicalize() else { return Ok(()) };
    let is_out = |path: &Path| path.canonicalize().is_ok_and(|path| path == out);
    let model = request.model.spelling();
    let what = if request.input.path().is_some_and(is_out) {
        "is the input"
    } else if is_out(&model) || ["config.json", "model.safetensors"].iter().any(|file| is_out(&model.join(file))) {
        "is the model"
    } else {
        return Ok(());
    };
    Err(Error::refused(format!("--out {}", out.display()), what).expected("another file").remedy("choose another name"))
}

/// What `--verbose` says of an answer.
fn describe(scene: &Scene, started: Instant) {
    let model = &scene.model;
    say(&format!(
        "{} ({}): {} layers, {} heads, {} wide, {:.1} M parameters",
        model.name,
        model.family,
        model.num_layers,
        model.num_heads,
        model.width,
        model.num_parameters as f64 / 1e6
    ));
    if let Some(photo) = &scene.photo {
        let (height, width) = photo.input_size;
        say(&format!("{}: seen as {width} x {height} pixels", photo.picture.name));
    }
    say(&format!("tokens: {}", scene.layout.describe()));
    for prediction in &scene.predictions {
        say(&format!("  {:5.1} %  {}", 100.0 * prediction.probability, prediction.name));
    }
    say(&format!("computed in {:.2} s", started.elapsed().as_secs_f64()));
}
