//! Scores: how far what a method says is what the model does.

pub mod comprehensiveness;
pub mod likelihood;

pub use comprehensiveness::{Removal, Score};
