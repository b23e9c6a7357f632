//! Files of a figure, chosen by their extensions. Everything is made before anything is written, and each file is written
//! beside its place and then moved there: whatever goes wrong, no file is half a file, and an old one stays.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::style::FigureStyle;
use super::svg::Rasters;
use super::{data, png, record, svg};
use crate::domain::{Error, Notice, Result};
use crate::engine::Output;
use crate::engine::outputs::{self, Reads};
use crate::engine::whole_file::{WholeFile, refusal};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The figure in pixels.
    Png,
    /// The figure in vectors.
    Svg,
    /// The record.
    Json,
    /// Relevance, or labels.
    Npy,
    /// All arrays.
    Npz,
    /// Values with their tokens.
    Csv,
}

impl Kind {
    /// Every kind with its extension.
    pub const ALL: [(&'static str, Self); 6] = [
        ("png", Self::Png),
        ("svg", Self::Svg),
        ("json", Self::Json),
        ("npy", Self::Npy),
        ("npz", Self::Npz),
        ("csv", Self::Csv),
    ];

    /// The kind that a path's extension names, in small letters or capitals; `flag` is what it was named by.
    ///
    /// # Errors
    /// A refusal that lists the extensions.
    pub fn of(flag: &str, path: &Path) -> Result<Self> {
        outputs::check_ending(flag, path, &Self::ALL.map(|(name, _)| name))?;
        let extension = outputs::ending_of(path);
        let kind = Self::ALL.iter().find(|(name, _)| *name == extension).map(|(_, kind)| *kind);
        kind.ok_or_else(|| Error::Internal(format!("an unknown kind of file, {extension}")))
    }
}

/// Refuses, before any computing, paths that could not be written: an unknown extension, a folder that is not there, what is no
/// file, a file named twice. `flag` is what they were named by.
///
/// # Errors
/// A refusal that names the path.
pub fn check_paths(flag: &str, paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| Kind::of(flag, path).map(drop))?;
    outputs::check(flag, paths, &Reads::default())
}

/// Writes the files of an answer, and returns what the user should know of how they were drawn.
///
/// # Errors
/// A refusal of a path or of what cannot be drawn. Files are replaced one after the other, each whole or not at all.
pub fn write(output: &Output, style: &FigureStyle, paths: &[PathBuf]) -> Result<Vec<Notice>> {
    check_paths("--out", paths)?;
    let needs_layout = |kind: &Kind| matches!(kind, Kind::Png | Kind::Svg | Kind::Json);
    let kinds: Vec<Kind> = paths.iter().map(|path| Kind::of("--out", path)).collect::<Result<_>>()?;
    let layout = if kinds.iter().any(needs_layout) { Some(Layout::new(output, style)?) } else { None };
    let mut files = Vec::new();
    for (path, kind) in paths.iter().zip(kinds) {
        let bytes = match (kind, &layout) {
            (Kind::Png, Some(layout)) => png::bytes(layout)?,
            (Kind::Svg, Some(layout)) => svg::text(layout, Rasters::Embedded)?.into_bytes(),
            (Kind::Json, Some(layout)) => record::json(output, style, layout, paths)?.into_bytes(),
            (Kind::Npz, _) => data::npz(output, style)?,
            (Kind::Csv, _) => data::csv(output, style)?.into_bytes(),
            _ => data::npy(output, style)?,
        };
        files.push((path, bytes));
    }
    files.iter().try_for_each(|(path, bytes)| replace(path, bytes))?;
    Ok(layout.iter().filter_map(without_glyph).collect())
}

/// Says which characters are shown as their code points.
fn without_glyph(layout: &Layout) -> Option<Notice> {
    const MOST_NAMED: usize = 3;
    let (_, missing) = layout.letters();
    let mut named: Vec<String> = missing.iter().take(MOST_NAMED).map(|&c| format!("U+{:04X}", u32::from(c))).collect();
    if missing.len() > MOST_NAMED {
        named.push("..".to_owned());
    }
    let (count, shown) = match missing.len() {
        0 => return None,
        1 => ("1 character is in no font of this machine and is".to_owned(), "its code point"),
        count => (format!("{count} characters are in no font of this machine and are"), "their code points"),
    };
    let what = format!("{count} shown as {shown}: {}", named.join(", "));
    Some(Notice::new("the figure", what).remedy("install a font that has them, such as Noto"))
}

/// Puts a file in its place at once.
///
/// # Errors
/// A refusal that names the path and what the system says.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|err| refusal(path, &err))?;
    file.finish()
}
