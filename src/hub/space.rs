//! Room on the disk: looked at before a model is downloaded, and again while it comes, because other programs write as well.

use std::path::Path;

use crate::domain::{Error, Result};

/// Bytes that a download leaves free. A disk without any keeps other programs from saving their work.
pub(super) const RESERVE: u64 = 64 << 20;

/// Tells how many bytes may still be written below a folder; `None` where the system does not say.
#[derive(Clone, Copy, Debug)]
pub struct FreeSpace(pub fn(&Path) -> Option<u64>);

impl Default for FreeSpace {
    /// What the system says of the disk.
    fn default() -> Self {
        Self(|folder| {
            // The cache need not be there yet.
            let there = folder.ancestors().find(|folder| folder.exists())?;
            // Some file systems of the network say nothing, in the form of zeros.
            fs4::statvfs(there).ok().filter(|disk| disk.total_space() > 0).map(|disk| disk.available_space())
        })
    }
}

impl PartialEq for FreeSpace {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for FreeSpace {}

impl FreeSpace {
    /// Refuses to write `bytes` more below a folder if that leaves less than [`RESERVE`] of the disk.
    ///
    /// # Errors
    /// A refusal that says how much is missing.
    pub(super) fn check(self, folder: &Path, what: &str, bytes: u64) -> Result<()> {
        match self.0(folder) {
            Some(free) if free < bytes.saturating_add(RESERVE) => {
                let has = format!("the disk has {} left, and {what} takes {}", megabytes(free), megabytes(bytes));
                Err(Error::refused(folder.display(), has)
                    .expected(format!("{} more than that to stay free", megabytes(RESERVE)))
                    .remedy(
                        "free some space and try again (what has come is kept), or set HF_HUB_CACHE to a folder on a larger disk",
                    ))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes as `12.3 MB`, or in GB from a thousand of these on.
pub fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 { format!("{megabytes:.1} MB") } else { format!("{:.2} GB", megabytes / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_leaves_some_room() {
        let check = |free: fn(&Path) -> Option<u64>, bytes| FreeSpace(free).check(Path::new("/c"), "x", bytes);
        assert_eq!(check(|_| None, u64::MAX), Ok(()));
        assert_eq!(check(|_| Some(RESERVE + 5), 5), Ok(()));
        let line = check(|_| Some(RESERVE + 5_000_000), 6_000_000).unwrap_err().to_string();
        assert!(line.starts_with("/c: the disk has 72.1 MB left, and x takes 6.0 MB; expected 67.1 MB more"), "{line}");
        check(|_| Some(u64::MAX - 1), u64::MAX).unwrap_err();
        let folder = tempfile::tempdir().unwrap();
        assert!(FreeSpace::default().0(&folder.path().join("not/there/yet")).is_some_and(|free| free > 0));
    }
}
