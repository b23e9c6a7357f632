//! The picture with what covers it: pointer, zoom and pan, outlines, and a node for every patch in the accessibility tree. The
//! only file that speaks to the renderer.

use eframe::egui::{
    self, Align2, CursorIcon, Key, Painter, PointerButton, Pos2, Response, Sense, Stroke, StrokeKind, TextStyle, Ui, vec2,
};

use super::camera::{Camera, Frame};
use super::command::Command;
use super::session::{Mode, Session};
use super::view::{MapView, Pointing, View};
use super::wanted::token_at;
use super::{scalar, theme, words};
use crate::domain::request::Input;
use crate::domain::token::TokenRef;
use crate::engine::{Photo, Scene};
use crate::method::Reach;
use crate::render::{self, MapStyle, Overlay, PaintStyle, Painting, SegmentStyle};

/// Patches that get a node of their own at a time; of finer grids those in sight after zooming in.
const MAX_NODES: usize = 2048;

/// What the canvas needs of a frame.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// What the user chose.
    pub session: &'a Session,
    /// What is on the screen.
    pub view: &'a View,
    /// Where the pointer is.
    pub pointing: Pointing,
    /// Zoom and pan.
    pub camera: &'a mut Camera,
}

/// Draws the picture; returns where it lies, for the next frame's pointer.
pub fn canvas_ui(ui: &mut Ui, mut canvas: Canvas<'_>, (scene, photo): (&Scene, &Photo), commands: &mut Vec<Command>) -> Frame {
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    let frame = Frame::new(rect, *canvas.camera, photo, scene.layout.grid);
    move_camera(ui, &response, &mut canvas, &frame);
    let frame = Frame::new(rect, *canvas.camera, photo, scene.layout.grid);
    paint_picture(ui, &canvas, photo, &frame);
    let painter = ui.painter_at(rect);
    if canvas.session.look.grid {
        paint_grid(&painter, &frame, scene, theme::palette(ui.visuals()).grid);
    }
    paint_outlines(&painter, &canvas, scene, &frame);
    paint_boxes(&painter, &canvas, photo, &frame);
    if let Some(obstacle) = &canvas.view.obstacle {
        paint_note(ui, &painter, frame.canvas, obstacle);
    }
    let clicked = response.clicked().then(|| response.interact_pointer_pos()).flatten();
    if let Some(patch) = clicked.and_then(|pos| frame.patch_from_pos(pos)) {
        commands.push(click(&canvas, scene, patch));
    }
    let pointed = || canvas.pointing.patch.map(|patch| token_at(&scene.layout, scene.layout.position_of(patch)));
    token_menu_ui(&response, "patch", pointed, commands);
    describe(ui, &response, &canvas, scene, &frame, commands);
    if canvas.pointing.patch.is_some() && response.hovered() && !response.dragged() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    frame
}

/// A click pins the patch's token, or solos its segment.
fn click(canvas: &Canvas<'_>, scene: &Scene, patch: usize) -> Command {
    let label = canvas.view.cut.as_ref().and_then(|c| c.segmentation.patch_labels.get(patch));
    match (canvas.session.mode, label) {
        (Mode::Segments, Some(&label)) => Command::Solo(label.into()),
        _ => Command::Pin(token_at(&scene.layout, scene.layout.position_of(patch))),
    }
}

fn move_camera(ui: &Ui, response: &Response, canvas: &mut Canvas<'_>, frame: &Frame) {
    let camera = &mut *canvas.camera;
    let (zoom, scroll, space) = ui.input(|i| (i.zoom_delta(), i.smooth_scroll_delta(), i.key_down(Key::Space)));
    if response.contains_pointer() {
        let at = ui.input(|i| i.pointer.hover_pos()).unwrap_or(frame.canvas.center());
        if (zoom - 1.0).abs() > f32::EPSILON {
            camera.zoom_at(zoom, at, frame);
        } else if scroll != egui::Vec2::ZERO && camera.zoom > 1.0 {
            camera.pan(scroll, frame);
        }
    }
    let pans = response.dragged_by(PointerButton::Middle)
        || (response.dragged_by(PointerButton::Primary) && (space || camera.zoom > 1.0));
    if pans {
        camera.pan(response.drag_delta(), frame);
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
    }
}

fn paint_picture(ui: &Ui, canvas: &Canvas<'_>, photo: &Photo, frame: &Frame) {
    let fade = canvas.view.fade(ui.input(|i| i.time));
    let painting = Painting {
        shown: frame.shown(),
        overlay: canvas.session.look.overlay.then(|| overlay(canvas, fade)).flatten(),
        line_px: if ui.ctx().pixels_per_point() >= 1.5 { 2 } else { 1 },
        levels: photo.levels.get().cloned(),
        ..Painting::new(photo.picture.clone(), photo.seen)
    };
    let painter = ui.painter_at(frame.canvas);
    painter.rect_filled(frame.canvas, 0.0, theme::palette(ui.visuals()).canvas);
    painter.add(render::callback(frame.canvas, ui.scope_id().value(), painting));
}

