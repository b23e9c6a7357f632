//! preprocessor_config.json.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::domain::request::SizeRule;
use tokenscope::input::{Picture, Processor, Transparency};

use crate::harness::{Kind, Reader, Seed};

pub struct Processors;

impl Reader for Processors {
    fn name(&self) -> &'static str {
        "processor"
    }

    fn seeds(&self) -> Vec<Seed> {
        let folders =
            ["beit", "ceiling", "clip", "deit", "dinov2", "dinov3", "lanczos", "nearest", "padded", "raw", "siglip", "vit"];
        folders.map(|folder| Seed::fixture(&format!("preprocess/{folder}/preprocessor_config.json"), Kind::Json)).into()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let Some(processor) = Processor::read(file.parent().unwrap())? else { return Ok(()) };
        let picture = Picture::from_rgba("picture", 40, 30, &[90; 4 * 40 * 30], Transparency::Dropped)?;
        processor.prepare(&picture, SizeRule::Checkpoint, 8).map(drop)
    }
}
