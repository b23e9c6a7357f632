//! The instrumented transformer.

/// A loaded checkpoint.
#[derive(Debug)]
pub struct Model {}

/// All recorded activations of one input.
#[derive(Debug)]
pub struct Trace {}
