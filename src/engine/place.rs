//! Where a model lies that the user named: inside the program, in a folder, or in the cache of the hub.

use std::path::{Path, PathBuf};

use crate::builtin;
use crate::domain::request::{ModelRef, Request};
use crate::domain::source::is_hub_id;
use crate::domain::{Error, Result};
use crate::hub::{Cache, Settings};
use crate::model::Checkpoint;
use crate::model::config::Config;
use crate::model::families::FAMILIES;

/// The checkpoint that a name means.
///
/// # Errors
/// A refusal of a model of the hub that is not on this machine, with the command that brings it.
pub(super) fn checkpoint(model: &ModelRef, cache: &Cache) -> Result<Checkpoint> {
    match model {
        ModelRef::Image => Ok(Checkpoint::Embedded(&builtin::IMAGE_MODEL)),
        ModelRef::Text => Ok(Checkpoint::Embedded(&builtin::TEXT_MODEL)),
        ModelRef::Path(path) if !path.exists() && path.to_str().is_some_and(is_hub_id) => {
            Err(Error::refused(path.display(), "does not exist")
                .expected("a Hugging Face model folder, or a .safetensors file beside its config.json")
                .remedy(format!("check --model; a model of the hub is org/name, or hf:{}", path.display())))
        }
        ModelRef::Path(path) => Ok(Checkpoint::Path(path.clone())),
        ModelRef::Hub(id) => match (own_folder(id), cache.find(id)) {
            (Some(folder), _) => Ok(Checkpoint::Path(folder)),
            (None, Some(cached)) if cached.is_complete => Ok(Checkpoint::Path(cached.folder)),
            (None, cached) => {
                let part = if cached.is_some() { "only partly" } else { "not" };
                let what = format!("is no folder here and {part} in the cache {}", cache.folder().display());
                Err(Error::refused(id, what).remedy(format!("run `tokenscope download {id}`, or press Download in the window")))
            }
        },
    }
}

/// The file or folder that a name means, if it is one.
pub(super) fn path(model: &ModelRef, cache: &Cache) -> Option<PathBuf> {
    match model {
        ModelRef::Hub(id) => own_folder(id).or_else(|| cache.find(id).map(|cached| cached.folder)),
        other => other.path().map(Path::to_owned),
    }
}

/// The file or folder that a name means, if it is one and is there.
pub fn model_path(model: &ModelRef) -> Option<PathBuf> {
    path(model, &Settings::from_env().cache())
}

/// Files that knobs name: what was made of one that is written anew is out of date.
pub(super) fn knob_files(request: &Request) -> impl Iterator<Item = PathBuf> {
    let path = |value: &str| PathBuf::from(value.strip_prefix("stego:").unwrap_or(value));
    request.params.knobs.values().map(path).filter(|path| path.is_file())
}

/// Whether a model of the hub is of a family that is read, told from its config.json: its weights may take an hour to come.
///
/// # Errors
/// A refusal that lists the families.
pub fn check_family(id: &str, config: &Path) -> Result<()> {
    let config = Config::read(config)?;
    crate::model::check_foreign(id, &config)?;
    let model_type = config.model_type()?;
    let known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type).collect();
    if known.contains(&model_type) {
        return Ok(());
    }
    Err(Error::refused(id, format!("is a {model_type} model, which is not read; its weights were not downloaded"))
        .expected(format!("model_type one of {}", known.join(", ")))
        .remedy("choose another model"))
}

/// The folder `org/name` of the working folder: it comes before the cache, as with Hugging Face's own libraries.
fn own_folder(id: &str) -> Option<PathBuf> {
    let folder = Path::new(id);
    (id.contains('/') && folder.is_dir()).then(|| folder.to_owned())
}

/// The folders of checkpoints directly below `folder`, and `folder` itself if it is one.
pub fn model_folders(folder: &Path) -> Vec<PathBuf> {
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> =
        std::iter::once(folder.to_owned()).chain(below).filter(|f| f.join("config.json").is_file()).collect();
    found.sort();
    found
}
