//! What people see in a picture: its masks as labels, upright as the photo is, with a note of how each was read.

use std::collections::BTreeMap;
use std::path::Path;

use image::metadata::Orientation;

use super::classes::{self, Meaning};
use super::layout::{Kind, Layout, Pair};
use crate::domain::{Cancel, Error, Result};
use crate::input::Mask;
use crate::input::mask::{Frame, Storage, Wanted};

/// What a note says of masks that were turned.
pub(super) const TURNED: &str = "turned by the EXIF orientation of the photo";
/// What a note says of masks that are larger or smaller than their photo.
pub(super) const RESIZED: &str = "of another size than the photo";
/// What a note says of pixels, and not of masks.
pub(super) const UNKNOWN: &str = "pixels hold a value that the layout lacks, and are not scored";
/// What 255 is in masks of the plain layout that hold no other label than 0.
pub(super) const OBJECTS: &str = "as ground and object (0 and 255)";
/// The end of what is said of masks in which 255 is void.
pub(super) const VOID: &str = ", 255 void";

/// What people see in a picture.
#[derive(Debug)]
pub(super) struct Truth {
    /// Its picture.
    pub(super) pair: Pair,
    /// Pixels of the masks.
    pub(super) width: usize,
    /// Pixels of the masks.
    pub(super) height: usize,
    /// `[height, width]` each: classes, or regions by number.
    pub(super) annotators: Vec<Vec<u16>>,
    /// Whether labels are classes, which mean the same in every picture.
    pub(super) has_classes: bool,
    /// How the masks were read, in words, and how many of them.
    pub(super) notes: BTreeMap<String, u64>,
}

impl Truth {
    /// Reads the masks of a picture.
    ///
    /// # Errors
    /// A refusal of a photo or mask that cannot be read; of a mask of another kind than the layout says, or of another shape than its
    /// photo or its other masks.
    pub(super) fn read(pair: &Pair, layout: &Layout, cancel: &Cancel) -> Result<Self> {
        let (meaning, is_coloured) = match layout.kind {
            Kind::Classes { meaning, is_coloured, .. } => (meaning, is_coloured),
            Kind::Regions | Kind::Nothing => (classes::region as fn(u32) -> Meaning, false),
        };
        let wanted = if is_coloured { Wanted::Colours } else { Wanted::Numbers };
        let (has_classes, is_plain) = (matches!(layout.kind, Kind::Classes { .. }), layout.id == "plain");
        let photo = Frame::of(&pair.image, cancel)?;
        let mut truth =
            Self { pair: pair.clone(), width: 0, height: 0, annotators: Vec::new(), has_classes, notes: BTreeMap::new() };
        for path in &pair.masks {
            let mask = Mask::open_until(path, wanted, cancel)?;
            if (mask.storage == Storage::Colours) != is_coloured {
                return Err(Error::refused(path.display(), "its pixels are colours")
                    .expected(format!("numbers, as the layout {} has them", layout.id))
                    .remedy("name another --layout, or save the mask as a grey PNG or one with a palette"));
            }
            let mask = truth.upright(mask, &photo, path)?;
            if !truth.annotators.is_empty() && (truth.width, truth.height) != (mask.width, mask.height) {
                return Err(Error::refused(path.display(), "is of another size than the other masks of its picture")
                    .expected(format!("{} x {} pixels", truth.width, truth.height)));
            }
            (truth.width, truth.height) = (mask.width, mask.height);
            let values = if is_plain { truth.plain(&mask, path)? } else { truth.described(&mask, meaning, has_classes) };
            truth.annotators.push(values);
        }
        Ok(truth)
    }

    fn note(&mut self, words: impl Into<String>, count: u64) {
        *self.notes.entry(words.into()).or_default() += count;
    }

    /// The mask as its photo is seen: turned where it was drawn over the photo as stored.
    fn upright(&mut self, mask: Mask, photo: &Frame, path: &Path) -> Result<Mask> {
        let own = mask.orientation;
        let mask = mask.turned(own);
        let (width, height) = photo.upright();
        let stored = (photo.width, photo.height);
        let is_like = |(w, h): (usize, usize)| (0.99..1.01).contains(&((mask.width * h) as f64 / (mask.height * w) as f64));
        let (is_upright, is_stored) = (is_like((width, height)), is_like(stored));
        let is_turned = photo.orientation != Orientation::NoTransforms;
        let by = || {
            if is_turned {
                format!(" once EXIF orientation {} has turned it", photo.orientation.to_exif())
            } else {
                String::new()
            }
        };
        if !(is_upright || is_stored && is_turned) {
            let what = format!("is {} x {} pixels, and its photo {width} x {height}{}", mask.width, mask.height, by());
            return Err(Error::refused(path.display(), what)
                .expected("one shape of both")
                .remedy(format!("make it a mask of {}", self.pair.image.display())));
        }
        let mask = if is_upright && is_stored && is_turned && own == Orientation::NoTransforms {
            // Neither of the two sizes says whether the mask was drawn over the photo as stored.
            let turned = mask.clone().turned(photo.orientation);
            if turned.values != mask.values {
                let what = format!(
                    "may belong to its photo as it is stored, or as EXIF orientation {} turns it",
                    photo.orientation.to_exif()
                );
                return Err(Error::refused(path.display(), what)
                    .expected("a photo without EXIF orientation, or sides of different lengths that tell")
                    .remedy(format!(
                        "turn {} for good, for example with PIL's ImageOps.exif_transpose, and its mask if that is not upright",
                        self.pair.image.display()
                    )));
            }
            mask
        } else if is_upright {
            mask
        } else {
            self.note(TURNED, 1);
            mask.turned(photo.orientation)
        };
        if (mask.width, mask.height) != (width, height) {
            self.note(RESIZED, 1);
        }
        Ok(mask)
    }

