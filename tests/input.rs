//! Reading pictures and preparing them, compared with Pillow and transformers (`tests/fixtures/preprocess/generate.py`), and
//! what is said about files that cannot be read.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};
use tempfile::TempDir;
use tokenscope::domain::request::SizeRule;
use tokenscope::input::picture::MAX_SIDE;
use tokenscope::input::{Picture, Processor, Transparency, read_pixel_values};

const CASES: [&str; 12] =
    ["vit", "deit", "dinov2", "clip", "padded", "siglip", "beit", "lanczos", "nearest", "ceiling", "raw", "dinov3"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preprocess")
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The cases of this project, and those that lie beside a developer's checkout, where they do.
fn cases() -> Vec<PathBuf> {
    let own: Vec<PathBuf> = CASES.iter().map(|case| fixtures().join(case)).collect();
    let beside = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/preprocess"));
    let beside = beside.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    own.into_iter().chain(beside).collect()
}

#[test]
fn every_processor_agrees_with_transformers() {
    for folder in cases() {
        let case = folder.file_name().unwrap().to_str().unwrap();
        let processor = Processor::read(&folder).unwrap().unwrap();
        let bytes = fs::read(folder.join("expected.safetensors")).unwrap();
        let expected = SafeTensors::deserialize(&bytes).unwrap();
        // The PIL backend is followed bit for bit. PyTorch's float resize sums in another order.
        let tolerance = if case == "dinov3" { 2e-6 / 0.22 } else { 0.0 };
        for name in expected.names() {
            let picture = Picture::open(&folder.with_file_name(format!("{name}.png")), processor.transparency).unwrap();
            let got = processor.prepare(&picture, SizeRule::Checkpoint, 1).unwrap();
            let view = expected.tensor(name).unwrap();
            assert_eq!(view.shape(), [3, got.height, got.width], "{case} {name}");
            let pairs = got.values.iter().zip(floats(view.data()));
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
            assert!(worst <= tolerance, "{case} {name}: {worst}");
        }
    }
}

#[test]
fn a_folder_without_the_file_has_no_processor_and_a_nested_one_is_found() {
    let folder = TempDir::new().unwrap();
    assert_eq!(Processor::read(folder.path()).unwrap(), None);
    let nested = r#"{"image_processor": {"image_processor_type": "CLIPImageProcessor"}, "processor_class": "CLIPProcessor"}"#;
    fs::write(folder.path().join("processor_config.json"), nested).unwrap();
    assert_eq!(Processor::read(folder.path()).unwrap(), Some(Processor::default_for("clip", 224)));
    fs::write(folder.path().join("processor_config.json"), "{\"image_processor\": ").unwrap();
    let line = Processor::read(folder.path()).unwrap_err().to_string();
    assert!(line.contains("processor_config.json: is not valid JSON"), "{line}");
}

#[test]
fn threads_do_not_change_the_result() {
    let picture = Picture::open(&fixtures().join("wide.png"), Transparency::Dropped).unwrap();
    let processor = Processor::default_for("dinov2", 98);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| processor.prepare(&picture, SizeRule::Native(None), 14).unwrap())
    };
    assert_eq!(with(1), with(3));
}

/// Writes bytes under a name and opens them.
fn open_bytes(name: &str, bytes: &[u8]) -> Result<Picture, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Picture::open(&path, Transparency::Dropped).map_err(|err| err.to_string())
}

fn encoded(picture: &image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn gradient(width: u32, height: u32) -> image::DynamicImage {
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 77])).into()
}

