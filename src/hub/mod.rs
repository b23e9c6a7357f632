//! Hugging Face's hub and its cache on this machine: which models are there, and how one comes here. Files lie as the hub's own
//! Python library lays them, so that either program finds what the other has downloaded.

mod cache;
mod disk;
mod download;
pub mod known;
mod listing;
mod settings;
mod wire;

pub use cache::{Cache, CachedModel};
pub use download::{Hub, Look, Transfer};
pub use listing::Plan;
pub use settings::{Patience, Settings, Token};

/// Bytes as `12.3 MB`, or in GB from a thousand of these on.
pub fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 { format!("{megabytes:.1} MB") } else { format!("{:.2} GB", megabytes / 1000.0) }
}