    /// Labels of any number, 255 void; or 0 and 1 where 0 and the highest value are all there is.
    fn plain(&mut self, mask: &Mask, path: &Path) -> Result<Vec<u16>> {
        let full = match mask.storage {
            Storage::Grey { bits: 16 } if mask.values.contains(&65_535) => 65_535,
            // In other palettes 255 is the void of Pascal VOC.
            Storage::Palette { is_grey: false } => return Ok(self.described(mask, classes::plain, true)),
            _ => 255,
        };
        if mask.values.contains(&0) && mask.values.contains(&full) && mask.values.iter().all(|&v| v == 0 || v == full) {
            self.note(OBJECTS, 1);
            return Ok(mask.values.iter().map(|&value| u16::from(value == full)).collect());
        }
        if let Some(levels) = soft_levels(mask) {
            let what = format!("has {levels} grey levels between 0 and {full} that differ from pixel to pixel, as soft edges do");
            return Err(Error::refused(path.display(), what)
                .expected("one number a class")
                .remedy("make it a mask of 0 and 255 by a threshold, or scale it without interpolation"));
        }
        Ok(self.described(mask, classes::plain, true))
    }

    fn described(&mut self, mask: &Mask, meaning: fn(u32) -> Meaning, has_void: bool) -> Vec<u16> {
        let words = match mask.storage {
            Storage::Palette { .. } => "as palette indices".to_owned(),
            Storage::Grey { bits: 8 } => "as grey values".to_owned(),
            Storage::Grey { bits: 1 } => "as values of 1 bit".to_owned(),
            Storage::Grey { bits } => format!("as grey values of {bits} bits"),
            Storage::GreyAsColours => "as grey values, stored as colours".to_owned(),
            Storage::Colours => "as colours".to_owned(),
        };
        let meanings: Vec<Meaning> = mask.values.iter().map(|&value| meaning(value)).collect();
        let is_void = |of: &dyn Fn(u32) -> bool| mask.values.iter().zip(&meanings).any(|(&v, &m)| m == Meaning::Void && of(v));
        let void = if has_void && is_void(&|value| value == 255) {
            VOID
        } else if has_void && is_void(&|_| true) {
            ", some pixels void"
        } else {
            ""
        };
        self.note(words + void, 1);
        let unknown = meanings.iter().filter(|&&meaning| meaning == Meaning::Unknown).count();
        if unknown > 0 {
            self.note(UNKNOWN, unknown as u64);
        }
        meanings.into_iter().map(Meaning::label).collect()
    }
}

/// How many grey levels a mask has that are no labels: the edges of resampled or compressed masks, in which most pixels are unlike
/// all four neighbours. `None` for masks of labels, which have areas.
fn soft_levels(mask: &Mask) -> Option<usize> {
    const FEWEST: usize = 8;
    let (width, values) = (mask.width, &mask.values);
    let is_between = |value: u32| value > 0 && value < 255;
    let mut levels: Vec<u32> = values.iter().copied().filter(|&value| is_between(value)).collect();
    let between = levels.len();
    levels.sort_unstable();
    levels.dedup();
    let is_alone = |i: usize| {
        let beside = [(!i.is_multiple_of(width), i.wrapping_sub(1)), (i % width + 1 < width, i + 1)];
        let around = [(i >= width, i.wrapping_sub(width)), (i + width < values.len(), i + width)];
        beside.into_iter().chain(around).all(|(is_there, j)| !is_there || values[j] != values[i])
    };
    let alone = || (0..values.len()).filter(|&i| is_between(values[i]) && is_alone(i)).count();
    (levels.len() >= FEWEST && 2 * alone() > between).then_some(levels.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(width: usize, values: Vec<u32>) -> Mask {
        let height = values.len() / width;
        let orientation = Orientation::NoTransforms;
        Mask { name: "m.png".to_owned(), width, height, values, storage: Storage::Grey { bits: 8 }, orientation }
    }

    #[test]
    fn soft_edges_are_told_from_labels() {
        let disc = |soft: bool| {
            let value = |i: usize| {
                let distance = ((i % 64) as f64 - 31.7).hypot((i / 64) as f64 - 30.2);
                let value = (20.0 - distance).clamp(0.0, 1.0) * 255.0;
                if soft { value.round() as u32 } else { 255 * u32::from(value > 127.0) }
            };
            mask(64, (0..64 * 64).map(value).collect())
        };
        assert!(soft_levels(&disc(true)).is_some_and(|levels| levels > 30));
        assert_eq!(soft_levels(&disc(false)), None);
        // Forty classes in squares of 8 x 8.
        let squares = (0..64 * 64).map(|i| (i % 64 / 8 + i / 512 * 8) as u32 % 40).collect();
        assert_eq!(soft_levels(&mask(64, squares)), None);
    }
}
