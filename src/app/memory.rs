//! What is kept between starts: the document and the preferences.

use std::path::{Path, PathBuf};

use super::shell::keeper::{self, Keeper};
use super::state::{Document, Prefs, file};
use crate::domain::{Error, Result};

const SESSION: &str = "session.json";
const PREFS: &str = "prefs.json";
/// The session before the one that a command line began.
const BEFORE: &str = "session-before.json";
/// Bytes of a session, of which a typed text is most.
const MAX_SESSION: u64 = 128 << 20;
const MAX_PREFS: u64 = 1 << 20;

/// Hands over what has changed to the thread that writes it.
pub(super) struct Memory {
    keeper: Keeper,
    document: Option<Document>,
    prefs: Option<Prefs>,
}

impl Memory {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { keeper: Keeper::new(folder), document: None, prefs: None }
    }

    /// Hands over what has changed. Returns what is to be said of a write that failed.
    pub(super) fn keep(&mut self, document: &Document, prefs: &Prefs) -> Option<String> {
        if self.document.as_ref() != Some(document) {
            self.document = Some(document.clone());
            let document = document.clone();
            self.keeper.keep(SESSION, move || file::write(&document));
        }
        if self.prefs.as_ref() != Some(prefs) {
            self.prefs = Some(prefs.clone());
            let prefs = prefs.clone();
            self.keeper.keep(PREFS, move || serde_json::to_string_pretty(&prefs));
        }
        self.keeper.take_failure()
    }
}

/// What an earlier start left.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The document, if there is one.
    pub document: Option<Document>,
    /// The preferences.
    pub prefs: Prefs,
    /// Why something of it could not be read; the file is set aside.
    pub error: Option<Error>,
}

impl Remembered {
    /// Reads what is there. What cannot be understood is set aside and told.
    pub fn read(folder: &Path) -> Self {
        let mut error = None;
        let mut take = |name: &str, found: Result<()>| {
            if let Err(err) = found {
                let aside = keeper::set_aside(folder, name).map_or_else(|_| String::new(), |path| path.display().to_string());
                error = Some(err.remedy(format!("it was set aside as {aside}; what you do now is kept in a new file")));
            }
        };
        let (mut document, mut prefs) = (None, Prefs::default());
        let place = |name: &str| folder.join(name).display().to_string();
        let bytes = |name: &str, most| keeper::read(folder, name, most).map_err(|err| Error::refused(place(name), err));
        take(
            PREFS,
            bytes(PREFS, MAX_PREFS).and_then(|bytes| {
                let refused = |err: serde_json::Error| Error::refused(place(PREFS), format!("are no preferences ({err})"));
                prefs = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(refused)?.unwrap_or_default();
                Ok(())
            }),
        );
        take(
            SESSION,
            bytes(SESSION, MAX_SESSION).and_then(|bytes| {
                document = bytes.map(|bytes| file::read(&place(SESSION), &bytes)).transpose()?;
                Ok(())
            }),
        );
        Self { document, prefs, error }
    }

    /// Keeps a copy of the last session, which another one is about to replace.
    pub fn keep_before(folder: &Path) {
        let session = folder.join(SESSION);
        if session.is_file() {
            // A courtesy: a full disk is told when the new session cannot be kept.
            drop(std::fs::copy(&session, folder.join(BEFORE)));
        }
    }
}
