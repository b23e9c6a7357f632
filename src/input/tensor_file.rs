//! `pixel_values` from a .safetensors file.
