//! .safetensors files that are written tensor by tensor, and appear whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::outputs::{self, Reads};
use super::whole_file::{WholeFile, refusal};
use crate::domain::Result;

/// Such a file, after its header.
#[derive(Debug)]
pub(super) struct TensorsOut {
    out: BufWriter<WholeFile>,
    path: PathBuf,
}

impl TensorsOut {
    /// Begins a file of `f32` tensors, by name and shape in the order in which they will come.
    ///
    /// # Errors
    /// A refusal when it cannot be written.
    pub(super) fn create(path: &Path, parts: &[(String, Vec<usize>)], words: &[(&str, String)]) -> Result<Self> {
        let mut file = Self { out: BufWriter::new(WholeFile::create(path)?), path: path.to_owned() };
        let mut header = Map::new();
        let about: Map<String, Value> = words.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        header.insert("__metadata__".to_owned(), Value::Object(about));
        let mut start = 0;
        for (name, shape) in parts {
            let end = start + 4 * shape.iter().product::<usize>();
            header.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
            start = end;
        }
        let header = Value::Object(header).to_string();
        let padding = " ".repeat(header.len().next_multiple_of(8) - header.len());
        let length = (header.len() + padding.len()) as u64;
        file.write(&length.to_le_bytes())?;
        file.write(header.as_bytes())?;
        file.write(padding.as_bytes())?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|err| refusal(&self.path, &err))
    }

    /// The numbers of the next tensor.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(super) fn put(&mut self, values: &[f32]) -> Result<()> {
        self.write(bytemuck::cast_slice(values))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(super) fn finish(self) -> Result<()> {
        let file = self.out.into_inner().map_err(|err| refusal(&self.path, &err.into_error()))?;
        file.finish()
    }
}

/// Refuses, before any computing, a path that could not be written, or that would replace what is read.
///
/// # Errors
/// A refusal that names the path.
pub fn check_path(path: &Path, reads: &Reads) -> Result<()> {
    outputs::check_ending("--out", path, &["safetensors"])?;
    outputs::check("--out", std::slice::from_ref(&path.to_owned()), reads)
}
