//! The strip beside the picture: the colour bar with its numbers, or the legend of the segments.

use eframe::egui::{
    self, Align2, Color32, Mesh, Panel, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, pos2, vec2,
};

use unicode_segmentation::UnicodeSegmentation;

use crate::app::command::Command;
use crate::app::resolve::view::{CutView, MapView, Pointing, View};
use crate::app::state::{Lane, Mode};
use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::colormap::label_colour;
use crate::domain::request::Cut;
use crate::engine::Scene;
use crate::segment::Cutting;

const BAR_WIDTH: f32 = 18.0;
const NUM_TICKS: usize = 5;
/// Height of the points at the ends of a bar beyond which there are values.
const BEYOND: f32 = 8.0;
/// Of a phrase above the colour bar; the rest is in its tip.
const MAX_CHARS: usize = 60;

/// The strip beside the picture or the text: the colour bar, the meanings of colours, or the legend.
pub fn strip_ui(ui: &mut Ui, (lane, view, pointing): (&Lane, &View, Pointing), scene: &Scene, commands: &mut Vec<Command>) {
    let is_painted = view.map.as_ref().is_some_and(|map| map.paint().is_some());
    let width = match lane.question.mode {
        Mode::Heatmap if is_painted => theme::PAINT_STRIP,
        Mode::Heatmap => theme::COLOUR_BAR_STRIP,
        Mode::Segments => theme::LEGEND_STRIP,
    };
    let frame = theme::strip_frame(ui.style());
    Panel::right("strip").frame(frame).exact_size(width).resizable(false).show_separator_line(false).show(ui, |ui| {
        match (lane.question.mode, &view.map, &view.cut) {
            (Mode::Heatmap, Some(map), _) if is_painted => paint_ui(ui, lane, map),
            (Mode::Heatmap, Some(map), _) => {
                let pointed = pointing.patch.map(|p| scene.layout.position_of(p));
                colour_bar_ui(ui, lane, map, pointed.and_then(|p| map.value_at(p)));
            }
            (Mode::Segments, _, Some(cut)) => {
                let label = pointing.patch.and_then(|p| cut.segmentation.patch_labels.get(p));
                segments_ui(ui, lane, cut, label.map(|&l| l.into()), commands);
            }
            _ => ui.take_available_space(),
        }
    });
}

/// The colour bar of a map: limits and unit; a mark for the value under the pointer.
pub fn colour_bar_ui(ui: &mut Ui, lane: &Lane, map: &MapView, pointed: Option<f32>) {
    let colormap = lane.look.colormap_for(map.method.signed);
    let unit = ui.add(egui::Label::new(RichText::new(map.method.unit).small()).wrap());
    if let Some(phrase) = words::phrase(map.method, &map.source.0.request.params) {
        let begins: String = phrase.graphemes(true).take(MAX_CHARS).collect();
        let shown = if begins.len() < phrase.len() { format!("{begins}...") } else { begins };
        ui.add(egui::Label::new(RichText::new(shown).small()).wrap()).on_hover_text(phrase);
    }
    let height = (ui.available_height() - 28.0).clamp(60.0, 420.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height + 20.0), Sense::hover());
    let bar = Rect::from_min_size(rect.min + vec2(2.0, 10.0), vec2(BAR_WIDTH, height));
    let colour = |unit: f32| colour_in(ui, lane, map, colormap.colour(unit));
    ui.painter().add(bar_mesh(bar, colormap.table().iter().map(|&entry| colour_in(ui, lane, map, entry))));
    let ink = ui.visuals().text_color();
    ui.painter().rect_stroke(bar, 0.0, Stroke::new(1.0, theme::palette(ui.visuals()).quiet), StrokeKind::Outside);
    let font = TextStyle::Small.resolve(ui.style());
    let ticks = words::ticks(map.range.low, map.range.high, NUM_TICKS);
    let constant = map.range.constant();
    for (n, tick) in ticks.into_iter().enumerate() {
        let part = n as f32 / (NUM_TICKS - 1) as f32;
        if constant.is_some_and(|value| map.range.unit(value) != part) {
            continue;
        }
        let y = egui::lerp(bar.bottom()..=bar.top(), part);
        ui.painter().hline(bar.right()..=bar.right() + 4.0, y, Stroke::new(1.0, ink));
        ui.painter().text(
            pos2(bar.right() + 7.0, y),
            Align2::LEFT_CENTER,
            constant.map_or(tick, words::value),
            font.clone(),
            ink,
        );
    }
    let beyond = map.beyond();
    beyond_ui(ui, map, &beyond, (bar, &colour));
    if let Some(value) = pointed.filter(|v| v.is_finite()) {
        let y = egui::lerp(bar.bottom()..=bar.top(), map.range.unit(value));
        for (width, colour) in [(4.0, Color32::BLACK), (2.0, Color32::WHITE)] {
            ui.painter().hline(bar.left() - 2.0..=bar.right() + 2.0, y, Stroke::new(width, colour));
        }
    }
    let label = format!(
        "Colour bar, {}: {} from {} to {}{}",
        colormap.name(),
        map.method.unit,
        words::value(map.range.low),
        words::value(map.range.high),
        beyond_words(map, &beyond)
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
    unit.union(response).on_hover_text(label);
}

