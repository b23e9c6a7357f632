//! From the bytes of a file to its pixels: the decoder is chosen by the content, never by the extension.

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::pixels::is_readable;
use super::raw::{DEPTHS, FORMATS, MAX_DECODED, Metadata, Raw, broken, check_claims, undecodable, unsupported};
use super::tiff::{self, Tags};
use super::{frames, jpeg, signature};
use crate::domain::{Error, Result};
use crate::store::unreadable;

/// Bytes of the file.
const MAX_FILE: u64 = 1 << 30;

/// The bytes of a picture's file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let facts = fs::metadata(path).map_err(|err| unreadable(path, &err))?;
    if facts.is_dir() {
        return Err(Error::refused(shown, "is a folder").expected(FORMATS).remedy("name a file in it"));
    }
    if !facts.is_file() {
        return Err(Error::refused(shown, "is not a regular file").expected(FORMATS));
    }
    if facts.len() > MAX_FILE {
        let what = format!("is a file of {} MB", facts.len() / 1_000_000);
        return Err(Error::refused(shown, what).expected("at most 1 GiB").remedy("save it as a JPEG or a smaller PNG"));
    }
    let bytes = fs::read(path).map_err(|err| unreadable(path, &err))?;
    if bytes.is_empty() {
        return Err(Error::refused(shown, "the file is empty").expected(FORMATS).remedy("copy or download it again"));
    }
    Ok(bytes)
}

/// The decoders are other people's code and meet hostile files here: a panic in them is a refusal.
pub(super) fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(broken(path, "the decoder could not make sense of it")))
}

/// Decodes the bytes of a file that is called `path`.
///
/// # Errors
/// A file that is no picture, is cut off or damaged, or would fill the memory.
pub(super) fn decode_raw(path: &Path, bytes: &[u8]) -> Result<Raw> {
    let format = if tiff::is_big(bytes) { Some(ImageFormat::Tiff) } else { image::guess_format(bytes).ok() };
    let Some(format) = format.filter(ImageFormat::reading_enabled) else { return Err(signature::refusal(path, bytes)) };
    let mut raw = match format {
        ImageFormat::Jpeg => jpeg::decode(path, bytes)?,
        ImageFormat::Tiff => decode_tiff(path, bytes)?,
        _ => decode_by_image(path, format, bytes)?,
    };
    if format == ImageFormat::Png {
        drop_wide_key(bytes, &mut raw);
    }
    raw.notices.extend(frames::notice(path, format, bytes));
    Ok(raw)
}

fn decode_tiff(path: &Path, bytes: &[u8]) -> Result<Raw> {
    let tags = Tags::read(bytes);
    if let Some(tags) = &tags {
        tags.check(path)?;
    }
    let mut raw = decode_by_image(path, ImageFormat::Tiff, bytes)?;
    if let Some(tags) = &tags {
        let metadata = Metadata { orientation: tags.orientation(), xmp: tags.xmp().map(<[u8]>::to_vec), ..Metadata::default() };
        raw.orientation = metadata.orientation();
        tags.unassociate(&mut raw);
    }
    Ok(raw)
}

/// Decodes by the image crate, whose pixels are Pillow's for these formats.
fn decode_by_image(path: &Path, format: ImageFormat, bytes: &[u8]) -> Result<Raw> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED + (1 << 28));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|err| undecodable(path, &err))?;
    let (width, height) = decoder.dimensions();
    check_claims(path, (width, height), decoder.total_bytes())?;
    let color = decoder.color_type();
    if !is_readable(color) {
        let what = format!("its pixels are stored as {color:?}");
        return Err(unsupported(path, what, DEPTHS));
    }
    // Damaged metadata is no reason to refuse good pixels.
    let exif = decoder.exif_metadata().ok().flatten();
    let metadata = Metadata {
        orientation: exif.as_deref().and_then(Orientation::from_exif_chunk),
        xmp: decoder.xmp_metadata().ok().flatten(),
        profile: decoder.icc_profile().ok().flatten(),
    };
    let mut data = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut data).map_err(|err| undecodable(path, &err))?;
    let (orientation, notices) = (metadata.orientation(), metadata.notices(path));
    Ok(Raw { data, color, width: width as usize, height: height as usize, orientation, notices })
}

/// Ignores the transparent colour that a PNG of 16 bits may name, and reads its grey as other grey of 16 bits. Pillow compares
/// low bytes of that colour with high bytes of the pixels, which means nothing.
fn drop_wide_key(bytes: &[u8], raw: &mut Raw) {
    // Bits a channel and colour type, in the header chunk.
    let (kept, color) = match (bytes.get(24..26), raw.color) {
        (Some([16, 0]), ColorType::La16) => (2, ColorType::L16),
        (Some([16, 2]), ColorType::Rgba16) => (6, ColorType::Rgb16),
        _ => return,
    };
    raw.data = raw.data.chunks_exact(kept + 2).flat_map(|pixel| &pixel[..kept]).copied().collect();
    raw.color = color;
}
