//! From a picture to the tensor that a model takes: resize, centre crop, rescale, normalise, in this order and with the
//! rounding of transformers' PIL backend (image_transforms.py; Pillow for the resize, see `resize.rs`).
//!
//! Three rules are ours. A final size that is not a multiple of the patch loses its last rows and columns, as the patch
//! convolution would drop them. Another size keeps the margin of a crop rule: 256 then 224 becomes 512 then 448. And
//! `native` shows the whole picture, each side rounded to the patch.

use rayon::prelude::*;

use super::picture::Picture;
use super::pixels::{Pixels, Transparency};
use super::processor::{Processor, Resize};
use super::resize::{Axis, resize_rgb};
use crate::domain::grid::{Grid, PixelRect};
use crate::domain::request::SizeRule;
use crate::domain::resample::{Taps, pillow_taps};
use crate::domain::{Error, Result};

/// Pixels of a side of the model's input.
pub const MAX_INPUT_SIDE: usize = 4096;
/// Patches of the model's input.
pub const MAX_PATCHES: usize = 65_536;
/// Pixels of a side before the crop: the weights of all of them are computed.
const MAX_RESIZED: usize = 1 << 22;
/// Shorter side of `native` where the checkpoint fixes none.
const NATIVE_SIDE: usize = 224;

/// The model's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// `[3, height, width]`, normalised.
    pub values: Vec<f32>,
    /// Pixels, a multiple of the patch.
    pub height: usize,
    /// Pixels, a multiple of the patch.
    pub width: usize,
    /// The part of the picture that these pixels show, in the picture's pixels. It reaches outside the picture where a crop
    /// larger than the picture was padded.
    pub seen: PixelRect,
}

impl Prepared {
    /// The patches of the input.
    pub fn grid(&self, patch: usize) -> Grid {
        let patch = patch.max(1);
        Grid { rows: self.height / patch, cols: self.width / patch }
    }
}

/// Both axes of a resize and crop: y, then x.
type Plan = [Axis; 2];

impl Processor {
    /// The model's input for a picture.
    ///
    /// # Errors
    /// A size that is no multiple of the patch where one was asked for, smaller than one patch, or absurdly large.
    pub fn prepare(&self, picture: &Picture, size: SizeRule, patch: usize) -> Result<Prepared> {
        if patch == 0 || picture.width == 0 || picture.height == 0 {
            return Err(Error::Internal("a patch or a picture without pixels".to_owned()));
        }
        let (height, width) = (picture.height, picture.width);
        let plan = match size {
            SizeRule::Checkpoint => trimmed(self.plan(height, width), patch),
            SizeRule::Exact { height: h, width: w } => {
                check_multiple(h, w, patch)?;
                check_input_size(&format!("--size {size}"), h, w, patch)?;
                self.scaled_plan((height, width), (h, w))
            }
            SizeRule::Native(side) => {
                let side = side.or(self.shorter_side()).unwrap_or(NATIVE_SIDE);
                [height, width].map(|length| Axis::whole(rounded_side(length, height.min(width), side, patch)))
            }
        };
        check_input_size(&picture.name, plan[0].len, plan[1].len, patch)?;
        if plan.iter().any(|axis| axis.resized > MAX_RESIZED) {
            let what = format!("{width} x {height} pixels are too narrow a strip to be resized before the crop");
            return Err(Error::refused(&picture.name, what).remedy("crop the picture, or take a smaller --size"));
        }
        let values = if self.in_floats { self.float_values(picture, plan) } else { self.byte_values(picture, plan) };
        let (y, x) = (seen_part(height, plan[0]), seen_part(width, plan[1]));
        let seen = PixelRect { x: x.0, y: y.0, width: x.1, height: y.1 };
        Ok(Prepared { values, height: plan[0].len, width: plan[1].len, seen })
    }

    /// The resize and crop that the checkpoint configures.
    fn plan(&self, height: usize, width: usize) -> Plan {
        let (h, w) = match self.resize {
            Resize::Keep => (height, width),
            Resize::Exact { height, width } => (height, width),
            Resize::Shortest { side, at_most: None } => shortest_edge(height, width, side),
            Resize::Shortest { side, at_most: Some(most) } => shortest_edge_at_most(height, width, side, most),
        };
        let crop = self.crop.unwrap_or((h, w));
        [centred(h, crop.0), centred(w, crop.1)]
    }

