//! SentencePiece's .model files: pieces with their scores, as protocol buffers. The numbers of the fields are those of
//! `sentencepiece_model.proto` (github.com/google/sentencepiece).

use std::collections::HashMap;

/// A field of a message: its number and its value.
type Field<'a> = (u64, Value<'a>);

/// A value as protocol buffers keep it.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Float(f32),
    Other,
}

/// How a piece is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Control,
    UserDefined,
    Other,
}

/// A piece.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: Kind,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) pieces: Vec<Piece>,
    /// The number of what has no piece.
    pub(super) unknown: usize,
    /// The map of letters that are normalised; empty where none are.
    pub(super) charsmap: Vec<u8>,
}

impl Model {
    /// Reads a file; `None` if it is none of SentencePiece.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut model = Self { pieces: Vec::new(), unknown: 0, charsmap: Vec::new() };
        for field in fields(bytes) {
            match field? {
                (1, Value::Bytes(piece)) => model.pieces.push(Piece::parse(piece)?),
                (2, Value::Bytes(trainer)) => {
                    let unknown = fields(trainer).flatten().find_map(|(name, value)| number(value).filter(|_| name == 40));
                    model.unknown = unknown.map_or(Some(0), |id| usize::try_from(id).ok())?;
                }
                (3, Value::Bytes(normalizer)) => {
                    let map = fields(normalizer).flatten().find_map(|(name, value)| match value {
                        Value::Bytes(map) if name == 2 => Some(map),
                        _ => None,
                    });
                    model.charsmap = map.unwrap_or_default().to_vec();
                }
                _ => {}
            }
        }
        (model.unknown < model.pieces.len()).then_some(model)
    }

    /// Pairs of pieces that become one, the first to be joined first: all pairs that make a piece, in the order of the pieces.
    pub(super) fn merges(&self) -> Vec<(&str, &str)> {
        let numbers: HashMap<&str, usize> = self.pieces.iter().enumerate().map(|(id, piece)| (piece.text.as_str(), id)).collect();
        let mut merges = Vec::new();
        for (id, piece) in self.pieces.iter().enumerate() {
            for (at, _) in piece.text.char_indices().skip(1) {
                let (left, right) = piece.text.split_at(at);
                if let (Some(first), Some(second)) = (numbers.get(left), numbers.get(right)) {
                    merges.push(((id, left.chars().count(), *first, *second), (left, right)));
                }
            }
        }
        merges.sort_by_key(|(key, _)| *key);
        merges.into_iter().map(|(_, pair)| pair).collect()
    }
}

impl Piece {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut piece = Self { text: String::new(), score: 0.0, kind: Kind::Other };
        for field in fields(bytes) {
            match field? {
                (1, Value::Bytes(text)) => piece.text = String::from_utf8(text.to_vec()).ok()?,
                (2, Value::Float(score)) => piece.score = score,
                (3, Value::Number(3)) => piece.kind = Kind::Control,
                (3, Value::Number(4)) => piece.kind = Kind::UserDefined,
                _ => {}
            }
        }
        Some(piece)
    }
}

fn number(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// The fields of a message in their order; `None`, and nothing after it, where the bytes are no message.
fn fields(bytes: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Other)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => Value::Float(f32::from_le_bytes(take(rest, 4)?.try_into().ok()?)),
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// A number in seven bits a byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        fields.iter().flat_map(|(number, bytes)| [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()).collect()
    }

    #[test]
    fn pieces_are_read_and_joined_in_their_order() {
        let piece = |text: &str, kind: u8| [message(&[(1, text.as_bytes())]), vec![0x15, 0, 0, 0x80, 0xbf, 0x18, kind]].concat();
        let pieces = [piece("<unk>", 2), piece("<s>", 3), piece("a", 1), piece("b", 1), piece("ab", 1), piece("aba", 4)];
        let file: Vec<u8> = pieces.iter().flat_map(|piece| message(&[(1, piece)])).collect();
        let model = Model::parse(&file).unwrap();
        assert_eq!((model.pieces.len(), model.unknown, model.pieces[2].score), (6, 0, -1.0));
        assert_eq!([1, 2, 5].map(|id| model.pieces[id].kind), [Kind::Control, Kind::Other, Kind::UserDefined]);
        assert_eq!(model.merges(), [("a", "b"), ("ab", "a")]);
        for cut in 1..file.len() {
            assert!(Model::parse(&file[..cut]).is_none_or(|model| model.pieces.len() < 6));
        }
        assert!(Model::parse(b"").is_none() && Model::parse(b"tekken").is_none());
    }
}
