//! `models` and `methods`: what is there.

use std::path::{Path, PathBuf};

use super::stdout::print;
use crate::builtin::{IMAGE_MODEL, SAMPLES, TEXT_MODEL};
use crate::domain::info::Info;
use crate::domain::request::{Input, ModelRef, Request, Task};
use crate::domain::{Cancel, Error, Result};
use crate::engine::verify::Check;
use crate::engine::{Engine, ModelFacts, Outline, Output, Verification, families, inspect, model_folders, outline};
use crate::hub::Settings;
use crate::method::{Control, METHODS};
use crate::segment::SEGMENTERS;
use crate::store::{count_in_words, size_in_words};

pub(super) fn methods() -> Result<()> {
    print("heatmaps: tokenscope explain INPUT --method ID")?;
    METHODS.iter().try_for_each(|method| print_info(method.info()))?;
    print(
        "segmenters: tokenscope segment INPUT --method ID, with one of these or a heatmap's whose rows differ from patch to patch",
    )?;
    SEGMENTERS.iter().try_for_each(|segmenter| print_info(segmenter.info()))
}

fn print_info(info: &Info) -> Result<()> {
    let needs = if info.needs.is_empty() { "any model".to_owned() } else { info.needs_in_words() };
    print(format!("  {:<20}{}", info.id, info.summary))?;
    for line in [
        info.formula.to_owned(),
        format!("needs {needs}; layers {}..L", info.min_layer),
        format!("cost: {}", info.cost),
        info.citation.to_owned(),
    ] {
        print(format!("  {:<20}{line}", ""))?;
    }
    for knob in info.knobs {
        print(format!("  {:<20}--{}: {} ({})", "", knob.id, knob.help, knob.expected()))?;
    }
    print("")
}

fn print_facts(name: &str, facts: &ModelFacts) -> Result<()> {
    print(format!(
        "  {name:<32}{:<24}{:>3} layers {:>3} heads {:>5} wide  {} parameters",
        facts.kind(),
        facts.num_layers,
        facts.num_heads,
        facts.width,
        count_in_words(facts.num_parameters)
    ))
}

/// Models of the hub that are on this machine.
fn print_cached() -> Result<()> {
    let cache = Settings::from_env().cache();
    print(format!("\ncache of the hub (--model ID), {}:", cache.folder().display()))?;
    let models = cache.models();
    if models.is_empty() {
        print("  nothing yet; for example: tokenscope download facebook/dino-vits16")?;
    }
    for model in models {
        let id = ModelRef::Hub(model.id.clone()).spelling();
        let note = if model.is_complete { String::new() } else { format!("  not whole: tokenscope download {}", model.id) };
        print(format!("  {:<48}{:>10}{note}", id.display(), size_in_words(model.bytes)))?;
    }
    Ok(())
}

fn print_outline(path: &Path, outline: &Outline) -> Result<()> {
    let folder = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    let count = |count: Option<usize>| count.map_or("?".to_owned(), |count| count.to_string());
    let estimate = &outline.estimate;
    let files = if estimate.num_files == 1 { String::new() } else { format!(", {} files", estimate.num_files) };
    let unknown = if families().any(|family| family.model_type == outline.family) { "" } else { "; no family that is read" };
    print(format!(
        "  {name:<32}{:<24}{:>3} layers {:>3} heads {:>5} wide  {} parameters  {} in memory ({}{files}){unknown}",
        outline.family,
        count(outline.num_layers),
        count(outline.num_heads),
        count(outline.width),
        count_in_words(outline.num_parameters as usize),
        size_in_words(estimate.bytes),
        estimate.format
    ))
}

/// The checkpoints below the folders that were named, one that cannot be read with its reason; without a folder what is there without
/// one. Of checkpoints only headers are read, so that a folder of large ones is listed at once.
pub(super) fn models(folders: &[PathBuf]) -> Result<()> {
    if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Error::refused(missing.display(), "is no folder").expected("a folder of model folders"));
    }
    if folders.is_empty() {
        return known();
    }
    for folder in folders {
        let found = model_folders(folder);
        print(format!("{}: {} checkpoints", folder.display(), found.len()))?;
        for path in found {
            match outline(&path) {
                Ok(outline) => print_outline(&path, &outline),
                Err(err) => print(format!("  not readable: {err}")),
            }?;
        }
    }
    Ok(())
}

