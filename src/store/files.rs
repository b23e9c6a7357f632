//! The tensors of a checkpoint, whatever the files are that hold them: .safetensors or PyTorch's .bin, one or several.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::Bytes;
use super::convert::{READABLE, first_not_finite, to_f32};
use super::digest::Digest;
use super::index::Index;
use super::place::Place;
use super::{safetensors, torch};
use crate::domain::{Error, Result};

/// What the files of a checkpoint are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// .safetensors
    Safetensors,
    /// What `torch.save` writes.
    Torch,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => ".safetensors",
            Self::Torch => ".bin",
        }
    }

    /// What the name of a file says, by what follows its last dot.
    fn of_ending(ending: &str) -> Option<Self> {
        match ending {
            "safetensors" => Some(Self::Safetensors),
            "bin" | "pt" | "pth" | "ckpt" => Some(Self::Torch),
            _ => None,
        }
    }

    fn places(self, bytes: &Bytes) -> Result<BTreeMap<String, Place>> {
        match self {
            Self::Safetensors => safetensors::places(bytes),
            Self::Torch => torch::places(bytes),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ending())
    }
}

/// Where the weights of a checkpoint are, before they are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file of weights, or the index of several.
    file: PathBuf,
    format: Format,
    is_index: bool,
}

/// What a model folder may hold, the first that is there being taken.
const NAMES: &[(&str, Format, bool)] = &[
    ("model.safetensors", Format::Safetensors, false),
    ("model.safetensors.index.json", Format::Safetensors, true),
    ("pytorch_model.bin", Format::Torch, false),
    ("pytorch_model.bin.index.json", Format::Torch, true),
];

impl Location {
    /// The weights that a user's path means: a model folder, or a file of weights.
    ///
    /// # Errors
    /// A refusal of any other path.
    pub fn find(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let there = NAMES.iter().find(|(name, ..)| path.join(name).exists());
            let &(name, format, is_index) = there.ok_or_else(|| {
                Error::refused(path.display(), "holds no model.safetensors")
                    .expected("a Hugging Face model folder: config.json, and weights as model.safetensors or pytorch_model.bin")
                    .remedy("choose such a folder")
            })?;
            return Ok(Self { file: path.join(name), format, is_index });
        }
        let ending = path.extension().filter(|_| path.exists());
        if let Some(format) = ending.and_then(|ending| Format::of_ending(ending.to_str()?)) {
            return Ok(Self { file: path.to_owned(), format, is_index: false });
        }
        let what = if path.exists() { "is no model folder" } else { "does not exist" };
        Err(Error::refused(path.display(), what)
            .expected("a Hugging Face model folder, or a .safetensors or .bin file beside its config.json")
            .remedy("check --model"))
    }
}

/// Tensors by name, in one file or several. Headers are read when they are opened, numbers one tensor at a time.
#[derive(Debug)]
pub struct TensorFiles {
    /// The file, or the index of several.
    place: String,
    format: Format,
    /// In the order of their names.
    files: Vec<Arc<Bytes>>,
    /// The tensor's file, and where it lies there.
    tensors: BTreeMap<String, (usize, Place)>,
    /// Parts in which an index says that tensors are.
    part_of: BTreeMap<String, String>,
}

impl TensorFiles {
    /// Opens the files and reads their headers.
    ///
    /// # Errors
    /// A refusal that names the file that is missing or broken.
    pub fn open(location: &Location) -> Result<Self> {
        let Location { file, format, is_index } = location;
        if !is_index {
            return Self::of_one(Bytes::open(file)?, *format);
        }
        let Index { part_of, parts } = Index::read(file, format.ending())?;
        let (mut files, mut tensors) = (Vec::new(), BTreeMap::new());
        for (number, part) in parts.iter().enumerate() {
            let bytes = Bytes::open(&file.with_file_name(part))?;
            for (name, place) in format.places(&bytes)? {
                // A tensor that stands in several parts is that of the part that the index names.
                if part_of.get(&name).is_none_or(|named| named == part) {
                    tensors.insert(name, (number, place));
                }
            }
            files.push(Arc::new(bytes));
        }
        Ok(Self { place: file.display().to_string(), format: *format, files, tensors, part_of })
    }

