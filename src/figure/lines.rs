//! What stands on the lines of a running text, and in which order it is seen. Lines that the built-in font sets from left to
//! right stay as they were filled. All others are shaped here, each line as a whole: words of one script and one direction at a
//! time, put in their visual order, with the part of each token read from the clusters.

use std::ops::Range;

use super::font;
use crate::letters::bidi::{Directions, OBJECT, visual_order};
use crate::letters::characters::is_mark;
use crate::letters::fonts::{Choice, Fonts};
use crate::letters::shape::{Shaped, shape};
use crate::letters::units::{Unit, units};

/// Type size of running text, in points.
pub const SIZE: f64 = 8.5;
/// Free space around a chip.
pub const CHIP_MARGIN: f64 = 2.0;
/// Colour reaches this far beyond the letters of a word.
pub const PAD: f64 = 0.7;

/// What one item shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Letters.
    Run(String),
    /// White space.
    Space,
    /// The end of a line, where it is a token.
    Return,
    /// The name of a token without letters.
    Chip(String),
}

/// A part of a token, or of the string between tokens, that stands on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its content.
    pub what: What,
    /// Its token.
    pub position: Option<usize>,
    /// Whether the model read it.
    pub is_read: bool,
    /// From 0.
    pub line: usize,
    /// Left edge, in points from the left of the text.
    pub x: f64,
    /// In points; a chip's without its margins.
    pub width: f64,
    /// Whether its letters are drawn by one of the [`Setting`]'s runs.
    pub is_shaped: bool,
}

/// Letters that are shaped as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its letters, in the order of the string.
    pub text: String,
    /// Its font.
    pub choice: Choice,
    /// Its glyphs, in em.
    pub shaped: Shaped,
    /// From 0.
    pub line: usize,
    /// Left edge, in points from the left of the text.
    pub x: f64,
    /// First byte, token, and whether the model read it, of each part.
    parts: Vec<(usize, Option<usize>, bool)>,
}

impl Run {
    /// The token of a byte, and whether the model read it.
    pub fn owner(&self, byte: usize) -> (Option<usize>, bool) {
        let part = self.parts.iter().rev().find(|(start, ..)| *start <= byte).or_else(|| self.parts.first());
        part.map_or((None, true), |&(_, position, is_read)| (position, is_read))
    }
}

/// A text in lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Line by line, each from the left.
    pub items: Vec<Item>,
    /// Letters that are no plain text of the built-in font.
    pub runs: Vec<Run>,
    /// At least 1.
    pub num_lines: usize,
}

/// A paragraph that is more than plain text of the built-in font.
#[derive(Clone, Debug)]
pub(super) struct Paragraph {
    /// As it is shown, with a space for white space and [`OBJECT`] for a chip.
    pub text: String,
    directions: Directions,
}

/// Where something stands in a [`Paragraph`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub paragraph: usize,
    pub bytes: Range<usize>,
}

/// An item on its line, before the line is put in order.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub item: Item,
    pub source: Option<Source>,
    /// Left edge, with the margin.
    pub pen: f64,
}

impl Paragraph {
    /// A paragraph, if it is more than plain text.
    pub(super) fn new(text: String) -> Option<Self> {
        let directions = Directions::of(&text);
        let is_plain = directions.is_ltr() && text.chars().all(|c| c == OBJECT || is_plain(c));
        (!is_plain).then_some(Self { text, directions })
    }

    /// The edges of `parts` of a word that is shaped by itself, as widths in points.
    pub(super) fn widths(&self, parts: &[Range<usize>], fonts: &Fonts) -> Vec<f64> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Vec::new() };
        let mut widths = vec![0.0; parts.len()];
        for unit in units(&self.text, first.start..last.end, &self.directions, fonts) {
            let text = &self.text[unit.bytes.clone()];
            let shaped = (!is_plain_unit(&unit, text)).then(|| shaped(&unit, text));
            for (part, width) in parts.iter().zip(&mut widths) {
                let Some(inside) = overlap(part, &unit.bytes) else { continue };
                *width += match &shaped {
                    Some(shaped) => extent(shaped, text, inside).1,
                    None => font::width(&text[inside], SIZE),
                };
            }
        }
        widths
    }
}

/// Whether the built-in font sets a character from left to right without shaping.
fn is_plain(c: char) -> bool {
    !font::lacks(c) && !is_mark(c)
}

fn is_plain_unit(unit: &Unit, text: &str) -> bool {
    !unit.is_rtl() && matches!(unit.choice, Choice::Own(_)) && text.chars().all(is_plain)
}

fn shaped(unit: &Unit, text: &str) -> Shaped {
    match unit.choice.face() {
        Some(face) => shape(face, text, unit.script, unit.is_rtl()),
        None => Shaped::code(text.len()),
    }
}

/// The bytes of a unit that are those of a part.
fn overlap(part: &Range<usize>, unit: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (part.start.max(unit.start), part.end.min(unit.end));
    (start < end).then(|| start - unit.start..end - unit.start)
}

/// Left edge and width, in points.
fn extent(shaped: &Shaped, text: &str, bytes: Range<usize>) -> (f64, f64) {
    let (left, right) = shaped.clusters.extent(text, bytes);
    (f64::from(left) * SIZE, f64::from(right - left) * SIZE)
}