/// Points at the ends of the bar beyond which there are values, in the colour that they are drawn in.
fn beyond_ui(ui: &Ui, map: &MapView, [below, above]: &[Vec<usize>; 2], (bar, colour): (Rect, &dyn Fn(f32) -> Color32)) {
    let edge = Stroke::new(1.0, theme::palette(ui.visuals()).quiet);
    for (is_there, y, tip, unit) in [
        (!below.is_empty(), bar.bottom(), BEYOND, 0.0),
        (!above.is_empty() && map.range.constant().is_none(), bar.top(), -BEYOND, 1.0),
    ] {
        if is_there {
            let points = vec![pos2(bar.left(), y), pos2(bar.right(), y), pos2(bar.center().x, y + tip)];
            ui.painter().add(egui::Shape::convex_polygon(points, colour(unit), edge));
        }
    }
}

/// Which tokens have values beyond the limits: `; above: [SEP] 1.2, [CLS] 0.9 and 3 more`.
fn beyond_words(map: &MapView, [below, above]: &[Vec<usize>; 2]) -> String {
    const NAMED: usize = 3;
    let layout = &map.source.0.scene.layout;
    let name = |&patch: &usize| {
        let value = map.heatmap.values.get(patch).copied().unwrap_or(f32::NAN);
        format!("{} {}", words::token(layout, layout.position_of(patch)), words::value(value))
    };
    let list = |(side, patches): (&str, &Vec<usize>)| {
        let named: Vec<String> = patches.iter().take(NAMED).map(name).collect();
        let more = patches.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if patches.is_empty() { String::new() } else { format!("; {side}: {}{more}", named.join(", ")) }
    };
    [("below", below), ("above", above)].map(list).concat()
}

/// A colour as the map shows it. Words are coloured on the page alone, so their bar is too; a picture shines through its map
/// differently at every place, and its bar has the colours themselves.
fn colour_in(ui: &Ui, lane: &Lane, map: &MapView, [r, g, b]: [u8; 3]) -> Color32 {
    let is_text = map.source.0.scene.layout.text.is_some();
    let share = if is_text { lane.look.opacity.clamp(0.0, 1.0) } else { 1.0 };
    theme::palette(ui.visuals()).canvas.lerp_to_gamma(Color32::from_rgb(r, g, b), share)
}

fn bar_mesh(bar: Rect, colours: impl ExactSizeIterator<Item = Color32>) -> Mesh {
    let mut mesh = Mesh::default();
    let step = bar.height() / colours.len() as f32;
    for (entry, colour) in colours.enumerate() {
        let bottom = bar.bottom() - entry as f32 * step;
        mesh.add_colored_rect(Rect::from_min_max(pos2(bar.left(), bottom - step), pos2(bar.right(), bottom)), colour);
    }
    mesh
}

/// What the colours of a painted map mean.
pub fn paint_ui(ui: &mut Ui, lane: &Lane, map: &MapView) {
    let Some(paint) = map.paint() else { return };
    ui.label(RichText::new("Colours").strong());
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        for (words, colour) in &paint.legend {
            ui.horizontal_top(|ui| {
                let (swatch, _) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
                let colour = colour.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8);
                let edge = Stroke::new(1.0, theme::palette(ui.visuals()).quiet);
                ui.painter().rect(swatch, 3.0, colour_in(ui, lane, map, colour), edge, StrokeKind::Outside);
                ui.add(egui::Label::new(RichText::new(words).small()).wrap());
            });
        }
    });
}

/// Every segment with its colour and share; a click shows one alone.
pub fn segments_ui(ui: &mut Ui, lane: &Lane, cut: &CutView, pointed: Option<usize>, commands: &mut Vec<Command>) {
    let count = cut.shares.len();
    ui.label(RichText::new(words::segments(cut.num_segments())).strong());
    let is_fixed = cut.segments.cutting == Cutting::Fixed;
    let hint = match cut.num_segments() {
        2.. => "Click one to see it alone".to_owned(),
        _ if !is_fixed && cut.cut == Cut::Clusters(1) => "One segment, as asked".to_owned(),
        _ if cut.segments.cutting == Cutting::Tree => "Cut this high, everything is one segment; cut lower".to_owned(),
        _ => format!("{} found nothing to tell apart: every patch has the same label", cut.segments.method.name),
    };
    ui.add(egui::Label::new(RichText::new(hint).small().color(theme::palette(ui.visuals()).quiet)).wrap());
    let height = 24.0;
    ScrollArea::vertical().auto_shrink([false, false]).show_rows(ui, height, count, |ui, rows| {
        for label in rows {
            entry_ui(ui, lane, cut, (label, pointed == Some(label)), commands);
        }
    });
}

fn entry_ui(ui: &mut Ui, lane: &Lane, cut: &CutView, (label, pointed): (usize, bool), commands: &mut Vec<Command>) {
    let share = words::share(cut.shares.get(label).copied().unwrap_or(0.0));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::click());
    let solo = lane.solo().filter(|&l| l < cut.shares.len());
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
