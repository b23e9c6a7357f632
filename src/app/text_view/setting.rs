//! Typesetting: where each token of a text stands when it is set as running text. Pieces of a word stand side by side, spaces,
//! line breaks and indentation are those of the string, and lines break where the string has a space. Geometry only: who draws
//! measures the letters and hands the measure in.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::domain::text::{Piece, Text};

/// From line to line.
pub const LINE_HEIGHT: f32 = 35.0;
/// Of the ground behind a token.
pub const BOX_HEIGHT: f32 = 27.0;
/// Of a chip, which holds a token that is no word.
pub const CHIP_HEIGHT: f32 = 20.0;
/// From the edge of a chip to its letters.
pub const CHIP_PADDING: f32 = 6.0;
/// Around a chip, so that the grounds of words do not touch it.
const CHIP_MARGIN: f32 = 5.0;
/// Of what the model did not read, so much is shown.
const MAX_UNREAD_CHARS: usize = 4000;

/// Widths of what is set.
pub trait Measure {
    /// Of letters of the running text.
    fn letters(&self, text: &str) -> f32;
    /// Of the small letters on a chip.
    fn chip(&self, text: &str) -> f32;
    /// Of one space.
    fn space(&self) -> f32;
}

/// A token that is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Position in the sequence.
    pub position: usize,
    /// Its letters, or the name on its chip.
    pub text: String,
    /// Whether it stands on a chip, because it has no letters of its own.
    pub chip: bool,
    /// Its letters or its chip, from the top left of the text.
    pub rect: Rect,
    /// Whether the token before, or after, touches it.
    pub joins: [bool; 2],
}

/// What is set and is no token.
#[derive(Clone, Debug, PartialEq)]
pub enum Aside {
    /// Letters that the model did not read.
    Unread(String),
    /// Where the model stopped reading.
    Stop,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Tokens, from the left.
    pub places: Vec<Place>,
    /// All else, by its left middle.
    pub asides: Vec<(Aside, Pos2)>,
}

/// A text that is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// From the top; line n begins at n times [`LINE_HEIGHT`].
    pub lines: Vec<Line>,
    /// `[T]`, line and place in it of every token.
    index: Vec<Option<(usize, usize)>>,
}

impl Setting {
    /// Sets a text into lines of at most `width`.
    pub fn new(text: &Text, width: f32, measure: &dyn Measure) -> Self {
        let mut setter = Setter { setting: Self::default(), width, measure, x: 0.0, space: 0.0, run: Vec::new() };
        setter.setting.lines.push(Line::default());
        setter.setting.index = vec![None; text.pieces.len()];
        for item in items(text) {
            setter.put(item);
        }
        setter.flush();
        setter.setting
    }

    /// Height of all lines.
    pub fn height(&self) -> f32 {
        self.lines.len() as f32 * LINE_HEIGHT
    }

    /// Where a token stands.
    pub fn place(&self, position: usize) -> Option<&Place> {
        let (line, at) = (*self.index.get(position)?)?;
        self.lines.get(line)?.places.get(at)
    }

    /// The token at a point: in a line that of the nearest letters, but for the gap that a wide space or the margin is.
    pub fn position_at(&self, at: Vec2) -> Option<usize> {
        let line = self.lines.get((at.y >= 0.0).then_some((at.y / LINE_HEIGHT) as usize)?)?;
        let distance = |p: &Place| (p.rect.left() - at.x).max(at.x - p.rect.right());
        let nearest = line.places.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        (distance(nearest) <= 5.0).then_some(nearest.position)
    }

