//! Where a checkpoint lies: in a folder on disk, or inside the program.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::config::Config;
use crate::builtin::EmbeddedModel;
use crate::domain::{Error, Result};

/// A checkpoint as it is named, before anything is read.
#[derive(Clone, Debug)]
pub enum Checkpoint {
    /// A Hugging Face folder, or the .safetensors file beside its config.json.
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
    /// Reads the configuration and opens the weights.
    ///
    /// # Errors
    /// A refusal that names the path, or a field of the configuration.
    pub fn open(&self) -> Result<(Config, WeightBytes)> {
        match self {
            Self::Path(path) => {
                let (folder, file) = locate(path)?;
                Ok((Config::read(&folder.join("config.json"))?, WeightBytes::open(&file)?))
            }
            Self::Embedded(model) => {
                let config = Config::parse(format!("config.json of {self}"), model.config.as_bytes())?;
                Ok((config, WeightBytes::embedded(self.to_string(), model.weights)))
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

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The folder and the weights file that a user's path means.
fn locate(path: &Path) -> Result<(&Path, PathBuf)> {
    if path.is_dir() {
        let file = path.join("model.safetensors");
        if !file.exists() {
            return Err(Error::refused(path.display(), "holds no model.safetensors")
                .expected("a Hugging Face model folder with config.json and model.safetensors")
                .remedy("choose such a folder"));
        }
        return Ok((path, file));
    }
    if path.extension().is_some_and(|e| e == "safetensors") && path.exists() {
        return Ok((folder_of(path), path.to_owned()));
    }
    let what = if path.exists() { "is no model folder" } else { "does not exist" };
    Err(Error::refused(path.display(), what)
        .expected("a Hugging Face model folder, or a .safetensors file beside its config.json")
        .remedy("check --model"))
}

/// The bytes of a weights file.
#[derive(Debug)]
pub struct WeightBytes {
    place: String,
    length: u64,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// Held open, so that a file put in its place later is not mistaken for it.
    File {
        file: File,
        modified: Option<SystemTime>,
    },
    Embedded(&'static [u8]),
}

impl WeightBytes {
    fn open(path: &Path) -> Result<Self> {
        let unreadable = |err: io::Error| {
            Error::refused(path.display(), format!("cannot be read ({err})"))
                .expected("a .safetensors file")
                .remedy("check the path, or download the file again")
        };
        // Asked of the path, not of the opened file: opening a pipe would wait for its writer.
        let place = path.display().to_string();
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Error::refused(place, "is not a regular file").expected("a whole .safetensors file"));
        }
        let file = File::open(path).map_err(unreadable)?;
        let facts = file.metadata().map_err(unreadable)?;
        Ok(Self { place, length: facts.len(), origin: Origin::File { file, modified: facts.modified().ok() } })
    }

    fn embedded(place: String, bytes: &'static [u8]) -> Self {
        Self { place, length: bytes.len() as u64, origin: Origin::Embedded(bytes) }
    }

    /// The file as a refusal calls it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// `count` bytes from byte `start` on; bytes inside the program are not copied.
    ///
    /// # Errors
    /// Those of the file, or that it ends before.
    pub fn read(&self, start: u64, count: usize) -> io::Result<Cow<'static, [u8]>> {
        match &self.origin {
            Origin::File { file, .. } => {
                let (mut file, mut bytes) = (file, vec![0; count]);
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
            Origin::Embedded(bytes) => {
                let slice = usize::try_from(start).ok().and_then(|start| bytes.get(start..start.checked_add(count)?));
                slice.map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    /// Whether a file was written to since it was opened.
    pub fn is_changed(&self) -> bool {
        match &self.origin {
            Origin::File { file, modified } => {
                file.metadata().map_or(true, |facts| facts.len() != self.length || facts.modified().ok() != *modified)
            }
            Origin::Embedded(_) => false,
        }
    }
}
