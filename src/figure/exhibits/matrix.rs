//! Matrices: one colour a cell, words or numbers where they fit, and the colours between their limits below.

use super::super::layout::{Anchor, INK, Mark, Rect, Source, snapped};
use super::super::text::{shortened, width};
use super::{SIZE, number, text, upright};
use crate::domain::colormap::{Colormap, takes_dark_ink};
use crate::domain::exhibit::Matrix;
use crate::domain::heatmap::Range;

/// Longest names of rows and columns.
const NAMES: f64 = 70.0;
const UPRIGHT: f64 = 40.0;
/// Rows with words in them, and all rows together where there are none.
const ROW: f64 = 9.0;
const HIGHEST: f64 = 200.0;
/// Widest cell.
const WIDEST: f64 = 40.0;
/// Narrower cells hold no words.
const WORDY: f64 = 14.0;
/// The strip of colours.
const STRIP: (f64, f64) = (60.0, 5.0);
const LINE: f64 = 9.0;

struct Place {
    cells: Rect,
    columns: usize,
    rows: usize,
}

impl Place {
    fn new(matrix: &Matrix, place: Rect, dpi: u32) -> Self {
        let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
        let names = widest(&matrix.rows).min(NAMES) + 3.0;
        let x = snapped(place.x + names, dpi);
        let width = ((place.width - names) / columns.max(1) as f64).min(WIDEST) * columns as f64;
        let height = rows_height(matrix);
        Self { cells: Rect { x, y: place.y, width: snapped(width, dpi), height: snapped(height, dpi) }, columns, rows }
    }

    fn cell(&self, row: usize, column: usize) -> Rect {
        let (width, height) = (self.cells.width / self.columns as f64, self.cells.height / self.rows as f64);
        Rect { x: self.cells.x + column as f64 * width, y: self.cells.y + row as f64 * height, width, height }
    }
}

fn widest(names: &[String]) -> f64 {
    names.iter().map(|name| width(name, SIZE)).fold(0.0, f64::max)
}

fn rows_height(matrix: &Matrix) -> f64 {
    let row = (HIGHEST / matrix.rows.len().max(1) as f64).min(ROW);
    matrix.rows.len() as f64 * if matrix.words.is_empty() { row } else { ROW }
}

fn names_height(matrix: &Matrix, cell: f64) -> f64 {
    if widest(&matrix.columns) + 2.0 <= cell { LINE } else { widest(&matrix.columns).min(UPRIGHT) + 3.0 }
}

fn is_empty(matrix: &Matrix) -> bool {
    matrix.rows.is_empty() || matrix.columns.is_empty() || matrix.values.len() != matrix.rows.len() * matrix.columns.len()
}

/// Height at a width.
pub(super) fn height(matrix: &Matrix, width: f64) -> f64 {
    if is_empty(matrix) {
        return 0.0;
    }
    let place = Place::new(matrix, Rect { x: 0.0, y: 0.0, width, height: 0.0 }, 300);
    rows_height(matrix) + names_height(matrix, place.cell(0, 0).width) + LINE + 3.0
}

/// Limits of the colours: symmetric around 0 where values have a sign.
fn range(matrix: &Matrix) -> Range {
    let finite = || matrix.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let bound = low.abs().max(high.abs());
    let (low, high) = if matrix.signed { (-bound, bound) } else { (low, high) };
    if high > low { Range { low, high } } else { Range { low: low.min(0.0), high: high.max(0.0) + 1e-6 } }
}

/// The marks of a matrix.
pub(super) fn marks(matrix: &Matrix, rect: Rect, dpi: u32) -> Vec<Mark> {
    if is_empty(matrix) {
        return Vec::new();
    }
    let place = Place::new(matrix, rect, dpi);
    let (colormap, range) = (if matrix.signed { Colormap::Coolwarm } else { Colormap::Viridis }, range(matrix));
    let colour = |value: f32| if value.is_nan() { [255; 3] } else { colormap.colour(range.unit(value)) };
    let colours = matrix.values.iter().map(|&value| colour(value)).collect();
    let mut marks = vec![
        Mark::Raster { rect: place.cells, source: Source::Cells { columns: place.columns, colours } },
        Mark::Box { rect: place.cells, stroke: Some((INK, 0.4)), fill: None },
    ];
    marks.extend(contents(matrix, &place, colour));
    marks.extend(names(matrix, &place));
    if let Some((row, column)) = matrix.mark.filter(|&(row, column)| row < place.rows && column < place.columns) {
        let cell = place.cell(row, column);
        marks.extend([([255; 3], 1.8), ([0; 3], 0.8)].map(|stroke| Mark::Box { rect: cell, stroke: Some(stroke), fill: None }));
    }
    let y = place.cells.bottom() + names_height(matrix, place.cell(0, 0).width) + 2.0;
    marks.extend(scale(matrix, (place.cells.x, y), (colormap, range), dpi));
    marks
}

