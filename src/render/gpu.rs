//! Paintings on the GPU, as egui paint callbacks. [`Renderer`] lives in egui-wgpu's callback resources and keeps what stays
//! resident; each painting on the screen has a slot with its uniforms, tables, map and finished pixels. A painting is drawn when
//! something about it has changed and copied otherwise, so that a moving pointer costs next to nothing without a GPU as well.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use eframe::egui::{PaintCallback, PaintCallbackInfo, Rect};
use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor, wgpu};

use super::axis::Plan;
use super::composite::{paint, palette, units};
use super::gpu_data::Uniforms;
use super::painting::{Overlay, Painting};
use super::pipelines::{PAINTED, Pipeline, Pipelines};
use super::textures::{Photo, Photos, Texture};
use crate::domain::colormap::Colormap;
use crate::domain::exhibit::Shown;
use crate::domain::grid::Grid;
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::segmentation::Segmentation;

/// Slots unused for so many preparations of paintings are given up.
const PATIENCE: u64 = 1024;

/// A shape that draws `painting` into `rect` (in points). It must be clipped by the painter it is added to, and `rect` should
/// lie on the screen: use [`Painting::shown`] to pan.
///
/// `slot` tells the paintings of a frame apart, and is best the same from frame to frame: for example `ui.id().value()`.
/// Draws nothing where [`Renderer::install`] was not called.
pub fn callback(rect: Rect, slot: u64, painting: Painting) -> PaintCallback {
    egui_wgpu::Callback::new_paint_callback(rect, Callback { rect, slot, painting })
}

/// Pipelines and resident textures for one target format.
#[derive(Debug)]
pub struct Renderer {
    pipelines: Pipelines,
    format: wgpu::TextureFormat,
    photos: Photos,
    colormaps: Option<Texture>,
    slots: HashMap<u64, Slot>,
    preparations: u64,
}

impl Renderer {
    /// A renderer for targets of `format`: egui's. A format that encodes sRGB by itself gives the same encoded pixels.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        Self {
            pipelines: Pipelines::new(device, format),
            format,
            photos: Photos::default(),
            colormaps: None,
            slots: HashMap::new(),
            preparations: 0,
        }
    }

    /// Makes a renderer and puts it where [`callback`] finds it. Call once, when the window is made.
    pub fn install(state: &RenderState) {
        let renderer = Self::new(&state.device, state.target_format);
        state.renderer.write().callback_resources.insert(renderer);
    }

    /// Uploads what a painting needs and does not have.
    ///
    /// # Shapes
    /// `origin` and `size` are pixels of the target, (x, y).
    pub fn prepare(&mut self, gpu: (&wgpu::Device, &wgpu::Queue), slot: u64, painting: &Painting, (origin, size): Area) {
        let (device, queue) = gpu;
        self.preparations += 1;
        let now = self.preparations;
        self.slots.retain(|_, s| s.last_used + PATIENCE > now);
        let limit = device.limits().max_texture_dimension_2d as i32;
        let Some(photo) = self.photos.resident((device, queue), &painting.picture, painting.levels.as_ref(), now) else { return };
        if size[0] <= 0 || size[1] <= 0 || size[0] > limit || size[1] > limit {
            self.slots.remove(&slot);
            return;
        }
        let colormaps = self.colormaps.get_or_insert_with(|| colormaps(gpu));
        let slot = self.slots.entry(slot).or_insert_with(|| Slot::new(device));
        slot.last_used = now;
        let plan = Plan::new(painting, (size[0] as usize, size[1] as usize), photo.skipped);
        let has_moved = slot.place(gpu, plan);
        let has_new_map = slot.put(gpu, painting.overlay.as_ref());
        let mut uniforms = Uniforms::new(painting, (origin, size), plan.level - photo.skipped);
        uniforms.linear_target = u32::from(self.format.is_srgb());
        uniforms.overlay = u32::from(!matches!(slot.map, Map::None));
        queue.write_buffer(&slot.uniforms, 0, bytemuck::bytes_of(&uniforms));
        // Where it stands on the screen makes no difference to its pixels.
        let drawn = (photo.id, Uniforms { origin: [0; 2], ..uniforms });
        if has_moved || has_new_map || slot.drawn != Some(drawn) {
            slot.draw(gpu, &self.pipelines, photo, colormaps);
            slot.drawn = Some(drawn);
        }
    }

    /// Draws a prepared painting into the current viewport, which lies where `prepare` was told.
    pub fn paint(&self, slot: u64, pass: &mut wgpu::RenderPass<'_>) {
        let Some((_, group)) = self.slots.get(&slot).and_then(|s| s.finished.as_ref()) else { return };
        pass.set_pipeline(&self.pipelines.copy.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.draw(0..3, 0..1);
    }
}

