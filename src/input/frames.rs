//! How many pictures a file holds, so that it can be said that only the first was read.

use std::path::Path;

use image::ImageFormat;

use super::tiff::Tags;
use crate::domain::Notice;

/// Says how many further pictures a file holds.
pub(super) fn notice(path: &Path, format: ImageFormat, bytes: &[u8]) -> Option<Notice> {
    let count = match format {
        ImageFormat::Gif => gif(bytes),
        ImageFormat::WebP => webp(bytes),
        ImageFormat::Png => png(bytes),
        ImageFormat::Tiff => Tags::read(bytes).map(|tags| tags.pages()),
        _ => None,
    };
    let count = count.filter(|&count| count > 1)?;
    let what = format!("holds {count} pictures (frames or pages), and the first was read");
    Some(Notice::new(path.display(), what).remedy("save another one as a file of its own to see it"))
}

fn big_endian(field: &[u8]) -> usize {
    field.iter().fold(0, |sum, &byte| (sum << 8) | usize::from(byte))
}

/// The number in the animation control chunk that stands before the pixels of an animated PNG.
fn png(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(8..)?;
    while let (Some(head), Some(kind)) = (rest.get(..4), rest.get(4..8)) {
        match kind {
            b"acTL" => return rest.get(8..12).map(big_endian),
            b"IDAT" => return None,
            _ => rest = rest.get(big_endian(head).checked_add(12)?..)?,
        }
    }
    None
}

/// Chunks named ANMF of the RIFF container.
fn webp(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut count) = (bytes.get(12..)?, 0);
    while let (Some(kind), Some(size)) = (rest.get(..4), rest.get(4..8)) {
        count += usize::from(kind == b"ANMF");
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
        rest = rest.get(8 + size + size % 2..).unwrap_or(&[]);
    }
    Some(count)
}

/// Image descriptors of a GIF.
fn gif(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let (mut at, mut count) = (13 + table(*bytes.get(10)?), 0);
    loop {
        match bytes.get(at) {
            Some(0x21) => at += 2,
            Some(0x2c) => {
                count += 1;
                // The descriptor, its colours, and the byte that says how long codes are.
                let Some(&flags) = bytes.get(at + 9) else { break };
                at += 11 + table(flags);
            }
            _ => break,
        }
        while let Some(&length) = bytes.get(at) {
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
    }
    Some(count)
}
