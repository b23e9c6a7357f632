//! One file on its way from the hub into the cache: continued where an earlier try broke off, checked, and put among the blobs.

use std::fs::{self, File};
use std::path::Path;

use super::answers::Expected;
use super::checksum::Checksum;
use super::disk::{self, lock};
use super::files::limit;
use super::listing::{CHECK_ENDPOINT, Plan, RemoteFile, SIGN_IN};
use super::nofollow;
use super::part::Part;
use super::settings::Settings;
use super::transfer::Transfer;
use super::tries::Tries;
use super::trouble::unreadable;
use super::wire::{Answer, Ask, Attempt, Client, Failure, Retry};
use crate::domain::{Error, Notice, Result};

/// Bytes that new tries must bring to be given more of them.
const PROGRESS: u64 = 8 << 10;
/// Bytes after which the room on the disk is looked at again.
const LOOK_EVERY: u64 = 16 << 20;

/// A file on its way: what is known of it before it comes.
pub(super) struct Arrival<'a> {
    pub(super) settings: &'a Settings,
    pub(super) client: &'a Client,
    pub(super) plan: &'a Plan,
    pub(super) file: &'a RemoteFile,
    /// The name of its content.
    pub(super) etag: String,
    /// How the content is checked.
    pub(super) checksum: Checksum,
    /// Bytes of the files before it.
    pub(super) before: u64,
    pub(super) transfer: &'a Transfer,
}

/// The address of a file.
pub(super) fn url(settings: &Settings, plan: &Plan, file: &RemoteFile) -> String {
    format!("{}/{}/resolve/{}/{}", settings.endpoint, plan.id, plan.commit, file.name)
}

