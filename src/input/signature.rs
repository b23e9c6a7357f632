//! Files that are given as pictures and are something else: told by their first bytes, with what to do about them.

use std::path::Path;

use super::raw::FORMATS;
use crate::domain::Error;
use crate::store::without_mark;

/// First bytes, what such a file is, and what the user can do.
type Row = (&'static [u8], &'static str, &'static str);

const CONVERT: &str = "convert it to PNG or JPEG";
const DEVELOP: &str = "develop it, or export a JPEG or PNG";
const RENDER: &str = "render it to a PNG first";
const DOWNLOAD: &str = "download the picture itself";
const UNPACK: &str = "unpack it and name a picture in it";

const ROWS: &[Row] = &[
    (b"version https://git-lfs.github.com/spec/", "is a git-lfs pointer, not the picture", "fetch the file with git lfs pull"),
    (b"\xff\x0a", "is a JPEG XL picture", CONVERT),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL picture", CONVERT),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture", CONVERT),
    (b"\xff\x4f\xff\x51", "is a JPEG 2000 picture", CONVERT),
    (b"8BPS", "is a Photoshop document", RENDER),
    (b"%PDF", "is a PDF document", RENDER),
    (b"%!PS", "is a PostScript document", RENDER),
    (b"\0\0\x01\0", "is a Windows icon", CONVERT),
    (b"DDS ", "is a DDS texture", CONVERT),
    (b"qoif", "is a QOI picture", CONVERT),
    (b"\x76\x2f\x31\x01", "is an OpenEXR picture", "map its values to 8 bits and save it as PNG"),
    (b"#?R", "is a Radiance HDR picture", "map its values to 8 bits and save it as PNG"),
    (b"SIMPLE  =", "is a FITS file", "map its values to 8 bits and save it as PNG"),
    (b"\x89HDF", "is an HDF5 file", "save one picture of it as PNG"),
    (b"\x93NUMPY", "is a NumPy array", "save it as PNG, or as pixel_values in a .safetensors file"),
    (b"FUJIFILMCCD-RAW", "is a camera's raw photograph", DEVELOP),
    (b"IIU\0", "is a camera's raw photograph", DEVELOP),
    (b"IIRO", "is a camera's raw photograph", DEVELOP),
    (b"PK\x03\x04", "is a ZIP archive", UNPACK),
    (b"\x1f\x8b", "is a gzip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (b"\x1aE\xdf\xa3", "is a Matroska or WebM video", "save a frame of it as PNG"),
];

/// Major brands of the ISO base media format, ISO/IEC 14496-12; what is not listed is a video.
const BRANDS: &[(&[u8; 4], &str, &str)] = &[
    (b"avif", "is an AVIF picture", CONVERT),
    (b"avis", "is an AVIF picture", CONVERT),
    (b"heic", "is a HEIC picture", CONVERT),
    (b"heix", "is a HEIC picture", CONVERT),
    (b"heim", "is a HEIC picture", CONVERT),
    (b"heis", "is a HEIC picture", CONVERT),
    (b"hevc", "is a HEIC picture", CONVERT),
    (b"mif1", "is a HEIF picture", CONVERT),
    (b"msf1", "is a HEIF picture", CONVERT),
    (b"crx ", "is a camera's raw photograph", DEVELOP),
];

/// The refusal of a file of no known picture format.
pub(super) fn refusal(path: &Path, bytes: &[u8]) -> Error {
    let Some((what, remedy)) = recognised(bytes) else {
        let refused = Error::refused(path.display(), "is not a picture of a known format").expected(FORMATS);
        return refused.remedy("check that it is the file you meant, or convert it to PNG");
    };
    Error::refused(path.display(), what).expected(FORMATS).remedy(remedy)
}

fn recognised(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.get(4..8) == Some(b"ftyp") {
        let brand = bytes.get(8..12);
        let row = BRANDS.iter().find(|(name, ..)| brand == Some(&name[..]));
        return Some(row.map_or(("is a video", "save a frame of it as PNG"), |&(_, what, remedy)| (what, remedy)));
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Some(("is a DICOM file", "map its values to 8 bits and save it as PNG"));
    }
    let by_bytes = ROWS.iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|&(_, what, remedy)| (what, remedy));
    by_bytes.or_else(|| markup(bytes))
}

/// Files of text that begin with a tag or a brace, perhaps after a byte order mark and blanks.
fn markup(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = bytes.get(..bytes.len().min(1024))?;
    let text = String::from_utf8_lossy(without_mark(start)).to_lowercase();
    let text = text.trim_start();
    if text.starts_with('<') && text.contains("<svg") {
        return Some(("is an SVG drawing", RENDER));
    }
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.starts_with(tag)) {
        return Some(("is a web page, such as a server sends in place of a missing file", DOWNLOAD));
    }
    if text.starts_with("<?xml") || text.starts_with("<error") {
        return Some(("is an XML document, such as a server sends in place of a missing file", DOWNLOAD));
    }
    text.starts_with("{\"").then_some(("is a JSON document", DOWNLOAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_content() {
        let line = |bytes: &[u8]| refusal(Path::new("a.jpg"), bytes).to_string();
        let cases: [(&[u8], &str); 9] = [
            (b"\0\0\0\x1cftypheic", "is a HEIC picture"),
            (b"\0\0\0\x1cftypisom", "is a video"),
            (b"\xff\x0a\0", "is a JPEG XL picture"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML>", "is a web page"),
            (b"<?xml version='1.0'?><svg/>", "is an SVG drawing"),
            (b"<?xml version='1.0'?><Error/>", "is an XML document"),
            (b"{\"error\": 404}", "is a JSON document"),
            (b"words", "is not a picture of a known format"),
        ];
        for (bytes, want) in cases {
            assert!(line(bytes).starts_with("a.jpg: is ") && line(bytes).contains(want), "{}", line(bytes));
        }
        assert!(ROWS.iter().all(|(magic, what, _)| line(magic).contains(what)));
    }
}
