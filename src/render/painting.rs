//! A painting: a photo, the part of it that is shown, and at most one overlay. Plain data, drawn alike on CPU and GPU.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::pyramid::Levels;
use crate::domain::colormap::Colormap;
use crate::domain::exhibit::Shown;
use crate::domain::grid::{Grid, PixelRect};
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::segmentation::Segmentation;
use crate::input::Picture;

/// A rectangle in uv of the picture: (0, 0) is its top left corner, (1, 1) its bottom right one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UvRect {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Bottom edge.
    pub bottom: f64,
}

impl UvRect {
    /// The whole picture.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// A rectangle given in pixels of a picture.
    pub fn from_pixels(rect: PixelRect, picture: &Picture) -> Self {
        let (width, height) = (picture.width.max(1) as f64, picture.height.max(1) as f64);
        Self {
            left: rect.x / width,
            top: rect.y / height,
            right: (rect.x + rect.width) / width,
            bottom: (rect.y + rect.height) / height,
        }
    }

    /// Width in uv.
    pub fn width(self) -> f64 {
        self.right - self.left
    }

    /// Height in uv.
    pub fn height(self) -> f64 {
        self.bottom - self.top
    }

    /// Whether a point lies inside; left and top edges belong to it.
    pub fn contains(self, u: f64, v: f64) -> bool {
        (self.left..self.right).contains(&u) && (self.top..self.bottom).contains(&v)
    }
}

/// Between patch centres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// One flat colour a patch: what was computed and no more.
    #[default]
    Nearest,
    /// Bilinear between patch centres, constant outside them.
    Smooth,
}

/// How a heatmap is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapStyle {
    /// The colours.
    pub colormap: Colormap,
    /// Values of the first and the last colour.
    pub range: Range,
    /// 0 shows the photo alone, 1 the colours alone.
    pub opacity: f32,
    /// Between patch centres.
    pub interpolation: Interpolation,
}

impl MapStyle {
    /// Half of the photo shines through; flat patches.
    pub fn new(colormap: Colormap, range: Range) -> Self {
        Self { colormap, range, opacity: 0.5, interpolation: Interpolation::default() }
    }
}

/// How colours that mean themselves are laid over a photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaintStyle {
    /// 0 shows the photo alone, 1 the colours alone.
    pub opacity: f32,
    /// Between patch centres.
    pub interpolation: Interpolation,
}

/// How a segmentation is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentStyle {
    /// 0 shows the photo alone, 1 the colours alone.
    pub opacity: f32,
    /// Lines between labels, one side white and one black.
    pub outlines: bool,
    /// A label to show alone; all others are dimmed.
    pub solo: Option<u16>,
}

impl Default for SegmentStyle {
    fn default() -> Self {
        Self { opacity: 0.5, outlines: true, solo: None }
    }
}

/// What lies over the photo.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// One value a patch. Patches whose value is NaN show the photo with grey hatching.
    Heatmap {
        /// The values.
        heatmap: Heatmap,
        /// Their colours.
        style: MapStyle,
    },
    /// The paint of an answer: one colour a patch. Patches whose colour is NaN show the photo with grey hatching.
    Paint {
        /// Whose [`Shown::paint`] is meant.
        shown: Arc<Shown>,
        /// The patches.
        grid: Grid,
        /// How it lies over the photo.
        style: PaintStyle,
    },
    /// One label a pixel of the model's input.
    Segments {
        /// The labels.
        segmentation: Arc<Segmentation>,
        /// Their colours.
        style: SegmentStyle,
    },
}

/// A photo with at most one overlay, seen through a rectangle.
#[derive(Clone, Debug)]
pub struct Painting {
    /// The photo.
    pub picture: Arc<Picture>,
    /// Its sizes, where they are made already; else they are made when it is first drawn.
    pub levels: Option<Levels>,
    /// The part of it that the model saw: the overlay's own area. Outside it the photo is dimmed.
    pub seen: UvRect,
    /// The part of uv that fills the painting: zoom and pan. May reach beyond the picture, where nothing is drawn.
    pub shown: UvRect,
    /// `None` shows the photo alone.
    pub overlay: Option<Overlay>,
    /// Thickness of outlines and hatching in pixels, from 1; 2 suits screens of double density and 300 dpi prints.
    pub line_px: u32,
}

impl Painting {
    /// The whole picture without an overlay.
    pub fn new(picture: Arc<Picture>, seen: PixelRect) -> Self {
        let seen = UvRect::from_pixels(seen, &picture);
        Self { picture, levels: None, seen, shown: UvRect::WHOLE, overlay: None, line_px: 1 }
    }

    /// With an overlay.
    #[must_use]
    pub fn with(mut self, overlay: Overlay) -> Self {
        self.overlay = Some(overlay);
        self
    }
}
