//! Figures and data files of texts, made up by hand.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokenscope::domain::Notices;
use tokenscope::domain::request::{Input, Request, Task, Tokens};
use tokenscope::domain::text::{Piece, Text};
use tokenscope::domain::token::{TokenLayout, TokenRef};
use tokenscope::engine::{Explanation, ModelFacts, Output, Scene};
use tokenscope::figure::ink;
use tokenscope::figure::layout::{Mark, Rect};
use tokenscope::figure::svg::Rasters;
use tokenscope::figure::words::{self, What, Words};
use tokenscope::figure::{FigureStyle, Layout, png, svg, write};

use super::{METHOD, array, member, style};

const BANK: &str = "We sat on the bank of the river and watched the boats go by. Then she remembered the money, and we walked \
                    back to the bank before it closed.";

pub(super) const CODE: &str =
    "def mean(values):\n    total = 0\n    for value in values:\n        total = total + value\n    return total / len(values)\n";

/// `[CLS]`, runs of letters in pieces of at most seven, other signs one by one, `[SEP]`.
fn text(string: &str) -> Text {
    let special = |piece: &str| Piece { piece: piece.into(), span: 0..0, special: true, word: None };
    let mut text =
        Text { string: string.into(), pieces: vec![special("[CLS]")], cut_at: None, generated_from: None, notices: Vec::new() };
    let (mut start, mut word) = (0, 0);
    let mut ends: Vec<usize> = string.char_indices().map(|(at, _)| at).skip(1).collect();
    ends.extend((!string.is_empty()).then_some(string.len()));
    let mut letters = 0;
    for end in ends {
        let last = string[start..end].chars().next_back().unwrap();
        let next = string[end..].chars().next();
        letters += 1;
        let goes_on = last.is_alphanumeric() && next.is_some_and(char::is_alphanumeric);
        if goes_on && letters < 7 {
            continue;
        }
        if !last.is_whitespace() {
            let slice = &string[start..end];
            let is_rest = start > 0 && string[..start].ends_with(char::is_alphanumeric);
            let piece = if is_rest { format!("##{slice}") } else { slice.to_owned() };
            text.pieces.push(Piece { piece, span: start..end, special: false, word: Some(word) });
        }
        word += usize::from(!goes_on);
        (start, letters) = (end, 0);
    }
    text.pieces.push(special("[SEP]"));
    text
}

fn explained(text: Text, input: Input, positions: &[usize], value: impl Fn(usize, usize) -> f32) -> Output {
    let tokens = text.pieces.len();
    let model = ModelFacts {
        name: "tiny-bert".into(),
        folder: Some("models/tiny".into()),
        family: "bert".into(),
        tower: None,
        takes_phrases: false,
        num_layers: 6,
        num_heads: 3,
        width: 32,
        patch_size: 0,
        is_post_norm: true,
        is_causal: false,
        num_classes: 0,
        scoring: tokenscope::engine::Scoring::OneOf,
        scores_words: false,
        num_parameters: 1000,
        sha256: tokenscope::model::Digest::known("cd".repeat(32)),
    };
    let scene = Scene {
        photo: None,
        layout: TokenLayout::text(Arc::new(text)),
        model,
        predictions: Vec::new(),
        notices: Notices::default(),
    };
    let mut request = Request::new(Task::Explain, input, "text");
    request.layer = 4;
    request.tokens = Tokens::These(positions.iter().map(|&p| TokenRef::Position(p)).collect());
    let relevance = positions.iter().flat_map(|&p| (0..tokens).map(move |t| (p, t))).map(|(p, t)| value(p, t)).collect();
    let (scene, positions) = (Arc::new(scene), positions.to_vec());
    Output::Explanation(Arc::new(Explanation {
        request,
        scene,
        method: &METHOD,
        layer: 4,
        positions,
        relevance,
        layers: None,
        score: None,
        matches: Vec::new(),
        shown: Arc::default(),
    }))
}

/// Near tokens matter, and `[SEP]` outshines them all.
pub(super) fn sentence(string: &str, positions: &[usize]) -> Output {
    let text = text(string);
    let last = text.pieces.len() - 1;
    let value = move |target: usize, t: usize| match t {
        _ if t == last => 9.0,
        _ if t == target => 30.0,
        _ => 1.0 / (1.0 + t.abs_diff(target) as f32) + (t * 7 % 5) as f32 / 20.0,
    };
    explained(text, Input::Text(string.to_owned()), positions, value)
}

