//! The picture with what covers it: pointer, zoom and pan, outlines, and a node for every patch in the accessibility tree. The
//! only file that speaks to the renderer.

use eframe::egui::{self, CursorIcon, Key, Painter, PointerButton, Response, Sense, Stroke, StrokeKind, Ui, vec2};

use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::resolve::view::{MapView, Pointing, View};
use crate::app::state::{Lane, Mode};
use crate::app::widgets::camera::{Camera, Frame};
use crate::app::widgets::note::paint_note;
use crate::app::widgets::theme;
use crate::app::widgets::token_menu::token_menu_ui;
use crate::app::widgets::values::PatchValues;
use crate::app::widgets::words;
use crate::domain::request::Input;
use crate::engine::{Photo, Scene};
use crate::method::Reach;
use crate::render::{self, MapStyle, Overlay, PaintStyle, Painting, SegmentStyle};

/// Patches that get a node of their own at a time; of finer grids those in sight after zooming in.
const MAX_NODES: usize = 2048;

/// What the canvas needs of a frame.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// What the user chose.
    pub lane: &'a Lane,
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
    if canvas.lane.look.grid {
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
    match (canvas.lane.question.mode, label) {
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
        overlay: canvas.lane.look.overlay.then(|| overlay(canvas, fade)).flatten(),
        line_px: if ui.ctx().pixels_per_point() >= 1.5 { 2 } else { 1 },
        levels: photo.levels.get().cloned(),
        ..Painting::new(photo.picture.clone(), photo.seen)
    };
    let painter = ui.painter_at(frame.canvas);
    painter.rect_filled(frame.canvas, 0.0, theme::palette(ui.visuals()).canvas);
    painter.add(render::callback(frame.canvas, ui.scope_id().value(), painting));
}

fn overlay(canvas: &Canvas<'_>, fade: f32) -> Option<Overlay> {
    let (lane, opacity) = (canvas.lane, canvas.lane.look.opacity * fade);
    match lane.question.mode {
        Mode::Heatmap => canvas.view.map.as_ref().map(|map| {
            if map.paint().is_some() {
                let style = PaintStyle { opacity, interpolation: lane.look.interpolation };
                return Overlay::Paint { shown: map.source.0.shown.clone(), grid: map.heatmap.grid, style };
            }
            let colormap = lane.look.colormap_for(map.method.signed);
            let style = MapStyle { colormap, range: map.range, opacity, interpolation: lane.look.interpolation };
            Overlay::Heatmap { heatmap: map.heatmap.clone(), style }
        }),
        Mode::Segments => canvas.view.cut.as_ref().map(|cut| {
            let solo = lane.solo().filter(|&l| l < cut.shares.len()).and_then(|l| u16::try_from(l).ok());
            let style = SegmentStyle { opacity, outlines: lane.look.outlines, solo };
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
    if canvas.lane.question.mode == Mode::Heatmap {
        let is_of_token = |map: &&MapView| map.method.reach != Reach::Whole;
        let shown =
            canvas.view.map.as_ref().filter(is_of_token).filter(|_| canvas.lane.pinned().is_none() || canvas.pointing.peek);
        if let Some(patch) = shown.and_then(|m| scene.layout.patch_of(m.position)) {
            outline(patch, theme::OUTLINE);
        }
        let pinned = canvas.lane.pinned().and_then(|t| scene.layout.resolve(t).ok());
        if let Some(patch) = pinned.and_then(|p| scene.layout.patch_of(p)) {
            outline(patch, theme::PIN_OUTLINE);
        }
    }
    if let Some(patch) = canvas.pointing.patch {
        outline(patch, theme::OUTLINE);
    }
}

/// CommandContext what a segmenter found.
fn paint_boxes(painter: &Painter, canvas: &Canvas<'_>, photo: &Photo, frame: &Frame) {
    let cut = canvas.view.cut.as_ref().filter(|_| canvas.lane.question.mode == Mode::Segments && canvas.lane.look.overlay);
    let (seen, (height, width)) = (frame.seen_rect(), photo.input_size);
    for found in cut.iter().flat_map(|cut| cut.segments.partition.boxes()) {
        let at = |x: f64, y: f64| seen.lerp_inside(vec2((x / width.max(1) as f64) as f32, (y / height.max(1) as f64) as f32));
        let rect = egui::Rect::from_min_max(at(found.x, found.y), at(found.x + found.width, found.y + found.height));
        for (line, colour) in theme::PIN_OUTLINE {
            painter.rect_stroke(rect, 2.0, Stroke::new(line, colour), StrokeKind::Middle);
        }
    }
}

/// Names for those who do not see the picture, and for tests: the canvas, and every patch with its value and rank.
fn describe(ui: &Ui, response: &Response, canvas: &Canvas<'_>, scene: &Scene, frame: &Frame, commands: &mut Vec<Command>) {
    response.widget_info(|| {
        let label = format!(
            "Picture {}, {} by {} patches",
            canvas.lane.question.input.as_ref().map_or_else(String::new, Input::name),
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
    let values = PatchValues::new(canvas.lane, canvas.view);
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
fn patch_label(scene: &Scene, patch: usize) -> String {
    let (row, col) = scene.layout.grid.row_col(patch);
    format!("patch row {row} column {col}")
}
