//! Other people's code on files that nobody has checked: decoders and tokenizers. Their panics become refusals and print nothing,
//! and whoever waits for them can stop waiting.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::Cancel;

/// How often a waiting thread looks at the cancel switch.
const TICK: Duration = Duration::from_millis(20);
/// Stack of a helper thread, in bytes: that of a main thread.
const STACK: usize = 8 << 20;

thread_local! {
    /// Calls of [`quietly`] that this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The user, or a newer request, stopped it.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
    /// It panicked, or the system gave no thread.
    Panicked,
}

/// Runs `work` and returns `None` if it panics. Such a panic prints no message and no backtrace; all others do, as before.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_quiet() {
                others(info);
            }
        }));
    });
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    done.ok()
}

/// Whether this thread is inside [`quietly`].
fn is_quiet() -> bool {
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// Runs `work` on a thread of its own, and waits until it is done, `cancel` is set or `limit` has passed. The thread cannot be
/// stopped from outside: `work` must bound its own memory, and should look at a clone of `cancel` where it can.
///
/// # Errors
/// Why there is no answer.
pub fn within<T: Send + 'static>(
    limit: Option<Duration>,
    cancel: &Cancel,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stopped> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let started = Instant::now();
    let run = move || {
        // Nobody may be waiting any more.
        drop(sender.send(quietly(work)));
    };
    let builder = thread::Builder::new().name("tokenscope-guard".to_owned()).stack_size(STACK);
    drop(builder.spawn(run).map_err(|_| Stopped::Panicked)?);
    while !cancel.is_cancelled() {
        match receiver.recv_timeout(TICK) {
            Ok(done) => return done.ok_or(Stopped::Panicked),
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped::Panicked),
            Err(RecvTimeoutError::Timeout) if limit.is_some_and(|limit| started.elapsed() > limit) => {
                return Err(Stopped::TimedOut);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    Err(Stopped::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_quiet_inside_and_nowhere_else() {
        let panics = || -> bool { panic!("inside") };
        assert_eq!((quietly(is_quiet), quietly(panics), is_quiet()), (Some(true), None, false));
        assert_eq!(quietly(|| (quietly(panics), is_quiet())), Some((None, true)));
        assert_eq!(within(None, &Cancel::default(), is_quiet), Ok(true));
        assert_eq!(within(None, &Cancel::default(), panics), Err(Stopped::Panicked));
        assert!(!is_quiet() && !thread::spawn(is_quiet).join().unwrap());
    }

    #[test]
    fn waiting_ends_with_the_answer_the_limit_or_the_switch() {
        let cancel = Cancel::default();
        assert_eq!(within(None, &cancel, || 7), Ok(7));
        let forever = || thread::sleep(Duration::from_secs(3600));
        assert_eq!(within(Some(Duration::from_millis(1)), &cancel, forever), Err(Stopped::TimedOut));
        cancel.cancel();
        assert_eq!(within(None, &cancel, forever), Err(Stopped::Cancelled));
    }
}
