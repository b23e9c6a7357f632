//! What a checkpoint is and what it would cost, from its config.json and the headers of its weights: quick whatever its size.

use super::checkpoint::Checkpoint;
use crate::domain::Result;
use crate::store::{Format, TensorFiles};

/// What a checkpoint is, without its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// `model_type` of its config.json.
    pub family: String,
    /// L, where config.json says it.
    pub num_layers: Option<usize>,
    /// H, where config.json says it.
    pub num_heads: Option<usize>,
    /// D, where config.json says it.
    pub width: Option<usize>,
    /// Numbers in all tensors of the files.
    pub num_parameters: u64,
    /// What it takes to load it.
    pub estimate: Estimate,
}

/// What it takes to load a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes of memory for all tensors of the files, in single precision.
    pub bytes: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// What the files are.
    pub format: Format,
    /// Files that hold weights.
    pub num_files: usize,
}

impl Estimate {
    fn of(files: &TensorFiles) -> Self {
        let (bytes, file_bytes) = (files.bytes_needed(), files.num_bytes());
        Self { bytes, file_bytes, format: files.format(), num_files: files.num_files() }
    }
}

/// What it would take to load a checkpoint.
///
/// # Errors
/// A refusal that names the file, or a field of the configuration.
pub fn estimate(checkpoint: impl Into<Checkpoint>) -> Result<Estimate> {
    let (_, files) = checkpoint.into().open()?;
    Ok(Estimate::of(&files))
}

/// Looks at a checkpoint without loading it.
///
/// # Errors
/// A refusal that names the file, or a field of the configuration.
pub fn outline(checkpoint: impl Into<Checkpoint>) -> Result<Outline> {
    let (config, files) = checkpoint.into().open()?;
    Ok(Outline {
        family: config.model_type()?.to_owned(),
        num_layers: config.any_count(&["num_hidden_layers", "n_layer", "n_layers"]),
        num_heads: config.any_count(&["num_attention_heads", "n_head", "n_heads"]),
        width: config.any_count(&["hidden_size", "n_embd", "dim"]),
        num_parameters: files.num_elements(),
        estimate: Estimate::of(&files),
    })
}
