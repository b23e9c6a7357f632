//! The one error type: what went wrong, where, what was expected, and what to do about it.

use std::borrow::Cow;
use std::fmt;

/// Result of everything that can be refused or cancelled.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The input, the model or a parameter cannot be used.
    Refused {
        /// The file, flag or weight that is at fault.
        place: String,
        /// What is wrong with it.
        what: String,
        /// What would have been right; may be empty.
        expected: String,
        /// What the user can do; may be empty.
        remedy: String,
    },
    /// The model reads inputs of the other kind.
    OtherKind {
        /// Whether that is texts; pictures otherwise.
        reads_texts: bool,
        /// The refusal in words.
        refusal: Box<Error>,
    },
    /// The user, or a newer wish, stopped the work. Never shown as an error.
    Cancelled,
    /// A fault of this program.
    Internal(String),
}

impl Error {
    /// A refusal that names the place and what is wrong there.
    pub fn refused(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::Refused { place: place.to_string(), what: what.to_string(), expected: String::new(), remedy: String::new() }
    }

    /// Adds what would have been right.
    #[must_use]
    pub fn expected(mut self, text: impl fmt::Display) -> Self {
        if let Self::Refused { expected, .. } = &mut self {
            *expected = text.to_string();
        }
        self
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn remedy(mut self, text: impl fmt::Display) -> Self {
        if let Self::Refused { remedy, .. } = &mut self {
            *remedy = text.to_string();
        }
        self
    }
}

impl fmt::Display for Error {
    /// One line that a terminal can show, whatever names and values from a file the parts contain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match self {
            Self::Refused { place, what, expected, remedy } => {
                let mut line = format!("{}: {}", shortened(place), shortened(what));
                if !expected.is_empty() {
                    line += &format!("; expected {}", shortened(expected));
                }
                if !remedy.is_empty() {
                    line += &format!("; {remedy}");
                }
                line
            }
            Self::OtherKind { refusal, .. } => refusal.to_string(),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Internal(what) => format!("internal error: {what}; please report it"),
        };
        f.write_str(&line.replace(char::is_control, " "))
    }
}

/// Characters of a part that are shown.
const MAX_SHOWN: usize = 400;

/// A part without its middle where it is long: a broken file may hold names of a million characters.
pub(super) fn shortened(part: &str) -> Cow<'_, str> {
    let count = part.chars().count();
    if count <= MAX_SHOWN {
        return part.into();
    }
    let first: String = part.chars().take(MAX_SHOWN / 2).collect();
    let last: String = part.chars().skip(count - MAX_SHOWN / 2).collect();
    format!("{first} .. {last}").into()
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_with_all_four_parts() {
        let err = Error::refused("a.png", "not an\nimage").expected("PNG").remedy("open another file");
        assert_eq!(err.to_string(), "a.png: not an image; expected PNG; open another file");
        let long = Error::refused("\u{1b}[2Ja", "n".repeat(1_000_000) + "end").to_string();
        assert!(long.starts_with(" [2Ja: nnn") && long.ends_with("nnnend") && long.len() < 500, "{long}");
    }
}
