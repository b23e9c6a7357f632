//! Cuts a stretch of a line into units that are shaped as a whole: one direction, one script, one font.

use std::ops::Range;

use unicode_script::Script;
use unicode_segmentation::UnicodeSegmentation;

use super::bidi::Directions;
use super::characters::script_of;
use super::fonts::{Choice, Fonts};

/// A part of a line that is shaped as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Its bytes in the paragraph.
    pub bytes: Range<usize>,
    /// Its level: odd where it runs from right to left.
    pub level: u8,
    /// Its script; none where it has nothing but what scripts share.
    pub script: Option<Script>,
    /// Its font.
    pub choice: Choice,
}

impl Unit {
    /// Whether it runs from right to left.
    pub fn is_rtl(&self) -> bool {
        self.level % 2 == 1
    }

    /// Whether `next`, which follows, can be shaped with it.
    fn takes(&self, next: &Self) -> bool {
        let one_script = self.script.is_none() || next.script.is_none() || self.script == next.script;
        self.bytes.end == next.bytes.start
            && self.level == next.level
            && one_script
            && self.choice == next.choice
            && self.choice != Choice::None
    }
}

/// The units of some bytes of a paragraph, in the order of the text. What no font has is a unit for each character.
pub fn units(paragraph: &str, bytes: Range<usize>, directions: &Directions, fonts: &Fonts) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (at, grapheme) in paragraph.get(bytes.clone()).unwrap_or("").grapheme_indices(true) {
        let at = bytes.start + at;
        for (part, choice) in fonts.choose(grapheme) {
            let script = grapheme.get(part.clone()).unwrap_or("").chars().find_map(script_of);
            let next = Unit { bytes: at + part.start..at + part.end, level: directions.level(at), script, choice };
            match units.last_mut() {
                Some(unit) if unit.takes(&next) => {
                    unit.bytes.end = next.bytes.end;
                    unit.script = unit.script.or(next.script);
                }
                _ => units.push(next),
            }
        }
    }
    units
}
