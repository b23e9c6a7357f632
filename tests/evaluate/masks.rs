//! Masks of every kind of file: the labels that numpy and Pillow read from them, and what the table says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{GrayAlphaImage, GrayImage, Luma, LumaA, Rgb, RgbImage};
use tokenscope::input::Mask;
use tokenscope::input::mask::{Storage, Wanted};

use super::program::{Desk, Ran};

fn golden() -> BTreeMap<String, Vec<u32>> {
    serde_json::from_slice(&fs::read("tests/fixtures/masks/masks.json").unwrap()).unwrap()
}

#[test]
fn labels_are_those_of_numpy() {
    let golden = golden();
    assert_eq!(golden.len(), 18);
    for (name, values) in golden {
        let mask = Mask::open(&Path::new("tests/fixtures/masks").join(&name), Wanted::Numbers).unwrap();
        assert_eq!((mask.width, mask.height, mask.values), (13, 9, values), "{name}");
        let is_right = match mask.storage {
            Storage::Palette { is_grey } => is_grey == (name == "bit.bmp"),
            Storage::Grey { bits: 1 } => name.starts_with("bit"),
            Storage::Grey { bits: 16 } => name.starts_with("grey_16"),
            Storage::Grey { bits } => bits == 8 && name == "grey.png",
            Storage::GreyAsColours => name == "grey_rgb.png",
            Storage::Colours => false,
        };
        assert!(is_right, "{name}: {:?}", mask.storage);
    }
    // Where colours are labels, those of a palette are meant.
    let mask = Mask::open(Path::new("tests/fixtures/masks/palette_2.png"), Wanted::Colours).unwrap();
    assert!(mask.storage == Storage::Colours && mask.values[13 * 3 + 4] == 0x0025_5b00, "{:#x}", mask.values[13 * 3 + 4]);
}

/// A folder of three pictures with masks of two classes, 0 and 1, and void.
fn folder(desk: &Desk, name: &str, mask: impl Fn(u32, u32, u32) -> u8) {
    for i in 0..3 {
        let shade = |x: u32, y: u32| ((x * 7 + y * 13 + i * 29) % 60) as u8;
        let inside = |x: u32, y: u32| (x as i32 - 20 - i as i32).pow(2) + (y as i32 - 18).pow(2) < 150;
        let colour = |x, y| if inside(x, y) { Rgb([190 + shade(x, y), 60, 30]) } else { Rgb([30, 90 + shade(x, y), 160]) };
        for part in ["images", "masks"] {
            fs::create_dir_all(desk.path(&format!("{name}/{part}"))).unwrap();
        }
        RgbImage::from_fn(48, 40, colour).save(desk.path(&format!("{name}/images/p{i}.png"))).unwrap();
        GrayImage::from_fn(48, 40, |x, y| Luma([mask(i, x, y)])).save(desk.path(&format!("{name}/masks/p{i}.png"))).unwrap();
    }
}

fn is_object(i: u32, x: u32, y: u32) -> bool {
    (x as i32 - 20 - i as i32).pow(2) + (y as i32 - 18).pow(2) < 150
}

fn run(desk: &Desk, name: &str) -> Ran {
    desk.run(&format!("evaluate segments @{name} --model %vit --method kmeans --clusters 3 --out @out/{name}"))
}

fn table(desk: &Desk, name: &str) -> (String, String) {
    let read = |file: &str| String::from_utf8(desk.read(&format!("out/{name}/{file}"))).unwrap();
    (read("table.csv"), read("table.md"))
}

#[test]
fn masks_of_0_and_255_are_ground_and_object() {
    let desk = Desk::new();
    folder(&desk, "labels", |i, x, y| u8::from(is_object(i, x, y)));
    folder(&desk, "objects", |i, x, y| 255 * u8::from(is_object(i, x, y)));
    folder(&desk, "bits", |i, x, y| u8::from(is_object(i, x, y)));
    folder(&desk, "mixed", |i, x, y| if i == 2 && y == 0 { 7 } else { 255 * u8::from(is_object(i, x, y)) });
    for i in 0..3 {
        let path = desk.path(&format!("bits/masks/p{i}.png"));
        let bits: Vec<u8> = (0..40)
            .flat_map(|y| (0..6).map(move |b| (0..8).fold(0, |sum, k| sum << 1 | u8::from(is_object(i, b * 8 + k, y)))))
            .collect();
        let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 48, 40);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder.write_header().unwrap().write_image_data(&bits).unwrap();
    }
    for name in ["labels", "objects", "bits"] {
        assert!(!run(&desk, name).done().stderr.contains("note: "));
    }
    let (want, said) = table(&desk, "labels");
    assert!(want.lines().count() == 2 && said.ends_with("\nMasks: 3 as grey values.\n"), "{said}");
    assert_eq!(table(&desk, "objects").0, want);
    assert_eq!(table(&desk, "bits").0, want);
    assert!(table(&desk, "objects").1.contains("Masks: 3 as ground and object (0 and 255)."));
    assert!(table(&desk, "bits").1.contains("Masks: 3 as values of 1 bit."));
    let ran = run(&desk, "mixed").done();
    assert!(ran.stderr.contains("note: ") && ran.stderr.contains("255 is the object in some masks"), "{ran:?}");
    assert!(table(&desk, "mixed").1.contains("Masks: 1 as grey values, 255 void; 2 as ground and object (0 and 255)."));
}

