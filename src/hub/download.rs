//! Bringing a model here: ask what it consists of, fetch each file, continuing what an earlier try left, check it, and name it in
//! the cache last of all, so that a model that is only partly there is never taken for one that is.

use std::fs;
use std::path::{Path, PathBuf};

use super::answers::Expected;
use super::arrival::{Arrival, url};
use super::cache::Cache;
use super::checksum::Checksum;
use super::disk;
use super::files::{CONFIG, is_plain};
use super::listing::{CHECK_ENDPOINT, Plan, RemoteFile};
use super::nofollow;
use super::settings::Settings;
use super::transfer::Transfer;
use super::tries::Tries;
use super::trouble::unreadable;
use super::wire::{Ask, Client};
use crate::domain::source::is_hub_id;
use crate::domain::{Cancel, Error, Result};

/// No list of files is longer; one of 100,000 files has some 26 million bytes.
const MAX_LISTING: usize = 64 << 20;

/// Whether a model is worth its weights, told from its config.json.
pub type Look<'a> = dyn Fn(&Path) -> Result<()> + 'a;

/// The hub, as one user reaches it.
#[derive(Clone, Debug)]
pub struct Hub {
    settings: Settings,
    client: Client,
}

/// Where a model lies in the cache.
struct Place {
    cache: Cache,
    folder: PathBuf,
    snapshot: PathBuf,
}

impl Hub {
    /// The hub that the settings name.
    pub fn new(settings: Settings) -> Self {
        Self { client: Client::new(&settings), settings }
    }

    /// Downloads what the cache lacks of a model, and returns its folder.
    ///
    /// # Errors
    /// As [`Self::plan`] and [`Self::fetch`].
    pub fn download(&self, id: &str, transfer: &Transfer, look: &Look<'_>) -> Result<PathBuf> {
        let plan = self.plan(id, &transfer.cancel)?;
        self.fetch(&plan, transfer, look)
    }

    /// Asks what a model consists of.
    ///
    /// # Errors
    /// A refusal of what is no id, of a model that is not there or not for this user, or of a hub that cannot be reached.
    pub fn plan(&self, id: &str, cancel: &Cancel) -> Result<Plan> {
        if !is_hub_id(id) {
            return Err(Error::refused(id, "is no name of a model on the hub")
                .expected("org/name, such as facebook/dino-vits16")
                .remedy(format!("copy it from the model's page at {}", self.settings.shown_endpoint())));
        }
        self.settings.check_online(id)?;
        let url = format!("{}/api/models/{id}/revision/main?blobs=true", self.settings.endpoint);
        let what = "the hub's list of the model's files";
        let answer = self.tries(id, what, cancel).insist(&mut || {
            let answer = self.client.ask(Ask { url: url.clone(), start: 0, head: false }, cancel)?;
            let answer = Expected { settings: &self.settings, id, gated: false, what }.accept(answer)?;
            answer.whole(MAX_LISTING, cancel)
        })?;
        let answer = answer.ok_or_else(|| {
            Error::refused(id, format!("the hub's answer is longer than {MAX_LISTING} bytes"))
                .expected(what)
                .remedy(CHECK_ENDPOINT)
        })?;
        Plan::parse(id, &answer)
    }

    /// Downloads what the cache lacks of a plan, and returns the model's folder. Files that are there are checked, and fetched again
    /// if they are damaged.
    ///
    /// # Errors
    /// What `look` says of the configuration, before any weights come; else a refusal that says what to do, or
    /// [`Error::Cancelled`]: what has come by then stays for the next time.
    pub fn fetch(&self, plan: &Plan, transfer: &Transfer, look: &Look<'_>) -> Result<PathBuf> {
        self.settings.check_online(&plan.id)?;
        let cache = self.settings.cache();
        let folder = cache.model_folder(&plan.id);
        let place = Place { snapshot: folder.join("snapshots").join(&plan.commit), folder, cache };
        let done = self.fetch_all(plan, transfer, look, &place);
        if done.is_err() {
            disk::sweep(&place.folder, &plan.commit);
        }
        done.map(|()| place.snapshot)
    }

