//! Masks.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::input::Mask;
use tokenscope::input::mask::Wanted;

use crate::harness::{Reader, Seed};
use crate::picture::pictures;

pub struct Masks;

impl Reader for Masks {
    fn name(&self) -> &'static str {
        "mask"
    }

    fn seeds(&self) -> Vec<Seed> {
        pictures("masks").into_iter().filter(|seed| !seed.name.contains("clear")).collect()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let mask = Mask::open(file, Wanted::Numbers)?;
        let orientation = mask.orientation;
        drop(mask.turned(orientation));
        Mask::open(file, Wanted::Colours).map(drop)
    }
}
