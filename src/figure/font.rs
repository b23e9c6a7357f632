//! The built-in font's own advances, for running text: pieces of one word are drawn one by one and must meet. The font file is
//! ours and fixed, so that two of its tables (`cmap` format 4 and `hmtx`, OpenType 1.9) are read in place.

use std::sync::LazyLock;

/// Liberation Sans Regular: see `assets/fonts/README.md`.
pub const BYTES: &[u8] = include_bytes!("../../assets/fonts/LiberationSans-Regular.ttf");

/// Advance of a character in em, without kerning; `None` where the font lacks it.
pub fn advance(c: char) -> Option<f64> {
    static TABLES: LazyLock<Option<Tables>> = LazyLock::new(Tables::read);
    TABLES.as_ref()?.advance(u16::try_from(u32::from(c)).ok()?)
}

/// Width of a text set in this font without kerning, in the unit of `size`. What the font lacks takes a square, as the scripts
/// in question do; what has no shape of its own (joiners, variation selectors) takes nothing.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| if is_shapeless(c) { 0.0 } else { advance(c).unwrap_or(1.0) }).sum::<f64>() * size
}

/// Whether a character has to be left to another font.
pub fn lacks(c: char) -> bool {
    !is_shapeless(c) && advance(c).is_none()
}

/// Marks that join or modify the character before them.
pub fn is_shapeless(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
}

/// What the two tables say.
struct Tables {
    /// By their last codes.
    segments: Vec<Segment>,
    /// Of each glyph, in units of the font; the last one stands for all after it.
    advances: Vec<u16>,
    units_per_em: f64,
}

/// Codes that follow each other.
struct Segment {
    first: u16,
    last: u16,
    delta: u16,
    /// Where the glyph of the first code stands in the file; `None` where code + delta is the glyph.
    glyphs: Option<usize>,
}

impl Tables {
    fn read() -> Option<Self> {
        let map = table(b"cmap")?;
        let is_unicode = |at: &usize| number(*at) == Some(3) && number(at + 2) == Some(1);
        let entry = (0..usize::from(number(map + 2)?)).map(|i| map + 4 + 8 * i).find(is_unicode)?;
        let start = map + long(entry + 4)?;
        let bytes = usize::from(number(start + 6)?);
        // Arrays of a number a segment: last code, after two more bytes first code, delta, offset of the glyphs.
        let array = |which: usize, at: usize| start + 14 + which * bytes + if which > 0 { 2 } else { 0 } + at;
        let segment = |at: usize| {
            let place = array(3, at);
            let glyphs = number(place)?.checked_sub(1).map(|offset| place + usize::from(offset) + 1);
            Some(Segment { last: number(array(0, at))?, first: number(array(1, at))?, delta: number(array(2, at))?, glyphs })
        };
        let (count, metrics) = (usize::from(number(table(b"hhea")? + 34)?), table(b"hmtx")?);
        Some(Self {
            segments: (0..bytes).step_by(2).map(segment).collect::<Option<_>>()?,
            advances: (0..count).map(|glyph| number(metrics + 4 * glyph)).collect::<Option<_>>()?,
            units_per_em: f64::from(number(table(b"head")? + 18)?),
        })
    }

    fn advance(&self, code: u16) -> Option<f64> {
        let segment = self.segments.get(self.segments.partition_point(|segment| segment.last < code))?;
        let index = usize::from(code.checked_sub(segment.first)?);
        let glyph = match segment.glyphs {
            None => code.wrapping_add(segment.delta),
            Some(glyphs) => number(glyphs + 2 * index).filter(|&glyph| glyph != 0)?.wrapping_add(segment.delta),
        };
        let units = self.advances.get(usize::from(glyph)).or_else(|| self.advances.last()).filter(|_| glyph != 0)?;
        Some(f64::from(*units) / self.units_per_em)
    }
}

/// Where a table begins.
fn table(tag: &[u8; 4]) -> Option<usize> {
    let count = usize::from(number(4)?);
    let entry = (0..count).map(|i| 12 + 16 * i).find(|&at| BYTES.get(at..at + 4) == Some(tag.as_slice()))?;
    long(entry + 8)
}

fn number(at: usize) -> Option<u16> {
    BYTES.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
}

fn long(at: usize) -> Option<usize> {
    BYTES.get(at..at + 4).and_then(|b| b.try_into().ok()).map(|b| u32::from_be_bytes(b) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advances_are_those_of_the_file() {
        // Read from the same tables by a script of its own.
        for (c, units) in [(' ', 569.0), ('W', 1933.0), ('’', 455.0), ('ü', 1139.0)] {
            assert_eq!(advance(c), Some(units / 2048.0), "{c}");
        }
        // Helvetica's widths of `text::width` are the same to a thousandth.
        for c in ' '..='~' {
            let text = c.to_string();
            assert!((width(&text, 1.0) - crate::figure::text::width(&text, 1.0)).abs() < 1e-3, "{c}");
        }
        assert!(lacks('漢') && lacks('😀') && !lacks('\u{fe0f}') && !lacks('é'));
        assert_eq!(width("漢\u{fe0f}", 8.0), 8.0);
    }
}
