//! A photo at its own size and at halves of it, so that a 4,000-pixel photo in a small window reads a few texels a pixel and
//! does not shimmer. The sizes are those of a texture's mip levels; each level is the area average of the one above.

use std::sync::Arc;

use rayon::prelude::*;

use super::axis::area_taps;
use crate::input::Picture;

/// Levels end where the shorter side would fall below this.
const SMALLEST: usize = 16;

/// One size of the photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// `[height, width, 4]`, encoded sRGB, opaque.
    pub rgba: Vec<u8>,
}

/// Number of levels of a photo, at least 1.
pub fn num_levels(width: usize, height: usize) -> usize {
    let mut levels = 1;
    while width.min(height) >> levels >= SMALLEST {
        levels += 1;
    }
    levels
}

/// Size of a level along one axis.
pub fn level_size(size: usize, level: usize) -> usize {
    (size >> level).max(1)
}

/// The level to read so that an output pixel covers one to two of its texels along the axis that shrinks less.
///
/// # Shapes
/// `scale` is texels of level 0 for each output pixel, (x, y).
pub fn level_for(scale: (f64, f64), num_levels: usize) -> usize {
    let smaller = scale.0.min(scale.1);
    if smaller.is_nan() || smaller < 2.0 { 0 } else { (smaller.log2() as usize).min(num_levels - 1) }
}

/// Level 0: the picture's own pixels.
pub fn first_level(picture: &Picture) -> Level {
    let rgba = picture.rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    Level { width: picture.width, height: picture.height, rgba }
}

/// The next smaller level.
pub fn halved(level: &Level) -> Level {
    let (width, height) = (level_size(level.width, 1), level_size(level.height, 1));
    let taps = |from: usize, to: usize| -> Vec<_> {
        let scale = from as f64 / to as f64;
        (0..to).map(|i| area_taps(i as f64 * scale, (i + 1) as f64 * scale, from)).collect()
    };
    let (xs, ys) = (taps(level.width, width), taps(level.height, height));
    let mut rgba = vec![255; width * height * 4];
    rgba.par_chunks_exact_mut(width * 4).zip(&ys).for_each(|(line, y)| {
        for (pixel, x) in line.as_chunks_mut::<4>().0.iter_mut().zip(&xs) {
            let mut sum = [0.0_f32; 3];
            for (j, row) in (y.start..y.start + y.count).enumerate() {
                for (i, col) in (x.start..x.start + x.count).enumerate() {
                    let weight = x.weight(i) * y.weight(j);
                    let texel = &level.rgba[(row * level.width + col) * 4..][..3];
                    sum.iter_mut().zip(texel).for_each(|(s, &t)| *s += f32::from(t) * weight);
                }
            }
            pixel.iter_mut().zip(sum).for_each(|(p, s)| *p = s.round() as u8);
        }
    });
    Level { width, height, rgba }
}

/// All sizes of a photo, the largest first. Made by whoever opens the photo, off the thread that draws: for a photo of twelve
/// megapixels it takes a fifth of a second.
pub type Levels = Arc<[Level]>;

/// All sizes of a picture.
pub fn levels(picture: &Picture) -> Levels {
    let mut levels = vec![first_level(picture)];
    while levels.len() < num_levels(picture.width, picture.height) {
        levels.extend(levels.last().map(halved));
    }
    levels.into()
}

/// The level `index` of a picture.
pub fn level(picture: &Picture, index: usize) -> Level {
    (0..index).fold(first_level(picture), |level, _| halved(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_flat_colour_and_the_mean() {
        let flat = Level { width: 37, height: 21, rgba: [9, 200, 77, 255].repeat(37 * 21) };
        let half = halved(&flat);
        assert_eq!((half.width, half.height), (18, 10));
        assert!(half.rgba.chunks_exact(4).all(|p| p == [9, 200, 77, 255]));
        let steps = Level { width: 4, height: 2, rgba: (0..8).flat_map(|i| [i * 10, 0, 0, 255]).collect() };
        assert_eq!(halved(&steps).rgba, [25, 0, 0, 255, 45, 0, 0, 255]);
    }

    #[test]
    fn the_level_follows_the_scale() {
        assert_eq!(num_levels(4096, 3000), 8);
        assert_eq!(num_levels(20, 20), 1);
        for (scale, level) in [(0.1, 0), (1.9, 0), (2.0, 1), (4.5, 2), (1e9, 7), (f64::NAN, 0)] {
            assert_eq!(level_for((scale, scale), 8), level, "{scale}");
        }
    }
}
