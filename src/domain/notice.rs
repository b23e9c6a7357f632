//! Notices: what the user should know about an answer that was given all the same, such as a text that was cut or values that
//! were clipped. An answer that would be wrong is refused instead: see [`super::Error`].

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One fact about an input or a model that an answer depends on and does not show.
///
/// The command line prints notices on stderr, the window lists them, and records keep them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The file, weight or parameter that it is about.
    pub place: String,
    /// What was done, or left undone, in one sentence without a full stop.
    pub what: String,
    /// What the user can do about it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Notice {
    /// A notice about a place.
    pub fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { place: place.to_string(), what: what.to_string(), remedy: String::new() }
    }

    /// Names the file alone where the place is a path: for readers who know the folder.
    #[must_use]
    pub fn without_folder(&self) -> Self {
        let name = Path::new(&self.place).file_name().map(|name| name.to_string_lossy().into_owned());
        Self { place: name.unwrap_or_else(|| self.place.clone()), ..self.clone() }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn remedy(mut self, text: impl fmt::Display) -> Self {
        self.remedy = text.to_string();
        self
    }
}

/// Everything that an answer depends on and does not show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices {
    /// How the picture or text was read, and the phrases that it was compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Notice>,
    /// How the checkpoint, its tokenizer or its image processor was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model: Vec<Notice>,
}

impl Notices {
    /// Returns all notices, those about the model first.
    pub fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.model.iter().chain(&self.input)
    }

    /// Returns whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && self.model.is_empty()
    }

    /// As [`Notice::without_folder`].
    #[must_use]
    pub fn without_folders(&self) -> Self {
        let named = |notices: &[Notice]| notices.iter().map(Notice::without_folder).collect();
        Self { input: named(&self.input), model: named(&self.model) }
    }

    /// Adds notices that are not there yet.
    pub fn add(&mut self, others: &Self) {
        for (ours, theirs) in [(&mut self.input, &others.input), (&mut self.model, &others.model)] {
            for notice in theirs {
                if !ours.contains(notice) {
                    ours.push(notice.clone());
                }
            }
        }
    }
}

impl fmt::Display for Notice {
    /// One line that a terminal can show, whatever names from a file the parts contain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{}: {}", super::error::shortened(&self.place), super::error::shortened(&self.what));
        if !self.remedy.is_empty() {
            line += &format!("; {}", self.remedy);
        }
        f.write_str(&line.replace(char::is_control, " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_files_without_their_folders() {
        let place = |place: &str| Notice::new(place, "").without_folder().place;
        assert_eq!(["/a/b c.png", "x/model/", "the text"].map(place), ["b c.png", "model", "the text"]);
    }

    #[test]
    fn notices_are_added_once() {
        let notice = Notice::new("a", "b");
        let mut notices = Notices { input: vec![notice.clone()], model: Vec::new() };
        notices.add(&Notices { input: vec![notice.clone()], model: vec![notice.clone()] });
        assert_eq!(notices, Notices { input: vec![notice.clone()], model: vec![notice] });
    }

    #[test]
    fn a_notice_is_one_line() {
        let notice = Notice::new("a\nb.png", "values over 255 were clipped").remedy("scale them first");
        assert_eq!(notice.to_string(), "a b.png: values over 255 were clipped; scale them first");
    }
}
