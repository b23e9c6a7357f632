//! Zoom and pan: which part of the picture fills the canvas, and where a point of the picture lies on the screen.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::app::widgets::theme::CANVAS_MARGIN;
use crate::domain::grid::Grid;
use crate::engine::Photo;
use crate::render::UvRect;

const MAX_ZOOM: f32 = 64.0;

/// How the picture is looked at. Zoom 1 fits the whole picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// 1 or more.
    pub zoom: f32,
    /// The point of the picture, in uv, at the middle of the canvas.
    pub centre: Vec2,
}

impl Default for Camera {
    fn default() -> Self {
        Self { zoom: 1.0, centre: vec2(0.5, 0.5) }
    }
}

impl Camera {
    /// Enlarges around a point of the screen, which stays where it is.
    pub fn zoom_at(&mut self, factor: f32, at: Pos2, frame: &Frame) {
        let before = frame.uv_from_pos(at);
        self.zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
        let after = Frame { camera: *self, ..*frame }.uv_from_pos(at);
        self.centre += before - after;
        self.settle();
    }

    /// Drags the picture by points of the screen.
    pub fn pan(&mut self, delta: Vec2, frame: &Frame) {
        self.centre -= delta / frame.picture_rect().size().max(vec2(1.0, 1.0));
        self.settle();
    }

    /// Keeps the picture in sight: the whole of it at zoom 1, its edge at most at the middle otherwise.
    fn settle(&mut self) {
        let room = 0.5 * (1.0 - 1.0 / self.zoom);
        self.centre = self.centre.clamp(Vec2::splat(0.5 - room), Vec2::splat(0.5 + room));
    }
}

/// A picture on a canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The canvas on the screen.
    pub canvas: Rect,
    /// How it is looked at.
    pub camera: Camera,
    picture_size: Vec2,
    seen: UvRect,
    grid: Grid,
}

impl Frame {
    /// The picture of a scene on a canvas.
    pub fn new(canvas: Rect, camera: Camera, photo: &Photo, grid: Grid) -> Self {
        let picture_size = vec2(photo.picture.width.max(1) as f32, photo.picture.height.max(1) as f32);
        let seen = UvRect::from_pixels(photo.seen, &photo.picture);
        Self { canvas, camera, picture_size, seen, grid }
    }

    /// The picture on the screen; larger than the canvas when zoomed in.
    pub fn picture_rect(&self) -> Rect {
        let room = (self.canvas.size() - Vec2::splat(2.0 * CANVAS_MARGIN)).max(vec2(1.0, 1.0));
        let fit = (room / self.picture_size).min_elem();
        let size = self.picture_size * fit * self.camera.zoom;
        Rect::from_min_size(self.canvas.center() - self.camera.centre * size, size)
    }

    /// The part of the picture's uv that fills the canvas.
    pub fn shown(&self) -> UvRect {
        let (min, max) = (self.uv_from_pos(self.canvas.min), self.uv_from_pos(self.canvas.max));
        UvRect { left: min.x.into(), top: min.y.into(), right: max.x.into(), bottom: max.y.into() }
    }

    /// A point of the screen in uv of the picture.
    pub fn uv_from_pos(&self, pos: Pos2) -> Vec2 {
        let picture = self.picture_rect();
        (pos - picture.min) / picture.size()
    }

    /// A point of the picture's uv on the screen.
    pub fn pos_from_uv(&self, u: f64, v: f64) -> Pos2 {
        let picture = self.picture_rect();
        pos2(picture.min.x + u as f32 * picture.width(), picture.min.y + v as f32 * picture.height())
    }

    /// The patch under a point of the screen.
    pub fn patch_from_pos(&self, pos: Pos2) -> Option<usize> {
        let uv = self.uv_from_pos(pos);
        let u = (f64::from(uv.x) - self.seen.left) / self.seen.width();
        let v = (f64::from(uv.y) - self.seen.top) / self.seen.height();
        if self.canvas.contains(pos) { self.grid.patch_from_uv(u, v) } else { None }
    }

    /// The part of the picture that the model saw, on the screen.
    pub fn seen_rect(&self) -> Rect {
        let seen = self.seen;
        Rect::from_two_pos(self.pos_from_uv(seen.left, seen.top), self.pos_from_uv(seen.right, seen.bottom))
    }

    /// A patch on the screen.
    pub fn patch_rect(&self, patch: usize) -> Rect {
        let (row, col) = self.grid.row_col(patch);
        let seen = self.seen_rect();
        let cell = seen.size() / vec2(self.grid.cols.max(1) as f32, self.grid.rows.max(1) as f32);
        Rect::from_min_size(seen.min + cell * vec2(col as f32, row as f32), cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(zoom: f32) -> Frame {
        Frame {
            canvas: Rect::from_min_size(pos2(100.0, 50.0), vec2(600.0, 400.0)),
            camera: Camera { zoom, ..Camera::default() },
            picture_size: vec2(320.0, 240.0),
            seen: UvRect { left: 0.125, top: 0.0, right: 0.875, bottom: 1.0 },
            grid: Grid { rows: 6, cols: 4 },
        }
    }

    #[test]
    fn the_middle_of_every_patch_leads_back_to_it() {
        for patch in 0..24 {
            assert_eq!(frame(1.0).patch_from_pos(frame(1.0).patch_rect(patch).center()), Some(patch));
        }
        assert_eq!(frame(1.0).patch_from_pos(pos2(101.0, 51.0)), None);
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let (at, before) = (pos2(350.0, 260.0), frame(2.0));
        let mut camera = before.camera;
        camera.zoom_at(1.7, at, &before);
        let after = Frame { camera, ..before };
        assert!((before.uv_from_pos(at) - after.uv_from_pos(at)).length() < 1e-4);
    }

    #[test]
    fn the_picture_cannot_be_lost() {
        let mut camera = Camera { zoom: 3.0, ..Camera::default() };
        camera.pan(vec2(1e6, -1e6), &frame(3.0));
        assert!(Frame { camera, ..frame(3.0) }.picture_rect().intersects(frame(3.0).canvas));
        camera.zoom_at(1e-6, pos2(300.0, 300.0), &frame(3.0));
        assert_eq!(camera, Camera::default());
    }
}
