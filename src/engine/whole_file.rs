//! Files that appear whole or not at all: written beside their place under another name, then put there at once.
//!
//! A link keeps standing and its target is replaced. What is no file (a folder, a device, a pipe) is refused. A process that is
//! killed leaves its unfinished file behind; the next one that writes into that folder removes it.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::domain::{Error, Result};
use crate::store::folder_of;

/// How the name of an unfinished file begins and ends; between stand [`RANDOM`] letters and digits.
const BEGINS: &str = ".tokenscope";
const ENDS: &str = ".part";
const RANDOM: usize = 6;
/// Links that are followed, one after the other.
const MOST_LINKS: usize = 40;
/// Attempts to begin a file that another process takes for one that was left behind.
const ATTEMPTS: usize = 16;

/// A file that is not in its place yet. Dropped unfinished, it leaves what stood there as it was.
#[derive(Debug)]
pub struct WholeFile {
    file: NamedTempFile,
    /// As it was named.
    path: PathBuf,
    /// Where its links lead.
    place: PathBuf,
}

impl WholeFile {
    /// Begins a file in the folder of `path`, or where the link of that name leads.
    ///
    /// # Errors
    /// A refusal that names the path and what the system says, or what stands there that is no file.
    pub fn create(path: &Path) -> Result<Self> {
        if let Some(what) = obstacle(path) {
            return Err(Error::refused(path.display(), what).expected("a file").remedy("choose another name"));
        }
        let place = place_of(path).map_err(|err| refusal(path, &err))?;
        let file = begin(&place).map_err(|err| refusal(path, &err))?;
        sweep(folder_of(&place));
        Ok(Self { file, path: path.to_owned(), place })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn finish(self) -> Result<()> {
        self.file.persist(&self.place).map_err(|err| refusal(&self.path, &err.error))?;
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

/// Refuses, before any computing, a name under which no file can be written; `flag` is what it was named by.
///
/// # Errors
/// A refusal of what is there and is no file, and of a folder that does not exist.
pub fn check(flag: &str, path: &Path) -> Result<()> {
    let refused = |what: &str| Error::refused(format!("{flag} {}", path.display()), what);
    if let Some(what) = obstacle(path) {
        return Err(refused(what).expected("a file").remedy("choose another name"));
    }
    let place = place_of(path).map_err(|err| refused(&err.to_string()).remedy("choose another name"))?;
    if !folder_of(&place).is_dir() {
        return Err(refused("its folder does not exist").remedy("make the folder first"));
    }
    Ok(())
}

/// What stands in a place and is no file.
fn obstacle(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_dir() { "is a folder" } else { special(kind) })
}

#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "is a pipe"
    } else if kind.is_socket() {
        "is a socket"
    } else {
        "is a device"
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "is no file"
}

/// The place that a name leads to, whether or not a file is there yet: links are followed, the last one too where nothing stands at
/// its end.
///
/// # Errors
/// Those of the links, and of links that lead in a circle.
pub fn place_of(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&place) {
            Ok(facts) if facts.is_symlink() => place = folder_of(&place).join(fs::read_link(&place)?),
            _ => return Ok(place),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// An unfinished file that this process holds a lock on, so that no other one removes it. Where the file system knows no locks,
/// unfinished files are never removed.
fn begin(place: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(BEGINS).suffix(ENDS).rand_bytes(RANDOM);
    #[cfg(unix)]
    builder.permissions(permissions_of(place));
    for _ in 0..ATTEMPTS {
        let file = builder.tempfile_in(folder_of(place))?;
        match file.as_file().try_lock() {
            // Between its creation and its lock another process may have removed it.
            Ok(()) if !file.path().exists() => {}
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::Error::other("another process removes what is written there"))
}

/// Folders that were swept by this process: once is enough.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what killed processes left in a folder. What cannot be removed stays: it is in nobody's way.
fn sweep(folder: &Path) {
    if !SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned()) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_unfinished = entry.file_name().to_str().is_some_and(is_unfinished);
        if is_unfinished && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            drop(remove_unless_in_use(&entry.path()));
        }
    }
}

fn is_unfinished(name: &str) -> bool {
    let random = name.strip_prefix(BEGINS).and_then(|rest| rest.strip_suffix(ENDS));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The lock of a process goes with it.
fn remove_unless_in_use(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.try_lock()?;
    fs::remove_file(path)
}

/// What to say of a file that cannot be written.
pub fn refusal(path: &Path, err: &io::Error) -> Error {
    let remedy = match err.kind() {
        io::ErrorKind::PermissionDenied => "choose a folder that you may write to",
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        _ => "",
    };
    Error::refused(path.display(), format!("cannot be written: {err}")).remedy(remedy)
}

/// A file that is replaced keeps its permissions; a new one has what the user's umask leaves, unlike a temporary file.
#[cfg(unix)]
fn permissions_of(path: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    let old = path.metadata().ok().map(|m| m.permissions());
    old.unwrap_or_else(|| PermissionsExt::from_mode(0o666))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, text: &str) -> Result<()> {
        let mut file = WholeFile::create(path)?;
        file.write_all(text.as_bytes()).unwrap();
        file.finish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let others =
            [".tokenscope", ".tokenscopeconfig", ".tokenscope12345.part", ".tokenscope1234567.part", "tokenscope123456.part"];
        others.iter().for_each(|name| fs::write(at(name), "mine").unwrap());
        fs::write(at(".tokenscopeAbC123.part"), "half").unwrap();
        fs::write(at(".tokenscopeinuse1.part"), "half").unwrap();
        let in_use = File::options().write(true).open(at(".tokenscopeinuse1.part")).unwrap();
        in_use.lock().unwrap();
        fs::create_dir(at(".tokenscopefolder.part")).unwrap();
        written(&at("a.txt"), "a").unwrap();
        let mut expected: Vec<&str> = others.to_vec();
        expected.extend([".tokenscopeinuse1.part", ".tokenscopefolder.part", "a.txt"]);
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn two_files_are_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = WholeFile::create(&folder.path().join("a")).unwrap();
        SWEPT.lock().unwrap().clear();
        written(&folder.path().join("b"), "b").unwrap();
        first.write_all(b"a").unwrap();
        first.finish().unwrap();
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_keep_standing_and_their_targets_are_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("deep/old"), "old").unwrap();
        symlink("deep/old", at("first")).unwrap();
        symlink(at("first"), at("second")).unwrap();
        symlink("deep/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        symlink("nowhere/new", at("lost")).unwrap();
        written(&at("second"), "new").unwrap();
        written(&at("dangling"), "there").unwrap();
        assert_eq!((fs::read(at("deep/old")).unwrap(), fs::read(at("deep/new")).unwrap()), (b"new".to_vec(), b"there".to_vec()));
        assert!(["first", "second", "dangling"].iter().all(|name| at(name).is_symlink()));
        for (name, what) in [("circle", "circle"), ("lost", "its folder does not exist"), ("deep", "is a folder")] {
            let err = check("--out", &at(name)).unwrap_err().to_string();
            assert!(err.starts_with("--out ") && err.contains(what), "{err}");
            assert!(written(&at(name), "x").is_err(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("socket", folder.path().join("link")).unwrap();
        for name in ["socket", "link"] {
            let path = folder.path().join(name);
            assert!(check("--out", &path).unwrap_err().to_string().contains("is a socket"));
            assert!(written(&path, "x").unwrap_err().to_string().contains("is a socket"));
        }
    }
}
