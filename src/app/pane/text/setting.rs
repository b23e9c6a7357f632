//! Typesetting: where each token of a text stands when it is set as running text. Pieces of a word stand side by side, spaces,
//! line breaks and indentation are those of the string, and lines break where the string has a space. Geometry only: who draws
//! measures the letters and hands the measure in. `fill` fills the lines and puts each in its visual order.

use eframe::egui::{Pos2, Rect, Vec2};

use super::fill;
use crate::domain::text::{Piece, Text};
use crate::letters::characters::is_mark;
use crate::letters::clusters::Clusters;
use crate::letters::fonts::{Choice, Fonts};
use crate::letters::held::{self, Kind};
use crate::letters::units::Unit;

/// From line to line.
pub const LINE_HEIGHT: f32 = 35.0;
/// Of the ground behind a token.
pub const BOX_HEIGHT: f32 = 27.0;
/// Of a chip, which holds a token that is no word.
pub const CHIP_HEIGHT: f32 = 20.0;
/// From the edge of a chip to its letters.
pub const CHIP_PADDING: f32 = 6.0;
/// CommandContext a chip, so that the grounds of words do not touch it.
pub const CHIP_MARGIN: f32 = 5.0;
/// Of what the model did not read, so much is shown.
const MAX_UNREAD_CHARS: usize = 4000;

/// Widths of what is set.
pub trait Measure {
    /// The fonts of the running text.
    fn fonts(&self) -> &Fonts;
    /// Letters of one direction, one script and one font, shaped as a whole.
    fn shape(&self, text: &str, unit: &Unit) -> Shape;
    /// Of the small letters on a chip.
    fn chip(&self, text: &str) -> f32;
    /// Of one space.
    fn space(&self) -> f32;
}

/// Shaped letters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// What is to be drawn: the letters, or where they run from right to left and have no script of their own, their mirror
    /// image.
    pub text: String,
    /// Advance of the whole.
    pub width: f32,
    /// Where the characters stand.
    pub clusters: Clusters,
    /// The byte of the letters that each drawn glyph begins at, from the left.
    pub glyphs: Vec<usize>,
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

/// Letters that are drawn at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What is drawn.
    pub text: String,
    /// Its font.
    pub choice: Choice,
    /// Left edge, from the left of the text.
    pub left: f32,
    /// Advance.
    pub width: f32,
    /// The token that each glyph belongs to, from the left; none where the model did not read it.
    pub owners: Vec<Option<usize>>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Tokens, from the left.
    pub places: Vec<Place>,
    /// Letters, of tokens and of what the model did not read.
    pub runs: Vec<Run>,
    /// Left middle of the note that the model stopped reading here.
    pub stop: Option<Pos2>,
}

/// A text that is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// From the top; line n begins at n times [`LINE_HEIGHT`].
    pub lines: Vec<Line>,
    /// `[T]`, line and place in it of every token.
    pub(super) index: Vec<Option<(usize, usize)>>,
}

