//! Errors in the window's own words. The engine and the command line say which flag is at fault; here it is the control of the same
//! name.

use super::registry;
use crate::domain::Error;

/// Headline, and what was expected and what to do.
pub fn parts(error: &Error) -> (String, String) {
    match error {
        Error::Refused { place, what, expected, remedy } => {
            let expected = if expected.is_empty() { String::new() } else { format!("Expected: {}.", without_flags(expected)) };
            // Commands are typed elsewhere.
            let remedy = if remedy.contains('`') { String::new() } else { sentence(&without_flags(remedy)) };
            let headline = format!("{}: {}", without_flags(place), without_flags(what));
            (headline, [expected, remedy].join(" ").trim().to_owned())
        }
        Error::OtherKind { refusal, .. } => parts(refusal),
        other => (other.to_string(), String::new()),
    }
}

/// All of it on one line.
pub fn words(error: &Error) -> String {
    let (headline, detail) = parts(error);
    if detail.is_empty() { headline } else { format!("{headline}. {detail}") }
}

/// `--fill blue` as `Fill blue`: a parameter of a method by its name in the window, other flags without their dashes.
fn without_flags(text: &str) -> String {
    let word = |word: &str| {
        let Some(flag) = word.strip_prefix("--").filter(|flag| flag.starts_with(|c: char| c.is_ascii_alphabetic())) else {
            return word.to_owned();
        };
        let id = flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let name = registry::knob(id).map_or_else(|| id.replace('-', " "), |knob| knob.name.to_owned());
        format!("{name}{}", &flag[id.len()..])
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_no_flags() {
        let err =
            Error::refused("--layer 40", "attention has no answer there").expected("--size, or -1").remedy("choose --top-p");
        assert_eq!(words(&err), "layer 40: attention has no answer there. Expected: size, or -1. Choose top p.");
        let err = Error::refused("a--b.png", "no image").remedy("see `tokenscope methods`");
        assert_eq!(words(&err), "a--b.png: no image");
    }
}
