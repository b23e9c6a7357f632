//! A text set as running text: which token stands on which line and where. Sizes only; colours are put on by [`super::ink`].
//!
//! Pieces of a word stand side by side without a space, everything else as in the string: its spaces, its line breaks, the
//! indentation of code; an indented line that is too long goes on an em further in. Special tokens, and tokens that the string shows
//! nothing of (the later bytes of one character), are chips with their names where they stand in the sequence. A token of
//! white space alone is a coloured space; a line break that is a token shows as a pilcrow. Of what the model did not read there
//! is one line.
//!
//! What the built-in font cannot set from left to right, letter by letter, is shaped and ordered by [`super::lines`].

use std::ops::Range;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use super::font::{self, advance, is_shapeless, lacks};
use super::glyphs;
pub use super::lines::{CHIP_MARGIN, Item, PAD, Run, SIZE, Setting, What};
use super::lines::{Paragraph, Placed, Source, arranged};
use super::text::shortened;
use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::letters::bidi::OBJECT;
use crate::letters::characters::is_mark;
use crate::letters::fonts::Fonts;
use crate::letters::held::{self, Kind};

/// From baseline to baseline.
pub const PITCH: f64 = 13.0;
/// Type size of a chip's name.
pub const CHIP_SIZE: f64 = 6.0;
/// From a chip's edge to its name.
pub const CHIP_PAD: f64 = 2.0;

/// What a panel of text shows.
#[derive(Clone, Debug)]
pub struct Words {
    /// The text and its tokens.
    pub text: Arc<Text>,
    /// `[T]`, behind each token; none without a value.
    pub colours: Vec<Option<[u8; 3]>>,
    /// The tokens that are framed, line by line.
    pub target: Option<Span>,
}

/// Sets a text in lines of `available` points.
pub fn set(text: &Text, available: f64) -> Setting {
    set_in(text, available, glyphs::fonts())
}

/// Sets a text in lines of `available` points in given fonts.
pub fn set_in(text: &Text, available: f64, fonts: &Fonts) -> Setting {
    let mut atoms = atoms_of(text, available);
    let paragraphs = measured(&mut atoms, fonts);
    let mut setter = Setter {
        available,
        paragraphs: &paragraphs,
        fonts,
        x: 0.0,
        line: 0,
        start: 0.0,
        indent: 0.0,
        is_fresh: true,
        spaces: Vec::new(),
        placed: Vec::new(),
    };
    let mut rest = atoms.as_slice();
    while let Some(first) = rest.first() {
        let joined = 1 + rest.windows(2).take_while(|pair| pair[0].holds(&pair[1])).count();
        match first.what {
            What::Space => setter.space(first),
            What::Return => setter.line_break(first),
            What::Run(_) | What::Chip(_) => setter.word(&rest[..joined]),
        }
        rest = &rest[joined..];
    }
    arranged(&setter.finished(), &paragraphs, available, fonts)
}

/// The paragraphs that are more than plain text; their atoms learn where they stand in them, and how wide they are when their
/// word is shaped as a whole.
fn measured(atoms: &mut [Atom], fonts: &Fonts) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for lines in atoms.chunk_by_mut(|atom, _| atom.what != What::Return) {
        let mut text = String::new();
        let ranges: Vec<Range<usize>> = lines
            .iter()
            .map(|atom| {
                let start = text.len();
                match &atom.what {
                    What::Run(run) => text.push_str(run),
                    What::Space => text.push(' '),
                    What::Return => {}
                    What::Chip(_) => text.push(OBJECT),
                }
                start..text.len()
            })
            .collect();
        let Some(paragraph) = Paragraph::new(text) else { continue };
        let parted: Vec<usize> = paragraph.text.grapheme_indices(true).map(|(at, _)| at).collect();
        for (atom, bytes) in lines.iter_mut().zip(&ranges) {
            atom.sticks = !bytes.is_empty() && parted.binary_search(&bytes.start).is_err();
            atom.source = Some(Source { paragraph: paragraphs.len(), bytes: bytes.clone() });
        }
        for word in lines.chunk_by_mut(Atom::holds).filter(|word| matches!(word[0].what, What::Run(_))) {
            let parts: Vec<Range<usize>> = word.iter().filter_map(|a| a.source.as_ref().map(|s| s.bytes.clone())).collect();
            let widths = paragraph.widths(&parts, fonts);
            word.iter_mut().zip(widths).for_each(|(atom, width)| atom.width = width);
        }
        paragraphs.push(paragraph);
    }
    paragraphs
}

