//! The worker thread: one mailbox that holds the newest ordered list of wishes. A running job is cancelled only when it is no
//! longer on the list; what is finished stays in the engine's cache, so asking again is cheap.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::{Engine, Output};
use crate::domain::request::Request;
use crate::domain::request_key::RequestKey;
use crate::domain::{Error, Progress, Result};
use crate::method::Control;

/// An answer and the question it belongs to.
#[derive(Clone, Debug)]
pub struct Reply {
    /// [`Request::key`] of the question.
    pub key: RequestKey,
    /// The answer.
    pub result: Result<Output>,
}

/// Who answers the window's wishes: the worker thread, or a script in tests.
pub trait Oracle {
    /// Replaces the list of wishes, most urgent first.
    fn wish(&mut self, wishes: Vec<Request>);

    /// Answers that came since the last call.
    fn poll(&mut self) -> Vec<Reply>;

    /// Key of the running job and its progress, if one is running.
    fn running(&self) -> Option<(RequestKey, Progress)>;
}

/// The thread that owns the engine.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Mailbox {
    wishes: VecDeque<Request>,
    running: Option<(RequestKey, Control)>,
    replies: Vec<Reply>,
    quit: bool,
}

impl Shared {
    /// A panic in a job is caught outside the lock, so the data is whole even when the lock says otherwise.
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Starts the thread. `repaint` is called when an answer is there.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no thread.
    pub fn spawn(engine: Engine, repaint: impl Fn() + Send + 'static) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("tokenscope-worker".to_owned())
            .spawn(move || work(engine, &theirs, &repaint))
            .map_err(|err| Error::Internal(format!("no worker thread: {err}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Oracle for Worker {
    fn wish(&mut self, wishes: Vec<Request>) {
        let mut mailbox = self.shared.lock();
        if let Some((key, control)) = &mailbox.running
            && !wishes.iter().any(|w| w.key() == *key)
        {
            control.cancel.cancel();
        }
        mailbox.wishes = wishes.into();
        self.shared.wake.notify_one();
    }

    fn poll(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.shared.lock().replies)
    }

    fn running(&self) -> Option<(RequestKey, Progress)> {
        self.shared.lock().running.as_ref().map(|(key, control)| (*key, control.progress.clone()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        {
            let mut mailbox = self.shared.lock();
            mailbox.quit = true;
            if let Some((_, control)) = &mailbox.running {
                control.cancel.cancel();
            }
            self.shared.wake.notify_one();
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the worker was caught inside; joining only waits for it to end.
            drop(thread.join());
        }
    }
}

fn work(mut engine: Engine, shared: &Shared, repaint: &dyn Fn()) {
    while let Some((request, control)) = next(shared) {
        let key = request.key();
        let result = catch_unwind(AssertUnwindSafe(|| engine.run(&request, &control))).unwrap_or_else(|_| {
            engine = Engine::default();
            Err(Error::Internal("the worker panicked".to_owned()))
        });
        if let Ok(Output::Scene(scene)) = &result {
            scene.make_levels();
        }
        let mut mailbox = shared.lock();
        mailbox.running = None;
        if !matches!(result, Err(Error::Cancelled)) {
            mailbox.wishes.retain(|w| w.key() != key);
            mailbox.replies.push(Reply { key, result });
        }
        drop(mailbox);
        repaint();
    }
}

/// Waits for the most urgent wish; `None` means that the program ends.
fn next(shared: &Shared) -> Option<(Request, Control)> {
    let mut mailbox = shared.lock();
    loop {
        if mailbox.quit {
            return None;
        }
        if let Some(request) = mailbox.wishes.front().cloned() {
            let control = Control::default();
            mailbox.running = Some((request.key(), control.clone()));
            return Some((request, control));
        }
        mailbox = shared.wake.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
    }
}
