//! A picture of the window without a window: the same layout and the same pipelines, drawn into a texture.

use std::path::Path;
use std::time::{Duration, Instant};

use eframe::egui::{self, Pos2, RawInput, Rect, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration, WgpuSetup, wgpu};

use super::program::App;
use super::window;
use crate::app::state::Document;
use crate::app::widgets::theme;
use crate::domain::{Error, Result};
use crate::engine::{Engine, Worker};
use crate::figure::write::replace;
use crate::render::Renderer;

/// How long the graphics adapter may take for one picture.
const GPU_TIMEOUT: Duration = Duration::from_mins(1);

/// Lays the window out, waits until everything it needs is there, and writes it as PNG.
///
/// # Errors
/// The error that the window would show; a refusal where there is no graphics adapter or `out` cannot be written.
pub fn screenshot(document: Document, out: &Path, size: Option<(u32, u32)>) -> Result<()> {
    let [width, height] = theme::START_SIZE.map(|s| s as u32);
    let (width, height) = size.unwrap_or((width, height));
    let state = render_state()?;
    let largest = state.device.limits().max_texture_dimension_2d;
    if width == 0 || height == 0 || width.max(height) > largest {
        return Err(Error::refused(out.display(), format!("{width} x {height} pixels cannot be drawn"))
            .expected(format!("1 to {largest} pixels a side")));
    }
    Renderer::install(&state);
    let ctx = egui::Context::default();
    let worker = Worker::spawn(Engine::default(), || {})?;
    let mut app = App::new(&ctx, document, Box::new(worker));
    let mut studio = Stage { ctx, state, size: [width, height], start: Instant::now() };
    while !app.is_settled() {
        studio.pass(&mut app);
        if let Some(err) = app.error() {
            return Err(err.clone());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // Sizes that depend on contents settle one pass later.
    studio.pass(&mut app);
    studio.pass(&mut app);
    let shapes = studio.pass(&mut app);
    let pixels = studio.draw(shapes)?;
    let image = image::RgbaImage::from_raw(width, height, pixels).ok_or_else(|| Error::Internal("short read".to_owned()))?;
    let mut png = std::io::Cursor::new(Vec::new());
    let rgb = image::DynamicImage::ImageRgba8(image).into_rgb8();
    rgb.write_to(&mut png, image::ImageFormat::Png).map_err(|err| Error::Internal(err.to_string()))?;
    replace(out, png.get_ref())
}

/// A window's surroundings without a window.
struct Stage {
    ctx: egui::Context,
    state: RenderState,
    size: [u32; 2],
    start: Instant,
}

impl Stage {
    /// One frame. Textures are uploaded at once, as egui asks; the shapes are drawn only if they are the last ones.
    fn pass(&mut self, app: &mut App) -> Vec<egui::epaint::ClippedShape> {
        let size = vec2(self.size[0] as f32, self.size[1] as f32);
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            time: Some(self.start.elapsed().as_secs_f64()),
            max_texture_side: Some(self.state.device.limits().max_texture_dimension_2d as usize),
            focused: true,
            ..RawInput::default()
        };
        let mut output = self.ctx.run_ui(input, |ui| {
            let ctx = ui.ctx().clone();
            app.think(&ctx);
            app.window_ui(ui);
        });
        let mut renderer = self.state.renderer.write();
        let delta = &mut output.textures_delta;
        let mut ids: Vec<_> = delta.set.drain().collect();
        ids.sort_by_key(|(id, _)| *id);
        for (id, image) in ids.into_iter().flat_map(|(id, images)| images.into_iter().map(move |image| (id, image))) {
            renderer.update_texture(&self.state.device, &self.state.queue, id, &image);
        }
        let mut freed: Vec<_> = delta.free.drain().collect();
        freed.sort();
        for id in freed {
            renderer.free_texture(&id);
        }
        std::mem::take(&mut output.shapes)
    }

    /// # Shapes
    /// `[height, width, 4]`, encoded sRGB.
    fn draw(&self, shapes: Vec<egui::epaint::ClippedShape>) -> Result<Vec<u8>> {
        let (device, queue) = (&self.state.device, &self.state.queue);
        let primitives = self.ctx.tessellate(shapes, 1.0);
        let screen = ScreenDescriptor { size_in_pixels: self.size, pixels_per_point: 1.0 };
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("screenshot") });
        let mut renderer = self.state.renderer.write();
        let mut commands = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("screenshot"),
            size: wgpu::Extent3d { width: self.size[0], height: self.size[1], depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let attachment = wgpu::RenderPassColorAttachment {
            view: &view,
            resolve_target: None,
            depth_slice: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
        };
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("screenshot"),
            color_attachments: &[Some(attachment)],
            ..Default::default()
        });
        renderer.render(&mut pass.forget_lifetime(), &primitives, &screen);
        commands.push(encoder.finish());
        queue.submit(commands);
        read_back(device, queue, &texture)
    }
}

fn render_state() -> Result<RenderState> {
    let setup = WgpuSetup::without_display_handle();
    let instance = pollster::block_on(setup.new_instance());
    let config = WgpuConfiguration { wgpu_setup: setup, ..WgpuConfiguration::default() };
    let state = pollster::block_on(RenderState::create(&config, &instance, None, RendererOptions::PREDICTABLE));
    state.map_err(|_| window::no_adapter())
}

fn read_back(device: &wgpu::Device, queue: &wgpu::Queue, texture: &wgpu::Texture) -> Result<Vec<u8>> {
    let failed = |what: &dyn std::fmt::Display| Error::Internal(format!("the picture cannot be read back: {what}"));
    let row = texture.width() as usize * 4;
    let padded = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("screenshot"),
        size: (padded * texture.height() as usize) as u64,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read back") });
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: u32::try_from(padded).ok(), rows_per_image: None };
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
        texture.size(),
    );
    let submission = queue.submit([encoder.finish()]);
    let (sender, receiver) = std::sync::mpsc::channel();
    buffer.slice(..).map_async(wgpu::MapMode::Read, move |mapped| drop(sender.send(mapped)));
    let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(GPU_TIMEOUT) };
    device.poll(wait).map_err(|err| failed(&err))?;
    receiver.recv().map_err(|err| failed(&err))?.map_err(|err| failed(&err))?;
    let mapped = buffer.slice(..).get_mapped_range().map_err(|err| failed(&err))?;
    Ok(mapped.chunks_exact(padded).flat_map(|line| line[..row].iter().copied()).collect())
}
