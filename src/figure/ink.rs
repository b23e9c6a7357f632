//! The marks of a text panel: colours behind the tokens, the target's outline, and letters that stay readable on any colour.

use super::glyphs::Letters;
use super::layout::{Anchor, INK, Mark, Rect, snapped};
use super::words::{CHIP_PAD, CHIP_SIZE, Item, PAD, PITCH, Run, SIZE, Setting, What, Words, set};
use crate::domain::colormap::takes_dark_ink;

/// Of what the model did not read, and of the edges of chips.
const GREY: [u8; 3] = [140; 3];
/// Of signs that are not in the text.
const SIGN: [u8; 3] = [105; 3];
const WHITE: [u8; 3] = [255; 3];
/// From a line's top to its baseline, and how far colours reach above and below the baseline.
const BASELINE: f64 = 8.6;
const ABOVE: f64 = 7.4;
const BELOW: f64 = 2.4;
/// A chip is lower, around the same middle.
const CHIP_ABOVE: f64 = 6.6;
const CHIP_BELOW: f64 = 1.6;
/// Between the colours of two pieces of one word.
const HAIR: f64 = 0.5;
/// The line under a token that a model added, below its colour: it tells without colour.
const UNDERLINE: f64 = 0.5;
/// What outlines need at the left and at the right.
const SIDE: f64 = 1.6;

/// The lines of a text in a panel of `width` points.
pub fn setting(words: &Words, width: f64) -> Setting {
    set(&words.text, (width - PAD - SIDE).max(4.0 * SIZE))
}

/// Height of a panel of text, in points.
pub fn height(setting: &Setting) -> f64 {
    (setting.num_lines - 1) as f64 * PITCH + BASELINE + BELOW + 1.0
}

/// The marks of a text whose lines begin at (`x`, `y`), from back to front.
pub fn marks(words: &Words, setting: &Setting, (x, y): (f64, f64), dpi: u32) -> Vec<Mark> {
    let baseline = |line: usize| snapped(y + BASELINE + line as f64 * PITCH, dpi);
    let left = x + PAD;
    let patches = patches(setting);
    let rect_of = |patch: &Patch| {
        let (above, below) = if patch.is_chip { (CHIP_ABOVE, CHIP_BELOW) } else { (ABOVE, BELOW) };
        let [from, to] = [left + patch.from, left + patch.to].map(|x| snapped(x, dpi));
        let [top, bottom] = [baseline(patch.line) - above, baseline(patch.line) + below].map(|y| snapped(y, dpi));
        Rect { x: from, y: top, width: to - from, height: bottom - top }
    };
    let colour_of = |position: Option<usize>| position.and_then(|p| words.colours.get(p).copied().flatten());
    let mut marks = Vec::new();
    for patch in &patches {
        let (fill, stroke) = (colour_of(Some(patch.position)), patch.is_chip.then_some((GREY, 0.4)));
        if fill.is_some() || stroke.is_some() {
            marks.push(Mark::Box { rect: rect_of(patch), stroke, fill });
        }
    }
    for patch in patches.iter().filter(|patch| words.text.is_generated(patch.position)) {
        let Rect { x, width, .. } = rect_of(patch);
        let rect = Rect { x, y: baseline(patch.line) + BELOW + UNDERLINE / 2.0, width, height: UNDERLINE };
        marks.push(Mark::Box { rect, stroke: None, fill: Some(SIGN) });
    }
    let is_target = |patch: &&Patch| words.target.is_some_and(|span| span.contains(patch.position));
    let targets: Vec<&Patch> = patches.iter().filter(is_target).collect();
    for line in targets.chunk_by(|a, b| a.line == b.line) {
        marks.extend(line.iter().map(|patch| rect_of(patch)).reduce(union).into_iter().flat_map(frame));
    }
    let ink_of = |position, is_read: bool| match colour_of(position) {
        _ if !is_read => GREY,
        Some(colour) if !takes_dark_ink(colour) => WHITE,
        _ => INK,
    };
    for item in setting.items.iter().filter(|item| !item.is_shaped) {
        marks.extend(letters(item, (left + item.x, baseline(item.line)), ink_of(item.position, item.is_read)));
    }
    let shaped = |run: &Run| {
        let mut letters = Letters::new((left + run.x, baseline(run.line)), SIZE, false);
        let ink = |byte: usize| {
            let (position, is_read) = run.owner(byte);
            ink_of(position, is_read)
        };
        letters.push((&run.text, 0.0), &run.choice, &run.shaped, &ink);
        Mark::Letters(letters)
    };
    marks.extend(setting.runs.iter().map(shaped));
    marks
}