/// An item that has no place yet.
#[derive(Clone, Debug)]
struct Atom {
    what: What,
    position: Option<usize>,
    is_read: bool,
    width: f64,
    /// Whether its token shows nothing but white space, and so must be seen.
    is_blank: bool,
    /// Where it stands in a paragraph that is more than plain text.
    source: Option<Source>,
    /// Whether it begins inside a user-perceived character.
    sticks: bool,
}

impl Atom {
    fn of(what: What, width: f64, position: Option<usize>) -> Self {
        Self { what, position, is_read: true, width, is_blank: false, source: None, sticks: false }
    }

    /// Whether no line may end between this and the next.
    fn holds(&self, next: &Self) -> bool {
        let (What::Run(left), What::Run(right)) = (&self.what, &next.what) else { return false };
        let is_wide = |c: Option<char>| c.is_some_and(breaks_anywhere);
        next.sticks || (!is_wide(left.chars().next_back()) && !is_wide(right.chars().next()))
    }
}

/// Scripts that put no space between words.
fn breaks_anywhere(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{1f000}'..='\u{3ffff}')
}

/// The tokens in their order, and what stands between them in the string.
fn atoms_of(text: &Text, available: f64) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let (string, mut read) = (text.string.as_str(), 0);
    let end = text.cut_at.filter(|&at| string.is_char_boundary(at)).unwrap_or(string.len());
    let last = text.pieces.iter().rposition(|piece| !piece.special);
    for (position, piece) in text.pieces.iter().enumerate() {
        let span = piece.span.start.max(read)..piece.span.end;
        let is_half_break = |slice: &str| slice == "\r" && string[span.end..].starts_with('\n');
        match string.get(span.clone()).filter(|slice| !piece.special && !slice.is_empty() && !is_half_break(slice)) {
            Some(slice) => {
                atoms.extend(atoms_in(string.get(read..span.start).unwrap_or(""), None));
                // Marks that the model did not read are a part of the letter below them all the same.
                let after = text.pieces[position + 1..].iter().find(|next| !next.special && next.span.end > span.end);
                let gap = string.get(span.end..after.map_or(end, |next| next.span.start.max(span.end))).unwrap_or("");
                let marks: String = gap.chars().take_while(|&c| is_mark(c)).collect();
                atoms.extend(atoms_in(&format!("{slice}{marks}"), Some(position)));
                read = span.end + marks.len();
            }
            None => {
                if last.is_none_or(|last| last < position) && read < end {
                    // What the tokenizer dropped after the last word stands before the closing token.
                    atoms.extend(atoms_in(string.get(read..end).unwrap_or("").trim_end(), None));
                    read = end;
                }
                let name = shortened(&piece.piece, CHIP_SIZE, available - 2.0 * (CHIP_PAD + CHIP_MARGIN));
                let width = font::width(&name, CHIP_SIZE) + 2.0 * CHIP_PAD;
                atoms.push(Atom::of(What::Chip(name), width, Some(position)));
            }
        }
    }
    atoms.extend(atoms_in(string.get(read..end).unwrap_or("").trim_end(), None));
    held::mend(&mut atoms, |atom| match &atom.what {
        What::Run(run) => Kind::Letters(run),
        What::Chip(_) if atom.position.and_then(|p| text.pieces.get(p)).is_some_and(|piece| !piece.special) => Kind::Bare,
        _ => Kind::Other,
    });
    if text.cut_at.is_some() {
        atoms.extend(unread(string.get(end..).unwrap_or(""), available));
    }
    atoms
}

