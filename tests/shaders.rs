//! The shaders: valid, laid out as the CPU believes, and drawing what `render::composite` says, at every pixel.

use std::mem::offset_of;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use eframe::egui_wgpu::wgpu;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use tokenscope::domain::colormap::Colormap;
use tokenscope::domain::exhibit::{Paint, Shown};
use tokenscope::domain::grid::{Grid, PixelRect};
use tokenscope::domain::heatmap::{Heatmap, Range};
use tokenscope::domain::segmentation::Segmentation;
use tokenscope::input::Picture;
use tokenscope::render::gpu_data::{COPY_WGSL, HEATMAP_WGSL, PAINT_WGSL, SEGMENTS_WGSL, Uniforms};
use tokenscope::render::{Interpolation, MapStyle, Overlay, PaintStyle, Painting, Renderer, SegmentStyle, UvRect, composite};

const GROUND: [u8; 3] = [0, 0, 0];

#[test]
fn every_shader_is_valid() {
    for (name, wgsl) in [("heatmap", HEATMAP_WGSL), ("paint", PAINT_WGSL), ("segments", SEGMENTS_WGSL), ("copy", COPY_WGSL)] {
        let module = naga::front::wgsl::parse_str(wgsl).unwrap_or_else(|err| panic!("{name}: {}", err.emit_to_string(wgsl)));
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
        validator.validate(&module).unwrap_or_else(|err| panic!("{name}: {}", err.emit_to_string(wgsl)));
    }
}

#[test]
fn uniforms_lie_where_the_shader_reads_them() {
    macro_rules! offsets {
        ($($member:ident),+) => { [$((stringify!($member), offset_of!(Uniforms, $member))),+] };
    }
    let ours =
        offsets!(origin, size, level, line, colormap, solo, overlay, interpolate, outlines, linear_target, opacity, dimming);
    for wgsl in [HEATMAP_WGSL, PAINT_WGSL, SEGMENTS_WGSL, COPY_WGSL] {
        let module = naga::front::wgsl::parse_str(wgsl).unwrap();
        let (_, found) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Uniforms")).unwrap();
        let naga::TypeInner::Struct { members, span } = &found.inner else { panic!("Uniforms is no struct") };
        let theirs: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
        assert_eq!(theirs, ours);
        assert_eq!(*span as usize, size_of::<Uniforms>());
    }
}

#[test]
fn heatmaps_on_the_gpu_are_those_of_the_cpu() {
    let Some(gpu) = Gpu::find() else { return };
    let mut dice = Dice(1);
    for round in 0..12 {
        let picture = random_picture(&mut dice, 40 + round * 17, 33 + round * 11);
        let grid = Grid { rows: 3 + round % 4, cols: 2 + round % 5 };
        let values = (0..grid.len()).map(|i| if (i + round) % 7 == 3 { f32::NAN } else { dice.unit() * 4.0 - 2.0 }).collect();
        let colormap = Colormap::ALL[round % Colormap::ALL.len()];
        let style = MapStyle {
            range: Range { low: -1.5, high: 1.8 },
            opacity: [0.5, 1.0, 0.3][round % 3],
            interpolation: [Interpolation::Nearest, Interpolation::Smooth][round % 2],
            ..MapStyle::new(colormap, Range { low: 0.0, high: 1.0 })
        };
        let overlay = Overlay::Heatmap { heatmap: Heatmap { grid, values }, style };
        for shown in views(&mut dice) {
            gpu.check(&painting(&picture, shown, Some(overlay.clone())), (61 + round * 7, 47 + round));
        }
    }
}

#[test]
fn paint_on_the_gpu_is_that_of_the_cpu() {
    let Some(gpu) = Gpu::find() else { return };
    let mut dice = Dice(5);
    for round in 0..8 {
        let picture = random_picture(&mut dice, 40 + round * 17, 33 + round * 11);
        let grid = Grid { rows: 3 + round % 4, cols: 2 + round % 5 };
        let colour = |i: usize, dice: &mut Dice| {
            let value = |dice: &mut Dice| dice.unit() * 1.4 - 0.2;
            if i % 7 == 3 { [f32::NAN; 3] } else { [value(dice), value(dice), value(dice)] }
        };
        let colours = (0..grid.len()).map(|i| colour(i, &mut dice)).collect();
        let shown = Arc::new(Shown { paint: Some(Paint { colours, legend: Vec::new() }), exhibits: Vec::new() });
        let interpolation = [Interpolation::Nearest, Interpolation::Smooth][round % 2];
        let overlay = Overlay::Paint { shown, grid, style: PaintStyle { opacity: [0.5, 1.0, 0.3][round % 3], interpolation } };
        for shown in views(&mut dice) {
            gpu.check(&painting(&picture, shown, Some(overlay.clone())), (61 + round * 7, 47 + round));
        }
    }
}

