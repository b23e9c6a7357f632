//! The fingerprint of a checkpoint's weights, for records: computed when it is first asked for, since the first heatmap need not
//! wait for it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use super::Bytes;
use crate::domain::{Error, Result};

/// SHA-256 of the bytes of one file, or of several as if they were one, in the order of their names; cheap to clone, and clones
/// share what was computed.
#[derive(Clone)]
pub struct Digest {
    files: Vec<Arc<Bytes>>,
    value: Arc<OnceLock<Result<String>>>,
}

/// Bytes that are hashed at a time.
const CHUNK: u64 = 1 << 20;

impl Digest {
    /// Of files, later; of several, in the order given here, which should be that of their names.
    pub fn of(files: Vec<Arc<Bytes>>) -> Self {
        Self { files, value: Arc::default() }
    }

    /// Of something that was hashed elsewhere, in hexadecimal.
    pub fn known(hexadecimal: impl Into<String>) -> Self {
        Self { files: Vec::new(), value: Arc::new(Ok(hexadecimal.into()).into()) }
    }

    /// The digest in hexadecimal; the first call reads the files from end to end.
    ///
    /// A file that another has replaced since it was loaded is hashed as it was; one that was written to is refused, because its
    /// digest would name weights that nothing was computed with.
    ///
    /// # Errors
    /// A refusal that names the file.
    pub fn hexadecimal(&self) -> Result<&str> {
        self.value.get_or_init(|| compute(&self.files)).as_deref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:?})", self.value.get())
    }
}

fn compute(files: &[Arc<Bytes>]) -> Result<String> {
    let mut hash = Sha256::new();
    files.iter().try_for_each(|bytes| add(&mut hash, bytes))?;
    Ok(hexadecimal(&hash.finalize()))
}

fn add(hash: &mut Sha256, bytes: &Bytes) -> Result<()> {
    let (mut start, mut failed) = (0, None);
    while start < bytes.len() && failed.is_none() {
        let count = CHUNK.min(bytes.len() - start);
        match bytes.read(start, count as usize) {
            Ok(part) => hash.update(part),
            Err(err) => failed = Some(err),
        }
        start += count;
    }
    if bytes.is_changed() {
        return Err(Error::refused(bytes.place(), "was written to since it was loaded")
            .expected("the weights that the figure was computed with")
            .remedy("start again"));
    }
    failed.map_or(Ok(()), |err| Err(Error::refused(bytes.place(), format!("cannot be read again for its SHA-256 ({err})"))))
}

/// Bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
