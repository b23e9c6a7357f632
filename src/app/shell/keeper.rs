//! Keeps small files, such as preferences and the open session, so that they survive a close, a crash and a kill.
//!
//! The frame loop hands over snapshots and goes on. A thread turns the newest one of each name into text and writes it whole, or
//! not at all. Where two processes write to one folder, the last one wins file by file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The pause between two writes of one name.
const GAP: Duration = Duration::from_secs(1);
/// How long [`Keeper::drop`] waits for the last writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How the name of an unfinished file begins; the process number, a dot and a count follow.
const UNFINISHED: &str = ".tokenscope-keep.";
/// The age from which an unfinished file counts as left behind by a process that died.
const ABANDONED: Duration = Duration::from_secs(60);
/// Names that are tried, one after the other, where others are taken.
const ATTEMPTS: u32 = 1000;

/// Makes the text of a snapshot, or says why there is none.
type Text = Box<dyn FnOnce() -> Result<String, String> + Send>;

/// Writes the newest state of each name to a folder, beside the caller.
pub struct Keeper {
    shared: Arc<Shared>,
    /// The thread, and a channel that closes when the thread ends.
    thread: Option<(JoinHandle<()>, Receiver<Infallible>)>,
}

/// Holds what the caller and the thread share.
struct Shared {
    folder: PathBuf,
    gap: Duration,
    mailbox: Mutex<Mailbox>,
    wake: Condvar,
}

/// Holds what is guarded by the lock.
#[derive(Default)]
struct Mailbox {
    /// The newest snapshot of each name that is still to be written.
    texts: BTreeMap<&'static str, Text>,
    /// Names whose last write failed, with the message until it is handed out.
    failing: BTreeMap<&'static str, Option<String>>,
    /// Whether the keeper is being dropped.
    quits: bool,
}

impl Keeper {
    /// Creates a keeper for `folder`. Nothing is read or written yet, and the folder need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self::with_gap(folder, GAP)
    }

    /// Creates a keeper that pauses for `gap` after a write; tests need other pauses than [`GAP`].
    fn with_gap(folder: PathBuf, gap: Duration) -> Self {
        let shared = Shared { folder, gap, mailbox: Mutex::default(), wake: Condvar::new() };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// Hands over a state to be written to the file `name`. Never waits for the disk.
    ///
    /// `text` runs on the keeper's thread, so it should own a cheap snapshot. It never runs if a newer state of the same name comes
    /// first. When it fails, the old file stays.
    pub fn keep<E: Display>(&mut self, name: &'static str, text: impl FnOnce() -> Result<String, E> + Send + 'static) {
        let text = Box::new(move || text().map_err(|err| err.to_string()));
        // The older snapshot is freed after the lock is.
        let older = self.shared.lock().texts.insert(name, text);
        drop(older);
        if let Err(err) = self.start() {
            self.shared.fail(name, format!("{name} cannot be kept: no thread: {err}"));
        }
        self.shared.wake.notify_one();
    }

    /// Takes what is to be said of a failed write. Each name is told of once, until a write of it succeeds again.
    pub fn take_failure(&self) -> Option<String> {
        self.shared.lock().failing.values_mut().find_map(Option::take)
    }

    /// Starts the thread, unless it runs.
    fn start(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            let (ends, ended) = mpsc::channel();
            let shared = self.shared.clone();
            let work = move || {
                work(&shared);
                drop(ends);
            };
            self.thread = Some((thread::Builder::new().name("tokenscope-keeper".to_owned()).spawn(work)?, ended));
        }
        Ok(())
    }
}

impl Drop for Keeper {
    /// Writes what is pending, and gives up waiting after two seconds.
    fn drop(&mut self) {
        let Some((thread, ended)) = self.thread.take() else { return };
        self.shared.lock().quits = true;
        self.shared.wake.notify_one();
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected) {
            // Panics of snapshots were caught inside; joining only waits for the thread to end.
            drop(thread.join());
        }
    }
}

impl Shared {
    /// Locks the mailbox. No code of others runs under the lock, so the data is whole even when the lock says otherwise.
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a message, unless an earlier one of that name stands.
    fn fail(&self, name: &'static str, message: String) {
        self.lock().failing.entry(name).or_insert(Some(message));
    }