/// Origin and size in pixels of the target, (x, y).
pub type Area = ([i32; 2], [i32; 2]);

#[derive(Debug)]
struct Callback {
    rect: Rect,
    slot: u64,
    painting: Painting,
}

impl CallbackTrait for Callback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        // As egui rounds its viewport, but not clamped to the screen: a rect that hangs over its edge must not be squeezed.
        let px = |points: f32| (points * screen.pixels_per_point).round() as i32;
        let origin = [px(self.rect.min.x), px(self.rect.min.y)];
        let size = [px(self.rect.max.x) - origin[0], px(self.rect.max.y) - origin[1]];
        if let Some(renderer) = resources.get_mut::<Renderer>() {
            renderer.prepare((device, queue), self.slot, &self.painting, (origin, size));
        }
        Vec::new()
    }

    fn paint(&self, _info: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        if let Some(renderer) = resources.get::<Renderer>() {
            renderer.paint(self.slot, pass);
        }
    }
}

/// What one painting on the screen keeps.
#[derive(Debug)]
struct Slot {
    uniforms: wgpu::Buffer,
    axes: Option<(Plan, Texture)>,
    map: Map,
    /// The finished painting, and how the copy finds it.
    finished: Option<(Texture, wgpu::BindGroup)>,
    /// Of which photo and with which uniforms it was drawn.
    drawn: Option<(u64, Uniforms)>,
    last_used: u64,
}

/// The map on the GPU and which one it is. Weak references keep addresses from being given to other maps.
#[derive(Debug)]
enum Map {
    None,
    Heatmap { source: Weak<[f32]>, range: Range, values: Texture },
    Paint { source: Weak<Shown>, colours: Texture },
    Labels { source: Weak<Segmentation>, labels: Texture, palette: Texture },
}

impl Slot {
    fn new(device: &wgpu::Device) -> Self {
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tokenscope"),
            size: size_of::<Uniforms>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { uniforms, axes: None, map: Map::None, finished: None, drawn: None, last_used: 0 }
    }

    /// Writes the tables of a plan, unless they are there. Whether it did.
    fn place(&mut self, (device, queue): (&wgpu::Device, &wgpu::Queue), plan: Plan) -> bool {
        if self.axes.as_ref().is_some_and(|(old, _)| *old == plan) {
            return false;
        }
        let tables = [plan.columns(), plan.rows()];
        let width = tables[0].len().max(tables[1].len()) as u32;
        let kept = self.axes.take().map(|(_, texture)| texture).filter(|t| t.width >= width);
        // Rounded up, so that a window that is being resized does not make a texture a frame.
        let make = || Texture::new(device, wgpu::TextureFormat::Rgba32Float, (width.next_power_of_two(), 6), 1);
        let texture = kept.unwrap_or_else(make);
        for (table, top) in tables.iter().zip([0, 3]) {
            for third in 0..3 {
                let texels: Vec<f32> = table.iter().flat_map(|e| bytemuck::cast_ref::<_, [[f32; 4]; 3]>(e)[third]).collect();
                texture.write(queue, (0, top + third as u32), (table.len() as u32, 1), bytemuck::cast_slice(&texels));
            }
        }
        self.axes = Some((plan, texture));
        true
    }

    /// Uploads an overlay's map, unless it is there. Whether it did.
    fn put(&mut self, gpu: (&wgpu::Device, &wgpu::Queue), overlay: Option<&Overlay>) -> bool {
        let is_there = match (&self.map, overlay) {
            (Map::Heatmap { source, range, .. }, Some(Overlay::Heatmap { heatmap, style })) => {
                std::ptr::addr_eq(source.as_ptr(), Arc::as_ptr(&heatmap.values)) && *range == style.range
            }
            (Map::Paint { source, .. }, Some(Overlay::Paint { shown, .. })) => {
                std::ptr::addr_eq(source.as_ptr(), Arc::as_ptr(shown))
            }
            (Map::Labels { source, .. }, Some(Overlay::Segments { segmentation, .. })) => {
                std::ptr::addr_eq(source.as_ptr(), Arc::as_ptr(segmentation))
            }
            (Map::None, None) => true,
            _ => false,
        };
        if is_there {
            return false;
        }
        self.map = match overlay {
            Some(Overlay::Heatmap { heatmap, style }) => heatmap_texture(gpu, heatmap, style.range),
            Some(Overlay::Paint { shown, grid, .. }) => paint_texture(gpu, shown, *grid),
            Some(Overlay::Segments { segmentation, .. }) => label_textures(gpu, segmentation),
            None => None,
        }
        .unwrap_or(Map::None);
        true
    }

