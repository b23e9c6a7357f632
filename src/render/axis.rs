//! Where every column and every row of output pixels reads from: photo texels and their weights, patches, label pixels.
//!
//! The view has no rotation, so one table a column and one a row say it all. They are made here once, in f64, and read by the
//! shader and by its CPU twin alike: no driver's rounding can move a patch edge by a pixel.

use super::painting::{Interpolation, Overlay, Painting};
use super::pyramid::{level_for, level_size, num_levels};

/// Where one column, or one row, of output pixels reads from. Laid out as three RGBA f32 texels.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AxisEntry {
    /// First photo texel.
    pub start: f32,
    /// Number of photo texels, from 1.
    pub count: f32,
    /// Weight of the first texel.
    pub first: f32,
    /// Weight of each texel between.
    pub middle: f32,
    /// Weight of the last texel.
    pub last: f32,
    /// Patch on the near side.
    pub cell: f32,
    /// Patch on the far side.
    pub next: f32,
    /// How far towards the far side, 0..1.
    pub part: f32,
    /// Pixel of the label map.
    pub label: f32,
    /// 0 outside the picture, 1 outside what the model saw, 2 inside it.
    pub place: f32,
    /// Fills the third texel.
    pub unused: [f32; 2],
}

/// Texels and weights of an average over a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AreaTaps {
    /// First texel.
    pub start: usize,
    /// Number of texels, from 1.
    pub count: usize,
    first: f32,
    middle: f32,
    last: f32,
}

impl AreaTaps {
    /// Weight of texel `start + i`.
    pub fn weight(&self, i: usize) -> f32 {
        if i == 0 {
            self.first
        } else if i + 1 == self.count {
            self.last
        } else {
            self.middle
        }
    }
}

/// The average of `size` texels over `from..to`, cut at the ends of the row. Over a stretch one texel wide this is linear
/// interpolation between texel centres, so that growing and shrinking meet without a step.
pub fn area_taps(from: f64, to: f64, size: usize) -> AreaTaps {
    let (from, to) = (from.clamp(0.0, size as f64), to.clamp(0.0, size as f64));
    let start = (from as usize).min(size.saturating_sub(1));
    let count = (to.ceil() as usize).max(start + 1) - start;
    let length = to - from;
    if count == 1 || length <= 0.0 {
        return AreaTaps { start, count: 1, first: 1.0, middle: 0.0, last: 0.0 };
    }
    let first = ((start + 1) as f64 - from) / length;
    let last = (to - (start + count - 1) as f64) / length;
    AreaTaps { start, count, first: first as f32, middle: (1.0 / length) as f32, last: last as f32 }
}

/// All that the tables of a painting depend on: equal plans have equal tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Level of the photo to read.
    pub level: usize,
    x: AxisPlan,
    y: AxisPlan,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct AxisPlan {
    pixels: usize,
    shown: (f64, f64),
    seen: (f64, f64),
    texels: usize,
    cells: usize,
    labels: usize,
    interpolation: Interpolation,
}

impl Plan {
    /// The plan of a painting that is `width` x `height` output pixels large, where levels below `min_level` are not at hand.
    pub fn new(painting: &Painting, (width, height): (usize, usize), min_level: usize) -> Self {
        let (shown, seen, picture) = (painting.shown, painting.seen, &painting.picture);
        let scale = (
            shown.width() * picture.width as f64 / width.max(1) as f64,
            shown.height() * picture.height as f64 / height.max(1) as f64,
        );
        let level = level_for(scale, num_levels(picture.width, picture.height)).max(min_level);
        let (mut cells, mut labels, mut interpolation) = ((1, 1), (1, 1), Interpolation::Nearest);
        match &painting.overlay {
            Some(Overlay::Heatmap { heatmap, style }) => {
                (cells, interpolation) = ((heatmap.grid.cols, heatmap.grid.rows), style.interpolation);
            }
            Some(Overlay::Paint { grid, style, .. }) => (cells, interpolation) = ((grid.cols, grid.rows), style.interpolation),
            Some(Overlay::Segments { segmentation, .. }) => labels = (segmentation.width, segmentation.height),
            None => {}
        }
        let axis = |pixels, shown, seen, texels, cells, labels| AxisPlan {
            pixels,
            shown,
            seen,
            texels: level_size(texels, level),
            cells,
            labels,
            interpolation,
        };
        Self {
            level,
            x: axis(width, (shown.left, shown.right), (seen.left, seen.right), picture.width, cells.0, labels.0),
            y: axis(height, (shown.top, shown.bottom), (seen.top, seen.bottom), picture.height, cells.1, labels.1),
        }
    }

