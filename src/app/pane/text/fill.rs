//! Fills lines with the words of a paragraph and puts each line in its visual order. A word is shaped as a whole, whatever pieces
//! it has; a piece gets the part of it that its characters have.

use std::ops::Range;

use eframe::egui::{Rect, pos2};

use super::items::Item;
use super::line::{
    BOX_HEIGHT, CHIP_HEIGHT, CHIP_MARGIN, CHIP_PADDING, LINE_HEIGHT, Line, Measure, Place, Run, Setting, Shape, code,
};
use crate::letters::bidi::{Directions, OBJECT, visual_order};
use crate::letters::characters::is_wide;
use crate::letters::fonts::Choice;
use crate::letters::units::{Unit, units};

/// Sets a paragraph below the lines that are there.
pub(super) fn paragraph(items: &[Item], width: f32, measure: &dyn Measure, setting: &mut Setting) {
    let mut text = String::new();
    let entries: Vec<Entry<'_>> = items.iter().map(|item| Entry::new(item, &mut text)).collect();
    let directions = Directions::of(&text);
    let mut filler =
        Filler { setting, width, measure, text: &text, directions, x: 0.0, gap: None, line: Vec::new(), word: Vec::new() };
    entries.into_iter().for_each(|entry| filler.put(entry));
    filler.flush();
    filler.end_line();
}

/// An item, and where it stands in the paragraph.
#[derive(Clone, Debug)]
struct Entry<'a> {
    item: &'a Item,
    bytes: Range<usize>,
    width: f32,
}

impl<'a> Entry<'a> {
    fn new(item: &'a Item, text: &mut String) -> Self {
        let start = text.len();
        match item {
            Item::Letters(_, letters) | Item::Unread(letters) => text.push_str(letters),
            Item::Chip(..) => text.push(OBJECT),
            Item::Space(0) | Item::Break | Item::Stop => {}
            Item::Space(_) => text.push(' '),
        }
        Self { item, bytes: start..text.len(), width: 0.0 }
    }

    /// Its token, where it has letters.
    fn owner(&self) -> Option<usize> {
        if let Item::Letters(position, _) = self.item { Some(*position) } else { None }
    }

    fn has_letters(&self) -> bool {
        matches!(self.item, Item::Letters(..) | Item::Unread(_))
    }
}

struct Filler<'a> {
    setting: &'a mut Setting,
    width: f32,
    measure: &'a dyn Measure,
    /// The paragraph, with a space for white space and [`OBJECT`] for a chip.
    text: &'a str,
    directions: Directions,
    /// End of what stands in the line.
    x: f32,
    /// Space between that and what comes next.
    gap: Option<Entry<'a>>,
    line: Vec<Entry<'a>>,
    /// What has no space inside.
    word: Vec<Entry<'a>>,
}

impl<'a> Filler<'a> {
    fn put(&mut self, entry: Entry<'a>) {
        let Item::Space(count) = entry.item else { return self.word.push(entry) };
        self.flush();
        let width = f32::from(*count) * self.measure.space();
        match &mut self.gap {
            Some(gap) => {
                gap.width += width;
                gap.bytes.end = entry.bytes.end;
            }
            None => self.gap = Some(Entry { width, ..entry }),
        }
    }

    /// Sets a word: into this line, or the next if it has no room; only what no line could hold is parted.
    fn flush(&mut self) {
        let mut word = std::mem::take(&mut self.word);
        self.measure_word(&mut word);
        let text = self.text;
        let may_break = |a: &Entry<'_>, b: &Entry<'_>| {
            let at_wide = |c: Option<char>| c.is_some_and(is_wide);
            let (before, after) = (&text[..a.bytes.end], &text[b.bytes.start..]);
            at_wide(before.chars().next_back()) || at_wide(after.chars().next())
        };
        let mut rest = word.as_slice();
        while !rest.is_empty() {
            let held = 1 + rest.windows(2).take_while(|pair| !may_break(&pair[0], &pair[1])).count();
            let width: f32 = rest[..held].iter().map(|entry| entry.width).sum();
            if self.x > 0.0 && self.start() + width > self.width && width <= self.width {
                self.end_line();
            }
            for entry in &rest[..held] {
                if self.start() > 0.0 && self.start() + entry.width > self.width {
                    self.end_line();
                }
                let start = self.start();
                self.line.extend(self.gap.take());
                self.line.push(entry.clone());
                let lead = if matches!(entry.item, Item::Chip(..)) && start == 0.0 { CHIP_MARGIN } else { 0.0 };
                self.x = start + entry.width - lead;
            }
            rest = &rest[held..];
        }
    }

