//! A whole trace as a .safetensors file for other tools, written block by block: attention that was not kept is recomputed
//! for one block at a time.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Traced;
use super::tensors::header_bytes;
use super::whole_file::{WholeFile, refusal};
use crate::domain::{Cancel, Error, Result};
use crate::model::trace::values;
use crate::store::folder_of;

/// Name and shape of one tensor of the file.
type Part = (&'static str, Vec<usize>);

fn parts(traced: &Traced) -> Vec<Part> {
    let trace = &traced.trace;
    let (layers, tokens) = (trace.num_layers(), trace.num_tokens());
    let (width, heads) = (traced.model.width(), traced.model.num_heads());
    let mut parts = vec![
        ("residual", vec![layers + 1, tokens, width]),
        ("attention", vec![layers, heads, tokens, tokens]),
        ("output", vec![tokens, width]),
    ];
    if let Some(logits) = &trace.logits {
        parts.push(("logits", logits.shape.clone()));
    } else if let Some(vocab) = traced.model.num_scored_words() {
        parts.push(("logits", vec![tokens, vocab]));
    }
    parts
}

/// Positions whose words are scored at once: of a large vocabulary all of them would not fit.
const POSITIONS_AT_ONCE: usize = 64;

/// Bytes that [`write()`] will write, without the header.
pub fn size(traced: &Traced) -> usize {
    parts(traced).iter().map(|(_, shape)| 4 * shape.iter().product::<usize>()).sum()
}

/// Refuses, before any computing, a path that could not be written.
///
/// # Errors
/// A refusal that names the path.
pub fn check_path(path: &Path) -> Result<()> {
    let refused = |what| Error::refused(format!("--out {}", path.display()), what);
    if path.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(refused("a trace has one format").expected("a name that ends in .safetensors"));
    }
    if path.is_dir() {
        return Err(refused("is a folder").expected("a file"));
    }
    if !folder_of(path).is_dir() {
        return Err(refused("its folder does not exist").remedy("make the folder first"));
    }
    Ok(())
}

/// Writes `residual` `[L+1,T,D]`, `attention` `[L,H,T,T]`, `output` `[T,D]` and `logits` `[C]`, `[T,C]` or `[T,V]`, all f32, with
/// the names of the tokens as metadata. The file appears whole or not at all.
///
/// # Errors
/// A refusal when the file cannot be written; [`Error::Cancelled`].
pub fn write(traced: &Traced, path: &Path, cancel: &Cancel) -> Result<()> {
    let unwritable = |err: std::io::Error| refusal(path, &err);
    let mut out = BufWriter::new(WholeFile::create(path)?);
    out.write_all(&header_bytes(header(traced))).map_err(unwritable)?;
    let mut put = |values: Vec<f32>| out.write_all(bytemuck::cast_slice(&values)).map_err(unwritable);
    for stream in &traced.trace.residual {
        put(values(stream)?)?;
    }
    for (block, recorded) in traced.model.blocks.iter().zip(&traced.trace.blocks) {
        cancel.check()?;
        put(values(&block.attention(recorded)?)?)?;
    }
    put(values(&traced.trace.output)?)?;
    if let Some(logits) = &traced.trace.logits {
        put(logits.values.clone())?;
    } else if traced.model.num_scored_words().is_some() {
        let positions: Vec<usize> = (0..traced.trace.num_tokens()).collect();
        for part in positions.chunks(POSITIONS_AT_ONCE) {
            cancel.check()?;
            put(traced.model.token_logits(&traced.trace, part)?)?;
        }
    }
    let file = out.into_inner().map_err(|err| unwritable(err.into_error()))?;
    cancel.check()?;
    file.finish()
}

fn header(traced: &Traced) -> Map<String, Value> {
    let layout = &traced.scene.layout;
    let tokens: Vec<String> = (0..layout.len()).filter_map(|p| layout.kind(p)).map(|k| k.to_string()).collect();
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "tokens": Value::from(tokens).to_string() }));
    let mut start = 0;
    for (name, shape) in parts(traced) {
        let end = start + 4 * shape.iter().product::<usize>();
        header.insert(name.to_owned(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    header
}
