//! Letters from bytes: text files, standard input, and what tokenizers keep in files.

use std::fmt::Display;
use std::path::Path;

use crate::domain::{Error, Result};
use crate::store::read_file;

/// Bytes of a text file.
pub const MAX_TEXT: u64 = 64 << 20;

/// The byte order marks of UTF-32, little and big end first.
const MARKS_OF_UTF32: [&[u8]; 2] = [b"\xff\xfe\0\0", b"\0\0\xfe\xff"];

/// Reads a .txt file: UTF-8, or UTF-16 behind a byte order mark. Line ends are kept.
///
/// # Errors
/// A file that cannot be read, is larger than [`MAX_TEXT`], or holds another encoding.
pub fn read_text(path: &Path) -> Result<String> {
    text_of(path.display(), read_file(path, MAX_TEXT, "a text")?)
}

/// The text in some bytes: UTF-8, or UTF-16 behind a byte order mark. The mark is dropped, line ends are kept.
///
/// # Errors
/// Any other encoding, with the first byte that does not fit, and binary data.
pub fn text_of(place: impl Display, bytes: Vec<u8>) -> Result<String> {
    let text = decode(&place, bytes)?;
    match text.find('\0') {
        Some(at) => Err(not(&place, &format!("is no text: byte {at} is zero"), "utf16le")),
        None => Ok(text),
    }
}

/// Decodes UTF-8, or UTF-16 behind a byte order mark, which is dropped.
///
/// # Errors
/// Any other encoding, with the first byte that does not fit.
pub(super) fn decode(place: impl Display, bytes: Vec<u8>) -> Result<String> {
    if MARKS_OF_UTF32.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(not(&place, "is UTF-32", "utf32"));
    }
    let text = match bytes.get(..2) {
        Some(b"\xff\xfe") => from_utf16(&place, &bytes, u16::from_le_bytes)?,
        Some(b"\xfe\xff") => from_utf16(&place, &bytes, u16::from_be_bytes)?,
        _ => String::from_utf8(bytes)
            .map_err(|err| not(&place, &format!("is not UTF-8 at byte {}", err.utf8_error().valid_up_to()), "latin1"))?,
    };
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Decodes a file that belongs to a model, as [`decode`] does.
///
/// # Errors
/// Those of [`decode`], with the remedy for what was not written by hand.
pub(super) fn decode_file(file: &Path, bytes: Vec<u8>, expected: &str) -> Result<String> {
    let refused = |err: Error| err.expected(format!("{expected} in UTF-8")).remedy("download the file again, or remove it");
    decode(file.display(), bytes).map_err(refused)
}

fn from_utf16(place: &impl Display, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    for letter in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let letter = letter.map_err(|_| not(place, &format!("is not UTF-16 at byte {at}"), "utf16"))?;
        at += 2 * letter.len_utf16();
        text.push(letter);
    }
    if rest.is_empty() { Ok(text) } else { Err(not(place, &format!("is not UTF-16 at byte {at}, its last"), "utf16")) }
}

fn not(place: &impl Display, what: &str, encoding: &str) -> Error {
    Error::refused(place, what)
        .expected("a text in UTF-8, or in UTF-16 with a byte order mark")
        .remedy(format!("save it as UTF-8, for example: iconv -f {encoding} -t utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_say_how_letters_are_kept_and_are_dropped() {
        let utf16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
            mark.into_iter().chain("é\r\n🦊".encode_utf16().flat_map(unit)).collect::<Vec<u8>>()
        };
        for bytes in [
            "é\r\n🦊".as_bytes().to_vec(),
            "\u{feff}é\r\n🦊".as_bytes().to_vec(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(text_of("a", bytes).unwrap(), "é\r\n🦊");
        }
    }

    #[test]
    fn other_encodings_are_refused_with_the_place() {
        for (bytes, words) in [
            (&b"Le caf\xe9"[..], "is not UTF-8 at byte 6"),
            (b"\xff\xfe\0\0a\0\0\0", "is UTF-32"),
            (b"\0\0\xfe\xff\0\0\0a", "is UTF-32"),
            (b"a\0b\0", "byte 1 is zero"),
            (b"\xff\xfea\0\0\xd8a\0", "is not UTF-16 at byte 4"),
            (b"\xff\xfea\0b", "is not UTF-16 at byte 4, its last"),
        ] {
            let err = text_of("a text", bytes.to_vec()).unwrap_err().to_string();
            assert!(err.starts_with("a text") && err.contains(words) && err.contains("iconv -f"), "{err}");
        }
    }
}
