//! Bringing a model here: ask what it consists of, fetch each file, continuing what an earlier try left, check it, and name it in
//! the cache last of all, so that a model that is only partly there is never taken for one that is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::disk::{self, Part, lock};
use super::listing::{CONFIG, Plan, RemoteFile, is_plain};
use super::settings::Settings;
use super::wire::{Answer, Ask, Attempt, Client, Failure};
use crate::domain::source::is_hub_id;
use crate::domain::{Cancel, Error, Progress, Result};

/// No list of files is longer.
const MAX_LISTING: usize = 16 << 20;

/// Whether a model is worth its weights, told from its config.json.
pub type Look<'a> = dyn Fn(&Path) -> Result<()> + 'a;

/// How far a download is, and the switch that stops it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// Stops it; what has come stays for the next time.
    pub cancel: Cancel,
    /// Bytes of the whole model; a total of 0 is not known yet.
    pub progress: Progress,
    file: Arc<Mutex<String>>,
}

impl Transfer {
    /// One that is watched and stopped by what others hold.
    pub fn new(cancel: Cancel, progress: Progress) -> Self {
        Self { cancel, progress, ..Self::default() }
    }

    /// The file that is on its way; empty before the first.
    pub fn file(&self) -> String {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self, file: &str) {
        file.clone_into(&mut self.file.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The hub, as one user reaches it.
#[derive(Clone, Debug)]
pub struct Hub {
    settings: Settings,
    client: Client,
}

/// A file on its way: what is known of it before it comes.
struct Wanted<'a> {
    plan: &'a Plan,
    file: &'a RemoteFile,
    etag: String,
    /// Bytes of the files before it.
    before: u64,
    transfer: &'a Transfer,
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
                .remedy(format!("copy it from the model's page at {}", self.settings.endpoint)));
        }
        self.settings.check_online(id)?;
        let url = format!("{}/api/models/{id}/revision/main?blobs=true", self.settings.endpoint);
        let answer = self.insist(id, cancel, &mut || {
            let answer = self.client.ask(Ask { url: url.clone(), start: 0, head: false }, cancel)?;
            let answer = self.accept(id, false, answer)?;
            answer.whole(MAX_LISTING, cancel)
        })?;
        Plan::parse(id, &answer)
    }

    /// Downloads what the cache lacks of a plan, and returns the model's folder.
    ///
    /// # Errors
    /// What `look` says of the configuration, before any weights come; else a refusal that says what to do, or
    /// [`Error::Cancelled`]: what has come by then stays for the next time.
    pub fn fetch(&self, plan: &Plan, transfer: &Transfer, look: &Look<'_>) -> Result<PathBuf> {
        self.settings.check_online(&plan.id)?;
        let cache = self.settings.cache();
        let folder = cache.model_folder(&plan.id);
        let snapshot = folder.join("snapshots").join(&plan.commit);
        transfer.progress.start(usize::try_from(plan.bytes()).unwrap_or(usize::MAX));
        let mut before = 0;
        for file in &plan.files {
            transfer.begin(&file.name);
            let etag = match &file.etag {
                Some(etag) => etag.clone(),
                None => self.etag(plan, file, &transfer.cancel)?,
            };
            plan.check_length(file, file.size.unwrap_or(0))?;
            let blob = folder.join("blobs").join(&etag);
            let bytes = self.fetch_file(&cache, &blob, &Wanted { plan, file, etag, before, transfer })?;
            // Another program may have put it there.
            plan.check_length(file, bytes)?;
            before += bytes;
            transfer.progress.set(usize::try_from(before).unwrap_or(usize::MAX));
            let place = snapshot.join(&file.name);
            if file.is_index() {
                plan.check_index(&fs::read(&blob).map_err(|err| disk::refusal(&blob, &err))?)?;
            }
            disk::link(&blob, &place)?;
            if file.name == CONFIG {
                look(&place)?;
            }
        }
        disk::put(&folder.join("refs/main"), &plan.commit)?;
        Ok(snapshot)
    }

    fn url(&self, plan: &Plan, file: &RemoteFile) -> String {
        format!("{}/{}/resolve/{}/{}", self.settings.endpoint, plan.id, plan.commit, file.name)
    }

    /// The name of a file's content, where the listing does not say it.
    fn etag(&self, plan: &Plan, file: &RemoteFile, cancel: &Cancel) -> Result<String> {
        let answer = self.insist(&plan.id, cancel, &mut || {
            let answer = self.client.ask(Ask { url: self.url(plan, file), start: 0, head: true }, cancel)?;
            if (300..400).contains(&answer.status) { Ok(answer) } else { self.accept(&plan.id, plan.gated, answer) }
        })?;
        let named =
            ["x-linked-etag", "etag"].map(|name| answer.header(name).trim_start_matches("W/").trim_matches('"').to_owned());
        named.into_iter().find(|etag| is_plain(etag)).ok_or_else(|| {
            Error::refused(&plan.id, format!("the server does not say which content {} has", file.name))
                .expected("an ETag, as the hub and its mirrors send")
                .remedy("check HF_ENDPOINT")
        })
    }

    /// Puts a file among the blobs, unless it is there; returns its bytes.
    fn fetch_file(&self, cache: &Cache, blob: &Path, wanted: &Wanted<'_>) -> Result<u64> {
        let Wanted { plan, file, etag, transfer, .. } = wanted;
        let there =
            || fs::metadata(blob).ok().filter(|facts| facts.is_file() && file.size.is_none_or(|size| size == facts.len()));
        if let Some(facts) = there() {
            return Ok(facts.len());
        }
        let what = format!("{} of {}", file.name, plan.id);
        let _lock = lock(&cache.lock_file(&plan.id, etag), &what)?;
        // Whoever held the lock before may have put it there.
        if let Some(facts) = there() {
            return Ok(facts.len());
        }
        let is_sha256 = etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit());
        // What another program left is continued only where it will be found out if it is wrong.
        let mut part = Part::open(blob.with_file_name(format!("{etag}.incomplete")), is_sha256, &transfer.cancel)?;
        self.complete(&mut part, wanted)?;
        let bytes = part.len();
        if is_sha256 && part.sha256() != etag.to_ascii_lowercase() {
            part.remove()?;
            return Err(Error::refused(what, "what came is not what the hub announced (its SHA-256 differs); it was deleted")
                .remedy("try again; if it stays so, a proxy on the way or the mirror changes files"));
        }
        part.finish(blob)?;
        Ok(bytes)
    }

    /// Brings a part to the file's end, with new tries as long as they bring something.
    fn complete(&self, part: &mut Part, wanted: &Wanted<'_>) -> Result<()> {
        let Wanted { plan, file, transfer, .. } = wanted;
        let (mut most, mut size) = (part.len(), file.size);
        self.insist_while(&plan.id, &transfer.cancel, &mut || {
            let (before, restarts) = (part.len(), part.restarts());
            let done = self.pour(part, &mut size, wanted);
            // After a restart bytes count that have been here before; but not for ever, for there may be one with each try.
            let begins_anew = part.restarts() > restarts && part.restarts() <= self.settings.patience.tries;
            let moved = part.len() > if begins_anew { before } else { most };
            most = if begins_anew { part.len() } else { most.max(part.len()) };
            (done, moved)
        })
    }

    /// One try: asks for what a part lacks and writes it down as it comes.
    fn pour(&self, part: &mut Part, size: &mut Option<u64>, wanted: &Wanted<'_>) -> Attempt<()> {
        let Wanted { plan, file, before, transfer, .. } = wanted;
        let cancel = &transfer.cancel;
        let show = |length: u64| transfer.progress.set(usize::try_from(before + length).unwrap_or(usize::MAX));
        if size.is_some_and(|size| part.len() > size) {
            part.restart()?;
        }
        show(part.len());
        if *size == Some(part.len()) {
            return Ok(());
        }
        let start = part.len();
        let mut answer = self.client.ask(Ask { url: self.url(plan, file), start, head: false }, cancel)?;
        if answer.status == 416 {
            part.restart()?;
            return Err(Failure::broken("the server has no such range"));
        }
        answer = self.accept(&plan.id, plan.gated, answer)?;
        // A server that knows no ranges begins at the beginning.
        if start > 0 && !(answer.status == 206 && answer.header("content-range").starts_with(&format!("bytes {start}-"))) {
            part.restart()?;
            if answer.status == 206 {
                return Err(Failure::broken("the server sent another range"));
            }
        }
        let announced = answer.header("content-length").parse::<u64>().ok().map(|rest| part.len().saturating_add(rest));
        *size = size.or(announced);
        plan.check_length(file, size.unwrap_or(0))?;
        while let Some(bytes) = answer.next(cancel)? {
            part.write(&bytes)?;
            show(part.len());
            plan.check_length(file, part.len())?;
            if size.is_some_and(|size| part.len() > size) {
                part.restart()?;
                let what = format!("the server sends more of {} than the hub announced", file.name);
                return Err(Error::refused(&plan.id, what).remedy("try again later").into());
            }
        }
        match *size {
            Some(size) if part.len() < size => Err(Failure::broken("the connection was cut")),
            _ => Ok(()),
        }
    }

    /// Tries again while that may help.
    fn insist<T>(&self, id: &str, cancel: &Cancel, job: &mut dyn FnMut() -> Attempt<T>) -> Result<T> {
        self.insist_while(id, cancel, &mut || (job(), false))
    }

    /// As [`Self::insist`], for a job that also says whether it came further; then it has all its tries again.
    fn insist_while<T>(&self, id: &str, cancel: &Cancel, job: &mut dyn FnMut() -> (Attempt<T>, bool)) -> Result<T> {
        let (patience, mut tried) = (self.settings.patience, 0);
        loop {
            let (done, moved) = job();
            let (why, again) = match done {
                Ok(done) => return Ok(done),
                Err(Failure::Final(err)) => return Err(err),
                Err(Failure::Broken { why, again }) => (why, again),
            };
            tried = if moved { 0 } else { tried };
            if !again || tried >= patience.tries {
                return Err(self.unreachable(id, &why, again));
            }
            rest(patience.pause * 2_u32.pow(tried.min(8)), cancel)?;
            tried += 1;
        }
    }

    fn unreachable(&self, id: &str, why: &str, tried: bool) -> Error {
        let endpoint = &self.settings.endpoint;
        let what =
            if tried { format!("the download from {endpoint} broke off") } else { format!("{endpoint} cannot be reached") };
        Error::refused(id, format!("{what} ({why})"))
            .remedy("check the network and try again: what has come is kept; folders and cached models open without a network")
    }

    /// An answer that is one; a refusal that says why the hub refuses.
    fn accept(&self, id: &str, gated: bool, answer: Answer) -> Attempt<Answer> {
        let status = answer.status;
        let (page, code, said) = (self.settings.page(id), answer.header("x-error-code"), answer.header("x-error-message"));
        let (has_token, set_token) = (self.settings.token.is_some(), self.settings.way_to_a_token());
        let refused = |what: &str, remedy: String| Err(Failure::Final(Error::refused(id, what).remedy(remedy)));
        match status {
            200 | 206 => Ok(answer),
            401 if said.contains("Invalid credentials") || said.contains("Invalid user token") => {
                refused("the hub does not know the token that was sent", "set HF_TOKEN to a valid one, or unset it".to_owned())
            }
            // The hub leads to where a file lies with a signature that expires; the next try gets a new one.
            403 if code.is_empty()
                && let Some(host) = &answer.elsewhere =>
            {
                Err(Failure::broken(format!("{host}, where the file lies, answers 403")))
            }
            401 | 403 if gated || code == "GatedRepo" => {
                let sent = if has_token { "the token that was sent has no access" } else { "no token was sent" };
                let remedy = format!("open {page}, accept the terms, and {set_token} to a token of that account");
                refused(&format!("is gated: its owners ask for consent first ({sent})"), remedy)
            }
            403 if has_token => {
                refused("the token that was sent may not read it", format!("open {page} and check the token's rights"))
            }
            403 => refused("the hub lets nobody read it without a token", format!("{set_token} to one that may read {page}")),
            404 if code == "EntryNotFound" => refused("a file that its list names is not there", "try again later".to_owned()),
            401 | 404 => {
                let remedy = if has_token {
                    "check the spelling, and that the token's account may see it".to_owned()
                } else {
                    format!("check the spelling; for a private model {set_token}")
                };
                refused("there is no such model on the hub, or it is private", remedy)
            }
            429 => {
                let wait =
                    answer.header("retry-after").parse::<u64>().map_or_else(|_| "some minutes".to_owned(), |s| format!("{s} s"));
                let more = if has_token { String::new() } else { format!("; to be allowed more, {set_token}") };
                refused("the hub says that this machine asks too often (429)", format!("wait {wait}, then go on{more}"))
            }
            500.. => Err(Failure::broken(format!("the server is in trouble: {status}"))),
            _ => refused(&format!("the hub answers {status}, which is no way to send a file"), "check HF_ENDPOINT".to_owned()),
        }
    }
}

/// Waits, unless stopped.
fn rest(time: Duration, cancel: &Cancel) -> Result<()> {
    let started = Instant::now();
    while let Some(left) = time.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
        cancel.check()?;
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    cancel.check()
}