    fn fetch_all(&self, plan: &Plan, transfer: &Transfer, look: &Look<'_>, place: &Place) -> Result<()> {
        let blobs = place.folder.join("blobs");
        let refs = place.folder.join("refs");
        let locks = place.cache.locks(&plan.id);
        for folder in [&blobs, &refs, &place.folder.join("snapshots"), &place.snapshot, &locks] {
            nofollow::check_folder(folder)?;
        }
        locks.parent().map_or(Ok(()), nofollow::check_folder)?;
        let missing = missing(plan, &blobs, &place.snapshot);
        if missing > 0 {
            self.settings.free_space.check(&place.folder, &plan.id, missing)?;
        }
        transfer.progress.start(usize::try_from(plan.bytes()).unwrap_or(usize::MAX));
        let mut before = 0_u64;
        for file in &plan.files {
            transfer.begin(&file.name);
            let etag = match &file.etag {
                Some(etag) => etag.clone(),
                None => self.etag(plan, file, &transfer.cancel)?,
            };
            let (settings, client, checksum) = (&self.settings, &self.client, Checksum::of(&etag));
            let arrival = Arrival { settings, client, plan, file, etag, checksum, before, transfer };
            before = before.saturating_add(settle(place, &arrival, look)?);
        }
        disk::refer(&refs.join("main"), &plan.commit)
    }

    fn tries<'a>(&'a self, id: &'a str, what: &'a str, cancel: &'a Cancel) -> Tries<'a> {
        Tries { settings: &self.settings, id, what, cancel }
    }

    /// The name of a file's content, where the listing does not say it.
    fn etag(&self, plan: &Plan, file: &RemoteFile, cancel: &Cancel) -> Result<String> {
        let expected = Expected { settings: &self.settings, id: &plan.id, gated: plan.gated, what: &file.name };
        let answer = self.tries(&plan.id, &file.name, cancel).insist(&mut || {
            let answer = self.client.ask(Ask { url: url(&self.settings, plan, file), start: 0, head: true }, cancel)?;
            if (300..400).contains(&answer.status) { Ok(answer) } else { expected.accept(answer) }
        })?;
        let named = ["x-linked-etag", "etag"].map(|name| answer.etag(name).to_owned());
        named.into_iter().find(|etag| is_plain(etag)).ok_or_else(|| {
            Error::refused(&plan.id, format!("the server does not say which content {} has", file.name))
                .expected("an ETag, as the hub and its mirrors send")
                .remedy("check HF_ENDPOINT")
        })
    }
}

/// Puts a file among the blobs, unless it is there, and a link to it into the snapshot; returns its bytes.
fn settle(place: &Place, arrival: &Arrival<'_>, look: &Look<'_>) -> Result<u64> {
    let Arrival { plan, file, transfer, .. } = arrival;
    let (blob, name) = (place.folder.join("blobs").join(&arrival.etag), place.snapshot.join(&file.name));
    let in_snapshot = arrival.in_snapshot(&name)?;
    let found = if in_snapshot.is_some() { in_snapshot } else { arrival.examine(&blob)? };
    let bytes = match found {
        Some(bytes) => bytes,
        None => arrival.bring(&place.cache.lock_file(&plan.id, &arrival.etag), &blob)?,
    };
    arrival.show(bytes);
    // A file that was there before is not removed.
    let unwanted = |err: &Error| {
        if found.is_none() && *err != Error::Cancelled {
            disk::discard(&blob, &name);
        }
    };
    check_file(plan, file, if in_snapshot.is_some() { &name } else { &blob }, bytes).inspect_err(unwanted)?;
    if in_snapshot.is_none() {
        disk::link(&blob, &name, &transfer.cancel)?;
    }
    if file.name == CONFIG {
        look(&name).inspect_err(unwanted)?;
    }
    Ok(bytes)
}

/// Refuses a file that is too long, and an index that names others than those of the plan.
fn check_file(plan: &Plan, file: &RemoteFile, blob: &Path, bytes: u64) -> Result<()> {
    plan.check_length(file, bytes)?;
    if file.is_index() { plan.check_index(&fs::read(blob).map_err(|err| unreadable(blob, &err))?) } else { Ok(()) }
}

/// Bytes that a plan will add to the blobs, as far as the listing says.
fn missing(plan: &Plan, blobs: &Path, snapshot: &Path) -> u64 {
    let bytes = |path: &Path| fs::symlink_metadata(path).map_or(0, |facts| facts.len());
    let there = |name: &str| bytes(&blobs.join(name));
    let of_file = |file: &RemoteFile| {
        let (size, etag) = (file.size?, file.etag.as_deref()?);
        let is_here = there(etag) == size || bytes(&snapshot.join(&file.name)) == size;
        let has = if is_here { size } else { there(&format!("{etag}.incomplete")) };
        Some(size.saturating_sub(has))
    };
    plan.files.iter().filter_map(of_file).fold(0, u64::saturating_add)
}
