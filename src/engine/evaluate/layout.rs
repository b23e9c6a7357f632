//! How data sets lie on disk: where their pictures and masks are, which belong together, and what a mask's values mean.

use std::path::{Path, PathBuf};

use super::classes::{self, CAMVID, CITYSCAPES_27, COCO_STUFF_27, POTSDAM, VOC};
use super::plan::{Data, Plan, Test};
use crate::domain::path::escaped;
use crate::domain::{Error, Result};
use crate::input::picture::EXTENSIONS;

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
        /// The class of a value.
        class: fn(u32) -> u16,
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
}

const fn classes(names: &'static [&'static str], class: fn(u32) -> u16) -> Kind {
    Kind::Classes { names, class, is_coloured: false }
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
        kind: Kind::Classes { names: POTSDAM, class: classes::potsdam, is_coloured: true },
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
        summary: "images/ and masks/ with the same names, one number (or palette entry) a class, 255 ignored",
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
    walk(folder, &|path| path.extension().is_some_and(|e| e == "mat")).next()?;
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
            Kind::Regions => folder.is_dir() && self.pairs(folder, folder).next().is_some(),
            Kind::Classes { .. } => self
                .place(folder)
                .is_some_and(|(images, _)| self.id != "camvid" || !images.ends_with("images") || is_called("camvid")),
        }
    }

    fn place(&self, folder: &Path) -> Option<(PathBuf, PathBuf)> {
        let places = self.places.iter().map(|(images, masks)| (folder.join(images), folder.join(masks)));
        places.into_iter().find(|(images, masks)| images.is_dir() && masks.is_dir())
    }

    /// The pictures of a plan, by their ids, before they are divided into shards.
    ///
    /// # Errors
    /// A refusal where there is none.
    pub(super) fn find(&self, plan: &Plan) -> Result<Vec<Pair>> {
        let data = &plan.data;
        let mut pairs: Vec<Pair> = match &data.masks {
            _ if data.images.is_file() => vec![pair(folder_of_file(&data.images), &data.images, Vec::new())],
            Some(masks) => self.pairs(&data.images, masks).collect(),
            None => {
                let lacks = || {
                    let places: Vec<String> = self.places.iter().map(|(i, m)| format!("{i}/ and {m}/")).collect();
                    Error::refused(data.images.display(), format!("does not lie as {} does", self.id))
                        .expected(places.join(", or "))
                };
                let (images, masks) = self.place(&data.images).ok_or_else(lacks)?;
                self.pairs(&images, &masks).collect()
            }
        };
        pairs.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(list) = self.list.map(|list| data.images.join(list)).and_then(|path| std::fs::read_to_string(path).ok()) {
            let names: std::collections::BTreeSet<&str> = list.split_whitespace().collect();
            pairs.retain(|pair| names.contains(pair.id.as_str()));
        }
        if let Some(twice) = pairs.windows(2).find(|two| two[0].id == two[1].id) {
            return Err(Error::refused(twice[0].image.display(), "there are two pictures of that name")
                .expected("one, whatever its ending"));
        }
        if pairs.is_empty() {
            let refused = Error::refused(data.images.display(), "no picture with a mask was found");
            return Err(refused_for_matlab(&data.images, &refused).unwrap_or_else(|| refused.expected(self.summary)));
        }
        pairs.truncate(data.limit.unwrap_or(usize::MAX));
        Ok(pairs)
    }

    fn pairs<'a>(&'a self, images: &'a Path, masks: &'a Path) -> impl Iterator<Item = Pair> + 'a {
        walk(images, &is_picture).filter_map(move |image| {
            let stem = image.file_stem()?.to_string_lossy().into_owned();
            let beside = masks.join(image.parent()?.strip_prefix(images).ok()?);
            let masks: Vec<PathBuf> = match self.kind {
                Kind::Nothing => return Some(pair(images, &image, Vec::new())),
                Kind::Regions => {
                    (0..).map(|k| beside.join(format!("{stem}.{k}.png"))).take_while(|mask| mask.is_file()).collect()
                }
                Kind::Classes { .. } => {
                    let name = (self.mask)(&stem);
                    let named = ["png", "tif", "tiff", "bmp", "gif"].map(|ending| beside.join(format!("{name}.{ending}")));
                    named.into_iter().find(|mask| mask.is_file()).into_iter().collect()
                }
            };
            (!masks.is_empty()).then(|| pair(images, &image, masks))
        })
    }
}

fn folder_of_file(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

fn pair(folder: &Path, image: &Path, masks: Vec<PathBuf>) -> Pair {
    let id = image.strip_prefix(folder).unwrap_or(image).with_extension("");
    // A backslash in the name of a file is one; between folders it is Windows' slash.
    let id = escaped(&id).into_owned();
    let id = if cfg!(windows) { id.replace('\\', "/") } else { id };
    Pair { id, image: image.to_owned(), masks }
}

fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// Folders below a folder that are looked into.
const MOST_DEEP: usize = 3;

/// The files below a folder that are wanted, in order; what cannot be read is passed by.
fn walk<'a>(folder: &Path, is_wanted: &'a dyn Fn(&Path) -> bool) -> Box<dyn Iterator<Item = PathBuf> + 'a> {
    fn below(folder: &Path, depth: usize, is_wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() && depth < MOST_DEEP {
                below(&path, depth + 1, is_wanted, found);
            } else if is_wanted(&path) && path.is_file() {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(folder, 0, is_wanted, &mut found);
    Box::new(found.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_named_after_their_pictures() {
        assert_eq!(cityscapes_mask("bonn_000000_000019_leftImg8bit"), "bonn_000000_000019_gtFine_labelIds");
        assert_eq!(potsdam_mask("top_potsdam_2_10_RGB"), "top_potsdam_2_10_label");
        let pair = pair(Path::new("a/b"), Path::new("a/b/c/d.e.jpg"), Vec::new());
        assert_eq!(pair.id, "c/d.e");
        assert!(by_id("nothing").unwrap_err().to_string().contains("cocostuff27"));
    }
}
