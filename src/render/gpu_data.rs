//! What the shaders read besides textures, and the shaders' text. A test compares the layout with the WGSL struct.

use bytemuck::{Pod, Zeroable};

use super::composite::DIMMING;
use super::painting::{Interpolation, Overlay, Painting};

/// WGSL of the heatmap overlay, also of the photo alone.
pub const HEATMAP_WGSL: &str = concat!(
    include_str!("../../shaders/shared.wgsl"),
    include_str!("../../shaders/overlay.wgsl"),
    include_str!("../../shaders/heatmap.wgsl")
);

/// WGSL of colours that mean themselves.
pub const PAINT_WGSL: &str = concat!(
    include_str!("../../shaders/shared.wgsl"),
    include_str!("../../shaders/overlay.wgsl"),
    include_str!("../../shaders/paint.wgsl")
);

/// WGSL of the segmentation overlay.
pub const SEGMENTS_WGSL: &str = concat!(
    include_str!("../../shaders/shared.wgsl"),
    include_str!("../../shaders/overlay.wgsl"),
    include_str!("../../shaders/segments.wgsl")
);

/// WGSL that puts a finished painting on the screen.
pub const COPY_WGSL: &str = concat!(include_str!("../../shaders/shared.wgsl"), include_str!("../../shaders/copy.wgsl"));

/// `Uniforms` of `shared.wgsl`, where the members are explained.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[expect(missing_docs, reason = "explained in shared.wgsl, member by member")]
pub struct Uniforms {
    pub origin: [i32; 2],
    pub size: [i32; 2],
    pub level: i32,
    pub line: i32,
    pub colormap: i32,
    pub solo: i32,
    pub overlay: u32,
    pub interpolate: u32,
    pub outlines: u32,
    pub linear_target: u32,
    pub opacity: f32,
    pub dimming: f32,
}

impl Uniforms {
    /// The uniforms of a painting; `overlay` and `linear_target` are left for the renderer to say.
    ///
    /// # Shapes
    /// `origin` and `size` are pixels of the target, (x, y); `level` counts from the photo's first resident level.
    pub fn new(painting: &Painting, (origin, size): ([i32; 2], [i32; 2]), level: usize) -> Self {
        let mut uniforms = Self {
            origin,
            size,
            level: level as i32,
            line: painting.line_px.max(1) as i32,
            solo: -1,
            dimming: DIMMING,
            ..Self::zeroed()
        };
        match &painting.overlay {
            Some(Overlay::Heatmap { style, .. }) => {
                uniforms.opacity = style.opacity;
                uniforms.colormap = style.colormap as i32;
                uniforms.interpolate = u32::from(style.interpolation == Interpolation::Smooth);
            }
            Some(Overlay::Paint { style, .. }) => {
                uniforms.opacity = style.opacity;
                uniforms.interpolate = u32::from(style.interpolation == Interpolation::Smooth);
            }
            Some(Overlay::Segments { style, .. }) => {
                uniforms.opacity = style.opacity;
                uniforms.outlines = u32::from(style.outlines);
                uniforms.solo = style.solo.map_or(-1, i32::from);
            }
            None => {}
        }
        uniforms
    }
}