fn long_text(num_words: usize) -> String {
    let words = ["the", "river", "extraordinarily", "banks,", "of", "money", "a", "walked", "boat."];
    (0..num_words).map(|i| words[(i * i + i / 9) % 9]).collect::<Vec<_>>().join(" ")
}

fn explanation_of(output: &Output) -> &Explanation {
    let Output::Explanation(explanation) = output else { panic!("not an explanation") };
    explanation
}

#[test]
fn a_text_is_set_whole_in_order_and_without_overlap() {
    for string in [BANK, CODE, "", "  ", "a\n\n b", "Donaudampfschifffahrtsgesellschaft".repeat(9).as_str(), "漢字😀 и ёж, naïve"]
    {
        for width in [40.0, 200.0, 480.0] {
            let text = text(string);
            let setting = words::set(&text, width);
            for pair in setting.items.windows(2) {
                let (a, b) = (&pair[0], &pair[1]);
                assert!(b.line > a.line || (a.line == b.line && a.x + a.width <= b.x + 1e-9), "{a:?} {b:?}");
            }
            for item in &setting.items {
                let is_beyond = item.x + item.width > width + 1e-9 && !matches!(item.what, What::Space | What::Return);
                assert!(!is_beyond && item.line < setting.num_lines, "{item:?} in {width}");
            }
            let shown: String = setting
                .items
                .iter()
                .filter_map(|i| if let What::Run(run) = &i.what { Some(run.as_str()) } else { None })
                .collect();
            let letters: String = string.chars().filter(|c| !c.is_whitespace()).collect();
            assert_eq!(shown, letters);
            let chips: Vec<&What> = setting.items.iter().map(|i| &i.what).filter(|w| matches!(w, What::Chip(_))).collect();
            assert_eq!(chips, [&What::Chip("[CLS]".into()), &What::Chip("[SEP]".into())]);
        }
    }
}

#[test]
fn lines_and_indentation_of_code_are_kept() {
    let text = text(CODE);
    let setting = words::set(&text, 400.0);
    let first = |line: usize| setting.items.iter().find(|i| i.line == line && i.what != What::Space).unwrap();
    assert_eq!(setting.num_lines, 5);
    assert_eq!(first(2).what, What::Run("for".into()));
    let space = 569.0 / 2048.0 * words::SIZE;
    for (line, spaces) in [(1, 4.0), (2, 4.0), (3, 8.0), (4, 4.0)] {
        assert!((first(line).x - spaces * space).abs() < 1e-9, "{line}");
    }
    // Where an indented line has to go on, it goes on below itself.
    let narrow = words::set(&text, 70.0);
    assert!(narrow.num_lines > 5);
    let starts =
        (1..narrow.num_lines).map(|line| narrow.items.iter().find(|i| i.line == line && i.what != What::Space).unwrap().x);
    assert!(starts.into_iter().filter(|&x| x > 3.0 * space).count() >= 6);
}

