//! Tokens that show nothing of their own inside a word, such as the later bytes of a letter. In scripts whose letters join, and
//! between a letter and its marks, they would tear the word apart, and so stand behind what they would part.

use unicode_script::Script;

use super::characters::{is_ignorable, is_mark, script_of};

/// What an item is to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Letters of the word.
    Letters(&'a str),
    /// A token without letters.
    Bare,
    /// Anything else: spaces, special tokens.
    Other,
}

/// Moves bare tokens behind the letters that must not be parted.
pub fn mend<T>(items: &mut [T], kind: impl Fn(&T) -> Kind<'_>) {
    let mut start = 0;
    while start + 2 < items.len() {
        let bare = items[start + 1..].iter().take_while(|item| kind(item) == Kind::Bare).count();
        let next = start + 1 + bare;
        let is_torn = bare > 0
            && match (kind(&items[start]), items.get(next).map(&kind)) {
                (Kind::Letters(before), Some(Kind::Letters(after))) => {
                    before.chars().next_back().zip(after.chars().next()).is_some_and(|(a, b)| are_held(a, b))
                }
                _ => false,
            };
        if is_torn {
            items[start + 1..=next].rotate_right(1);
        }
        start += 1;
    }
}

/// Whether two characters must be shaped together.
fn are_held(a: char, b: char) -> bool {
    use Script::{Arabic, Bengali, Devanagari, Gujarati, Gurmukhi, Kannada, Khmer, Lao, Malayalam, Mongolian, Myanmar};
    use Script::{Nko, Oriya, Sinhala, Syriac, Tamil, Telugu, Thai, Tibetan};
    let joins = [
        Arabic, Bengali, Devanagari, Gujarati, Gurmukhi, Kannada, Khmer, Lao, Malayalam, Mongolian, Myanmar, Nko, Oriya, Sinhala,
        Syriac, Tamil, Telugu, Thai, Tibetan,
    ];
    let script = |c: char| script_of(c).filter(|script| joins.contains(script));
    is_mark(b) || is_ignorable(a) || is_ignorable(b) || (script(a).is_some() && script(a) == script(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(items: &[&'static str]) -> Vec<&'static str> {
        let mut items = items.to_vec();
        mend(&mut items, |item| match *item {
            " " => Kind::Other,
            item if item.starts_with('<') => Kind::Bare,
            item => Kind::Letters(item),
        });
        items
    }

    #[test]
    fn joined_letters_come_before_their_later_bytes() {
        assert_eq!(mended(&["م", "<1>", "ر", "<2>", "ح", "<3>", " ", "م"]), ["م", "ر", "ح", "<1>", "<2>", "<3>", " ", "م"]);
        assert_eq!(mended(&["न", "<1>", "<2>", "\u{947}", "<3>"]), ["न", "\u{947}", "<1>", "<2>", "<3>"]);
        assert_eq!(mended(&["e", "\u{301}", "<1>", "a"]), ["e", "\u{301}", "<1>", "a"]);
        assert_eq!(mended(&["👩", "<1>", "\u{200d}", "<2>", "🚀", "<3>"]), ["👩", "\u{200d}", "🚀", "<1>", "<2>", "<3>"]);
    }

    #[test]
    fn letters_that_stand_alone_keep_their_bytes_beside_them() {
        for items in [&["我", "<1>", "<2>", "们", "<3>"][..], &["a", "<1>", "b"], &["م", "<1>", " ", "م"]] {
            assert_eq!(mended(items), items);
        }
    }
}
