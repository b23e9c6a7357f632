//! How data sets lie on disk: where their pictures and masks are, which belong together, and what a mask's values mean.

mod find;
mod list;

use std::path::{Path, PathBuf};

pub(super) use find::Found;

use super::classes::{self, CAMVID, CITYSCAPES_27, COCO_STUFF_27, Meaning, POTSDAM, VOC};
use super::plan::{Data, Plan, Test};
use crate::domain::{Error, Result};

/// A way in which data sets lie on disk.
#[derive(Debug)]
pub struct Layout {
    /// Name on the command line.
    pub id: &'static str,
    /// One line: what lies where.
    pub summary: &'static str,
    /// What a mask's values mean.
    pub kind: Kind,
    /// Folders of pictures and of masks; the first pair that is there is taken.
    places: &'static [(&'static str, &'static str)],
    /// The name of a picture's mask, without its ending.
    mask: fn(&str) -> String,
    /// A file that lists the names to take, where the data set has one.
    list: Option<&'static str>,
}

/// What a mask's values mean.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One number a region, in a mask for each annotator.
    Regions,
    /// One number or colour a class.
    Classes {
        /// By their number, where they are known.
        names: &'static [&'static str],
        /// What a value means.
        meaning: fn(u32) -> Meaning,
        /// Whether the values are colours.
        is_coloured: bool,
    },
    /// There are no masks.
    Nothing,
}

/// A picture and its masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its path below the folder of pictures, without the ending.
    pub id: String,
    /// The picture.
    pub image: PathBuf,
    /// One mask, or one for each annotator.
    pub masks: Vec<PathBuf>,
    /// What is wrong with it before anything is read.
    pub fault: Option<Error>,
}

const fn classes(names: &'static [&'static str], meaning: fn(u32) -> Meaning) -> Kind {
    Kind::Classes { names, meaning, is_coloured: false }
}

fn same(stem: &str) -> String {
    stem.to_owned()
}

fn cityscapes_mask(stem: &str) -> String {
    stem.replace("_leftImg8bit", "_gtFine_labelIds")
}

fn potsdam_mask(stem: &str) -> String {
    stem.replace("_RGB", "_label")
}

const CITYSCAPES: &[(&str, &str)] =
    &[("leftImg8bit/val", "gtFine/val"), ("leftImg8bit/train", "gtFine/train"), ("leftImg8bit", "gtFine")];

/// Every layout, in the order in which `auto` tries them.
pub static LAYOUTS: &[Layout] = &[
    Layout {
        id: "voc",
        summary: "JPEGImages/ and SegmentationClass/, 21 classes, 255 ignored; those of ImageSets/Segmentation/val.txt",
        kind: classes(VOC, classes::voc),
        places: &[("JPEGImages", "SegmentationClass")],
        mask: same,
        list: Some("ImageSets/Segmentation/val.txt"),
    },
    Layout {
        id: "cityscapes",
        summary: "leftImg8bit/ and gtFine/*_labelIds.png, 27 classes, the rest ignored; val before train",
        kind: classes(CITYSCAPES_27, classes::cityscapes_27),
        places: CITYSCAPES,
        mask: cityscapes_mask,
        list: None,
    },
    Layout {
        id: "cityscapes19",
        summary: "the same with the benchmark's 19 classes",
        kind: classes(CITYSCAPES_27, classes::cityscapes_19),
        places: CITYSCAPES,
        mask: cityscapes_mask,
        list: None,
    },
    Layout {
        id: "cocostuff27",
        summary: "images/val2017 and annotations/val2017 (or stuffthingmaps) of 182 labels, as 27 coarse classes",
        kind: classes(COCO_STUFF_27, classes::coco_stuff_27),
        places: &[
            ("images/val2017", "annotations/val2017"),
            ("val2017", "stuffthingmaps/val2017"),
            ("val2017", "stuffthingmaps_trainval2017/val2017"),
            ("val2017", "annotations/val2017"),
        ],
        mask: same,
        list: None,
    },
    Layout {
        id: "ade20k",
        summary: "images/validation and annotations/validation, 150 classes, 0 ignored",
        kind: classes(&[], classes::ade20k),
        places: &[("images/validation", "annotations/validation"), ("images/training", "annotations/training")],
        mask: same,
        list: None,
    },
    Layout {
        id: "potsdam",
        summary: "2_Ortho_RGB/ and 5_Labels_all/ of the ISPRS, six classes by their colours",
        kind: Kind::Classes { names: POTSDAM, meaning: classes::potsdam, is_coloured: true },
        places: &[
            ("2_Ortho_RGB", "5_Labels_all"),
            ("2_Ortho_RGB", "5_Labels_for_participants"),
            ("2_Ortho_RGB", "5_Labels_all_noBoundary"),
        ],
        mask: potsdam_mask,
        list: None,
    },
    Layout {
        id: "camvid",
        summary: "images/ and masks/ in a folder called camvid, or test/ and testannot/; 11 classes, 11 ignored",
        kind: classes(CAMVID, classes::camvid),
        places: &[("test", "testannot"), ("val", "valannot"), ("train", "trainannot"), ("images", "masks")],
        mask: same,
        list: None,
    },
    Layout {
        id: "bsds500",
        summary: "NAME.jpg with NAME.0.png, NAME.1.png, .. beside it, one an annotator, one number a region",
        kind: Kind::Regions,
        places: &[("", "")],
        mask: same,
        list: None,
    },
    Layout {
        id: "plain",
        summary: "images/ and masks/ with the same names, one number (or palette index) a class, 255 ignored; masks of 0 and 255 alone are ground and object",
        kind: classes(&[], classes::plain),
        places: &[("images", "masks")],
        mask: same,
        list: None,
    },
    Layout {
        id: "pictures",
        summary: "pictures without masks, for faithfulness and randomization",
        kind: Kind::Nothing,
        places: &[("", "")],
        mask: same,
        list: None,
    },
];

