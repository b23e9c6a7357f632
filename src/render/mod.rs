//! What an overlay on a photo looks like: a description ([`Painting`]), its pixels on the CPU ([`composite`], which defines
//! what is right and serves figures), and the same pixels on the GPU ([`gpu`], which serves the window).
//!
//! Opacity, range, colormap, interpolation and the view are uniforms or small tables: a slider never touches the worker.

pub mod axis;
pub mod composite;
pub mod gpu;
pub mod gpu_data;
pub mod painting;
pub mod pipelines;
pub mod pyramid;
pub mod textures;

pub use gpu::{Renderer, callback};
pub use painting::{Interpolation, MapStyle, Overlay, PaintStyle, Painting, SegmentStyle, UvRect};
