//! Inputs that are numbers already: `input_ids` and `pixel_values`.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::input::{holds_ids, read_input_ids, read_pixel_values};

use crate::harness::{Kind, Reader, Seed};

pub struct Ids;

impl Reader for Ids {
    fn name(&self) -> &'static str {
        "ids"
    }

    fn seeds(&self) -> Vec<Seed> {
        ["gpt2", "vit"].map(|family| Seed::fixture(&format!("models/{family}/expected.safetensors"), Kind::Tensors)).into()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        if holds_ids(file) { read_input_ids(file).map(drop) } else { read_pixel_values(file, 8).map(drop) }
    }
}