/// What is built in, samples, families and models of the hub.
fn known() -> Result<()> {
    print("built in (--model NAME; the input chooses where none is named):")?;
    for (model, carried) in [(ModelRef::Image, &IMAGE_MODEL), (ModelRef::Text, &TEXT_MODEL)] {
        print_facts(carried.name, &inspect(&model)?)?;
        print(format!("  {:<32}{:.1} MB, {}", "", carried.weights.len() as f64 / 1e6, carried.about))?;
    }
    print("\nsamples (INPUT sample:NAME):")?;
    for sample in SAMPLES {
        print(format!("  {:<24}{}", sample.name, sample.hint))?;
    }
    print("\nfamilies (model_type):")?;
    for family in families() {
        let unverified = if family.is_verified { "" } else { " (unverified: not compared with PyTorch)" };
        print(format!("  {:<24}{}{unverified}", family.model_type, family.about))?;
    }
    print_cached()
}

/// Checks the numbers of checkpoints: one line each, and one for every check that fails.
pub(super) fn verify(folders: &[PathBuf]) -> Result<()> {
    let mut failed = 0;
    let mut engine = Engine::default();
    for folder in folders {
        let is_one = !folder.is_dir() || folder.join("config.json").is_file();
        let named = if is_one { Vec::new() } else { model_folders(folder) };
        for path in if named.is_empty() { vec![folder.clone()] } else { named } {
            let name = path.display().to_string();
            let model = if path.exists() { ModelRef::Path(path) } else { ModelRef::from(path) };
            if let Some((damaged, line)) = damage(&model)? {
                failed += damaged;
                print(format!("{name}: FAILED, {line}"))?;
                continue;
            }
            let request = Request::of(Task::Verify, Input::Text(String::new()), model);
            match engine.run(&request, &Control::default()) {
                Ok(Output::Verification(verification)) => failed += print_verification(&name, &verification)?,
                Ok(_) => {}
                // One checkpoint alone is refused like any other argument; of several the rest is checked too.
                Err(err) if folders.len() == 1 && name == folder.display().to_string() => return Err(err),
                Err(err) => {
                    failed += 1;
                    print(format!("{name}: not readable: {err}"))?;
                }
            }
        }
    }
    if failed > 0 {
        return Err(Error::refused("models --verify", format!("{failed} checks failed"))
            .expected("whole files, and numbers that agree within the limits printed above")
            .remedy(
                "do not trust figures of such a checkpoint; fetch damaged files again, report all else with its config.json",
            ));
    }
    Ok(())
}

/// How many files of a model of the hub are damaged on this disk, and what to do about them; `None` if none is. Such files may
/// open all the same.
fn damage(model: &ModelRef) -> Result<Option<(usize, String)>> {
    let ModelRef::Hub(id) = model else { return Ok(None) };
    let cache = Settings::from_env().cache();
    let Some(model) = cache.find(id) else { return Ok(None) };
    let damaged = cache.damaged(&model, &Cancel::default())?;
    let line = format!(
        "damaged on this disk: {}; expected the content whose checksum the hub announced; `tokenscope download {id}` fetches it again",
        damaged.join(", ")
    );
    Ok(if damaged.is_empty() { None } else { Some((damaged.len(), line)) })
}

/// Returns how many checks failed.
fn print_verification(name: &str, found: &Verification) -> Result<usize> {
    let failed: Vec<&Check> = found.checks.iter().filter(|check| !check.holds()).collect();
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    if let Some(worst) = found.worst() {
        let Check { name: check, error, allowed } = worst;
        let kind = found.kind();
        print(format!(
            "{name}: {verdict}, {kind}, {} checks, closest to its limit: {check}, {error:.1e} of {allowed:.0e}",
            found.checks.len()
        ))?;
    }
    for Check { name, error, allowed } in &failed {
        print(format!("  {name}: {error:.1e}, allowed {allowed:.0e}"))?;
    }
    Ok(failed.len())
}
