//! `pixel_values` or `input_ids` from a .safetensors file: what was prepared elsewhere and goes to the model as it is.
//!
//! The header is checked before anything is read by it: its length is compared with the file's, and the tensor's place with
//! what follows. Only that tensor is read, so a file of several gigabytes costs its hash and no memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::picture::{Picture, file_name};
use super::preprocess::{Prepared, check_input_size};
use crate::domain::grid::PixelRect;
use crate::domain::{Error, Result};
use crate::store::{Bytes, Digest, Place, safetensors};

const TENSOR: &str = "pixel_values";
const SHAPE: &str = "f32 [3, height, width] or [1, 3, height, width]";
const IDS: &str = "input_ids";
const IDS_SHAPE: &str = "i64 or i32 [tokens] or [1, tokens]";
/// Tokens that a file may hold; no model takes more.
const MAX_IDS: usize = 1 << 20;

/// Reads `pixel_values`, f32 `[3, height, width]` or `[1, 3, height, width]`. The picture beside it shows the values, scaled
/// so that the smallest is black and the largest white, since their normalisation is not known.
///
/// # Errors
/// A damaged file, a missing tensor, another shape or type, sides that are not whole patches, values that are not finite.
pub fn read_pixel_values(path: &Path, patch: usize) -> Result<(Prepared, Picture)> {
    let bytes = Arc::new(Bytes::open(path)?);
    let places = safetensors::places(&bytes)?;
    let place = places.get(TENSOR).ok_or_else(|| missing(path, &places, TENSOR, SHAPE))?;
    let (height, width) = sides(path, place, patch)?;
    let values = read_values(path, &bytes, place)?;
    let sha256 = Digest::of(vec![bytes]).hexadecimal()?.to_owned();
    let rgb = shown(&values);
    let seen = PixelRect { x: 0.0, y: 0.0, width: width as f64, height: height as f64 };
    let picture = Picture {
        name: file_name(path),
        width,
        height,
        rgb: rgb.into(),
        file_size: (width, height),
        sha256,
        notices: Vec::new(),
    };
    Ok((Prepared { values, height, width, seen }, picture))
}

/// Whether the file holds the ids of a text, as far as its header tells.
pub fn holds_ids(path: &Path) -> bool {
    Bytes::open(path).and_then(|bytes| safetensors::places(&bytes)).is_ok_and(|places| places.contains_key(IDS))
}

/// Reads `input_ids`, i64 or i32 `[tokens]` or `[1, tokens]`.
///
/// # Errors
/// A damaged file, a missing tensor, another shape or type, numbers that no vocabulary has.
pub fn read_input_ids(path: &Path) -> Result<Vec<u32>> {
    let bytes = Bytes::open(path)?;
    let places = safetensors::places(&bytes)?;
    let place = places.get(IDS).ok_or_else(|| missing(path, &places, IDS, IDS_SHAPE))?;
    let refused = |what: String| Error::refused(path.display(), format!("\"{IDS}\" {what}")).expected(IDS_SHAPE);
    let (dtype, shape) = (place.dtype.as_str(), &place.shape);
    let count = match shape[..] {
        [count] | [1, count] if matches!(dtype, "I64" | "I32") && (1..=MAX_IDS).contains(&count) => count,
        _ => return Err(refused(format!("is {dtype} {shape:?}"))),
    };
    let bytes = place.read(&bytes).map_err(|err| damaged(path, &err))?;
    let number = |b: &[u8]| match b {
        [a, b, c, d] => i64::from(i32::from_le_bytes([*a, *b, *c, *d])),
        _ => b.iter().rev().fold(0_i64, |sum, &byte| (sum << 8) | i64::from(byte)),
    };
    let ids = bytes.chunks_exact(bytes.len() / count).map(number);
    ids.map(|id| u32::try_from(id).map_err(|_| refused(format!("holds {id}")))).collect()
}

fn damaged(path: &Path, why: &std::io::Error) -> Error {
    let refused = Error::refused(path.display(), format!("is damaged ({why})"));
    refused.expected("a .safetensors file").remedy("write or copy the file again")
}

fn missing(path: &Path, places: &BTreeMap<String, Place>, tensor: &str, shape: &str) -> Error {
    let names: Vec<&str> = places.keys().map(String::as_str).take(8).collect();
    let rest = places.len() - names.len();
    let listed = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    Error::refused(path.display(), format!("holds no \"{tensor}\", but {listed}{more}"))
        .expected(format!("\"{tensor}\", {shape}"))
        .remedy("save the processor's output under this name")
}

fn sides(path: &Path, place: &Place, patch: usize) -> Result<(usize, usize)> {
    let (dtype, shape) = (place.dtype.as_str(), &place.shape);
    let (height, width) = match shape[..] {
        [3, height, width] | [1, 3, height, width] if dtype == "F32" => (height, width),
        _ => {
            let refused = Error::refused(path.display(), format!("\"{TENSOR}\" is {dtype} {shape:?}"));
            return Err(refused.expected(SHAPE).remedy("save one picture as float32"));
        }
    };
    let patch = patch.max(1);
    if height % patch != 0 || width % patch != 0 {
        let refused = Error::refused(path.display(), format!("\"{TENSOR}\" is {height} x {width} pixels (height x width)"));
        let expected = format!("multiples of the model's patch, {patch} pixels");
        return Err(refused.expected(expected).remedy("prepare the picture for this model"));
    }
    check_input_size(&path.display().to_string(), height, width, patch)?;
    Ok((height, width))
}

fn read_values(path: &Path, bytes: &Bytes, place: &Place) -> Result<Vec<f32>> {
    let bytes = place.read(bytes).map_err(|err| damaged(path, &err))?;
    let values: Vec<f32> = bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect();
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        let refused = Error::refused(path.display(), format!("\"{TENSOR}\" holds {} at index {at}", values[at]));
        return Err(refused.expected("finite numbers"));
    }
    Ok(values)
}

/// Values `[3, height, width]` as `[height, width, 3]` of 8 bits, the smallest at 0 and the largest at 255.
fn shown(values: &[f32]) -> Vec<u8> {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    // In f64, where the range of the largest floats is finite.
    let range = (f64::from(high) - f64::from(low)).max(f64::MIN_POSITIVE);
    let byte = |v: f32| ((f64::from(v) - f64::from(low)) / range * 255.0).round() as u8;
    let plane = values.len() / 3;
    (0..plane).flat_map(|i| [values[i], values[plane + i], values[2 * plane + i]].map(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_value_is_black_and_the_largest_white() {
        assert_eq!(shown(&[-2.0, 0.0, 2.0, 1.0, -1.0, 0.5]), [0, 255, 64, 128, 191, 159]);
        assert_eq!(shown(&[3.0; 3]), [0; 3]);
        assert_eq!(shown(&[f32::MIN, 0.0, f32::MAX]), [0, 128, 255]);
    }
}