impl Arrival<'_> {
    /// Says how many bytes of the file are there.
    pub(super) fn show(&self, length: u64) {
        self.transfer.progress.set(usize::try_from(self.before.saturating_add(length)).unwrap_or(usize::MAX));
    }

    fn what(&self) -> String {
        format!("{} of {}", self.file.name, self.plan.id)
    }

    /// The bytes of a blob that is there and whole; `None` for one that has to be fetched.
    ///
    /// # Errors
    /// A refusal of what is no file, or cannot be read.
    pub(super) fn examine(&self, blob: &Path) -> Result<Option<u64>> {
        if fs::symlink_metadata(blob).is_err() {
            return Ok(None);
        }
        let whole = self.whole(blob)?;
        if whole.is_none() {
            let what = format!("{} was damaged on this disk, and was fetched again", self.what());
            self.transfer.mention(Notice::new(blob.display(), what));
        }
        Ok(whole)
    }

    /// The bytes of a snapshot's file that is no link but the content itself, as on systems without links; `None` if there is none,
    /// or none that can be checked.
    ///
    /// # Errors
    /// A refusal of a file with other content, which is the user's own or damaged.
    pub(super) fn in_snapshot(&self, name: &Path) -> Result<Option<u64>> {
        let is_file = fs::symlink_metadata(name).is_ok_and(|facts| facts.is_file());
        if !is_file || !self.checksum.is_known() {
            return Ok(None);
        }
        self.whole(name)?.map(Some).ok_or_else(|| disk::own_file(name))
    }

    /// The bytes of a file that has the right length and content; `None` of one that has not.
    fn whole(&self, path: &Path) -> Result<Option<u64>> {
        let mut file = nofollow::open(path, File::options().read(true))?;
        let bytes = file.metadata().map_err(|err| unreadable(path, &err))?.len();
        let step = &mut |done| {
            self.show(done);
            self.transfer.cancel.check()
        };
        let is_whole = self.file.size.is_none_or(|size| size == bytes) && self.checksum.holds(&mut file, path, step)?;
        Ok(is_whole.then_some(bytes))
    }

    /// Fetches the file and puts it among the blobs, in place of what is there; returns its bytes.
    ///
    /// # Errors
    /// A refusal that says what to do, or [`Error::Cancelled`]. What has come is kept if it can be continued.
    pub(super) fn bring(&self, lock_file: &Path, blob: &Path) -> Result<u64> {
        let _lock = lock(lock_file, &self.what())?;
        // Whoever held the lock before may have put it there.
        if let Some(bytes) = self.examine(blob)? {
            return Ok(bytes);
        }
        // What was left is continued only where it will be found out if it is wrong.
        let mut part = Part::open(blob.with_file_name(format!("{}.incomplete", self.etag)), self.checksum.is_known())?;
        match self.complete(&mut part).and_then(|()| self.check(&mut part)) {
            Ok(()) => {
                let bytes = part.len();
                part.finish(blob)?;
                Ok(bytes)
            }
            Err(err) => {
                if part.len() == 0 || !self.checksum.is_known() {
                    part.remove();
                }
                Err(err)
            }
        }
    }

    /// Refuses content that is not what the hub announced; what was put together from several answers is fetched once more.
    fn check(&self, part: &mut Part) -> Result<()> {
        let cancel = &self.transfer.cancel;
        if !self.checksum.is_known() {
            if !self.file.name.ends_with(".json") || part.is_json()? {
                return Ok(());
            }
            return Err(Error::refused(self.what(), "cannot be read: what came is no JSON").expected("JSON").remedy(SIGN_IN));
        }
        if part.holds(&self.checksum, cancel)? {
            return Ok(());
        }
        if part.is_pieced() {
            part.restart()?;
            self.complete(part)?;
            if part.holds(&self.checksum, cancel)? {
                return Ok(());
            }
        }
        part.restart()?;
        let what = format!("what came is not what the hub announced (its {} differs); it was deleted", self.checksum.name());
        Err(Error::refused(self.what(), what)
            .expected(&self.etag)
            .remedy("try again; if it stays so, a proxy on the way or the mirror changes files"))
    }

    /// Brings a part to the file's end, with new tries as long as they bring something.
    fn complete(&self, part: &mut Part) -> Result<()> {
        let (mut most, mut size) = (part.len(), self.file.size);
        let tries = Tries { settings: self.settings, id: &self.plan.id, what: &self.file.name, cancel: &self.transfer.cancel };
        tries.insist_while(&mut || {
            let (before, restarts) = (part.len(), part.restarts());
            let done = self.pour(part, &mut size);
            // After a restart bytes count that have been here before; but not for ever, for there may be one with each try.
            let begins_anew = part.restarts() > restarts && part.restarts() <= self.settings.patience.tries;
            let is_slow = matches!(done, Err(Failure::Broken { retry: Retry::Slow, .. }));
            let moved = !is_slow && part.len() >= PROGRESS.saturating_add(if begins_anew { before } else { most });
            if begins_anew {
                most = part.len();
            } else if moved || is_slow {
                most = most.max(part.len());
            }
            (done, moved)
        })
    }

    /// One try: asks for what a part lacks and writes it down as it comes.
    fn pour(&self, part: &mut Part, size: &mut Option<u64>) -> Attempt<()> {
        let Self { plan, file, .. } = self;
        let cancel = &self.transfer.cancel;
        if size.is_some_and(|size| part.len() > size) {
            part.restart()?;
        }
        self.show(part.len());
        if *size == Some(part.len()) {
            return Ok(());
        }
        let mut answer = self.ask(part)?;
        *size = self.announced(&answer, part, *size)?;
        let mut looked = self.look_at_the_disk(part, *size)?;
        while let Some(bytes) = answer.next(cancel)? {
            let length = part.len() + bytes.len() as u64;
            if let Err(err) = plan.check_length(file, length) {
                part.restart()?;
                return Err(err.into());
            }
            if let Some(size) = size.filter(|size| length > *size) {
                return Err(self.other_length("more", part, length, size)?.into());
            }
            if length - looked > LOOK_EVERY {
                looked = self.look_at_the_disk(part, *size)?;
            }
            part.write(&bytes)?;
            self.show(part.len());
        }
        match *size {
            Some(size) if part.len() < size => Err(Failure::broken("the connection was cut")),
            _ => Ok(()),
        }
    }

    /// Asks for the bytes that a part lacks. The part is emptied where the answer begins at the beginning.
    fn ask(&self, part: &mut Part) -> Attempt<Answer> {
        let Self { settings, plan, file, .. } = *self;
        let start = part.len();
        let answer = self.client.ask(Ask { url: url(settings, plan, file), start, head: false }, &self.transfer.cancel)?;
        if answer.status == 416 {
            part.restart()?;
            return Err(Failure::broken("the server has no such range"));
        }
        let answer = Expected { settings, id: &plan.id, gated: plan.gated, what: &file.name }.accept(answer)?;
        if answer.status == 206 && !answer.header("content-range").trim().starts_with(&format!("bytes {start}-")) {
            part.restart()?;
            return Err(Failure::broken("the server sent another range"));
        }
        // A server that knows no ranges begins at the beginning.
        if start > 0 && answer.status != 206 {
            part.restart()?;
        }
        // A checksum finds this out in the end; without one it would not be noticed.
        if part.continues(answer.etag("etag")) && !self.checksum.is_known() {
            part.restart()?;
            return Err(Failure::broken("the file changed on the server"));
        }
        Ok(answer)
    }

    /// The length of the whole file, from the listing or from an answer that continues a part.
    fn announced(&self, answer: &Answer, part: &mut Part, size: Option<u64>) -> Attempt<Option<u64>> {
        let rest = answer.header("content-length").trim().parse::<u64>().ok();
        let announced = rest.map(|rest| part.len().saturating_add(rest));
        match (size, announced) {
            (Some(size), Some(announced)) if announced > size => Err(self.other_length("more", part, announced, size)?.into()),
            (Some(size), Some(announced)) if announced < size && answer.status == 200 => {
                Err(self.other_length("less", part, announced, size)?.into())
            }
            (None, None) if limit(&self.file.name).is_none() => {
                let what = format!("the server does not say how long {} is", self.file.name);
                Err(Error::refused(&self.plan.id, what).expected("a Content-Length").remedy(CHECK_ENDPOINT).into())
            }
            _ => {
                let size = size.or(announced);
                self.plan.check_length(self.file, size.unwrap_or(0))?;
                Ok(size)
            }
        }
    }

    fn other_length(&self, more: &str, part: &mut Part, came: u64, size: u64) -> Result<Error> {
        part.restart()?;
        let what = format!("the server sends {more} of {} than the hub announced", self.file.name);
        Ok(Error::refused(&self.plan.id, format!("{what}, {came} bytes"))
            .expected(format!("{size} bytes"))
            .remedy(format!("try again later; if it stays so, {CHECK_ENDPOINT}")))
    }

    /// Refuses to go on where the rest does not fit on the disk; returns the bytes that were there at this look.
    fn look_at_the_disk(&self, part: &Part, size: Option<u64>) -> Result<u64> {
        let rest = size.map_or(0, |size| size.saturating_sub(part.len()));
        self.settings.free_space.check(&self.settings.cache, &format!("the rest of {}", self.what()), rest)?;
        Ok(part.len())
    }
}
