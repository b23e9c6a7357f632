//! Where tensors lie in what `torch.save` wrote: a zip archive of one pickle, which describes the tensors, and one entry for each
//! storage that they share. What the pickle claims is compared with the sizes of the entries before anything is read by it.

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::convert::size_of;
use super::misnamed::{ENOUGH, misnamed};
use super::pickle::{Claim, tensors};
use super::place::Place;
use super::zip::{Entry, entries};
use crate::domain::{Error, Result};

/// Bytes of the pickle; it takes about 150 for each tensor.
const MAX_PICKLE: u64 = 8 << 20;
/// What files of `torch.save` before version 1.6 begin with: a pickled number.
const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Where the tensors of a file lie.
///
/// # Errors
/// A refusal that says what is wrong with the file.
pub(super) fn places(bytes: &Bytes) -> Result<BTreeMap<String, Place>> {
    let first = bytes.read(0, ENOUGH.min(bytes.len() as usize)).unwrap_or_default();
    if first.starts_with(OLD) {
        return Err(refused(bytes, "is in the format of PyTorch before version 1.6".to_owned()));
    }
    if !first.starts_with(b"PK\x03\x04") {
        return Err(misnamed(bytes.place(), &first).unwrap_or_else(|| refused(bytes, "is no file of torch.save".to_owned())));
    }
    read(bytes).map_err(|what| refused(bytes, format!("cannot be read: {what}")))
}

/// The remedy is a line for a shell, which makes a file that is read here.
fn refused(bytes: &Bytes, what: String) -> Error {
    if what.contains(" keys ") {
        let remedy = "save one state dict alone: python -c \"import torch; torch.save(torch.load('training.bin')['KEY'], \
                      'pytorch_model.bin')\"";
        return Error::refused(bytes.place(), what).expected("one state dict of tensors").remedy(remedy);
    }
    let remedy = "download it again, or convert it where its source is trusted: python -c \"import torch; from safetensors.torch \
                  import save_file; d = torch.load('pytorch_model.bin'); save_file({k: v.contiguous().clone() for k, v in \
                  d.items()}, 'model.safetensors')\"";
    Error::refused(bytes.place(), what).expected("a state dict as torch.save writes it").remedy(remedy)
}

fn read(bytes: &Bytes) -> std::result::Result<BTreeMap<String, Place>, String> {
    let archive = Archive::open(bytes)?;
    let pickle = archive.read("data.pkl", MAX_PICKLE)?;
    if archive.entry("byteorder").is_ok() && archive.read("byteorder", 16)? != b"little" {
        return Err("it was written on a machine that puts the most significant byte first".to_owned());
    }
    let tensors = tensors(&pickle)?;
    tensors.into_iter().map(|(name, claim)| Ok((name.to_owned(), archive.place(name, claim)?))).collect()
}

struct Archive<'a> {
    bytes: &'a Bytes,
    entries: BTreeMap<String, Entry>,
    /// The folder that holds all entries.
    root: String,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a Bytes) -> std::result::Result<Self, String> {
        let entries = entries(bytes)?;
        let root = entries.keys().find_map(|name| name.strip_suffix("/data.pkl")).map(str::to_owned);
        Ok(Self { bytes, entries, root: root.ok_or("it holds no data.pkl")? })
    }

    fn entry(&self, name: &str) -> std::result::Result<Entry, String> {
        let entry = self.entries.get(&format!("{}/{name}", self.root)).ok_or_else(|| format!("its entry {name} is missing"))?;
        if entry.is_stored { Ok(*entry) } else { Err(format!("its entry {name} is compressed, which torch.save never does")) }
    }

    fn read(&self, name: &str, most: u64) -> std::result::Result<Vec<u8>, String> {
        let entry = self.entry(name)?;
        if entry.size > most {
            return Err(format!("its entry {name} has {} bytes, more than {most}", entry.size));
        }
        let read = self.bytes.read(entry.start(self.bytes)?, entry.size as usize);
        read.map(std::borrow::Cow::into_owned).map_err(|err| err.to_string())
    }

    fn place(&self, name: &str, claim: Claim<'_>) -> std::result::Result<Place, String> {
        let Claim { kind, storage, count, offset, shape, strides } = claim;
        let entry = self.entry(&format!("data/{storage}")).map_err(|what| format!("the tensor {name}: {what}"))?;
        let dtype = dtype(kind);
        let start = entry.start(self.bytes)?;
        let Some(size) = size_of(dtype) else {
            return Ok(Place { dtype: dtype.to_owned(), shape, start, strides: None });
        };
        if count.checked_mul(size).is_none_or(|length| length > entry.size) {
            return Err(format!("the tensor {name} claims {count} numbers in a storage of {} bytes", entry.size));
        }
        if end(offset, &shape, &strides).is_none_or(|end| end > count) || elements(&shape).is_none_or(|n| n > count) {
            return Err(format!(
                "the tensor {name} of shape {shape:?} and strides {strides:?} does not fit into {count} numbers"
            ));
        }
        let strides = (!follow_one_another(&shape, &strides)).then_some(strides);
        Ok(Place { dtype: dtype.to_owned(), shape, start: start + offset * size, strides })
    }
}

/// A type as the safetensors format calls it.
fn dtype(kind: &str) -> &str {
    match kind {
        "Float" => "F32",
        "Double" => "F64",
        "Half" => "F16",
        "BFloat16" => "BF16",
        "Long" => "I64",
        "Int" => "I32",
        "Short" => "I16",
        "Char" => "I8",
        "Byte" | "Untyped" => "U8",
        "Bool" => "BOOL",
        other => other,
    }
}

fn elements(shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(1, |n: u64, &d| n.checked_mul(d as u64))
}

/// One past the last number of the storage that the tensor takes.
fn end(offset: u64, shape: &[usize], strides: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(offset);
    }
    let reach = |end: u64, (&n, &stride): (&usize, &usize)| end.checked_add((n as u64 - 1).checked_mul(stride as u64)?);
    shape.iter().zip(strides).try_fold(offset.checked_add(1)?, reach)
}

/// Whether rows stand one after the other. The stride of an axis of one entry means nothing.
fn follow_one_another(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    let mut axes = shape.iter().zip(strides).rev();
    axes.all(|(&n, &stride)| {
        let fits = n == 1 || stride == expected;
        expected = usize::saturating_mul(expected, n);
        fits
    })
}
