//! Shaping: from the characters of a unit to glyphs and where they stand, by harfrust. All lengths are in em.

use harfrust::{Direction, Script, ShapeOptions, ShaperInstance, Tag, UnicodeBuffer, Variation};

use super::clusters::{Cluster, Clusters};
use super::face::Face;

/// One glyph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// Its number in the font; 0 where the font lacks the character.
    pub id: u32,
    /// The first byte of its cluster in the unit.
    pub start: usize,
    /// Its origin, from the left of the unit.
    pub x: f32,
    /// Above the baseline.
    pub y: f32,
}

/// A unit that is shaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shaped {
    /// From the left.
    pub glyphs: Vec<Glyph>,
    /// Where its characters stand.
    pub clusters: Clusters,
    /// Advance of the whole.
    pub width: f32,
}

impl Shaped {
    /// What stands for a character of `len` bytes that no font has: an em, for its code point.
    pub fn code(len: usize) -> Self {
        let cluster = Cluster { start: 0, left: 0.0, right: 1.0 };
        Self { glyphs: Vec::new(), clusters: Clusters::new(vec![cluster], len, false), width: 1.0 }
    }
}

/// Shapes text of one direction and one script.
pub fn shape(face: &Face, text: &str, script: Option<unicode_script::Script>, is_rtl: bool) -> Shaped {
    let Some(font) = face.font() else { return Shaped::default() };
    let variations =
        face.variations().iter().map(|&(tag, value)| Variation { tag: Tag::from_be_bytes(tag.to_be_bytes()), value });
    let instance = (!face.variations().is_empty()).then(|| ShaperInstance::from_variations(&font, variations));
    let shaper = face.shaper().shaper(&font).instance(instance.as_ref()).build();
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.set_direction(if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight });
    let tag = script.and_then(|script| script.short_name().as_bytes().try_into().ok());
    if let Some(script) = tag.and_then(|tag: [u8; 4]| Script::from_iso15924_tag(Tag::new(&tag))) {
        buffer.set_script(script);
    }
    let shaped = shaper.shape(buffer, ShapeOptions::new());
    let em = |units: i32| units as f32 / face.units_per_em();
    let (mut x, mut glyphs, mut clusters) = (0.0, Vec::new(), Vec::<Cluster>::new());
    for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
        let start = info.cluster as usize;
        glyphs.push(Glyph { id: info.glyph_id, start, x: x + em(position.x_offset), y: em(position.y_offset) });
        let right = x + em(position.x_advance);
        match clusters.last_mut() {
            Some(cluster) if cluster.start == start => cluster.right = right,
            _ => clusters.push(Cluster { start, left: x, right }),
        }
        x = right;
    }
    Shaped { glyphs, clusters: Clusters::new(clusters, text.len(), is_rtl), width: x }
}
