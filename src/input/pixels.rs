//! Decoded pixels in the layout of their file, and their conversion to RGB of 8 bits as PIL makes it.

use image::ColorType;

/// What becomes of transparency when a picture turns into RGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transparency {
    /// The stored colours are kept, however transparent they are: PIL's `convert("RGB")`.
    #[default]
    Dropped,
    /// Colours are blended with white: `convert_to_rgb` of transformers 5.
    OverWhite,
}

/// A decoded picture in the layout of its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixels<'a> {
    /// `[height, width, channels]`, native byte order.
    pub data: &'a [u8],
    /// What the channels are.
    pub color: ColorType,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// What becomes of an alpha channel.
    pub transparency: Transparency,
}

impl<'a> Pixels<'a> {
    /// Row `y` as RGB of 8 bits, as PIL's `convert("RGB")` makes it: 16-bit colours keep their high byte, but 16-bit grey is
    /// clipped at 255 (PIL's mode I;16).
    pub(super) fn rgb_row<'b>(&self, y: usize, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let stride = self.width * usize::from(self.color.bytes_per_pixel());
        let row = &self.data[y * stride..(y + 1) * stride];
        if self.color == ColorType::Rgb8 {
            return row;
        }
        scratch.clear();
        let high = |pair: &[u8]| (wide(pair) >> 8) as u8;
        let seen = |value: u8, alpha: u8| match self.transparency {
            Transparency::Dropped => value,
            Transparency::OverWhite => over_white(value, alpha),
        };
        match self.color {
            ColorType::L8 => row.iter().for_each(|&v| scratch.extend([v; 3])),
            ColorType::La8 => row.chunks_exact(2).for_each(|p| scratch.extend([seen(p[0], p[1]); 3])),
            ColorType::Rgba8 => row.chunks_exact(4).for_each(|p| scratch.extend(p[..3].iter().map(|&v| seen(v, p[3])))),
            ColorType::L16 => row.chunks_exact(2).for_each(|p| scratch.extend([wide(p).min(255) as u8; 3])),
            ColorType::La16 => row.chunks_exact(4).for_each(|p| scratch.extend([seen(high(p), high(&p[2..])); 3])),
            ColorType::Rgb16 => row.chunks_exact(2).for_each(|p| scratch.push(high(p))),
            ColorType::Rgba16 => row.chunks_exact(8).for_each(|p| {
                scratch.extend(p[..6].chunks_exact(2).map(|v| seen(high(v), high(&p[6..]))));
            }),
            // Refused before the pixels were decoded.
            _ => scratch.resize(self.width * 3, 0),
        }
        scratch
    }

    /// All rows as RGB of 8 bits.
    pub(crate) fn to_rgb(self) -> Vec<u8> {
        let mut scratch = Vec::new();
        let mut rgb = Vec::with_capacity(self.width * self.height * 3);
        (0..self.height).for_each(|y| rgb.extend_from_slice(self.rgb_row(y, &mut scratch)));
        rgb
    }

    /// Pixels that are not fully opaque.
    pub(super) fn count_transparent(self) -> usize {
        match self.color {
            ColorType::La8 => self.data.chunks_exact(2).filter(|p| p[1] < u8::MAX).count(),
            ColorType::Rgba8 => self.data.chunks_exact(4).filter(|p| p[3] < u8::MAX).count(),
            ColorType::La16 => self.data.chunks_exact(4).filter(|p| p[2..] != [0xff; 2]).count(),
            ColorType::Rgba16 => self.data.chunks_exact(8).filter(|p| p[6..] != [0xff; 2]).count(),
            _ => 0,
        }
    }

    /// 16-bit grey values over 255, which become 255: how many, and the largest.
    pub(super) fn clipped(self) -> Option<(usize, u16)> {
        if self.color != ColorType::L16 {
            return None;
        }
        let values = || self.data.chunks_exact(2).map(wide).filter(|&v| v > 255);
        values().max().map(|largest| (values().count(), largest))
    }
}

fn wide(pair: &[u8]) -> u16 {
    u16::from_ne_bytes([pair[0], pair[1]])
}

/// A value over white, with the rounding of Pillow's `alpha_composite` (src/libImaging/AlphaComposite.c) for an opaque
/// background: fixed point with 7 fractional bits, and its division by 255.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    let sum = ((value * alpha + 255 * (255 - alpha)) << 7) + (0x80 << 7);
    ((((sum >> 8) + sum) >> 8) >> 7) as u8
}

/// The colour types that [`Pixels`] can read.
pub(super) fn is_readable(color: ColorType) -> bool {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    matches!(color, L8 | La8 | Rgb8 | Rgba8 | L16 | La16 | Rgb16 | Rgba16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_colours_stay_and_clear_ones_become_white() {
        for value in 0..=255 {
            assert_eq!((over_white(value, 255), over_white(value, 0)), (value, 255));
        }
        assert_eq!((over_white(0, 128), over_white(100, 51)), (127, 224));
    }
}