    /// The same for another final size. The resize keeps its ratio to the crop, and a rule that keeps the aspect still does:
    /// without a crop rule such a picture covers the input and is cropped.
    fn scaled_plan(&self, (height, width): (usize, usize), (h, w): (usize, usize)) -> Plan {
        let scaled = |side: usize, to: usize, from: usize| ((side * to * 2 + from) / (from * 2)).max(1);
        let (resized_h, resized_w) = match (self.resize, self.crop) {
            (Resize::Keep, Some(_)) => (height, width),
            (Resize::Keep, None) | (Resize::Exact { .. }, None) => (h, w),
            (Resize::Exact { height: rh, width: rw }, Some((ch, cw))) => (scaled(rh, h, ch), scaled(rw, w, cw)),
            (Resize::Shortest { side, .. }, Some((ch, cw))) => {
                covering(height, width, (scaled(side, h, ch), scaled(side, w, cw)))
            }
            (Resize::Shortest { .. }, None) => covering(height, width, (h, w)),
        };
        [centred(resized_h, h), centred(resized_w, w)]
    }

    /// What an 8-bit value becomes, for each channel.
    fn tables(&self) -> [[f32; 256]; 3] {
        let [mean, std] = self.normalize.unwrap_or([[0.0; 3], [1.0; 3]]);
        std::array::from_fn(|c| {
            std::array::from_fn(|byte| {
                let value = byte as f64 * self.rescale.unwrap_or(1.0);
                (value as f32 - mean[c]) / std[c]
            })
        })
    }

    fn byte_values(&self, picture: &Picture, [y, x]: Plan) -> Vec<f32> {
        let rgb = resize_rgb(pixels(picture), y, x, self.kernel);
        let tables = self.tables();
        let channel = |c: usize| rgb[c..].iter().step_by(3).map(|&v| tables[c][usize::from(v)]).collect::<Vec<f32>>();
        (0..3).flat_map(channel).collect()
    }

    /// Rescale, resize, normalise: floats throughout, weights as `interpolate(antialias=True)` of PyTorch has them. Along y
    /// first, which is the quicker order; without rounding in between the order does not show.
    fn float_values(&self, picture: &Picture, [y, x]: Plan) -> Vec<f32> {
        let factor = self.rescale.unwrap_or(1.0) as f32;
        let [mean, std] = self.normalize.unwrap_or([[0.0; 3], [1.0; 3]]);
        let taps = |length: usize, axis: Axis| pillow_taps(length, axis.resized, self.kernel)[axis.visible()].to_vec();
        let columns = taps(picture.width, x);
        let rows: Vec<Vec<f32>> = taps(picture.height, y).par_iter().map(|t| mixed_row(picture, t)).collect();
        let mut values = Vec::with_capacity(3 * y.len * x.len);
        for c in 0..3 {
            let first = values.len();
            values.resize(first + y.len * x.len, (0.0 - mean[c]) / std[c]);
            for (row, out) in rows.iter().zip(values[first..].chunks_exact_mut(x.len).skip(y.lead())) {
                for (taps, out) in columns.iter().zip(&mut out[x.lead()..]) {
                    let samples = row[taps.start * 3 + c..].iter().step_by(3);
                    let sum: f32 = samples.zip(&taps.weights).map(|(&v, &w)| v * w as f32).sum();
                    *out = (sum * factor - mean[c]) / std[c];
                }
            }
        }
        values
    }
}

/// A weighted sum of rows, `[width, 3]`.
fn mixed_row(picture: &Picture, taps: &Taps) -> Vec<f32> {
    let stride = picture.width * 3;
    let mut sums = vec![0.0; stride];
    for (row, &weight) in picture.rgb[taps.start * stride..].chunks_exact(stride).zip(&taps.weights) {
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += f32::from(v) * weight as f32);
    }
    sums
}

fn pixels(picture: &Picture) -> Pixels<'_> {
    Pixels {
        data: &picture.rgb,
        color: image::ColorType::Rgb8,
        width: picture.width,
        height: picture.height,
        transparency: Transparency::Dropped,
    }
}

