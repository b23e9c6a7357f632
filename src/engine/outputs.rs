//! Where answers may be written: not over what they are made from, and not twice over each other.

use std::path::{Path, PathBuf};

use super::place::{knob_files, model_path};
use super::whole_file::{check as check_place, place_of};
use crate::domain::request::{ModelRef, Request};
use crate::domain::{Error, Result};
use crate::store::folder_of;

/// Files that a command reads, each with what it is in a sentence: `is the input`.
#[derive(Clone, Debug, Default)]
pub struct Reads(Vec<(PathBuf, &'static str)>);

impl Reads {
    /// Those of a request: its input, its model, and the files that parameters name.
    pub fn of(request: &Request) -> Self {
        let mut reads = Self::default();
        request.input.path().into_iter().for_each(|path| reads.add(path, "is the input"));
        reads.add_model(&request.model);
        knob_files(request).for_each(|path| reads.add(&path, "is read by another flag"));
        request.params.scalar.file().into_iter().for_each(|path| reads.add(path, "is read by --scalar"));
        reads
    }

    /// Adds a file.
    pub fn add(&mut self, path: &Path, what: &'static str) {
        self.0.push((path.to_owned(), what));
    }

    /// Adds those of another command or request.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Adds a model and the files of its folder.
    pub fn add_model(&mut self, model: &ModelRef) {
        if let Some(path) = model_path(model) {
            self.add(&path, "is the model");
            let folder = if path.is_dir() { path.as_path() } else { folder_of(&path) };
            files_of_model(folder).for_each(|file| self.add(&file, "is the model"));
        }
    }
}

/// The extension of a path in small letters; empty where it has none.
pub fn ending_of(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Refuses a path whose extension is none of some; `flag` is what it was named by.
///
/// # Errors
/// A refusal that lists the extensions.
pub fn check_ending(flag: &str, path: &Path, known: &[&str]) -> Result<()> {
    let ending = ending_of(path);
    if known.contains(&ending.as_str()) {
        return Ok(());
    }
    let what = if ending.is_empty() { "no extension".to_owned() } else { format!("unknown extension .{ending}") };
    let known: Vec<String> = known.iter().map(|ending| format!(".{ending}")).collect();
    let expected = if let [one] = known.as_slice() { format!("a name that ends in {one}") } else { known.join(", ") };
    Err(Error::refused(format!("{flag} {}", path.display()), what).expected(expected).remedy("choose another name"))
}

/// Refuses, before any computing, outputs that cannot be written, that would replace what is read, or that are one file twice;
/// `flag` is what they were named by.
///
/// # Errors
/// A refusal that names the output.
pub fn check(flag: &str, outputs: &[PathBuf], reads: &Reads) -> Result<()> {
    for (n, output) in outputs.iter().enumerate() {
        check_place(flag, output)?;
        let refused = |what: &str| Error::refused(format!("{flag} {}", output.display()), what).expected("another file");
        if let Some((_, what)) = reads.0.iter().find(|(read, _)| is_same(read, output)) {
            return Err(refused(what).remedy("choose another name"));
        }
        if let Some(first) = outputs[..n].iter().find(|first| is_same(first, output)) {
            let what = if first == output { "is named twice".to_owned() } else { format!("is the file {} too", first.display()) };
            return Err(refused(&what).remedy("name each file once"));
        }
    }
    Ok(())
}

/// Whether two names lead to one file, there or not: by other spellings, links, or second names of a file.
fn is_same(a: &Path, b: &Path) -> bool {
    spelled(a) == spelled(b) || is_one_file(a, b)
}

/// The one spelling that all names of a place share: of its folder the real path, of the file itself the name.
fn spelled(path: &Path) -> PathBuf {
    let place = place_of(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&place);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = place.file_name().unwrap_or_default();
    // There a name in capitals is the same name.
    if cfg!(any(windows, target_os = "macos")) { folder.join(name.to_ascii_lowercase()) } else { folder.join(name) }
}

#[cfg(unix)]
fn is_one_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |path: &Path| path.metadata().ok().map(|facts| (facts.dev(), facts.ino()));
    inode(a).is_some_and(|of_a| inode(b) == Some(of_a))
}

#[cfg(not(unix))]
fn is_one_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// The files in a model folder that a model is loaded from.
fn files_of_model(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let is_read = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_weights = name.ends_with(".safetensors") && name.starts_with("model") || name.starts_with("pytorch_model");
        let is_vocabulary = matches!(
            &*name,
            "tokenizer.json" | "vocab.txt" | "vocab.json" | "merges.txt" | "added_tokens.json" | "special_tokens_map.json"
        );
        is_weights || is_vocabulary || name.ends_with("config.json") || name.ends_with(".index.json")
    };
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_read)
}
