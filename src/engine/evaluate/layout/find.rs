//! The pictures of a data set with their masks, and what was left out on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::left_out::{LeftOut, Reason};
use super::super::plan::{Plan, Test};
use super::{Kind, Layout, Pair, list, refused_for_matlab};
use crate::domain::path::escaped;
use crate::domain::{Error, Result};
use crate::input::folder::{self, Listing, Why};
use crate::input::picture::file_name;

/// Folders below a folder that are looked into, one in the other.
const MOST_DEEP: usize = 3;
/// Endings of masks that keep labels as they are; the first that is there is taken.
const MASKS: &[&str] = &["png", "tif", "tiff", "bmp", "gif"];
/// Endings of masks that do not, and are refused when they are read.
const LOSSY: &[&str] = &["webp", "jpg", "jpeg"];

/// The pictures of a data set.
#[derive(Debug)]
pub(in super::super) struct Found {
    /// By their ids.
    pub(in super::super) pairs: Vec<Pair>,
    /// What was not counted.
    pub(in super::super) left_out: Vec<LeftOut>,
}

impl Layout {
    /// The pictures of a plan before they are divided into shards, by their ids, and what was left out.
    ///
    /// # Errors
    /// A refusal of a folder or list that cannot be read, and where there is no picture.
    pub(in super::super) fn find(&self, plan: &Plan) -> Result<Found> {
        let data = &plan.data;
        let needs_masks = matches!(plan.test, Test::Segments { .. });
        if data.images.is_file() {
            return self.of_file(&data.images, needs_masks);
        }
        let (images, masks) = match &data.masks {
            Some(masks) => (data.images.clone(), masks.clone()),
            None => self.place(&data.images).ok_or_else(|| {
                let places: Vec<String> = self.places.iter().map(|(i, m)| format!("{i}/ and {m}/")).collect();
                Error::refused(data.images.display(), format!("does not lie as {} does", self.id)).expected(places.join(", or "))
            })?,
        };
        let listing = folder::pictures(&images, MOST_DEEP)?;
        let mut search = Search { layout: self, images: &images, masks: BTreeMap::new(), left_out: Vec::new() };
        let pictures = match self.kind {
            Kind::Regions => search.split(&listing.files),
            Kind::Classes { .. } if needs_masks => {
                search.index(&folder::pictures(&masks, MOST_DEEP)?.files, &masks);
                listing.files.clone()
            }
            Kind::Classes { .. } | Kind::Nothing => listing.files.clone(),
        };
        let pictures = search.by_id(pictures);
        let pictures = match self.list.map(|list| (list, data.images.join(list))) {
            Some((shown, path)) if data.masks.is_none() => search.listed(pictures, (shown, &path))?,
            _ => pictures,
        };
        let with_masks = needs_masks || matches!(self.kind, Kind::Regions);
        let mut pairs = search.pairs(pictures, with_masks);
        if pairs.is_empty() {
            return Err(search.nothing(&data.images));
        }
        search.pass(&listing);
        pairs.truncate(data.limit.unwrap_or(usize::MAX));
        Ok(Found { pairs, left_out: search.left_out })
    }

    /// Whether a picture of a folder has regions beside it.
    pub(super) fn has_regions(&self, folder: &Path) -> bool {
        let mut search = Search { layout: self, images: folder, masks: BTreeMap::new(), left_out: Vec::new() };
        let files = folder::pictures(folder, MOST_DEEP).map(|listing| listing.files).unwrap_or_default();
        let pictures = search.split(&files);
        pictures.iter().any(|picture| search.masks.contains_key(&id(folder, picture)))
    }

    fn of_file(&self, image: &Path, needs_masks: bool) -> Result<Found> {
        if needs_masks {
            return Err(Error::refused(image.display(), "is a file").expected("the folder of a data set"));
        }
        let folder = image.parent().unwrap_or_else(|| Path::new(""));
        let pair = Pair { id: id(folder, image), image: image.to_owned(), masks: Vec::new(), fault: None };
        Ok(Found { pairs: vec![pair], left_out: Vec::new() })
    }
}

