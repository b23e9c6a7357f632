//! The CPU twin of the shaders, and the definition of the right pixel: figures are made of it, and a test holds the GPU to it
//! within 1/255.
//!
//! Blending is on encoded sRGB values, `photo * (1 - opacity) + colour * opacity`. A patch takes the colour
//! `table[floor(256 unit)]` as matplotlib does; smooth maps interpolate values that are already clipped to the range, then
//! between table entries. Patches without a value (NaN) show the photo under grey hatching, so that "no value" is never taken
//! for "low". What the model did not see is the photo, dimmed towards grey.

use rayon::prelude::*;

use super::axis::{AxisEntry, Plan};
use super::painting::{Interpolation, MapStyle, Overlay, PaintStyle, Painting, SegmentStyle};
use super::pyramid::{self, Level};
use crate::domain::colormap::label_colour;
use crate::domain::exhibit::Shown;
use crate::domain::grid::Grid;
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::segmentation::Segmentation;

/// Share of grey over what is not seen, or hidden by a solo label.
pub const DIMMING: f32 = 0.65;

/// Stands for NaN among units, in the texture as well.
pub const NO_VALUE: f32 = -1.0;

const GREY: [f32; 3] = [0.5; 3];

/// The painting in `width` x `height` pixels.
///
/// # Shapes
/// `[height, width, 3]`, encoded sRGB; `ground` where there is no picture.
pub fn compose(painting: &Painting, width: usize, height: usize, ground: [u8; 3]) -> Vec<u8> {
    let plan = Plan::new(painting, (width, height), 0);
    let canvas = Canvas {
        photo: pyramid::level(&painting.picture, plan.level),
        columns: plan.columns(),
        rows: plan.rows(),
        line: painting.line_px.max(1) as i32,
        layer: Layer::new(painting.overlay.as_ref()),
    };
    let mut out = vec![0; width * height * 3];
    if out.is_empty() || painting.picture.rgb.is_empty() {
        return ground.repeat(width * height);
    }
    out.par_chunks_exact_mut(width * 3).enumerate().for_each(|(y, line)| {
        for (x, pixel) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = canvas.pixel(x as i32, y as i32).map_or(ground, |c| c.map(to_u8));
        }
    });
    out
}

/// Values as the shader takes them: 0..1 between the limits, [`NO_VALUE`] for NaN.
///
/// # Shapes
/// `[rows, cols]`
pub fn units(heatmap: &Heatmap, range: Range) -> Vec<f32> {
    let unit = |&value: &f32| if value.is_nan() { NO_VALUE } else { range.unit(value) };
    heatmap.values.iter().map(unit).collect()
}

/// Colours as the shader takes them: red, green, blue, 0..1, and 1; all 0 where there is no colour. None of them where they are not
/// as many as the patches.
///
/// # Shapes
/// `[rows, cols]`
pub fn paint(shown: &Shown, grid: Grid) -> Vec<[f32; 4]> {
    let colours = shown.paint.as_ref().map_or(&[][..], |paint| &paint.colours);
    let texel = |&[r, g, b]: &[f32; 3]| {
        if (r + g + b).is_nan() { [0.0; 4] } else { [r.clamp(0.0, 1.0), g.clamp(0.0, 1.0), b.clamp(0.0, 1.0), 1.0] }
    };
    if colours.len() == grid.len() { colours.iter().map(texel).collect() } else { Vec::new() }
}

/// One colour a label.
pub fn palette(segmentation: &Segmentation) -> Vec<[u8; 3]> {
    segmentation.colours.iter().map(|&index| label_colour(index)).collect()
}

fn to_u8(channel: f32) -> u8 {
    (channel.clamp(0.0, 1.0) * 255.0).round() as u8
}

fn from_u8(colour: [u8; 3]) -> [f32; 3] {
    colour.map(|c| f32::from(c) / 255.0)
}

fn mix(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|c| a[c] * (1.0 - share) + b[c] * share)
}

struct Canvas<'a> {
    photo: Level,
    columns: Vec<AxisEntry>,
    rows: Vec<AxisEntry>,
    line: i32,
    layer: Layer<'a>,
}

