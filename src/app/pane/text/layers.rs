//! The matrix of tokens by layers below a text: one row for each layer, the last on top, one column for each token. One texture,
//! made anew only when a value or a colour changes; a frame draws one rectangle and what is marked on it.

use eframe::egui::epaint::TextShape;
use eframe::egui::{
    self, Align2, Button, Color32, FontId, Painter, Panel, Pos2, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Tooltip, Ui, pos2, vec2,
};

use unicode_segmentation::UnicodeSegmentation;

use super::layer_words::{image, legend, words_of_cell, words_of_row};
use super::page::Page;
use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::resolve::matrix::Matrix;
use crate::app::state::MatrixLook;
use crate::app::widgets::rows::segmented_ui;
use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::letters::characters::is_mark;

/// Left of the matrix, for the numbers of layers.
const NUMBERS: f32 = 30.0;
/// Columns from this width on are named.
const NAMED: f32 = 12.0;
/// Height of the names.
const NAMES: f32 = 52.0;
/// Height of the ticks in their place.
const TICKS: f32 = 18.0;
const FONT_SIZE: f32 = 11.0;
/// The highest row, and the part of the page that all rows may take.
const ROW_HEIGHT: f32 = 20.0;
const PART: f32 = 0.45;
/// Between numbers of layers, and between ticks.
const NUMBER_PITCH: f32 = 11.0;
const TICK_PITCH: f32 = 42.0;

/// What is kept from frame to frame.
#[derive(Debug, Default)]
pub struct Layers {
    texture: Option<Texture>,
    placed: Option<Placed>,
}

struct Texture {
    /// Edition of the matrix, and columns.
    of: (u64, usize),
    handle: TextureHandle,
}

impl std::fmt::Debug for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texture").field("of", &self.of).finish_non_exhaustive()
    }
}

/// Where the matrix lies.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Placed {
    rect: Rect,
    num_rows: usize,
    num_tokens: usize,
}

impl Placed {
    fn row_height(&self) -> f32 {
        self.rect.height() / self.num_rows.max(1) as f32
    }

    fn column_width(&self) -> f32 {
        self.rect.width() / self.num_tokens.max(1) as f32
    }

    /// The row of a layer, the last layer on top.
    fn row(&self, layer: usize) -> Rect {
        let top = self.rect.top() + (self.num_rows - 1 - layer.min(self.num_rows - 1)) as f32 * self.row_height();
        Rect::from_min_size(pos2(self.rect.left(), top), vec2(self.rect.width(), self.row_height()))
    }

    fn columns(&self, from: usize, to: usize) -> Rect {
        let x = |position: usize| self.rect.left() + position as f32 * self.column_width();
        self.rect.with_min_x(x(from)).with_max_x(x(to))
    }

    fn cell_at(&self, pos: Pos2) -> Option<(usize, usize)> {
        if !self.rect.contains(pos) || self.num_rows == 0 || self.num_tokens == 0 {
            return None;
        }
        let from_top = ((pos.y - self.rect.top()) / self.row_height()) as usize;
        let position = ((pos.x - self.rect.left()) / self.column_width()) as usize;
        Some((self.num_rows - 1 - from_top.min(self.num_rows - 1), position.min(self.num_tokens - 1)))
    }
}

impl Layers {
    /// Layer and token under a point of the screen.
    pub fn cell_at(&self, pos: Pos2) -> Option<(usize, usize)> {
        self.placed?.cell_at(pos)
    }

    /// Draws the panel, where it is wanted.
    pub fn panel_ui(&mut self, ui: &mut Ui, page: Page<'_>, commands: &mut Vec<Command>) {
        let Some(matrix) = page.view.matrix.as_ref() else {
            *self = Self::default();
            return;
        };
        let most = ui.available_height() * PART;
        let frame = theme::panel_frame(ui.style());
        Panel::bottom("layers").frame(frame).resizable(false).show(ui, |ui| {
            head_ui(ui, page, matrix, commands);
            let (num_rows, num_tokens) = (matrix.rows.len(), page.scene.layout.len());
            let column = (ui.available_width() - NUMBERS) / num_tokens.max(1) as f32;
            let below = if column >= NAMED { NAMES } else { TICKS };
            let row_height = (most / num_rows.max(1) as f32).clamp(3.0, ROW_HEIGHT).floor();
            let size = vec2(ui.available_width(), row_height * num_rows as f32 + below);
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            let rect = Rect::from_min_max(rect.min + vec2(NUMBERS, 0.0), rect.max - vec2(0.0, below)).round();
            let placed = Placed { rect, num_rows, num_tokens };
            if self.placed.replace(placed) != Some(placed) {
                // The pointer was read with the matrix elsewhere.
                ui.ctx().request_repaint();
            }
            self.paint(ui, page, matrix, placed);
            interact(ui, page, matrix, (placed, &response), commands);
        });
    }