    /// Draws the finished painting.
    fn draw(&mut self, gpu: (&wgpu::Device, &wgpu::Queue), pipelines: &Pipelines, photo: &Photo, colormaps: &Texture) {
        let ((device, queue), Some((plan, axes))) = (gpu, &self.axes) else { return };
        let (pipeline, map, colours) = match &self.map {
            // Without a map the shader does not read it; any texture of the right kind will do.
            Map::None => (&pipelines.heatmap, axes, colormaps),
            Map::Heatmap { values, .. } => (&pipelines.heatmap, values, colormaps),
            // Its colours need no table.
            Map::Paint { colours, .. } => (&pipelines.paint, colours, colormaps),
            Map::Labels { labels, palette, .. } => (&pipelines.segments, labels, palette),
        };
        let group = bind_group(device, pipeline, &self.uniforms, &[(1, &photo.texture), (2, axes), (3, map), (4, colours)]);
        let size = plan.size();
        let kept = self.finished.take().filter(|(texture, _)| (texture.width, texture.height) == size);
        let (target, copy) = kept.unwrap_or_else(|| {
            let target = Texture::canvas(device, PAINTED, size);
            let copy = bind_group(device, &pipelines.copy, &self.uniforms, &[(3, &target)]);
            (target, copy)
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("tokenscope") });
        {
            let ops = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT), store: wgpu::StoreOp::Store };
            let view = &target.view;
            let colour = wgpu::RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops };
            let colours = [Some(colour)];
            let mut pass =
                encoder.begin_render_pass(&wgpu::RenderPassDescriptor { color_attachments: &colours, ..Default::default() });
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.draw(0..3, 0..1);
        }
        // Ahead of egui's own commands, which are submitted after all preparations.
        queue.submit([encoder.finish()]);
        self.finished = Some((target, copy));
    }
}

fn bind_group(
    device: &wgpu::Device,
    pipeline: &Pipeline,
    uniforms: &wgpu::Buffer,
    textures: &[(u32, &Texture)],
) -> wgpu::BindGroup {
    let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniforms.as_entire_binding() }];
    entries.extend(textures.iter().map(|&(binding, texture)| wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::TextureView(&texture.view),
    }));
    let layout = &pipeline.layout;
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some("tokenscope"), layout, entries: &entries })
}

fn colormaps((device, queue): (&wgpu::Device, &wgpu::Queue)) -> Texture {
    let rows = Colormap::ALL.len() as u32;
    let texture = Texture::new(device, wgpu::TextureFormat::Rgba8Unorm, (256, rows), 1);
    let texels: Vec<u8> = Colormap::ALL.iter().flat_map(|c| c.table()).flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    texture.write(queue, (0, 0), (256, rows), &texels);
    texture
}

fn heatmap_texture((device, queue): (&wgpu::Device, &wgpu::Queue), heatmap: &Heatmap, range: Range) -> Option<Map> {
    if heatmap.grid.is_empty() || heatmap.values.len() != heatmap.grid.len() {
        return None;
    }
    let size = (heatmap.grid.cols as u32, heatmap.grid.rows as u32);
    let values = Texture::new(device, wgpu::TextureFormat::R32Float, size, 1);
    values.write(queue, (0, 0), size, bytemuck::cast_slice(&units(heatmap, range)));
    Some(Map::Heatmap { source: Arc::downgrade(&heatmap.values), range, values })
}

fn paint_texture((device, queue): (&wgpu::Device, &wgpu::Queue), shown: &Arc<Shown>, grid: Grid) -> Option<Map> {
    let texels = paint(shown, grid);
    if texels.is_empty() {
        return None;
    }
    let size = (grid.cols as u32, grid.rows as u32);
    let colours = Texture::new(device, wgpu::TextureFormat::Rgba32Float, size, 1);
    colours.write(queue, (0, 0), size, bytemuck::cast_slice(&texels));
    Some(Map::Paint { source: Arc::downgrade(shown), colours })
}

fn label_textures((device, queue): (&wgpu::Device, &wgpu::Queue), segmentation: &Arc<Segmentation>) -> Option<Map> {
    let size = (segmentation.width as u32, segmentation.height as u32);
    if size.0 == 0 || size.1 == 0 || segmentation.labels.len() != segmentation.width * segmentation.height {
        return None;
    }
    let labels = Texture::new(device, wgpu::TextureFormat::R16Uint, size, 1);
    labels.write(queue, (0, 0), size, bytemuck::cast_slice(&segmentation.labels));
    let colours = palette(segmentation);
    let rows = colours.len().div_ceil(256).max(1);
    let mut texels: Vec<u8> = colours.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    texels.resize(rows * 256 * 4, 255);
    let palette = Texture::new(device, wgpu::TextureFormat::Rgba8Unorm, (256, rows as u32), 1);
    palette.write(queue, (0, 0), (256, rows as u32), &texels);
    Some(Map::Labels { source: Arc::downgrade(segmentation), labels, palette })
}
