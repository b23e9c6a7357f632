//! Pictures from files.
//!
//! The format is told by the content, never by the extension. What comes out is what `PIL.Image.open(f).convert("RGB")` gives
//! after `ImageOps.exif_transpose`: upright, alpha dropped (not blended), 16-bit colours by their high byte, 16-bit grey
//! clipped at 255. JPEGs differ from libjpeg's by up to 3 of 255 levels where colour is stored at half size (another
//! upsampling); the other formats are exact.
//!
//! A picture whose longer side is over [`MAX_SIDE`] is scaled down while it is read, and the preprocessing then works from
//! the scaled one: no model takes more, and a 100-megapixel photo would fill a texture and a laptop's memory.

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use sha2::{Digest, Sha256};

use super::resize::{Axis, Pixels, is_readable, resize_rgb};
use crate::domain::resample::Kernel;
use crate::domain::{Error, Notice, Result};
use crate::store::{hexadecimal, unreadable};

/// Pixels of the longer side that a picture keeps.
pub const MAX_SIDE: usize = 4096;
/// Pixels that a file may claim to hold.
const MAX_PIXELS: u64 = 400_000_000;
/// Bytes of the decoded pixels.
const MAX_DECODED: u64 = 2 << 30;
/// Bytes of the file.
const MAX_FILE: u64 = 1 << 30;
/// Endings that names of pictures usually have; the content decides.
pub const EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "pnm", "ppm"];
const FORMATS: &str = "a PNG, JPEG, WebP, TIFF, GIF, BMP or PNM picture";

/// A decoded picture: upright, without alpha, 8 bits a channel, encoded sRGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Name of the file, without its folder.
    pub name: String,
    /// Pixels of `rgb`; smaller than the file's when the file is huge.
    pub width: usize,
    /// Pixels of `rgb`.
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: Arc<[u8]>,
    /// Pixels of the file after its EXIF orientation: width, height.
    pub file_size: (usize, usize),
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// What was changed or lost while the file was read.
    pub notices: Vec<Notice>,
}

impl Picture {
    /// Reads a picture from a file.
    ///
    /// # Errors
    /// A missing or empty file, a folder, a file that is no picture or is cut off, and a picture that would fill the memory.
    pub fn open(path: &Path) -> Result<Self> {
        Self::decode(path, &read_file(path)?)
    }

    /// A picture from the bytes of a file that is called `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let decoded = guarded(path, || decode(path, bytes))?;
        Ok(decoded.into_picture(file_name(path), hexadecimal(&Sha256::digest(bytes))))
    }

    /// A picture from the clipboard; its hash is that of `rgba`.
    ///
    /// # Shapes
    /// `rgba` is `[height, width, 4]`.
    ///
    /// # Errors
    /// Sides that are zero or do not fit the number of bytes.
    pub fn from_rgba(name: &str, width: usize, height: usize, rgba: &[u8]) -> Result<Self> {
        if rgba.is_empty() || width.checked_mul(height).and_then(|n| n.checked_mul(4)) != Some(rgba.len()) {
            let what = format!("{} bytes are not a picture of {width} x {height} pixels", rgba.len());
            return Err(Error::refused(name, what).expected("four bytes a pixel").remedy("copy the picture again"));
        }
        let pixels = Pixels { data: rgba, color: ColorType::Rgba8, width, height };
        let decoded = Decoded::from_pixels(pixels, Orientation::NoTransforms);
        Ok(decoded.into_picture(name.to_owned(), hexadecimal(&Sha256::digest(rgba))))
    }

    /// Whether `rgb` holds fewer pixels than the file did.
    pub fn is_reduced(&self) -> bool {
        (self.width, self.height) != self.file_size
    }
}

/// Pixels as a [`Picture`] keeps them.
struct Decoded {
    rgb: RgbImage,
    file_size: (usize, usize),
}

impl Decoded {
    /// Scales down first, so that the turning happens on the small picture.
    fn from_pixels(pixels: Pixels<'_>, orientation: Orientation) -> Self {
        let (width, height) = reduced_size(pixels.width, pixels.height);
        let rgb = if (width, height) == (pixels.width, pixels.height) {
            pixels.to_rgb()
        } else {
            resize_rgb(pixels, Axis::whole(height), Axis::whole(width), Kernel::Bilinear)
        };
        // The buffer has exactly this size; an empty picture is what a mistake here would show.
        let mut upright = DynamicImage::from(RgbImage::from_raw(width as u32, height as u32, rgb).unwrap_or_default());
        upright.apply_orientation(orientation);
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let turned = matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
        let file_size = if turned { (pixels.height, pixels.width) } else { (pixels.width, pixels.height) };
        Self { rgb: upright.into_rgb8(), file_size }
    }

    fn into_picture(self, name: String, sha256: String) -> Picture {
        let (width, height) = (self.rgb.width() as usize, self.rgb.height() as usize);
        Picture { name, width, height, rgb: self.rgb.into_raw().into(), file_size: self.file_size, sha256, notices: Vec::new() }
    }
}

/// The size that a picture keeps: its own, or the longer side at [`MAX_SIDE`].
fn reduced_size(width: usize, height: usize) -> (usize, usize) {
    let longer = width.max(height);
    if longer <= MAX_SIDE {
        return (width, height);
    }
    let scaled = |side: usize| ((side * MAX_SIDE + longer / 2) / longer).max(1);
    (scaled(width), scaled(height))
}

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

