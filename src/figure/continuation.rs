//! What is written of a text that a model continued: the text itself, or the record that says where it comes from and which
//! command remakes it.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;

use super::command::{argument, line};
use super::record::{Model, Passage, model_of, passage};
use super::write::replace;
use crate::domain::request::{DeviceKind, Generation, Request, Task};
use crate::domain::{Error, Result};
use crate::engine::outputs::{self, Reads};
use crate::engine::{Continuation, Ending};

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

/// Refuses, before any computing, paths that could not be written: see [`super::check_paths`].
///
/// # Errors
/// A refusal that names the path.
pub fn check_paths(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| outputs::check_ending("--out", path, &["txt", "json"]))?;
    outputs::check("--out", paths, &Reads::default())
}

/// Writes the text, or its record, by the path's extension.
///
/// # Errors
/// A refusal that names the path.
pub fn write(continuation: &Continuation, paths: &[PathBuf]) -> Result<()> {
    check_paths(paths)?;
    for path in paths {
        let text = continuation.scene.layout.text.as_ref().map_or("", |text| &text.string);
        let bytes = if outputs::ending_of(path) == "txt" { format!("{text}\n") } else { json(continuation, paths)? };
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
    let mut words: Vec<OsString> = vec!["tokenscope".into(), "generate".into(), argument(&request.input)];
    words.extend(["--model".into(), request.model.spelling().into()]);
    words.extend(flags(request).into_iter().map(OsString::from));
    if request.device != DeviceKind::default() {
        words.extend(["--device".into(), request.device.to_string().into()]);
    }
    line(words, paths)
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
