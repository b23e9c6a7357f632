//! Textures that stay on the GPU: photos with their smaller levels, shared by all paintings that show them.

use std::sync::{Arc, Weak};

use eframe::egui_wgpu::wgpu;

use super::pyramid::{self, Level, Levels};
use crate::input::Picture;

/// Photos unused for so many preparations of paintings are given up.
const PATIENCE: u64 = 1024;

/// A texture and its size in texels.
#[derive(Debug)]
pub(super) struct Texture {
    pub(super) texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Texture {
    pub(super) fn new(device: &wgpu::Device, format: wgpu::TextureFormat, size: (u32, u32), levels: u32) -> Self {
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
        Self::for_use(device, (format, usage), size, levels)
    }

    /// A texture that is drawn into and then read.
    pub(super) fn canvas(device: &wgpu::Device, format: wgpu::TextureFormat, size: (u32, u32)) -> Self {
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::RENDER_ATTACHMENT;
        Self::for_use(device, (format, usage), size, 1)
    }

    fn for_use(
        device: &wgpu::Device,
        (format, usage): (wgpu::TextureFormat, wgpu::TextureUsages),
        (width, height): (u32, u32),
        levels: u32,
    ) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("tokenscope"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: levels,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view, width, height }
    }

    /// Writes `height` rows of `width` texels at the top left corner of a level, from row `top` on.
    pub(super) fn write(&self, queue: &wgpu::Queue, at: (u32, u32), (width, height): (u32, u32), bytes: &[u8]) {
        let (level, top) = at;
        let destination = wgpu::TexelCopyTextureInfo {
            texture: &self.texture,
            mip_level: level,
            origin: wgpu::Origin3d { x: 0, y: top, z: 0 },
            aspect: wgpu::TextureAspect::All,
        };
        let bytes_per_row = self.texture.format().block_copy_size(None).map(|size| size * width);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
        queue.write_texture(destination, bytes, layout, wgpu::Extent3d { width, height, depth_or_array_layers: 1 });
    }
}

/// A photo on the GPU.
#[derive(Debug)]
pub(super) struct Photo {
    /// Which pixels these are. A weak reference keeps the address from being given to other pixels.
    source: Weak<[u8]>,
    pub(super) texture: Texture,
    /// Levels that were too large for the device; the texture begins with the next one.
    pub(super) skipped: usize,
    /// Tells photos apart.
    pub(super) id: u64,
    last_used: u64,
}

/// All photos on the GPU.
#[derive(Debug, Default)]
pub(super) struct Photos {
    photos: Vec<Photo>,
}

impl Photos {
    /// The photo of a picture, uploaded at its first use. `now` counts preparations.
    pub(super) fn resident(
        &mut self,
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        picture: &Picture,
        levels: Option<&Levels>,
        now: u64,
    ) -> Option<&Photo> {
        let is_wanted = |photo: &Photo| std::ptr::addr_eq(photo.source.as_ptr(), Arc::as_ptr(&picture.rgb));
        self.photos.retain(|p| is_wanted(p) || (p.source.strong_count() > 0 && p.last_used + PATIENCE > now));
        let index = if let Some(index) = self.photos.iter().position(is_wanted) {
            index
        } else {
            self.photos.push(Photo { id: now, ..upload((device, queue), picture, levels)? });
            self.photos.len() - 1
        };
        let photo = &mut self.photos[index];
        photo.last_used = now;
        Some(photo)
    }
}

/// `None` for a picture without pixels.
fn upload((device, queue): (&wgpu::Device, &wgpu::Queue), picture: &Picture, levels: Option<&Levels>) -> Option<Photo> {
    if picture.width == 0 || picture.height == 0 || picture.rgb.len() != picture.width * picture.height * 3 {
        return None;
    }
    let limit = device.limits().max_texture_dimension_2d as usize;
    let levels = levels.cloned().unwrap_or_else(|| pyramid::levels(picture));
    let is_small = |level: &Level| level.width.max(level.height) <= limit;
    let mut skipped = levels.iter().take_while(|level| !is_small(level)).count();
    // A strip may be too long for the device even at its last level.
    let mut strip = Vec::new();
    if skipped == levels.len() {
        strip.extend(levels.last().map(pyramid::halved));
        while strip.last().is_some_and(|level| !is_small(level)) {
            strip = strip.last().map(pyramid::halved).into_iter().collect();
            skipped += 1;
        }
    }
    let resident = if strip.is_empty() { &levels[skipped..] } else { &strip };
    let first = resident.first()?;
    let size = (first.width as u32, first.height as u32);
    let texture = Texture::new(device, wgpu::TextureFormat::Rgba8Unorm, size, resident.len() as u32);
    for (index, level) in resident.iter().enumerate() {
        texture.write(queue, (index as u32, 0), (level.width as u32, level.height as u32), &level.rgba);
    }
    Some(Photo { source: Arc::downgrade(&picture.rgb), texture, skipped, id: 0, last_used: 0 })
}
