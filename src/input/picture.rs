//! Pictures from files.
//!
//! The format is told by the content, never by the extension. What comes out is what `PIL.Image.open(f).convert("RGB")` gives
//! after `ImageOps.exif_transpose`, bit for bit: JPEGs are decoded as libjpeg-turbo does, 16-bit colours keep their high byte,
//! 16-bit grey is clipped at 255. Transparency is dropped as PIL does, or laid over white where the checkpoint's image processor
//! does that: see [`Transparency`]. PNM files whose largest value is neither 1, 255 nor 65535 may differ by one level.
//!
//! A picture whose longer side is over [`MAX_SIDE`] is scaled down while it is read, and the preprocessing then works from
//! the scaled one: no model takes more, and a 100-megapixel photo would fill a texture and a laptop's memory.

use std::path::Path;
use std::sync::Arc;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, RgbImage};
use sha2::{Digest, Sha256};

use super::decoding::{cancellable, decode_raw, guarded, read_file};
use super::pixels::{Pixels, Transparency};
use super::resize::{Axis, resize_rgb};
use crate::domain::resample::Kernel;
use crate::domain::{Cancel, Error, Notice, Result};
use crate::store::hexadecimal;

/// Pixels of the longer side that a picture keeps.
pub const MAX_SIDE: usize = 4096;
/// Endings that names of pictures usually have; the content decides.
pub const EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "pnm", "ppm"];

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
    pub fn open(path: &Path, transparency: Transparency) -> Result<Self> {
        Self::open_until(path, transparency, &Cancel::default())
    }

    /// As [`Self::open`], until the work is cancelled.
    ///
    /// # Errors
    /// As there; [`Error::Cancelled`].
    pub fn open_until(path: &Path, transparency: Transparency, cancel: &Cancel) -> Result<Self> {
        let (owned, bytes) = (path.to_owned(), read_file(path)?);
        cancellable(path, cancel, move |cancel| Self::decode_until(&owned, &bytes, transparency, cancel))
    }

    /// A picture from the bytes of a file that is called `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn decode(path: &Path, bytes: &[u8], transparency: Transparency) -> Result<Self> {
        Self::decode_until(path, bytes, transparency, &Cancel::default())
    }

    fn decode_until(path: &Path, bytes: &[u8], transparency: Transparency, cancel: &Cancel) -> Result<Self> {
        let (decoded, notices) = guarded(path, || {
            let mut raw = decode_raw(path, bytes, cancel)?;
            let pixels = Pixels { transparency, ..raw.pixels() };
            let notices = changed(&path.display().to_string(), pixels);
            let decoded = Decoded::from_pixels(pixels, raw.orientation);
            raw.notices.extend(notices);
            Ok((decoded, raw.notices))
        })?;
        Ok(Self { notices, ..decoded.into_picture(file_name(path), hexadecimal(&Sha256::digest(bytes))) })
    }

    /// A picture from memory; its hash is that of `rgba`.
    ///
    /// # Shapes
    /// `rgba` is `[height, width, 4]`.
    ///
    /// # Errors
    /// Sides that are zero or do not fit the number of bytes.
    pub fn from_rgba(name: &str, width: usize, height: usize, rgba: &[u8], transparency: Transparency) -> Result<Self> {
        if rgba.is_empty() || width.checked_mul(height).and_then(|n| n.checked_mul(4)) != Some(rgba.len()) {
            let what = format!("{} bytes are not a picture of {width} x {height} pixels", rgba.len());
            return Err(Error::refused(name, what).expected("four bytes a pixel").remedy("copy the picture again"));
        }
        let pixels = Pixels { data: rgba, color: ColorType::Rgba8, width, height, transparency };
        let decoded = Decoded::from_pixels(pixels, Orientation::NoTransforms);
        let picture = decoded.into_picture(name.to_owned(), hexadecimal(&Sha256::digest(rgba)));
        Ok(Self { notices: changed(name, pixels), ..picture })
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

/// What becomes of transparency and of 16-bit grey, where a picture has either.
fn changed(place: &str, pixels: Pixels<'_>) -> Vec<Notice> {
    let total = pixels.width * pixels.height;
    let transparent = match (pixels.count_transparent(), pixels.transparency) {
        (0, _) => None,
        (count, Transparency::OverWhite) => {
            let what = format!("{count} of {total} pixels are transparent, and were laid over white as the image processor does");
            Some(Notice::new(place, what).remedy("lay it over another background first to see that"))
        }
        (count, Transparency::Dropped) => {
            let what = format!("{count} of {total} pixels are transparent, and their stored colours were used as PIL does");
            Some(Notice::new(place, what).remedy("lay it over a background first to see that"))
        }
    };
    let reduced = (reduced_size(pixels.width, pixels.height) != (pixels.width, pixels.height)).then(|| {
        let what = format!("was scaled down before anything else: its longer side is over {MAX_SIDE} pixels");
        Notice::new(place, what).remedy("scale it yourself to choose how")
    });
    let clipped = pixels.clipped().map(|(count, largest)| {
        let what = format!("{count} of {total} values of 16-bit grey are over 255 (up to {largest}), and became 255 as PIL does");
        Notice::new(place, what).remedy("scale the values to 0..255 and save 8 bits")
    });
    [transparent, clipped, reduced].into_iter().flatten().collect()
}

/// Name of a file without its folder.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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
    fn pixels_in_memory_are_laid_over_white_or_lose_their_alpha() {
        let made = |w, h, rgba: &[u8], transparency| Picture::from_rgba("pasted", w, h, rgba, transparency);
        for (transparency, first) in [(Transparency::Dropped, [1, 2, 3]), (Transparency::OverWhite, [255; 3])] {
            let picture = made(2, 1, &[1, 2, 3, 0, 4, 5, 6, 255], transparency).unwrap();
            assert_eq!((&picture.rgb[..3], &picture.rgb[3..]), (&first[..], &[4, 5, 6][..]));
            assert_eq!((picture.file_size, picture.sha256.len()), ((2, 1), 64));
            assert!(picture.notices[0].to_string().starts_with("pasted: 1 of 2 pixels are transparent"), "{:?}", picture.notices);
        }
        for (width, height, bytes) in [(2, 2, 8), (0, 0, 0), (usize::MAX, 4, 8)] {
            assert!(made(width, height, &vec![0; bytes], Transparency::Dropped).is_err());
        }
    }
}
