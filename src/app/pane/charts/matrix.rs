//! Matrices: one colour a cell, words or numbers where there is room, and values under the pointer. Where rows or columns are layers
//! or tokens a click goes there.

use std::collections::HashMap;

use eframe::egui::epaint::TextShape;
use eframe::egui::{
    self, Align2, Color32, ColorImage, FontId, Painter, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};

use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::resolve::view::View;
use crate::app::widgets::colour_strip::paint_strip;
use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::colormap::{Colormap, takes_dark_ink};
use crate::domain::exhibit::Matrix;
use crate::domain::heatmap::Range;
use crate::engine::Scene;

const FONT_SIZE: f32 = 11.0;
/// Longest name of a row, and of a column that stands upright.
const NAMES: f32 = 96.0;
const UPRIGHT: f32 = 64.0;
/// Cells with words in them, and the least of others.
const WORD_WIDTH: f32 = 58.0;
const LEAST_WIDTH: f32 = 5.0;
const WIDEST: f32 = 72.0;
const ROW_HEIGHT: f32 = 18.0;
/// Cells that get a node of their own.
const MAX_NODES: usize = 2048;

/// Where the cells lie.
struct Place {
    cells: Rect,
    rows: usize,
    columns: usize,
}

impl Place {
    fn size(&self) -> egui::Vec2 {
        vec2(self.cells.width() / self.columns.max(1) as f32, self.cells.height() / self.rows.max(1) as f32)
    }

    fn cell(&self, row: usize, column: usize) -> Rect {
        let size = self.size();
        Rect::from_min_size(self.cells.min + vec2(column as f32 * size.x, row as f32 * size.y), size)
    }

    fn at(&self, pos: egui::Pos2) -> Option<(usize, usize)> {
        let inside = self.cells.contains(pos);
        let at = (pos - self.cells.min) / self.size();
        inside.then(|| ((at.y as usize).min(self.rows - 1), (at.x as usize).min(self.columns - 1)))
    }
}

/// Draws a matrix.
pub(super) fn matrix_ui(
    ui: &mut Ui,
    (number, matrix): (usize, &Matrix),
    (view, scene): (&View, &Scene),
    textures: &mut HashMap<usize, TextureHandle>,
    commands: &mut Vec<Command>,
) {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    if rows == 0 || columns == 0 || matrix.values.len() != rows * columns {
        return;
    }
    let (colormap, range) = (colormap(matrix), range(matrix));
    let make = || ui.ctx().load_texture("matrix", picture(matrix, colormap, range), TextureOptions::NEAREST);
    let texture = textures.entry(number).or_insert_with(make).id();
    ScrollArea::horizontal().id_salt(("matrix", number)).auto_shrink([false, true]).show(ui, |ui| {
        let (place, response) = allocate(ui, matrix);
        let painter = ui.painter();
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture, place.cells, whole, Color32::WHITE);
        paint_names(ui, painter, matrix, &place);
        paint_contents(ui, painter, matrix, &place, |value| colormap.colour(range.unit(value)));
        if let Some((row, column)) = matrix.mark.filter(|&(row, column)| row < rows && column < columns) {
            for (width, colour) in theme::OUTLINE {
                painter.rect_stroke(place.cell(row, column), 0.0, Stroke::new(width, colour), StrokeKind::Middle);
            }
        }
        let go = |row, column| go_to(matrix, (row, column), (view, scene));
        describe(ui, &response, matrix, &place, |row, column| commands.extend(go(row, column)));
        let pointed = response.hover_pos().and_then(|pos| place.at(pos));
        if let Some((row, column)) = pointed {
            let outline = Stroke::new(1.0, ui.visuals().text_color());
            ui.painter().rect_stroke(place.cell(row, column), 0.0, outline, StrokeKind::Outside);
            let goes = go(row, column);
            if !goes.is_empty() {
                ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
            }
            if response.clicked() {
                commands.extend(goes);
            }
            response.on_hover_text_at_pointer(cell_words(matrix, row, column));
        }
    });
    scale_ui(ui, matrix, colormap, range);
}

