//! What the program carries with it: a model for images, a model for texts, and samples to look at, so that a machine without a network and without files has something
//! true to show. They are part of the binary, because `cargo install` keeps nothing else.

mod models;
mod samples;

pub use models::{EmbeddedModel, IMAGE_MODEL, TEXT_MODEL};
pub use samples::{SAMPLES, Sample, sample};
