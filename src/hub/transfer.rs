//! What is known of a download while it runs.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Cancel, Notice, Progress};

/// How far a download is, and the switch that stops it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// Stops it; what has come stays for the next time.
    pub cancel: Cancel,
    /// Bytes of the whole model; a total of 0 is not known yet.
    pub progress: Progress,
    file: Arc<Mutex<String>>,
    notices: Arc<Mutex<Vec<Notice>>>,
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

    /// What the user should know of a download that went well.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a notice, once.
    pub(super) fn mention(&self, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    pub(super) fn begin(&self, file: &str) {
        file.clone_into(&mut self.file.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