enum Layer<'a> {
    None,
    Heatmap { units: Vec<f32>, cols: usize, style: MapStyle },
    Paint { texels: Vec<[f32; 4]>, cols: usize, style: PaintStyle },
    Segments { segmentation: &'a Segmentation, palette: Vec<[u8; 3]>, style: SegmentStyle },
}

impl<'a> Layer<'a> {
    fn new(overlay: Option<&'a Overlay>) -> Self {
        match overlay {
            Some(Overlay::Heatmap { heatmap, style }) if !heatmap.values.is_empty() => {
                Self::Heatmap { units: units(heatmap, style.range), cols: heatmap.grid.cols, style: *style }
            }
            Some(Overlay::Paint { shown, grid, style }) => match paint(shown, *grid) {
                texels if texels.is_empty() => Self::None,
                texels => Self::Paint { texels, cols: grid.cols, style: *style },
            },
            Some(Overlay::Segments { segmentation, style }) if !segmentation.labels.is_empty() => {
                Self::Segments { segmentation, palette: palette(segmentation), style: *style }
            }
            _ => Self::None,
        }
    }
}

impl Canvas<'_> {
    /// `None` outside the picture.
    fn pixel(&self, x: i32, y: i32) -> Option<[f32; 3]> {
        let (column, row) = (self.column(x), self.row(y));
        let place = column.place.min(row.place);
        if place < 1.0 {
            return None;
        }
        let below = self.photo_at(column, row);
        Some(match &self.layer {
            _ if place < 2.0 => mix(below, GREY, DIMMING),
            Layer::None => below,
            Layer::Heatmap { units, cols, style } => self.heatmap_over(below, (x, y), &Values { units, cols: *cols }, *style),
            Layer::Paint { texels, cols, style } => self.paint_over(below, (x, y), &Texels { texels, cols: *cols }, *style),
            Layer::Segments { segmentation, palette, style } => {
                self.segments_over(below, (x, y), &Labels { segmentation, palette }, *style)
            }
        })
    }

    fn column(&self, x: i32) -> &AxisEntry {
        &self.columns[x.clamp(0, self.columns.len() as i32 - 1) as usize]
    }

    fn row(&self, y: i32) -> &AxisEntry {
        &self.rows[y.clamp(0, self.rows.len() as i32 - 1) as usize]
    }

    fn photo_at(&self, x: &AxisEntry, y: &AxisEntry) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for j in 0..y.count as usize {
            let row = &self.photo.rgba[(y.start as usize + j) * self.photo.width * 4..];
            let mut line = [0.0; 3];
            for i in 0..x.count as usize {
                let texel = &row[(x.start as usize + i) * 4..][..3];
                line.iter_mut().zip(texel).for_each(|(l, &t)| *l += f32::from(t) / 255.0 * weight(x, i));
            }
            sum.iter_mut().zip(line).for_each(|(s, l)| *s += l * weight(y, j));
        }
        sum
    }

    fn heatmap_over(&self, below: [f32; 3], at: (i32, i32), values: &Values<'_>, style: MapStyle) -> [f32; 3] {
        let (x, y) = (self.column(at.0), self.row(at.1));
        let nearest = values.at(if x.part >= 0.5 { x.next } else { x.cell }, if y.part >= 0.5 { y.next } else { y.cell });
        let table = style.colormap.table();
        if nearest < 0.0 {
            return self.hatched(below, at, style.opacity);
        }
        let colour = match style.interpolation {
            Interpolation::Nearest => from_u8(style.colormap.colour(nearest)),
            Interpolation::Smooth => {
                let place = (values.interpolated(x, y) * 256.0 - 0.5).clamp(0.0, 255.0);
                let entry = place as usize;
                mix(from_u8(table[entry]), from_u8(table[(entry + 1).min(255)]), place - place.floor())
            }
        };
        mix(below, colour, style.opacity)
    }

    fn paint_over(&self, below: [f32; 3], at: (i32, i32), texels: &Texels<'_>, style: PaintStyle) -> [f32; 3] {
        let (x, y) = (self.column(at.0), self.row(at.1));
        let nearest = texels.at(if x.part >= 0.5 { x.next } else { x.cell }, if y.part >= 0.5 { y.next } else { y.cell });
        if nearest[3] == 0.0 {
            return self.hatched(below, at, style.opacity);
        }
        let colour = match style.interpolation {
            Interpolation::Nearest => [nearest[0], nearest[1], nearest[2]],
            Interpolation::Smooth => texels.interpolated(x, y),
        };
        mix(below, colour, style.opacity)
    }

    /// Where there is no value.
    fn hatched(&self, below: [f32; 3], at: (i32, i32), opacity: f32) -> [f32; 3] {
        let hatched = (at.0 + at.1) % (6 * self.line) < self.line;
        if hatched { mix(below, GREY, opacity) } else { below }
    }

    fn segments_over(&self, below: [f32; 3], at: (i32, i32), labels: &Labels<'_>, style: SegmentStyle) -> [f32; 3] {
        let label = labels.at(self.column(at.0), self.row(at.1));
        if style.outlines && self.line_towards(labels, label, at, self.line, style.solo) {
            return [1.0; 3];
        }
        if style.outlines && self.line_towards(labels, label, at, -self.line, style.solo) {
            return [0.0; 3];
        }
        if style.solo.is_some_and(|solo| solo != label) {
            return mix(below, GREY, DIMMING);
        }
        mix(below, from_u8(labels.palette.get(usize::from(label)).copied().unwrap_or_default()), style.opacity)
    }

    /// Whether a line runs between this label and that of a pixel `step` to the right, below, or both.
    fn line_towards(&self, labels: &Labels<'_>, label: u16, at: (i32, i32), step: i32, solo: Option<u16>) -> bool {
        [(step, 0), (0, step), (step, step)].into_iter().any(|(dx, dy)| {
            let (x, y) = (self.column(at.0 + dx), self.row(at.1 + dy));
            let other = labels.at(x, y);
            let differs = solo.map_or(label != other, |solo| (label == solo) != (other == solo));
            differs && x.place.min(y.place) >= 2.0
        })
    }
}