    fn start(&self) -> f32 {
        (self.x + self.gap.as_ref().map_or(0.0, |gap| gap.width)).round()
    }

    /// Widths of what stands in a word, which is shaped as a whole.
    fn measure_word(&self, word: &mut [Entry<'_>]) {
        for group in word.chunk_by_mut(|a, b| a.has_letters() && b.has_letters()) {
            match group[0].item {
                Item::Chip(_, name) => {
                    let width = self.measure.chip(name) + 2.0 * (CHIP_PADDING + CHIP_MARGIN);
                    group[0].width = width.ceil().min(self.width);
                }
                Item::Letters(..) | Item::Unread(_) => {
                    for (unit, shape) in self.shaped(group) {
                        for entry in group.iter_mut() {
                            let Some(inside) = overlap(&entry.bytes, &unit.bytes) else { continue };
                            let (left, right) = shape.clusters.extent(&self.text[unit.bytes.clone()], inside);
                            entry.width += right - left;
                        }
                    }
                    group.iter_mut().for_each(|entry| entry.width = entry.width.min(self.width));
                }
                Item::Space(_) | Item::Break | Item::Stop => {}
            }
        }
    }

    fn shaped(&self, letters: &[Entry<'_>]) -> Vec<(Unit, Shape)> {
        let (Some(first), Some(last)) = (letters.first(), letters.last()) else { return Vec::new() };
        let units = units(self.text, first.bytes.start..last.bytes.end, &self.directions, self.measure.fonts());
        let shape = |unit: Unit| {
            let text = &self.text[unit.bytes.clone()];
            let shape = if unit.choice == Choice::None { code(text) } else { self.measure.shape(text, &unit) };
            (unit, shape)
        };
        units.into_iter().map(shape).collect()
    }

    fn end_line(&mut self) {
        let entries = std::mem::take(&mut self.line);
        (self.x, self.gap) = (0.0, None);
        let blocks = self.blocks(&entries);
        let order = visual_order(&blocks.iter().map(|block| block.level).collect::<Vec<_>>());
        let total: f32 = blocks.iter().map(|block| block.width).sum();
        let is_rtl = self.directions.base() % 2 == 1;
        let start = if is_rtl { (self.width - total).max(0.0).floor() } else { 0.0 };
        let number = self.setting.lines.len();
        let mut pen = Pen { line: Line::default(), x: start, middle: (number as f32 + 0.5) * LINE_HEIGHT, width: self.width };
        for block in order.into_iter().filter_map(|n| blocks.get(n)) {
            match &block.what {
                What::Gap => pen.x = (pen.x + block.width).round(),
                What::Entry(entry) => pen.put(entry, block.width, start),
                What::Letters(unit, shape, entries) => {
                    pen.put_letters(&self.text[unit.bytes.clone()], (unit, shape), entries);
                }
            }
        }
        pen.join();
        for (n, place) in pen.line.places.iter().enumerate() {
            if let Some(slot @ None) = self.setting.index.get_mut(place.position) {
                *slot = Some((number, n));
            }
        }
        self.setting.lines.push(pen.line);
    }

    /// What is moved as a whole, in the order of the string.
    fn blocks<'b>(&self, entries: &'b [Entry<'a>]) -> Vec<Block<'b>> {
        let mut blocks = Vec::new();
        for group in entries.chunk_by(|a, b| a.has_letters() && b.has_letters() && a.bytes.end == b.bytes.start) {
            let entry = &group[0];
            let level = self.directions.level(entry.bytes.start);
            match entry.item {
                Item::Letters(..) | Item::Unread(_) => {
                    for (unit, shape) in self.shaped(group) {
                        blocks.push(Block { level: unit.level, width: shape.width, what: What::Letters(unit, shape, group) });
                    }
                }
                Item::Space(_) => blocks.push(Block { level, width: entry.width, what: What::Gap }),
                _ => blocks.push(Block { level, width: entry.width, what: What::Entry(entry) }),
            }
        }
        blocks
    }
}

struct Block<'a> {
    level: u8,
    width: f32,
    what: What<'a>,
}

enum What<'a> {
    Gap,
    Entry(&'a Entry<'a>),
    Letters(Unit, Shape, &'a [Entry<'a>]),
}

