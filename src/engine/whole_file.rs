//! Files that appear whole or not at all: written beside their place under another name, then put there at once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::domain::{Error, Result};
use crate::store::folder_of;

/// A file that is not in its place yet. Dropped unfinished, it leaves what stood there as it was.
#[derive(Debug)]
pub struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file in the folder of `path`.
    ///
    /// # Errors
    /// A refusal that names the path and what the system says.
    pub fn create(path: &Path) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tokenscope");
        #[cfg(unix)]
        builder.permissions(permissions_of(path));
        let file = builder.tempfile_in(folder_of(path)).map_err(|err| refusal(path, &err))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn finish(self) -> Result<()> {
        self.file.persist(&self.path).map_err(|err| refusal(&self.path, &err.error))?;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What to say of a file that cannot be written.
pub fn refusal(path: &Path, err: &io::Error) -> Error {
    let remedy = match err.kind() {
        io::ErrorKind::PermissionDenied => "choose a folder that you may write to",
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::StorageFull => "free some space",
        _ => "",
    };
    Error::refused(path.display(), format!("cannot be written: {err}")).remedy(remedy)
}

/// A file that is replaced keeps its permissions; a new one has what the user's umask leaves, unlike a temporary file.
#[cfg(unix)]
fn permissions_of(path: &Path) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    let old = path.metadata().ok().map(|m| m.permissions());
    old.unwrap_or_else(|| PermissionsExt::from_mode(0o666))
}
