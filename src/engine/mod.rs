//! The engine: answers requests, and remembers models, traces and maps.

pub mod output;
pub mod worker;

pub use output::{Explanation, ModelFacts, Output, Prediction, Scene, Segments};
pub use worker::{Oracle, Reply, Worker};

use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::method::Control;

/// Answers requests.
#[derive(Debug, Default)]
pub struct Engine {}

impl Engine {
    /// Answers a request.
    ///
    /// # Errors
    /// A refusal, or [`Error::Cancelled`].
    pub fn run(&mut self, _request: &Request, _control: &Control) -> Result<Output> {
        Err(Error::Internal("not there yet".to_owned()))
    }
}
