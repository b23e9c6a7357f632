//! Where a checkpoint lies: in a folder on disk, or inside the program.

use std::fmt;
use std::path::{Path, PathBuf};

use super::config::Config;
use crate::builtin::EmbeddedModel;
use crate::domain::Result;
use crate::store::{Location, TensorFiles, folder_of};

/// A checkpoint as it is named, before anything is read.
#[derive(Clone, Debug)]
pub enum Checkpoint {
    /// A Hugging Face folder, or the .safetensors or .bin file beside its config.json.
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
                let weights = Location::find(path)?;
                let folder = if path.is_dir() { path } else { folder_of(path) };
                Ok((Config::read(&folder.join("config.json"))?, TensorFiles::open(&weights)?))
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
