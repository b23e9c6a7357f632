//! What lanes share, and the head of each.

use eframe::egui::{Align, Layout, RichText, Role, Sense, Ui, WidgetInfo};

use crate::app::command::Command;
use crate::app::state::{Document, LaneId, Links};
use crate::app::widgets::theme;
use crate::domain::request::{Input, ModelRef};

/// Check boxes: what one lane does and the others follow.
pub fn links_ui(ui: &mut Ui, document: &Document, commands: &mut Vec<Command>) {
    let mut links = document.links;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Lanes share").small().color(theme::palette(ui.visuals()).quiet));
        let Links { pointer, zoom, selection, range } = &mut links;
        for (value, name, tip) in [
            (pointer, "pointer", "Pointing at a place or a word points at the same one in every lane"),
            (zoom, "zoom", "Zoom and pan of pictures"),
            (selection, "selection", "What is pinned or selected, by place or by letters"),
            (range, "range", "One range of colours for all maps whose values have the same unit"),
        ] {
            ui.checkbox(value, name).on_hover_text(tip);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Add lane").on_hover_text("Another lane beside this one (Ctrl+D)").clicked() {
                commands.push(Command::Split);
            }
        });
    });
    if links != document.links {
        commands.push(Command::Link(links));
    }
}

/// The letter of a lane, what it shows, and how to close it. True when it begins to be dragged.
pub fn head_ui(ui: &mut Ui, document: &Document, (id, letter): (LaneId, &str), commands: &mut Vec<Command>) -> bool {
    let question = &document.get(id).question;
    let input = question.input.as_ref().map_or_else(|| "nothing open".to_owned(), Input::name);
    let model = question.model_in_use().as_ref().map_or_else(String::new, |model| format!(", {}", ModelRef::name(model)));
    let name = format!("{letter}  {input}{model}");
    let frame = theme::panel_frame(ui.style()).inner_margin(theme::TOKENS_MARGIN);
    frame
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let close = ui.small_button("x");
                    close.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Close lane {letter}")));
                    if close.on_hover_text("Close this lane (Ctrl+W)").clicked() {
                        commands.push(Command::CloseLane(Some(id)));
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let text = RichText::new(&name).strong();
                        let head = ui.add(eframe::egui::Label::new(text).truncate().sense(Sense::click_and_drag()));
                        head.on_hover_text("Drag to move this lane").drag_started()
                    })
                    .inner
                })
                .inner
            })
            .inner
        })
        .inner
}
