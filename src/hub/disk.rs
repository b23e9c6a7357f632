//! How files get their places in the cache: locks, links from snapshots to blobs, references.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::nofollow;
use super::trouble::{refusal, unreadable};
use crate::domain::{Cancel, Error, Result};

/// Bytes that are compared at a time.
const CHUNK: usize = 1 << 20;
/// No reference is longer: it is the id of a commit.
const MAX_REFERENCE: u64 = 200;

/// Tells other programs that a file is being downloaded, for as long as what is returned lives; `None` where the file system
/// has no locks. The lock is the one that the hub's own library takes, and goes with the process that holds it.
pub(super) fn lock(path: &Path, what: &str) -> Result<Option<File>> {
    make_folder_of(path)?;
    let file = nofollow::open(path, File::options().write(true).create(true).truncate(false))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::refused(what, "is being downloaded already, by this or another program")
            .expected("one download of a file at a time")
            .remedy("wait until that has ended, then try again")),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Makes a snapshot's file a link to a blob; where links cannot be made, another name for it, or a copy.
///
/// # Errors
/// A refusal where a file of the user's own stands there, and of what cannot be written.
pub(super) fn link(blob: &Path, file: &Path, cancel: &Cancel) -> Result<()> {
    make_folder_of(file)?;
    if is_same(blob, file) {
        return Ok(());
    }
    match fs::symlink_metadata(file) {
        // A link to another blob, or to one that is gone, holds nothing of its own.
        Ok(facts) if facts.is_symlink() => {
            let is_stray = file.canonicalize().is_ok_and(|there| !is_in(&there, blob.parent()));
            if is_stray {
                return Err(own_file(file));
            }
        }
        // Another name for the blob, its copy, or somebody's own.
        Ok(_) => return if is_copy(blob, file, cancel)? { Ok(()) } else { Err(own_file(file)) },
        Err(_) => {}
    }
    let target = Path::new("../../blobs").join(blob.file_name().unwrap_or_default());
    let new = fresh(file, "new");
    let linked = symbolic_link(&target, &new).is_ok() && is_same(blob, &new);
    if !linked {
        drop(fs::remove_file(&new));
        fs::hard_link(blob, &new).or_else(|_| fs::copy(blob, &new).map(drop)).map_err(|err| abandoned(&new, file, &err))?;
    }
    fs::rename(&new, file).map_err(|err| abandoned(&new, file, &err))
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Whether a file lies directly in a folder.
fn is_in(file: &Path, folder: Option<&Path>) -> bool {
    folder.and_then(|folder| folder.canonicalize().ok()).is_some_and(|folder| file.parent() == Some(&folder))
}

/// Whether two files hold the same bytes.
fn is_copy(a: &Path, b: &Path, cancel: &Cancel) -> Result<bool> {
    let open = |path: &Path| nofollow::open(path, File::options().read(true));
    let (mut first, mut second) = (open(a)?, open(b)?);
    let length = |file: &File| file.metadata().map_or(0, |facts| facts.len());
    if length(&first) != length(&second) {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        cancel.check()?;
        let count = first.read(&mut left).map_err(|err| unreadable(a, &err))?;
        if count == 0 {
            return Ok(true);
        }
        if second.read_exact(&mut right[..count]).is_err() || left[..count] != right[..count] {
            return Ok(false);
        }
    }
}

/// The refusal of a file that stands in the place of one of the hub's, and of which the cache has no other copy.
pub(super) fn own_file(file: &Path) -> Error {
    Error::refused(file.display(), "is not the hub's file, and is not overwritten")
        .expected("a link to the hub's file, or nothing")
        .remedy("move it away and try again")
}

/// A name beside a file that nothing has.
fn fresh(file: &Path, extension: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.{}.{extension}", std::process::id()));
    // One that a program of the same number left when it was killed.
    drop(fs::remove_file(&new));
    new
}

fn abandoned(new: &Path, file: &Path, err: &io::Error) -> Error {
    drop(fs::remove_file(new));
    refusal(file, err)
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

/// Writes a reference, unless it says so already.
pub(super) fn refer(path: &Path, commit: &str) -> Result<()> {
    if reference(path).as_deref() == Some(commit) {
        return Ok(());
    }
    make_folder_of(path)?;
    // Not among the references, where a half-written one could be taken for one.
    let new = fresh(path.parent().unwrap_or(path), "new");
    let write = || {
        let mut file = File::options().write(true).create_new(true).open(&new)?;
        file.write_all(commit.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|err| abandoned(&new, path, &err))
}

/// The commit that a reference names; `None` where there is none that can be read.
pub(super) fn reference(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = nofollow::open(path, File::options().read(true)).ok()?;
    file.take(MAX_REFERENCE).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// Removes a blob that nobody wants, and the link to it.
pub(super) fn discard(blob: &Path, link: &Path) {
    if is_same(blob, link) {
        drop(fs::remove_file(link));
    }
    drop(fs::remove_file(blob));
}

/// Removes the folders of a model in which nothing is left.
pub(super) fn sweep(model: &Path, commit: &str) {
    let snapshots = model.join("snapshots");
    for folder in [snapshots.join(commit), snapshots, model.join("blobs"), model.join("refs"), model.to_owned()] {
        // A folder that holds something stays.
        drop(fs::remove_dir(folder));
    }
}

pub(super) fn make_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|err| refusal(folder, &err))
}