    fn paint(&mut self, ui: &Ui, page: Page<'_>, matrix: &Matrix, placed: Placed) {
        let painter = ui.painter();
        let palette = theme::palette(ui.visuals());
        painter.rect_filled(placed.rect, 0.0, palette.canvas);
        let columns = placed.num_tokens.min(((placed.rect.width() * ui.ctx().pixels_per_point()) as usize).max(1));
        let of = (matrix.edition, columns);
        if self.texture.as_ref().is_none_or(|t| t.of != of) {
            let image = image(page, matrix, columns);
            match &mut self.texture {
                Some(texture) => {
                    texture.handle.set(image, TextureOptions::NEAREST);
                    texture.of = of;
                }
                None => {
                    self.texture = Some(Texture { of, handle: ui.ctx().load_texture("layers", image, TextureOptions::NEAREST) });
                }
            }
        }
        if let Some(texture) = &self.texture {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            // As strong as the grounds of the words above and as the colour bar beside them.
            let tint = Color32::WHITE.gamma_multiply(page.lane.look.opacity.clamp(0.0, 1.0));
            painter.image(texture.handle.id(), placed.rect, whole, tint);
        }
        paint_marks(painter, page, matrix, placed);
        paint_numbers(painter, page, placed, palette.quiet, ui.visuals().text_color());
        if placed.column_width() >= NAMED {
            paint_names(painter, page, matrix, placed, (palette.quiet, ui.visuals().text_color()));
        } else {
            paint_ticks(painter, placed, palette.quiet);
        }
    }
}

/// What is shown and which colours mean what, and two switches.
fn head_ui(ui: &mut Ui, page: Page<'_>, matrix: &Matrix, commands: &mut Vec<Command>) {
    let quiet = theme::palette(ui.visuals()).quiet;
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let look = page.lane.look.matrix;
            if ui.add(Button::new("Hide").small()).on_hover_text("Hide the layers (M)").clicked() {
                commands.push(Command::ToggleMatrix);
            }
            let mut shared = look.shared;
            if segmented_ui(ui, &mut shared, &[(true, "one for all".to_owned()), (false, "a row".to_owned())]) {
                commands.push(Command::SetMatrix(MatrixLook { shared, ..look }));
            }
            ui.label(RichText::new("Range").small().color(quiet))
                .on_hover_text("Which values the first and the last colour stand for");
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let target = words::target(&page.scene.layout, matrix.target);
                ui.label(RichText::new(format!("{target} at every layer")).strong());
                let legend = legend(matrix, look);
                ui.add(egui::Label::new(RichText::new(&legend).small().color(quiet)).truncate()).on_hover_text(legend);
            });
        });
    });
}

/// The layer of the text, the target, what is pointed at, and rows without values.
fn paint_marks(painter: &Painter, page: Page<'_>, matrix: &Matrix, placed: Placed) {
    let (rect, quiet) = (placed.rect, Color32::from_gray(128));
    for (layer, _) in matrix.rows.iter().enumerate().filter(|(_, row)| row.values().is_none()) {
        let row = placed.row(layer);
        painter.extend(egui::Shape::dashed_line(&[row.left_center(), row.right_center()], Stroke::new(1.0, quiet), 2.0, 4.0));
    }
    let outline = |rect: Rect| {
        for (width, colour) in theme::OUTLINE {
            painter.rect_stroke(rect, 0.0, Stroke::new(width, colour), StrokeKind::Middle);
        }
    };
    let (position, span) = matrix.target;
    let (from, to) = span.map_or((position, position + 1), |span| (span.from, span.to));
    let target = placed.columns(from, to);
    painter.hline(
        target.x_range(),
        rect.bottom() + 2.0,
        Stroke::new(3.0, painter.ctx().global_style().visuals.selection.bg_fill),
    );
    outline(placed.row(page.lane.question.layer_of(page.scene.model.num_layers)));
    if let Some(pointed) = page.pointing.patch {
        let column = placed.columns(pointed, pointed + 1);
        outline(page.pointing.layer.map_or(column, |layer| column.intersect(placed.row(layer))).expand(0.5));
    }
}

