//! The pixels of every kind of picture file, compared with Pillow's (`tests/fixtures/pictures/generate.py`), and what is said
//! about pictures that were changed, or that are not read.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::SafeTensors;
use tokenscope::domain::{Cancel, Error};
use tokenscope::input::{Picture, Transparency};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)
}

fn open(name: &str) -> Picture {
    Picture::open(&fixture(name), Transparency::Dropped).unwrap()
}

/// What is said of a picture, a line each.
fn notices(name: &str, transparency: Transparency) -> String {
    let picture = Picture::open(&fixture(name), transparency).unwrap();
    picture.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

/// What is said of a picture that is refused.
fn refusal(name: &str) -> String {
    let line = Picture::open(&fixture(name), Transparency::Dropped).unwrap_err().to_string();
    assert!(!line.contains('\n') && line.contains(name), "{line}");
    line
}

/// The largest difference of two pictures, in levels.
fn difference(got: &[u8], expected: &[u8]) -> u8 {
    got.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn every_format_has_the_pixels_of_pillow() {
    let bytes = fs::read(fixture("expected.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<&str> = expected.names().into_iter().filter(|name| !name.ends_with(" white")).collect();
    names.sort_unstable();
    assert!(names.len() > 60);
    for name in names {
        if name == "tiff_la.tif" || name == "tiff_palette.tif" {
            assert!(refusal(name).contains("convert it to PNG"));
            continue;
        }
        // Of a PNM file with a maximum of its own, the decoder rounds otherwise.
        let tolerance = u8::from(name.contains("maxval"));
        let white = expected.tensor(&format!("{name} white"));
        for (transparency, view) in
            [(Transparency::Dropped, expected.tensor(name)), (Transparency::OverWhite, white.or_else(|_| expected.tensor(name)))]
        {
            let view = view.unwrap();
            let picture = Picture::open(&fixture(name), transparency).unwrap();
            assert_eq!([picture.height, picture.width, 3], view.shape(), "{name}");
            let worst = difference(&picture.rgb, view.data());
            assert!(worst <= tolerance, "{name} {transparency:?}: {worst}");
        }
    }
}

#[test]
fn orientation_comes_from_exif_or_else_from_xmp() {
    // Stored 12 x 9, or 41 x 27.
    for (name, size) in [
        ("png_xmp.png", (9, 12)),
        ("webp_xmp.webp", (9, 12)),
        ("tiff_xmp.tif", (9, 12)),
        ("tiff_big_xmp.tif", (9, 12)),
        ("jpeg_xmp.jpg", (27, 41)),
        ("jpeg_exif.jpg", (27, 41)),
        ("jpeg_exif_and_xmp.jpg", (41, 27)),
    ] {
        let picture = open(name);
        assert_eq!(((picture.width, picture.height), picture.file_size), (size, size), "{name}");
    }
}

#[test]
fn what_was_changed_is_said() {
    use Transparency::{Dropped, OverWhite};
    for name in
        ["png_rgba.png", "png_la.png", "png_palette_alpha.png", "png_rgba16.png", "png_grey_key.png", "gif_transparent.gif"]
    {
        assert!(notices(name, Dropped).contains("transparent, and their stored colours were used as PIL does"), "{name}");
        assert!(notices(name, OverWhite).contains("transparent, and were laid over white"), "{name}");
    }
    let said = notices("png_grey16.png", Dropped);
    assert!(said.contains("of 108 values of 16-bit grey are over 255 (up to 6") && said.contains("became 255"), "{said}");
    for (name, count) in [("gif_animated.gif", 3), ("webp_animated.webp", 3), ("png_animated.png", 3), ("tiff_pages.tif", 3)] {
        assert!(notices(name, Dropped).contains(&format!("holds {count} pictures")), "{name}");
    }
    for name in
        ["png_opaque.png", "jpeg_420_baseline.jpg", "tiff_big.tif", "webp_lossy.webp", "bmp_rgba.bmp", "png_rgb16_key.png"]
    {
        assert_eq!(notices(name, OverWhite), "", "{name}");
    }
}

#[test]
fn a_huge_picture_says_that_it_was_scaled_down() {
    let wide = image::GrayImage::new(5000, 2);
    let mut png = std::io::Cursor::new(Vec::new());
    wide.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let picture = Picture::decode(Path::new("wide.png"), png.get_ref(), Transparency::Dropped).unwrap();
    assert!(picture.notices[0].to_string().contains("was scaled down"), "{:?}", picture.notices);
}

#[test]
fn kinds_that_are_not_read_are_named_with_what_to_do() {
    for (name, what) in [
        ("refused_jpeg.tif", "is a TIFF with JPEG compression"),
        ("refused_zstd.tif", "is a TIFF with ZSTD compression"),
        ("refused_lzma.tif", "is a TIFF with LZMA compression"),
        ("refused_group3.tif", "is a TIFF with CCITT group 3 compression"),
    ] {
        let line = refusal(name);
        assert!(line.contains(what) && line.ends_with("convert it to PNG"), "{line}");
    }
    let refused = |bytes: &[u8]| Picture::decode(Path::new("a.jpg"), bytes, Transparency::Dropped).unwrap_err().to_string();
    for (bytes, what) in [
        (&b"\0\0\0 ftypavif\0\0\0\0avifmif1"[..], "is an AVIF picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC picture"),
        (b"\xff\x0a\xfa\x1f\x01", "is a JPEG XL picture"),
        (b"<!DOCTYPE html><html><title>404 Not Found</title></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", "is a git-lfs pointer"),
    ] {
        let line = refused(bytes);
        assert!(line.starts_with(&format!("a.jpg: {what}")) && line.contains("; expected a PNG, JPEG"), "{line}");
    }
}

#[test]
fn a_damaged_jpeg_is_refused_and_never_panics() {
    for name in ["jpeg_420_baseline.jpg", "jpeg_422_progressive.jpg", "jpeg_cmyk.jpg", "jpeg_restart.jpg"] {
        let whole = fs::read(fixture(name)).unwrap();
        let decode = |bytes: &[u8]| Picture::decode(Path::new("a.jpg"), bytes, Transparency::Dropped);
        // Without its last marker Pillow refuses it too.
        for cut in [whole.len() - 1, whole.len() - 2, whole.len() * 2 / 3, 30] {
            let line = decode(&whole[..cut]).unwrap_err().to_string();
            assert!(line.contains("cut off or damaged"), "{name} {cut}: {line}");
        }
        for at in (2..whole.len()).step_by(7) {
            for bit in [0, 3, 7] {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                drop(decode(&flipped));
            }
        }
    }
}

/// The smallest lossless WebP: one colour, and sides of 14 bits each that cost nothing.
#[test]
fn a_few_bytes_may_not_claim_the_memory() {
    let webp = |side: u32| {
        let header = (side - 1) | (side - 1) << 14;
        let stream = [&[0x2f][..], &header.to_le_bytes(), &[0x07, 0x10, 0x11, 0xfd, 0x0f, 0x44, 0x44, 0xff, 0x03]].concat();
        let chunk = [b"WEBPVP8L".as_slice(), &(stream.len() as u32).to_le_bytes(), &stream].concat();
        [b"RIFF".as_slice(), &(chunk.len() as u32).to_le_bytes(), &chunk].concat()
    };
    let decode = |bytes: &[u8]| Picture::decode(Path::new("a.webp"), bytes, Transparency::Dropped);
    assert_eq!(decode(&webp(64)).unwrap().file_size, (64, 64));
    let line = decode(&webp(16_383)).unwrap_err().to_string();
    assert!(line.contains("claims 16383 x 16383 pixels in a file of 34 bytes") && line.contains("scale it down"), "{line}");
}

#[test]
fn decoding_is_cancelled() {
    let cancel = Cancel::default();
    let path = fixture("png_rgba.png");
    assert!(Picture::open_until(&path, Transparency::Dropped, &cancel).is_ok());
    cancel.cancel();
    for name in ["png_rgba.png", "jpeg_420_progressive.jpg", "webp_lossy.webp", "tiff_lzw.tif"] {
        assert_eq!(Picture::open_until(&fixture(name), Transparency::Dropped, &cancel), Err(Error::Cancelled), "{name}");
    }
}
