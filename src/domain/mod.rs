//! Plain data and pure functions that every other layer shares. No files, no threads, no tensors; std and serde only.

pub mod cancel;
pub mod colormap;
pub mod error;
pub mod exhibit;
pub mod generation;
pub mod grid;
pub mod heatmap;
pub mod info;
pub mod knob;
pub mod linkage;
pub mod notice;
pub mod path;
pub mod request;
pub mod request_key;
pub mod resample;
pub mod scalar;
pub mod segmentation;
pub mod source;
pub mod span;
pub mod text;
pub mod token;
pub mod vocabulary;

pub use cancel::{Cancel, Control, Progress};
pub use error::{Error, Result};
pub use notice::{Notice, Notices};
