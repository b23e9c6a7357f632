//! Segmenters: maps of all patches, clustered.

pub mod ultra;

pub use ultra::MapTree;