    /// Output pixels: width, height.
    pub fn size(&self) -> (u32, u32) {
        (self.x.pixels as u32, self.y.pixels as u32)
    }

    /// One entry for each column of output pixels.
    pub fn columns(&self) -> Vec<AxisEntry> {
        self.x.entries()
    }

    /// One entry for each row of output pixels.
    pub fn rows(&self) -> Vec<AxisEntry> {
        self.y.entries()
    }
}

impl AxisPlan {
    fn entries(&self) -> Vec<AxisEntry> {
        let step = (self.shown.1 - self.shown.0) / self.pixels.max(1) as f64;
        let width = (step * self.texels as f64).max(1.0);
        let entry = |i: usize| {
            let uv = self.shown.0 + (i as f64 + 0.5) * step;
            let centre = uv * self.texels as f64;
            let taps = area_taps(centre - width / 2.0, centre + width / 2.0, self.texels);
            let in_seen = (uv - self.seen.0) / (self.seen.1 - self.seen.0);
            let (cell, next, part) = self.cells_at(in_seen);
            AxisEntry {
                start: taps.start as f32,
                count: taps.count as f32,
                first: taps.first,
                middle: taps.middle,
                last: taps.last,
                cell,
                next,
                part,
                label: index(in_seen * self.labels as f64, self.labels),
                place: place(uv, in_seen),
                unused: [0.0; 2],
            }
        };
        (0..self.pixels).map(entry).collect()
    }

    fn cells_at(&self, in_seen: f64) -> (f32, f32, f32) {
        let place = in_seen * self.cells as f64;
        if self.interpolation == Interpolation::Nearest {
            let cell = index(place, self.cells);
            return (cell, cell, 0.0);
        }
        let from_centre = (place - 0.5).clamp(0.0, self.cells.max(1) as f64 - 1.0);
        let cell = from_centre.floor();
        (cell as f32, index(cell + 1.0, self.cells), (from_centre - cell) as f32)
    }
}

fn place(uv: f64, in_seen: f64) -> f32 {
    let unit = 0.0..1.0;
    match (unit.contains(&uv), unit.contains(&in_seen)) {
        (false, _) => 0.0,
        (true, false) => 1.0,
        (true, true) => 2.0,
    }
}

fn index(place: f64, size: usize) -> f32 {
    (place.max(0.0) as usize).min(size.saturating_sub(1)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_wherever_the_stretch_lies() {
        for (from, to) in [(-3.0, 2.5), (0.2, 0.9), (4.5, 5.5), (8.9, 12.0), (0.0, 10.0), (3.0, 4.0), (11.0, 12.0)] {
            let taps = area_taps(from, to, 10);
            let sum: f32 = (0..taps.count).map(|i| taps.weight(i)).sum();
            assert!((sum - 1.0).abs() < 1e-6 && taps.start + taps.count <= 10, "{taps:?}");
        }
    }

    #[test]
    fn a_stretch_of_one_texel_interpolates_linearly() {
        let taps = area_taps(2.3, 3.3, 10);
        assert_eq!((taps.start, taps.count), (2, 2));
        assert!((taps.weight(0) - 0.7).abs() < 1e-6);
    }
}
