//! Files on their way into the cache: a part that grows and may be continued later, then a blob, then a link to it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::{Cancel, Error, Result};

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// A file of which the first bytes are there.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    length: u64,
    restarts: u32,
}

impl Part {
    /// Continues what an earlier download left, or begins; the latter whatever is there, unless it `continues`.
    pub(super) fn open(path: PathBuf, continues: bool, cancel: &Cancel) -> Result<Self> {
        make_folder_of(&path)?;
        let unwritable = |err: io::Error| refusal(&path, &err);
        // Not `append`: on Windows a file that can only grow cannot be emptied.
        let mut options = File::options();
        let mut file = options.read(true).write(true).create(true).truncate(!continues).open(&path).map_err(unwritable)?;
        let (mut hash, mut length, mut bytes) = (Sha256::new(), 0, vec![0; CHUNK]);
        loop {
            cancel.check()?;
            match file.read(&mut bytes).map_err(unwritable)? {
                0 => break,
                count => {
                    hash.update(&bytes[..count]);
                    length += count as u64;
                }
            }
        }
        file.seek(io::SeekFrom::Start(length)).map_err(unwritable)?;
        Ok(Self { path, file, hash, length, restarts: 0 })
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// How often what was there was forgotten.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|err| refusal(&self.path, &err))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|err| refusal(&self.path, &err))?;
        (self.hash, self.length) = (Sha256::new(), 0);
        self.restarts = self.restarts.saturating_add(1);
        Ok(())
    }

    /// SHA-256 of what is there, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", self.hash.clone().finalize())
    }

    /// Puts the file in its place.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        self.file.sync_all().map_err(|err| refusal(&self.path, &err))?;
        drop(self.file);
        fs::rename(&self.path, to).map_err(|err| refusal(to, &err))
    }

    /// Removes what is there.
    pub(super) fn remove(self) -> Result<()> {
        drop(self.file);
        fs::remove_file(&self.path).map_err(|err| refusal(&self.path, &err))
    }
}

/// Says to other programs that a file is being downloaded, for as long as what is returned lives; `None` where the file system
/// knows no locks. The lock is the one that the hub's own library takes, and goes with the process that holds it.
pub(super) fn lock(path: &Path, what: &str) -> Result<Option<File>> {
    make_folder_of(path)?;
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(|err| refusal(path, &err))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::refused(what, "is being downloaded already, by this or another program")
            .remedy("wait until that has ended, then try again")),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Makes a snapshot's file a link to a blob; where links cannot be made, another name for it, or a copy.
pub(super) fn link(blob: &Path, file: &Path) -> Result<()> {
    make_folder_of(file)?;
    let bytes = |path: &Path| fs::metadata(path).ok().map(|facts| facts.len());
    if file.canonicalize().ok().is_some_and(|there| blob.canonicalize().is_ok_and(|blob| blob == there)) {
        return Ok(());
    }
    match fs::remove_file(file) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(refusal(file, &err)),
        _ => {}
    }
    let target = Path::new("../../blobs").join(blob.file_name().unwrap_or_default());
    let linked = symbolic_link(&target, file).is_ok() && bytes(file) == bytes(blob);
    if linked {
        return Ok(());
    }
    drop(fs::remove_file(file));
    fs::hard_link(blob, file).or_else(|_| fs::copy(blob, file).map(drop)).map_err(|err| refusal(file, &err))
}

#[cfg(unix)]
fn symbolic_link(target: &Path, file: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, file)
}

#[cfg(windows)]
fn symbolic_link(target: &Path, file: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target.components().collect::<PathBuf>(), file)
}

#[cfg(not(any(unix, windows)))]
fn symbolic_link(_target: &Path, _file: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes a short file at once.
pub(super) fn put(path: &Path, text: &str) -> Result<()> {
    make_folder_of(path)?;
    let part = path.with_extension("incomplete");
    fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(|err| refusal(path, &err))
}

fn make_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|err| refusal(folder, &err))
}

/// What to say of a place in the cache that cannot be written.
pub(super) fn refusal(path: &Path, err: &io::Error) -> Error {
    let remedy = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and go on, or set HF_HUB_CACHE to a folder on a larger disk"
        }
        _ => "set HF_HUB_CACHE to a folder that you may write to",
    };
    let what = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("the disk is full ({err})"),
        _ => format!("cannot be written ({err})"),
    };
    Error::refused(path.display(), what).remedy(remedy)
}
