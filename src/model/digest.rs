//! The fingerprint of a checkpoint's weights, for records: computed when it is first asked for, since the first heatmap need not
//! wait for it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use super::checkpoint::WeightBytes;
use crate::domain::{Error, Result};

/// SHA-256 of a weights file; cheap to clone, and clones share what was computed.
#[derive(Clone)]
pub struct Digest {
    bytes: Option<Arc<WeightBytes>>,
    value: Arc<OnceLock<Result<String>>>,
}

/// Bytes that are hashed at a time.
const CHUNK: u64 = 1 << 20;

impl Digest {
    /// Of weights, later.
    pub fn of(bytes: Arc<WeightBytes>) -> Self {
        Self { bytes: Some(bytes), value: Arc::default() }
    }

    /// Of something that was hashed elsewhere, in hexadecimal.
    pub fn known(hexadecimal: impl Into<String>) -> Self {
        Self { bytes: None, value: Arc::new(Ok(hexadecimal.into()).into()) }
    }

    /// The digest in hexadecimal; the first call reads the whole file.
    ///
    /// A file that another has replaced since it was loaded is hashed as it was; one that was written to is refused, because its
    /// digest would name weights that nothing was computed with.
    ///
    /// # Errors
    /// A refusal that names the file.
    pub fn hexadecimal(&self) -> Result<&str> {
        let value = self.value.get_or_init(|| self.bytes.as_deref().map_or_else(|| Ok(String::new()), compute));
        value.as_deref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:?})", self.value.get())
    }
}

fn compute(bytes: &WeightBytes) -> Result<String> {
    let mut hash = Sha256::new();
    let mut start = 0;
    while start < bytes.len() {
        let count = CHUNK.min(bytes.len() - start);
        let part = bytes.read(start, count as usize);
        hash.update(part.map_err(|err| Error::refused(bytes.place(), format!("cannot be read again for its SHA-256 ({err})")))?);
        start += count;
    }
    if bytes.is_changed() {
        return Err(Error::refused(bytes.place(), "was written to since it was loaded")
            .expected("the weights that the figure was computed with")
            .remedy("start again"));
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
