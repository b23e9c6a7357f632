//! How wide letters are, as egui shapes them.

use std::sync::Arc;

use eframe::egui::epaint::text::Glyph;
use eframe::egui::{Color32, FontFamily, FontId, Galley, Painter, Ui};
use unicode_segmentation::UnicodeSegmentation;

use super::line::{Measure, Shape};
use crate::app::widgets::fonts;
use crate::letters::bidi::mirrored;
use crate::letters::clusters::{Cluster, Clusters};
use crate::letters::fonts::Fonts;
use crate::letters::shape::shape;
use crate::letters::units::Unit;

/// Size of the letters.
pub(super) const FONT_SIZE: f32 = 17.0;
/// How far the ground of a word reaches beyond its letters.
pub(super) const PADDING: f32 = 3.0;
pub(super) const CHIP_FONT_SIZE: f32 = 12.5;

/// Shapes text as egui draws it.
pub struct Shaper<'a> {
    painter: &'a Painter,
    fonts: Arc<Fonts>,
}

impl<'a> Shaper<'a> {
    /// For what is drawn into `ui`.
    pub fn new(ui: &'a Ui) -> Self {
        Self { painter: ui.painter(), fonts: fonts::of(ui.ctx()) }
    }
}

impl Measure for Shaper<'_> {
    fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    fn shape(&self, text: &str, unit: &Unit) -> Shape {
        // egui guesses directions by letters, and so turns neither brackets nor punctuation around.
        let is_turned = unit.is_rtl() && unit.script.is_none();
        let drawn: String =
            if is_turned { text.graphemes(true).rev().flat_map(str::chars).map(mirrored).collect() } else { text.to_owned() };
        let galley = letters(self.painter, &drawn, fonts::family(&self.fonts, &unit.choice));
        let width = galley.size().x.ceil();
        let glyphs: Vec<&Glyph> = galley.rows.iter().flat_map(|row| &row.glyphs).collect();
        let starts = if is_turned { turned_starts(text) } else { starts_of(&glyphs, text, unit) };
        let mut clusters: Vec<Cluster> = Vec::new();
        for (&start, glyph) in starts.iter().zip(&glyphs) {
            let left = glyph.pos.x;
            match clusters.last_mut() {
                // What takes no room, such as a mark, shares that of its letter.
                Some(last) if last.start == start || (glyph.advance_width <= 0.0 && !unit.is_rtl()) => {}
                last => {
                    if let Some(last) = last {
                        last.right = left;
                    }
                    clusters.push(Cluster { start, left, right: width });
                }
            }
        }
        Shape { text: drawn, width, clusters: Clusters::new(clusters, text.len(), unit.is_rtl()), glyphs: starts }
    }

    fn chip(&self, text: &str) -> f32 {
        galley(self.painter, text, CHIP_FONT_SIZE).size().x
    }

    /// Wider than the font's own: the grounds of two words must not touch.
    fn space(&self) -> f32 {
        self.painter.fonts_mut(|f| f.glyph_width(&FontId::proportional(FONT_SIZE), ' ')) + PADDING
    }
}

/// The byte at which the cluster of each of egui's glyphs begins, from the left. egui keeps none, but shapes with the same
/// harfrust in the same font.
pub(super) fn starts_of(glyphs: &[&Glyph], text: &str, unit: &Unit) -> Vec<usize> {
    let chars: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let shaped = unit.choice.face().map(|face| shape(face, text, unit.script, unit.is_rtl()));
    let Some(shaped) = shaped.filter(|_| unit.is_rtl() || chars.len() != glyphs.len()) else {
        // From left to right egui adds glyphs without ink until there is one a character.
        return glyphs.iter().enumerate().map(|(n, _)| chars.get(n).copied().unwrap_or(0)).collect();
    };
    let mut starts = Vec::with_capacity(glyphs.len());
    for cluster in shaped.glyphs.chunk_by(|a, b| a.start == b.start) {
        let start = cluster[0].start;
        let chars = text.get(shaped.clusters.around(start)).map_or(1, |cluster| cluster.chars().count());
        let count = if unit.is_rtl() { cluster.len() } else { cluster.len().max(chars) };
        starts.extend(std::iter::repeat_n(start, count));
    }
    // What egui leaves out, such as a mark without a glyph, is at the end at worst.
    starts.resize(glyphs.len(), starts.last().copied().unwrap_or(0));
    starts
}

/// The byte at which each character begins, where its text is drawn turned around.
pub(super) fn turned_starts(text: &str) -> Vec<usize> {
    text.grapheme_indices(true).rev().flat_map(|(at, grapheme)| std::iter::repeat_n(at, grapheme.chars().count())).collect()
}

/// egui keeps what was laid out in the frame before, so that this is a look-up.
pub(super) fn galley(painter: &Painter, text: &str, size: f32) -> Arc<Galley> {
    painter.layout_no_wrap(text.to_owned(), FontId::proportional(size), Color32::PLACEHOLDER)
}

/// Running text in one font.
pub(super) fn letters(painter: &Painter, text: &str, family: FontFamily) -> Arc<Galley> {
    painter.layout_no_wrap(text.to_owned(), FontId::new(FONT_SIZE, family), Color32::PLACEHOLDER)
}

/// From the top of a galley to its baseline.
pub(super) fn baseline(galley: &Galley) -> f32 {
    galley.rows.first().and_then(|row| row.glyphs.first()).map_or(0.0, |glyph| glyph.pos.y)
}
