//! A layout as PNG, with its resolution. Pixels of photos and maps are put down as they are; lines and text are drawn over them
//! by resvg, which knows no font but the built-in one; letters of other fonts reach it as outlines. Coloured emoji come last.

use std::sync::Arc;

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

use super::font;
use super::glyphs::{Letters, Shape};
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
    for mark in &layout.marks {
        if let Mark::Letters(letters) = mark {
            put_pictures(&mut pixmap, letters, scale);
        }
    }
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

/// Pictures among letters, at their size in pixels. What cannot be decoded is left out, as a glyph without ink is.
fn put_pictures(pixmap: &mut Pixmap, letters: &Letters, scale: f64) {
    for shape in &letters.shapes {
        let Shape::Picture { png, at, size } = shape else { continue };
        let Some(picture) = decoded(png) else { continue };
        let em = letters.size * scale;
        let [width, height] = [size.0, size.1].map(|length| (f64::from(length) * em).round().max(1.0) as u32);
        let (right, up) = (f64::from(at.0) * em, f64::from(at.1) * em);
        let (x, y) = (letters.at.0 * scale, letters.at.1 * scale);
        let small = image::imageops::resize(&picture, width, height, image::imageops::FilterType::Triangle);
        // Text that reads from bottom to top goes up where other text goes right.
        let (small, left, top) = if letters.upright {
            (image::imageops::rotate270(&small), x - up, y - right - f64::from(width))
        } else {
            (small, x + right, y - up)
        };
        blend(pixmap, &small, (left.round() as i64, top.round() as i64));
    }
}

/// A PNG file with its colours multiplied by their opacity, which is how colours are mixed.
fn decoded(png: &[u8]) -> Option<image::RgbaImage> {
    let mut picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).ok()?.into_rgba8();
    for pixel in picture.pixels_mut() {
        let [r, g, b, a] = pixel.0.map(u16::from);
        pixel.0 = [r * a / 255, g * a / 255, b * a / 255, a].map(|channel| channel as u8);
    }
    Some(picture)
}

fn blend(pixmap: &mut Pixmap, picture: &image::RgbaImage, (left, top): (i64, i64)) {
    let (width, height) = (i64::from(pixmap.width()), i64::from(pixmap.height()));
    for (x, y, pixel) in picture.enumerate_pixels() {
        let (x, y) = (left + i64::from(x), top + i64::from(y));
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            continue;
        }
        let at = ((y * width + x) * 4) as usize;
        let under = 255 - u16::from(pixel.0[3]);
        for (to, from) in pixmap.data_mut()[at..at + 3].iter_mut().zip(pixel.0) {
            *to = (u16::from(*to) * under / 255 + u16::from(from)).min(255) as u8;
        }
    }
}

/// A picture with opacity as PNG.
pub(super) fn picture(pixmap: &Pixmap) -> Option<Vec<u8>> {
    let rgba: Vec<u8> = pixmap
        .pixels()
        .iter()
        .flat_map(|pixel| {
            let colour = pixel.demultiply();
            [colour.red(), colour.green(), colour.blue(), colour.alpha()]
        })
        .collect();
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(&rgba, pixmap.width(), pixmap.height(), image::ExtendedColorType::Rgba8)
        .ok()?;
    Some(png)
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
