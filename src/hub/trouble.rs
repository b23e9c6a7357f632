//! Files and folders of the cache that the system does not let us write or read: what to say of them.

use std::io;
use std::path::Path;

use crate::domain::Error;

/// The refusal of a place in the cache that cannot be written.
pub(super) fn refusal(path: &Path, err: &io::Error) -> Error {
    let is_full = matches!(err.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if is_full {
        return Error::refused(path.display(), format!("the disk is full ({err})"))
            .expected("room for the rest of the download")
            .remedy("free some space and go on, or set HF_HUB_CACHE to a folder on a larger disk");
    }
    Error::refused(path.display(), format!("cannot be written ({err})"))
        .expected("a folder that you may write to")
        .remedy("set HF_HUB_CACHE to one")
}

/// The refusal of a file of the cache that cannot be read.
pub(super) fn unreadable(path: &Path, err: &io::Error) -> Error {
    Error::refused(path.display(), format!("cannot be read ({err})"))
        .expected("a file of the cache")
        .remedy("remove it and download the model again")
}
