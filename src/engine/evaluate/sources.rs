//! The files that a row was made from. A row counts only while they are the same, byte for byte.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layout::Pair;
use crate::domain::Result;
use crate::store::{Bytes, Digest};

/// SHA-256 of a picture and of its masks, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Name of the picture's file, which seeds random maps.
    pub file: String,
    /// The picture.
    pub picture: String,
    /// Its masks in order; none where the test reads none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<String>,
}

impl Sources {
    /// Hashes a picture and, with `with_masks`, its masks. Size and date are not trusted: copying and unpacking keep them.
    ///
    /// # Errors
    /// A refusal of a file that cannot be read.
    pub(super) fn of(pair: &Pair, with_masks: bool) -> Result<Self> {
        let file = pair.image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let masks = if with_masks { pair.masks.as_slice() } else { &[] };
        let masks = masks.iter().map(|mask| sha256(mask)).collect::<Result<_>>()?;
        Ok(Self { file, picture: sha256(&pair.image)?, masks })
    }
}

/// SHA-256 of a file's bytes, in hexadecimal.
///
/// # Errors
/// A refusal of a file that cannot be read.
pub(super) fn sha256(path: &Path) -> Result<String> {
    Digest::of(vec![Arc::new(Bytes::open(path)?)]).hexadecimal().map(str::to_owned)
}
