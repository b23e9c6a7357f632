//! Files that hold tensors: where each tensor lies, from headers alone; its numbers, when they are asked for; what the files hash
//! to. Of models nothing is known here, and what comes out are plain numbers.
//!
//! Every file may be broken or hostile. A header is checked against the length of its file before anything is read by it, and
//! costs memory in proportion to bytes that are there, never to what they claim.

mod bytes;
mod convert;
mod digest;
mod files;
mod index;
mod memory;
mod misnamed;
mod pickle;
mod place;
pub mod safetensors;
mod torch;
mod zip;

pub use bytes::{Bytes, folder_of, read_file, unreadable};
pub use convert::first_not_finite;
pub use digest::{Digest, hexadecimal};
pub use files::{Format, Location, TensorFiles};
pub use memory::{available_memory, count_in_words, size_in_words};
pub use misnamed::{misnamed, without_mark};
pub use place::Place;