/// The letters, spaces and line breaks of a part of the string.
fn atoms_in(slice: &str, position: Option<usize>) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    for c in slice.chars() {
        match c {
            '\r' if slice.contains('\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                atoms.push(Atom::of(What::Return, advance('¶').unwrap_or(0.5) * SIZE, position));
            }
            c if c.is_whitespace() => {
                // A tab is four spaces.
                let em = if c == '\t' { advance(' ').map(|em| 4.0 * em) } else { advance(c).or_else(|| advance(' ')) };
                let width = em.unwrap_or(0.25) * SIZE;
                match atoms.last_mut() {
                    Some(Atom { what: What::Space, width: so_far, .. }) => *so_far += width,
                    _ => atoms.push(Atom::of(What::Space, width, position)),
                }
            }
            c => match atoms.last_mut() {
                Some(Atom { what: What::Run(run), .. }) if continues(run, c) => run.push(c),
                _ => atoms.push(Atom::of(What::Run(c.to_string()), 0.0, position)),
            },
        }
    }
    let is_blank = slice.chars().all(char::is_whitespace);
    for atom in &mut atoms {
        atom.is_blank = is_blank && position.is_some();
        if let What::Run(run) = &atom.what {
            atom.width = font::width(run, SIZE);
        }
    }
    atoms
}

/// Whether a character goes on with a run: the same font, and no place for a line to end.
fn continues(run: &str, c: char) -> bool {
    let Some(last) = run.chars().rfind(|&c| !is_shapeless(c)) else { return true };
    is_shapeless(c) || (lacks(last) == lacks(c) && !breaks_anywhere(last) && !breaks_anywhere(c))
}

/// At most a line of what the model did not read, and an ellipsis.
fn unread(rest: &str, available: f64) -> Vec<Atom> {
    let mut shown = String::new();
    let mut words = rest.split_whitespace().peekable();
    let starts_apart = rest.starts_with(char::is_whitespace);
    while let Some(word) = words.next_if(|word| font::width(&format!("{shown} {word}…"), SIZE) < available) {
        shown += if shown.is_empty() && !starts_apart { "" } else { " " };
        shown += word;
    }
    if words.peek().is_some() {
        shown.push('…');
    }
    let mut atoms = atoms_in(&shown, None);
    atoms.iter_mut().for_each(|atom| atom.is_read = false);
    atoms
}

/// Fills lines from left to right.
struct Setter<'a> {
    available: f64,
    paragraphs: &'a [Paragraph],
    fonts: &'a Fonts,
    x: f64,
    line: usize,
    /// Where the letters of the line begin.
    start: f64,
    /// Where lines go on that are too long.
    indent: f64,
    /// Whether the line has nothing but indentation.
    is_fresh: bool,
    /// Spaces that stand on the line if a word follows them there.
    spaces: Vec<Atom>,
    placed: Vec<Placed>,
}

