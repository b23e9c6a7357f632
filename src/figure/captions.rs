//! Lines of text beside panels, where the built-in font cannot set them as they are: they are ordered, shaped and drawn as
//! glyphs, like running text.

use super::font::lacks;
use super::glyphs::{Letters, fonts};
use super::layout::{Anchor, INK, Mark};
use crate::letters::bidi::{Directions, visual_order};
use crate::letters::characters::is_mark;
use crate::letters::shape::{Shaped, shape};
use crate::letters::units::units;

/// The marks of a figure, with every text that is more than plain text of the built-in font drawn as shapes.
pub(super) fn drawn(marks: Vec<Mark>) -> Vec<Mark> {
    marks.into_iter().map(|mark| letters(&mark).map_or(mark, Mark::Letters)).collect()
}

fn letters(mark: &Mark) -> Option<Letters> {
    let Mark::Text { at, size, anchor, upright, text, ink } = mark else { return None };
    let directions = Directions::of(text);
    if directions.is_ltr() && !text.chars().any(|c| (lacks(c) || is_mark(c)) && !c.is_control()) {
        return None;
    }
    let units = units(text, 0..text.len(), &directions, fonts());
    let shaped: Vec<Shaped> = units
        .iter()
        .map(|unit| match unit.choice.face() {
            Some(face) => shape(face, &text[unit.bytes.clone()], unit.script, unit.is_rtl()),
            None => Shaped::code(unit.bytes.len()),
        })
        .collect();
    let width: f32 = shaped.iter().map(|shaped| shaped.width).sum();
    let mut x = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let mut letters = Letters::new(*at, *size, *upright);
    let ink = ink.unwrap_or(INK);
    for n in visual_order(&units.iter().map(|unit| unit.level).collect::<Vec<_>>()) {
        letters.push((&text[units[n].bytes.clone()], x), &units[n].choice, &shaped[n], &|_| ink);
        x += shaped[n].width;
    }
    letters.text.clone_from(text);
    Some(letters)
}
