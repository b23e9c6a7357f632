//! Tables: words and numbers, with shades behind those that have one.

use eframe::egui::{self, Grid, RichText, ScrollArea, Ui};

use unicode_segmentation::UnicodeSegmentation;

use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::exhibit::{Cell, Table};

/// Longer tables are cut off; figures and records hold all of them.
const MOST_ROWS: usize = 200;
const ROW_HEIGHT: f32 = 20.0;
/// Of a cell.
const MOST_CHARS: usize = 24;
/// How much of the accent the fullest shade shows.
const SHADE: f32 = 0.55;

/// Draws a table.
pub(super) fn table_ui(ui: &mut Ui, number: usize, table: &Table) {
    let palette = theme::palette(ui.visuals());
    let (accent, line, mark) = (palette.accent, palette.line, table.mark);
    let has_heading = table.columns.iter().any(|name| !name.is_empty());
    ScrollArea::horizontal().id_salt(("table", number)).auto_shrink([false, true]).show(ui, |ui| {
        let colour = move |row: usize, _: &egui::Style| {
            (row.checked_sub(usize::from(has_heading)) == mark && mark.is_some()).then(|| accent.gamma_multiply(0.3))
        };
        let grid = Grid::new(("table", number))
            .spacing([12.0, 3.0])
            .min_col_width(24.0)
            .min_row_height(ROW_HEIGHT)
            .with_row_color(colour);
        grid.show(ui, |ui| {
            if has_heading {
                for name in &table.columns {
                    ui.label(RichText::new(name).small().strong());
                }
                ui.end_row();
            }
            for row in table.rows.iter().take(MOST_ROWS) {
                for cell in row {
                    cell_ui(ui, cell, accent);
                }
                ui.end_row();
            }
        });
        if has_heading {
            let below = ui.min_rect().top() + ROW_HEIGHT + 1.0;
            ui.painter().hline(ui.min_rect().x_range(), below, egui::Stroke::new(1.0, line));
        }
    });
    if let Some(more) = table.rows.len().checked_sub(MOST_ROWS + 1) {
        ui.label(RichText::new(format!("and {} more rows", more + 1)).small().color(palette.quiet));
    }
}

fn cell_ui(ui: &mut Ui, cell: &Cell, accent: egui::Color32) {
    match cell {
        Cell::Words(text) => words_ui(ui, text),
        Cell::Number(number) => ui.label(words::value(*number as f32)),
        Cell::Shaded(text, share) => {
            let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) } as f32;
            let fill = accent.gamma_multiply(SHADE * share);
            egui::Frame::new().fill(fill).inner_margin(egui::Margin::symmetric(4, 0)).show(ui, |ui| words_ui(ui, text)).response
        }
    };
}

/// Long words would push the numbers beside them out of sight: the rest of them is in a tip.
fn words_ui(ui: &mut Ui, text: &str) -> egui::Response {
    if text.graphemes(true).count() <= MOST_CHARS {
        return ui.label(text);
    }
    let begins: String = text.graphemes(true).take(MOST_CHARS).collect();
    ui.label(format!("{begins}...")).on_hover_text(text)
}
