//! TIFF's own tags, classic and BigTIFF, as far as the image crate keeps them to itself: which compression, what the extra
//! channel is, the XMP packet, and how many pages follow.

use std::path::Path;

use image::ColorType;
use image::metadata::Orientation;

use super::raw::{Raw, unsupported};
use crate::domain::Result;

const NEW_SUBFILE_TYPE: u16 = 254;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
const EXTRA_SAMPLES: u16 = 338;
const XMP: u16 = 700;
const DNG_VERSION: u16 = 50706;
/// Pages that are counted.
const MAX_PAGES: usize = 10_000;
const READ: &str = "no compression, LZW, Deflate, PackBits or CCITT group 4";

/// Compressions that are not read, or not with Pillow's pixels: TIFF 6.0 section 3 and the registered ones.
const COMPRESSIONS: &[(u64, &str)] = &[
    (2, "CCITT Huffman"),
    (3, "CCITT group 3"),
    (6, "JPEG"),
    (7, "JPEG"),
    (34_712, "JPEG 2000"),
    (34_887, "LERC"),
    (34_925, "LZMA"),
    (50_000, "ZSTD"),
    (50_001, "WebP"),
    (52_546, "JPEG XL"),
];

/// Whether the bytes begin as a TIFF with 64-bit offsets does.
pub(super) fn is_big(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+")
}

/// The tags of a TIFF's first page.
pub(super) struct Tags<'a> {
    file: File<'a>,
    first: Vec<Entry>,
    /// Pages of the file, previews left out.
    pages: usize,
}

/// Bytes with the byte order and the offset size of their header.
#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    is_little: bool,
    is_big: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    /// Bytes of one value.
    size: usize,
    count: usize,
    /// Where the values are.
    start: usize,
}

impl<'a> Tags<'a> {
    /// Reads the tags; `None` where they make no sense, which the decoder then says.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let file = File { bytes, is_little: bytes.starts_with(b"II"), is_big: is_big(bytes) };
        let (mut at, mut first, mut pages) = (file.offset(if file.is_big { 8 } else { 4 })?, None, 0);
        for _ in 0..MAX_PAGES {
            let Some((entries, next)) = file.directory(at) else { break };
            let is_preview = file.value(&entries, NEW_SUBFILE_TYPE).is_some_and(|v| v & 1 == 1);
            pages += usize::from(!is_preview);
            first.get_or_insert(entries);
            at = next;
            if at == 0 {
                break;
            }
        }
        Some(Self { file, first: first?, pages })
    }

    fn value(&self, tag: u16) -> Option<u64> {
        self.file.value(&self.first, tag)
    }

    /// Refuses what is not read, or would be read as something else.
    ///
    /// # Errors
    /// That refusal.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        if self.first.iter().any(|entry| entry.tag == DNG_VERSION) {
            return Err(unsupported(path, "is a DNG, a camera's raw photograph", "a developed picture"));
        }
        let used = self.value(COMPRESSION);
        let Some((_, name)) = COMPRESSIONS.iter().find(|&&(code, _)| used == Some(code)) else { return Ok(()) };
        Err(unsupported(path, format!("is a TIFF with {name} compression"), READ))
    }

    /// Bits of a pixel.
    pub(super) fn bits(&self) -> u64 {
        // 1 where a file does not say (TIFF 6.0, section 8).
        self.value(BITS).unwrap_or(1).clamp(1, 64).saturating_mul(self.value(SAMPLES).unwrap_or(1).clamp(1, 8))
    }

    /// The orientation tag.
    pub(super) fn orientation(&self) -> Option<Orientation> {
        self.value(ORIENTATION).and_then(|v| Orientation::from_exif(u8::try_from(v).ok()?))
    }

    /// The XMP packet, whichever of the byte types it is stored as.
    pub(super) fn xmp(&self) -> Option<&'a [u8]> {
        let entry = self.first.iter().find(|entry| entry.tag == XMP && entry.size == 1)?;
        self.file.bytes.get(entry.start..entry.start.checked_add(entry.count)?)
    }

    /// Pages of the file.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// Undoes the multiplication of colours by their alpha, as Pillow does for its raw mode RGBa (src/libImaging/Unpack.c).
    pub(super) fn unassociate(&self, raw: &mut Raw) {
        if self.value(EXTRA_SAMPLES) != Some(1) {
            return;
        }
        if raw.color == ColorType::Rgba16 {
            raw.data = raw.data.chunks_exact(2).map(|v| (u16::from_ne_bytes([v[0], v[1]]) >> 8) as u8).collect();
            raw.color = ColorType::Rgba8;
        }
        if raw.color != ColorType::Rgba8 {
            return;
        }
        for pixel in raw.data.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for value in &mut pixel[..3] {
                *value = (u32::from(*value) * 255).checked_div(alpha).unwrap_or(0).min(255) as u8;
            }
        }
    }
}

impl File<'_> {
    fn number(self, at: usize, size: usize) -> Option<u64> {
        let field = self.bytes.get(at..at.checked_add(size)?)?;
        let joined = |sum: u64, &byte: &u8| (sum << 8) | u64::from(byte);
        Some(if self.is_little { field.iter().rev().fold(0, joined) } else { field.iter().fold(0, joined) })
    }

    fn offset(self, at: usize) -> Option<usize> {
        self.number(at, if self.is_big { 8 } else { 4 }).and_then(|v| usize::try_from(v).ok())
    }

    /// The entries of a directory, and where the next one is.
    fn directory(self, at: usize) -> Option<(Vec<Entry>, usize)> {
        let (head, width) = if self.is_big { (8, 20) } else { (2, 12) };
        let count = usize::try_from(self.number(at, head)?).ok().filter(|&count| count <= 4096)?;
        let start = at.checked_add(head)?;
        let entries: Option<Vec<Entry>> = (0..count).map(|i| self.entry(start.checked_add(i * width)?)).collect();
        Some((entries?, self.offset(start.checked_add(count * width)?)?))
    }

    fn entry(self, at: usize) -> Option<Entry> {
        let size = match self.number(at + 2, 2)? {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 1,
        };
        let count = self.offset(at + 4)?;
        let place = at + if self.is_big { 12 } else { 8 };
        let inside = count.checked_mul(size)? <= if self.is_big { 8 } else { 4 };
        let start = if inside { place } else { self.offset(place)? };
        Some(Entry { tag: self.number(at, 2)? as u16, size, count, start })
    }

    /// The first value of a tag.
    fn value(self, entries: &[Entry], tag: u16) -> Option<u64> {
        let entry = entries.iter().find(|entry| entry.tag == tag && entry.count > 0)?;
        self.number(entry.start, entry.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cut_and_no_loop_hangs_or_panics() {
        // One entry, XMP of five bytes at 26, and a next directory that is the first again.
        let parts: [&[u8]; 7] =
            [b"II*\0\x08\0\0\0", b"\x01\0", b"\xbc\x02", b"\x07\0", b"\x05\0\0\0\x1a\0\0\0", b"\x08\0\0\0", b"<xmp>"];
        let whole = parts.concat();
        let tags = Tags::read(&whole).unwrap();
        assert_eq!((tags.xmp(), tags.pages()), (Some(&b"<xmp>"[..]), MAX_PAGES));
        for cut in 0..whole.len() {
            assert!(Tags::read(&whole[..cut]).is_none_or(|tags| tags.xmp().is_none()));
        }
    }
}
