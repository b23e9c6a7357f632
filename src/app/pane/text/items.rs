//! What comes one after the other in a text: tokens with letters and without, spaces, line breaks, and what the model did not read.

use crate::domain::text::{Piece, Text};
use crate::letters::characters::is_mark;
use crate::letters::held::{self, Kind};

/// Of what the model did not read, so much is shown.
const MAX_UNREAD_CHARS: usize = 4000;

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

/// The items of a text.
pub(super) fn items(text: &Text) -> Vec<Item> {
    let mut items = Vec::new();
    let mut read = 0;
    let end = text.cut_at.unwrap_or(text.string.len());
    let last = text.pieces.iter().rposition(|piece| !piece.special);
    for (position, piece) in text.pieces.iter().enumerate() {
        if piece.special {
            if last.is_none_or(|last| last < position) && read < end {
                // What the tokenizer dropped after the last word stands before the closing token.
                gap_items(text.string.get(read..end).unwrap_or("").trim_end(), &mut items);
                read = end;
            }
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
