//! Texts.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::input::read_text;

use crate::harness::{Kind, Reader, Seed};

pub struct Texts;

impl Reader for Texts {
    fn name(&self) -> &'static str {
        "text"
    }

    fn seeds(&self) -> Vec<Seed> {
        let wide: Vec<u8> = "\u{feff}é\r\n🦊 bank".encode_utf16().flat_map(u16::to_be_bytes).collect();
        vec![Seed::new("a.txt", "We sat on the bank.\r\né🦊\n", Kind::Lines), Seed::new("a.txt", wide, Kind::Bytes)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        read_text(file).map(drop)
    }
}