/// The layout with an id.
///
/// # Errors
/// A refusal that lists the ids.
pub(super) fn by_id(id: &str) -> Result<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.id == id).ok_or_else(|| {
        let ids: Vec<&str> = LAYOUTS.iter().map(|layout| layout.id).collect();
        Error::refused(format!("--layout {id}"), "unknown layout").expected(format!("auto, {}", ids.join(", ")))
    })
}

/// The plan with the layout that its folder has.
///
/// # Errors
/// A refusal of a folder that has none, or not the one that is named.
pub(super) fn resolved(plan: &Plan) -> Result<(Plan, &'static Layout)> {
    let (data, needs_masks) = (&plan.data, matches!(plan.test, Test::Segments { .. }));
    if !data.images.exists() {
        return Err(Error::refused(data.images.display(), "is not there")
            .expected("a folder of pictures")
            .remedy("check the path"));
    }
    let layout = match data.layout.as_str() {
        "auto" if data.masks.is_some() => by_id("plain")?,
        "auto" => LAYOUTS.iter().find(|layout| layout.fits(data, needs_masks)).ok_or_else(|| unknown(&data.images))?,
        id => by_id(id)?,
    };
    if needs_masks && matches!(layout.kind, Kind::Nothing) {
        return Err(Error::refused("--layout pictures", "has no masks").expected("a layout with masks to score segments against"));
    }
    let data = Data { layout: layout.id.to_owned(), ..data.clone() };
    Ok((Plan { data, ..plan.clone() }, layout))
}

fn unknown(folder: &Path) -> Error {
    let refused = Error::refused(folder.display(), "no known layout of pictures and masks was found");
    refused_for_matlab(folder, &refused).unwrap_or_else(|| {
        refused
            .expected(
                "images/ and masks/ with the same names, or one of the layouts that `tokenscope evaluate segments --help` lists",
            )
            .remedy("name --layout, or --images and --masks")
    })
}

/// The Berkeley data set as it is handed out keeps its segmentations in MATLAB's own format.
fn refused_for_matlab(folder: &Path, refused: &Error) -> Option<Error> {
    if !holds_matlab(folder, 3) {
        return None;
    }
    let refused = refused.clone().expected("masks as pictures, and not as MATLAB files");
    Some(refused.remedy(
        "write each segmentation of groundTruth as NAME.K.png beside NAME.jpg, for example with scipy.io.loadmat and Pillow",
    ))
}

impl Layout {
    /// The name of a class; its number where names are not known.
    pub(super) fn class_name(&self, class: u16) -> String {
        let known = if let Kind::Classes { names, .. } = self.kind { names.get(usize::from(class)).copied() } else { None };
        known.map_or_else(|| format!("class {class}"), str::to_owned)
    }

    fn fits(&self, data: &Data, needs_masks: bool) -> bool {
        let folder = &data.images;
        let is_called = |name: &str| folder.components().any(|c| c.as_os_str().to_string_lossy().to_lowercase().contains(name));
        match self.kind {
            Kind::Nothing => !needs_masks,
            Kind::Regions => folder.is_dir() && self.has_regions(folder),
            Kind::Classes { .. } => self
                .place(folder)
                .is_some_and(|(images, _)| self.id != "camvid" || !images.ends_with("images") || is_called("camvid")),
        }
    }

    fn place(&self, folder: &Path) -> Option<(PathBuf, PathBuf)> {
        let places = self.places.iter().map(|(images, masks)| (folder.join(images), folder.join(masks)));
        places.into_iter().find(|(images, masks)| images.is_dir() && masks.is_dir())
    }
}

/// Whether a folder, or one up to three below it, holds a MATLAB file.
fn holds_matlab(folder: &Path, depth: usize) -> bool {
    let entries = || std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries().any(|path| path.extension().is_some_and(|e| e == "mat"))
        || depth > 0 && entries().filter(|path| path.is_dir()).any(|path| holds_matlab(&path, depth - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_named_after_their_pictures() {
        assert_eq!(cityscapes_mask("bonn_000000_000019_leftImg8bit"), "bonn_000000_000019_gtFine_labelIds");
        assert_eq!(potsdam_mask("top_potsdam_2_10_RGB"), "top_potsdam_2_10_label");
        assert_eq!(find::id(Path::new("a/b"), Path::new("a/b/c/d.e.jpg")), "c/d.e");
        assert!(by_id("nothing").unwrap_err().to_string().contains("cocostuff27"));
    }
}