    /// The token nearest to a point, wherever that is: in its line, or the first above it that has one.
    pub fn nearest(&self, at: Vec2) -> Option<usize> {
        let line = ((at.y / LINE_HEIGHT).max(0.0) as usize).min(self.lines.len().checked_sub(1)?);
        let distance = |p: &Place| (p.rect.left() - at.x).max(at.x - p.rect.right());
        let in_line = |line: &Line| line.places.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|p| p.position);
        let (above, below) = (self.lines[..=line].iter().rev(), self.lines[line + 1..].iter());
        above.chain(below).find_map(in_line)
    }

    /// The nearest tokens in the line above and in the line below; lines without a token are passed over.
    pub fn neighbours(&self, position: usize) -> [Option<usize>; 2] {
        let Some(&Some((line, _))) = self.index.get(position) else { return [None; 2] };
        let Some(from) = self.place(position).map(|p| p.rect.center().x) else { return [None; 2] };
        let nearest = |line: &Line| {
            let distance = |p: &Place| (p.rect.center().x - from).abs();
            line.places.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|p| p.position)
        };
        let above = self.lines.iter().take(line).rev().find_map(nearest);
        let below = self.lines.iter().skip(line + 1).find_map(nearest);
        [above, below]
    }
}

/// What comes one after the other.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    /// A token with letters.
    Letters(usize, String),
    /// A token without.
    Chip(usize, String),
    /// Letters that are no token's.
    Unread(String),
    /// So many spaces; 0 only allows a line to break.
    Space(u16),
    /// A line break of the string.
    Break,
    /// Where the model stopped reading.
    Stop,
}

fn items(text: &Text) -> Vec<Item> {
    let mut items = Vec::new();
    let mut read = 0;
    for (position, piece) in text.pieces.iter().enumerate() {
        if piece.special {
            items.extend([Item::Space(0), Item::Chip(position, piece.piece.clone()), Item::Space(0)]);
        } else {
            piece_items(text, (position, piece), read, &mut items);
            read = read.max(piece.span.end);
        }
    }
    if let Some(rest) = text.cut_at.and_then(|cut| text.string.get(cut.max(read)..)) {
        items.extend([Item::Break, Item::Stop, Item::Break]);
        let end = rest.char_indices().nth(MAX_UNREAD_CHARS).map_or(rest.len(), |(at, _)| at);
        gap_items(rest.get(..end).unwrap_or(rest).trim_start(), &mut items);
        if end < rest.len() {
            items.push(Item::Unread("...".to_owned()));
        }
    }
    items
}

/// What the tokenizer passed over before a piece, and the piece: its letters, or its name where others have them already.
fn piece_items(text: &Text, (position, piece): (usize, &Piece), read: usize, items: &mut Vec<Item>) {
    let slice = |span: std::ops::Range<usize>| text.string.get(span).unwrap_or("");
    gap_items(slice(read..piece.span.start.max(read)), items);
    let letters = slice(piece.span.clone());
    let body = letters.trim();
    if body.is_empty() || piece.span.end <= read {
        items.push(Item::Chip(position, named(&piece.piece, letters)));
        if piece.span.end > read {
            gap_items(letters, items);
        }
        return;
    }
    let before = letters.len() - letters.trim_start().len();
    gap_items(&letters[..before], items);
    items.push(Item::Letters(position, body.to_owned()));
    gap_items(&letters[before + body.len()..], items);
}

/// A name for a token of white space, or of part of a letter.
fn named(piece: &str, letters: &str) -> String {
    match letters {
        "\n" => "\\n".to_owned(),
        "\r" => "\\r".to_owned(),
        "\r\n" => "\\r\\n".to_owned(),
        "\t" => "\\t".to_owned(),
        " " => "space".to_owned(),
        _ => piece.to_owned(),
    }
}

fn gap_items(gap: &str, items: &mut Vec<Item>) {
    for letter in gap.chars() {
        match (letter, items.last_mut()) {
            ('\n', _) => items.push(Item::Break),
            ('\r', _) => {}
            ('\t', _) => items.push(Item::Space(4)),
            (c, Some(Item::Space(count))) if c.is_whitespace() => *count = count.saturating_add(1),
            (c, _) if c.is_whitespace() => items.push(Item::Space(1)),
            (c, Some(Item::Unread(run))) if !c.is_control() => run.push(c),
            (c, _) if !c.is_control() => items.push(Item::Unread(c.to_string())),
            _ => {}
        }
    }
}