    /// A .safetensors file that is no checkpoint.
    ///
    /// # Errors
    /// A refusal when it is missing or broken.
    pub fn of_file(path: &Path) -> Result<Self> {
        Self::of_one(Bytes::open(path)?, Format::Safetensors)
    }

    /// A .safetensors file inside the program, which refusals call `place`.
    ///
    /// # Errors
    /// A refusal when it is broken.
    pub fn embedded(place: String, bytes: &'static [u8]) -> Result<Self> {
        Self::of_one(Bytes::embedded(place, bytes), Format::Safetensors)
    }

    /// One file of tensors that need not be a model's, by its ending: .safetensors, or .bin, .pt, .pth or .ckpt of PyTorch.
    ///
    /// # Errors
    /// A refusal of any other file, and of one that is broken.
    pub fn open_file(path: &Path) -> Result<Self> {
        let format = path.extension().and_then(|ending| Format::of_ending(ending.to_str()?));
        let other = || Error::refused(path.display(), "is no file of tensors").expected("a .safetensors file");
        Self::of_one(Bytes::open(path)?, format.ok_or_else(other)?)
    }

    fn of_one(bytes: Bytes, format: Format) -> Result<Self> {
        let tensors = format.places(&bytes)?.into_iter().map(|(name, place)| (name, (0, place))).collect();
        let place = bytes.place().to_owned();
        Ok(Self { place, format, files: vec![Arc::new(bytes)], tensors, part_of: BTreeMap::new() })
    }

    /// The file as a refusal calls it, or the index of several.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the files are.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Files that hold tensors.
    pub fn num_files(&self) -> usize {
        self.files.len()
    }

    /// Names of the tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor that is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, place)| place.shape.as_slice())
    }

    /// The type of a tensor that is there, as the safetensors format calls it.
    pub fn dtype(&self, name: &str) -> Option<&str> {
        self.tensors.get(name).map(|(_, place)| place.dtype.as_str())
    }

    /// Numbers in all tensors.
    pub fn num_elements(&self) -> u64 {
        self.tensors.values().fold(0, |sum: u64, (_, place)| sum.saturating_add(place.num_elements()))
    }

    /// Bytes of the files.
    pub fn num_bytes(&self) -> u64 {
        self.files.iter().map(|bytes| bytes.len()).sum()
    }

    /// Bytes that all tensors take in memory, in single precision.
    pub fn bytes_needed(&self) -> u64 {
        self.num_elements().saturating_mul(4)
    }

    /// SHA-256 of the files, computed when it is asked for.
    pub fn digest(&self) -> Digest {
        Digest::of(self.files.clone())
    }

    /// Reads a tensor of a known shape, row by row.
    ///
    /// # Errors
    /// A refusal when it is missing, of another shape or type, or not finite.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let unfit = "check that config.json and the weights belong together";
        let Some((file, place)) = self.tensors.get(name) else {
            let what = match self.part_of.get(name) {
                Some(part) => format!("the weight {name} is not in {part}, as the index says"),
                None => format!("the weight {name} is missing"),
            };
            return Err(Error::refused(&self.place, what).expected(format!("shape {shape:?}")).remedy(unfit));
        };
        let bytes = &self.files[*file];
        let refuse = |what: String| Error::refused(bytes.place(), what);
        if place.shape != shape {
            let what = format!("the weight {name} has shape {:?}", place.shape);
            return Err(refuse(what).expected(format!("{shape:?} after config.json")).remedy(unfit));
        }
        if to_f32(&place.dtype, &[]).is_none() {
            return Err(refuse(format!("the weight {name} is of type {}", place.dtype)).expected(READABLE));
        }
        let raw = place.read(bytes).map_err(|err| refuse(format!("the weight {name} cannot be read ({err})")))?;
        let values = to_f32(&place.dtype, &raw).unwrap_or_default();
        if let Some(bad) = first_not_finite(&values) {
            return Err(refuse(format!("the weight {name} holds {bad}"))
                .expected("finite numbers")
                .remedy("the checkpoint is damaged: download or train it again"));
        }
        Ok(values)
    }
}
