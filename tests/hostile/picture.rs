//! Pictures of every format that is read.

use std::fs;
use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::input::picture::EXTENSIONS;
use tokenscope::input::{Picture, Transparency};

use crate::harness::{Kind, Reader, Seed, fixtures};

/// The pictures of a folder of `tests/fixtures`.
pub fn pictures(folder: &str) -> Vec<Seed> {
    let entries = fs::read_dir(fixtures().join(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| !is_refused(name)).collect();
    names.sort();
    let seed = |name: &String| {
        let ending = name.rsplit('.').next().filter(|ending| EXTENSIONS.contains(ending) || ["pbm", "pgm"].contains(ending))?;
        Some(Seed::fixture(&format!("{folder}/{name}"), if ending == "png" { Kind::Png } else { Kind::Bytes }))
    };
    names.iter().filter_map(seed).collect()
}

/// Kinds that are refused as they are.
fn is_refused(name: &str) -> bool {
    name.starts_with("refused") || ["tiff_la.tif", "tiff_palette.tif"].contains(&name)
}

pub struct Pictures;

impl Reader for Pictures {
    fn name(&self) -> &'static str {
        "picture"
    }

    fn seeds(&self) -> Vec<Seed> {
        pictures("pictures")
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        Picture::open(file, Transparency::OverWhite).map(drop)
    }
}
