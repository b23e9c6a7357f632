//! The pictures below a folder, each once, and what was passed by.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::picture::EXTENSIONS;
use crate::domain::Result;
use crate::store::unreadable;

/// Endings of pictures that this program does not read.
const OTHER_KINDS: &[&str] =
    &["heic", "heif", "avif", "jxl", "jp2", "jfif", "jpe", "svg", "psd", "tga", "exr", "hdr", "ico", "dng", "nef", "cr2", "arw"];

/// Why something was passed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The name of a picture, or of a folder above it, begins with a dot, or is one that an archiver or a server makes.
    Hidden,
    /// A link leads to a folder that was read under another name.
    Twice,
    /// A folder lies too deep.
    Deep,
    /// A folder cannot be listed.
    Unreadable,
    /// A link leads nowhere.
    Dangling,
    /// A picture is of a kind that is not read.
    OtherKind,
}

/// What lies below a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Pictures, by their names; sorted.
    pub files: Vec<PathBuf>,
    /// What was passed by; sorted.
    pub passed: Vec<(Why, PathBuf)>,
}

/// Whether a name ends as those of pictures do.
pub fn is_picture(path: &Path) -> bool {
    ends_with(path, EXTENSIONS)
}

/// Whether a name ends in one of several endings, in upper or lower case.
pub fn ends_with(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|e| endings.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// Lists the pictures of a folder and of those below it, down to a depth; 0 lists the folder alone. Links are followed after
/// everything else, so that a folder keeps its own name.
///
/// # Errors
/// A refusal of a folder that cannot be listed.
pub fn pictures(folder: &Path, depth: usize) -> Result<Listing> {
    drop(std::fs::read_dir(folder).map_err(|err| unreadable(folder, &err).expected("a folder of pictures"))?);
    let mut walk = Walk { depth, seen: BTreeSet::new(), links: Vec::new(), listing: Listing::default() };
    walk.folder(folder, Place { depth: 0, is_hidden: false });
    while let Some((path, place)) = walk.links.pop() {
        walk.folder(&path, place);
    }
    walk.listing.files.sort();
    walk.listing.passed.sort();
    Ok(walk.listing)
}

struct Walk {
    depth: usize,
    /// Folders that were read, by their real paths.
    seen: BTreeSet<PathBuf>,
    /// Links to folders that were not read yet.
    links: Vec<(PathBuf, Place)>,
    listing: Listing,
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    is_hidden: bool,
}

impl Walk {
    fn pass(&mut self, why: Why, path: &Path, place: Place) {
        if !place.is_hidden || why == Why::Hidden {
            self.listing.passed.push((why, path.to_owned()));
        }
    }

    fn folder(&mut self, folder: &Path, place: Place) {
        let Ok(real) = folder.canonicalize() else { return self.pass(Why::Unreadable, folder, place) };
        if !self.seen.insert(real) {
            return self.pass(Why::Twice, folder, place);
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return self.pass(Why::Unreadable, folder, place) };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        // The last link is followed first.
        let mut links = Vec::new();
        for path in paths {
            let inner = Place { depth: place.depth + 1, is_hidden: place.is_hidden || is_hidden(&path) };
            match (path.is_dir(), path.is_symlink()) {
                (true, _) if self.depth == 0 => {}
                (true, _) if place.depth >= self.depth => self.pass(Why::Deep, &path, inner),
                (true, true) => links.push((path, inner)),
                (true, false) => self.folder(&path, inner),
                (false, _) => self.file(path, inner),
            }
        }
        self.links.extend(links.into_iter().rev());
    }

    fn file(&mut self, path: PathBuf, place: Place) {
        if !is_picture(&path) {
            if ends_with(&path, OTHER_KINDS) && path.is_file() {
                self.pass(Why::OtherKind, &path, place);
            }
        } else if path.is_file() {
            if place.is_hidden {
                self.pass(Why::Hidden, &path, place);
            } else {
                self.listing.files.push(path);
            }
        } else if path.is_symlink() {
            self.pass(Why::Dangling, &path, place);
        }
    }
}

/// Names that file managers, notebooks, archivers and servers leave behind.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || matches!(&*name, "__MACOSX" | "@eaDir" | "$RECYCLE.BIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn every_picture_is_listed_once_and_the_rest_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b/deep/deeper/x.png", "b/1.JPG", ".ipynb_checkpoints/1.png", "b/._1.jpg", "2.heic", "notes.txt", "3.png"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir(path("c")).unwrap();
        for (to, name) in [("../b", "c/again"), (".", "loop"), ("b", "a"), ("nowhere.png", "gone.png"), ("3.png", "4.png")] {
            std::os::unix::fs::symlink(to, path(name)).unwrap();
        }
        let listing = pictures(folder.path(), 2).unwrap();
        let names = |paths: Vec<&PathBuf>| -> Vec<String> {
            paths.iter().map(|p| p.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(listing.files.iter().collect()), ["3.png", "4.png", "b/1.JPG"]);
        let passed = |why: Why| names(listing.passed.iter().filter(|(w, _)| *w == why).map(|(_, p)| p).collect());
        assert_eq!(passed(Why::Hidden), [".ipynb_checkpoints/1.png", "b/._1.jpg"]);
        assert_eq!(passed(Why::Twice), ["a", "c/again", "loop"]);
        assert_eq!(passed(Why::Deep), ["b/deep/deeper"]);
        assert_eq!(passed(Why::Dangling), ["gone.png"]);
        assert_eq!(passed(Why::OtherKind), ["2.heic"]);
        assert!(pictures(&path("nowhere"), 2).is_err());
        assert_eq!(names(pictures(folder.path(), 0).unwrap().files.iter().collect()), ["3.png", "4.png"]);
    }
}
