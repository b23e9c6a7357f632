//! Notices: what the user should know about an answer that was given all the same, such as a text that was cut or values that
//! were clipped. An answer that would be wrong is refused instead: see [`super::Error`].

use std::fmt;

use serde::Serialize;

/// One fact about an input or a model that an answer depends on and does not show.
///
/// The command line prints notices on stderr, the window lists them, and records keep them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The file, weight or parameter that it is about.
    pub place: String,
    /// What was done, or left undone, in one sentence without a full stop.
    pub what: String,
    /// What the user can do about it; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Notice {
    /// A notice about a place.
    pub fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { place: place.to_string(), what: what.to_string(), remedy: String::new() }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn remedy(mut self, text: impl fmt::Display) -> Self {
        self.remedy = text.to_string();
        self
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
    fn a_notice_is_one_line() {
        let notice = Notice::new("a\nb.png", "values over 255 were clipped").remedy("scale them first");
        assert_eq!(notice.to_string(), "a b.png: values over 255 were clipped; scale them first");
    }
}