#[test]
fn tokens_of_white_space_and_of_hidden_bytes_are_seen() {
    let piece = |piece: &str, span: std::ops::Range<usize>| Piece { piece: piece.into(), span, special: false, word: None };
    // Three tokens of one character, a space of its own, a line break with what indents the next line.
    let pieces =
        vec![piece("é1", 0..2), piece("é2", 0..2), piece(" ", 2..3), piece(" x", 3..5), piece("\n  ", 5..8), piece("y", 8..9)];
    let text = Text { string: "é  x\n  y".into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() };
    let setting = words::set(&text, 100.0);
    let of = |position: usize| {
        setting.items.iter().filter(|i| i.position == Some(position)).map(|i| i.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(0), [What::Run("é".into())]);
    assert_eq!(of(1), [What::Chip("é2".into())]);
    assert_eq!(of(2), [What::Space]);
    assert_eq!(of(3), [What::Space, What::Run("x".into())]);
    assert_eq!(of(4), [What::Return, What::Space]);
    assert_eq!(setting.num_lines, 2);
}

#[test]
fn what_the_model_did_not_read_is_one_grey_line() {
    let string = format!("{BANK} {}", long_text(200));
    let mut text = text(&string);
    text.cut_at = Some(BANK.len());
    text.pieces.retain(|p| p.span.end <= BANK.len());
    let setting = words::set(&text, 200.0);
    let unread: Vec<_> = setting.items.iter().filter(|i| !i.is_read).collect();
    assert!(unread.len() > 5 && unread.iter().all(|i| i.position.is_none()));
    assert!(unread.iter().map(|i| i.width).sum::<f64>() < 200.0);
    assert!(matches!(&unread.last().unwrap().what, What::Run(run) if run.ends_with('…')));
    assert!(setting.items.iter().rposition(|i| i.is_read) < setting.items.iter().position(|i| !i.is_read));
}

/// Boxes with a colour, in the order of the tokens that have one.
fn grounds(layout: &Layout) -> Vec<(Rect, [u8; 3])> {
    let ground = |mark: &Mark| if let Mark::Box { rect, fill: Some(fill), .. } = mark { Some((*rect, *fill)) } else { None };
    layout.marks.iter().filter_map(ground).collect()
}

#[test]
fn every_token_has_its_colour_on_the_page() {
    for opacity in [0.5, 1.0] {
        let output = sentence("We sat on the bank.", &[5]);
        let layout = Layout::new(&output, &FigureStyle { opacity, dpi: 300, ..style() }).unwrap();
        let drawn = image::load_from_memory(&png::bytes(&layout).unwrap()).unwrap().into_rgb8();
        let map = explanation_of(&output).heatmap(0);
        let range = layout.ranges[0];
        let (grounds, table) = (grounds(&layout), METHOD_COLOURS.table());
        assert_eq!(grounds.len(), 8);
        for (position, (rect, _)) in grounds.iter().enumerate() {
            let unit = ((map.values[position] - range.low) / (range.high - range.low)).clamp(0.0, 1.0);
            let entry = table[((unit * 256.0) as usize).min(255)];
            let want = entry.map(|c| ((1.0 - opacity + f32::from(c) / 255.0 * opacity) * 255.0).round() as u8);
            // Below the letters, inside of edges and outlines.
            let (x, y) = (layout.to_pixels(rect.x + rect.width / 2.0), layout.to_pixels(rect.bottom() - 0.9));
            assert_eq!(drawn.get_pixel(x as u32, y as u32).0, want, "position {position} at ({x}, {y})");
        }
        // [SEP] is far beyond the words and does not dim them.
        assert!(range.high < 2.0 && map.values[7] == 9.0 && map.values[5] == 9.0);
        assert!(layout.marks.iter().any(|m| matches!(m, Mark::Triangle { .. })));
    }
}

const METHOD_COLOURS: tokenscope::domain::colormap::Colormap = tokenscope::domain::colormap::Colormap::Viridis;

#[test]
fn nothing_of_a_text_reaches_beyond_the_page_and_no_length_is_refused() {
    let long = long_text(430);
    let mut tokens = text(&long).pieces.len();
    assert!(tokens >= 500, "{tokens}");
    tokens = 0;
    for (string, positions) in
        [(BANK, vec![5]), (BANK, vec![5, 28, 0]), (CODE, vec![3, 4]), ("I", vec![1]), (long.as_str(), vec![300])]
    {
        for width_in in [None, Some(1.5), Some(7.16)] {
            for own_range in [false, true] {
                let style = FigureStyle { width_in, own_range, photo: Some(own_range), ..style() };
                let layout = Layout::new(&sentence(string, &positions), &style).unwrap();
                for (rect, _) in grounds(&layout) {
                    let is_inside =
                        rect.x >= 1.9 && rect.y >= 1.9 && rect.right() <= layout.width && rect.bottom() <= layout.height - 1.9;
                    assert!(is_inside && rect.width > 0.0, "{rect:?}");
                    tokens += 1;
                }
                png::bytes(&layout).unwrap();
            }
        }
    }
    assert!(tokens > 3000, "{tokens}");
    let many = sentence(&long, &(0..64).collect::<Vec<_>>());
    let err = Layout::new(&many, &FigureStyle { dpi: 1200, width_in: Some(7.0), ..style() }).unwrap_err().to_string();
    assert!(err.contains("64 panels") && err.contains("lower --dpi"), "{err}");
}

#[test]
fn letters_stay_readable_and_missing_values_have_no_colour() {
    let black = |position: usize| if position == 2 { f32::NAN } else { position as f32 };
    let output = explained(text("We sat on"), Input::Text("We sat on".into()), &[1], |_, t| black(t));
    let layout = Layout::new(&output, &FigureStyle { opacity: 1.0, ..style() }).unwrap();
    let ink = |word: &str| {
        layout.marks.iter().find_map(|m| match m {
            Mark::Text { text, ink: Some(ink), .. } if text == word => Some(*ink),
            _ => None,
        })
    };
    assert_eq!(grounds(&layout).len(), 4);
    // Own::Max: the target has the largest value of the others, that of [SEP].
    assert_eq!((ink("[CLS]"), ink("We")), (Some([255; 3]), Some([20; 3])));
    assert_eq!(ink("sat"), Some([20; 3]));
}

#[test]
fn a_text_in_svg_keeps_its_words() {
    let output = sentence(BANK, &[5, 28]);
    let text = svg::text(&Layout::new(&output, &style()).unwrap(), Rasters::Embedded).unwrap();
    for word in ["(a) bank (position 5)", ">remembe<", ">red<", ">[SEP]<", "tiny-bert · layer 4 of 6", "relevance"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    // The colour bar alone is an image.
    assert_eq!(text.matches("data:image/png;base64,").count(), 1);
    let odd = sentence("a<b>&\"漢字\" 😀\u{7}", &[1]);
    let text = svg::text(&Layout::new(&odd, &style()).unwrap(), Rasters::LeftOut).unwrap();
    assert!(text.contains("&lt;") && text.contains("字") && !text.contains('\u{7}'));
}

#[test]
fn a_bare_text_stands_above_where_it_is_asked_for() {
    let plain = Layout::new(&sentence(BANK, &[5]), &style()).unwrap();
    let both = Layout::new(&sentence(BANK, &[5]), &FigureStyle { photo: Some(true), ..style() }).unwrap();
    let says = |layout: &Layout, words: &str| layout.marks.iter().any(|m| matches!(m, Mark::Text { text, .. } if text == words));
    assert!(says(&plain, "bank (position 5)") && !says(&plain, "(a) input"));
    assert!(says(&both, "(a) input") && says(&both, "(b) bank (position 5)"));
    assert_eq!(grounds(&plain).len(), grounds(&both).len());
    assert!(both.height > plain.height + 30.0);
}

#[test]
fn numbers_and_records_of_a_text_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let string = "He said \"no, 漢\",\nthen left";
    let output = sentence(string, &[2]);
    let paths: Vec<PathBuf> =
        ["png", "svg", "json", "npy", "npz", "csv"].iter().map(|e| folder.path().join(format!("t.{e}"))).collect();
    write(&output, &style(), &paths).unwrap();
    let files: Vec<Vec<u8>> = paths.iter().map(|p| std::fs::read(p).unwrap()).collect();
    write(&output, &style(), &paths).unwrap();
    assert!(paths.iter().zip(&files).all(|(p, old)| std::fs::read(p).unwrap() == *old));

    let csv = String::from_utf8(files[5].clone()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[..2], ["position,kind,row,col,text,value", "0,special,,,[CLS],0.33333334"]);
    assert!(lines[4].starts_with("3,piece,,,\"\"\"\",") && lines[6].starts_with("5,piece,,,\",\","), "{csv}");
    let count = text(string).pieces.len();
    assert_eq!(lines.len(), count + 1);

    let tokens = count as u64;
    assert_eq!(array::<f32>(&files[3]).0, [tokens]);
    let heatmap = array::<f32>(&member(&paths[4], "heatmap"));
    assert_eq!((heatmap.0, heatmap.1[2]), (vec![tokens], 9.0));
    assert_eq!(array::<i64>(&member(&paths[4], "grid")).1, [1, count as i64]);
    assert_eq!(array::<i64>(&member(&paths[4], "num_prefix")), (vec![], vec![0]));
    assert_eq!(array::<i64>(&member(&paths[4], "target")), (vec![], vec![2]));
    write(&sentence(string, &[2, 3]), &style(), &paths[4..5]).unwrap();
    assert_eq!(array::<f32>(&member(&paths[4], "heatmap")).0, [2, tokens]);

    let record: serde_json::Value = serde_json::from_slice(&files[2]).unwrap();
    assert_eq!(record["input"]["text"], string);
    assert_eq!(record["input"]["sha256"], format!("{:x}", Sha256::digest(string)));
    assert_eq!((record["input"]["num_tokens"].as_u64(), &record["input"]["cut_at"]), (Some(tokens), &serde_json::Value::Null));
    assert_eq!(record["input"]["pieces"][2], serde_json::json!({"piece": "said", "start": 3, "end": 7, "special": false}));
    assert_eq!(record["tokens"][0], serde_json::json!({"position": 2, "name": "said"}));
    assert_eq!(record["num_prefix"], 0);
}

#[test]
fn the_command_of_a_text_survives_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    for string in ["It's \"here\": $HOME, `x` \\ !\n  -x", "--token", "ü 漢"] {
        write(&sentence(string, &[1]), &style(), std::slice::from_ref(&path)).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let command = record["command"].as_str().unwrap().strip_prefix("tokenscope ").unwrap().to_owned();
        let shell = std::process::Command::new("sh").arg("-c").arg(format!("printf '%s\\0' {command}")).output().unwrap();
        let words: Vec<String> = String::from_utf8(shell.stdout).unwrap().split('\0').map(str::to_owned).collect();
        assert_eq!(words[..4], ["explain".to_owned(), format!("--text={string}"), "--model".to_owned(), "text".to_owned()]);
    }
    let sample = explained(text("a b"), Input::Sample("bank.txt".into()), &[1], |_, t| t as f32);
    write(&sample, &style(), std::slice::from_ref(&path)).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("tokenscope explain sample:bank.txt --model text"));
}