#[test]
fn bad_files_are_refused_in_one_clear_line() {
    let png = encoded(&gradient(64, 48), image::ImageFormat::Png);
    let jpeg = encoded(&gradient(64, 48), image::ImageFormat::Jpeg);
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let float = encoded(&gradient(4, 4).into_rgb32f().into(), image::ImageFormat::Tiff);
    let cases: [(&str, &[u8], &str); 9] = [
        ("empty.png", b"", "empty"),
        ("text.png", b"this is no picture, whatever its name says", "not a picture of a known format"),
        ("short.png", &png[..png.len() / 2], "cut off or damaged"),
        ("header.png", &png[..20], "cut off or damaged"),
        ("short.jpg", &jpeg[..jpeg.len() * 2 / 3], "cut off or damaged"),
        ("header.jpg", &jpeg[..30], "cut off or damaged"),
        ("bomb.png", &bomb, "claims 60000 x 60000 pixels, 3600 megapixels"),
        ("float.tif", &float, "8 or 16 bits"),
        ("zeros.jpg", &[0; 4096], "not a picture"),
    ];
    for (name, bytes, want) in cases {
        let line = open_bytes(name, bytes).unwrap_err();
        assert!(line.contains(want) && line.contains(name) && !line.contains('\n'), "{line}");
    }
    let folder = TempDir::new().unwrap();
    let line = |path: &Path| Picture::open(path, Transparency::Dropped).unwrap_err().to_string();
    assert!(line(folder.path()).contains("is a folder"));
    assert!(line(&folder.path().join("none.png")).contains("no such file"));
}

/// CRC-32 of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0_u32, |crc, &b| (0..8).fold(crc ^ u32::from(b), |crc, _| step(crc)))
}

#[test]
fn no_cut_of_any_format_panics() {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    for format in [Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP] {
        let whole = encoded(&gradient(31, 17), format);
        let picture = open_bytes("whole.dat", &whole).unwrap();
        assert_eq!((picture.width, picture.height), (31, 17), "{format:?}");
        for cut in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            drop(open_bytes("cut.dat", &whole[..cut]));
            let mut flipped = whole.clone();
            flipped[cut] ^= 0x5a;
            drop(open_bytes("flipped.dat", &flipped));
        }
    }
}

#[test]
fn exif_orientation_turns_the_picture_upright() {
    // Orientation 6: what is stored must be turned clockwise.
    let directory = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00";
    let exif = [&b"\xff\xe1\x00\x22Exif\x00\x00"[..], directory].concat();
    let stored = image::RgbImage::from_fn(64, 32, |x, _| image::Rgb([if x < 32 { 250 } else { 5 }; 3]));
    let jpeg = encoded(&stored.into(), image::ImageFormat::Jpeg);
    let turned = open_bytes("turned.jpg", &[&jpeg[..2], &exif, &jpeg[2..]].concat()).unwrap();
    assert_eq!((turned.width, turned.height, turned.file_size), (32, 64, (32, 64)));
    // The left of what is stored is the top of what is shown.
    assert!(turned.rgb[0] > 240 && turned.rgb[31 * 3] > 240 && turned.rgb[63 * 32 * 3] < 15);
}

#[test]
fn pixels_become_rgb_as_pil_converts_them() {
    let rgb_of =
        |picture: image::DynamicImage| open_bytes("p.dat", &encoded(&picture, image::ImageFormat::Png)).unwrap().rgb.to_vec();
    let alpha = image::RgbaImage::from_raw(2, 1, vec![10, 20, 30, 0, 40, 50, 60, 128]).unwrap();
    assert_eq!(rgb_of(alpha.into()), [10, 20, 30, 40, 50, 60]);
    let grey = image::GrayAlphaImage::from_raw(2, 1, vec![9, 0, 200, 255]).unwrap();
    assert_eq!(rgb_of(grey.into()), [9, 9, 9, 200, 200, 200]);
    type Wide<P> = image::ImageBuffer<P, Vec<u16>>;
    // Pillow 13: 16-bit grey (mode I;16) is clipped, 16-bit colours lose their low byte.
    let wide_grey = Wide::<image::Luma<u16>>::from_raw(3, 1, vec![7, 255, 0x1234]).unwrap();
    assert_eq!(rgb_of(wide_grey.into()), [7, 7, 7, 255, 255, 255, 255, 255, 255]);
    let wide = Wide::<image::Rgb<u16>>::from_raw(1, 1, vec![255, 256, 0x1234]).unwrap();
    assert_eq!(rgb_of(wide.into()), [0, 1, 0x12]);
    let wide_alpha = Wide::<image::Rgba<u16>>::from_raw(1, 1, vec![0xff00, 256, 0x1234, 0]).unwrap();
    assert_eq!(rgb_of(wide_alpha.into()), [255, 1, 0x12]);
}