/// Name of a file without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

pub(super) fn broken(path: &Path, why: impl std::fmt::Display) -> Error {
    let remedy = "copy or download the file again, or convert it to PNG";
    Error::refused(path.display(), format!("the picture is cut off or damaged ({why})")).remedy(remedy)
}

/// What a decoder said, told apart by what the user can do about it.
fn undecodable(path: &Path, err: &ImageError) -> Error {
    match err {
        ImageError::Unsupported(_) => {
            let refused = Error::refused(path.display(), format!("is of a kind that cannot be read ({err})"));
            refused.expected("8 or 16 bits a channel").remedy("convert it to PNG")
        }
        ImageError::Limits(_) => {
            let refused = Error::refused(path.display(), format!("would fill the memory ({err})"));
            refused.expected("at most 2 GiB when decoded").remedy("scale it down first")
        }
        _ => broken(path, err),
    }
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Decoded> {
    let raw = decode_raw(path, bytes)?;
    Ok(Decoded::from_pixels(raw.pixels(), raw.orientation))
}

/// The decoders are other people's code and meet hostile files here: a panic in them is a refusal.
pub(super) fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(broken(path, "the decoder could not make sense of it")))
}

/// Pixels as a file stores them.
pub(super) struct Raw {
    data: Vec<u8>,
    pub(super) color: ColorType,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) orientation: Orientation,
}

impl Raw {
    pub(super) fn pixels(&self) -> Pixels<'_> {
        Pixels { data: &self.data, color: self.color, width: self.width, height: self.height }
    }
}

/// Decodes the bytes of a file that is called `path`.
pub(super) fn decode_raw(path: &Path, bytes: &[u8]) -> Result<Raw> {
    let shown = path.display();
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|err| unreadable(path, &err))?;
    let Some(format) = reader.format().filter(ImageFormat::reading_enabled) else {
        return Err(Error::refused(shown, "is not a picture of a known format").expected(FORMATS));
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED + (1 << 28));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|err| undecodable(path, &err))?;
    let (width, height) = decoder.dimensions();
    check_claims(path, (width, height), decoder.total_bytes())?;
    let color = decoder.color_type();
    if !is_readable(color) {
        let what = format!("its pixels are stored as {color:?}");
        return Err(Error::refused(shown, what).expected("8 or 16 bits a channel").remedy("convert it to PNG"));
    }
    // Damaged metadata is no reason to refuse good pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut data = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut data).map_err(|err| undecodable(path, &err))?;
    if format == ImageFormat::Jpeg && !has_jpeg_end(bytes) {
        return Err(broken(path, "the end of the JPEG is missing"));
    }
    Ok(Raw { data, color, width: width as usize, height: height as usize, orientation })
}

/// Looks at what the header claims before anything is allocated: a file of 100 bytes can claim gigabytes.
pub(super) fn check_claims(path: &Path, (width, height): (u32, u32), decoded: u64) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::refused(path.display(), "the picture has no pixels").expected(FORMATS));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || decoded > MAX_DECODED {
        let what = format!("claims {width} x {height} pixels, {} megapixels", pixels / 1_000_000);
        let expected = format!("at most {} megapixels and 2 GiB when decoded", MAX_PIXELS / 1_000_000);
        return Err(Error::refused(path.display(), what).expected(expected).remedy("scale it down first"));
    }
    Ok(())
}

/// Whether the end-of-image marker follows the first scan. The decoder fills what is missing with grey; PIL refuses.
/// Segments before the scan are skipped by their lengths, as the thumbnail in an EXIF block ends with the same marker.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        if marker == 0xda {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        let length = bytes.get(at + 2..at + 4).map_or(0, |l| usize::from(u16::from_be_bytes([l[0], l[1]])));
        // Fill bytes and markers without a length are one step; everything else says how long it is.
        at += if marker == 0xff { 1 } else { 2 + if matches!(marker, 0x01 | 0xd0..=0xd8) { 0 } else { length } };
    }
    // The segments do not line up, and the decoder coped: it is not for this check to refuse.
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_what_is_limited() {
        assert_eq!(reduced_size(4096, 4096), (4096, 4096));
        assert_eq!(reduced_size(11_600, 8_700), (4096, 3072));
        assert_eq!(reduced_size(3, 100_000), (1, 4096));
    }

    #[test]
    fn a_pasted_picture_loses_its_alpha_and_keeps_its_colours() {
        let picture = Picture::from_rgba("pasted", 2, 1, &[1, 2, 3, 0, 4, 5, 6, 255]).unwrap();
        assert_eq!(&*picture.rgb, [1, 2, 3, 4, 5, 6]);
        assert_eq!((picture.file_size, picture.sha256.len()), ((2, 1), 64));
        assert!(Picture::from_rgba("pasted", 2, 2, &[0; 8]).is_err());
        assert!(Picture::from_rgba("pasted", 0, 0, &[]).is_err());
        assert!(Picture::from_rgba("pasted", usize::MAX, 4, &[0; 8]).is_err());
    }

    #[test]
    fn the_end_of_a_jpeg_is_looked_for_after_the_thumbnail() {
        let exif = [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9];
        assert!(!has_jpeg_end(&[&exif[..], &[0xff, 0xda, 0, 2, 7, 7]].concat()));
        assert!(has_jpeg_end(&[&exif[..], &[0xff, 0xda, 0, 2, 7, 0xff, 0xd9]].concat()));
    }
}
