//! Stopping work that is no longer wanted, and saying how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Error, Result};

/// A flag that long loops look at. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the holder of a clone to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Call between blocks and between chunks.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when stopping was asked for.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// How far a job is, in steps of its own choosing. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<(AtomicUsize, AtomicUsize)>);

impl Progress {
    /// Starts a count of `total` steps.
    pub fn start(&self, total: usize) {
        self.0.0.store(0, Ordering::Relaxed);
        self.0.1.store(total, Ordering::Relaxed);
    }

    /// One step is done.
    pub fn step(&self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many steps are done in all.
    pub fn set(&self, done: usize) {
        self.0.0.store(done, Ordering::Relaxed);
    }

    /// `(done, total)`; total 0 means that nothing was started.
    pub fn get(&self) -> (usize, usize) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

/// How a long method is stopped and says how far it is.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Looked at between blocks and between chunks.
    pub cancel: Cancel,
    /// Steps done.
    pub progress: Progress,
}
