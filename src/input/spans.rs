//! Which letters of a text its tokens stand for, and what the tokenizer lost of them.

use std::ops::Range;

use tokenizers::Encoding;
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::domain::Notice;
use crate::domain::text::Piece;
use crate::letters::characters::is_mark;

/// What stands for bytes that are no character, or not yet.
pub(super) const UNFINISHED: char = '\u{fffd}';
/// A space in the letters of byte-level tokenizers.
const SPACE_BYTE: char = '\u{120}';
/// A space in SentencePiece's pieces.
const METASPACE: char = '\u{2581}';
/// Number, letters, offsets, whether it was set around the text, and word of a token.
type Row<'a> = ((((&'a u32, &'a String), &'a (usize, usize)), &'a u32), &'a Option<u32>);

/// Strings that a notice quotes.
const QUOTED: usize = 3;

/// The tokens of a text with their letters, spelled by `name`. `trims` leaves the space before a word out.
pub(super) fn pieces(string: &str, encoding: &Encoding, name: impl Fn(u32) -> String, trims: bool) -> Vec<Piece> {
    let rows = encoding.get_ids().iter().zip(encoding.get_tokens()).zip(encoding.get_offsets());
    let rows = rows.zip(encoding.get_special_tokens_mask()).zip(encoding.get_word_ids());
    let piece = |((((&id, letters), &(start, end)), &special), word): Row<'_>| {
        let span = if special == 1 { 0..0 } else { inside(string, start..end) };
        let span = if trims { trimmed(string, letters, span) } else { span };
        Piece { piece: name(id), span, special: special == 1, word: word.map(|w| w as usize) }
    };
    let mut pieces: Vec<Piece> = rows.map(piece).collect();
    free_marks(string, &mut pieces);
    part_words(string, &mut pieces);
    pieces
}

/// A tokenizer's file decides what its offsets are; those that point outside the string point at nothing.
fn inside(string: &str, span: Range<usize>) -> Range<usize> {
    if string.get(span.clone()).is_some() { span } else { 0..0 }
}

/// A span without the spaces that the piece begins and ends with, as far as they are the string's own.
fn trimmed(string: &str, piece: &str, span: Range<usize>) -> Range<usize> {
    let spaces = |letters: &mut dyn Iterator<Item = char>| letters.take_while(|&c| c == SPACE_BYTE || c.is_whitespace()).count();
    let (leading, trailing) = (spaces(&mut piece.chars()), spaces(&mut piece.chars().rev()));
    let letters = string.get(span.clone()).unwrap_or("");
    let start = span.start + letters.bytes().take(leading).take_while(|&byte| byte == b' ').count();
    let letters = string.get(start..span.end).unwrap_or("");
    start..span.end - letters.bytes().rev().take(trailing).take_while(|&byte| byte == b' ').count()
}

/// Takes the letters from tokens that only mark the beginning of a word. A space that the tokenizer put before a word has no place
/// in the string, and the tokenizers library lets it stand for the letter after it.
fn free_marks(string: &str, pieces: &mut [Piece]) {
    let is_mark = |piece: &Piece| !piece.special && piece.piece.chars().all(|c| c == METASPACE || c == SPACE_BYTE);
    for at in 0..pieces.len() {
        let Some(piece) = pieces.get(at).filter(|piece| is_mark(piece) && !piece.span.is_empty()) else { continue };
        let letters = string.get(piece.span.clone()).unwrap_or("");
        let next = pieces.get(at + 1).filter(|next| !next.special && !next.span.is_empty());
        let is_shared = next.is_some_and(|next| next.span.start <= piece.span.start);
        if letters != piece.piece
            && (is_shared || letters.contains(|c: char| !c.is_whitespace()))
            && let Some(piece) = pieces.get_mut(at)
        {
            piece.span.end = piece.span.start;
            piece.word = None;
        }
    }
}