fn weight(axis: &AxisEntry, i: usize) -> f32 {
    if i == 0 {
        axis.first
    } else if i + 1 == axis.count as usize {
        axis.last
    } else {
        axis.middle
    }
}

struct Values<'a> {
    units: &'a [f32],
    cols: usize,
}

impl Values<'_> {
    fn at(&self, col: f32, row: f32) -> f32 {
        self.units.get(row as usize * self.cols + col as usize).copied().unwrap_or(NO_VALUE)
    }

    /// Bilinear between patch centres; patches without a value take no part.
    fn interpolated(&self, x: &AxisEntry, y: &AxisEntry) -> f32 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, high) in [(y.cell, 1.0 - y.part), (y.next, y.part)] {
            for (col, wide) in [(x.cell, 1.0 - x.part), (x.next, x.part)] {
                let value = self.at(col, row);
                if value >= 0.0 {
                    sum += value * wide * high;
                    total += wide * high;
                }
            }
        }
        sum / total.max(1e-6)
    }
}

struct Texels<'a> {
    texels: &'a [[f32; 4]],
    cols: usize,
}

impl Texels<'_> {
    fn at(&self, col: f32, row: f32) -> [f32; 4] {
        self.texels.get(row as usize * self.cols + col as usize).copied().unwrap_or_default()
    }

    /// Bilinear between patch centres; patches without a colour take no part.
    fn interpolated(&self, x: &AxisEntry, y: &AxisEntry) -> [f32; 3] {
        let (mut sum, mut total) = ([0.0; 3], 0.0);
        for (row, high) in [(y.cell, 1.0 - y.part), (y.next, y.part)] {
            for (col, wide) in [(x.cell, 1.0 - x.part), (x.next, x.part)] {
                let texel = self.at(col, row);
                let share = wide * high * texel[3];
                sum.iter_mut().zip(texel).for_each(|(sum, channel)| *sum += channel * share);
                total += share;
            }
        }
        sum.map(|channel| channel / total.max(1e-6))
    }
}

struct Labels<'a> {
    segmentation: &'a Segmentation,
    palette: &'a [[u8; 3]],
}

impl Labels<'_> {
    fn at(&self, x: &AxisEntry, y: &AxisEntry) -> u16 {
        self.segmentation.labels.get(y.label as usize * self.segmentation.width + x.label as usize).copied().unwrap_or(0)
    }
}
