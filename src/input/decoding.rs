//! From the bytes of a file to its pixels: the decoder is chosen by the content, never by the extension.

use std::fs;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::pixels::is_readable;
use super::raw::{Claims, DEPTHS, FORMATS, Metadata, Raw, broken, check_claims, memory_for, undecodable, unsupported};
use super::tiff::{self, Tags};
use super::{frames, jpeg, signature};
use crate::domain::{Cancel, Error, Result};
use crate::guard::{self, Stopped};
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
    guard::quietly(decode).unwrap_or_else(|| Err(broken(path, "the decoder could not make sense of it")))
}

/// As [`guarded`], on a thread that nobody waits for any more once `cancel` is set; `decode` is given a clone of it.
pub(super) fn cancellable<T: Send + 'static>(
    path: &Path,
    cancel: &Cancel,
    decode: impl FnOnce(&Cancel) -> Result<T> + Send + 'static,
) -> Result<T> {
    let theirs = cancel.clone();
    match guard::within(None, cancel, move || decode(&theirs)) {
        // A decoder that was stopped while it read may call the file damaged.
        _ if cancel.is_cancelled() => Err(Error::Cancelled),
        Ok(done) => done,
        Err(Stopped::Cancelled) => Err(Error::Cancelled),
        Err(Stopped::TimedOut | Stopped::Panicked) => Err(broken(path, "the decoder could not make sense of it")),
    }
}

/// Bytes that are read until the work is cancelled: the decoders of the image crate know no other way to be stopped.
struct Watched<'a> {
    bytes: Cursor<&'a [u8]>,
    cancel: &'a Cancel,
}

/// Bytes that a decoder is given at a time.
const PART: usize = 1 << 14;

impl Watched<'_> {
    fn check(&self) -> io::Result<()> {
        if self.cancel.is_cancelled() { Err(io::Error::other("cancelled")) } else { Ok(()) }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.bytes.read(into)
    }
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(PART)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Decodes the bytes of a file that is called `path`.
///
/// # Errors
/// A file that is no picture, is cut off or damaged, or would fill the memory.
pub(super) fn decode_raw(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<Raw> {
    let format = if tiff::is_big(bytes) { Some(ImageFormat::Tiff) } else { image::guess_format(bytes).ok() };
    let Some(format) = format.filter(ImageFormat::reading_enabled) else { return Err(signature::refusal(path, bytes)) };
    let mut raw = match format {
        ImageFormat::Jpeg => jpeg::decode(path, bytes)?,
        ImageFormat::Tiff => decode_tiff(path, bytes, cancel)?,
        ImageFormat::Png => decode_by_image(path, format, bytes, cancel, png_bits(bytes))?,
        _ => decode_by_image(path, format, bytes, cancel, None)?,
    };
    if format == ImageFormat::Png {
        drop_wide_key(bytes, &mut raw);
    }
    raw.notices.extend(frames::notice(path, format, bytes));
    Ok(raw)
}

fn decode_tiff(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<Raw> {
    let tags = Tags::read(bytes);
    if let Some(tags) = &tags {
        tags.check(path)?;
    }
    let mut raw = decode_by_image(path, ImageFormat::Tiff, bytes, cancel, tags.as_ref().map(Tags::bits))?;
    if let Some(tags) = &tags {
        let metadata = Metadata { orientation: tags.orientation(), xmp: tags.xmp().map(<[u8]>::to_vec), ..Metadata::default() };
        raw.orientation = metadata.orientation();
        tags.unassociate(&mut raw);
    }
    Ok(raw)
}

/// Bits of a pixel, as the header chunk of a PNG has them.
fn png_bits(bytes: &[u8]) -> Option<u64> {
    let [depth, color] = *bytes.get(24..26)?.first_chunk()?;
    let channels = match color {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    Some(u64::from(depth.clamp(1, 16)) * channels)
}

/// Decodes by the image crate, whose pixels are Pillow's for these formats; `bits` are those of a pixel in the file, where they are
/// fewer than in memory.
fn decode_by_image(path: &Path, format: ImageFormat, bytes: &[u8], cancel: &Cancel, bits: Option<u64>) -> Result<Raw> {
    let mut reader = ImageReader::with_format(Watched { bytes: Cursor::new(bytes), cancel }, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(memory_for(bytes.len()));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|err| undecodable(path, &err))?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    let bits = bits.unwrap_or(u64::from(color.bits_per_pixel()));
    check_claims(path, Claims { size: (width, height), decoded: decoder.total_bytes(), bits, file: bytes.len() })?;
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