#[test]
fn panels_of_text_are_below_each_other_with_their_bars() {
    let output = sentence(BANK, &[5, 28]);
    let marks = |own_range: bool| Layout::new(&output, &FigureStyle { own_range, ..style() }).unwrap();
    let bars = |layout: &Layout| layout.marks.iter().filter(|m| matches!(m, Mark::Raster { .. })).count();
    assert_eq!((bars(&marks(false)), bars(&marks(true))), (1, 2));
    assert_eq!(marks(true).ranges.len(), 2);
    let words = Words { text: Arc::new(text(BANK)), colours: Vec::new(), target: None };
    let one = ink::height(&ink::setting(&words, 200.0));
    assert!(one < ink::height(&ink::setting(&words, 100.0)));
    assert!(marks(false).height > 2.0 * one);
}
#[test]
fn painted_words_have_their_own_colours_a_legend_and_charts_below() {
    use tokenscope::domain::exhibit::{Chart, Exhibit, Paint, Series, Shown};
    let Output::Explanation(plain) = explained(text("a bank"), Input::Text("a bank".into()), &[1], |_, _| 1.0) else {
        unreachable!()
    };
    let colours = vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [f32::NAN; 3]];
    let series = vec![Series { name: String::new(), points: vec![[0.0, 1.0], [1.0, 2.0]] }];
    let chart = Chart { title: "By layer".into(), series, ..Chart::default() };
    let shown = Shown {
        paint: Some(Paint { colours, legend: vec![("nouns".into(), [0.0, 1.0, 0.0])] }),
        exhibits: vec![Exhibit::Chart(chart)],
    };
    let output = Output::Explanation(Arc::new(Explanation { shown: Arc::new(shown), ..(*plain).clone() }));
    let layout = Layout::new(&output, &FigureStyle { opacity: 1.0, ..style() }).unwrap();
    let fills: Vec<[u8; 3]> =
        layout.marks.iter().filter_map(|m| if let Mark::Box { fill, .. } = m { *fill } else { None }).collect();
    assert!(fills.contains(&[255, 0, 0]) && fills.contains(&[0, 255, 0]) && layout.ranges.is_empty());
    let drawn = svg::text(&layout, Rasters::Embedded).unwrap();
    assert!(drawn.contains(">nouns<") && drawn.contains("(b) By layer") && drawn.contains("<polyline"));
}
