//! Rows of controls: a name and its inputs, headings, and choices side by side.

use eframe::egui::{self, Button, ComboBox, RichText, Ui};

use super::theme;

/// A group's name over a line.
pub fn heading_ui(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    let palette = theme::palette(ui.visuals());
    ui.label(RichText::new(text).small().strong().color(palette.quiet));
    let line = ui.cursor().top() - 4.0;
    ui.painter().hline(ui.max_rect().x_range(), line, egui::Stroke::new(1.0, palette.line));
}

/// A named row; the name is also that of the row's inputs for screen readers.
pub fn row_ui<R>(ui: &mut Ui, name: &str, tip: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let size = egui::vec2(theme::NAME_WIDTH, ui.spacing().interact_size.y);
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let label = ui.allocate_ui_with_layout(size, layout, |ui| {
            ui.set_min_size(size);
            let label = ui.label(name);
            if tip.is_empty() { label } else { label.on_hover_text(tip) }
        });
        ui.label_inputs_by(label.inner.id, contents)
    })
    .inner
}

/// One button a choice where they are few and short, as all of these are.
pub fn words_ui<T: Clone + PartialEq + std::fmt::Display>(ui: &mut Ui, salt: &str, value: &mut T, choices: &[T]) {
    if choices.len() <= 3 {
        segmented_ui(ui, value, &choices.iter().map(|c| (c.clone(), c.to_string())).collect::<Vec<_>>());
        return;
    }
    ComboBox::from_id_salt(salt).selected_text(value.to_string()).show_ui(ui, |ui| {
        for choice in choices {
            ui.selectable_value(value, choice.clone(), choice.to_string());
        }
    });
}

/// Buttons side by side of which one is chosen.
pub fn segmented_ui<T: Clone + PartialEq>(ui: &mut Ui, value: &mut T, choices: &[(T, String)]) -> bool {
    let mut changed = false;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (choice, name) in choices {
            let button = Button::selectable(*value == *choice, name.as_str()).frame_when_inactive(true);
            if ui.add(button).clicked() && *value != *choice {
                *value = choice.clone();
                changed = true;
            }
        }
    });
    changed
}