struct Setter<'a> {
    setting: Setting,
    width: f32,
    measure: &'a dyn Measure,
    /// End of what stands in the line.
    x: f32,
    /// Space between that and what comes next.
    space: f32,
    /// What must not be parted, with its widths.
    run: Vec<(Item, f32)>,
}

impl Setter<'_> {
    fn put(&mut self, item: Item) {
        let width = match &item {
            Item::Letters(_, text) | Item::Unread(text) => self.measure.letters(text),
            Item::Chip(_, name) => self.measure.chip(name) + 2.0 * (CHIP_PADDING + CHIP_MARGIN),
            Item::Stop => 0.0,
            Item::Space(count) => {
                self.flush();
                self.space += f32::from(*count) * self.measure.space();
                return;
            }
            Item::Break => {
                self.flush();
                self.next_line();
                return;
            }
        };
        self.run.push((item, width.ceil().min(self.width)));
    }

    /// Sets what must not be parted: into this line, or the next if it has no room; only what no line could hold is parted.
    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        let width: f32 = run.iter().map(|(_, width)| width).sum();
        if !run.is_empty() && self.x > 0.0 && self.x + self.space + width > self.width && width <= self.width {
            self.next_line();
        }
        let mut joined = false;
        for (item, width) in run {
            let from = (self.x + self.space).round();
            if from > 0.0 && from + width > self.width {
                self.next_line();
                joined = false;
            }
            self.set(item, width, joined);
            joined = true;
        }
    }

    fn next_line(&mut self) {
        self.setting.lines.push(Line::default());
        (self.x, self.space) = (0.0, 0.0);
    }

    fn set(&mut self, item: Item, width: f32, joined: bool) {
        let number = self.setting.lines.len() - 1;
        let (left, middle) = ((self.x + self.space).round(), (number as f32 + 0.5) * LINE_HEIGHT);
        // A chip that begins a line begins at its edge.
        let lead = if left > 0.0 { CHIP_MARGIN } else { 0.0 };
        let is_chip = matches!(item, Item::Chip(..));
        (self.x, self.space) = (left + width + if is_chip { lead - CHIP_MARGIN } else { 0.0 }, 0.0);
        let Some(line) = self.setting.lines.last_mut() else { return };
        let (position, text, chip) = match item {
            Item::Letters(position, text) => (position, text, false),
            Item::Chip(position, name) => (position, name, true),
            Item::Unread(text) => return line.asides.push((Aside::Unread(text), pos2(left, middle))),
            Item::Stop => return line.asides.push((Aside::Stop, pos2(left, middle))),
            Item::Space(_) | Item::Break => return,
        };
        let (height, lead, margin) = if chip { (CHIP_HEIGHT, lead, CHIP_MARGIN) } else { (BOX_HEIGHT, 0.0, 0.0) };
        let top = (middle - height / 2.0).round();
        let rect = Rect::from_min_size(pos2(left + lead, top), vec2(width - 2.0 * margin, height));
        if let Some(before) = line.places.last_mut().filter(|before| joined && !before.chip && !chip) {
            before.joins[1] = true;
        }
        let joins = joined && !chip && line.places.last().is_some_and(|p| p.joins[1]);
        if let Some(slot) = self.setting.index.get_mut(position) {
            *slot = Some((number, line.places.len()));
        }
        line.places.push(Place { position, text, chip, rect, joins: [joins, false] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten points a letter.
    struct Tens;

    impl Measure for Tens {
        fn letters(&self, text: &str) -> f32 {
            10.0 * text.chars().count() as f32
        }

        fn chip(&self, text: &str) -> f32 {
            self.letters(text)
        }

        fn space(&self) -> f32 {
            10.0
        }
    }

    /// Pieces of a string, by their spans; a new word where a space is before.
    fn text(string: &str, spans: &[std::ops::Range<usize>], cut_at: Option<usize>) -> Text {
        let piece = |span: &std::ops::Range<usize>| Piece {
            piece: string.get(span.clone()).unwrap_or("?").to_owned(),
            span: span.clone(),
            special: false,
            word: Some(span.start),
        };
        Text {
            string: string.to_owned(),
            pieces: spans.iter().map(piece).collect(),
            cut_at,
            generated_from: None,
            notices: Vec::new(),
        }
    }

    fn lines(setting: &Setting) -> Vec<String> {
        let words = |line: &Line| line.places.iter().map(|p| p.text.clone()).collect::<Vec<_>>().join("|");
        setting.lines.iter().map(words).collect()
    }

    #[test]
    fn pieces_of_a_word_touch_and_lines_break_at_spaces() {
        let setting = Setting::new(&text("a walking, dog", &[0..1, 2..6, 6..9, 9..10, 11..14], None), 95.0, &Tens);
        assert_eq!(lines(&setting), ["a", "walk|ing|,", "dog"], "`a walking,` is 100 wide");
        let (walk, ing) = (setting.place(1).unwrap(), setting.place(2).unwrap());
        assert_eq!((walk.rect.left(), walk.rect.right(), ing.rect.left()), (0.0, 40.0, 40.0));
        assert_eq!((walk.joins, ing.joins), ([false, true], [true, true]));
    }

    #[test]
    fn breaks_and_indentation_are_those_of_the_string() {
        let setting = Setting::new(&text("if a:\n    b\n\nc", &[0..2, 3..4, 4..5, 10..11, 13..14], None), 300.0, &Tens);
        assert_eq!(lines(&setting), ["if|a|:", "b", "", "c"]);
        assert_eq!(setting.place(3).unwrap().rect.left(), 40.0);
        assert_eq!(setting.neighbours(3), [Some(2), Some(4)], "the empty line is passed over");
        assert_eq!(setting.neighbours(4), [Some(3), None]);
    }

    #[test]
    fn what_no_line_can_hold_is_parted() {
        let setting = Setting::new(&text("abcdef", &[0..2, 2..4, 4..6], None), 45.0, &Tens);
        assert_eq!(lines(&setting), ["ab|cd", "ef"]);
        assert_eq!(lines(&Setting::new(&text("abcdef", &[0..6, 0..6], None), 45.0, &Tens)), ["abcdef", "abcdef"]);
    }

    #[test]
    fn points_lead_to_tokens_and_the_rest_is_not_read() {
        let setting = Setting::new(&text("one two. And more", &[0..3, 4..7], Some(7)), 300.0, &Tens);
        for position in 0..2 {
            let centre = setting.place(position).unwrap().rect.center();
            assert_eq!(setting.position_at(centre.to_vec2()), Some(position));
        }
        assert_eq!(setting.position_at(vec2(200.0, 10.0)), None);
        assert_eq!(setting.position_at(vec2(5.0, -1.0)), None);
        assert_eq!(
            [vec2(-9.0, -50.0), vec2(900.0, 10.0), vec2(900.0, 900.0)].map(|at| setting.nearest(at)),
            [Some(0), Some(1), Some(1)]
        );
        let asides: Vec<&Aside> = setting.lines.iter().flat_map(|l| l.asides.iter().map(|(a, _)| a)).collect();
        let unread = |text: &str| Aside::Unread(text.to_owned());
        assert_eq!(asides, [&Aside::Stop, &unread("."), &unread("And"), &unread("more")]);
    }

    #[test]
    fn white_space_and_parts_of_letters_stand_on_chips() {
        let setting = Setting::new(&text("a\nb\u{e9}", &[0..1, 1..2, 2..3, 3..4, 3..5], None), 300.0, &Tens);
        assert_eq!(lines(&setting), ["a|\\n", "b|?|\u{e9}"]);
        assert!(setting.place(1).unwrap().chip && setting.place(3).unwrap().chip);
    }
}
