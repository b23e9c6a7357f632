//! A text that is set: its lines, where each token stands in them, and which token is where. Geometry only: who draws measures the
//! letters and hands the measure in.

use eframe::egui::{Pos2, Rect, Vec2};

use crate::letters::clusters::{Cluster, Clusters};
use crate::letters::fonts::{Choice, Fonts};
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

/// Width of the code point of a character without a font.
pub(super) const CODE_WIDTH: f32 = 17.0;

/// What stands for a character that no font has.
pub(super) fn code(text: &str) -> Shape {
    let clusters = Clusters::new(vec![Cluster { start: 0, left: 0.0, right: CODE_WIDTH }], text.len(), false);
    Shape { text: text.to_owned(), width: CODE_WIDTH, clusters, glyphs: vec![0] }
}
