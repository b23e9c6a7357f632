//! What the model itself answers: classes, or the next token.

use eframe::egui::{self, Ui};

use crate::app::widgets::rows::heading_ui;
use crate::app::widgets::{theme, words};
use crate::engine::{Scene, Scoring};

/// Every answer with its level, as a bar where levels are probabilities.
pub fn predictions_ui(ui: &mut Ui, scene: &Scene) {
    if scene.predictions.is_empty() {
        return;
    }
    let (heading, kind) = match scene.model.scoring {
        _ if scene.model.is_causal => ("Next token, after the end", "token"),
        Scoring::OneOf => ("Predicted classes", "class"),
        Scoring::Each => ("Predicted classes, each on its own", "class"),
        Scoring::Plain => ("Predicted values", "class"),
    };
    let is_probability = scene.model.is_causal || scene.model.scoring.is_probability();
    heading_ui(ui, heading);
    let palette = theme::palette(ui.visuals());
    for prediction in &scene.predictions {
        let level = if is_probability { format!("{:.1} %", 100.0 * prediction.level) } else { words::value(prediction.level) };
        let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 26.0), egui::Sense::hover());
        if is_probability {
            let bar = rect.with_max_x(rect.left() + rect.width() * prediction.level.clamp(0.0, 1.0));
            ui.painter().rect_filled(bar.with_min_y(rect.bottom() - 3.0), 1.0, palette.accent);
        }
        let font = egui::TextStyle::Body.resolve(ui.style());
        let colour = ui.visuals().text_color();
        let number = ui.painter().text(
            rect.right_center() - egui::vec2(0.0, 3.0),
            egui::Align2::RIGHT_CENTER,
            &level,
            font.clone(),
            colour,
        );
        let mut name = egui::text::LayoutJob::simple_singleline(prediction.name.clone(), font, colour);
        name.wrap = egui::text::TextWrapping::truncate_at_width(number.left() - 8.0 - rect.left());
        let name = ui.painter().layout_job(name);
        let at = rect.left_center() - egui::vec2(0.0, 3.0 + name.size().y / 2.0);
        ui.painter().galley(at, name, colour);
        let label = format!("{}: {level}", prediction.name);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &label));
        response.on_hover_text(format!("{} ({kind} {})", prediction.name, prediction.class));
    }
}
