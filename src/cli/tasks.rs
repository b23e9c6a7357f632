//! `explain`, `segment` and `trace`: refuse what is wrong before computing, compute with progress, write whole files.

use std::path::PathBuf;
use std::time::Instant;

use super::args;
use super::progress::{Watch, mention, say};
use super::stdout::print;
use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::engine::outputs::{self, Reads};
use crate::engine::{Engine, Estimate, Output, Scene, model_path, outline, tensors, trace_file};
use crate::figure::{self, FigureStyle};
use crate::measure::Score;
use crate::method::Reach;
use crate::store::{count_in_words, size_in_words};

pub(super) fn explain(args: &args::Explain, verbose: bool) -> Result<()> {
    let (request, style) = args.request()?;
    check_drawn(&style, &args.out)?;
    figure_of(&request, &style, ("--out", &args.out), verbose)
}

pub(super) fn segment(args: &args::Segment, verbose: bool) -> Result<()> {
    let (request, style) = args.request()?;
    check_drawn(&style, &args.out)?;
    figure_of(&request, &style, ("--out", &args.out), verbose)
}

/// Refuses flags of figures where none is written.
fn check_drawn(style: &FigureStyle, out: &[PathBuf]) -> Result<()> {
    if out.iter().any(|path| figure::is_drawn(path)) {
        return Ok(());
    }
    style.flags().first().map_or(Ok(()), |flag| {
        Err(Error::refused(flag, "no figure is written")
            .expected("a .png, .svg or .json file in --out")
            .remedy(format!("name one, or leave {flag} out")))
    })
}

/// Answers a request and writes its files, which were named by a flag.
pub(super) fn figure_of(request: &Request, style: &FigureStyle, (flag, out): (&str, &[PathBuf]), verbose: bool) -> Result<()> {
    figure::check_paths(flag, out)?;
    outputs::check(flag, out, &Reads::of(request))?;
    style.check()?;
    if verbose {
        announce(request);
    }
    let (watch, started) = (Watch::start()?, Instant::now());
    let mut engine = Engine::default();
    if out.iter().any(|path| figure::is_drawn(path)) {
        // Maps of thousands of tokens take long, and would then be refused.
        let traced = engine.trace(request, watch.control())?;
        figure::check_size(request, &traced.scene, style)?;
    }
    let output = engine.run(request, watch.control())?;
    watch.control().cancel.check()?;
    check_maps_differ(&output)?;
    if !out.is_empty() {
        figure::check_style(&output, style)?;
    }
    if verbose {
        describe_matches(&output);
        if let Some(scene) = output.scene() {
            describe(scene, started);
        }
    }
    let notices = figure::write(&output, style, out)?;
    drop(watch);
    output.scene().into_iter().flat_map(|scene| scene.notices.iter()).chain(&notices).for_each(mention);
    match score_of(&output) {
        Some(score) => print(score_table(score))?,
        None if out.is_empty() => print(figure::data::csv(&output, style)?.trim_end())?,
        None => {}
    }
    out.iter().for_each(|path| say(&format!("wrote {}", path.display())));
    Ok(())
}

fn score_of(output: &Output) -> Option<&Score> {
    if let Output::Explanation(explanation) = output { explanation.score.as_deref() } else { None }
}

/// One line a share of the context that was taken out; nats a token.
fn score_table(score: &Score) -> String {
    let (span, likely, context) = (score.span, score.log_probability, score.num_context);
    let mut lines = vec![
        format!("span {span}: {likely:.3} nats a token with all {context} tokens before it but the first, which always stays"),
        "nats a token less likely without the strongest sources, without as many at random, and with the strongest alone:"
            .to_owned(),
        "   share  tokens  strongest  random  strongest alone".to_owned(),
    ];
    let mut removals = score.removals.clone();
    // Of a short text several shares are the same tokens.
    removals.dedup_by_key(|r| r.num_tokens);
    lines.extend(removals.iter().map(|r| {
        let (percent, tokens) = (r.percent, r.num_tokens);
        format!("{percent:>7} %  {tokens:>6}  {:>9.3}  {:>6.3}  {:>15.3}", r.comprehensiveness, r.random, r.sufficiency)
    }));
    lines.join("\n")
}

pub(super) fn trace(args: &args::Trace, verbose: bool) -> Result<()> {
    let request = args.request()?;
    tensors::check_path(&args.out, &Reads::of(&request))?;
    if verbose {
        announce(&request);
    }
    let (watch, started) = (Watch::start()?, Instant::now());
    let traced = Engine::default().trace(&request, watch.control())?;
    if verbose {
        describe(&traced.scene, started);
    }
    traced.scene.notices.iter().for_each(mention);
    say(&format!("writing {:.1} MB", trace_file::size(&traced) as f64 / 1e6));
    trace_file::write(&traced, &args.out, &watch.control().cancel)?;
    drop(watch);
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

/// What `--verbose` says before a checkpoint is loaded; one that cannot be is refused soon enough.
fn announce(request: &Request) {
    let Some(path) = model_path(&request.model) else { return };
    if let Ok(Estimate { bytes, file_bytes, format, num_files }) = outline(&path).map(|outline| outline.estimate) {
        let [on_disk, in_memory] = [file_bytes, bytes].map(size_in_words);
        let files = if num_files == 1 { "1 file".to_owned() } else { format!("{num_files} files") };
        say(&format!("reading {}: {on_disk} ({format}, {files}), {in_memory} in memory", path.display()));
    }
}

/// What `--verbose` says of phrases.
fn describe_matches(output: &Output) {
    let Output::Explanation(explanation) = output else { return };
    for found in &explanation.matches {
        let logit = found.logit.map_or_else(String::new, |logit| format!(", logit {logit:.4}"));
        let probability = found.probability.map_or_else(String::new, |p| format!(", {:.1} %", 100.0 * p));
        say(&format!("the whole picture and '{}': cosine {:.4}{logit}{probability}", found.phrase, found.cosine));
    }
}

/// Refuses several tokens of which each has the same map, as where a classifier's answer is explained: panels would be named after
/// tokens that they say nothing of.
fn check_maps_differ(output: &Output) -> Result<()> {
    let Output::Explanation(explanation) = output else { return Ok(()) };
    let count = explanation.positions.len();
    let same = (1..count).all(|n| explanation.row(n) == explanation.row(0));
    if explanation.method.reach != Reach::Each || count < 2 || !same {
        return Ok(());
    }
    let id = explanation.method.id;
    Err(Error::refused("--token", format!("{id} explains this model's answer, with one map whatever the token"))
        .expected("one token at most")
        .remedy("name one, or none"))
}

/// What `--verbose` says of an answer.
pub(super) fn describe(scene: &Scene, started: Instant) {
    let model = &scene.model;
    say(&format!(
        "{} ({}): {} layers, {} heads, {} wide, {} parameters",
        model.name,
        model.kind(),
        model.num_layers,
        model.num_heads,
        model.width,
        count_in_words(model.num_parameters)
    ));
    if let Some(photo) = &scene.photo {
        let (height, width) = photo.input_size;
        say(&format!("{}: seen as {width} x {height} pixels", photo.picture.name));
    }
    say(&format!("tokens: {}", scene.layout.describe()));
    for prediction in &scene.predictions {
        let is_percent = model.is_causal || model.scoring.is_probability();
        let level = if is_percent { format!("{:5.1} %", 100.0 * prediction.level) } else { format!("{:9.4}", prediction.level) };
        say(&format!("  {level}  {}", prediction.name));
    }
    say(&format!("computed in {:.2} s", started.elapsed().as_secs_f64()));
}
