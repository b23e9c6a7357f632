//! Small .safetensors files that the program writes for itself and others: what was fitted to a folder of inputs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::whole_file::{WholeFile, refusal};
use crate::domain::{Error, Result};

/// One tensor to write.
#[derive(Clone, Copy, Debug)]
pub struct NamedTensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Row-major.
    pub values: &'a [f32],
}

/// Writes tensors as f32 with words beside them. The file appears whole or not at all.
///
/// # Errors
/// A refusal when the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[NamedTensor<'_>], words: &BTreeMap<String, String>) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(words));
    let mut start = 0;
    for NamedTensor { name, shape, values } in tensors {
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Internal(format!("{name} of {} values has the shape {shape:?}", values.len())));
        }
        let end = start + size_of_val(*values);
        header.insert((*name).to_owned(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let mut file = WholeFile::create(path)?;
    let unwritable = |err: std::io::Error| refusal(path, &err);
    file.write_all(&header_bytes(header)).map_err(unwritable)?;
    for tensor in tensors {
        file.write_all(bytemuck::cast_slice(tensor.values)).map_err(unwritable)?;
    }
    file.finish()
}

/// The header with its length before it, filled up so that numbers begin at a multiple of 8.
pub(super) fn header_bytes(header: Map<String, Value>) -> Vec<u8> {
    let header = Value::Object(header).to_string();
    let length = header.len().next_multiple_of(8);
    let mut bytes = (length as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(8 + length, b' ');
    bytes
}
