//! A colormap as a strip of colours.

use eframe::egui::{self, Rect, Ui, pos2};

use crate::domain::colormap::Colormap;

/// A colormap's colours from left to right.
pub fn paint_strip(ui: &Ui, colormap: Colormap, rect: Rect) {
    let mut mesh = egui::Mesh::default();
    let table = colormap.table();
    let steps = 64;
    for step in 0..=steps {
        let part = step as f32 / steps as f32;
        let [r, g, b] = table[((part * 255.0) as usize).min(255)];
        let x = egui::lerp(rect.x_range(), part);
        mesh.colored_vertex(pos2(x, rect.top()), egui::Color32::from_rgb(r, g, b));
        mesh.colored_vertex(pos2(x, rect.bottom()), egui::Color32::from_rgb(r, g, b));
        if step > 0 {
            let last = 2 * step;
            mesh.add_triangle(last - 2, last - 1, last);
            mesh.add_triangle(last - 1, last, last + 1);
        }
    }
    ui.painter().add(mesh);
}