fn union(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Rect { x, y, width: a.right().max(b.right()) - x, height: a.bottom().max(b.bottom()) - y }
}

/// A black line just outside and a white one just inside: words stand too close for the outline of a patch.
fn frame(ground: Rect) -> [Mark; 2] {
    let grown =
        |by: f64| Rect { x: ground.x - by, y: ground.y - by, width: ground.width + 2.0 * by, height: ground.height + 2.0 * by };
    let line = |by: f64, colour, width| Mark::Box { rect: grown(by), stroke: Some((colour, width)), fill: None };
    [line(-0.25, [255; 3], 0.5), line(0.45, [0; 3], 0.9)]
}

/// A white line inside a black one, around a patch.
pub fn outline(target: Rect) -> [Mark; 2] {
    let out = 1.0;
    let rect = Rect { x: target.x - out, y: target.y - out, width: target.width + 2.0 * out, height: target.height + 2.0 * out };
    [([0; 3], 2.0), ([255; 3], 0.9)].map(|(colour, width)| Mark::Box { rect, stroke: Some((colour, width)), fill: None })
}

fn letters(item: &Item, (x, baseline): (f64, f64), ink: [u8; 3]) -> Option<Mark> {
    let text = |x: f64, y: f64, size: f64, anchor, text: &str, ink| {
        Some(Mark::Text { at: (x, y), size, anchor, upright: false, text: text.to_owned(), ink: Some(ink) })
    };
    match &item.what {
        What::Space => None,
        What::Return => text(x, baseline, SIZE, Anchor::Start, "¶", if ink == INK { SIGN } else { ink }),
        // The middle of its capitals is the middle of the chip.
        What::Chip(name) => {
            let middle = baseline + (CHIP_BELOW - CHIP_ABOVE) / 2.0;
            text(x + CHIP_PAD, middle + 0.36 * CHIP_SIZE, CHIP_SIZE, Anchor::Start, name, ink)
        }
        What::Run(run) => text(x, baseline, SIZE, Anchor::Start, run, ink),
    }
}

/// The ground of a token on one line, in points from the left of the text.
struct Patch {
    position: usize,
    line: usize,
    from: f64,
    to: f64,
    is_chip: bool,
}

/// Words have a little colour to the left and right of their letters; where two tokens meet, a hair is left between them.
fn patches(setting: &Setting) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    for item in &setting.items {
        let Some(position) = item.position else { continue };
        let (from, to, is_chip) = (item.x, item.x + item.width, matches!(item.what, What::Chip(_)));
        match patches.last_mut() {
            Some(last) if last.position == position && last.line == item.line && !is_chip => last.to = to,
            _ => patches.push(Patch { position, line: item.line, from, to, is_chip }),
        }
    }
    let meets = |a: &Patch, b: &Patch| a.line == b.line && b.from - a.to < 0.01;
    let joints: Vec<bool> = patches.windows(2).map(|pair| meets(&pair[0], &pair[1])).collect();
    for (n, patch) in patches.iter_mut().enumerate().filter(|(_, patch)| !patch.is_chip) {
        let joined = |joint: Option<usize>| joint.and_then(|j| joints.get(j).copied()).unwrap_or(false);
        patch.from += if joined(n.checked_sub(1)) { HAIR / 2.0 } else { -PAD };
        patch.to += if joined(Some(n)) { -HAIR / 2.0 } else { PAD };
    }
    patches
}
