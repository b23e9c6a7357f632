//! Checksums that the hub announces. It names the content of large files by their SHA-256, and that of small ones by git's SHA-1
//! of a blob, which covers the length, too (git-scm.com/book/en/v2/Git-Internals-Git-Objects).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::trouble;
use crate::domain::Result;

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// What an `ETag` says of a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    /// SHA-256, in lower case.
    Sha256(String),
    /// SHA-1, in lower case: git's of a blob, or that of the bytes alone, which some mirrors send.
    Sha1(String),
    /// Nothing that can be checked.
    Unknown,
}

impl Checksum {
    /// Reads an `ETag` without its quotes.
    pub(super) fn of(etag: &str) -> Self {
        let is_hex = etag.bytes().all(|b| b.is_ascii_hexdigit());
        match etag.len() {
            64 if is_hex => Self::Sha256(etag.to_ascii_lowercase()),
            40 if is_hex => Self::Sha1(etag.to_ascii_lowercase()),
            _ => Self::Unknown,
        }
    }

    /// Whether there is something to check.
    pub(super) fn is_known(&self) -> bool {
        *self != Self::Unknown
    }

    /// The name of the algorithm.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Sha1(_) => "SHA-1",
            Self::Unknown => "checksum",
        }
    }

    /// Reads a file from its beginning, and returns whether it is the right one; `step` gets the number of bytes that have been
    /// read, and may stop the reading with an error. A file that cannot be checked is taken for right, unread.
    ///
    /// # Errors
    /// A refusal of a file that cannot be read; what `step` returns.
    pub(super) fn holds(&self, file: &mut File, path: &Path, step: &mut dyn FnMut(u64) -> Result<()>) -> Result<bool> {
        if !self.is_known() {
            return Ok(true);
        }
        let unreadable = |err: io::Error| trouble::unreadable(path, &err);
        let bytes = file.metadata().map_err(unreadable)?.len();
        let (mut sha256, mut plain, mut git) = (Sha256::new(), Sha1::new(), Sha1::new());
        git.update(format!("blob {bytes}\0"));
        file.rewind().map_err(unreadable)?;
        let (mut buffer, mut done) = (vec![0; CHUNK], 0);
        loop {
            step(done)?;
            let count = file.read(&mut buffer).map_err(unreadable)?;
            if count == 0 {
                break;
            }
            done += count as u64;
            match self {
                Self::Sha256(_) => sha256.update(&buffer[..count]),
                _ => [&mut plain, &mut git].into_iter().for_each(|hash| hash.update(&buffer[..count])),
            }
        }
        Ok(match self {
            Self::Sha256(right) => format!("{:x}", sha256.finalize()) == *right,
            Self::Sha1(right) => [git, plain].into_iter().any(|hash| format!("{:x}", hash.finalize()) == *right),
            Self::Unknown => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn holds(etag: &str, content: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Checksum::of(etag).holds(&mut file, Path::new("x"), &mut |_| Ok(())).unwrap()
    }

    #[test]
    fn content_is_checked_by_the_kind_of_its_name() {
        // `git hash-object`, sha1sum and sha256sum of "hello\n".
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha1 = "F572D396FAE9206628714FB2CE00F72E94F2258F";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for etag in [git, sha1, sha256] {
            assert!(holds(etag, b"hello\n") && !holds(etag, b"hellp\n") && !holds(etag, b"hello\n\n"), "{etag}");
        }
        for unknown in ["", "c0ffee", "5f-61a", &git.replace('c', "g")] {
            assert!(!Checksum::of(unknown).is_known() && holds(unknown, b"anything"), "{unknown}");
        }
    }
}
