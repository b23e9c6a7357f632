//! Standard output, where answers are printed: what cannot be printed is no success.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::{Error, Result};

/// Lines on standard output. Nobody reading any more, as behind `head`, is success.
///
/// # Errors
/// A refusal that says what the system says, such as that the disk is full.
pub(super) fn print(text: impl Display) -> Result<()> {
    check(writeln!(io::stdout(), "{text}"))
}

/// Writes out what was printed so far.
///
/// # Errors
/// As [`print()`].
pub(super) fn flush() -> Result<()> {
    refused(io::stdout().flush())
}

/// What to make of the end of a write to standard output.
///
/// # Errors
/// As [`print()`].
pub(super) fn check(written: io::Result<()>) -> Result<()> {
    if WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(Error::refused("standard output", "is closed").remedy("send it to a file, or to /dev/null"));
    }
    refused(written)
}

fn refused(written: io::Result<()>) -> Result<()> {
    match written {
        Err(err) if err.kind() != io::ErrorKind::BrokenPipe => Err(refusal(&err)),
        _ => Ok(()),
    }
}

fn refusal(err: &io::Error) -> Error {
    let words = err.to_string();
    // The number of the error says nothing more.
    let what = words.split(" (os error").next().unwrap_or(&words);
    let remedy = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or send it elsewhere",
        _ => "send it elsewhere",
    };
    Error::refused("standard output", what).remedy(remedy)
}

/// Whether the program was started without a standard output (`>&-`). Rust's runtime opens /dev/null in its place before `main`,
/// where all that is printed would vanish without an error.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

#[cfg(target_os = "linux")]
mod start {
    use super::{Ordering, WAS_CLOSED};

    /// Run by the loader before Rust's runtime.
    #[used]
    #[expect(unsafe_code, reason = "where a static lies is told to the linker; functions there take no arguments that are read")]
    #[unsafe(link_section = ".init_array")]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        let closed = std::fs::symlink_metadata("/proc/self/fd/1").is_err_and(|err| err.kind() == std::io::ErrorKind::NotFound);
        // Without /proc nothing is known.
        let closed = closed && std::fs::symlink_metadata("/proc/self/fd").is_ok();
        WAS_CLOSED.store(closed, Ordering::Relaxed);
    }
}
