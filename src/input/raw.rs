//! What the decoders of pictures share: the pixels as a file stores them, the metadata that decides how they are shown, and the
//! words of refusals.

use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageError};

use super::pixels::{Pixels, Transparency};
use super::profile;
use crate::domain::{Error, Notice, Result};

/// The formats that are read, as refusals name them.
pub(super) const FORMATS: &str = "a PNG, JPEG, WebP, TIFF, GIF, BMP or PNM picture";
/// Bytes of the decoded pixels.
pub(super) const MAX_DECODED: u64 = 2 << 30;
/// Pixels that a file may claim to hold.
const MAX_PIXELS: u64 = 400_000_000;
/// Pixels that any file may hold, however small it is: no side is then scaled down.
const FREE_PIXELS: u64 = 4096 * 4096;
/// Bytes of pixels, at the file's own depth, for each byte of a file with more. Deflate packs 1032 into one.
const MAX_RATIO: u64 = 1100;
/// Largest number of bytes in memory for each byte at a file's own depth: those of a palette of 1 bit with transparency.
const MAX_SPREAD: u64 = 32;
const CONVERT: &str = "convert it to PNG";

/// Pixels as a file stores them.
pub(super) struct Raw {
    pub(super) data: Vec<u8>,
    pub(super) color: ColorType,
    pub(super) width: usize,
    pub(super) height: usize,
    /// How the picture is turned upright.
    pub(super) orientation: Orientation,
    /// What was changed or left out.
    pub(super) notices: Vec<Notice>,
}

impl Raw {
    /// The pixels without their transparency.
    pub(super) fn pixels(&self) -> Pixels<'_> {
        let transparency = Transparency::Dropped;
        Pixels { data: &self.data, color: self.color, width: self.width, height: self.height, transparency }
    }
}

/// Metadata of a picture, as far as its pixels depend on it.
#[derive(Default)]
pub(super) struct Metadata {
    /// Orientation of the EXIF block, or of TIFF's own tag.
    pub(super) orientation: Option<Orientation>,
    /// The XMP packet.
    pub(super) xmp: Option<Vec<u8>>,
    /// The ICC profile.
    pub(super) profile: Option<Vec<u8>>,
}

impl Metadata {
    /// How the picture is turned upright: by EXIF, else by XMP, as Pillow's `ImageOps.exif_transpose` decides.
    pub(super) fn orientation(&self) -> Orientation {
        let by_xmp = || self.xmp.as_deref().and_then(xmp_orientation);
        self.orientation.or_else(by_xmp).unwrap_or(Orientation::NoTransforms)
    }

    /// Says that a profile other than sRGB is not applied.
    pub(super) fn notices(&self, path: &Path) -> Vec<Notice> {
        let Some(name) = self.profile.as_deref().and_then(profile::name_unless_srgb) else { return Vec::new() };
        let what = format!("its colour profile \"{name}\" was not applied: values are read as sRGB, as Pillow reads them");
        vec![Notice::new(path.display(), what).remedy("convert it to sRGB first to see its true colours")]
    }
}

/// The first `tiff:Orientation` of an XMP packet, as an attribute or as an element. Pillow searches for the same letters.
fn xmp_orientation(xmp: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        let rest = &xmp[at + NAME.len()..];
        let digit = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?.first()?;
        digit.is_ascii_digit().then(|| Orientation::from_exif(digit - b'0').unwrap_or(Orientation::NoTransforms))
    })
}

/// Refuses a file whose bytes do not make sense.
pub(super) fn broken(path: &Path, why: impl std::fmt::Display) -> Error {
    let remedy = "copy or download the file again, or convert it to PNG";
    Error::refused(path.display(), format!("the picture is cut off or damaged ({why})")).remedy(remedy)
}

/// Refuses a sound file of a kind that is not read.
pub(super) fn unsupported(path: &Path, what: impl std::fmt::Display, expected: &str) -> Error {
    Error::refused(path.display(), what).expected(expected).remedy(CONVERT)
}

/// What a decoder of the image crate said, told apart by what the user can do about it.
pub(super) fn undecodable(path: &Path, err: &ImageError) -> Error {
    match err {
        ImageError::Unsupported(_) => unsupported(path, format!("is of a kind that cannot be read ({err})"), DEPTHS),
        ImageError::Limits(_) => too_large(path, err),
        _ => broken(path, err),
    }
}

