//! What the matrix of layers says: its caption, its cells and rows in words, and its picture.

use eframe::egui::{Color32, ColorImage};

use super::page::Page;
use crate::app::resolve::matrix::{Matrix, Row};
use crate::app::state::MatrixLook;
use crate::app::widgets::values;
use crate::app::widgets::words;

/// What the colours mean.
pub(super) fn legend(matrix: &Matrix, look: MatrixLook) -> String {
    let waits = matrix.rows.iter().filter(|row| matches!(row, Row::Waits)).count();
    let unit = matrix.method.unit;
    let range = matrix.rows.iter().find_map(|row| if let Row::Has { range, .. } = row { Some(*range) } else { None });
    let range = match (look.shared, range) {
        (true, Some(range)) => format!("{unit} {} to {}", words::value(range.low), words::value(range.high)),
        _ => format!("{unit}, each row from its least to its most"),
    };
    let fidelity = if matrix.method.uses(crate::method::Uses::Rows) { ", own-row" } else { "" };
    let waits = if waits > 0 { format!(", {waits} rows on their way") } else { String::new() };
    format!("{range}{fidelity}{waits}")
}

/// `[L + 1, columns]`, the last layer on top; where a column holds several tokens, the strongest.
pub(super) fn image(page: Page<'_>, matrix: &Matrix, columns: usize) -> ColorImage {
    let (num_tokens, colormap) = (page.scene.layout.len(), page.lane.look.colormap_for(matrix.method.signed));
    let mut image = ColorImage::filled([columns, matrix.rows.len()], Color32::TRANSPARENT);
    for (row, pixels) in matrix.rows.iter().rev().zip(image.pixels.chunks_exact_mut(columns.max(1))) {
        let mut units = vec![f32::NAN; columns];
        for position in 0..num_tokens {
            let slot = &mut units[position * columns / num_tokens.max(1)];
            // NaN gives way to any number.
            *slot = slot.max(row.unit(position));
        }
        for (pixel, unit) in pixels.iter_mut().zip(units).filter(|(_, unit)| !unit.is_nan()) {
            let [r, g, b] = colormap.colour(unit);
            *pixel = Color32::from_rgb(r, g, b);
        }
    }
    image
}

/// `river, layer 3: relevance 0.123, rank 2 of 34`, or why there is none.
pub(super) fn words_of_cell(page: Page<'_>, matrix: &Matrix, (layer, position): (usize, usize)) -> String {
    let token = words::token(&page.scene.layout, position);
    let what = match matrix.rows.get(layer) {
        Some(Row::Has { map, .. }) => match map.values.get(position).filter(|v| !v.is_nan()) {
            Some(value) if matrix.replaces_own(page.lane, position) => {
                format!("{} {}, own entry", matrix.method.unit, words::value(*value))
            }
            Some(value) => {
                let (unit, target) = (matrix.method.unit, matrix.target.0);
                let is_other = |p: usize| !(p == target && matrix.replaces_own(page.lane, p));
                let others: Vec<f32> = (0..map.values.len()).filter(|&p| is_other(p)).map(|p| map.values[p]).collect();
                format!(
                    "{unit} {}, {}",
                    words::value(*value),
                    values::standing(&values::sorted(&others), *value, others.len() < map.values.len())
                )
            }
            None => "no value".to_owned(),
        },
        Some(Row::Lacks(why)) => why.clone(),
        Some(Row::Waits) | None => "on its way".to_owned(),
    };
    format!("{token} (position {position}), layer {layer}: {what}")
}

/// The three strongest words of a row.
pub(super) fn words_of_row(page: Page<'_>, row: &Row) -> String {
    let values = match row {
        Row::Has { map, .. } => &map.values,
        Row::Lacks(why) => return why.clone(),
        Row::Waits => return "on its way".to_owned(),
    };
    let mut ranked: Vec<usize> = page.scene.layout.ranged().filter(|&p| values.get(p).is_some_and(|v| !v.is_nan())).collect();
    ranked.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let name = |&p: &usize| format!("{} {}", words::token(&page.scene.layout, p), words::value(values[p]));
    format!("strongest: {}", ranked.iter().take(3).map(name).collect::<Vec<_>>().join(", "))
}
