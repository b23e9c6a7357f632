//! A text set as running text: which token stands on which line and where. Sizes only; colours are put on by [`super::ink`].
//!
//! Pieces of a word stand side by side without a space, everything else as in the string: its spaces, its line breaks, the
//! indentation of code; an indented line that is too long goes on an em further in. Special tokens, and tokens that the string shows
//! nothing of (the later bytes of one character), are chips with their names where they stand in the sequence. A token of
//! white space alone is a coloured space; a line break that is a token shows as a pilcrow. Of what the model did not read there
//! is one line.
//!
//! What Liberation Sans lacks (Chinese, emoji) takes a square a character: a PNG shows empty boxes there, an SVG the characters
//! themselves in whatever font its reader has.

use std::sync::Arc;

use super::font::{self, advance, is_shapeless, lacks};
use super::text::shortened;
use crate::domain::span::Span;
use crate::domain::text::Text;

/// Type size of running text, in points.
pub const SIZE: f64 = 8.5;
/// From baseline to baseline.
pub const PITCH: f64 = 13.0;
/// Type size of a chip's name.
pub const CHIP_SIZE: f64 = 6.0;
/// From a chip's edge to its name.
pub const CHIP_PAD: f64 = 2.0;
/// Free space around a chip.
pub const CHIP_MARGIN: f64 = 2.0;
/// Colour reaches this far beyond the letters of a word.
pub const PAD: f64 = 0.7;

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
}

/// A text in lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// In reading order.
    pub items: Vec<Item>,
    /// At least 1.
    pub num_lines: usize,
}

/// Sets a text in lines of `available` points.
pub fn set(text: &Text, available: f64) -> Setting {
    let mut setter =
        Setter { available, x: 0.0, line: 0, start: 0.0, indent: 0.0, is_fresh: true, spaces: Vec::new(), items: Vec::new() };
    let atoms = atoms_of(text, available);
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
    setter.finished()
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
}

impl Atom {
    fn of(what: What, width: f64, position: Option<usize>) -> Self {
        Self { what, position, is_read: true, width, is_blank: false }
    }

    /// Whether no line may end between this and the next.
    fn holds(&self, next: &Self) -> bool {
        let (What::Run(left), What::Run(right)) = (&self.what, &next.what) else { return false };
        let is_wide = |c: Option<char>| c.is_some_and(breaks_anywhere);
        !is_wide(left.chars().next_back()) && !is_wide(right.chars().next())
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
                atoms.extend(atoms_in(slice, Some(position)));
                read = span.end;
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
struct Setter {
    available: f64,
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
    items: Vec<Item>,
}

impl Setter {
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
        let mut part = String::new();
        for c in run.chars() {
            let width = font::width(&format!("{part}{c}"), SIZE);
            if self.x + width > self.available && !part.is_empty() {
                self.put_part(atom, std::mem::take(&mut part));
                self.wrap();
            }
            part.push(c);
        }
        self.put_part(atom, part);
    }

    fn put_part(&mut self, atom: &Atom, part: String) {
        let width = font::width(&part, SIZE);
        self.put(&Atom { what: What::Run(part), width, ..atom.clone() });
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
        let Atom { what, position, is_read, width, .. } = atom.clone();
        self.items.push(Item { what, position, is_read, line: self.line, x: self.x + left, width });
        self.x += left + width + margin;
        self.is_fresh &= matches!(atom.what, What::Space);
    }

    fn finished(mut self) -> Setting {
        self.spaces.retain(|s| s.is_blank);
        self.put_spaces();
        let num_lines = self.items.last().map_or(0, |item| item.line) + 1;
        Setting { items: self.items, num_lines }
    }
}

impl Atom {
    fn outer_width(&self) -> f64 {
        let margins = if matches!(self.what, What::Chip(_)) { 2.0 * CHIP_MARGIN } else { 0.0 };
        self.width + margins
    }
}