/// Words, or numbers, where cells are wide enough for some letters.
fn contents(matrix: &Matrix, place: &Place, colour: impl Fn(f32) -> [u8; 3]) -> Vec<Mark> {
    let cell = place.cell(0, 0);
    if cell.width < WORDY || cell.height < SIZE {
        return Vec::new();
    }
    let mark = |(index, &value): (usize, &f32)| {
        let cell = place.cell(index / place.columns, index % place.columns);
        let words = matrix.words.get(index).cloned().unwrap_or_else(|| number(f64::from(value)));
        let words = shortened(words.trim(), SIZE, cell.width - 1.0);
        let ink = Some(if takes_dark_ink(colour(value)) { INK } else { [255; 3] });
        let at = (cell.x + cell.width / 2.0, cell.y + cell.height / 2.0 + 0.36 * SIZE);
        (!words.is_empty()).then_some(Mark::Text { at, size: SIZE, anchor: Anchor::Middle, upright: false, text: words, ink })
    };
    let fits = !matrix.words.is_empty() || matrix.values.iter().all(|&v| width(&number(f64::from(v)), SIZE) < cell.width);
    if fits { matrix.values.iter().enumerate().filter_map(mark).collect() } else { Vec::new() }
}

/// Names of rows and columns; those that would touch are left out.
fn names(matrix: &Matrix, place: &Place) -> Vec<Mark> {
    let (cell, bottom) = (place.cell(0, 0), place.cells.bottom());
    let row_step = (SIZE / cell.height).ceil().max(1.0) as usize;
    let row = |(n, name): (usize, &String)| {
        let at = (place.cells.x - 2.0, place.cell(n, 0).y + cell.height / 2.0 + 0.36 * SIZE);
        text(at, Anchor::End, shortened(name, SIZE, NAMES))
    };
    let mut marks: Vec<Mark> = matrix.rows.iter().enumerate().step_by(row_step).map(row).collect();
    let is_flat = widest(&matrix.columns) + 2.0 <= cell.width;
    let step = if is_flat { 1 } else { ((SIZE + 0.5) / cell.width).ceil().max(1.0) as usize };
    for (n, name) in matrix.columns.iter().enumerate().step_by(step) {
        let middle = place.cell(0, n).x + cell.width / 2.0;
        let name = shortened(name, SIZE, if is_flat { cell.width } else { UPRIGHT });
        marks.push(if is_flat {
            text((middle, bottom + 0.85 * LINE), Anchor::Middle, name)
        } else {
            let end = bottom + 2.0 + width(&name, SIZE);
            upright((middle + 0.36 * SIZE, end), Anchor::Start, name)
        });
    }
    marks
}

/// What the colours are.
fn scale(matrix: &Matrix, (x, y): (f64, f64), (colormap, range): (Colormap, Range), dpi: u32) -> Vec<Mark> {
    let baseline = y + STRIP.1;
    let (low, high) = (number(f64::from(range.low)), number(f64::from(range.high)));
    let left = x + width(&low, SIZE) + 3.0;
    let rect = Rect { x: snapped(left, dpi), y: snapped(y, dpi), width: snapped(STRIP.0, dpi), height: snapped(STRIP.1, dpi) };
    let colours = colormap.table().to_vec();
    let after = format!("{high}  {}", matrix.unit);
    vec![
        text((x, baseline), Anchor::Start, low),
        Mark::Raster { rect, source: Source::Cells { columns: colours.len(), colours } },
        Mark::Box { rect, stroke: Some((INK, 0.4)), fill: None },
        text((rect.right() + 3.0, baseline), Anchor::Start, after.trim_end().to_owned()),
    ]
}