impl Setter<'_> {
    fn space(&mut self, space: &Atom) {
        if self.is_fresh {
            let width = space.width.min(self.available / 2.0 - self.x).max(1.0);
            self.put(&Atom { width, ..space.clone() });
            self.start = self.x;
            // An em more, so that it does not pass for a line of its own.
            self.indent = self.x + SIZE;
        } else {
            self.spaces.push(space.clone());
        }
    }

    fn line_break(&mut self, end: &Atom) {
        self.put_spaces();
        if end.position.is_some() {
            self.put(end);
        }
        self.next_line(0.0);
        self.indent = 0.0;
        self.is_fresh = true;
    }

    /// Atoms that stay together where they fit on a line at all.
    fn word(&mut self, atoms: &[Atom]) {
        let width: f64 = atoms.iter().map(Atom::outer_width).sum();
        let spaces: f64 = self.spaces.iter().map(|s| s.width).sum();
        if self.x + spaces + width > self.available && self.x > self.start {
            self.wrap();
        }
        self.put_spaces();
        for atom in atoms {
            if self.x + atom.outer_width() > self.available && self.x > self.start {
                self.wrap();
            }
            self.put_letters(atom);
        }
    }

    /// One atom, in parts where it is wider than the line.
    fn put_letters(&mut self, atom: &Atom) {
        let What::Run(run) = &atom.what else { return self.put(atom) };
        if self.x + atom.width <= self.available {
            return self.put(atom);
        }
        let mut part = 0..0;
        for (at, grapheme) in run.grapheme_indices(true) {
            let end = at + grapheme.len();
            if self.x + self.width_of(atom, part.start..end) > self.available && !part.is_empty() {
                self.put_part(atom, part.clone());
                self.wrap();
                part.start = at;
            }
            part.end = end;
        }
        self.put_part(atom, part);
    }

    /// Width of a part of an atom that stands by itself.
    fn width_of(&self, atom: &Atom, part: Range<usize>) -> f64 {
        let What::Run(run) = &atom.what else { return atom.width };
        let source = atom.source.as_ref().and_then(|s| self.paragraphs.get(s.paragraph).map(|p| (p, s.bytes.start)));
        match source {
            Some((paragraph, at)) => {
                let part = at + part.start..at + part.end;
                paragraph.widths(std::slice::from_ref(&part), self.fonts).iter().sum()
            }
            None => font::width(run.get(part).unwrap_or(""), SIZE),
        }
    }

    fn put_part(&mut self, atom: &Atom, part: Range<usize>) {
        let What::Run(run) = &atom.what else { return };
        let width = self.width_of(atom, part.clone());
        let source = atom.source.clone().map(|s| Source { bytes: s.bytes.start + part.start..s.bytes.start + part.end, ..s });
        let what = What::Run(run.get(part).unwrap_or("").to_owned());
        self.put(&Atom { what, width, source, ..atom.clone() });
    }

    /// Spaces at the end of a line are not seen, unless they are tokens; then they may be narrower.
    fn wrap(&mut self) {
        for space in std::mem::take(&mut self.spaces).iter().filter(|s| s.is_blank) {
            let width = space.width.min(self.available - self.x);
            if width > 1.0 {
                self.put(&Atom { width, ..space.clone() });
            } else {
                self.spaces.push(space.clone());
            }
        }
        self.next_line(self.indent);
    }

    fn next_line(&mut self, x: f64) {
        self.line += 1;
        (self.start, self.x) = (x, x);
    }

    fn put_spaces(&mut self) {
        for space in std::mem::take(&mut self.spaces) {
            self.put(&space);
        }
    }

    fn put(&mut self, atom: &Atom) {
        let is_chip = matches!(atom.what, What::Chip(_));
        // The colour of a chip begins where that of a word would.
        let margin = if is_chip { CHIP_MARGIN } else { 0.0 };
        let left = if is_chip && self.x <= self.start { -PAD } else { margin };
        let Atom { what, position, is_read, width, source, .. } = atom.clone();
        let item = Item { what, position, is_read, line: self.line, x: self.x + left, width, is_shaped: false };
        self.placed.push(Placed { item, source, pen: self.x });
        self.x += left + width + margin;
        self.is_fresh &= matches!(atom.what, What::Space);
    }

    fn finished(mut self) -> Vec<Placed> {
        self.spaces.retain(|s| s.is_blank);
        self.put_spaces();
        self.placed
    }
}

impl Atom {
    fn outer_width(&self) -> f64 {
        let margins = if matches!(self.what, What::Chip(_)) { 2.0 * CHIP_MARGIN } else { 0.0 };
        self.width + margins
    }
}