/// Numbers the words. Tokenizers that look for no words before they look for tokens (SentencePiece's) call a text, or what stands
/// between two added tokens, one word. There a word begins where letters do not go on.
fn part_words(string: &str, pieces: &mut [Piece]) {
    let mut next = 0;
    let mut at = 0;
    while at < pieces.len() {
        let word = pieces[at].word;
        let length = pieces[at..].iter().take_while(|piece| piece.word == word).count();
        let run = &mut pieces[at..at + length];
        at += length;
        if word.is_none() {
            continue;
        }
        let end = run.iter().map(|piece| piece.span.end).max().unwrap_or(0);
        let is_wide = string.get(run[0].span.start..end).is_some_and(|letters| letters.trim().contains(char::is_whitespace));
        let mut last: Option<Range<usize>> = None;
        for piece in run {
            let (before, letters) = (&string[..piece.span.start], &string[piece.span.clone()]);
            let begins = is_wide && last.as_ref().is_some_and(|last| *last != piece.span) && !joins(before, letters);
            next += usize::from(begins);
            piece.word = Some(next);
            last = Some(piece.span.clone());
        }
        next += 1;
    }
}

/// Whether letters go on with the word at the end of a string.
pub(super) fn joins(string: &str, letters: &str) -> bool {
    in_word(string.chars().next_back()) && in_word(letters.chars().next())
}

/// Whether a character belongs to a word: letters, digits, and the marks and joiners that many scripts set between letters.
fn in_word(c: Option<char>) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    c.is_some_and(|c| {
        c.is_alphanumeric()
            || matches!(c, UNFINISHED | '\u{200c}' | '\u{200d}')
            || matches!(get_general_category(c), NonspacingMark | SpacingMark | EnclosingMark)
    })
}

/// Says how many tokens stand for what the vocabulary lacks; `unknown` is the number of that token.
pub(super) fn unknown(string: &str, pieces: &[Piece], ids: &[u32], unknown: Option<u32>) -> Option<Notice> {
    let letters = |piece: &Piece| string.get(piece.span.clone()).unwrap_or("").to_owned();
    let of_text = pieces.iter().zip(ids).filter(|(piece, _)| !piece.special);
    let is_unknown = |(piece, id): &(&Piece, &u32)| Some(**id) == unknown && letters(piece) != piece.piece;
    let lost: Vec<&Piece> = of_text.clone().filter(is_unknown).map(|(piece, _)| piece).collect();
    let name = &lost.first()?.piece;
    let quoted = quoted(lost.iter().map(|piece| letters(piece)));
    let (count, are) = (of_text.count(), if lost.len() == 1 { "is" } else { "are" });
    let of = if count == 1 { "its only token".to_owned() } else { format!("{} of its {count} tokens", lost.len()) };
    let what = format!("{of} {are} {name}: the vocabulary has no piece for {quoted}");
    Some(Notice::new("the text", what).remedy("choose a model whose vocabulary has them"))
}

/// Says how many letters of the part that is read have no token.
pub(super) fn lost(string: &str, pieces: &[Piece], end: usize) -> Option<Notice> {
    let mut spans: Vec<Range<usize>> = pieces.iter().filter(|p| !p.span.is_empty()).map(|p| p.span.clone()).collect();
    spans.sort_by_key(|span| span.start);
    let mut read = 0;
    let mut lost = Vec::new();
    let mut pass = |gap: Range<usize>| lost.extend(string.get(gap).unwrap_or("").chars().filter(|c| c.is_alphanumeric()));
    for span in spans {
        pass(read..span.start);
        read = read.max(span.end);
    }
    pass(read..end);
    let quoted = quoted(lost.iter().map(char::to_string));
    (!lost.is_empty()).then(|| {
        let what = match lost.len() {
            1 => format!("one of its letters has no token, and the model does not see it: {quoted}"),
            count => format!("{count} of its letters have no token, and the model does not see them: {quoted}"),
        };
        Notice::new("the text", what)
    })
}

/// The first few different strings.
fn quoted(strings: impl Iterator<Item = String>) -> String {
    let mut named: Vec<String> = Vec::new();
    let mut more = "";
    for string in strings {
        if named.len() == QUOTED {
            more = if named.contains(&string) { more } else { ", .." };
        } else if !named.contains(&string) {
            named.push(string);
        }
    }
    // A mark alone is drawn on a dotted circle, and small: its number says which it is.
    let named = named.iter().map(|string| match string.chars().next().filter(|&c| is_mark(c)) {
        Some(mark) => format!("\"\u{25cc}{string}\" (U+{:04X})", u32::from(mark)),
        None => format!("\"{string}\""),
    });
    named.collect::<Vec<_>>().join(", ") + more
}