fn overlay(canvas: &Canvas<'_>, fade: f32) -> Option<Overlay> {
    let (session, opacity) = (canvas.session, canvas.session.look.opacity * fade);
    match session.mode {
        Mode::Heatmap => canvas.view.map.as_ref().map(|map| {
            if map.paint().is_some() {
                let style = PaintStyle { opacity, interpolation: session.look.interpolation };
                return Overlay::Paint { shown: map.source.0.shown.clone(), grid: map.heatmap.grid, style };
            }
            let colormap = session.colormap(map.method.signed);
            let style = MapStyle { colormap, range: map.range, opacity, interpolation: session.look.interpolation };
            Overlay::Heatmap { heatmap: map.heatmap.clone(), style }
        }),
        Mode::Segments => canvas.view.cut.as_ref().map(|cut| {
            let solo = session.solo.filter(|&l| l < cut.shares.len()).and_then(|l| u16::try_from(l).ok());
            let style = SegmentStyle { opacity, outlines: session.outlines, solo };
            Overlay::Segments { segmentation: cut.segmentation.clone(), style }
        }),
    }
}

fn paint_grid(painter: &Painter, frame: &Frame, scene: &Scene, colour: egui::Color32) {
    let (seen, grid) = (frame.seen_rect(), scene.layout.grid);
    let line = Stroke::new(1.0, colour);
    for col in 0..=grid.cols {
        painter.vline(egui::lerp(seen.x_range(), col as f32 / grid.cols.max(1) as f32), seen.y_range(), line);
    }
    for row in 0..=grid.rows {
        painter.hline(seen.x_range(), egui::lerp(seen.y_range(), row as f32 / grid.rows.max(1) as f32), line);
    }
}

fn paint_outlines(painter: &Painter, canvas: &Canvas<'_>, scene: &Scene, frame: &Frame) {
    let outline = |patch: usize, lines: [(f32, egui::Color32); 2]| {
        for (width, colour) in lines {
            painter.rect_stroke(frame.patch_rect(patch), 1.0, Stroke::new(width, colour), StrokeKind::Middle);
        }
    };
    if canvas.session.mode == Mode::Heatmap {
        let is_of_token = |map: &&MapView| map.method.reach != Reach::Whole;
        let shown =
            canvas.view.map.as_ref().filter(is_of_token).filter(|_| canvas.session.pinned.is_none() || canvas.pointing.peek);
        if let Some(patch) = shown.and_then(|m| scene.layout.patch_of(m.position)) {
            outline(patch, theme::OUTLINE);
        }
        let pinned = canvas.session.pinned.as_ref().and_then(|t| scene.layout.resolve(t).ok());
        if let Some(patch) = pinned.and_then(|p| scene.layout.patch_of(p)) {
            outline(patch, theme::PIN_OUTLINE);
        }
    }
    if let Some(patch) = canvas.pointing.patch {
        outline(patch, theme::OUTLINE);
    }
}

/// Around what a segmenter found.
fn paint_boxes(painter: &Painter, canvas: &Canvas<'_>, photo: &Photo, frame: &Frame) {
    let cut = canvas.view.cut.as_ref().filter(|_| canvas.session.mode == Mode::Segments && canvas.session.look.overlay);
    let (seen, (height, width)) = (frame.seen_rect(), photo.input_size);
    for found in cut.iter().flat_map(|cut| cut.segments.partition.boxes()) {
        let at = |x: f64, y: f64| seen.lerp_inside(vec2((x / width.max(1) as f64) as f32, (y / height.max(1) as f64) as f32));
        let rect = egui::Rect::from_min_max(at(found.x, found.y), at(found.x + found.width, found.y + found.height));
        for (line, colour) in theme::PIN_OUTLINE {
            painter.rect_stroke(rect, 2.0, Stroke::new(line, colour), StrokeKind::Middle);
        }
    }
}

/// What can be done with a token beside keeping its map: the menu of a right click.
pub fn token_menu_ui(response: &Response, name: &str, token: impl FnOnce() -> Option<TokenRef>, commands: &mut Vec<Command>) {
    let kept = response.id.with("menu");
    if response.secondary_clicked() {
        let token = token();
        response.ctx.data_mut(|d| d.insert_temp(kept, token));
    }
    let Some(token) = response.ctx.data(|d| d.get_temp::<Option<TokenRef>>(kept)).flatten() else { return };
    response.context_menu(|ui| {
        if ui.button(format!("Keep the map of this {name}")).clicked() {
            commands.push(Command::Pin(token.clone()));
        }
        let along = ui.add_enabled(scalar::along(&token).is_some(), egui::Button::new(format!("Explain along this {name}")));
        if along.on_hover_text("ULTra follows every token's gradient towards the direction of this one").clicked() {
            commands.push(Command::Along(token.clone()));
        }
    });
}

