//! A layout as SVG: text stays text, lines stay lines, and only photos, maps, colour bars and coloured emoji are pixels, embedded
//! as PNG. Letters that a reader's fonts could change or lack are outlines, titled with their text.

use std::fmt::Write as _;

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use super::glyphs::{Letters, Point, Segment, Shape};
use super::layout::{Anchor, INK, Layout, Mark, POINTS_PER_INCH, Pixels, Rect};
use crate::domain::{Error, Result};

/// Fonts of equal widths, the built-in one first.
const FONTS: &str = "Liberation Sans, Arial, Helvetica, sans-serif";

/// Whether pixels are part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rasters {
    /// Embedded, on white ground: a file of its own.
    Embedded,
    /// Left out, as is the ground: to be drawn over pixels that are there already.
    LeftOut,
}

/// The SVG text.
///
/// # Errors
/// [`Error::Internal`] where a raster cannot be encoded.
pub fn text(layout: &Layout, rasters: Rasters) -> Result<String> {
    let (width, height) = layout.pixels();
    let inches = |pixels: usize| trimmed(pixels as f64 / f64::from(layout.dpi));
    let points = |pixels: usize| trimmed(pixels as f64 * POINTS_PER_INCH / f64::from(layout.dpi));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}in\" height=\"{}in\" viewBox=\"0 0 {} {}\" font-family=\"{FONTS}\" fill=\"{}\">\n",
        inches(width),
        inches(height),
        points(width),
        points(height),
        hex(INK),
    );
    if rasters == Rasters::Embedded {
        svg += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
        for mark in &layout.marks {
            if let Mark::Raster { rect, source } = mark {
                put_image(&mut svg, *rect, &layout.pixels_of(*rect, source))?;
            }
        }
    }
    for mark in &layout.marks {
        match mark {
            Mark::Letters(letters) => put_letters(&mut svg, letters, rasters),
            mark => put(&mut svg, mark),
        }
    }
    svg += "</svg>\n";
    Ok(svg)
}

fn put(svg: &mut String, mark: &Mark) {
    let line = match mark {
        Mark::Raster { .. } | Mark::Letters(_) => return,
        Mark::Text { at, size, anchor, upright: false, text, ink: Some(ink) } => running_text(*at, *size, *anchor, text, *ink),
        Mark::Text { at, size, anchor, upright, text, .. } => text_element(*at, *size, *anchor, *upright, text),
        Mark::Box { rect, stroke, fill } => {
            let fill = fill.map_or("none".to_owned(), hex);
            let stroke = stroke.map_or(String::new(), |(c, w)| format!(" stroke=\"{}\" stroke-width=\"{}\"", hex(c), trimmed(w)));
            format!("<rect {} fill=\"{fill}\"{stroke}/>", place(*rect))
        }
        Mark::Line { from, to, width } => format!(
            "<path d=\"M{} {}L{} {}\" stroke=\"{}\" stroke-width=\"{}\"/>",
            trimmed(from.0),
            trimmed(from.1),
            trimmed(to.0),
            trimmed(to.1),
            hex(INK),
            trimmed(*width),
        ),
        Mark::Path { points, colour, width, dashed } => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", trimmed(*x), trimmed(*y))).collect();
            let dashes = if *dashed { " stroke-dasharray=\"2 1.5\"" } else { "" };
            format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes}/>",
                points.join(" "),
                hex(*colour),
                trimmed(*width)
            )
        }
        Mark::Triangle { corners, fill } => {
            let points: Vec<String> = corners.iter().map(|(x, y)| format!("{},{}", trimmed(*x), trimmed(*y))).collect();
            format!(
                "<polygon points=\"{}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"0.5\"/>",
                points.join(" "),
                hex(*fill),
                hex(INK)
            )
        }
    };
    svg.push_str(&line);
    svg.push('\n');
}

fn text_element((x, y): (f64, f64), size: f64, anchor: Anchor, upright: bool, text: &str) -> String {
    let (x, y, anchor) = (trimmed(x), trimmed(y), anchor_attribute(anchor));
    let turn = if upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"{anchor}{turn}>{}</text>", trimmed(size), escaped(text))
}

