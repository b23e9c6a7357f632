//! New tries: how often a server is asked again, how long before each, and what is said in the end.

use std::time::{Duration, Instant};

use super::listing::CHECK_ENDPOINT;
use super::settings::Settings;
use super::wire::{Attempt, Failure, Retry};
use crate::domain::{Cancel, Error, Result};

/// The longest time that a server may ask to wait before it is asked again.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Something that is asked of the hub until it comes.
pub(super) struct Tries<'a> {
    pub(super) settings: &'a Settings,
    /// The model.
    pub(super) id: &'a str,
    /// What is asked for, as the refusal names it.
    pub(super) what: &'a str,
    pub(super) cancel: &'a Cancel,
}

impl Tries<'_> {
    /// Tries again while that may help.
    pub(super) fn insist<T>(&self, job: &mut dyn FnMut() -> Attempt<T>) -> Result<T> {
        self.insist_while(&mut || (job(), false))
    }

    /// As [`Self::insist`], for a job that also says whether it came further; then it has all its tries again.
    pub(super) fn insist_while<T>(&self, job: &mut dyn FnMut() -> (Attempt<T>, bool)) -> Result<T> {
        let (patience, mut tried) = (self.settings.patience, 0);
        loop {
            let (done, moved) = job();
            let (why, retry) = match done {
                Ok(done) => return Ok(done),
                Err(Failure::Final(err)) => return Err(err),
                Err(Failure::Misled(why)) => return Err(self.misled(&why)),
                Err(Failure::Broken { why, retry }) => (why, retry),
            };
            tried = if moved { 0 } else { tried };
            let mut pause = patience.pause * 2_u32.pow(tried.min(8));
            match retry {
                Retry::No => return Err(self.unreachable(&why)),
                Retry::After(wait) if wait > MAX_WAIT => {
                    return Err(self.broke_off(&format!("{why}, and asks to wait {} s", wait.as_secs())));
                }
                Retry::After(wait) => pause = pause.max(wait),
                Retry::Soon | Retry::Slow => {}
            }
            if tried >= patience.tries {
                return Err(self.broke_off(&why));
            }
            rest(pause, self.cancel)?;
            tried += 1;
        }
    }

    fn misled(&self, why: &str) -> Error {
        Error::refused(self.id, format!("{} does not answer as a hub does ({why})", self.settings.shown_endpoint()))
            .expected(self.what)
            .remedy(CHECK_ENDPOINT)
    }

    fn unreachable(&self, why: &str) -> Error {
        self.without_network(&format!("{} cannot be reached ({why})", self.settings.shown_endpoint()))
    }

    fn broke_off(&self, why: &str) -> Error {
        self.without_network(&format!("the download from {} broke off ({why})", self.settings.shown_endpoint()))
    }

    fn without_network(&self, what: &str) -> Error {
        Error::refused(self.id, what)
            .expected(self.what)
            .remedy("check the network and try again: what has come is kept; folders and cached models open without a network")
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
