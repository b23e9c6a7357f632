//! Pictures and tensors from files, and the preprocessing that a checkpoint asks for.
//!
//! A [`Picture`] is what a person sees, upright and in 8 bits; a [`Processor`] is what the checkpoint's
//! preprocessor_config.json asks for; [`Processor::prepare`] joins them into the [`Prepared`] tensor, pixel for pixel as
//! transformers' PIL backend does. A [`Tokenizer`] turns a text into numbers. Nothing here knows a model's weights.

pub mod folder;
pub mod growing;
pub mod mask;
pub mod matrix_file;
mod padding;
pub mod picture;
pub mod preprocess;
pub mod processor;
pub mod resize;
pub mod tensor_file;
mod vocabulary;
pub mod words;

pub use growing::Growing;
pub use mask::Mask;
pub use picture::Picture;
pub use preprocess::Prepared;
pub use processor::Processor;
pub use tensor_file::{holds_ids, read_input_ids, read_pixel_values};
pub use words::{Encoded, Tokenizer, read_text};
