//! Tokenscope: open an image, click a token at any layer of a transformer, and see at once what that token has come to mean.

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