/// transformers' `get_resize_output_image_size`: the longer side is cut to a whole number, not rounded.
fn shortest_edge(height: usize, width: usize, side: usize) -> (usize, usize) {
    let long = side * height.max(width) / height.min(width);
    if width <= height { (long, side) } else { (side, long) }
}

/// transformers' `get_size_with_aspect_ratio`.
fn shortest_edge_at_most(height: usize, width: usize, side: usize, most: usize) -> (usize, usize) {
    let (short, long) = (height.min(width) as f64, height.max(width) as f64);
    let raw = (long / short * side as f64 > most as f64).then_some(most as f64 * short / long);
    // Python rounds halves to even.
    let side = raw.map_or(side, |raw| raw.round_ties_even().max(1.0) as usize);
    if height.min(width) == side {
        return (height, width);
    }
    let long = (raw.unwrap_or(side as f64) * long / short) as usize;
    if width < height { (long.max(1), side) } else { (side, long.max(1)) }
}

/// The smallest size of the picture's aspect that covers `h` x `w`; for a square that is `shortest_edge`.
fn covering(height: usize, width: usize, (h, w): (usize, usize)) -> (usize, usize) {
    if h * width >= w * height { (h, (h * width / height).max(w)) } else { ((w * height / width).max(h), w) }
}

/// transformers' `center_crop` along one axis: where the crop is larger, the odd pixel of padding comes first.
fn centred(resized: usize, crop: usize) -> Axis {
    Axis { resized, offset: (resized as isize - crop as isize).div_euclid(2), len: crop }
}

/// Without the rows and columns at the end that do not fill a patch.
fn trimmed(plan: Plan, patch: usize) -> Plan {
    plan.map(|axis| Axis { len: axis.len / patch * patch, ..axis })
}

/// A side in proportion, rounded to the patch.
fn rounded_side(length: usize, shorter: usize, side: usize, patch: usize) -> usize {
    let wanted = side as f64 * length as f64 / shorter as f64;
    ((wanted / patch as f64).round() as usize).max(1).saturating_mul(patch)
}

/// Start and length of what an axis shows, in the picture's pixels.
fn seen_part(length: usize, axis: Axis) -> (f64, f64) {
    let scale = length as f64 / axis.resized as f64;
    (axis.offset as f64 * scale, axis.len as f64 * scale)
}

fn check_multiple(height: usize, width: usize, patch: usize) -> Result<()> {
    let Some(side) = [height, width].into_iter().find(|side| side % patch != 0 || *side == 0) else { return Ok(()) };
    let (below, above) = (side / patch * patch, (side / patch + 1) * patch);
    let nearest = if below == 0 { above.to_string() } else { format!("{below} or {above}") };
    Err(Error::refused(format!("--size {}", SizeRule::Exact { height, width }), format!("{side} pixels are not whole patches"))
        .expected(format!("multiples of the patch, {patch} pixels"))
        .remedy(format!("try {nearest} instead of {side}")))
}