/// A note at the lower edge of what is shown.
pub fn paint_note(ui: &Ui, painter: &Painter, canvas: egui::Rect, text: &str) {
    let font = TextStyle::Body.resolve(ui.style());
    let galley = painter.layout(text.to_owned(), font, ui.visuals().text_color(), canvas.width() - 80.0);
    let at = Align2::CENTER_BOTTOM.anchor_size(canvas.center_bottom() - vec2(0.0, 24.0), galley.size());
    painter.rect_filled(at.expand2(vec2(14.0, 9.0)), 6.0, ui.visuals().panel_fill);
    painter.galley(at.min, galley, ui.visuals().text_color());
}

/// Names for those who do not see the picture, and for tests: the canvas, and every patch with its value and rank.
fn describe(ui: &Ui, response: &Response, canvas: &Canvas<'_>, scene: &Scene, frame: &Frame, commands: &mut Vec<Command>) {
    response.widget_info(|| {
        let label = format!(
            "Picture {}, {} by {} patches",
            canvas.session.input.as_ref().map_or_else(String::new, Input::name),
            scene.layout.grid.rows,
            scene.layout.grid.cols
        );
        egui::WidgetInfo::labeled(egui::Role::Canvas, true, label)
    });
    let heard = ui.ctx().accesskit_node_builder(response.id, |node| {
        if let Some(map) = &canvas.view.map {
            node.set_value(words::map(map, scene));
        }
    });
    if heard.is_none() {
        return;
    }
    let values = PatchValues::new(canvas.session, canvas.view);
    let visible = (0..scene.layout.grid.len()).map(|p| (p, frame.patch_rect(p).intersect(frame.canvas)));
    for (patch, rect) in visible.filter(|(_, rect)| rect.is_positive()).take(MAX_NODES) {
        let id = response.id.with(patch);
        let cell = ui.interact(rect, id, Sense::hover());
        let label = patch_label(scene, patch);
        cell.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Cell, true, &label));
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_value(values.describe(patch));
            node.add_action(egui::accesskit::Action::Click);
        });
        if ui.input(|i| i.has_accesskit_action_request(id, egui::accesskit::Action::Click)) {
            commands.push(click(canvas, scene, patch));
        }
    }
}

/// `patch row 3 column 4`.
pub fn patch_label(scene: &Scene, patch: usize) -> String {
    let (row, col) = scene.layout.grid.row_col(patch);
    format!("patch row {row} column {col}")
}

/// What is known of each patch, in words.
pub struct PatchValues<'a> {
    mode: Mode,
    view: &'a View,
    /// Of the map, ascending: ranks of thousands of patches at once.
    sorted: Vec<f32>,
}

impl<'a> PatchValues<'a> {
    /// Of what is on the screen.
    pub fn new(session: &Session, view: &'a View) -> Self {
        let map = view.map.as_ref().filter(|_| session.mode == Mode::Heatmap);
        Self { mode: session.mode, view, sorted: map.map_or_else(Vec::new, MapView::ranked_values) }
    }

    /// Its value and rank, or its segment.
    pub fn describe(&self, patch: usize) -> String {
        match (self.mode, &self.view.map, &self.view.cut) {
            (Mode::Heatmap, Some(map), _) => {
                let value = map.heatmap.values.get(patch).copied().unwrap_or(f32::NAN);
                if map.own_entry() == Some(patch) {
                    return format!("value {}, {}", words::value(value), map.own_words());
                }
                format!("value {}, rank {}", words::value(value), rank(&self.sorted, value))
            }
            (Mode::Segments, _, Some(cut)) => {
                cut.segmentation.patch_labels.get(patch).map_or_else(String::new, |label| format!("segment {label}"))
            }
            _ => String::new(),
        }
    }
}

/// 1 for what no value of an ascending list exceeds; equal values share the better rank.
pub fn rank(sorted: &[f32], value: f32) -> usize {
    1 + sorted.len() - sorted.partition_point(|&v| v <= value)
}

/// Where the pointer is; `None` when something else is in front or is being dragged.
pub fn pointer_on_ground(ctx: &egui::Context) -> Option<Pos2> {
    let pos: Pos2 = ctx.pointer_hover_pos()?;
    let in_front = ctx.layer_id_at(pos).is_none_or(|layer| layer.order == egui::Order::Background);
    let busy = ctx.dragged_id().is_some() && ctx.input(|i| i.pointer.is_decidedly_dragging());
    (in_front && !busy).then_some(pos)
}
