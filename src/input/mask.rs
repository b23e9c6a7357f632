//! Masks: pictures whose pixels are labels. Grey ones hold a label as it is, those with a palette its index, coloured ones a colour.

use std::collections::HashMap;
use std::path::Path;

use image::ColorType;

use super::decoding::{decode_raw, guarded, read_file};
use super::picture::file_name;
use super::raw::Raw;
use crate::domain::{Error, Result};

/// One value a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Name of the file, without its folder.
    pub name: String,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// `[height, width]`, row-major: labels, or colours as `0xRRGGBB`.
    pub values: Vec<u32>,
    /// Whether the values are colours.
    pub is_coloured: bool,
}

impl Mask {
    /// Reads a mask.
    ///
    /// # Errors
    /// As [`super::Picture::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = read_file(path)?;
        let raw = guarded(path, || decode_raw(path, &bytes))?;
        let (values, is_coloured) = values(path, &raw, &bytes)?;
        Ok(Self { name: file_name(path), width: raw.width, height: raw.height, values, is_coloured })
    }
}

fn values(path: &Path, raw: &Raw, bytes: &[u8]) -> Result<(Vec<u32>, bool)> {
    let pixels = raw.pixels();
    let wide = |pair: &[u8]| u32::from(u16::from_ne_bytes([pair[0], pair[1]]));
    let png = Png::read(bytes);
    Ok(match raw.color {
        // The decoder spreads labels of 1, 2 or 4 bits over 0..255.
        ColorType::L8 => {
            let spread = png.as_ref().map_or(1, Png::spread);
            (pixels.data.iter().map(|&v| u32::from(v) / spread).collect(), false)
        }
        ColorType::La8 => (pixels.data.chunks_exact(2).map(|p| u32::from(p[0])).collect(), false),
        ColorType::L16 => (pixels.data.chunks_exact(2).map(wide).collect(), false),
        ColorType::La16 => (pixels.data.chunks_exact(4).map(wide).collect(), false),
        _ => {
            let colours: Vec<u32> = pixels.to_rgb().chunks_exact(3).map(colour).collect();
            match png.map(|png| png.palette).filter(|palette| !palette.is_empty()) {
                Some(palette) => (indices(path, &colours, &palette)?, false),
                None => (colours, true),
            }
        }
    })
}

/// `0xRRGGBB`.
fn colour(rgb: &[u8]) -> u32 {
    rgb.iter().fold(0, |sum, &v| sum << 8 | u32::from(v))
}

/// The index of each colour in a palette; of equal entries, which fill the end of many palettes, the first.
fn indices(path: &Path, colours: &[u32], palette: &[u32]) -> Result<Vec<u32>> {
    let mut index = HashMap::new();
    for (i, &colour) in palette.iter().enumerate() {
        index.entry(colour).or_insert(i as u32);
    }
    let lost = || Error::refused(path.display(), "holds a colour that its palette lacks").remedy("save the mask as grey PNG");
    colours.iter().map(|colour| index.get(colour).copied().ok_or_else(lost)).collect()
}

/// What a PNG says of its pixels and the decoder keeps to itself.
struct Png {
    bits: u8,
    /// Empty where there is none.
    palette: Vec<u32>,
}

impl Png {
    /// Walks the chunks up to the pixels; `None` for other files.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
        let (mut bits, mut is_indexed, mut palette) = (8, false, Vec::new());
        while let Some((head, after)) = rest.split_at_checked(8) {
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let body = after.get(..length)?;
            match &head[4..] {
                b"IHDR" => (bits, is_indexed) = (*body.get(8)?, *body.get(9)? == 3),
                b"PLTE" if is_indexed => palette = body.chunks_exact(3).map(colour).collect(),
                b"IDAT" => break,
                _ => {}
            }
            rest = after.get(length.checked_add(4)?..)?;
        }
        Some(Self { bits, palette })
    }

    /// By how much the decoder multiplied each grey value.
    fn spread(&self) -> u32 {
        match self.bits {
            bits @ (1 | 2 | 4) => 255 / ((1 << bits) - 1),
            _ => 1,
        }
    }
}
