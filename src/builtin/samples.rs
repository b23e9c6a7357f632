//! Sample photos and texts, named on the command line as `sample:NAME`. `assets/samples/README.md` says where they are from.

use crate::domain::{Error, Result};

/// A photo or a text that the program carries.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// File name, by which it is asked for.
    pub name: &'static str,
    /// What it is, in a word or two.
    pub title: &'static str,
    /// What to look for.
    pub hint: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

impl Sample {
    /// Whether it is a text.
    pub fn is_text(&self) -> bool {
        self.name.ends_with(".txt")
    }
}

macro_rules! samples {
    ($($name:literal, $title:literal, $hint:literal;)+) => {
        /// Photos, then texts, in the order in which they are offered.
        pub const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            title: $title,
            hint: $hint,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/", $name)),
        }),+];
    };
}

samples! {
    "cat.jpg", "Cat", "Eyes, nose and ears find each other";
    "coffee.jpg", "Coffee", "Cup and saucer share a colour, not a meaning";
    "astronaut.jpg", "Astronaut", "Helmet, suit, flag and shuttle";
    "dandelions.jpg", "Dandelions", "Many things of one kind";
    "brick.jpg", "Bricks", "Pattern and nothing else";
    "notes.jpg", "Notes", "Writing in a picture";
    "bank.txt", "Two banks", "One word twice: what was each bank made from?";
    "review.txt", "A review", "Praise after complaint";
    "news.txt", "News", "Who did what, and why";
    "negation.txt", "Negation", "How far a not reaches";
    "german.txt", "German", "A language that the text model was not taught";
    "code.txt", "Code", "Names that come again";
}

/// The sample of a name.
///
/// # Errors
/// A refusal that lists the names.
pub fn sample(name: &str) -> Result<&'static Sample> {
    SAMPLES.iter().find(|s| s.name == name).ok_or_else(|| {
        let names: Vec<&str> = SAMPLES.iter().map(|s| s.name).collect();
        Error::refused(format!("sample:{name}"), "no such sample").expected(names.join(", "))
    })
}
