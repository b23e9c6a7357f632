//! Where a checkpoint lies: in a folder on disk, or inside the program.

use std::fmt;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::foreign;
use crate::builtin::EmbeddedModel;
use crate::domain::Result;
use crate::store::{Location, TensorFiles, folder_of};

/// A checkpoint as it is named, before anything is read.
#[derive(Clone, Debug)]
pub enum Checkpoint {
    /// A Hugging Face folder, or the file of weights beside its config.json.
    Path(PathBuf),
    /// One that the program brings along.
    Embedded(&'static EmbeddedModel),
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Embedded(model) => write!(f, "the built-in model {}", model.name),
        }
    }
}

impl From<&Path> for Checkpoint {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<&PathBuf> for Checkpoint {
    fn from(path: &PathBuf) -> Self {
        Self::Path(path.clone())
    }
}

impl From<&'static EmbeddedModel> for Checkpoint {
    fn from(model: &'static EmbeddedModel) -> Self {
        Self::Embedded(model)
    }
}

impl Checkpoint {
    /// Reads the configuration, and the headers of the weights.
    ///
    /// # Errors
    /// A refusal that names the path, or a field of the configuration.
    pub fn open(&self) -> Result<(Config, TensorFiles)> {
        match self {
            Self::Path(path) => {
                let recognised = |err| foreign::refusal(path).unwrap_or(err);
                let weights = Location::find(path).map_err(recognised)?;
                let file = if path.is_dir() { path } else { folder_of(path) }.join("config.json");
                let config = Config::read(&file).map_err(|err| if file.exists() { err } else { recognised(err) })?;
                let files = TensorFiles::open(&weights);
                foreign::check(path, &config, files.as_ref().ok())?;
                Ok((config, files?))
            }
            Self::Embedded(model) => {
                let config = Config::parse(format!("config.json of {self}"), model.config.as_bytes())?;
                Ok((config, TensorFiles::embedded(self.to_string(), model.weights)?))
            }
        }
    }

    /// The folder of one that lies on disk.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Path(path) if path.is_dir() => Some(path),
            Self::Path(file) => Some(folder_of(file)),
            Self::Embedded(_) => None,
        }
    }
}
