//! What an answer shows beside its map: charts, histograms, tables and matrices, in a panel at the right of the picture.

mod chart;
mod matrix;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui::{self, Label, Panel, RichText, ScrollArea, TextureHandle, Ui};

use crate::app::command::Command;
use crate::app::resolve::view::{Beside, View};
use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::exhibit::{Exhibit, Shown};
use crate::engine::Scene;
use crate::method::Reach;

/// The part of the room beside the controls that the panel takes at first, and its limits.
const PART: f32 = 0.36;
const WIDTH: f32 = 360.0;
const NARROWEST: f32 = 220.0;
const WIDEST: f32 = 760.0;

/// The pictures of matrices, made anew only when there are others.
#[derive(Default)]
pub struct Pictures {
    of: Option<Arc<Shown>>,
    textures: HashMap<usize, TextureHandle>,
}

impl Pictures {
    fn begin(&mut self, shown: &Arc<Shown>) {
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, shown)) {
            (self.of, self.textures) = (Some(shown.clone()), HashMap::new());
        }
    }
}

/// Draws the panel, where there is something to show.
pub fn panel_ui(ui: &mut Ui, (view, scene): (&View, &Scene), pictures: &mut Pictures, commands: &mut Vec<Command>) {
    let Some(beside) = &view.beside else { return };
    pictures.begin(&beside.shown);
    let frame = theme::panel_frame(ui.style());
    let width = (ui.available_width() * PART).clamp(NARROWEST, WIDTH);
    let panel = Panel::right("exhibits").frame(frame).resizable(true).default_size(width).size_range(NARROWEST..=WIDEST);
    panel.show(ui, |ui| {
        head_ui(ui, beside, scene, commands);
        ScrollArea::vertical().id_salt("exhibits").auto_shrink([false, false]).show(ui, |ui| {
            for (number, exhibit) in beside.shown.exhibits.iter().enumerate() {
                if number > 0 {
                    ui.add_space(10.0);
                }
                ui.add(Label::new(RichText::new(exhibit.title()).strong()).wrap());
                match exhibit {
                    Exhibit::Chart(chart) => chart::chart_ui(ui, number, chart),
                    Exhibit::Histogram(histogram) => chart::histogram_ui(ui, number, histogram),
                    Exhibit::Table(table) => table::table_ui(ui, number, table),
                    Exhibit::Matrix(matrix) => {
                        matrix::matrix_ui(ui, (number, matrix), (view, scene), &mut pictures.textures, commands);
                    }
                }
            }
        });
    });
}

/// Whose charts these are, and the button that hides them.
fn head_ui(ui: &mut Ui, beside: &Beside, scene: &Scene, commands: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = ui.small_button("x");
            close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Hide charts and tables"));
            if close.on_hover_text("Hide (E)").clicked() {
                commands.push(Command::ToggleExhibits);
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                // Of a picture, what is the same for every token belongs to none.
                let is_of_all = beside.method.reach == Reach::Whole && scene.layout.text.is_none();
                let of = beside
                    .target
                    .filter(|_| !is_of_all)
                    .map_or_else(String::new, |target| format!(", {}", words::target(&scene.layout, target)));
                let text = RichText::new(format!("{}{of}", beside.method.name)).small();
                ui.add(Label::new(text.color(theme::palette(ui.visuals()).quiet)).truncate());
            });
        });
    });
}
