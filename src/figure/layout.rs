//! A figure laid out in physical units: what stands where, in points (1/72 inch) from the top left. Both writers, SVG and PNG,
//! draw this and decide nothing themselves. Rasters lie on whole device pixels, so that a print shows the very pixels that
//! `render::composite` made.

use std::collections::BTreeSet;

use super::glyphs::Letters;
use super::style::FigureStyle;
use super::{captions, page, panels};
use crate::domain::Result;
use crate::engine::Output;
use crate::render::{Painting, composite};

/// Points an inch.
pub const POINTS_PER_INCH: f64 = 72.0;

/// Black of text and lines.
pub const INK: [u8; 3] = [20, 20, 20];

/// A rectangle in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// Right edge.
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(self) -> f64 {
        self.y + self.height
    }
}

/// Which point of a text is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// Pixels in a figure.
#[derive(Clone, Debug)]
pub enum Source {
    /// A photo with its overlay.
    Painting(Box<Painting>),
    /// A column of colours, top to bottom, stretched to the rectangle.
    Column(Vec<[u8; 3]>),
    /// Colours in rows, top to bottom, each stretched to its part of the rectangle.
    Cells {
        /// Colours a row.
        columns: usize,
        /// Row-major.
        colours: Vec<[u8; 3]>,
    },
}

/// One thing that is drawn; later ones lie over earlier ones, but pixels always lie below.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Pixels.
    Raster {
        /// Where; on whole device pixels.
        rect: Rect,
        /// What.
        source: Source,
    },
    /// A line of text.
    Text {
        /// The anchor, on the baseline.
        at: (f64, f64),
        /// Type size.
        size: f64,
        /// Which end `at` is.
        anchor: Anchor,
        /// Whether it reads from bottom to top.
        upright: bool,
        /// The text.
        text: String,
        /// Colour of running text, which is set without kerning so that pieces of a word meet; `None` for [`INK`] and the
        /// usual setting.
        ink: Option<[u8; 3]>,
    },
    /// Letters that are drawn as shapes, because they must be shaped or are not in the built-in font.
    Letters(Letters),
    /// A rectangle.
    Box {
        /// Where.
        rect: Rect,
        /// Colour and width of its edge.
        stroke: Option<([u8; 3], f64)>,
        /// Colour inside.
        fill: Option<[u8; 3]>,
    },
    /// A straight line of ink.
    Line {
        /// One end.
        from: (f64, f64),
        /// The other.
        to: (f64, f64),
        /// Width.
        width: f64,
    },
    /// Straight lines from point to point.
    Path {
        /// The points.
        points: Vec<(f64, f64)>,
        /// Their colour.
        colour: [u8; 3],
        /// Width.
        width: f64,
        /// Whether it is broken.
        dashed: bool,
    },
    /// A filled triangle of one colour.
    Triangle {
        /// Its corners.
        corners: [(f64, f64); 3],
        /// Its colour.
        fill: [u8; 3],
    },
}

/// A figure.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Points.
    pub width: f64,
    /// Points.
    pub height: f64,
    /// Device pixels an inch.
    pub dpi: u32,
    /// From back to front.
    pub marks: Vec<Mark>,
    /// Limits of the colours, one for each colour bar.
    pub ranges: Vec<crate::domain::heatmap::Range>,
}

impl Layout {
    /// Lays out the figure of an answer.
    ///
    /// # Errors
    /// A refusal where the answer has no figure, or too many panels, or the style cannot be drawn.
    pub fn new(output: &Output, style: &FigureStyle) -> Result<Self> {
        style.check()?;
        let layout = page::laid_out(panels::of(output, style)?, style)?;
        Ok(Self { marks: captions::drawn(layout.marks), ..layout })
    }

    /// Fonts of this machine that the figure shows, and characters that no font has, each once.
    pub fn letters(&self) -> (BTreeSet<&str>, BTreeSet<char>) {
        let letters =
            || self.marks.iter().filter_map(|mark| if let Mark::Letters(letters) = mark { Some(letters) } else { None });
        let fonts = letters().flat_map(|letters| &letters.fonts).map(String::as_str).collect();
        (fonts, letters().flat_map(|letters| &letters.missing).copied().collect())
    }

    /// Device pixels: width, height.
    pub fn pixels(&self) -> (usize, usize) {
        (self.to_pixels(self.width), self.to_pixels(self.height))
    }

    /// A length in device pixels, to the nearest.
    pub fn to_pixels(&self, points: f64) -> usize {
        (points * f64::from(self.dpi) / POINTS_PER_INCH).round().max(0.0) as usize
    }

    /// A raster's place and its pixels: x, y, width, height, and `[height, width, 3]`.
    pub fn pixels_of(&self, rect: Rect, source: &Source) -> Pixels {
        let (x, y) = (self.to_pixels(rect.x), self.to_pixels(rect.y));
        let (width, height) = (self.to_pixels(rect.right()) - x, self.to_pixels(rect.bottom()) - y);
        let rgb = match source {
            Source::Painting(painting) => composite::compose(painting, width, height, [255; 3]),
            Source::Column(colours) => {
                (0..height).flat_map(|row| colours[row * colours.len() / height.max(1)].repeat(width)).collect()
            }
            Source::Cells { columns, colours } => {
                let rows = colours.len() / columns.max(&1);
                let colour = |row: usize, x: usize| colours[row * columns + x * columns / width.max(1)];
                let line = |y: usize| (0..width).flat_map(move |x| colour(y * rows / height.max(1), x));
                (0..height).flat_map(line).collect()
            }
        };
        Pixels { x, y, width, height, rgb }
    }
}

/// A raster in device pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

/// To the nearest device pixel.
pub fn snapped(points: f64, dpi: u32) -> f64 {
    let per_point = f64::from(dpi) / POINTS_PER_INCH;
    (points * per_point).round() / per_point
}
