//! A few words over what is shown.

use eframe::egui::{self, Align2, Painter, TextStyle, Ui, vec2};

/// A note at the lower edge of what is shown.
pub fn paint_note(ui: &Ui, painter: &Painter, canvas: egui::Rect, text: &str) {
    let font = TextStyle::Body.resolve(ui.style());
    let galley = painter.layout(text.to_owned(), font, ui.visuals().text_color(), canvas.width() - 80.0);
    let at = Align2::CENTER_BOTTOM.anchor_size(canvas.center_bottom() - vec2(0.0, 24.0), galley.size());
    painter.rect_filled(at.expand2(vec2(14.0, 9.0)), 6.0, ui.visuals().panel_fill);
    painter.galley(at.min, galley, ui.visuals().text_color());
}
