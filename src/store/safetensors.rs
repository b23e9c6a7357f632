//! The header of a .safetensors file, checked against the length of the file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::bytes::Bytes;
use super::convert::size_of;
use super::misnamed::{ENOUGH, misnamed};
use super::place::Place;
use crate::domain::{Error, Result};

/// Bytes of a header. The format allows six times as much, but 150,000 tensors fit into this, and a header that is made to fill
/// the memory when it is read does not.
const MAX_HEADER: u64 = 16 << 20;

/// Where the tensors of a file lie.
///
/// # Errors
/// A refusal that says what is wrong with the file.
pub fn places(bytes: &Bytes) -> Result<BTreeMap<String, Place>> {
    let damaged = |what: String| {
        Error::refused(bytes.place(), format!("is damaged ({what})"))
            .expected("a whole .safetensors file")
            .remedy("copy or download the file again")
    };
    let length = bytes.len();
    let beginning = bytes.read(0, ENOUGH.min(length as usize)).unwrap_or_default();
    // A header may be as long as to look like the sign of another format, but JSON follows its length.
    if beginning.get(8) != Some(&b'{')
        && let Some(refusal) = misnamed(bytes.place(), &beginning)
    {
        return Err(refusal);
    }
    let first = bytes.read(0, 8).ok().and_then(|first| first.first_chunk().copied());
    let header_length = u64::from_le_bytes(first.ok_or_else(|| damaged(format!("only {length} bytes long")))?);
    if header_length > MAX_HEADER || header_length > length.saturating_sub(8) {
        return Err(damaged(format!("the header claims {header_length} bytes in a file of {length}")));
    }
    let header = bytes.read(8, header_length as usize).map_err(|err| damaged(err.to_string()))?;
    parse(&header, 8 + header_length, length).map_err(damaged)
}

/// What the header says of a tensor.
#[derive(serde::Deserialize)]
struct Entry {
    dtype: String,
    #[serde(deserialize_with = "axes")]
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Axes of a tensor.
const MAX_AXES: usize = 16;

/// A shape, of which no more is kept than a tensor has axes.
fn axes<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<usize>, D::Error> {
    struct Axes;
    impl<'de> Visitor<'de> for Axes {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a shape of at most {MAX_AXES} axes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> std::result::Result<Vec<usize>, A::Error> {
            let mut axes = Vec::new();
            while let Some(axis) = sequence.next_element()? {
                if axes.len() == MAX_AXES {
                    return Err(A::Error::invalid_length(MAX_AXES + 1, &self));
                }
                axes.push(axis);
            }
            Ok(axes)
        }
    }
    deserializer.deserialize_seq(Axes)
}

/// Entries alone: whatever else a header holds is passed over, not kept.
struct Entries(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let entry = map.next_value();
                    let entry = entry.map_err(|err| A::Error::custom(format!("the entry {name} is wrong, {err}")))?;
                    entries.insert(name, entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}

fn parse(header: &[u8], data_start: u64, length: u64) -> std::result::Result<BTreeMap<String, Place>, String> {
    let Entries(entries) = serde_json::from_slice(header).map_err(|err| match err.classify() {
        serde_json::error::Category::Data => format!("in the header {err}"),
        _ => format!("the header is no JSON, {err}"),
    })?;
    check_layout(&entries, length - data_start)?;
    let place = |Entry { dtype, shape, data_offsets: [from, _] }| Place { dtype, shape, start: data_start + from, strides: None };
    Ok(entries.into_iter().map(|(name, entry)| (name, place(entry))).collect())
}

/// Offsets must ascend without overlap, fit the shapes, and end inside the file.
fn check_layout(entries: &BTreeMap<String, Entry>, data_length: u64) -> std::result::Result<(), String> {
    let mut spans = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let [from, to] = entry.data_offsets;
        if from > to || to > data_length {
            return Err(format!("the tensor {name} lies at {from}..{to}, but the file holds {data_length} bytes of data"));
        }
        if let Some(size) = size_of(&entry.dtype) {
            let bytes = entry.shape.iter().try_fold(size, |n, &d| n.checked_mul(d as u64));
            if bytes != Some(to - from) {
                return Err(format!("the tensor {name} of shape {:?} has {} bytes", entry.shape, to - from));
            }
        }
        spans.push((from, to, name));
    }
    spans.sort_unstable();
    match spans.windows(2).find(|w| w[0].1 > w[1].0) {
        Some(w) => Err(format!("the tensors {} and {} overlap", w[0].2, w[1].2)),
        None => Ok(()),
    }
}