#[test]
fn extreme_shapes_are_prepared_or_refused() {
    let one = open_bytes("one.png", &encoded(&gradient(1, 1), image::ImageFormat::Png)).unwrap();
    let thin = open_bytes("thin.png", &encoded(&gradient(4000, 3), image::ImageFormat::Png)).unwrap();
    for model in ["vit", "deit", "dinov2", "dinov3_vit", "clip", "siglip"] {
        let processor = Processor::default_for(model, 224);
        for picture in [&one, &thin] {
            let got = processor.prepare(picture, SizeRule::Checkpoint, 16).unwrap();
            assert_eq!((got.height, got.width), (224, 224), "{model}");
            assert!(got.values.iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn a_huge_picture_is_scaled_down() {
    let huge = open_bytes("huge.png", &encoded(&gradient(9001, 30), image::ImageFormat::Png)).unwrap();
    assert_eq!((huge.width, huge.height, huge.file_size), (MAX_SIDE, 14, (9001, 30)));
    assert!(huge.is_reduced());
}

/// A .safetensors file with one tensor.
fn tensor_file(name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("input.safetensors");
    let view = TensorView::new(dtype, shape.to_vec(), data).unwrap();
    serialize_to_file([(name, view)], None, &path).unwrap();
    (folder, path)
}

#[test]
fn pixel_values_are_taken_as_they_are() {
    let values: Vec<f32> = (0..3 * 4 * 6).map(|i| i as f32 / 8.0 - 2.0).collect();
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    for shape in [&[3, 4, 6][..], &[1, 3, 4, 6]] {
        let (_folder, path) = tensor_file("pixel_values", Dtype::F32, shape, &data);
        let (prepared, picture) = read_pixel_values(&path, 2).unwrap();
        assert_eq!((prepared.height, prepared.width, &prepared.values), (4, 6, &values));
        assert_eq!((prepared.seen.width, prepared.seen.height), (6.0, 4.0));
        assert_eq!((picture.rgb[0], picture.rgb[4 * 6 * 3 - 1]), (0, 255));
    }
}

#[test]
fn bad_tensor_files_are_refused() {
    let data = [0; 3 * 4 * 6 * 4];
    let nan = [data[..284].to_vec(), f32::NAN.to_le_bytes().to_vec()].concat();
    type Case<'a> = (&'a str, Dtype, &'a [usize], &'a [u8], &'a str);
    let cases: [Case; 6] = [
        ("pixels", Dtype::F32, &[3, 4, 6], &data, "holds no \"pixel_values\", but pixels"),
        ("pixel_values", Dtype::I32, &[3, 4, 6], &data, "I32 [3, 4, 6]"),
        ("pixel_values", Dtype::F32, &[4, 6, 3], &data, "F32 [4, 6, 3]"),
        ("pixel_values", Dtype::F32, &[3, 3, 8], &data, "multiples of the model's patch, 2 pixels"),
        ("pixel_values", Dtype::F32, &[3, 0, 8], &[], "less than one patch"),
        ("pixel_values", Dtype::F32, &[3, 4, 6], &nan, "NaN at index 71"),
    ];
    for (name, dtype, shape, data, want) in cases {
        let (_folder, path) = tensor_file(name, dtype, shape, data);
        let line = read_pixel_values(&path, 2).unwrap_err().to_string();
        assert!(line.contains(want), "{line}");
    }
    let (_folder, path) = tensor_file("pixel_values", Dtype::F32, &[3, 4, 6], &data);
    let whole = fs::read(&path).unwrap();
    let lying = [&u64::MAX.to_le_bytes()[..], &whole[8..]].concat();
    let scrambled = [&whole[..8], &[b'{'; 40], &whole[48..]].concat();
    for bytes in [&whole[..5], &whole[..40], &whole[..whole.len() - 1], &lying, &scrambled] {
        fs::write(&path, bytes).unwrap();
        let line = read_pixel_values(&path, 2).unwrap_err().to_string();
        assert!(line.contains("is damaged"), "{line}");
    }
    assert!(read_pixel_values(&path.with_extension("none"), 2).unwrap_err().to_string().contains("no such file"));
}
