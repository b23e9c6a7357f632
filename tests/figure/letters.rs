//! Letters of scripts that must be shaped, in figures: from fonts cut for the tests, so that nothing depends on the machine.

use std::path::Path;
use std::sync::Arc;

use tokenscope::domain::text::{Piece, Text};
use tokenscope::figure::glyphs::{self, Letters, Shape};
use tokenscope::figure::layout::{Layout, Mark};
use tokenscope::figure::svg::Rasters;
use tokenscope::figure::words::{self, SIZE, Setting, What, Words};
use tokenscope::figure::{ink, png, svg, write};
use tokenscope::letters::face::Face;
use tokenscope::letters::fonts::{Fonts, Others};

use super::style;
use super::words::{CODE, sentence};

/// The built-in font, and small ones for Arabic, Devanagari and one emoji.
fn fonts() -> Fonts {
    let face = |name: &str, bytes: &'static [u8]| Arc::new(Face::embedded(name, bytes).unwrap());
    let others = vec![
        face("Arabic", include_bytes!("../fixtures/letters/arabic.ttf")),
        face("Devanagari", include_bytes!("../fixtures/letters/devanagari.ttf")),
        face("Emoji", include_bytes!("../fixtures/letters/emoji.ttf")),
        face("Layers", include_bytes!("../fixtures/letters/layers.ttf")),
    ];
    Fonts { others: Others::These(others), ..glyphs::built_in() }
}

/// A token a character, but for spaces, which are none.
fn by_character(string: &str) -> Text {
    let letters = string.char_indices().filter(|(_, c)| !c.is_whitespace());
    let piece = |(at, c): (usize, char)| Piece { piece: c.into(), span: at..at + c.len_utf8(), special: false, word: Some(at) };
    let pieces = letters.map(piece).collect();
    Text { string: string.into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() }
}

/// Tokens from the left, with their left and right edges.
fn places(setting: &Setting) -> Vec<(usize, f64, f64)> {
    setting.items.iter().filter_map(|item| Some((item.position?, item.x, item.x + item.width))).collect()
}

fn letters_in(text: Text, width: f64) -> Vec<Letters> {
    let setting = words::set_in(&text, width, &fonts());
    let words = Words { colours: vec![None; text.pieces.len()], text: Arc::new(text), target: None };
    let marks = ink::marks(&words, &setting, (0.0, 0.0), 300);
    marks.into_iter().filter_map(|mark| if let Mark::Letters(letters) = mark { Some(letters) } else { None }).collect()
}

#[test]
fn arabic_letters_join_across_tokens_and_are_read_from_the_right() {
    let setting = words::set_in(&by_character("مرحبا"), 200.0, &fonts());
    assert_eq!(setting.runs.len(), 1, "one shape for five tokens");
    let run = &setting.runs[0];
    assert_eq!(run.text, "مرحبا");
    let alone: Vec<u32> = "مرحبا"
        .chars()
        .flat_map(|c| words::set_in(&by_character(&c.to_string()), 200.0, &fonts()).runs[0].shaped.glyphs.clone())
        .map(|glyph| glyph.id)
        .collect();
    let joined: Vec<u32> = run.shaped.glyphs.iter().rev().map(|glyph| glyph.id).collect();
    assert!(joined.len() == alone.len() && joined != alone, "{joined:?}");
    let places = places(&setting);
    assert_eq!(places.iter().map(|p| p.0).collect::<Vec<_>>(), [4, 3, 2, 1, 0], "from the left");
    for pair in places.windows(2) {
        assert!((pair[0].2 - pair[1].1).abs() < 1e-6 && pair[0].1 < pair[0].2, "{pair:?}");
    }
    assert!((places[4].2 - 200.0).abs() < 1e-6, "a text that begins with Arabic begins at the right");
}

