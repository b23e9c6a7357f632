//! The panel of a token at every layer: one row for each layer, the last on top, one column for each token of the text.

use super::layout::{Anchor, INK, Mark, Rect, Source, snapped};
use super::text::{shortened, width};
use crate::domain::span::Span;

/// What the panel shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// `[L + 1, T]`, the last layer first; white where there is no value.
    pub colours: Vec<[u8; 3]>,
    /// `[T]`, below the columns where there is room.
    pub names: Vec<String>,
    /// The layer that the text shows.
    pub layer: usize,
    /// The tokens that are explained.
    pub target: Span,
}

/// Type size of names and numbers.
const SIZE: f64 = 6.0;
/// Left of the rows, for the numbers of layers.
const NUMBERS: f64 = 12.0;
/// Narrower columns have ticks in place of names.
const NAMED: f64 = 5.8;
/// Longest name, in points, and the height of ticks.
const LONGEST: f64 = 34.0;
const TICKS: f64 = 10.0;
/// The highest row, and all rows together at most.
const ROW: f64 = 7.0;
const HIGHEST: f64 = 180.0;
/// Distance of numbers of layers, and of ticks.
const NUMBER_PITCH: f64 = 6.5;
const TICK_PITCH: f64 = 24.0;

impl Cells {
    fn num_columns(&self) -> usize {
        self.names.len().max(1)
    }

    fn num_rows(&self) -> usize {
        self.colours.len() / self.num_columns()
    }

    fn has_names(&self, width: f64) -> bool {
        (width - NUMBERS) / self.num_columns() as f64 >= NAMED
    }

    fn rows_height(&self) -> f64 {
        (self.num_rows() as f64 * ROW).min(HIGHEST)
    }

    /// Height of the panel at a width, both in points.
    pub fn height(&self, width: f64) -> f64 {
        self.rows_height() + if self.has_names(width) { LONGEST + 3.0 } else { TICKS }
    }

    /// The marks of the panel in a rectangle.
    pub fn marks(&self, place: Rect, dpi: u32) -> Vec<Mark> {
        let [x, right] = [place.x + NUMBERS, place.right()].map(|x| snapped(x, dpi));
        let bottom = snapped(place.y + self.rows_height(), dpi);
        let rect = Rect { x, y: place.y, width: right - x, height: bottom - place.y };
        let source = Source::Cells { columns: self.num_columns(), colours: self.colours.clone() };
        let mut marks = vec![Mark::Raster { rect, source }, Mark::Box { rect, stroke: Some((INK, 0.4)), fill: None }];
        marks.extend(self.numbers(rect));
        let column = rect.width / self.num_columns() as f64;
        // A bar below the target.
        let under = Rect {
            x: rect.x + self.target.from as f64 * column,
            y: rect.bottom() + 0.6,
            width: self.target.len() as f64 * column,
            height: 1.2,
        };
        marks.push(Mark::Box { rect: under, stroke: None, fill: Some(INK) });
        marks.extend(if self.has_names(place.width) { self.named(rect, column) } else { self.ticks(rect, column) });
        marks
    }

    /// Beside the rows, and a pointer at the layer of the text.
    fn numbers(&self, rect: Rect) -> Vec<Mark> {
        let num_rows = self.num_rows().max(1);
        let pitch = rect.height / num_rows as f64;
        let step = (NUMBER_PITCH / pitch).ceil().max(1.0) as usize;
        let middle = |layer: usize| rect.bottom() - (layer as f64 + 0.5) * pitch;
        let is_named = |layer: usize| layer == self.layer || (layer.is_multiple_of(step) && layer.abs_diff(self.layer) >= step);
        let mut marks: Vec<Mark> = (0..num_rows)
            .filter(|&layer| is_named(layer))
            .map(|layer| text((rect.x - 4.0, middle(layer) + 0.36 * SIZE), Anchor::End, false, layer.to_string()))
            .collect();
        let y = middle(self.layer.min(num_rows - 1));
        let corners = [(rect.x - 0.6, y), (rect.x - 3.0, y - 1.6), (rect.x - 3.0, y + 1.6)];
        marks.push(Mark::Triangle { corners, fill: INK });
        marks
    }

    fn named(&self, rect: Rect, column: f64) -> Vec<Mark> {
        let mark = |(position, name): (usize, &String)| {
            let x = rect.x + (position as f64 + 0.5) * column + 0.36 * SIZE;
            // The end of the name is at the matrix: what an upright text is placed by is where it begins.
            let name = shortened(name, SIZE, LONGEST);
            let y = rect.bottom() + 3.0 + width(&name, SIZE);
            text((x, y), Anchor::Start, true, name)
        };
        self.names.iter().enumerate().map(mark).collect()
    }

    fn ticks(&self, rect: Rect, column: f64) -> Vec<Mark> {
        let steps = (0..8).flat_map(|power| [1, 2, 5].map(|n| n * 10_usize.pow(power)));
        let step = steps.into_iter().find(|&step| step as f64 * column >= TICK_PITCH).unwrap_or(usize::MAX);
        let mark = |position: usize| {
            let x = rect.x + (position as f64 + 0.5) * column;
            text((x, rect.bottom() + 2.6 + SIZE), Anchor::Middle, false, position.to_string())
        };
        (0..self.num_columns()).step_by(step).map(mark).collect()
    }
}

fn text(at: (f64, f64), anchor: Anchor, upright: bool, text: String) -> Mark {
    Mark::Text { at, size: SIZE, anchor, upright, text, ink: None }
}
