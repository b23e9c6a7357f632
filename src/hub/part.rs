//! A file on its way into the cache: it grows under a name of its own, may be continued later, and gets its final name once it is
//! whole and right.

use std::fs::{self, File};
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::checksum::Checksum;
use super::disk::make_folder_of;
use super::nofollow;
use super::trouble::{refusal, unreadable};
use crate::domain::{Cancel, Result};

/// A file of which the first bytes are there.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    restarts: u32,
    is_pieced: bool,
    tag: String,
}

impl Part {
    /// Continues what an earlier download left, if `continues`; else begins anew, whatever is there.
    pub(super) fn open(path: PathBuf, continues: bool) -> Result<Self> {
        make_folder_of(&path)?;
        let mut file = nofollow::open_own(&path, File::options().read(true).write(true).create(true).truncate(false))?;
        // Emptied only now that it is known to be a file of the cache.
        let emptied = if continues { Ok(()) } else { file.set_len(0) };
        let length = emptied.and_then(|()| file.seek(SeekFrom::End(0))).map_err(|err| refusal(&path, &err))?;
        Ok(Self { path, file, length, restarts: 0, is_pieced: length > 0, tag: String::new() })
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// How often the bytes were forgotten.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Whether the bytes came in several answers.
    pub(super) fn is_pieced(&self) -> bool {
        self.is_pieced
    }

    /// Notes that an answer continues what is there, and its name of the content; returns whether an earlier answer had another.
    pub(super) fn continues(&mut self, tag: &str) -> bool {
        let is_other = self.length > 0 && !self.tag.is_empty() && !tag.is_empty() && self.tag != tag;
        self.is_pieced |= self.length > 0;
        tag.clone_into(&mut self.tag);
        is_other
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|err| refusal(&self.path, &err))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets the bytes.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|err| refusal(&self.path, &err))?;
        (self.length, self.is_pieced) = (0, false);
        self.restarts = self.restarts.saturating_add(1);
        Ok(())
    }

    /// Whether what is on the disk is what was announced.
    pub(super) fn holds(&mut self, checksum: &Checksum, cancel: &Cancel) -> Result<bool> {
        let holds = checksum.holds(&mut self.file, &self.path, &mut |_| cancel.check())?;
        self.file.seek(SeekFrom::End(0)).map_err(|err| refusal(&self.path, &err))?;
        Ok(holds)
    }

    /// Whether what is there is JSON from its beginning to its end.
    pub(super) fn is_json(&mut self) -> Result<bool> {
        self.file.rewind().map_err(|err| unreadable(&self.path, &err))?;
        let is_json = serde_json::from_reader::<_, IgnoredAny>(BufReader::new(&self.file)).is_ok();
        self.file.seek(SeekFrom::End(0)).map_err(|err| refusal(&self.path, &err))?;
        Ok(is_json)
    }

    /// Puts the file in its place.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        self.file.sync_all().map_err(|err| refusal(&self.path, &err))?;
        drop(self.file);
        fs::rename(&self.path, to).map_err(|err| refusal(to, &err))
    }

    /// Removes the file.
    pub(super) fn remove(self) {
        drop(self.file);
        // What cannot be removed is empty or found out by its checksum.
        drop(fs::remove_file(&self.path));
    }
}