/// The path of a file below a folder, without its ending.
pub(super) fn id(folder: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(folder).unwrap_or(file).with_extension("");
    // A backslash in the name of a file is one; between folders it is the slash of Windows.
    let id = escaped(&inner).into_owned();
    if cfg!(windows) { id.replace('\\', "/") } else { id }
}

struct Search<'a> {
    layout: &'a Layout,
    images: &'a Path,
    /// Masks by the id that they are named after; of regions with the annotator's number.
    masks: BTreeMap<String, Vec<(usize, PathBuf)>>,
    left_out: Vec<LeftOut>,
}

impl Search<'_> {
    fn leave(&mut self, reason: Reason, names: Vec<String>) {
        if !names.is_empty() {
            self.left_out.push(LeftOut::new(&reason, names));
        }
    }

    /// Notes the masks of a folder.
    fn index(&mut self, files: &[PathBuf], folder: &Path) {
        let rank = |file: &PathBuf| {
            let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            MASKS.iter().chain(LOSSY).position(|known| *known == ending)
        };
        for file in files {
            if let Some(rank) = rank(file) {
                self.masks.entry(id(folder, file)).or_default().push((rank, file.clone()));
            }
        }
    }

    /// Tells the pictures of a folder from the masks of regions beside them: `NAME.K.png` of annotator K.
    fn split(&mut self, files: &[PathBuf]) -> Vec<PathBuf> {
        let mut pictures = Vec::new();
        for file in files {
            let whole = id(self.images, file);
            let annotator = whole.rsplit_once('.').and_then(|(name, number)| Some((name, number.parse::<usize>().ok()?)));
            match annotator.filter(|_| folder::ends_with(file, MASKS)) {
                Some((name, number)) => self.masks.entry(name.to_owned()).or_default().push((number, file.clone())),
                None => pictures.push(file.clone()),
            }
        }
        self.masks.values_mut().for_each(|masks| masks.sort());
        pictures
    }

    fn by_id(&self, pictures: Vec<PathBuf>) -> BTreeMap<String, Vec<PathBuf>> {
        let mut by_id: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        pictures.into_iter().for_each(|picture| by_id.entry(id(self.images, &picture)).or_default().push(picture));
        by_id
    }

    /// The pictures that a list names.
    fn listed(
        &mut self,
        mut pictures: BTreeMap<String, Vec<PathBuf>>,
        (shown, path): (&'static str, &Path),
    ) -> Result<BTreeMap<String, Vec<PathBuf>>> {
        let Some(names) = list::read(path)? else {
            self.left_out.push(LeftOut::new(&Reason::NoList(shown), Vec::new()));
            return Ok(pictures);
        };
        let (mut listed, mut absent) = (BTreeMap::new(), Vec::new());
        for name in names.into_iter().collect::<BTreeSet<String>>() {
            // Some lists keep the ending.
            let bare = if folder::is_picture(Path::new(&name)) { id(Path::new(""), Path::new(&name)) } else { name.clone() };
            match pictures.remove_entry(&name).or_else(|| pictures.remove_entry(&bare)) {
                Some((id, files)) => drop(listed.insert(id, files)),
                None if listed.contains_key(&bare) => {}
                None => absent.push(name),
            }
        }
        if listed.is_empty() {
            return Err(Error::refused(path.display(), format!("none of its {} names is a picture", absent.len()))
                .expected("names of pictures without their endings, one a line"));
        }
        self.leave(Reason::Absent(shown), absent);
        self.leave(Reason::Unlisted(shown), pictures.into_keys().collect());
        Ok(listed)
    }

    /// The name of a picture's mask, with the folder it lies in.
    fn mask_of(&self, id: &str) -> String {
        match id.rsplit_once('/') {
            Some((folder, stem)) => format!("{folder}/{}", (self.layout.mask)(stem)),
            None => (self.layout.mask)(id),
        }
    }

    fn pairs(&mut self, pictures: BTreeMap<String, Vec<PathBuf>>, with_masks: bool) -> Vec<Pair> {
        let (mut pairs, mut bare, mut twice) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = Seen::of(pictures.values().flatten());
        for (id, files) in pictures {
            let masks = if with_masks { self.masks.remove(&self.mask_of(&id)).unwrap_or_default() } else { Vec::new() };
            if with_masks && masks.is_empty() {
                bare.push(file_name(&files[0]));
                continue;
            }
            let (masks, fault) = self.chosen(masks);
            let fault = fault.or_else(|| several(&files, "pictures of that name"));
            if seen.is_known(&files[0], &masks) {
                twice.push(file_name(&files[0]));
                continue;
            }
            pairs.push(Pair { id, image: files[0].clone(), masks, fault });
        }
        self.leave(Reason::NoMask, bare);
        self.leave(Reason::Same, twice);
        // Other layouts keep more beside their masks.
        if with_masks && (self.layout.mask)("name") == "name" && self.layout.list.is_none() {
            let alone = std::mem::take(&mut self.masks);
            self.leave(Reason::NoPicture, alone.values().flatten().map(|(_, mask)| file_name(mask)).collect());
        }
        pairs
    }

    /// The masks that count, and what is wrong with them: one of classes, all of regions.
    fn chosen(&self, mut masks: Vec<(usize, PathBuf)>) -> (Vec<PathBuf>, Option<Error>) {
        masks.sort();
        let files: Vec<PathBuf> = masks.iter().map(|(_, mask)| mask.clone()).collect();
        if matches!(self.layout.kind, Kind::Regions) {
            return (files, None);
        }
        let sound: Vec<PathBuf> = files.iter().filter(|file| folder::ends_with(file, MASKS)).cloned().collect();
        let fault = several(&sound, "masks of that name");
        (files.into_iter().take(1).collect(), fault)
    }

    /// Says what the list of files passed by.
    fn pass(&mut self, listing: &Listing) {
        let of = |why: Why| {
            let inner = |path: &PathBuf| path.strip_prefix(self.images).unwrap_or(path).display().to_string();
            listing.passed.iter().filter(|(w, _)| *w == why).map(|(_, path)| inner(path)).collect::<Vec<_>>()
        };
        let passed = [
            (Reason::Hidden, of(Why::Hidden)),
            (Reason::Twice, of(Why::Twice)),
            (Reason::Deep(MOST_DEEP), of(Why::Deep)),
            (Reason::Unreadable, of(Why::Unreadable)),
            (Reason::Dangling, of(Why::Dangling)),
            (Reason::OtherKind, of(Why::OtherKind)),
        ];
        passed.into_iter().for_each(|(reason, names)| self.leave(reason, names));
    }

    fn nothing(&self, folder: &Path) -> Error {
        let refused = Error::refused(folder.display(), "no picture with a mask was found");
        refused_for_matlab(folder, &refused).unwrap_or_else(|| match self.left_out.first() {
            Some(left_out) => refused.expected(self.layout.summary).remedy(format!("left out: {left_out}")),
            None => refused.expected(self.layout.summary),
        })
    }
}

fn several(files: &[PathBuf], what: &str) -> Option<Error> {
    let (first, rest) = files.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let names: Vec<String> = rest.iter().map(|file| file_name(file)).collect();
    let what = format!("there are {} {what}, {} too", files.len(), names.join(", "));
    Some(Error::refused(first.display(), what).expected("one, whatever its ending").remedy("move the others away"))
}

/// Which files were counted, so that a link to one of them does not count again.
struct Seen {
    /// Whether any picture is a link at all.
    has_links: bool,
    files: BTreeSet<Vec<PathBuf>>,
}

impl Seen {
    fn of<'a>(mut pictures: impl Iterator<Item = &'a PathBuf>) -> Self {
        Self { has_links: pictures.any(|picture| picture.is_symlink()), files: BTreeSet::new() }
    }

    /// Whether the same picture with the same masks came before.
    fn is_known(&mut self, picture: &Path, masks: &[PathBuf]) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.has_links
            && !self.files.insert(std::iter::once(picture).chain(masks.iter().map(PathBuf::as_path)).map(real).collect())
    }
}
