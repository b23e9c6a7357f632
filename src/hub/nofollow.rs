//! Opens files of the cache without following links. Several people may write to one cache; a link that one of them leaves in the
//! place of a file must not choose what another one's program reads or overwrites.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use super::trouble::{refusal, unreadable};
use crate::domain::{Error, Result};

/// Opens a file, with the flags of `options`; never through a link, never a folder, a pipe or a device.
///
/// # Errors
/// A refusal of what stands there in place of a file, and of a file that cannot be opened.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    refuse_to_follow(options);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(err) => return Err(obstacle(path).unwrap_or_else(|| refusal(path, &err))),
    };
    match file.metadata() {
        Ok(facts) if facts.is_file() => Ok(file),
        Ok(_) => Err(obstacle(path).unwrap_or_else(|| in_the_way(path, "is no file"))),
        Err(err) => Err(unreadable(path, &err)),
    }
}

/// As [`open`], for a file that is going to be changed; never one that has a second name, under which it may be somebody's own.
///
/// # Errors
/// Those of [`open`], and a refusal of a file with two names.
pub(super) fn open_own(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let file = open(path, options)?;
    let is_alone = file.metadata().is_ok_and(|facts| is_alone(&facts));
    if is_alone { Ok(file) } else { Err(in_the_way(path, "has a second name elsewhere (a hard link)")) }
}

/// Refuses a folder that is a link.
///
/// # Errors
/// That refusal.
pub(super) fn check_folder(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(facts) if !facts.is_dir() => Err(obstacle(path).unwrap_or_else(|| in_the_way(path, "is no folder"))),
        _ => Ok(()),
    }
}

/// What stands in a place and is no file.
fn obstacle(path: &Path) -> Option<Error> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    let what = match kind {
        _ if kind.is_file() => return None,
        _ if kind.is_symlink() => "is a link, which is not followed here",
        _ if kind.is_dir() => "is a folder",
        _ => "is a pipe or a device",
    };
    Some(in_the_way(path, what))
}

fn in_the_way(path: &Path, what: &str) -> Error {
    Error::refused(path.display(), what)
        .expected("a file or a folder of the cache itself")
        .remedy("remove it and try again, or set HF_HUB_CACHE to a folder that only you may write to")
}

#[cfg(unix)]
fn refuse_to_follow(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe is opened at once, and refused, instead of waiting for whoever is at its other end.
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
}

#[cfg(windows)]
fn refuse_to_follow(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt;
    /// FILE_FLAG_OPEN_REPARSE_POINT: a link is opened itself, and refused because it is no file.
    const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    options.custom_flags(OPEN_REPARSE_POINT);
}

#[cfg(not(any(unix, windows)))]
fn refuse_to_follow(_options: &mut OpenOptions) {}

/// Whether a file has no second name.
#[cfg(unix)]
fn is_alone(facts: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(facts) <= 1
}

#[cfg(not(unix))]
fn is_alone(_facts: &fs::Metadata) -> bool {
    true
}