#[test]
fn tokens_of_a_ligature_share_it() {
    let setting = words::set_in(&by_character("لا"), 200.0, &fonts());
    let places = places(&setting);
    let widths: Vec<f64> = places.iter().map(|p| p.2 - p.1).collect();
    assert!(setting.runs[0].shaped.glyphs.len() <= 2 && widths.iter().all(|width| *width > 1.0), "{widths:?}");
    assert!((widths.iter().sum::<f64>() - f64::from(setting.runs[0].shaped.width) * SIZE).abs() < 1e-4);
}

#[test]
fn marks_stand_on_their_letters_whatever_token_they_are() {
    let setting = words::set_in(&by_character("नमस्ते e\u{301}"), 200.0, &fonts());
    assert_eq!(setting.runs.iter().map(|run| run.text.as_str()).collect::<Vec<_>>(), ["नमस्ते", "e\u{301}"]);
    let whole = &setting.runs[0].shaped;
    let parts: usize = ["न", "म", "स", "\u{94d}", "त", "\u{947}"]
        .iter()
        .map(|c| words::set_in(&by_character(c), 200.0, &fonts()).runs.iter().map(|run| run.shaped.glyphs.len()).sum::<usize>())
        .sum();
    assert!(whole.glyphs.len() < parts, "half of a letter and no dotted circle: {} of {parts}", whole.glyphs.len());
    assert_eq!(setting.runs[1].shaped.glyphs.len(), 1, "é is one glyph of the built-in font");
    assert_eq!(places(&setting).len(), 8, "every token has a place");
    let order: Vec<usize> = places(&setting).iter().map(|p| p.0).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn an_emoji_of_three_characters_is_one_picture() {
    let letters = letters_in(by_character("a 👩\u{200d}🚀 b"), 200.0);
    assert_eq!(letters.len(), 1);
    let pictures: Vec<&Shape> = letters[0].shapes.iter().filter(|shape| matches!(shape, Shape::Picture { .. })).collect();
    assert_eq!((pictures.len(), letters[0].shapes.len(), letters[0].fonts.as_slice()), (1, 1, &["Emoji".to_owned()][..]));
    let marks = vec![Mark::Letters(Letters { at: (2.0, 12.0), ..letters[0].clone() })];
    let layout = Layout { width: 20.0, height: 16.0, dpi: 300, marks, ranges: Vec::new() };
    let drawn = image::load_from_memory(&png::bytes(&layout).unwrap()).unwrap().into_rgb8();
    let coloured = drawn.pixels().filter(|p| p.0.iter().max().unwrap() - p.0.iter().min().unwrap() > 60).count();
    assert!(coloured > 100, "{coloured} coloured pixels");
    let file = svg::text(&layout, Rasters::Embedded).unwrap();
    assert!(file.contains("<title>👩\u{200d}🚀</title><image ") && !file.contains("<text"), "{file}");
}

#[test]
fn coloured_layers_become_a_picture() {
    let letters = letters_in(by_character("🙂"), 200.0);
    let Shape::Picture { png, at, size } = &letters[0].shapes[0] else { panic!("{letters:?}") };
    let picture = image::load_from_memory(png).unwrap().into_rgba8();
    let at_em = |x: f32, y: f32| {
        let pixel = |length: f32, side: f32, whole: u32| (length / side * whole as f32) as u32;
        picture.get_pixel(pixel(x - at.0, size.0, picture.width()), pixel(at.1 - y, size.1, picture.height())).0
    };
    assert_eq!([at_em(0.25, 0.35), at_em(0.75, 0.35)], [[255, 0, 0, 255], [0, 0, 255, 255]]);
    assert_eq!([at_em(0.5, 0.8)[3], at_em(0.5, -0.1)[3], at_em(1.1, 0.3)[3]], [0; 3]);
}

#[test]
fn hebrew_comes_from_the_built_in_font_and_is_the_same_on_every_machine() {
    let string = "שלום עולם, one (ש) שלום";
    let setting = words::set_in(&by_character(string), 300.0, &glyphs::built_in());
    let seen: String = setting
        .items
        .iter()
        .filter_map(|item| match &item.what {
            What::Run(run) => Some(run.as_str()),
            What::Space => Some(" "),
            What::Return | What::Chip(_) => None,
        })
        .collect();
    assert_eq!(seen, "םולש )ש( one ,םלוע םולש", "from the left; brackets are turned when they are drawn");
    let output = sentence(string, &[1]);
    let layout = Layout::new(&output, &style()).unwrap();
    let (fonts, missing) = layout.letters();
    assert!(fonts.is_empty() && missing.is_empty(), "{fonts:?} {missing:?}");
    let file = svg::text(&layout, Rasters::Embedded).unwrap();
    assert!(file.contains("<title>שלום</title><path "), "outlines, with their letters");
    let is_hebrew = |c: char| ('\u{590}'..'\u{600}').contains(&c);
    assert!(!layout.marks.iter().any(|m| matches!(m, Mark::Text { text, .. } if text.contains(is_hebrew))), "captions too");
}

#[test]
fn text_of_the_built_in_font_stays_text() {
    for string in [CODE, "naïve café, Ёж и Σίσυφος: ≤ 3 €"] {
        let layout = Layout::new(&sentence(string, &[1]), &style()).unwrap();
        assert!(!layout.marks.iter().any(|mark| matches!(mark, Mark::Letters(_))), "{string}");
    }
}

#[test]
fn what_no_font_has_is_shown_as_its_code_point_and_said() {
    // No character has this number.
    let output = sentence("a \u{378} b", &[1]);
    let folder = tempfile::tempdir().unwrap();
    let (picture, record) = (folder.path().join("a.svg"), folder.path().join("a.json"));
    let notices = write(&output, &style(), &[picture.clone(), record.clone()]).unwrap();
    let what: Vec<&str> = notices.iter().map(|notice| notice.what.as_str()).collect();
    assert_eq!(what, ["1 character is in no font of this machine and is shown as its code point: U+0378"]);
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record["figure"]["without_glyph"], serde_json::json!(["U+0378"]));
    assert!(std::fs::read_to_string(picture).unwrap().contains("<title>\u{378}</title><path "));
    let plain = sentence("a b", &[1]);
    assert!(write(&plain, &style(), &[Path::new(folder.path()).join("b.json")]).unwrap().is_empty());
    let record = std::fs::read_to_string(folder.path().join("b.json")).unwrap();
    assert!(!record.contains("without_glyph") && !record.contains("\"fonts\""));
}

