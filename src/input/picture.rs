//! Pictures from files.

use std::sync::Arc;

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
}
