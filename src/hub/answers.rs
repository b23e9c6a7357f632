//! Answers of the hub that are none: from a status and its headers to what the user can do.

use std::time::Duration;

use super::listing::{CHECK_ENDPOINT, SIGN_IN};
use super::settings::Settings;
use super::wire::{Answer, Attempt, Failure, Retry};
use crate::domain::Error;

/// What an answer is expected to be.
pub(super) struct Expected<'a> {
    pub(super) settings: &'a Settings,
    /// The model.
    pub(super) id: &'a str,
    /// Whether its owners ask for consent.
    pub(super) gated: bool,
    /// The file or list that was asked for.
    pub(super) what: &'a str,
}

impl Expected<'_> {
    /// Returns an answer that is one, or a refusal that says why the hub refuses.
    pub(super) fn accept(&self, answer: Answer) -> Attempt<Answer> {
        match answer.status {
            200 | 206 => self.plain(answer),
            401 | 403 => Err(self.forbidden(&answer)),
            404 if answer.header("x-error-code") == "EntryNotFound" => {
                Err(self.refused("a file that its list names is not there", "try again later".to_owned()))
            }
            404 => Err(self.unknown()),
            429 => Err(self.too_often(&answer)),
            status @ 500.. => {
                let retry = seconds(&answer).map_or(Retry::Soon, Retry::After);
                Err(Failure::Broken { why: format!("the server is in trouble: {status}"), retry })
            }
            status => {
                let what = format!("the hub answers {status}, which is no way to send a file");
                Err(self.refused(&what, CHECK_ENDPOINT.to_owned()))
            }
        }
    }

    /// An answer whose bytes are those of the file.
    fn plain(&self, answer: Answer) -> Attempt<Answer> {
        let packing = answer.header("content-encoding").trim();
        if !packing.is_empty() && !packing.eq_ignore_ascii_case("identity") {
            let what = format!("the answer is packed ({packing}), which was not asked for");
            return Err(self.refused(&what, CHECK_ENDPOINT.to_owned()));
        }
        if answer.header("content-type").trim_start().to_ascii_lowercase().starts_with("text/html") {
            return Err(self.refused("the answer cannot be read: it is a web page", SIGN_IN.to_owned()));
        }
        Ok(answer)
    }

    fn refused(&self, what: &str, remedy: String) -> Failure {
        Failure::Final(Error::refused(self.id, what).expected(self.what).remedy(remedy))
    }

    /// 401 and 403.
    fn forbidden(&self, answer: &Answer) -> Failure {
        let (page, set_token) = (self.settings.page(self.id), self.settings.way_to_a_token());
        let (code, said) = (answer.header("x-error-code"), answer.header("x-error-message"));
        let has_token = self.settings.token.is_some();
        match answer.status {
            401 if said.contains("Invalid credentials") || said.contains("Invalid user token") => self
                .refused("the hub does not know the token that was sent", "set HF_TOKEN to a valid one, or unset it".to_owned()),
            // The hub leads to where a file lies with a signature that expires; the next try gets a new one.
            403 if code.is_empty()
                && let Some(host) = &answer.elsewhere =>
            {
                Failure::broken(format!("{host}, where the file lies, answers 403"))
            }
            _ if self.gated || code == "GatedRepo" => {
                let sent = if has_token { "the token that was sent has no access" } else { "no token was sent" };
                let remedy = format!("open {page}, accept the terms, and {set_token} to a token of that account");
                self.refused(&format!("is gated: its owners ask for consent first ({sent})"), remedy)
            }
            401 => self.unknown(),
            _ if has_token => {
                self.refused("the token that was sent may not read it", format!("open {page} and check the token's rights"))
            }
            _ => self.refused("the hub lets nobody read it without a token", format!("{set_token} to one that may read {page}")),
        }
    }

    fn unknown(&self) -> Failure {
        let remedy = if self.settings.token.is_some() {
            "check the spelling, and that the token's account may see it".to_owned()
        } else {
            format!("check the spelling; for a private model {}", self.settings.way_to_a_token())
        };
        self.refused("there is no such model on the hub, or it is private", remedy)
    }

    /// 429.
    fn too_often(&self, answer: &Answer) -> Failure {
        let wait = seconds(answer).map_or_else(|| "some minutes".to_owned(), |time| format!("{} s", time.as_secs()));
        let more = if self.settings.token.is_some() {
            String::new()
        } else {
            format!("; to be allowed more, {}", self.settings.way_to_a_token())
        };
        self.refused("the hub says that this machine asks too often (429)", format!("wait {wait}, then go on{more}"))
    }
}

/// The time that an answer asks to wait, where it says so in seconds.
fn seconds(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after").trim().parse().ok().map(Duration::from_secs)
}