#[test]
fn fonts_of_the_machine_are_named_in_the_record() {
    let letters = letters_in(by_character("مرحبا"), 200.0);
    assert_eq!(letters[0].fonts, ["Arabic"]);
    // Whatever this machine has: a font that is named, or a code point that is said.
    let layout = Layout::new(&sentence("川", &[1]), &style()).unwrap();
    let (fonts, missing) = layout.letters();
    assert_eq!(fonts.is_empty(), missing.contains(&'川'));
}

#[test]
fn later_bytes_of_joined_letters_stand_behind_their_word() {
    let mut text = by_character("مر");
    let byte = |span| Piece { piece: "<0xD9>".into(), span, special: false, word: Some(0) };
    text.pieces.insert(1, byte(0..2));
    text.pieces.push(byte(2..4));
    let setting = words::set_in(&text, 200.0, &fonts());
    assert_eq!(setting.runs.len(), 1);
    assert_eq!(setting.items.iter().filter(|item| matches!(item.what, What::Chip(_))).count(), 2);
}

#[test]
fn words_wider_than_a_line_are_parted_between_characters() {
    let word = "مرحبا".repeat(20);
    let setting = words::set_in(&by_character(&word), 60.0, &fonts());
    assert!(setting.num_lines > 2);
    for item in &setting.items {
        assert!(item.x >= -1e-6 && item.x + item.width <= 60.0 + 1e-6, "{item:?}");
    }
}
