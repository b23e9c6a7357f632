//! What the user is told while something runs: a bar for anything over a second, nothing at all when no terminal listens.
//! Ctrl-C stops the work between two blocks, so that nothing half-written is left; pressed again, it ends the program at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::{Cancel, Error, Notice, Result};
use crate::method::Control;

/// One line on stderr that begins with the program's name. A closed stderr is nobody to complain to.
pub(super) fn complain(err: &Error) {
    drop(writeln!(std::io::stderr(), "tokenscope: {err}"));
}

/// One line on stderr about an answer that was given all the same.
pub(super) fn mention(notice: &Notice) {
    say(&format!("note: {notice}"));
}

/// A line on stderr, for a person at a terminal.
pub(super) fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// A bar that counts bytes.
const BYTES: &str = "{wide_bar} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";

/// A bar that counts answers.
const ANSWERS: &str = "{wide_bar} {pos} of {len}, {eta} left";

/// Exit code of a program that was interrupted.
pub(super) const INTERRUPTED: u8 = 130;

/// Stops the work, unless that was asked for before: then whoever asks again waits for something that does not look.
fn is_second(cancel: &Cancel) -> bool {
    let was_cancelled = cancel.is_cancelled();
    cancel.cancel();
    was_cancelled
}

/// Watches a running job.
pub(super) struct Watch {
    control: Control,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to listen for Ctrl-C and to draw the bar.
    pub(super) fn start() -> Result<Self> {
        Self::with_style(ProgressStyle::default_bar())
    }

    /// As [`Self::start`], for a job whose steps are bytes.
    pub(super) fn of_bytes() -> Result<Self> {
        Self::with_style(ProgressStyle::with_template(BYTES).map_err(|err| Error::Internal(format!("the progress bar: {err}")))?)
    }

    /// As [`Self::start`], for a job of many answers.
    pub(super) fn of_answers() -> Result<Self> {
        Self::with_style(
            ProgressStyle::with_template(ANSWERS).map_err(|err| Error::Internal(format!("the progress bar: {err}")))?,
        )
    }

    fn with_style(style: ProgressStyle) -> Result<Self> {
        let control = Control::default();
        let cancel = control.cancel.clone();
        let interrupted = move || {
            if is_second(&cancel) {
                std::process::exit(INTERRUPTED.into());
            }
        };
        ctrlc::set_handler(interrupted).map_err(|err| Error::Internal(format!("no signal handler: {err}")))?;
        let (progress, done) = (control.progress.clone(), Arc::new(AtomicBool::new(false)));
        let finished = done.clone();
        let draw = move || {
            let bar = ProgressBar::hidden();
            let started = Instant::now();
            while !finished.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
                let (step, total) = progress.get();
                if started.elapsed() > Duration::from_secs(1) && total > 0 {
                    if bar.is_hidden() {
                        bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
                        bar.set_style(style.clone());
                    }
                    bar.set_length(total as u64);
                    bar.set_position(step as u64);
                }
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new().name("tokenscope-progress".to_owned()).spawn(draw);
        Ok(Self { control, done, thread: thread.ok() })
    }

    /// What the job looks at.
    pub(super) fn control(&self) -> &Control {
        &self.control
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Only drawing happens there; a panic in it is no failure of the job.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_stops_the_work_and_the_second_the_program() {
        let cancel = Cancel::default();
        assert_eq!(([is_second(&cancel), is_second(&cancel)], cancel.is_cancelled()), ([false, true], true));
    }
}