/// Refuses inputs that no model takes before anything is allocated for them.
pub(super) fn check_input_size(place: &str, height: usize, width: usize, patch: usize) -> Result<()> {
    let what = format!("the model's input would be {height} x {width} pixels (height x width)");
    if height == 0 || width == 0 {
        let refused = Error::refused(place, format!("{what}, less than one patch of {patch}"));
        return Err(refused.remedy(format!("take --size {patch} or more")));
    }
    if height.max(width) > MAX_INPUT_SIDE || height / patch * (width / patch) > MAX_PATCHES {
        let expected = format!("at most {MAX_INPUT_SIDE} pixels a side and {MAX_PATCHES} patches");
        return Err(Error::refused(place, what).expected(expected).remedy("take a smaller --size, or crop the picture"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: usize, height: usize) -> Picture {
        Picture::from_rgba("plain", width, height, &[200, 200, 200, 255].repeat(width * height), Transparency::Dropped).unwrap()
    }

    fn shape(processor: &Processor, picture: &Picture, size: &str, patch: usize) -> (usize, usize) {
        let got = processor.prepare(picture, size.parse().unwrap(), patch).unwrap();
        assert_eq!(got.values.len(), 3 * got.height * got.width);
        (got.height, got.width)
    }

    #[test]
    fn a_crop_rule_scales_with_the_size() {
        let dinov2 = Processor { crop: Some((224, 224)), ..Processor::default_for("dinov2", 224) };
        assert_eq!(dinov2.scaled_plan((300, 500), (448, 448)), [centred(512, 448), centred(853, 448)]);
        assert_eq!(dinov2.scaled_plan((300, 500), (224, 224)), dinov2.plan(300, 500));
        // 2:1 asked of a 5:3 picture: the width decides.
        assert_eq!(dinov2.scaled_plan((300, 500), (224, 448)), [centred(307, 224), centred(512, 448)]);
        let deit = Processor::default_for("deit", 224);
        assert_eq!(deit.scaled_plan((300, 500), (448, 224)), [centred(512, 448), centred(256, 224)]);
    }

    #[test]
    fn seen_is_the_part_that_the_crop_shows() {
        let got = Processor::default_for("clip", 224).prepare(&plain(400, 200), SizeRule::Checkpoint, 16).unwrap();
        assert_eq!(got.seen, PixelRect { x: 100.0, y: 0.0, width: 200.0, height: 200.0 });
        assert_eq!(got.grid(16), Grid { rows: 14, cols: 14 });
        let padded = Processor { crop: Some((64, 64)), resize: Resize::Keep, ..Processor::default_for("vit", 64) };
        let got = padded.prepare(&plain(32, 64), SizeRule::Checkpoint, 16).unwrap();
        assert_eq!(got.seen, PixelRect { x: -16.0, y: 0.0, width: 64.0, height: 64.0 });
        assert_eq!((got.values[0], got.values[16]), (-1.0, 200.0 / 255.0 * 2.0 - 1.0));
    }

    #[test]
    fn native_keeps_the_aspect_to_the_nearest_patch() {
        let vit = Processor::default_for("vit", 224);
        assert_eq!(shape(&vit, &plain(640, 480), "native", 16), (224, 304));
        assert_eq!(shape(&vit, &plain(640, 480), "native:448", 14), (448, 602));
        assert_eq!(shape(&vit, &plain(1, 1), "native:3", 16), (16, 16));
        let err = vit.prepare(&plain(4000, 3), SizeRule::Native(None), 16).unwrap_err().to_string();
        assert!(err.contains("4096"), "{err}");
    }

    #[test]
    fn a_size_that_is_no_multiple_names_the_nearest() {
        let vit = Processor::default_for("vit", 224);
        let err = vit.prepare(&plain(64, 64), SizeRule::Exact { height: 224, width: 230 }, 16).unwrap_err().to_string();
        assert!(err.contains("224 or 240"), "{err}");
        let err = vit.prepare(&plain(64, 64), SizeRule::Exact { height: 4112, width: 16 }, 16).unwrap_err().to_string();
        assert!(err.contains("at most 4096"), "{err}");
        let err = vit.prepare(&plain(64, 64), SizeRule::Exact { height: usize::MAX / 16 * 16, width: 16 }, 16).unwrap_err();
        assert!(err.to_string().contains("at most 4096"), "{err}");
        let strip = Processor::default_for("clip", 4096).prepare(&plain(4096, 1), SizeRule::Checkpoint, 16).unwrap_err();
        assert!(strip.to_string().contains("too narrow"), "{strip}");
        // The checkpoint's own size is trimmed instead, as the patch convolution would do it.
        let odd = Processor::default_for("vit", 230);
        let got = odd.prepare(&plain(230, 230), SizeRule::Checkpoint, 16).unwrap();
        assert_eq!((got.height, got.seen.width), (224, 224.0));
    }

    #[test]
    fn a_longest_edge_is_a_ceiling() {
        assert_eq!(shortest_edge_at_most(480, 640, 800, 1333), (800, 1066));
        assert_eq!(shortest_edge_at_most(100, 1000, 800, 1333), (133, 1333));
        assert_eq!(shortest_edge_at_most(1000, 100, 100, 1333), (1000, 100));
    }
}
