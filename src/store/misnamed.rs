//! Files that are not what their names say, told by their first bytes: pointers of git-lfs, web pages, files of other formats.

use std::fmt::Display;

use crate::domain::Error;

/// How many bytes of a file are enough for [`misnamed`].
pub(super) const ENOUGH: usize = 64;

const AGAIN: &str = "download the file again";

/// First bytes, what they begin, and what to do.
const SIGNS: &[(&[u8], &str, &str)] = &[
    (
        b"version https://git-lfs",
        "is a git-lfs pointer, which stands for a file that was not downloaded",
        "run `git lfs pull` in its folder, or download the file itself",
    ),
    (b"<!DOCTYPE", PAGE, LOGIN),
    (b"<!doctype", PAGE, LOGIN),
    (b"<html", PAGE, LOGIN),
    (b"<HTML", PAGE, LOGIN),
    (b"<?xml", "is an XML document, as servers send with an error", LOGIN),
    (b"Entry not found", "is the hub's answer that there is no such file", "check the file's name on the model's page"),
    (b"Repository not found", "is the hub's answer that there is no such model", LOGIN),
    (b"Invalid username or password", "is the hub's answer to a wrong token", LOGIN),
    (b"Access to model", "is the hub's answer that the model's licence must be accepted", LOGIN),
    (b"\xff\xfe", "is text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "is text in UTF-16", "save it as UTF-8"),
    (b"GGUF", "is a GGUF file of llama.cpp", "choose the model in .safetensors that it was made from"),
    (b"\x89HDF", "is an HDF5 file of Keras", "choose the model's .safetensors, or convert it with transformers 4 (from_tf=True)"),
    (b"\x1f\x8b", "is a gzip archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "unpack it"),
    (b"PK\x03\x04", "is a zip archive, as torch.save writes", "call it pytorch_model.bin if torch.save wrote it"),
];

const PAGE: &str = "is a web page";
const LOGIN: &str = "download the file again; some models need a login and an accepted licence";

/// A refusal of a file whose first bytes show that it is not what its name says; `None` for any other.
///
/// Ask only after a file could not be read as what it should be: a sign may also begin a good file.
pub fn misnamed(place: impl Display, first: &[u8]) -> Option<Error> {
    let text = first.trim_ascii_start();
    let sign = SIGNS.iter().find(|(sign, ..)| first.starts_with(sign) || text.starts_with(sign));
    if let Some(&(_, what, remedy)) = sign {
        return Some(Error::refused(place, what).remedy(remedy));
    }
    let is_header = first.get(8..10).is_some_and(|bytes| bytes == b"{\"") && first[4..8] == [0; 4];
    if is_header {
        return Some(Error::refused(place, "is a .safetensors file").remedy("let its name end in .safetensors"));
    }
    if first.len() >= ENOUGH && first.iter().all(|&byte| byte == 0) {
        return Some(Error::refused(place, "begins with zeros alone, as downloads do that were cut off").remedy(AGAIN));
    }
    None
}

/// Text without the mark with which some editors begin UTF-8.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        let told = |first: &[u8]| misnamed("f", first).map(|err| err.to_string());
        for (first, words) in [
            (b"version https://git-lfs.github.com/spec/v1\n".as_slice(), "git lfs pull"),
            (b"\n <!DOCTYPE html>", "web page"),
            (b"GGUF\x03\0\0\0", "GGUF"),
            (b"\x40\0\0\0\0\0\0\0{\"__meta", ".safetensors"),
            (&[0; 64], "zeros"),
        ] {
            assert!(told(first).is_some_and(|line| line.contains(words)), "{words}");
        }
        for first in [b"".as_slice(), b"{\"model_type\": \"vit\"}", &[0; 63], b"\x80\x02", b"version 3"] {
            assert_eq!(told(first), None, "{first:?}");
        }
        assert_eq!(without_mark(b"\xef\xbb\xbf{}"), b"{}");
    }
}
