//! Pictures and tensors from files, and the preprocessing that a checkpoint asks for.
//!
//! A [`Picture`] is what a person sees, upright and in 8 bits; a [`Processor`] is what the checkpoint's
//! preprocessor_config.json asks for; [`Processor::prepare`] joins them into the [`Prepared`] tensor, pixel for pixel as
//! transformers' PIL backend does. A [`Tokenizer`] turns a text into numbers. Nothing here knows a model's weights.

mod decoding;
pub mod folder;
mod frames;
pub mod growing;
mod jpeg;
pub mod mask;
pub mod matrix_file;
pub mod picture;
mod pixels;
pub mod preprocess;
pub mod processor;
mod processor_file;
mod profile;
mod raw;
pub mod resize;
mod sentencepiece;
mod signature;
mod spans;
pub mod tensor_file;
pub mod text_file;
mod tiff;
mod tokenizer_bounds;
mod tokenizer_class;
mod tokenizer_doubts;
mod tokenizer_files;
mod tokenizer_making;
mod tokenizer_settings;
mod vocabulary;
pub mod words;

pub use growing::Growing;
pub use mask::Mask;
pub use picture::Picture;
pub use pixels::Transparency;
pub use preprocess::Prepared;
pub use processor::Processor;
pub use tensor_file::{holds_ids, read_input_ids, read_pixel_values};
pub use text_file::{read_text, text_of};
pub use words::{Encoded, Tokenizer};
