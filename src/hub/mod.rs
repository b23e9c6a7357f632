//! Hugging Face's hub and its cache on this machine: which models are there, and how one comes here. Files lie as the hub's own
//! Python library lays them, so that either program finds what the other has downloaded.

mod answers;
mod arrival;
mod cache;
mod checksum;
mod disk;
mod download;
mod files;
pub mod known;
mod listing;
mod nofollow;
mod part;
mod settings;
mod space;
mod transfer;
mod tries;
mod trouble;
mod wire;

pub use cache::{Cache, CachedModel};
pub use download::{Hub, Look};
pub use listing::Plan;
pub use settings::{Patience, Settings, Token};
pub use space::{FreeSpace, megabytes};
pub use transfer::Transfer;
