//! Which way each character of a paragraph runs, by the Unicode Bidirectional Algorithm (UAX #9).

use unicode_bidi::{Level, ParagraphBidiInfo};

/// The first letter that is written from right to left.
const FIRST_RTL: char = '\u{590}';

/// Stands in a paragraph for what is no character, such as a picture: neutral, so that it goes with the text around it.
pub const OBJECT: char = '\u{fffc}';

/// Directions in a paragraph. Even levels run from left to right, odd levels from right to left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// One level a byte; empty where all are 0.
    levels: Vec<u8>,
    /// The paragraph's own level.
    base: u8,
}

impl Directions {
    /// The directions of a paragraph without line breaks. The first letter with a direction decides the paragraph's own.
    pub fn of(paragraph: &str) -> Self {
        if paragraph.chars().all(|c| c < FIRST_RTL) {
            return Self::default();
        }
        let info = ParagraphBidiInfo::new(paragraph, None);
        let base = info.paragraph_level.number();
        if base == 0 && info.levels.iter().all(|level| level.number() == 0) {
            return Self::default();
        }
        Self { levels: info.levels.iter().map(Level::number).collect(), base }
    }

    /// The level of the character that begins at a byte.
    pub fn level(&self, byte: usize) -> u8 {
        self.levels.get(byte).copied().unwrap_or(self.base)
    }

    /// The paragraph's own level: 1 where it begins at the right.
    pub fn base(&self) -> u8 {
        self.base
    }

    /// Whether everything runs from left to right.
    pub fn is_ltr(&self) -> bool {
        self.levels.is_empty()
    }
}

/// The order in which the parts of a line are seen, from the left, given their levels (rule L2).
pub fn visual_order(levels: &[u8]) -> Vec<usize> {
    if levels.iter().all(|&level| level == 0) {
        return (0..levels.len()).collect();
    }
    let levels: Vec<Level> = levels.iter().map(|&level| Level::new(level).unwrap_or(Level::ltr())).collect();
    ParagraphBidiInfo::reorder_visual(&levels)
}

/// The character that is drawn in the place of a bracket or a quotation mark that runs from right to left.
pub fn mirrored(c: char) -> char {
    const PAIRS: [(char, char); 13] = [
        ('(', ')'),
        ('[', ']'),
        ('{', '}'),
        ('<', '>'),
        ('«', '»'),
        ('‹', '›'),
        ('≤', '≥'),
        ('⟨', '⟩'),
        ('〈', '〉'),
        ('《', '》'),
        ('「', '」'),
        ('『', '』'),
        ('【', '】'),
    ];
    let other = |&(open, close): &(char, char)| match c {
        c if c == open => Some(close),
        c if c == close => Some(open),
        _ => None,
    };
    PAIRS.iter().find_map(other).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_and_chinese_have_one_direction() {
        for text in ["plain (1) text", "我们 and é", ""] {
            assert!(Directions::of(text).is_ltr() && Directions::of(text).base() == 0, "{text}");
        }
    }

    #[test]
    fn the_first_letter_decides_and_numbers_run_from_left_to_right() {
        let text = "שלום abc 12";
        let directions = Directions::of(text);
        let level = |part: &str| directions.level(text.find(part).unwrap());
        assert_eq!((directions.base(), level("ש"), level("abc"), level("12")), (1, 1, 2, 2));
        let text = "abc שלום";
        assert_eq!((Directions::of(text).base(), Directions::of(text).level(4)), (0, 1));
    }

    #[test]
    fn parts_are_reversed_from_the_highest_level() {
        assert_eq!(visual_order(&[0, 0, 0]), [0, 1, 2]);
        assert_eq!(visual_order(&[1, 1, 2, 2, 1]), [4, 2, 3, 1, 0]);
        assert_eq!(visual_order(&[0, 1, 1, 0]), [0, 2, 1, 3]);
    }

    #[test]
    fn brackets_are_mirrored_both_ways() {
        assert_eq!(['(', ')', '«', 'a'].map(mirrored), [')', '(', '»', 'a']);
    }
}
