//! preprocessor_config.json.

/// What a checkpoint does to a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {}