impl Setting {
    /// Sets a text into lines of at most `width`.
    pub fn new(text: &Text, width: f32, measure: &dyn Measure) -> Self {
        let mut setting = Self { lines: Vec::new(), index: vec![None; text.pieces.len()] };
        let items = items(text);
        for paragraph in items.split(|item| *item == Item::Break) {
            fill::paragraph(paragraph, width, measure, &mut setting);
        }
        setting
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

    /// Every part of a token: more than one where it holds text of two directions.
    pub fn parts(&self, position: usize) -> impl Iterator<Item = &Place> {
        let line = self.index.get(position).copied().flatten().and_then(|(line, _)| self.lines.get(line));
        line.into_iter().flat_map(|line| &line.places).filter(move |place| place.position == position)
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

    /// The tokens to the left and to the right as the text is seen; beyond the end of a line, those where its reader goes on.
    pub fn sides(&self, position: usize) -> [Option<usize>; 2] {
        let Some(&Some((line, at))) = self.index.get(position) else { return [None; 2] };
        let Some(places) = self.lines.get(line).map(|line| &line.places) else { return [None; 2] };
        let other = |place: &&Place| place.position != position;
        let left = places.iter().take(at).rev().find(other).map(|p| p.position);
        let right = places.iter().skip(at + 1).find(other).map(|p| p.position);
        let mut before = self.lines.iter().take(line).rev().map(|line| &line.places).filter(|places| !places.is_empty());
        let mut after = self.lines.iter().skip(line + 1).map(|line| &line.places).filter(|places| !places.is_empty());
        let first = |places: &Vec<Place>| places.first().map(|p| p.position);
        let last = |places: &Vec<Place>| places.last().map(|p| p.position);
        // Read from right to left, a line goes on at the right end of the next.
        let is_rtl = first(places) > last(places);
        let (to_left, to_right) = if is_rtl {
            (after.next().and_then(last), before.next().and_then(first))
        } else {
            (before.next().and_then(last), after.next().and_then(first))
        };
        [left.or(to_left), right.or(to_right)]
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
pub(super) enum Item {
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
    held::mend(&mut items, |item| match item {
        Item::Letters(_, letters) | Item::Unread(letters) => Kind::Letters(letters),
        // A special token has room to break on both sides.
        Item::Chip(..) => Kind::Bare,
        Item::Space(_) | Item::Break | Item::Stop => Kind::Other,
    });
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
            // A mark that the model did not read is a part of the letter below it all the same.
            (c, Some(Item::Letters(_, letters))) if is_mark(c) => letters.push(c),
            (c, Some(Item::Unread(run))) if !c.is_control() => run.push(c),
            (c, _) if !c.is_control() => items.push(Item::Unread(c.to_string())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::vec2;

    use super::*;
    use crate::letters::clusters::Cluster;

    /// Ten points a letter.
    struct Tens(Fonts);

    impl Measure for Tens {
        fn fonts(&self) -> &Fonts {
            &self.0
        }

        fn shape(&self, text: &str, unit: &Unit) -> Shape {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let width = 10.0 * starts.len() as f32;
            let cluster = |(n, &start): (usize, &usize)| {
                let left = if unit.is_rtl() { width - 10.0 * (n + 1) as f32 } else { 10.0 * n as f32 };
                Cluster { start, left, right: left + 10.0 }
            };
            let clusters = starts.iter().enumerate().map(cluster).collect();
            let glyphs = if unit.is_rtl() { starts.iter().rev().copied().collect() } else { starts };
            Shape { text: text.to_owned(), width, clusters: Clusters::new(clusters, text.len(), unit.is_rtl()), glyphs }
        }

        fn chip(&self, text: &str) -> f32 {
            10.0 * text.chars().count() as f32
        }

        fn space(&self) -> f32 {
            10.0
        }
    }

    fn tens() -> Tens {
        Tens(crate::figure::glyphs::built_in())
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
        let setting = Setting::new(&text("a walking, dog", &[0..1, 2..6, 6..9, 9..10, 11..14], None), 95.0, &tens());
        assert_eq!(lines(&setting), ["a", "walk|ing|,", "dog"], "`a walking,` is 100 wide");
        let (walk, ing) = (setting.place(1).unwrap(), setting.place(2).unwrap());
        assert_eq!((walk.rect.left(), walk.rect.right(), ing.rect.left()), (0.0, 40.0, 40.0));
        assert_eq!((walk.joins, ing.joins), ([false, true], [true, true]));
    }

    #[test]
    fn breaks_and_indentation_are_those_of_the_string() {
        let setting = Setting::new(&text("if a:\n    b\n\nc", &[0..2, 3..4, 4..5, 10..11, 13..14], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["if|a|:", "b", "", "c"]);
        assert_eq!(setting.place(3).unwrap().rect.left(), 40.0);
        assert_eq!(setting.neighbours(3), [Some(2), Some(4)], "the empty line is passed over");
        assert_eq!(setting.neighbours(4), [Some(3), None]);
    }

    #[test]
    fn what_no_line_can_hold_is_parted() {
        let setting = Setting::new(&text("abcdef", &[0..2, 2..4, 4..6], None), 45.0, &tens());
        assert_eq!(lines(&setting), ["ab|cd", "ef"]);
        assert_eq!(lines(&Setting::new(&text("abcdef", &[0..6, 0..6], None), 45.0, &tens())), ["abcdef", "abcdef"]);
    }

    #[test]
    fn points_lead_to_tokens_and_the_rest_is_not_read() {
        let setting = Setting::new(&text("one two. And more", &[0..3, 4..7], Some(7)), 300.0, &tens());
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
        let is_unread = |run: &&Run| run.owners.iter().all(Option::is_none);
        let unread: Vec<&str> = setting.lines.iter().flat_map(|l| &l.runs).filter(is_unread).map(|r| r.text.as_str()).collect();
        assert_eq!(unread, [".", "And", "more"]);
        assert_eq!(setting.lines.iter().filter(|l| l.stop.is_some()).count(), 1);
    }

    #[test]
    fn hebrew_reads_from_the_right_and_keeps_its_numbers() {
        // In the order of the string: two words, a comma, a number, a word in brackets.
        let string = "אב גד, 12 (x)";
        let spans = [0..2, 2..4, 5..7, 7..9, 9..10, 11..13, 14..15, 15..16, 16..17];
        let setting = Setting::new(&text(string, &spans, None), 300.0, &tens());
        let line = &setting.lines[0];
        assert_eq!(lines(&setting), [")|x|(|12|,|ד|ג|ב|א"], "from the left");
        assert_eq!(line.places.last().unwrap().rect.right(), 300.0, "it begins at the right edge");
        for (position, _) in spans.iter().enumerate() {
            let centre = setting.place(position).unwrap().rect.center();
            assert_eq!(setting.position_at(centre.to_vec2()), Some(position));
        }
        let word = line.runs.iter().find(|run| run.text == "אב").unwrap();
        assert_eq!(word.owners, [Some(1), Some(0)], "glyphs stand from the left, letters from the right");
        let (alef, bet) = (setting.place(0).unwrap(), setting.place(1).unwrap());
        assert_eq!((alef.joins, bet.joins, bet.rect.right()), ([true, false], [false, true], alef.rect.left()));
    }

    #[test]
    fn english_among_hebrew_stays_in_its_order() {
        let setting = Setting::new(&text("ab אב גד cd", &[0..2, 3..7, 8..12, 13..15], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["ab|גד|אב|cd"]);
        assert_eq!(setting.place(0).unwrap().rect.left(), 0.0, "the first letter is Latin");
    }

    #[test]
    fn a_token_of_two_directions_has_two_parts() {
        let setting = Setting::new(&text("אב1", &[0..2, 2..5], None), 300.0, &tens());
        assert_eq!(setting.parts(1).count(), 1, "the number follows its letter");
        let setting = Setting::new(&text("xאב1y", &[0..1, 1..3, 3..6, 6..7], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["x|ב1|ב1|א|y"].map(|_| lines(&setting)[0].clone()));
        assert!(setting.parts(2).count() >= 1 && setting.place(2).is_some());
    }

    #[test]
    fn chinese_breaks_between_any_two_characters_and_touches_what_stands_beside() {
        let spans: Vec<_> = (0..6).map(|n| 3 * n..3 * n + 3).collect();
        let setting = Setting::new(&text("我们坐在河岸", &spans, None), 75.0, &tens());
        assert_eq!(lines(&setting), ["我|们|坐|在", "河|岸"].map(str::to_owned));
    }

    #[test]
    fn white_space_and_parts_of_letters_stand_on_chips() {
        let setting = Setting::new(&text("a\nb\u{e9}", &[0..1, 1..2, 2..3, 3..4, 3..5], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["a|\\n", "b|?|\u{e9}"]);
        assert!(setting.place(1).unwrap().chip && setting.place(3).unwrap().chip);
    }
}
