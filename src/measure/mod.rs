//! Scores: how far what a method says is what the model does, and how far segments are what people see.

pub mod assignment;
pub mod boundary;
pub mod clustering;
pub mod comprehensiveness;
pub mod confusion;
pub mod contingency;
pub mod covering;
pub mod faithfulness;
pub mod likelihood;
pub mod matching;
pub mod rank;
pub mod silhouette;
pub mod thinning;

pub use comprehensiveness::{Removal, Score};
pub use confusion::Confusion;
pub use contingency::Contingency;
