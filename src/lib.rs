//! Tokenscope.
pub mod domain;
