//! What the program carries with it: samples to look at, so that a machine without a network and without files has something
//! true to show. They are part of the binary, because `cargo install` keeps nothing else.

mod samples;

pub use samples::{SAMPLES, Sample, sample};
