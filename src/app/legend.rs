//! The strip beside the picture: the colour bar with its numbers, or the legend of the segments.

use eframe::egui::{
    self, Align2, Color32, Mesh, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, pos2, vec2,
};

use unicode_segmentation::UnicodeSegmentation;

use super::command::Command;
use super::session::Session;
use super::view::{CutView, MapView};
use super::{theme, words};
use crate::domain::colormap::{Colormap, label_colour};

const BAR_WIDTH: f32 = 18.0;
const NUM_TICKS: usize = 5;
/// Of a phrase above the colour bar; the rest is in its tip.
const MAX_CHARS: usize = 60;

/// The colour bar of a map: limits and unit; a mark for the value under the pointer.
pub fn colour_bar_ui(ui: &mut Ui, session: &Session, map: &MapView, pointed: Option<f32>) {
    let colormap = session.colormap(map.method.signed);
    let unit = ui.add(egui::Label::new(RichText::new(map.method.unit).small()).wrap());
    if let Some(phrase) = words::phrase(map.method, &map.source.0.request.params) {
        let begins: String = phrase.graphemes(true).take(MAX_CHARS).collect();
        let shown = if begins.len() < phrase.len() { format!("{begins}...") } else { begins };
        ui.add(egui::Label::new(RichText::new(shown).small()).wrap()).on_hover_text(phrase);
    }
    let height = (ui.available_height() - 24.0).clamp(60.0, 420.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height + 16.0), Sense::hover());
    let bar = Rect::from_min_size(rect.min + vec2(2.0, 8.0), vec2(BAR_WIDTH, height));
    ui.painter().add(bar_mesh(colormap, bar));
    let ink = ui.visuals().text_color();
    ui.painter().rect_stroke(bar, 0.0, Stroke::new(1.0, theme::palette(ui.visuals()).quiet), StrokeKind::Outside);
    let font = TextStyle::Small.resolve(ui.style());
    let decimals = words::decimals_for(map.range.high - map.range.low, NUM_TICKS);
    let constant = map.range.constant();
    for tick in 0..NUM_TICKS {
        let part = tick as f32 / (NUM_TICKS - 1) as f32;
        let value = constant.unwrap_or_else(|| egui::lerp(map.range.low..=map.range.high, part));
        if constant.is_some() && 2 * tick + 1 != NUM_TICKS {
            continue;
        }
        let y = egui::lerp(bar.bottom()..=bar.top(), part);
        ui.painter().hline(bar.right()..=bar.right() + 4.0, y, Stroke::new(1.0, ink));
        ui.painter().text(
            pos2(bar.right() + 7.0, y),
            Align2::LEFT_CENTER,
            if constant.is_some() { words::value(value) } else { words::tick(value, decimals) },
            font.clone(),
            ink,
        );
    }
    if let Some(value) = pointed.filter(|v| v.is_finite()) {
        let y = egui::lerp(bar.bottom()..=bar.top(), map.range.unit(value));
        for (width, colour) in [(4.0, Color32::BLACK), (2.0, Color32::WHITE)] {
            ui.painter().hline(bar.left() - 2.0..=bar.right() + 2.0, y, Stroke::new(width, colour));
        }
    }
    let label = format!(
        "Colour bar, {}: {} from {} to {}",
        colormap.name(),
        map.method.unit,
        words::value(map.range.low),
        words::value(map.range.high)
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
    unit.union(response).on_hover_text(label);
}

fn bar_mesh(colormap: Colormap, bar: Rect) -> Mesh {
    let mut mesh = Mesh::default();
    let step = bar.height() / 256.0;
    for (entry, &[r, g, b]) in colormap.table().iter().enumerate() {
        let bottom = bar.bottom() - entry as f32 * step;
        mesh.add_colored_rect(
            Rect::from_min_max(pos2(bar.left(), bottom - step), pos2(bar.right(), bottom)),
            Color32::from_rgb(r, g, b),
        );
    }
    mesh
}

/// What the colours of a painted map mean.
pub fn paint_ui(ui: &mut Ui, map: &MapView) {
    let Some(paint) = map.paint() else { return };
    ui.label(RichText::new("Colours").strong());
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        for (words, colour) in &paint.legend {
            ui.horizontal_top(|ui| {
                let (swatch, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
                let [r, g, b] = colour.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8);
                let edge = Stroke::new(1.0, theme::palette(ui.visuals()).quiet);
                ui.painter().rect(swatch, 3.0, Color32::from_rgb(r, g, b), edge, StrokeKind::Outside);
                ui.add(egui::Label::new(RichText::new(words).small()).wrap());
            });
        }
    });
}

/// Every segment with its colour and share; a click shows one alone.
pub fn segments_ui(ui: &mut Ui, session: &Session, cut: &CutView, pointed: Option<usize>, commands: &mut Vec<Command>) {
    let count = cut.shares.len();
    ui.label(RichText::new(if count == 1 { "1 segment".to_owned() } else { format!("{count} segments") }).strong());
    ui.label(RichText::new("Click one to see it alone").small().color(theme::palette(ui.visuals()).quiet));
    let height = 24.0;
    ScrollArea::vertical().auto_shrink([false, false]).show_rows(ui, height, count, |ui, rows| {
        for label in rows {
            entry_ui(ui, session, cut, (label, pointed == Some(label)), commands);
        }
    });
}

fn entry_ui(ui: &mut Ui, session: &Session, cut: &CutView, (label, pointed): (usize, bool), commands: &mut Vec<Command>) {
    let share = format!("{:.1} %", 100.0 * cut.shares.get(label).copied().unwrap_or(0.0));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    let solo = session.solo.filter(|&l| l < cut.shares.len());
    let soloed = solo == Some(label);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, soloed, format!("Segment {label}, {share}")));
    let visuals = ui.visuals();
    if soloed || pointed || response.hovered() || response.has_focus() {
        let fill = if soloed { visuals.selection.bg_fill } else { visuals.widgets.hovered.bg_fill };
        ui.painter().rect_filled(rect, 4.0, fill);
    }
    let faint = solo.is_some() && !soloed;
    let ink = if soloed { visuals.selection.stroke.color } else { visuals.text_color() };
    let ink = if faint { ink.gamma_multiply(0.55) } else { ink };
    let [r, g, b] = label_colour(cut.segmentation.colours.get(label).copied().unwrap_or(0));
    let swatch = Rect::from_center_size(rect.left_center() + vec2(14.0, 0.0), vec2(16.0, 16.0));
    ui.painter().rect(
        swatch,
        3.0,
        Color32::from_rgb(r, g, b).gamma_multiply(if faint { 0.4 } else { 1.0 }),
        Stroke::new(1.0, theme::palette(visuals).quiet),
        StrokeKind::Outside,
    );
    let font = TextStyle::Body.resolve(ui.style());
    let painter = ui.painter();
    painter.text(rect.left_center() + vec2(32.0, 0.0), Align2::LEFT_CENTER, format!("Segment {label}"), font.clone(), ink);
    painter.text(rect.right_center() - vec2(8.0, 0.0), Align2::RIGHT_CENTER, share, font, ink);
    if response.clicked() {
        commands.push(Command::Solo(label));
    }
}
