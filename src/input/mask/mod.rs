//! Masks: pictures whose pixels are labels.
//!
//! A label is the number that a file stores, as `numpy.array(PIL.Image.open(f))` has it: the index where there is a palette, whatever
//! its colours are, and the value where pixels are grey. One difference: grey of 2 or 4 bits stays as it is stored, where Pillow
//! stretches it to 0..255. JPEG and lossy WebP change labels and are refused, as are masks with transparent pixels.

mod stored;

use std::path::Path;

use image::metadata::Orientation;
use image::{ImageBuffer, Luma, imageops};

use super::decoding::{cancellable, decode_raw, read_file};
use super::picture::file_name;
use crate::domain::{Cancel, Error, Result};

/// How the labels of a mask are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Indices into a palette.
    Palette {
        /// Whether every colour of the palette is grey.
        is_grey: bool,
    },
    /// Grey values.
    Grey {
        /// Bits of a pixel.
        bits: u8,
    },
    /// Grey values, each stored as a colour of three equal channels.
    GreyAsColours,
    /// Colours.
    Colours,
}

/// What a reader of masks expects of their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One number a label.
    Numbers,
    /// One colour a label.
    Colours,
}

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
    /// How the file stores them.
    pub storage: Storage,
    /// The orientation that the file itself declares; not yet applied.
    pub orientation: Orientation,
}

impl Mask {
    /// Reads a mask. Colours come back as they are even where numbers were wanted, unless all of them are grey: look at
    /// [`Mask::storage`].
    ///
    /// # Errors
    /// As [`super::Picture::open`]; and a refusal of a file that cannot hold labels: JPEG, lossy WebP, transparent pixels, several
    /// frames.
    pub fn open(path: &Path, wanted: Wanted) -> Result<Self> {
        Self::open_until(path, wanted, &Cancel::default())
    }

    /// As [`Self::open`], until the work is cancelled.
    ///
    /// # Errors
    /// As there; [`Error::Cancelled`].
    pub fn open_until(path: &Path, wanted: Wanted, cancel: &Cancel) -> Result<Self> {
        let (owned, bytes) = (path.to_owned(), read_file(path)?);
        cancellable(path, cancel, move |cancel| {
            let stored = stored::read(&owned, bytes, cancel)?;
            let (name, width, height, orientation) = (file_name(&owned), stored.width, stored.height, stored.orientation);
            let (values, storage) = stored.labels(wanted);
            if values.len() != width * height {
                return Err(Error::Internal(format!("{} values in a mask of {width} x {height}", values.len())));
            }
            Ok(Self { name, width, height, values, storage, orientation })
        })
    }

    /// The mask turned as an orientation of EXIF says.
    #[must_use]
    pub fn turned(self, orientation: Orientation) -> Self {
        let size = (self.width as u32, self.height as u32);
        let pixels: ImageBuffer<Luma<u32>, Vec<u32>> = ImageBuffer::from_raw(size.0, size.1, self.values).unwrap_or_default();
        let pixels = match orientation {
            Orientation::NoTransforms => pixels,
            Orientation::Rotate90 => imageops::rotate90(&pixels),
            Orientation::Rotate180 => imageops::rotate180(&pixels),
            Orientation::Rotate270 => imageops::rotate270(&pixels),
            Orientation::FlipHorizontal => imageops::flip_horizontal(&pixels),
            Orientation::FlipVertical => imageops::flip_vertical(&pixels),
            Orientation::Rotate90FlipH => imageops::flip_horizontal(&imageops::rotate90(&pixels)),
            Orientation::Rotate270FlipH => imageops::flip_horizontal(&imageops::rotate270(&pixels)),
        };
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        Self { width, height, values: pixels.into_raw(), orientation: Orientation::NoTransforms, ..self }
    }
}

/// The size of a photo as it is stored, and how it is turned upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels, before the photo is turned.
    pub width: usize,
    /// Pixels, before the photo is turned.
    pub height: usize,
    /// How it is turned upright.
    pub orientation: Orientation,
}

impl Frame {
    /// Decodes a photo: one that is damaged is refused here as it is everywhere.
    ///
    /// # Errors
    /// As [`super::Picture::open_until`].
    pub fn of(path: &Path, cancel: &Cancel) -> Result<Self> {
        let (owned, bytes) = (path.to_owned(), read_file(path)?);
        cancellable(path, cancel, move |cancel| {
            let raw = decode_raw(&owned, &bytes, cancel)?;
            Ok(Self { width: raw.width, height: raw.height, orientation: raw.orientation })
        })
    }

    /// Whether rows become columns.
    pub fn swaps_sides(&self) -> bool {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(self.orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    }

    /// Width and height once it is upright.
    pub fn upright(&self) -> (usize, usize) {
        if self.swaps_sides() { (self.height, self.width) } else { (self.width, self.height) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_turns_as_its_photo_does() {
        let mask = || Mask {
            name: String::new(),
            width: 3,
            height: 2,
            values: vec![1, 2, 3, 4, 5, 6],
            storage: Storage::Grey { bits: 8 },
            orientation: Orientation::NoTransforms,
        };
        // PIL.ImageOps.exif_transpose of [[1, 2, 3], [4, 5, 6]] with each orientation.
        let right: [(u8, [u32; 6]); 8] = [
            (1, [1, 2, 3, 4, 5, 6]),
            (2, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (4, [4, 5, 6, 1, 2, 3]),
            (5, [1, 4, 2, 5, 3, 6]),
            (6, [4, 1, 5, 2, 6, 3]),
            (7, [6, 3, 5, 2, 4, 1]),
            (8, [3, 6, 2, 5, 1, 4]),
        ];
        for (exif, values) in right {
            let turned = mask().turned(Orientation::from_exif(exif).unwrap());
            let size = if exif < 5 { (3, 2) } else { (2, 3) };
            assert_eq!(((turned.width, turned.height), &turned.values[..]), (size, &values[..]), "orientation {exif}");
        }
    }
}
