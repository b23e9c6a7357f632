//! A whole trace as a .safetensors file for other tools, written block by block: attention that was not kept is recomputed
//! for one block at a time.

use std::path::Path;

use serde_json::Value;

use super::Traced;
use super::tensors::TensorsOut;
use crate::domain::{Cancel, Result};
use crate::model::trace::values;

/// Name and shape of one tensor of the file.
type Part = (String, Vec<usize>);

fn parts(traced: &Traced) -> Vec<Part> {
    let trace = &traced.trace;
    let (layers, tokens) = (trace.num_layers(), trace.num_tokens());
    let (width, heads) = (traced.model.width(), traced.model.num_heads());
    let mut parts = vec![
        ("residual".to_owned(), vec![layers + 1, tokens, width]),
        ("attention".to_owned(), vec![layers, heads, tokens, tokens]),
        ("output".to_owned(), vec![tokens, width]),
    ];
    if let Some(logits) = &trace.logits {
        parts.push(("logits".to_owned(), logits.shape.clone()));
    } else if let Some(vocab) = traced.model.num_scored_words() {
        parts.push(("logits".to_owned(), vec![tokens, vocab]));
    }
    parts
}

/// Positions whose words are scored at once: of a large vocabulary all of them would not fit.
const POSITIONS_AT_ONCE: usize = 64;

/// Bytes that [`write()`] will write, without the header.
pub fn size(traced: &Traced) -> usize {
    parts(traced).iter().map(|(_, shape)| 4 * shape.iter().product::<usize>()).sum()
}

/// Writes `residual` `[L+1,T,D]`, `attention` `[L,H,T,T]`, `output` `[T,D]` and `logits` `[C]`, `[T,C]` or `[T,V]`, all f32, with
/// the names of the tokens as metadata. The file appears whole or not at all.
///
/// # Errors
/// A refusal when the file cannot be written; [`crate::domain::Error::Cancelled`].
pub fn write(traced: &Traced, path: &Path, cancel: &Cancel) -> Result<()> {
    let tokens = Value::from(tokens(traced)).to_string();
    let mut out = TensorsOut::create(path, &parts(traced), &[("tokens", tokens)])?;
    for stream in &traced.trace.residual {
        out.put(&values(stream)?)?;
    }
    for (block, recorded) in traced.model.blocks.iter().zip(&traced.trace.blocks) {
        cancel.check()?;
        out.put(&values(&block.attention(recorded)?)?)?;
    }
    out.put(&values(&traced.trace.output)?)?;
    if let Some(logits) = &traced.trace.logits {
        out.put(&logits.values)?;
    } else if traced.model.num_scored_words().is_some() {
        let positions: Vec<usize> = (0..traced.trace.num_tokens()).collect();
        for part in positions.chunks(POSITIONS_AT_ONCE) {
            cancel.check()?;
            out.put(&traced.model.token_logits(&traced.trace, part)?)?;
        }
    }
    cancel.check()?;
    out.finish()
}

/// `[T]`, as metadata names them.
fn tokens(traced: &Traced) -> Vec<String> {
    let layout = &traced.scene.layout;
    (0..layout.len()).filter_map(|p| layout.kind(p)).map(|k| k.to_string()).collect()
}