#[test]
fn masks_that_lost_their_labels_are_refused_and_the_rest_is_scored() {
    let desk = Desk::new();
    folder(&desk, "data", |i, x, y| u8::from(is_object(i, x, y)));
    let whole = |edit: &dyn Fn()| {
        fs::remove_dir_all(desk.path("out")).unwrap_or_default();
        edit();
        let ran = run(&desk, "data").done();
        assert!(table(&desk, "data").0.lines().nth(1).unwrap().contains("kmeans,2,"), "{ran:?}");
        assert!(table(&desk, "data").1.contains("1 of 3 pictures refused, first p1: "), "{ran:?}");
        ran.stderr
    };
    let mask = desk.path("data/masks/p1.png");
    let soft = |x: u32, y: u32| {
        let distance = (f64::from(x) - 21.3).hypot(f64::from(y) - 18.2);
        Luma([((12.5 - distance).clamp(0.0, 1.0) * 255.0) as u8])
    };
    let cases: &[(&dyn Fn(), &[&str])] = &[
        (&|| GrayImage::from_fn(48, 40, soft).save(&mask).unwrap(), &["p1.png", "grey levels", "soft edges", "threshold"]),
        (&|| RgbImage::from_fn(48, 40, |x, _| Rgb([x as u8, 0, 9])).save(&mask).unwrap(), &["p1.png", "colours", "plain"]),
        (&|| GrayAlphaImage::from_fn(48, 40, |x, _| LumaA([1, x as u8])).save(&mask).unwrap(), &["p1.png", "transparent"]),
        (&|| GrayImage::new(48, 30).save(&mask).unwrap(), &["p1.png", "48 x 30", "its photo 48 x 40"]),
        (&|| GrayImage::from_pixel(48, 40, Luma([255])).save(&mask).unwrap(), &["p1.png", "labelled"]),
        (&|| fs::write(&mask, b"not a mask").unwrap(), &["p1.png"]),
        (
            &|| {
                fs::remove_file(&mask).unwrap();
                GrayImage::new(48, 40).save(desk.path("data/masks/p1.jpg")).unwrap();
            },
            &["p1.jpg", "JPEG", "changes labels"],
        ),
        (
            &|| {
                GrayImage::new(48, 40).save(desk.path("data/masks/p1.bmp")).unwrap();
                GrayImage::new(48, 40).save(desk.path("data/masks/p1.tif")).unwrap();
            },
            &["2 masks of that name", "p1.bmp", "p1.tif"],
        ),
    ];
    for (edit, words) in cases {
        let stderr = whole(edit);
        assert!(stderr.contains("1 of 3 answers are missing"), "{stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "{word} is not in {stderr}"));
    }
}

#[test]
fn what_a_layout_lacks_is_said_and_void_is_not() {
    let desk = Desk::new();
    folder(&desk, "data", |i, x, y| match (y, i) {
        (0, _) => 255,
        (1, 1) => 57,
        _ => 12 * u8::from(is_object(i, x, y)),
    });
    for (from, to) in [("images", "JPEGImages"), ("masks", "SegmentationClass")] {
        fs::rename(desk.path(&format!("data/{from}")), desk.path(&format!("data/{to}"))).unwrap();
    }
    let ran = run(&desk, "data").done();
    assert!(ran.stderr.contains("48 pixels hold a value that the layout lacks"), "{ran:?}");
    assert!(ran.stderr.contains("the first is that of p1") && ran.stderr.contains("val.txt is not there"), "{ran:?}");
    let said = table(&desk, "data").1;
    assert!(said.contains("Masks: 3 as grey values, 255 void; 48 pixels hold a value"), "{said}");
}

/// A JPEG with an EXIF orientation.
fn photo(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let colour = |x: u32, y: u32| Rgb([(x * 5) as u8, (y * 3) as u8, if x + y < 40 { 200 } else { 40 }]);
    RgbImage::from_fn(width, height, colour).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let tiff = [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation], b"\0\0\0\0\0\0"].concat();
    let exif = [&[0xff, 0xe1, 0, (tiff.len() + 8) as u8], b"Exif\0\0".as_slice(), &tiff].concat();
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

#[test]
fn a_mask_of_the_photo_as_stored_turns_with_it() {
    let desk = Desk::new();
    let label = |x: u32, y: u32| u8::from(x + y < 40) + 2 * u8::from(x > 36);
    let stored = GrayImage::from_fn(48, 32, |x, y| Luma([label(x, y)]));
    for part in ["stored", "upright"] {
        let mask = if part == "stored" { stored.clone() } else { image::imageops::rotate90(&stored) };
        desk.write(&format!("{part}/images/p.jpg"), photo(48, 32, 6));
        fs::create_dir_all(desk.path(&format!("{part}/masks"))).unwrap();
        mask.save(desk.path(&format!("{part}/masks/p.png"))).unwrap();
        run(&desk, part).done();
    }
    assert_eq!(table(&desk, "stored").0, table(&desk, "upright").0);
    let said = table(&desk, "stored").1;
    assert!(said.contains("1 turned by the EXIF orientation of the photo") && !table(&desk, "upright").1.contains("turned"));

    // The sizes do not tell, and the two ways do not agree.
    desk.write("half/images/p.jpg", photo(48, 32, 3));
    desk.write("half/images/q.jpg", photo(48, 32, 1));
    fs::create_dir_all(desk.path("half/masks")).unwrap();
    ["p", "q"].iter().for_each(|name| stored.save(desk.path(&format!("half/masks/{name}.png"))).unwrap());
    let ran = run(&desk, "half").done();
    assert!(["masks/p.png", "EXIF orientation 3", "exif_transpose"].iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
    assert!(table(&desk, "half").0.contains("kmeans,1,"));
    // Either way is the same.
    GrayImage::from_fn(48, 32, |_, y| Luma([u8::from((8..24).contains(&y))])).save(desk.path("half/masks/p.png")).unwrap();
    fs::remove_dir_all(desk.path("out")).unwrap();
    assert!(!run(&desk, "half").done().stderr.contains("missing"));
}
