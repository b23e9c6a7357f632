//! Small pieces of the drawing of a text: inks, corners, and what stands for letters that no font has.

use std::sync::Arc;

use eframe::egui::{self, Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

use super::line::CODE_WIDTH;
use super::line::Place;

pub(super) const ROUNDING: u8 = 4;
use crate::app::widgets::theme;

/// Ends letters that no line could hold at its edge.
pub(super) fn clip(painter: &Painter, rect: Rect, width: f32) -> Option<Painter> {
    (width > rect.width() + 1.0).then(|| painter.with_clip_rect(painter.clip_rect().intersect(rect)))
}

/// Laid-out text with a colour for each glyph.
pub(super) fn inked(galley: &Galley, inks: &[Color32]) -> Arc<Galley> {
    let mut galley = galley.clone();
    let mut inks = inks.iter();
    for row in &mut galley.rows {
        let row = Arc::make_mut(&mut row.row);
        for (glyph, ink) in row.glyphs.iter().zip(&mut inks).filter(|(glyph, _)| !glyph.uv_rect.is_nothing()) {
            let first = glyph.first_vertex as usize;
            let corners = row.visuals.mesh.vertices.get_mut(first..first + 4);
            corners.into_iter().flatten().for_each(|vertex| vertex.color = *ink);
        }
    }
    Arc::new(galley)
}

/// A frame with the hexadecimal digits of a character that no font has, in two rows.
pub(super) fn paint_code(painter: &Painter, text: &str, at: Pos2, ink: Color32) {
    let code = text.chars().next().map_or(0, u32::from);
    let digits = if code > 0xffff { format!("{code:06X}") } else { format!("{code:04X}") };
    let frame = Rect::from_min_max(at + vec2(0.5, -14.5), at + vec2(CODE_WIDTH - 0.5, 3.5));
    painter.rect_stroke(frame, 1.0, Stroke::new(1.0, ink.gamma_multiply(0.6)), StrokeKind::Inside);
    let font = FontId::proportional(if digits.len() > 4 { 7.5 } else { 8.5 });
    let (upper, lower) = digits.split_at(digits.len() / 2);
    for (row, y) in [(upper, -9.6), (lower, -1.2)] {
        painter.text(pos2(frame.center().x, at.y + y), Align2::CENTER_CENTER, row, font.clone(), ink);
    }
}

/// Round where the word begins and ends.
pub(super) fn corners(place: &Place) -> CornerRadius {
    let [left, right] = place.joins.map(|joined| if joined { 0 } else { ROUNDING });
    CornerRadius { nw: left, sw: left, ne: right, se: right }
}

/// Black or white, whichever is easier to read on a colour.
pub(super) fn ink_on(ground: Color32) -> Color32 {
    let [r, g, b, _] = egui::Rgba::from(ground).to_array();
    // At this luminance black and white have the same contrast (WCAG 2).
    if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 { Color32::BLACK } else { Color32::WHITE }
}

/// The line under a token that the model added, in the ink of quiet letters: it tells without colour.
pub(super) fn paint_generated(painter: &Painter, token: Rect, visuals: &egui::Visuals) {
    let ink = theme::palette(visuals).quiet;
    painter.hline(token.x_range(), (token.bottom() + 2.5).round() + 0.5, Stroke::new(1.0, ink));
}