#[test]
fn paint_is_the_colour_of_each_patch_and_nothing_where_there_are_too_few() {
    let picture = random_picture(&mut Dice(6), 40, 20);
    let (grid, colours) = (Grid { rows: 1, cols: 2 }, vec![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    let whole = PixelRect { x: 0.0, y: 0.0, width: 40.0, height: 20.0 };
    let bare = Painting::new(Arc::clone(&picture), whole);
    let composed = |colours: Vec<[f32; 3]>| {
        let shown = Arc::new(Shown { paint: Some(Paint { colours, legend: Vec::new() }), exhibits: Vec::new() });
        let style = PaintStyle { opacity: 1.0, interpolation: Interpolation::Nearest };
        composite::compose(&bare.clone().with(Overlay::Paint { shown, grid, style }), 4, 2, GROUND)
    };
    let pixels = composed(colours);
    assert_eq!((&pixels[..3], &pixels[9..12]), (&[255, 0, 0][..], &[0, 0, 255][..]));
    assert_eq!(composed(vec![[0.5; 3]]), composite::compose(&bare, 4, 2, GROUND));
}

#[test]
fn segments_on_the_gpu_are_those_of_the_cpu() {
    let Some(gpu) = Gpu::find() else { return };
    let mut dice = Dice(2);
    for round in 0..8 {
        let picture = random_picture(&mut dice, 64, 48 + round);
        let segmentation = Arc::new(random_segments(&mut dice, if round == 7 { 700 } else { 5 }));
        let style = SegmentStyle {
            opacity: [0.5, 1.0][round % 2],
            outlines: round % 4 != 1,
            solo: (round % 3 == 0).then_some((round % 5) as u16),
        };
        let overlay = Overlay::Segments { segmentation, style };
        for shown in views(&mut dice) {
            gpu.check(&painting(&picture, shown, Some(overlay.clone())), (90, 70 + round));
        }
    }
}

#[test]
fn photos_alone_large_and_small_are_those_of_the_cpu() {
    let Some(gpu) = Gpu::find() else { return };
    let mut dice = Dice(3);
    for (width, height, size) in [(700, 500, (60, 40)), (8, 5, (90, 60)), (1, 1, (9, 9)), (33, 900, (11, 97))] {
        let picture = random_picture(&mut dice, width, height);
        for shown in views(&mut dice) {
            gpu.check(&painting(&picture, shown, None), size);
        }
    }
}

#[test]
fn a_slot_follows_what_it_is_given() {
    let Some(gpu) = Gpu::find() else { return };
    let mut dice = Dice(4);
    let mut renderer = Renderer::new(&gpu.device, wgpu::TextureFormat::Rgba8Unorm);
    for round in 0..6 {
        let picture = random_picture(&mut dice, 30, 20);
        let grid = Grid { rows: 2, cols: 2 };
        let overlay = match round % 3 {
            0 => None,
            1 => {
                Some(Overlay::Segments { segmentation: Arc::new(random_segments(&mut dice, 3)), style: SegmentStyle::default() })
            }
            _ => Some(Overlay::Heatmap {
                heatmap: Heatmap { grid, values: (0..4).map(|_| dice.unit()).collect() },
                style: MapStyle::new(Colormap::Viridis, Range { low: 0.0, high: 1.0 }),
            }),
        };
        let painting = painting(&picture, UvRect::WHOLE, overlay);
        let size = (40 + 30 * (round % 2), 30);
        let got = gpu.draw(&mut renderer, &painting, size, wgpu::TextureFormat::Rgba8Unorm);
        compare(&got, &composite::compose(&painting, size.0, size.1, GROUND), size, "one slot");
        // The same again is only copied; another opacity, view or thickness is not.
        for change in 0..4 {
            let mut painting = painting.clone();
            match (change, &mut painting.overlay) {
                (1, Some(Overlay::Heatmap { style, .. })) => style.opacity = 0.9,
                (1, Some(Overlay::Segments { style, .. })) => style.solo = Some(1),
                (2, _) => painting.shown.right = 0.6,
                (3, _) => painting.line_px += 1,
                _ => {}
            }
            let got = gpu.draw(&mut renderer, &painting, size, wgpu::TextureFormat::Rgba8Unorm);
            compare(&got, &composite::compose(&painting, size.0, size.1, GROUND), size, "a change");
        }
    }
}

/// The whole picture, a part of it, and one that reaches beyond its edges.
fn views(dice: &mut Dice) -> [UvRect; 3] {
    let (left, top) = (f64::from(dice.unit()) * 0.5, f64::from(dice.unit()) * 0.5);
    let part = UvRect { left, top, right: left + 0.37, bottom: top + 0.41 };
    [UvRect::WHOLE, part, UvRect { left: -0.3, top: -0.1, right: 1.2, bottom: 1.4 }]
}

fn painting(picture: &Arc<Picture>, shown: UvRect, overlay: Option<Overlay>) -> Painting {
    let (width, height) = (picture.width as f64, picture.height as f64);
    let seen = PixelRect { x: width * 0.125, y: 0.0, width: width * 0.75, height };
    Painting { shown, overlay, line_px: 1 + picture.width as u32 % 2, ..Painting::new(Arc::clone(picture), seen) }
}

fn random_picture(dice: &mut Dice, width: usize, height: usize) -> Arc<Picture> {
    let rgb = (0..width * height * 3).map(|_| (dice.unit() * 256.0) as u8).collect();
    Arc::new(Picture {
        name: "random".into(),
        width,
        height,
        rgb,
        file_size: (width, height),
        sha256: String::new(),
        notices: Vec::new(),
    })
}

fn random_segments(dice: &mut Dice, num_labels: usize) -> Segmentation {
    let (width, height) = (28, 20);
    let coarse: Vec<u16> = (0..7 * 5).map(|_| (dice.unit() * num_labels as f32) as u16).collect();
    let labels = (0..height * width).map(|i| coarse[i / width / 4 * 7 + i % width / 4]).collect();
    Segmentation { height, width, labels, patch_labels: coarse, colours: (0..num_labels).rev().collect() }
}

/// A device without a window, the processor's own where there is one.
struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Gpu {
    /// `None` where there is no adapter, which is an error only where `REQUIRE_GPU` is set.
    fn find() -> Option<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let mut adapters = block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        adapters.sort_by_key(|a| a.get_info().device_type != wgpu::DeviceType::Cpu);
        let Some(adapter) = adapters.first() else {
            assert!(std::env::var_os("REQUIRE_GPU").is_none(), "REQUIRE_GPU is set and there is no graphics adapter");
            println!("skipped: no graphics adapter");
            return None;
        };
        println!("on {}", adapter.get_info().name);
        let limits = wgpu::Limits::downlevel_webgl2_defaults().using_resolution(adapter.limits());
        let wanted = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = block_on(adapter.request_device(&wanted)).unwrap();
        Some(Self { device, queue })
    }

    fn check(&self, painting: &Painting, size: (usize, usize)) {
        let want = composite::compose(painting, size.0, size.1, GROUND);
        for format in [wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureFormat::Rgba8UnormSrgb] {
            let mut renderer = Renderer::new(&self.device, format);
            let got = self.draw(&mut renderer, painting, size, format);
            compare(&got, &want, size, &format!("{format:?} {:?}", painting.shown));
        }
    }

    /// Draws into the middle of a larger target, as a panel of a window would.
    fn draw(
        &self,
        renderer: &mut Renderer,
        painting: &Painting,
        (width, height): (usize, usize),
        format: wgpu::TextureFormat,
    ) -> Vec<u8> {
        let (left, top) = (7, 3);
        let target = self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: 256, height: 256, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let area = ([left as i32, top as i32], [width as i32, height as i32]);
        renderer.prepare((&self.device, &self.queue), 1, painting, area);
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let ops = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store };
            let colour = wgpu::RenderPassColorAttachment { view: &view, depth_slice: None, resolve_target: None, ops };
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor { color_attachments: &[Some(colour)], ..Default::default() });
            pass.set_viewport(left as f32, top as f32, width as f32, height as f32, 0.0, 1.0);
            pass.set_scissor_rect(left as u32, top as u32, width as u32, height as u32);
            renderer.paint(1, &mut pass);
        }
        let pixels = self.read(encoder, &target);
        (0..height).flat_map(|y| &pixels[((y + top) * 256 + left) * 4..][..width * 4]).copied().collect()
    }

    /// `[256, 256, 4]`
    fn read(&self, mut encoder: wgpu::CommandEncoder, target: &wgpu::Texture) -> Vec<u8> {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 256 * 256 * 4,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(1024), rows_per_image: None };
        let destination = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(target.as_image_copy(), destination, target.size());
        self.queue.submit([encoder.finish()]);
        buffer.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        buffer.get_mapped_range(..).unwrap().to_vec()
    }
}

/// `got` is `[height, width, 4]`, `want` `[height, width, 3]`.
fn compare(got: &[u8], want: &[u8], (width, _): (usize, usize), what: &str) {
    for (i, (g, w)) in got.chunks_exact(4).zip(want.chunks_exact(3)).enumerate() {
        let off = g.iter().zip(w).map(|(&g, &w)| g.abs_diff(w)).max();
        assert!(off <= Some(1), "{what}: pixel ({}, {}) is {g:?}, not {w:?}", i % width, i / width);
    }
}

/// What is awaited here is ready after a few polls, or polls of its own accord.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}

/// Numbers that look random and are the same in every run (PCG's multiplier).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }
}
