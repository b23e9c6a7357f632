//! Tokenscope: open an image, click a token at any layer of a transformer, and see at once what that token has come to mean.

#![warn(missing_docs, unreachable_pub, clippy::missing_errors_doc)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod cli;
pub mod domain;
pub mod engine;
pub mod figure;
pub mod input;
pub mod method;
pub mod model;
pub mod render;
pub mod segment;