/// Puts down what stands on a line, from the left.
struct Pen {
    line: Line,
    x: f32,
    middle: f32,
    width: f32,
}

impl Pen {
    fn place(&self, position: usize, text: &str, (left, right): (f32, f32), chip: bool) -> Place {
        let height = if chip { CHIP_HEIGHT } else { BOX_HEIGHT };
        let top = (self.middle - height / 2.0).round();
        let rect = Rect::from_min_max(pos2(left.round(), top), pos2(right.round().min(self.width), top + height));
        Place { position, text: text.to_owned(), chip, rect, joins: [false; 2] }
    }

    /// A chip, or the note that the model stopped reading.
    fn put(&mut self, entry: &Entry<'_>, width: f32, start: f32) {
        self.x = self.x.round();
        match entry.item {
            Item::Chip(position, name) => {
                // A chip that begins a line begins at its edge.
                let lead = if self.x > start { CHIP_MARGIN } else { 0.0 };
                let left = self.x + lead;
                let place = self.place(*position, name, (left, left + width - 2.0 * CHIP_MARGIN), true);
                self.line.places.push(place);
                self.x += width + lead - CHIP_MARGIN;
            }
            _ => self.line.stop = Some(pos2(self.x, self.middle)),
        }
    }

    /// A unit: its letters once, and a place for each of its tokens.
    fn put_letters(&mut self, text: &str, (unit, shape): (&Unit, &Shape), entries: &[Entry<'_>]) {
        let left = self.x;
        let inside = |entry: &Entry<'_>| overlap(&entry.bytes, &unit.bytes);
        let mut places: Vec<Place> = Vec::new();
        for entry in entries {
            let (Some(bytes), Item::Letters(position, letters)) = (inside(entry), entry.item) else { continue };
            let (from, to) = shape.clusters.extent(text, bytes);
            places.push(self.place(*position, letters, (left + from, left + to), false));
        }
        if unit.is_rtl() {
            places.reverse();
        }
        for place in places {
            match self.line.places.last_mut() {
                // A token whose letters are shaped in two units, side by side.
                Some(last) if last.position == place.position && place.rect.left() - last.rect.right() < 1.0 => {
                    last.rect.max.x = place.rect.right();
                }
                _ => self.line.places.push(place),
            }
        }
        let owner = |byte: &usize| entries.iter().find(|e| inside(e).is_some_and(|b| b.contains(byte))).and_then(Entry::owner);
        let owners = shape.glyphs.iter().map(owner).collect();
        let run = Run { text: shape.text.clone(), choice: unit.choice.clone(), left, width: shape.width, owners };
        self.line.runs.push(run);
        self.x = left + shape.width;
    }

    /// Notes which pieces touch.
    fn join(&mut self) {
        for n in 1..self.line.places.len() {
            let [a, b] = [&self.line.places[n - 1], &self.line.places[n]];
            if !a.chip && !b.chip && b.rect.left() - a.rect.right() < 1.0 {
                self.line.places[n - 1].joins[1] = true;
                self.line.places[n].joins[0] = true;
            }
        }
    }
}

/// The bytes of a unit that are those of an entry.
fn overlap(part: &Range<usize>, unit: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (part.start.max(unit.start), part.end.min(unit.end));
    (start < end).then(|| start - unit.start..end - unit.start)
}