/// Puts the lines of paragraphs that are more than plain text in order.
pub(super) fn arranged(placed: &[Placed], paragraphs: &[Paragraph], available: f64, fonts: &Fonts) -> Setting {
    let num_lines = placed.last().map_or(0, |placed| placed.item.line) + 1;
    let mut setting = Setting { items: Vec::with_capacity(placed.len()), runs: Vec::new(), num_lines };
    for line in placed.chunk_by(|a, b| a.item.line == b.item.line) {
        let paragraph = line.iter().find_map(|placed| paragraphs.get(placed.source.as_ref()?.paragraph));
        match paragraph {
            Some(paragraph) => Line { placed: line, paragraph, fonts }.put(available, &mut setting),
            None => setting.items.extend(line.iter().map(|placed| placed.item.clone())),
        }
    }
    setting
}

/// A line, in the order of the string.
struct Line<'a> {
    placed: &'a [Placed],
    paragraph: &'a Paragraph,
    fonts: &'a Fonts,
}

/// What is moved as a whole.
struct Block {
    level: u8,
    width: f64,
    /// What is on the line of it.
    items: Range<usize>,
    /// None where it is one item.
    unit: Option<Unit>,
}

impl Line<'_> {
    fn put(&self, available: f64, setting: &mut Setting) {
        let blocks = self.blocks();
        let order = visual_order(&blocks.iter().map(|block| block.level).collect::<Vec<_>>());
        let indent = self.placed.first().map_or(0.0, |placed| placed.pen);
        let total: f64 = blocks.iter().map(|block| block.width).sum();
        let start = if self.paragraph.directions.base() % 2 == 1 { (available - indent - total).max(0.0) } else { indent };
        let mut x = start;
        for block in order.into_iter().filter_map(|n| blocks.get(n)) {
            match &block.unit {
                Some(unit) => self.put_unit(unit, block.items.clone(), x, setting),
                None => {
                    let item = &self.placed[block.items.start].item;
                    let is_chip = matches!(item.what, What::Chip(_));
                    let left = if !is_chip {
                        0.0
                    } else if x <= start {
                        -PAD
                    } else {
                        CHIP_MARGIN
                    };
                    setting.items.push(Item { x: x + left, ..item.clone() });
                    x += if is_chip { left - CHIP_MARGIN } else { 0.0 };
                }
            }
            x += block.width;
        }
    }

    fn bytes(&self, n: usize) -> Range<usize> {
        self.placed[n].source.as_ref().map_or(0..0, |source| source.bytes.clone())
    }

    fn blocks(&self) -> Vec<Block> {
        let is_run = |n: usize| matches!(self.placed[n].item.what, What::Run(_));
        let (mut blocks, mut n) = (Vec::new(), 0);
        while n < self.placed.len() {
            let mut end = n + 1;
            if !is_run(n) {
                let item = &self.placed[n].item;
                let margins = if matches!(item.what, What::Chip(_)) { 2.0 * CHIP_MARGIN } else { 0.0 };
                let level = self.paragraph.directions.level(self.bytes(n).start);
                blocks.push(Block { level, width: item.width + margins, items: n..end, unit: None });
                n = end;
                continue;
            }
            while end < self.placed.len() && is_run(end) && self.bytes(end).start == self.bytes(end - 1).end {
                end += 1;
            }
            let bytes = self.bytes(n).start..self.bytes(end - 1).end;
            for unit in units(&self.paragraph.text, bytes, &self.paragraph.directions, self.fonts) {
                let width = self.paragraph.widths(std::slice::from_ref(&unit.bytes), self.fonts).iter().sum();
                blocks.push(Block { level: unit.level, width, items: n..end, unit: Some(unit) });
            }
            n = end;
        }
        // Rule L1: white space at the end of a line goes to the end of its paragraph.
        let base = self.paragraph.directions.base();
        let is_space = |block: &Block| block.unit.is_none() && matches!(self.placed[block.items.start].item.what, What::Space);
        blocks.iter_mut().rev().take_while(|block| is_space(block)).for_each(|block| block.level = base);
        blocks
    }

    fn put_unit(&self, unit: &Unit, items: Range<usize>, x: f64, setting: &mut Setting) {
        let text = &self.paragraph.text[unit.bytes.clone()];
        let is_plain = is_plain_unit(unit, text);
        let shaped = if is_plain { Shaped::default() } else { shaped(unit, text) };
        let (mut parts, mut put, mut pen) = (Vec::new(), Vec::new(), x);
        for n in items {
            let Some(inside) = overlap(&self.bytes(n), &unit.bytes) else { continue };
            let item = &self.placed[n].item;
            let what = What::Run(text[inside.clone()].to_owned());
            parts.push((inside.start, item.position, item.is_read));
            let (left, width) = if is_plain {
                let width = font::width(&text[inside], SIZE);
                pen += width;
                (pen - width, width)
            } else {
                let (left, width) = extent(&shaped, text, inside);
                (x + left, width)
            };
            put.push(Item { what, x: left, width, is_shaped: !is_plain, ..item.clone() });
        }
        if unit.is_rtl() {
            put.reverse();
        }
        let line = put.first().map_or(0, |item| item.line);
        setting.items.extend(put);
        if !is_plain {
            setting.runs.push(Run { text: text.to_owned(), choice: unit.choice.clone(), shaped, line, x, parts });
        }
    }
}