fn paint_numbers(painter: &Painter, page: Page<'_>, placed: Placed, quiet: Color32, ink: Color32) {
    let step = (NUMBER_PITCH / placed.row_height()).ceil().max(1.0) as usize;
    let now = page.lane.question.layer_of(page.scene.model.num_layers);
    let is_named = |layer: usize| layer == now || (layer.is_multiple_of(step) && layer.abs_diff(now) >= step);
    for layer in (0..placed.num_rows).filter(|&layer| is_named(layer)) {
        let at = placed.row(layer).left_center() - vec2(7.0, 0.0);
        let colour = if layer == now { ink } else { quiet };
        painter.text(at, Align2::RIGHT_CENTER, layer.to_string(), FontId::proportional(FONT_SIZE), colour);
    }
}

/// The tokens, from bottom to top.
fn paint_names(painter: &Painter, page: Page<'_>, matrix: &Matrix, placed: Placed, (quiet, ink): (Color32, Color32)) {
    for position in 0..placed.num_tokens {
        let shown = page.text.shown(position).trim();
        let name: String = match shown {
            "" => page.text.pieces[position].piece.clone(),
            // A mark alone is drawn on a dotted circle, or not at all.
            mark if mark.starts_with(is_mark) => format!("\u{25cc}{mark}"),
            letters => letters.to_owned(),
        };
        let short: String =
            if name.graphemes(true).count() > 7 { name.graphemes(true).take(6).chain(["…"]).collect() } else { name };
        let is_strong = matrix.is_target(position) || page.pointing.patch == Some(position);
        let colour = if is_strong { ink } else { quiet };
        let galley = painter.layout_no_wrap(short, FontId::proportional(FONT_SIZE), colour);
        let at = placed.columns(position, position + 1).center_bottom() + vec2(0.0, 6.0);
        let shape = TextShape::new(at - vec2(galley.size().x, galley.size().y / 2.0), galley, colour);
        painter.add(shape.with_angle_and_anchor(-std::f32::consts::FRAC_PI_2, Align2::RIGHT_CENTER));
    }
}

/// Positions, at a round distance.
fn paint_ticks(painter: &Painter, placed: Placed, quiet: Color32) {
    let least = TICK_PITCH / placed.column_width();
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|n| n * 10_usize.pow(power)));
    let step = steps.take(24).find(|&step| step as f32 >= least).unwrap_or(usize::MAX);
    for position in (0..placed.num_tokens).step_by(step) {
        let at = placed.columns(position, position + 1).center_bottom();
        painter.vline(at.x, at.y + 1.0..=at.y + 4.0, Stroke::new(1.0, quiet));
        painter.text(at + vec2(0.0, 5.0), Align2::CENTER_TOP, position.to_string(), FontId::proportional(FONT_SIZE), quiet);
    }
}

/// A click goes to the layer and keeps the target, a double click makes the token the target; a node for every row.
fn interact(ui: &Ui, page: Page<'_>, matrix: &Matrix, (placed, response): (Placed, &Response), commands: &mut Vec<Command>) {
    let top = page.scene.model.num_layers;
    let cell = response.hover_pos().and_then(|pos| placed.cell_at(pos));
    if let Some((layer, position)) = cell {
        ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        let id = response.id.with("cell");
        Tooltip::always_open(ui.ctx().clone(), response.layer_id, id, egui::PopupAnchor::Pointer).gap(14.0).show(|ui| {
            ui.label(words_of_cell(page, matrix, (layer, position)));
        });
        if response.double_clicked() {
            commands.push(Command::Pin(token_at(&page.scene.layout, position)));
        } else if response.clicked() {
            commands.push(Command::SetLayer(layer));
            if page.lane.pinned().is_none() && page.lane.span().is_none() {
                commands.push(Command::Pin(token_at(&page.scene.layout, matrix.target.0)));
            }
        }
    }
    let target = words::target(&page.scene.layout, matrix.target);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Table, true, format!("Layers, {target}, {} rows", matrix.rows.len()))
    });
    if ui.ctx().accesskit_node_builder(response.id, |_| ()).is_none() {
        return;
    }
    let now = page.lane.question.layer_of(top);
    for (layer, row) in matrix.rows.iter().enumerate().rev() {
        let id = response.id.with(layer);
        let node = ui.interact(placed.row(layer), id, Sense::hover());
        node.widget_info(|| egui::WidgetInfo::selected(egui::Role::Row, true, layer == now, format!("Layer {layer} of {top}")));
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_value(words_of_row(page, row));
            node.add_action(egui::accesskit::Action::Click);
        });
        if ui.input(|i| i.has_accesskit_action_request(id, egui::accesskit::Action::Click)) {
            commands.push(Command::SetLayer(layer));
        }
    }
}
