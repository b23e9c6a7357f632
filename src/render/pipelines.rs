//! The pipelines: a heatmap (or nothing), colours or labels over the photo, and the copy of any to the screen.

use eframe::egui_wgpu::wgpu;

use super::gpu_data::{COPY_WGSL, HEATMAP_WGSL, PAINT_WGSL, SEGMENTS_WGSL};

/// Of finished paintings: encoded values, transparent where there is no picture.
pub(super) const PAINTED: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A pipeline with the layout of its only bind group.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::RenderPipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

/// All pipelines.
#[derive(Debug)]
pub(super) struct Pipelines {
    pub(super) heatmap: Pipeline,
    pub(super) paint: Pipeline,
    pub(super) segments: Pipeline,
    pub(super) copy: Pipeline,
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        // R32Float cannot be filtered everywhere; nothing here asks for it.
        let values = wgpu::TextureSampleType::Float { filterable: false };
        Self {
            heatmap: pipeline(device, PAINTED, ("heatmap", HEATMAP_WGSL, Some(values))),
            paint: pipeline(device, PAINTED, ("paint", PAINT_WGSL, Some(values))),
            segments: pipeline(device, PAINTED, ("segments", SEGMENTS_WGSL, Some(wgpu::TextureSampleType::Uint))),
            copy: pipeline(device, format, ("copy", COPY_WGSL, None)),
        }
    }
}

fn pipeline(
    device: &wgpu::Device,
    format: wgpu::TextureFormat,
    (label, wgsl, map): (&str, &str, Option<wgpu::TextureSampleType>),
) -> Pipeline {
    let module = device
        .create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(wgsl.into()) });
    let layout = bind_group_layout(device, label, map);
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            entry_point: Some("vs_main"),
            module: &module,
            buffers: &[],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fs_main"),
            targets: &[Some(wgpu::ColorTargetState { format, blend: None, write_mask: wgpu::ColorWrites::ALL })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        }),
        multiview_mask: None,
        cache: None,
    });
    Pipeline { pipeline, layout }
}

/// Bindings 0..4: uniforms, photo, axes, map, colours. Without a kind of map 0 and 3: uniforms, finished painting.
fn bind_group_layout(device: &wgpu::Device, label: &str, map: Option<wgpu::TextureSampleType>) -> wgpu::BindGroupLayout {
    let visibility = wgpu::ShaderStages::FRAGMENT;
    let texture = |binding, sample_type| wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Texture { sample_type, view_dimension: wgpu::TextureViewDimension::D2, multisampled: false },
        count: None,
    };
    let float = wgpu::TextureSampleType::Float { filterable: false };
    let uniforms = wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility,
        ty: wgpu::BindingType::Buffer { ty: wgpu::BufferBindingType::Uniform, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let entries = match map {
        Some(map) => vec![uniforms, texture(1, float), texture(2, float), texture(3, map), texture(4, float)],
        None => vec![uniforms, texture(3, float)],
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}
