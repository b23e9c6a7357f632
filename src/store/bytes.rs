//! Bytes that stay where they are until they are asked for: of a file on disk, or inside the program.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::domain::{Error, Result};

/// The bytes of a file that holds tensors.
#[derive(Debug)]
pub struct Bytes {
    place: String,
    length: u64,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// Held open, so that a file put in its place later is not mistaken for it.
    File {
        file: File,
        modified: Option<SystemTime>,
    },
    Embedded(&'static [u8]),
}

impl Bytes {
    /// Opens a file.
    ///
    /// # Errors
    /// A refusal of what is missing, may not be read, or is no regular file.
    pub fn open(path: &Path) -> Result<Self> {
        let unreadable = |err: io::Error| unreadable(path, &err);
        // Asked of the path, not of the opened file: opening a pipe would wait for its writer.
        let place = path.display().to_string();
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Error::refused(place, "is not a regular file").expected("a whole file of tensors"));
        }
        let file = File::open(path).map_err(unreadable)?;
        let facts = file.metadata().map_err(unreadable)?;
        Ok(Self { place, length: facts.len(), origin: Origin::File { file, modified: facts.modified().ok() } })
    }

    /// Bytes inside the program, which refusals call `place`.
    pub fn embedded(place: String, bytes: &'static [u8]) -> Self {
        Self { place, length: bytes.len() as u64, origin: Origin::Embedded(bytes) }
    }

    /// The file as a refusal calls it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// `count` bytes from byte `start` on; bytes inside the program are not copied.
    ///
    /// # Errors
    /// Those of the file, or that it ends before.
    pub fn read(&self, start: u64, count: usize) -> io::Result<Cow<'static, [u8]>> {
        if start.checked_add(count as u64).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.origin {
            Origin::File { file, .. } => {
                let mut bytes = vec![0; count];
                read_at(file, start, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
            Origin::Embedded(bytes) => {
                let slice = usize::try_from(start).ok().and_then(|start| bytes.get(start..start.checked_add(count)?));
                slice.map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    /// Whether a file was written to since it was opened.
    pub fn is_changed(&self) -> bool {
        match &self.origin {
            Origin::File { file, modified } => {
                file.metadata().map_or(true, |facts| facts.len() != self.length || facts.modified().ok() != *modified)
            }
            Origin::Embedded(_) => false,
        }
    }
}

/// The folder that a file stands in, also where its path names none.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Fills `bytes` from `start` on. Where the system can, without moving the place that all readers of the file share.
#[cfg(unix)]
fn read_at(file: &File, start: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

/// The same where there is no such reading: one reader at a time.
#[cfg(not(unix))]
fn read_at(mut file: &File, start: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytes)
}

/// What to say of a file that cannot be read at all.
pub fn unreadable(path: &Path, err: &io::Error) -> Error {
    let (what, remedy) = match err.kind() {
        io::ErrorKind::NotFound => ("there is no such file".to_owned(), "check the path"),
        io::ErrorKind::PermissionDenied => ("may not be read".to_owned(), "check the file's permissions"),
        _ => (format!("cannot be read ({err})"), ""),
    };
    Error::refused(path.display(), what).remedy(remedy)
}

/// Reads a whole file.
///
/// # Errors
/// A refusal of a file that cannot be read, of what is no file (reading a pipe or a device may never end), and of one with more than
/// `most` bytes; `expected` says what should be there.
pub fn read_file(path: &Path, most: u64, expected: &str) -> Result<Vec<u8>> {
    let facts = fs::metadata(path).map_err(|err| unreadable(path, &err))?;
    let what = match facts.len() {
        _ if !facts.is_file() => "is no file".to_owned(),
        bytes if bytes > most => format!("has {} MB", bytes.div_ceil(1 << 20)),
        _ => return fs::read(path).map_err(|err| unreadable(path, &err)),
    };
    Err(Error::refused(path.display(), what).expected(format!("{expected} of at most {} MB", most >> 20)))
}