fn allocate(ui: &mut Ui, matrix: &Matrix) -> (Place, Response) {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    let text_width = |text: &String| galley(ui.painter(), text).size().x;
    let names = matrix.rows.iter().map(text_width).fold(0.0, f32::max).min(NAMES) + 6.0;
    let least = if matrix.words.is_empty() { LEAST_WIDTH } else { WORD_WIDTH };
    let width = ((ui.available_width() - names) / columns as f32).min(WIDEST).max(least) * columns as f32;
    let height = ROW_HEIGHT * rows as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(names + width, height + below(ui, matrix, width)), Sense::click());
    let cells = Rect::from_min_size(rect.min + vec2(names, 0.0), vec2(width, height));
    (Place { cells, rows, columns }, response)
}

fn galley(painter: &Painter, text: &str) -> std::sync::Arc<egui::Galley> {
    painter.layout_no_wrap(text.to_owned(), FontId::proportional(FONT_SIZE), Color32::PLACEHOLDER)
}

fn is_upright(ui: &Ui, matrix: &Matrix, width: f32) -> bool {
    let widest = matrix.columns.iter().map(|name| galley(ui.painter(), name).size().x).fold(0.0, f32::max);
    widest + 4.0 > width / matrix.columns.len() as f32
}

/// Height of the names of columns.
fn below(ui: &Ui, matrix: &Matrix, width: f32) -> f32 {
    if !is_upright(ui, matrix, width) {
        return FONT_SIZE + 6.0;
    }
    matrix.columns.iter().map(|name| galley(ui.painter(), name).size().x).fold(0.0, f32::max).min(UPRIGHT) + 6.0
}

fn paint_names(ui: &Ui, painter: &Painter, matrix: &Matrix, place: &Place) {
    let (ink, size) = (ui.visuals().text_color(), place.size());
    let clip = painter.clip_rect();
    for (row, name) in matrix.rows.iter().enumerate() {
        let at = pos2(place.cells.left() - 4.0, place.cell(row, 0).center().y);
        let left = painter.with_clip_rect(clip.with_min_x(clip.left().max(place.cells.left() - NAMES - 4.0)));
        left.text(at, Align2::RIGHT_CENTER, name, FontId::proportional(FONT_SIZE), ink);
    }
    let is_upright = is_upright(ui, matrix, place.cells.width());
    // Names that would touch are left out.
    let step = if is_upright { ((FONT_SIZE + 1.0) / size.x).ceil().max(1.0) as usize } else { 1 };
    for (column, name) in matrix.columns.iter().enumerate().step_by(step) {
        let middle = place.cell(0, column).center().x;
        if !clip.expand(WORD_WIDTH).x_range().contains(middle) {
            continue;
        }
        let below = place.cells.bottom() + 3.0;
        if !is_upright {
            painter.text(pos2(middle, below), Align2::CENTER_TOP, name, FontId::proportional(FONT_SIZE), ink);
            continue;
        }
        let galley = galley(painter, name);
        // Turned to read from bottom to top, its end at the cells.
        let at = pos2(middle - galley.size().y / 2.0, below + galley.size().x);
        let shape = TextShape::new(at, galley, ink).with_angle(-std::f32::consts::FRAC_PI_2);
        let bottom = painter.with_clip_rect(clip.with_max_y(clip.bottom().min(place.cells.bottom() + UPRIGHT + 6.0)));
        bottom.add(shape.with_override_text_color(ink));
    }
}

/// Words, or numbers where these fit, of the cells in sight.
fn paint_contents(ui: &Ui, painter: &Painter, matrix: &Matrix, place: &Place, colour: impl Fn(f32) -> [u8; 3]) {
    if matrix.words.is_empty() && place.size().x < 40.0 {
        return;
    }
    let seen = painter.clip_rect();
    for (index, &value) in matrix.values.iter().enumerate() {
        let cell = place.cell(index / place.columns, index % place.columns);
        if !seen.intersects(cell) {
            continue;
        }
        let number = || if value.is_nan() { String::new() } else { words::value(value) };
        let text = matrix.words.get(index).cloned().unwrap_or_else(number);
        let ink = match value.is_nan() {
            true => ui.visuals().text_color(),
            false if takes_dark_ink(colour(value)) => Color32::BLACK,
            false => Color32::WHITE,
        };
        let within = painter.with_clip_rect(seen.intersect(cell.shrink2(vec2(1.0, 0.0))));
        within.text(cell.center(), Align2::CENTER_CENTER, text, FontId::proportional(FONT_SIZE), ink);
    }
}

