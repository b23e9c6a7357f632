//! Tables: a line above, below the heading where there is one, and at the end; numbers flush right.

use super::super::layout::{Anchor, Mark, Rect};
use super::super::text::{shortened, width};
use super::{SIZE, number, text};
use crate::domain::colormap::over_white;
use crate::domain::exhibit::{Cell, Table};

/// Longer tables are cut off; the record holds all of them.
const MOST_ROWS: usize = 40;
const LINE: f64 = 9.0;
/// Between the caption and the line above.
const TOP: f64 = 2.0;
/// Between columns.
const GAP: f64 = 8.0;
/// The fullest shade, and the row that is marked.
const SHADE: [u8; 3] = [0, 100, 170];
const FULLEST: f32 = 0.45;
const MARKED: [u8; 3] = [232, 236, 242];

fn words(cell: &Cell) -> String {
    match cell {
        Cell::Words(text) | Cell::Shaded(text, _) => text.clone(),
        Cell::Number(value) => number(*value),
    }
}

/// 1 with names of columns, 0 without any.
fn num_heads(table: &Table) -> usize {
    usize::from(table.columns.iter().any(|name| !name.is_empty()))
}

fn num_lines(table: &Table) -> usize {
    num_heads(table) + table.rows.len().min(MOST_ROWS) + usize::from(table.rows.len() > MOST_ROWS)
}

/// Height at any width.
pub(super) fn height(table: &Table) -> f64 {
    TOP + num_lines(table) as f64 * LINE + 4.0
}

/// Left edges and widths of the columns: as wide as their words, narrower in proportion where these need more than there is.
fn columns(table: &Table, available: f64) -> Vec<(f64, f64)> {
    let widest = |column: usize| {
        let cells = table.rows.iter().take(MOST_ROWS).filter_map(|row| row.get(column)).map(|cell| width(&words(cell), SIZE));
        cells.fold(width(&table.columns[column], SIZE), f64::max)
    };
    let widths: Vec<f64> = (0..table.columns.len()).map(widest).collect();
    let gaps = GAP * widths.len().saturating_sub(1) as f64;
    let share = ((available - gaps) / widths.iter().sum::<f64>().max(1.0)).min(1.0);
    let mut x = 0.0;
    let place = |natural: f64| {
        let at = (x, natural * share);
        x += natural * share + GAP;
        at
    };
    widths.into_iter().map(place).collect()
}

/// The marks of a table.
pub(super) fn marks(table: &Table, place: Rect) -> Vec<Mark> {
    let place = Rect { y: place.y + TOP, ..place };
    let columns = columns(table, place.width);
    let right = place.x + columns.last().map_or(0.0, |(x, width)| x + width);
    let rule = |y: f64, width: f64| Mark::Line { from: (place.x, y), to: (right, y), width };
    let baseline = |line: usize| place.y + (line as f64 + 0.72) * LINE + 1.0;
    let heads = num_heads(table);
    let mut marks = vec![rule(place.y, 0.8)];
    if heads > 0 {
        marks.push(rule(place.y + LINE + 0.6, 0.4));
    }
    for (name, &(x, width)) in table.columns.iter().zip(&columns) {
        marks.push(text((place.x + x, baseline(0)), Anchor::Start, shortened(name, SIZE, width)));
    }
    for (n, row) in table.rows.iter().take(MOST_ROWS).enumerate() {
        let y = baseline(n + heads);
        let ground = |x: f64, width: f64| Rect { x, y: y - 0.72 * LINE, width, height: LINE };
        if table.mark == Some(n) {
            marks.push(Mark::Box { rect: ground(place.x, right - place.x), stroke: None, fill: Some(MARKED) });
        }
        for (cell, &(x, width)) in row.iter().zip(&columns) {
            let left = place.x + x;
            if let Cell::Shaded(_, share) = cell {
                let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) as f32 };
                let fill = Some(over_white(SHADE, FULLEST * share));
                let from = (left - 2.0).max(place.x);
                marks.push(Mark::Box { rect: ground(from, left + width + 2.0 - from), stroke: None, fill });
            }
            let words = shortened(&words(cell), SIZE, width);
            let is_number = matches!(cell, Cell::Number(_));
            let (at, anchor) = if is_number { (left + width, Anchor::End) } else { (left, Anchor::Start) };
            marks.push(text((at, y), anchor, words));
        }
    }
    let lines = num_lines(table);
    if let Some(more) = table.rows.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        marks.push(text((place.x, baseline(lines - 1)), Anchor::Start, format!("and {more} more rows")));
    }
    marks.push(rule(place.y + lines as f64 * LINE + 2.0, 0.8));
    marks
}
