//! Classes of known data sets: names, and which pixel value is which.

use crate::measure::contingency::IGNORED;

/// The 21 classes of Pascal VOC, background first.
pub(super) const VOC: &[&str] = &[
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
];

/// The 11 classes of CamVid as SegNet groups them; 11 is void.
pub(super) const CAMVID: &[&str] =
    &["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"];

/// Cityscapes' labels by their id, from 7: those before are void.
pub(super) const CITYSCAPES_27: &[&str] = &[
    "road",
    "sidewalk",
    "parking",
    "rail track",
    "building",
    "wall",
    "fence",
    "guard rail",
    "bridge",
    "tunnel",
    "pole",
    "polegroup",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "caravan",
    "trailer",
    "train",
    "motorcycle",
    "bicycle",
];

/// Of these the 19 that the benchmark scores, by their id.
const CITYSCAPES_19: &[u32] = &[7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33];

/// The coarse classes of COCO-Stuff: things, then stuff.
pub(super) const COCO_STUFF_27: &[&str] = &[
    "electronic",
    "appliance",
    "food",
    "furniture",
    "indoor",
    "kitchen",
    "accessory",
    "animal",
    "outdoor",
    "person",
    "sports",
    "vehicle",
    "ceiling",
    "floor",
    "food (stuff)",
    "furniture (stuff)",
    "raw material",
    "textile",
    "wall",
    "window",
    "building",
    "ground",
    "plant",
    "sky",
    "solid",
    "structural",
    "water",
];

/// The coarse class of each of COCO-Stuff's 182 (its label hierarchy, as Ji et al., ICCV 2019, and STEGO score it).
const COCO_STUFF_COARSE: [u8; 182] = [
    9, 11, 11, 11, 11, 11, 11, 11, 11, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, 6, 6, 10, 10, 10, 10,
    10, 10, 10, 10, 10, 10, 5, 5, 5, 5, 5, 5, 5, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 1, 1, 4, 4, 4, 4, 4, 4, 4, 4, 17, 17, 22, 20, 20, 22, 15, 25, 16, 13, 12, 12, 17, 17, 23, 15, 15, 17, 15, 21, 15,
    25, 13, 13, 13, 13, 13, 22, 26, 14, 14, 15, 22, 21, 21, 24, 20, 22, 15, 17, 16, 15, 22, 24, 21, 17, 25, 16, 21, 17, 22, 16,
    21, 21, 25, 21, 26, 21, 24, 20, 17, 14, 21, 26, 15, 23, 20, 21, 24, 15, 24, 22, 25, 15, 20, 17, 17, 22, 14, 18, 18, 18, 18,
    18, 18, 18, 26, 26, 19, 19, 24,
];

/// The six classes of the ISPRS Potsdam labels and their colours.
pub(super) const POTSDAM: &[&str] = &["impervious surface", "building", "low vegetation", "tree", "car", "clutter"];
const POTSDAM_COLOURS: [u32; 6] = [0x00ff_ffff, 0x0000_00ff, 0x0000_ffff, 0x0000_ff00, 0x00ff_ff00, 0x00ff_0000];

/// What a value of a mask means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A class.
    Class(u16),
    /// A pixel that the data set does not label, by its own rules.
    Void,
    /// A value that the data set does not have. Such pixels are not scored either, but the user is told.
    Unknown,
}

impl Meaning {
    /// The label that is scored.
    pub(super) fn label(self) -> u16 {
        if let Self::Class(class) = self { class } else { IGNORED }
    }
}

/// One of `count` classes.
fn below(value: u32, count: usize) -> Meaning {
    u16::try_from(value).ok().filter(|v| usize::from(*v) < count).map_or(Meaning::Unknown, Meaning::Class)
}

fn unless(void: bool, meaning: impl FnOnce() -> Meaning) -> Meaning {
    if void { Meaning::Void } else { meaning() }
}

pub(super) fn voc(value: u32) -> Meaning {
    unless(value == 255, || below(value, VOC.len()))
}

pub(super) fn camvid(value: u32) -> Meaning {
    unless(value == 11 || value == 255, || below(value, CAMVID.len()))
}

pub(super) fn cityscapes_27(value: u32) -> Meaning {
    unless(value < 7 || value == 255, || below(value - 7, CITYSCAPES_27.len()))
}

pub(super) fn cityscapes_19(value: u32) -> Meaning {
    let meaning = cityscapes_27(value);
    unless(meaning != Meaning::Unknown && !CITYSCAPES_19.contains(&value), || meaning)
}

pub(super) fn coco_stuff_27(value: u32) -> Meaning {
    let coarse = || COCO_STUFF_COARSE.get(value as usize).map_or(Meaning::Unknown, |&class| Meaning::Class(u16::from(class)));
    unless(value == 255, coarse)
}

/// 0 is what nobody labelled; 150 classes follow.
pub(super) fn ade20k(value: u32) -> Meaning {
    unless(value == 0, || below(value - 1, 150))
}

/// Black is the border that some of the label sets leave out.
pub(super) fn potsdam(colour: u32) -> Meaning {
    let class = POTSDAM_COLOURS.iter().position(|&c| c == colour);
    unless(colour == 0, || class.map_or(Meaning::Unknown, |class| Meaning::Class(class as u16)))
}

/// Any label but 255, which most tools leave unlabelled pixels at, and 65535, its twin of 16 bits.
pub(super) fn plain(value: u32) -> Meaning {
    unless(value == 255 || value >= u32::from(IGNORED), || below(value, usize::from(IGNORED)))
}

/// Any number is a region.
pub(super) fn region(value: u32) -> Meaning {
    below(value, usize::from(IGNORED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_known_classes() {
        let label = |meaning: fn(u32) -> Meaning| move |value: u32| meaning(value).label();
        // person, bicycle, sky-other, wood; unlabelled.
        assert_eq!([0, 1, 156, 181, 255].map(label(coco_stuff_27)), [9, 11, 23, 24, IGNORED]);
        assert!(COCO_STUFF_COARSE.iter().all(|&c| usize::from(c) < COCO_STUFF_27.len()));
        assert_eq!([6, 7, 9, 33, 34].map(label(cityscapes_27)), [IGNORED, 0, 2, 26, IGNORED]);
        assert_eq!([7, 9, 23, 33].map(label(cityscapes_19)), [0, IGNORED, 16, 26]);
        assert_eq!([0, 1, 150, 151].map(label(ade20k)), [IGNORED, 0, 149, IGNORED]);
        assert_eq!([0, 20, 21, 255].map(label(voc)), [0, 20, IGNORED, IGNORED]);
        assert_eq!([0x00ff_0000, 0x0012_3456, 0].map(potsdam), [Meaning::Class(5), Meaning::Unknown, Meaning::Void]);
        assert_eq!([254, 255, 65_535, 70_000].map(label(plain)), [254, IGNORED, IGNORED, IGNORED]);
        // A value that the benchmark leaves out is not one that the data set lacks.
        assert_eq!([9, 33, 34, 255].map(cityscapes_19), [Meaning::Void, Meaning::Class(26), Meaning::Unknown, Meaning::Void]);
        assert_eq!([20, 57, 255].map(voc), [Meaning::Class(20), Meaning::Unknown, Meaning::Void]);
    }
}
