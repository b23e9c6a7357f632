//! Whether the open model's numbers can be trusted: the question, and what is known.

use std::sync::Arc;

use crate::domain::request::{Input, ModelRef, Request, Task};
use crate::domain::{Error, Result};
use crate::engine::{Scene, Verification};

/// Larger models are checked when the user asks for it: a check copies the model in `f64`.
const MAX_PARAMETERS: usize = 60_000_000;

/// What is known of the open model.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Badge {
    /// Nothing to say: the model is built in, and its numbers are checked by the program's tests.
    #[default]
    None,
    /// Large, and not asked for.
    Unasked,
    /// Being checked, or waiting for it.
    Waiting,
    /// Checked.
    Known(Arc<Verification>),
    /// Could not be checked.
    Refused(Error),
}

impl Badge {
    /// From the answer to [`request`], where there is one.
    pub fn of(answer: Option<Result<Arc<Verification>>>) -> Self {
        match answer {
            None => Self::Waiting,
            Some(Ok(found)) => Self::Known(found),
            Some(Err(Error::Cancelled)) => Self::Unasked,
            Some(Err(err)) => Self::Refused(err),
        }
    }
}

/// The question of a model's check.
pub fn request(model: ModelRef) -> Request {
    Request::of(Task::Verify, Input::Text(String::new()), model)
}

/// Whether a model is checked as soon as it is open.
pub fn is_checked_at_once(scene: &Scene) -> bool {
    scene.model.num_parameters <= MAX_PARAMETERS
}
