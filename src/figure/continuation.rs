//! What is written of a text that a model continued: the text itself, or the record that says where it comes from and which
//! command remakes it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::record::{Model, Passage, argument, model_of, passage, quoted};
use super::write::replace;
use crate::domain::request::{DeviceKind, Generation, Request, Task};
use crate::domain::{Error, Result};
use crate::engine::{Continuation, Ending};
use crate::store::folder_of;

#[derive(Serialize)]
struct Record<'a> {
    program: &'static str,
    version: &'static str,
    command: String,
    request: &'a Request,
    input: Option<Passage<'a>>,
    model: Model<'a>,
    generated: Generated<'a>,
}

#[derive(Serialize)]
struct Generated<'a> {
    text: &'a str,
    num_tokens: usize,
    /// Of the whole text, as the model reads it.
    ids: &'a [u32],
    ending: Ending,
}

/// Refuses, before any computing, a path that could not be written.
///
/// # Errors
/// A refusal that names the path.
pub fn check_path(path: &Path) -> Result<()> {
    let place = format!("--out {}", path.display());
    if !is(path, "txt") && !is(path, "json") {
        return Err(Error::refused(place, "unknown extension").expected(".txt for the text, .json for its record"));
    }
    if path.is_dir() {
        return Err(Error::refused(place, "is a folder").expected("a file"));
    }
    if !folder_of(path).is_dir() {
        return Err(Error::refused(place, "its folder does not exist").remedy("make the folder first"));
    }
    Ok(())
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Writes the text, or its record, by the path's extension.
///
/// # Errors
/// A refusal that names the path.
pub fn write(continuation: &Continuation, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        check_path(path)?;
        let text = continuation.scene.layout.text.as_ref().map_or("", |text| &text.string);
        let bytes = if is(path, "txt") { format!("{text}\n") } else { json(continuation, paths)? };
        replace(path, bytes.as_bytes())?;
    }
    Ok(())
}

/// The record, `paths` being all files that are written with it.
///
/// # Errors
/// A refusal when the weights cannot be read again.
pub fn json(continuation: &Continuation, paths: &[PathBuf]) -> Result<String> {
    let (request, scene) = (&continuation.request, &continuation.scene);
    let record = Record {
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        command: command(request, paths),
        request,
        input: scene.layout.text.as_ref().map(|text| passage(text, &request.input)),
        model: model_of(scene)?,
        generated: Generated {
            text: continuation.generated(),
            num_tokens: continuation.num_generated(),
            ids: &continuation.ids,
            ending: continuation.ending,
        },
    };
    let text = serde_json::to_string_pretty(&record).map_err(|err| Error::Internal(format!("writing a record: {err}")))?;
    Ok(text + "\n")
}

fn command(request: &Request, paths: &[PathBuf]) -> String {
    let mut words = vec!["tokenscope".to_owned(), "generate".to_owned()];
    words.extend(argument(&request.input));
    words.extend(["--model".to_owned(), request.model.spelling().to_string_lossy().into_owned()]);
    words.extend(flags(request));
    if request.device != DeviceKind::default() {
        words.extend(["--device".to_owned(), request.device.to_string()]);
    }
    words.extend(paths.iter().flat_map(|path| ["--out".to_owned(), path.to_string_lossy().into_owned()]));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The flags that say how a text is continued: how many tokens, and what is not at its default.
pub(super) fn flags(request: &Request) -> Vec<String> {
    let Some(generation) = request.generation.map(Generation::canonical) else { return Vec::new() };
    let Generation { tokens, temperature, top_p, seed } = generation;
    let default = Generation::default();
    let count = if request.task == Task::Generate { "--tokens" } else { "--generate" };
    let all = [
        (count, tokens.to_string(), true),
        ("--temperature", temperature.to_string(), temperature != default.temperature),
        ("--top-p", top_p.to_string(), top_p != default.top_p),
        ("--seed", seed.to_string(), seed != default.seed),
    ];
    all.into_iter().filter(|(.., differs)| *differs).flat_map(|(name, value, _)| [name.to_owned(), value]).collect()
}

/// A continuation is a text, and has neither a map nor numbers of its own.
pub(super) fn no_figure() -> Error {
    Error::refused("--out", "a continuation has no figure")
        .expected("a .txt or a .json file")
        .remedy("`tokenscope explain --generate N` explains its tokens")
}
