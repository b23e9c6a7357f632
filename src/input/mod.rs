//! Pictures and tensors from files, and the preprocessing that a checkpoint asks for.

pub mod picture;
pub mod preprocess;
pub mod processor;
pub mod tensor_file;

pub use picture::Picture;
pub use preprocess::Prepared;
pub use processor::Processor;