/// The depths that are read, as refusals name them.
pub(super) const DEPTHS: &str = "8 or 16 bits a channel, grey or RGB";

/// Refuses a picture whose decoding would fill the memory.
pub(super) fn too_large(path: &Path, why: impl std::fmt::Display) -> Error {
    let refused = Error::refused(path.display(), format!("would fill the memory ({why})"));
    refused.expected("at most 2 GiB when decoded").remedy("scale it down first")
}

/// What the header of a picture claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims {
    /// Width and height.
    pub(super) size: (u32, u32),
    /// Bytes of the decoded pixels.
    pub(super) decoded: u64,
    /// Bits of a pixel in the file.
    pub(super) bits: u64,
    /// Bytes of the file.
    pub(super) file: usize,
}

/// Bytes that a decoder may take for itself.
pub(super) fn memory_for(file: usize) -> u64 {
    let pixels = (file as u64).saturating_mul(MAX_RATIO * MAX_SPREAD).clamp(FREE_PIXELS * 8, MAX_DECODED);
    pixels + (1 << 26)
}

/// Looks at what the header claims before anything is allocated: a file of 34 bytes can claim gigabytes.
pub(super) fn check_claims(path: &Path, claims: Claims) -> Result<()> {
    let Claims { size: (width, height), decoded, bits, file } = claims;
    if width == 0 || height == 0 {
        return Err(Error::refused(path.display(), "the picture has no pixels").expected(FORMATS));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || decoded > MAX_DECODED {
        let what = format!("claims {width} x {height} pixels, {} megapixels", pixels / 1_000_000);
        let expected = format!("at most {} megapixels and 2 GiB when decoded", MAX_PIXELS / 1_000_000);
        return Err(Error::refused(path.display(), what).expected(expected).remedy("scale it down first"));
    }
    if pixels > FREE_PIXELS && pixels.saturating_mul(bits) / 8 > (file as u64).saturating_mul(MAX_RATIO) {
        let what = format!("claims {width} x {height} pixels in a file of {file} bytes, which holds almost nothing");
        let expected = format!("a byte for every {MAX_RATIO} bytes of pixels, where there are more than 4096 x 4096");
        return Err(Error::refused(path.display(), what).expected(expected).remedy("scale it down, or save it as a PNG"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_nothing_may_not_fill_the_memory() {
        let check = |side: u32, bits: u64, file: usize| {
            let decoded = u64::from(side) * u64::from(side) * 4;
            check_claims(Path::new("a.png"), Claims { size: (side, side), decoded, bits, file })
        };
        assert_eq!(check(4096, 32, 34), Ok(()));
        // White paper, as PNG packs it: 1 bit and 24 bits a pixel.
        assert_eq!((check(20_000, 1, 48_500), check(10_000, 24, 291_000)), (Ok(()), Ok(())));
        for (side, bits, file) in [(16_384, 32, 34), (4097, 32, 34), (20_000, 1, 40_000)] {
            let err = check(side, bits, file).unwrap_err().to_string();
            assert!(err.contains(&format!("{side} x {side} pixels in a file of {file} bytes")), "{err}");
        }
        assert!(check(30_000, 8, usize::MAX).is_err());
        assert_eq!((memory_for(34), memory_for(usize::MAX)), ((1 << 27) + (1 << 26), MAX_DECODED + (1 << 26)));
    }

    #[test]
    fn xmp_names_an_orientation_as_attribute_or_element() {
        assert_eq!(xmp_orientation(b"<a tiff:Orientation=\"6\"/>"), Some(Orientation::Rotate90));
        assert_eq!(xmp_orientation(b"<tiff:Orientation>8</tiff:Orientation>"), Some(Orientation::Rotate270));
        assert_eq!(xmp_orientation(b"tiff:Orientation='6' tiff:Orientation=\"3\""), Some(Orientation::Rotate180));
        assert_eq!(xmp_orientation(b"tiff:Orientation=\"9\""), Some(Orientation::NoTransforms));
        assert_eq!(xmp_orientation(b"tiff:Orientation=\""), None);
    }
}
