//! The index of a checkpoint in parts: a JSON file that says which tensor lies in which file beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::bytes::Bytes;
use super::misnamed::{misnamed, without_mark};
use crate::domain::{Error, Result};

/// An index, checked: every part is a plain name with the right ending.
#[derive(Debug)]
pub(super) struct Index {
    /// Part of each tensor.
    pub(super) part_of: BTreeMap<String, String>,
    /// Names of the parts.
    pub(super) parts: BTreeSet<String>,
}

#[derive(serde::Deserialize)]
struct Fields {
    weight_map: BTreeMap<String, String>,
}

/// Bytes of an index; those of the largest models have 10 million.
const MAX_BYTES: u64 = 12 << 20;

impl Index {
    /// Reads an index of parts that end in `ending`.
    ///
    /// # Errors
    /// A refusal that names the index, and a part that cannot be one.
    pub(super) fn read(path: &Path, ending: &str) -> Result<Self> {
        let refuse = |what: String| {
            Error::refused(path.display(), what)
                .expected(format!("\"weight_map\": for each tensor, the name of a {ending} file in the same folder"))
                .remedy("download the file again")
        };
        let bytes = Bytes::open(path)?;
        if bytes.len() > MAX_BYTES {
            return Err(refuse(format!("is too large for an index: {} bytes", bytes.len())));
        }
        let text = bytes.read(0, bytes.len() as usize).map_err(|err| refuse(format!("cannot be read ({err})")))?;
        let fields = serde_json::from_slice::<Fields>(without_mark(&text))
            .map_err(|err| misnamed(path.display(), &text).unwrap_or_else(|| refuse(format!("is no index ({err})"))))?;
        let parts: BTreeSet<String> = fields.weight_map.values().cloned().collect();
        if parts.is_empty() {
            return Err(refuse("names no file".to_owned()));
        }
        for part in &parts {
            if !is_plain(part) {
                return Err(refuse(format!("names the file {part:?}, which is not in its folder")));
            }
            if !part.ends_with(ending) {
                return Err(refuse(format!("names the file {part:?}, which holds no tensors")));
            }
        }
        Ok(Self { part_of: fields.weight_map, parts })
    }
}

/// Whether a name leads to no other folder, on any system.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let is_one = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    is_one && !name.contains(['/', '\\', ':', '\0'])
}
