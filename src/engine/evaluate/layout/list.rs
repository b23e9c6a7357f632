//! Lists of names, such as Pascal VOC's `val.txt`: a name a line.

use std::path::Path;

use crate::domain::{Error, Result};
use crate::store::read_file;

/// Bytes of a list; one of a million names is smaller.
const MAX_FILE: u64 = 256 << 20;

/// The names of a list in its order; `None` where there is no such file. A name may hold spaces, but none at its ends.
///
/// # Errors
/// A refusal of a file that cannot be read or is no text, and of a list without a name.
pub(super) fn read(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_file(path, MAX_FILE, "a list of names")?;
    let text = text(&bytes).ok_or_else(|| {
        Error::refused(path.display(), "is no text that can be read")
            .expected("a name a line, in UTF-8, or in UTF-16 with a byte order mark")
            .remedy("save the list as UTF-8")
    })?;
    let names: Vec<String> = text.lines().map(|line| line.trim().replace('\\', "/")).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(Error::refused(path.display(), "names nothing").expected("a name a line"));
    }
    Ok(Some(names))
}

fn text(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    // UTF-16 without a mark is UTF-8 of every second letter.
    text.filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_in_any_unicode() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("val.txt");
        let read_from = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path)
        };
        let names = Some(vec!["my pic 1".to_owned(), "sub/é".to_owned()]);
        let text = "my pic 1 \r\n\r\n  sub\\é\t\n";
        assert_eq!(read_from(text.as_bytes()).unwrap(), names);
        assert_eq!(read_from(format!("\u{feff}{text}").as_bytes()).unwrap(), names);
        let wide = |read: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(read).collect::<Vec<u8>>();
        assert_eq!(read_from(&wide(u16::to_le_bytes)).unwrap(), names);
        assert_eq!(read_from(&wide(u16::to_be_bytes)).unwrap(), names);
        for bad in [&b"caf\xe9\n"[..], b"p\x000\x00\n\x00", b"\xff\xfep", b"\n \n", b""] {
            assert!(read_from(bad).unwrap_err().to_string().contains("val.txt"), "{bad:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
