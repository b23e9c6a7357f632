//! Which font draws a character.

use std::ops::Range;
use std::sync::Arc;

use super::characters::{is_emoji, is_ignorable, script_of};
use super::face::Face;
use super::machine;
use super::shape::shape;

/// Where to look for what the program's own fonts lack.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Others {
    /// Nowhere: what is drawn is the same on every machine.
    #[default]
    None,
    /// Among the fonts of this machine.
    Machine,
    /// In these.
    These(Vec<Arc<Face>>),
}

/// Fonts to choose from.
#[derive(Clone, Debug, Default)]
pub struct Fonts {
    /// The fonts that the program carries; the first is that of the text.
    pub own: Vec<Arc<Face>>,
    /// For what they lack.
    pub others: Others,
}

/// The font of a character.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// One of the program's own.
    Own(Arc<Face>),
    /// Another.
    Other(Arc<Face>),
    /// No font has it.
    None,
}

impl Choice {
    /// The font.
    pub fn face(&self) -> Option<&Arc<Face>> {
        match self {
            Self::Own(face) | Self::Other(face) => Some(face),
            Self::None => None,
        }
    }
}

impl Fonts {
    /// Whether the first font draws a text by itself, and so nothing has to be looked up.
    pub fn first_has(&self, text: &str) -> bool {
        self.own.first().is_some_and(|face| text.chars().all(|c| face.has(c)))
    }

    /// The fonts of the parts of a user-perceived character: one, unless no font has all of it. A mark that the letter's font
    /// lacks is a part of its own, without a font.
    pub fn choose(&self, grapheme: &str) -> Vec<(Range<usize>, Choice)> {
        let whole = |choice| vec![(0..grapheme.len(), choice)];
        if let Some(choice) = self.for_all(grapheme) {
            return whole(choice);
        }
        let first = grapheme.chars().next().map_or(0, char::len_utf8);
        let base = &grapheme[..first];
        let choice = if first < grapheme.len() { self.for_all(base) } else { None }.unwrap_or(Choice::None);
        // A base goes on as long as its font has what follows.
        let covered = choice.face().map_or(first, |face| {
            let ends = grapheme.char_indices().map(|(at, c)| at + c.len_utf8()).filter(|&end| end >= first);
            ends.take_while(|&end| covers(face, &grapheme[..end])).last().unwrap_or(first)
        });
        let lacking = grapheme[covered..].char_indices().filter(|&(_, c)| !is_ignorable(c));
        let rest = lacking.map(|(at, c)| (covered + at..covered + at + c.len_utf8(), Choice::None));
        [(0..covered, choice)].into_iter().chain(rest).collect()
    }

    /// A font for what the program's own fonts lack.
    pub fn other(&self, grapheme: &str) -> Option<Arc<Face>> {
        match &self.others {
            Others::None => None,
            Others::Machine => machine::face_for(grapheme, &|face| covers(face, grapheme)),
            Others::These(faces) => faces.iter().find(|face| covers(face, grapheme)).cloned(),
        }
    }

    /// The font with a key, if one was chosen.
    pub fn named(&self, key: &str) -> Option<Arc<Face>> {
        let these = if let Others::These(faces) = &self.others { faces.as_slice() } else { &[] };
        let listed = self.own.iter().chain(these).find(|face| face.key() == key).cloned();
        listed.or_else(|| (self.others == Others::Machine).then(|| machine::known(key)).flatten())
    }

    /// One font for all of a user-perceived character.
    fn for_all(&self, grapheme: &str) -> Option<Choice> {
        let own = |faces: &[Arc<Face>]| faces.iter().find(|face| covers(face, grapheme)).cloned().map(Choice::Own);
        let is_emoji = is_emoji(grapheme);
        let first = if is_emoji { None } else { own(&self.own[..self.own.len().min(1)]) };
        let other = || self.other(grapheme).map(Choice::Other);
        match first {
            Some(choice) => Some(choice),
            None if is_emoji => other().or_else(|| own(&self.own)),
            None => own(&self.own).or_else(other),
        }
    }
}

/// Whether a font draws all of a user-perceived character, by itself or in parts that it joins.
fn covers(face: &Face, grapheme: &str) -> bool {
    let mut shown = grapheme.chars().filter(|&c| !is_ignorable(c)).peekable();
    if shown.peek().is_none() || shown.all(|c| face.has(c)) {
        return true;
    }
    // A letter may be drawn of parts, or a letter and its mark as one.
    let mut chars = grapheme.chars();
    let is_one = chars.next().is_some() && chars.next().is_none();
    !is_one && {
        let shaped = shape(face, grapheme, grapheme.chars().find_map(script_of), false);
        shaped.glyphs.iter().all(|glyph| glyph.id != 0)
    }
}
