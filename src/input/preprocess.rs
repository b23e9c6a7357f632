//! From a picture to the tensor that a model takes.

use crate::domain::grid::PixelRect;

/// The model's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// `[3, height, width]`, normalised.
    pub values: Vec<f32>,
    /// Pixels, a multiple of the patch.
    pub height: usize,
    /// Pixels, a multiple of the patch.
    pub width: usize,
    /// The part of the picture that these pixels show, in the picture's pixels.
    pub seen: PixelRect,
}
