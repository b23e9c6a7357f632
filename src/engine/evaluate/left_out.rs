//! What an evaluation did not count, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names that are kept.
const MOST_NAMES: usize = 20;
/// Names that are shown.
const MOST_SHOWN: usize = 3;

/// Why something is no row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    /// A picture has no mask.
    NoMask,
    /// A mask has no picture.
    NoPicture,
    /// A picture is not in the data set's list.
    Unlisted(&'static str),
    /// A name of the list has no picture.
    Absent(&'static str),
    /// The data set's list is not there.
    NoList(&'static str),
    /// A link to a picture that counts already.
    Same,
    /// A hidden file, or one in a hidden folder.
    Hidden,
    /// A link to a folder that was read already.
    Twice,
    /// A folder that lies deeper.
    Deep(usize),
    /// A folder that cannot be listed.
    Unreadable,
    /// A link to nothing.
    Dangling,
    /// A picture that this program cannot read.
    OtherKind,
}

impl Reason {
    fn words(self, count: usize) -> String {
        let chosen = |one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        match self {
            Self::NoMask => chosen("picture has no mask", "pictures have no mask"),
            Self::NoPicture => chosen("mask has no picture", "masks have no picture"),
            Self::Unlisted(list) => chosen("picture is", "pictures are") + &format!(" not in {list}"),
            Self::Absent(list) => chosen("name", "names") + &format!(" in {list} without a picture"),
            Self::NoList(list) => format!("{list} is not there: every picture counts"),
            Self::Same => chosen("picture is a link to one that counts", "pictures are links to ones that count"),
            Self::Hidden => chosen("hidden picture was passed by", "hidden pictures were passed by"),
            Self::Twice => chosen("folder was reached twice and read once", "folders were reached twice and read once"),
            Self::Deep(most) => {
                chosen("folder lies", "folders lie") + &format!(" more than {most} folders deep and was not looked into")
            }
            Self::Unreadable => chosen("folder cannot be read", "folders cannot be read"),
            Self::Dangling => chosen("link leads nowhere", "links lead nowhere"),
            Self::OtherKind => chosen("picture is of a format that is not read", "pictures are of formats that are not read"),
        }
    }
}

/// Files, names or folders that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    /// How many, and why.
    pub(super) what: String,
    /// How many.
    pub(super) count: usize,
    /// The first of them.
    pub(super) names: Vec<String>,
}

impl LeftOut {
    pub(super) fn new(reason: &Reason, mut names: Vec<String>) -> Self {
        let count = names.len();
        names.truncate(MOST_NAMES);
        Self { what: reason.words(count), count, names }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&str> = self.names.iter().take(MOST_SHOWN).map(String::as_str).collect();
        let more = if self.count > MOST_SHOWN { ", .." } else { "" };
        if shown.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}{more}", self.what, shown.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_in_words() {
        let names = |count: usize| (0..count).map(|i| format!("p{i}")).collect();
        assert_eq!(LeftOut::new(&Reason::NoMask, names(1)).to_string(), "1 picture has no mask: p0");
        assert_eq!(
            LeftOut::new(&Reason::Unlisted("val.txt"), names(4)).to_string(),
            "4 pictures are not in val.txt: p0, p1, p2, .."
        );
        assert_eq!(LeftOut::new(&Reason::Hidden, names(30)).names.len(), MOST_NAMES);
    }
}
