//! What is made of a number of inputs and kept in a small .safetensors file, for requests that name it.

pub mod basis;
pub mod lens;
pub mod readout;
