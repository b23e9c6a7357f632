//! A layout as PNG, with its resolution. Pixels of photos and maps are put down as they are; lines and text are drawn over them
//! by resvg, which knows no font but the built-in one.

use std::sync::Arc;

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

use super::font;
use super::layout::{Layout, Mark, POINTS_PER_INCH, Pixels};
use super::svg::{self, Rasters};
use crate::domain::{Error, Result};

/// The PNG file.
///
/// # Errors
/// [`Error::Internal`] where the drawing library refuses.
pub fn bytes(layout: &Layout) -> Result<Vec<u8>> {
    let (width, height) = layout.pixels();
    let mut pixmap = Pixmap::new(width as u32, height as u32).ok_or_else(|| fault("a figure without size"))?;
    pixmap.fill(Color::WHITE);
    for mark in &layout.marks {
        if let Mark::Raster { rect, source } = mark {
            put(&mut pixmap, &layout.pixels_of(*rect, source));
        }
    }
    let mut options = usvg::Options { font_family: "Liberation Sans".to_owned(), ..usvg::Options::default() };
    Arc::make_mut(&mut options.fontdb).load_font_data(font::BYTES.to_vec());
    let tree = usvg::Tree::from_str(&svg::text(layout, Rasters::LeftOut)?, &options).map_err(fault)?;
    // resvg takes an inch for 96 units; what matters is that a point comes out as it does in the layout.
    let scale = f64::from(layout.dpi) / POINTS_PER_INCH;
    let size = (width as f64 / scale, height as f64 / scale);
    let fit = |size: f32, points: f64| (points / f64::from(size) * scale) as f32;
    let transform = Transform::from_scale(fit(tree.size().width(), size.0), fit(tree.size().height(), size.1));
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    let rgb: Vec<u8> = pixmap.data().as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    encoded(&rgb, (width, height), layout.dpi)
}

fn put(pixmap: &mut Pixmap, pixels: &Pixels) {
    let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
    let columns = pixels.width.min(width.saturating_sub(pixels.x));
    for (row, line) in pixels.rgb.chunks_exact(pixels.width.max(1) * 3).enumerate() {
        if pixels.y + row >= height {
            return;
        }
        let start = ((pixels.y + row) * width + pixels.x) * 4;
        let target = &mut pixmap.data_mut()[start..start + columns * 4];
        for (to, from) in target.as_chunks_mut::<4>().0.iter_mut().zip(line.as_chunks::<3>().0) {
            to[..3].copy_from_slice(from);
        }
    }
}

/// # Shapes
/// `rgb` is `[height, width, 3]`.
fn encoded(rgb: &[u8], (width, height): (usize, usize), dpi: u32) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(rgb, width as u32, height as u32, image::ExtendedColorType::Rgb8)
        .map_err(fault)?;
    // After the signature (8 bytes) and the IHDR chunk (25), where a pHYs chunk must stand.
    let chunk = resolution_chunk(dpi);
    png.splice(33..33, chunk);
    Ok(png)
}

/// A pHYs chunk: pixels a metre along x and y.
fn resolution_chunk(dpi: u32) -> Vec<u8> {
    let per_metre = (f64::from(dpi) / 0.0254).round() as u32;
    let mut body = b"pHYs".to_vec();
    body.extend(per_metre.to_be_bytes());
    body.extend(per_metre.to_be_bytes());
    body.push(1);
    let mut chunk = 9_u32.to_be_bytes().to_vec();
    chunk.extend(&body);
    chunk.extend(crc32(&body).to_be_bytes());
    chunk
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

fn fault(err: impl std::fmt::Display) -> Error {
    Error::Internal(format!("drawing a figure: {err}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(resolution_chunk(300)[8..12], 11811_u32.to_be_bytes());
    }
}