/// Without kerning, in its own colour unless that is the ink of the whole.
fn running_text((x, y): (f64, f64), size: f64, anchor: Anchor, text: &str, ink: [u8; 3]) -> String {
    let (x, y, anchor) = (trimmed(x), trimmed(y), anchor_attribute(anchor));
    let fill = if ink == INK { String::new() } else { format!(" fill=\"{}\"", hex(ink)) };
    let size = trimmed(size);
    format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{fill} style=\"font-kerning:none\">{}</text>", escaped(text))
}

/// Shapes, with the letters that they show as their title.
fn put_letters(svg: &mut String, letters: &Letters, rasters: Rasters) {
    let (x, y) = letters.at;
    let turn = if letters.upright { format!(" transform=\"rotate(-90 {} {})\"", trimmed(x), trimmed(y)) } else { String::new() };
    *svg += &format!("<g{turn}><title>{}</title>", escaped(&letters.text));
    let point = |(right, up): Point| (x + f64::from(right) * letters.size, y - f64::from(up) * letters.size);
    for same in
        letters.shapes.chunk_by(|a, b| matches!((a, b), (Shape::Outline { ink: a, .. }, Shape::Outline { ink: b, .. }) if a == b))
    {
        let data: String = same
            .iter()
            .filter_map(|shape| if let Shape::Outline { path, .. } = shape { Some(path) } else { None })
            .flatten()
            .map(|segment| path_data(segment, &point))
            .collect();
        match &same[0] {
            Shape::Outline { ink, .. } => *svg += &format!("<path fill=\"{}\" d=\"{data}\"/>", hex(*ink)),
            Shape::Picture { png, at, size } if rasters == Rasters::Embedded => {
                let (x, y) = point(*at);
                let (width, height) = (f64::from(size.0) * letters.size, f64::from(size.1) * letters.size);
                *svg +=
                    &format!("<image {} href=\"data:image/png;base64,{}\"/>", place(Rect { x, y, width, height }), base64(png));
            }
            Shape::Picture { .. } => {}
        }
    }
    svg.push_str("</g>\n");
}

fn path_data(segment: &Segment, point: &dyn Fn(Point) -> (f64, f64)) -> String {
    let at = |p: Point| {
        let (x, y) = point(p);
        format!("{} {}", trimmed(x), trimmed(y))
    };
    match *segment {
        Segment::Move(p) => format!("M{}", at(p)),
        Segment::Line(p) => format!("L{}", at(p)),
        Segment::Quad(c, p) => format!("Q{} {}", at(c), at(p)),
        Segment::Curve(a, b, p) => format!("C{} {} {}", at(a), at(b), at(p)),
        Segment::Close => "Z".to_owned(),
    }
}

fn anchor_attribute(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    }
}

fn put_image(svg: &mut String, rect: Rect, pixels: &Pixels) -> Result<()> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive);
    encoder
        .write_image(&pixels.rgb, pixels.width as u32, pixels.height as u32, image::ExtendedColorType::Rgb8)
        .map_err(|err| Error::Internal(format!("encoding a panel: {err}")))?;
    let data = base64(&png);
    writeln!(svg, "<image {} preserveAspectRatio=\"none\" href=\"data:image/png;base64,{data}\"/>", place(rect))
        .map_err(|err| Error::Internal(err.to_string()))
}

fn place(rect: Rect) -> String {
    let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(trimmed);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// At most four decimals: a two-thousandth of a pixel at 300 dpi.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text as XML takes it; control characters, which XML forbids, become spaces.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }

    #[test]
    fn names_of_files_cannot_break_the_markup() {
        assert_eq!(escaped("a<b>&\"\u{7}c"), "a&lt;b&gt;&amp;&quot; c");
        assert_eq!([trimmed(1.5), trimmed(2.0), trimmed(0.333_333)], ["1.5", "2", "0.3333"]);
    }
}