fn colormap(matrix: &Matrix) -> Colormap {
    if matrix.signed { Colormap::Coolwarm } else { Colormap::Viridis }
}

/// The limits of the colours.
fn range(matrix: &Matrix) -> Range {
    let finite = || matrix.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let bound = low.abs().max(high.abs());
    let (low, high) = if matrix.signed { (-bound, bound) } else { (low, high) };
    if high > low { Range { low, high } } else { Range { low: low.min(0.0), high: high.max(0.0) + 1e-6 } }
}

fn picture(matrix: &Matrix, colormap: Colormap, range: Range) -> ColorImage {
    let colour = |&value: &f32| {
        let [r, g, b] = colormap.colour(range.unit(value));
        if value.is_nan() { Color32::TRANSPARENT } else { Color32::from_rgb(r, g, b) }
    };
    ColorImage::new([matrix.columns.len(), matrix.rows.len()], matrix.values.iter().map(colour).collect())
}

/// The colours between their limits, and what the numbers are.
fn scale_ui(ui: &mut Ui, matrix: &Matrix, colormap: Colormap, range: Range) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(RichText::new(words::value(range.low)).small());
        let (rect, _) = ui.allocate_exact_size(vec2(80.0, 10.0), Sense::hover());
        paint_strip(ui, colormap, rect);
        ui.label(RichText::new(words::value(range.high)).small());
        ui.add(egui::Label::new(RichText::new(&matrix.unit).small()).truncate());
    });
}

/// `layer 3, token cat: 0.5123 probability`.
fn cell_words(matrix: &Matrix, row: usize, column: usize) -> String {
    let index = row * matrix.columns.len() + column;
    let value = matrix.values.get(index).map_or_else(String::new, |v| words::value(*v));
    let word = matrix.words.get(index).map_or_else(String::new, |word| format!("{word}, "));
    let name = |label: &str, name: &str| format!("{label} {name}").trim().to_owned();
    let (row, column) = (name(&matrix.row_label, &matrix.rows[row]), name(&matrix.column_label, &matrix.columns[column]));
    format!("{row}, {column}: {word}{value} {}", matrix.unit).trim_end().to_owned()
}

/// The layer and the token of a cell, as far as rows and columns are such.
fn go_to(matrix: &Matrix, (row, column): (usize, usize), (view, scene): (&View, &Scene)) -> Vec<Command> {
    let sides = [(&matrix.row_label, &matrix.rows, row), (&matrix.column_label, &matrix.columns, column)];
    let mut commands = Vec::new();
    for (label, names, index) in sides {
        let label = label.to_lowercase();
        let number = names[index].trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().ok();
        if let Some(layer) = number.filter(|&layer| label.starts_with("layer") && layer <= scene.model.num_layers) {
            commands.push(Command::SetLayer(layer));
        }
        let are_tokens = (label.starts_with("token") || label.starts_with("position")) && names.len() == scene.layout.len();
        let is_shown = view.beside.as_ref().and_then(|beside| beside.target).is_some_and(|(position, _)| position == index);
        if are_tokens && !is_shown {
            commands.push(Command::Pin(token_at(&scene.layout, index)));
        }
    }
    commands
}

/// Names for those who do not see it, and for tests.
fn describe(ui: &Ui, response: &Response, matrix: &Matrix, place: &Place, mut click: impl FnMut(usize, usize)) {
    let label = format!("Matrix {}, {} by {}", matrix.title, place.rows, place.columns);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Canvas, true, &label));
    if ui.ctx().accesskit_node_builder(response.id, |_| ()).is_none() {
        return;
    }
    for index in 0..(place.rows * place.columns).min(MAX_NODES) {
        let (row, column) = (index / place.columns, index % place.columns);
        let id = response.id.with(index);
        let cell = ui.interact(place.cell(row, column), id, Sense::hover());
        let label = cell_words(matrix, row, column);
        cell.widget_info(|| WidgetInfo::labeled(egui::Role::Cell, true, &label));
        ui.ctx().accesskit_node_builder(id, |node| node.add_action(egui::accesskit::Action::Click));
        if ui.input(|i| i.has_accesskit_action_request(id, egui::accesskit::Action::Click)) {
            click(row, column);
        }
    }
}