    /// Returns the next snapshot that is due, or `None` once all are written and the keeper is dropped.
    fn next(&self, due: &BTreeMap<&'static str, Instant>) -> Option<(&'static str, Text)> {
        let mut mailbox = self.lock();
        loop {
            let now = Instant::now();
            let wait_of = |name| due.get(name).map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
            let soonest = mailbox.texts.keys().map(|name| (wait_of(name), *name)).min();
            mailbox = match soonest {
                Some((wait, name)) if wait.is_zero() || mailbox.quits => return mailbox.texts.remove_entry(name),
                Some((wait, _)) => self.wake.wait_timeout(mailbox, wait).unwrap_or_else(PoisonError::into_inner).0,
                None if mailbox.quits => return None,
                None => self.wake.wait(mailbox).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Makes a text and writes it.
    fn write(&self, name: &'static str, text: Text) {
        let text = catch_unwind(AssertUnwindSafe(text)).unwrap_or_else(|_| Err("making its text panicked".to_owned()));
        let text = match text {
            Ok(text) => text,
            Err(why) => return self.fail(name, format!("{name} cannot be kept: {why}")),
        };
        let Err(err) = write(&self.folder, name, text.as_bytes()) else {
            self.lock().failing.remove(name);
            return;
        };
        self.fail(name, format!("{} cannot be written: {err}", self.folder.join(name).display()));
        let mut mailbox = self.lock();
        if !mailbox.quits {
            // Tried again after the pause, unless a newer state came meanwhile: the disk may have room again.
            mailbox.texts.entry(name).or_insert_with(|| Box::new(|| Ok(text)));
        }
    }
}

/// Runs the thread until the keeper is dropped and nothing is pending.
fn work(shared: &Shared) {
    sweep(&shared.folder);
    let mut due = BTreeMap::new();
    while let Some((name, text)) = shared.next(&due) {
        shared.write(name, text);
        // Counted from the end of a write, so that a slow disk rests too.
        due.insert(name, Instant::now() + shared.gap);
    }
}

/// Removes unfinished files that are older than [`ABANDONED`]. A process that was only stopped for so long writes its file again.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(is_unfinished);
        let is_old = |facts: fs::Metadata| Some(facts.is_file() && facts.modified().ok()?.elapsed().ok()? > ABANDONED);
        if is_ours && entry.metadata().ok().and_then(is_old).unwrap_or(false) {
            // What cannot be removed is in nobody's way.
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Returns whether a file name is one that [`begin`] gives.
fn is_unfinished(name: &str) -> bool {
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    let numbers = name.strip_prefix(UNFINISHED).and_then(|rest| rest.split_once('.'));
    numbers.is_some_and(|(process, count)| is_number(process) && is_number(count))
}

/// Writes a whole file beside its place and puts it there at once. A link in that place is replaced.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (mut file, unfinished) = begin(folder)?;
    let finish = || {
        file.write_all(bytes)?;
        // Else a power cut could leave the new name with nothing in it.
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished, folder.join(name))
    };
    finish().inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Creates an unfinished file that only its owner may read, since a session holds texts.
fn begin(folder: &Path) -> io::Result<(File, PathBuf)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for _ in 0..ATTEMPTS {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{UNFINISHED}{}.{count}", std::process::id()));
        match options.open(&path) {
            // A process of the same number left it, or runs in another container.
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, path)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Reads a file that was kept; `None` where there is none.
///
/// # Errors
/// Those of the system, and a refusal of what is no regular file or holds more than `most_bytes`.
pub fn read(folder: &Path, name: &str, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    // Looked at before it is opened: opening a pipe would wait for whoever is at its other end.
    let facts = match fs::metadata(&path) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        facts => facts?,
    };
    if !facts.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "is not a regular file"));
    }
    let mut bytes = Vec::new();
    if facts.len() <= most_bytes {
        // It may have grown since.
        File::open(&path)?.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    if facts.len().max(bytes.len() as u64) > most_bytes {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("is larger than {most_bytes} bytes")));
    }
    Ok(Some(bytes))
}

/// Renames a file that could not be understood, so that nothing is lost, and returns its new path.
///
/// The new name is `name.broken`, or `name.broken-2` and so on where that is taken.
///
/// # Errors
/// Those of the system.
pub fn set_aside(folder: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..=ATTEMPTS {
        let ending = if number == 1 { String::new() } else { format!("-{number}") };
        let aside = folder.join(format!("{name}.broken{ending}"));
        // An empty file takes the name first, so that two processes never choose the same one.
        match File::create_new(&aside) {
            Ok(taken) => drop(taken),
            Err(err) if err.kind() == ErrorKind::AlreadyExists => continue,
            Err(err) => return Err(err),
        }
        fs::rename(folder.join(name), &aside).inspect_err(|_| drop(fs::remove_file(&aside)))?;
        return Ok(aside);
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests;
