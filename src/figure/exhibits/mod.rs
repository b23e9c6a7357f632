//! What an answer shows beside its map, as panels of a figure: charts, histograms, tables and matrices, in vectors.

mod axes;
mod chart;
mod matrix;
mod table;

use super::layout::{Anchor, Mark, Rect};
use super::style::FigureStyle;
use crate::domain::exhibit::Exhibit;
use crate::domain::segmentation::Segmentation;
use crate::engine::{Explanation, Segments};

/// More of them are left out of a figure that does not ask for them.
const FEW: usize = 4;
/// Type size of all that is written in them.
const SIZE: f64 = 6.5;

/// Those that a figure of a map shows: all where they are few, unless the style says otherwise.
pub fn of_explanation(explanation: &Explanation, style: &FigureStyle) -> Vec<Exhibit> {
    let exhibits = &explanation.shown.exhibits;
    let wanted = style.exhibits.unwrap_or(exhibits.len() <= FEW);
    if wanted { exhibits.clone() } else { Vec::new() }
}

/// Those that a figure of segments shows: what segments are to each other stands there only where it is asked for.
pub fn of_segments(segments: &Segments, segmentation: &Segmentation, style: &FigureStyle) -> Vec<Exhibit> {
    if style.exhibits == Some(true) { segments.exhibits(segmentation) } else { Vec::new() }
}

/// Whether it takes the whole width of a page.
pub fn is_wide(exhibit: &Exhibit) -> bool {
    match exhibit {
        Exhibit::Chart(_) | Exhibit::Histogram(_) => false,
        Exhibit::Table(table) => table.columns.len() > 4,
        Exhibit::Matrix(_) => true,
    }
}

/// Height at a width, both in points, without the caption.
pub fn height(exhibit: &Exhibit, width: f64) -> f64 {
    match exhibit {
        Exhibit::Chart(chart) => chart::height(&chart::of_chart(chart), width),
        Exhibit::Histogram(histogram) => chart::height(&chart::of_histogram(histogram), width),
        Exhibit::Table(table) => table::height(table),
        Exhibit::Matrix(matrix) => matrix::height(matrix, width),
    }
}

/// The marks of one in a rectangle.
pub fn marks(exhibit: &Exhibit, place: Rect, dpi: u32) -> Vec<Mark> {
    match exhibit {
        Exhibit::Chart(chart) => chart::marks(&chart::of_chart(chart), place),
        Exhibit::Histogram(histogram) => chart::marks(&chart::of_histogram(histogram), place),
        Exhibit::Table(table) => table::marks(table, place),
        Exhibit::Matrix(matrix) => matrix::marks(matrix, place, dpi),
    }
}

fn text(at: (f64, f64), anchor: Anchor, text: String) -> Mark {
    Mark::Text { at, size: SIZE, anchor, upright: false, text, ink: None }
}

fn upright(at: (f64, f64), anchor: Anchor, text: String) -> Mark {
    Mark::Text { at, size: SIZE, anchor, upright: true, text, ink: None }
}

/// A number with about four digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        String::new()
    } else if size == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        let whole = size.log10().floor() as i32 + 1;
        super::text::number(value, usize::try_from(4 - whole).unwrap_or(0).min(6))
    } else {
        format!("{value:.2e}")
    }
}
