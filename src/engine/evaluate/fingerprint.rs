//! Digests of everything but pictures and masks that decides the scores of a row: the checkpoint, the files that methods read, and
//! the settings themselves.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::contender::Contender;
use super::plan::{Data, Fingerprint, Plan, Test};
use super::sources::sha256;
use crate::domain::request::{Input, ModelRef, Request};
use crate::domain::{Error, Result};
use crate::engine::{Engine, file_key, place};
use crate::model::Checkpoint;
use crate::store::hexadecimal;

/// Files beside the weights that decide what a checkpoint computes: its configuration, and what prepares its inputs.
const BESIDE_WEIGHTS: &[&str] = &[
    "added_tokens.json",
    "config.json",
    "merges.txt",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "processor_config.json",
    "pytorch_model.bin.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// Counts up when a score is defined anew, so that rows of before are made again.
const DEFINITIONS: u32 = 2;

/// The plan with the fingerprints of its checkpoints and of the files that its methods read.
///
/// # Errors
/// A refusal of a checkpoint or a file that cannot be read.
pub(super) fn with_digests(plan: &Plan, contenders: &[Contender], engine: &mut Engine) -> Result<Plan> {
    if contenders.iter().all(|contender| contender.request.is_none()) {
        return Ok(plan.clone());
    }
    let fingerprints = plan.models.iter().map(|model| fingerprint(plan, model, engine)).collect::<Result<_>>()?;
    let files = contenders.iter().flat_map(files).map(|file| Ok((file.display().to_string(), sha256(&file)?)));
    Ok(Plan { fingerprints, files: files.collect::<Result<_>>()?, ..plan.clone() })
}

fn fingerprint(plan: &Plan, model: &ModelRef, engine: &mut Engine) -> Result<Fingerprint> {
    let request = Request { model: model.clone(), ..plan.request.clone() };
    let loaded = engine.model(&request, request.tower.unwrap_or_default())?;
    let settings = match place::checkpoint(model, &engine.hub)? {
        Checkpoint::Embedded(brought) => of_text(&format!("{}\n{}", brought.config, String::from_utf8_lossy(brought.reader))),
        Checkpoint::Path(_) => of_folder(loaded.model.folder().unwrap_or(Path::new("")))?,
    };
    let weights = loaded.model.sha256.hexadecimal()?.to_owned();
    Ok(Fingerprint { weights, settings, width: loaded.model.width() })
}

fn of_folder(folder: &Path) -> Result<String> {
    let there = BESIDE_WEIGHTS.iter().map(|name| (name, folder.join(name))).filter(|(_, path)| path.is_file());
    let lines = there.map(|(name, path)| Ok(format!("{} {name}\n", sha256(&path)?)));
    Ok(of_text(&lines.collect::<Result<String>>()?))
}

/// The files that a contender's parameters name.
fn files(contender: &Contender) -> Vec<PathBuf> {
    let of_request = |request: &Request| {
        let scalar = request.params.scalar.file().map(Path::to_owned);
        place::knob_files(request).chain(scalar).collect::<Vec<_>>()
    };
    contender.request.as_ref().map(of_request).unwrap_or_default()
}

/// SHA-256 of everything but the picture and its masks that decides the scores of a contender.
///
/// Where the data and the checkpoint lie does not matter, nor which other pictures, checkpoints and methods are scored.
///
/// # Errors
/// A fault of this program.
pub(super) fn of_settings(plan: &Plan, contender: &Contender) -> Result<String> {
    let asked = contender.request.as_ref();
    let place = asked.and_then(|request| plan.models.iter().position(|model| *model == request.model));
    let fingerprint = place.and_then(|place| plan.fingerprints.get(place)).cloned();
    let read: Vec<String> = files(contender).iter().map(|file| file.display().to_string()).collect();
    let nothing = || Request::of(plan.request.task, Input::Text(String::new()), ModelRef::Image);
    let request = asked.cloned().unwrap_or_else(nothing);
    let select = contender.select.into_iter().collect();
    let (layout, test) = match &plan.test {
        Test::Segments { from, to, .. } => (&*plan.data.layout, Test::Segments { from: *from, to: *to, select }),
        other => ("", other.clone()),
    };
    let decisive = Plan {
        test,
        data: Data { images: PathBuf::new(), masks: None, layout: layout.to_owned(), limit: None },
        models: Vec::new(),
        fingerprints: fingerprint.into_iter().collect(),
        files: plan.files.iter().filter(|(name, _)| read.contains(name)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        methods: vec![contender.method.clone()],
        layers: Vec::new(),
        request: Request { input: Input::Text(String::new()), model: ModelRef::Image, ..request },
        shard: None,
        ..plan.clone()
    };
    let text = serde_json::to_string(&decisive).map_err(|err| Error::Internal(format!("settings: {err}")))?;
    Ok(of_text(&format!("{DEFINITIONS}\n{text}")))
}

/// SHA-256 of a text, in hexadecimal.
pub(super) fn of_text(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// Size and date of every file that [`with_digests`] hashed: the engine loads a checkpoint anew when they change.
pub(super) fn dates(plan: &Plan, contenders: &[Contender], engine: &Engine) -> String {
    let models = plan.models.iter().map(|model| engine.file_key_of(model));
    let files = contenders.iter().flat_map(files).map(|file| file_key(Some(&file)));
    models.chain(files).collect::<Vec<_>>().join("\n")
}

/// What to say of a checkpoint or file that changed while it was being scored.
pub(super) fn changed(was: &Plan, is: &Plan) -> Error {
    let model = was.fingerprints.iter().zip(&is.fingerprints).position(|(was, is)| was != is);
    let file = was.files.iter().find(|(name, digest)| is.files.get(*name) != Some(digest)).map(|(name, _)| name.clone());
    let place = model.and_then(|place| was.models.get(place)).map(|model| model.spelling().display().to_string()).or(file);
    Error::refused(place.unwrap_or_default(), "was written to while it was being scored")
        .expected("the same files from beginning to end")
        .remedy("run the command again with a new --out, or put the files back")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings of how texts are continued, which no evaluation does.
    const UNUSED: &str = "generation_config.json";

    #[test]
    fn every_file_that_is_read_beside_the_weights_is_hashed() {
        for folder in ["src/input", "src/model", "src/store"] {
            for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
                let source = entry.unwrap().path();
                let text = if source.is_file() { std::fs::read_to_string(&source).unwrap() } else { continue };
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                let names = code.split('"').filter(|word| word.ends_with(".json") || word.ends_with(".txt"));
                for name in names.filter(|name| !name.contains(['/', ' ', '{', '`']) && !name.starts_with('.')) {
                    assert!(BESIDE_WEIGHTS.contains(&name) || name == UNUSED, "{name} of {} is not hashed", source.display());
                }
            }
        }
    }
}
