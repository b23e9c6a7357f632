//! One frame of a text: the grounds of its words, their letters, outlines, and a node for every token in the accessibility tree.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::Page;
use super::setting::{Aside, CHIP_PADDING, LINE_HEIGHT, Line, Measure, Place, Setting};
use crate::app::canvas::PatchValues;
use crate::app::command::Command;
use crate::app::generation::paint_generated;
use crate::app::view::MapView;
use crate::app::wanted::token_at;
use crate::app::{theme, words};
use crate::domain::request::Input;
use crate::domain::span::Span;
use crate::method::Reach;

/// Size of the letters.
const FONT_SIZE: f32 = 17.0;
const CHIP_FONT_SIZE: f32 = 12.5;
/// How far the ground of a word reaches beyond its letters.
const PADDING: f32 = 3.0;
const ROUNDING: u8 = 4;
/// Tokens that get a node of their own.
const MAX_NODES: usize = 2048;

/// The window's fonts.
pub struct Fonts<'a>(pub &'a Ui);

impl Measure for Fonts<'_> {
    fn letters(&self, text: &str) -> f32 {
        galley(self.0.painter(), text, FONT_SIZE).size().x
    }

    fn chip(&self, text: &str) -> f32 {
        galley(self.0.painter(), text, CHIP_FONT_SIZE).size().x
    }

    /// Wider than the font's own: the grounds of two words must not touch.
    fn space(&self) -> f32 {
        self.0.painter().fonts_mut(|f| f.glyph_width(&FontId::proportional(FONT_SIZE), ' ')) + PADDING
    }
}

/// egui keeps what was laid out in the frame before, so that this is a look-up.
fn galley(painter: &Painter, text: &str, size: f32) -> Arc<Galley> {
    painter.layout_no_wrap(text.to_owned(), FontId::proportional(size), Color32::PLACEHOLDER)
}

/// A frame of the text.
pub struct Sheet<'a> {
    /// What it shows.
    pub page: Page<'a>,
    /// Where each token stands.
    pub setting: &'a Setting,
    /// Top left of the text on the screen.
    pub origin: Pos2,
    /// Below the words.
    pub ground: Color32,
    /// 1, or less where the map is not the newest.
    pub fade: f32,
}

impl Sheet<'_> {
    /// The pinned token.
    pub fn pinned(&self) -> Option<usize> {
        self.page.session.pinned.as_ref().and_then(|t| self.page.scene.layout.resolve(t).ok())
    }

    /// What a click on a token does.
    pub fn click(&self, position: usize) -> Command {
        Command::Pin(token_at(&self.page.scene.layout, position))
    }

    fn rect(&self, place: &Place) -> Rect {
        let [left, right] = place.joins.map(|joined| if joined || place.chip { 0.0 } else { PADDING });
        let rect = place.rect.translate(self.origin.to_vec2());
        Rect::from_min_max(rect.min - vec2(left, 0.0), rect.max + vec2(right, 0.0))
    }

    /// The lines in sight.
    pub fn paint(&self, ui: &Ui) {
        let painter = ui.painter();
        let seen = ui.clip_rect().translate(-self.origin.to_vec2());
        let first = (seen.top() / LINE_HEIGHT).floor().max(0.0) as usize;
        let count = (seen.height() / LINE_HEIGHT).ceil().max(0.0) as usize + 1;
        let lines = || self.setting.lines.iter().skip(first).take(count);
        for place in lines().flat_map(|line| &line.places) {
            self.paint_ground(ui, painter, place);
        }
        if let Some(span) = self.page.session.span {
            lines().for_each(|line| self.outline_span(painter, line, span));
        }
        self.paint_outlines(painter);
        for place in lines().flat_map(|line| &line.places) {
            self.paint_letters(ui, painter, place);
            if self.page.text.is_generated(place.position) {
                paint_generated(painter, self.rect(place), ui.visuals());
            }
        }
        let quiet = theme::palette(ui.visuals()).quiet;
        for (aside, at) in lines().flat_map(|line| &line.asides) {
            self.paint_aside(painter, aside, self.origin + at.to_vec2(), quiet);
        }
    }

    /// Below the letters: where pieces of a word touch, the outline of one reaches under the other's.
    fn paint_outlines(&self, painter: &Painter) {
        let session = self.page.session;
        let keeps = session.pinned.is_some() || session.span.is_some();
        let is_of_token = |m: &&MapView| m.span.is_none() && m.method.reach != Reach::Whole;
        let shown = self.page.view.map.as_ref().filter(is_of_token).filter(|_| !keeps || self.page.pointing.peek);
        let (shown, pinned) = (shown.map(|m| m.position), self.pinned());
        let pointed = self.page.pointing.patch.filter(|&p| pinned != Some(p));
        self.outline(painter, shown.filter(|&p| pointed != Some(p)), theme::OUTLINE);
        self.outline(painter, pinned, theme::WORD_PIN_OUTLINE);
        self.outline(painter, pointed, theme::OUTLINE);
    }

    /// One frame around what the line holds of a span; open where it begins or ends within a word.
    fn outline_span(&self, painter: &Painter, line: &Line, span: Span) {
        let mut inside = line.places.iter().filter(|place| span.contains(place.position));
        let Some(first) = inside.next() else { return };
        let last = inside.next_back().unwrap_or(first);
        let rect = inside.map(|place| self.rect(place)).fold(self.rect(first).union(self.rect(last)), Rect::union);
        let cut = |joined: bool| if joined { 0 } else { ROUNDING };
        let (left, right) = (first.joins[0], last.joins[1]);
        let corners = CornerRadius { nw: cut(left), sw: cut(left), ne: cut(right), se: cut(right) };
        self.paint_frame(painter, (rect, corners), [left, right], theme::WORD_PIN_OUTLINE);
    }

    fn paint_ground(&self, ui: &Ui, painter: &Painter, place: &Place) {
        let (rect, colour) = (self.rect(place), self.colour(place.position));
        let corners = corners(place);
        // A hair between the pieces of a word.
        let ground = if place.joins[1] { rect.with_max_x(rect.right() - 1.0) } else { rect };
        if let Some(colour) = colour {
            painter.rect_filled(ground, corners, colour);
        }
        if place.chip && colour.is_none() {
            painter.rect_stroke(rect, corners, Stroke::new(1.0, theme::palette(ui.visuals()).quiet), StrokeKind::Inside);
        }
    }

    fn paint_letters(&self, ui: &Ui, painter: &Painter, place: &Place) {
        let plain = if place.chip { theme::palette(ui.visuals()).quiet } else { ui.visuals().text_color() };
        let (size, padding) = if place.chip { (CHIP_FONT_SIZE, CHIP_PADDING) } else { (FONT_SIZE, 0.0) };
        let galley = galley(painter, &place.text, size);
        let letters = place.rect.translate(self.origin.to_vec2());
        let at = pos2(letters.left() + padding, letters.center().y - galley.size().y / 2.0).round();
        let ink = self.colour(place.position).map_or(plain, ink_on);
        // Letters that no line could hold end at its edge.
        let clip = if galley.size().x > letters.width() + 1.0 { letters } else { Rect::EVERYTHING };
        let painter = painter.with_clip_rect(painter.clip_rect().intersect(clip));
        painter.galley_with_override_text_color(at, galley, ink);
    }

    fn paint_aside(&self, painter: &Painter, aside: &Aside, at: Pos2, quiet: Color32) {
        match aside {
            Aside::Unread(text) => {
                let galley = galley(painter, text, FONT_SIZE);
                let at = (at - vec2(0.0, galley.size().y / 2.0)).round();
                painter.galley_with_override_text_color(at, galley, quiet.gamma_multiply(0.7));
            }
            Aside::Stop => {
                let note = format!("the model reads {} tokens; the rest is not seen", self.page.text.pieces.len());
                let font = FontId::proportional(CHIP_FONT_SIZE);
                let note = painter.text(at, Align2::LEFT_CENTER, note, font, quiet);
                painter.hline(
                    note.right() + 10.0..=note.right() + 150.0,
                    at.y.round(),
                    Stroke::new(1.0, quiet.gamma_multiply(0.6)),
                );
            }
        }
    }

    /// Open where another piece of the word touches, so that its letters do not drown: a hair stands there.
    fn outline(&self, painter: &Painter, position: Option<usize>, lines: [(f32, Color32); 2]) {
        let Some(place) = position.and_then(|p| self.setting.place(p)) else { return };
        self.paint_frame(painter, (self.rect(place), corners(place)), place.joins, lines);
    }

    /// Lines around a rectangle, but for sides where the letters of the same word go on.
    fn paint_frame(
        &self,
        painter: &Painter,
        (rect, corners): (Rect, CornerRadius),
        [left, right]: [bool; 2],
        lines: [(f32, Color32); 2],
    ) {
        let mut clip = painter.clip_rect();
        if left {
            clip.min.x = clip.min.x.max(rect.left() - 1.0);
        }
        if right {
            clip.max.x = clip.max.x.min(rect.right());
        }
        let painter = painter.with_clip_rect(clip);
        for (width, colour) in lines {
            painter.rect_stroke(rect, corners, Stroke::new(width, colour), StrokeKind::Outside);
        }
        for x in [left.then_some(rect.left()), right.then_some(rect.right())].into_iter().flatten() {
            painter.vline(x - 0.5, rect.y_range(), Stroke::new(1.0, ink_on(self.ground)));
        }
    }

    /// The ground of a token, as the overlay of a picture is blended; none where the map has no value.
    fn colour(&self, position: usize) -> Option<Color32> {
        let session = self.page.session;
        let map = self.page.view.map.as_ref().filter(|_| session.look.overlay)?;
        let unit = map.range.unit(map.value_at(position)?);
        let painted = map.paint().and_then(|paint| paint.colours.get(position)).copied();
        if painted.is_some_and(|colour| colour.iter().any(|channel| channel.is_nan())) {
            return None;
        }
        let painted = painted.map(|colour| colour.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8));
        let over = painted.unwrap_or_else(|| session.colormap(map.method.signed).colour(unit));
        let share = (session.look.opacity * self.fade).clamp(0.0, 1.0);
        let [r, g, b, _] = self.ground.to_array();
        let mix = |under: u8, over: u8| (f32::from(under) * (1.0 - share) + f32::from(over) * share).round() as u8;
        (painted.is_some() || !unit.is_nan()).then(|| Color32::from_rgb(mix(r, over[0]), mix(g, over[1]), mix(b, over[2])))
    }

    /// Names for those who do not see the text, and for tests: the text, and every token with its value and rank.
    pub fn describe(&self, ui: &Ui, response: &Response, commands: &mut Vec<Command>) {
        let (scene, map) = (self.page.scene, &self.page.view.map);
        response.widget_info(|| {
            let name = self.page.session.input.as_ref().map_or_else(String::new, Input::name);
            egui::WidgetInfo::labeled(egui::Role::Document, true, format!("Text {name}, {} tokens", scene.layout.len()))
        });
        let heard = ui.ctx().accesskit_node_builder(response.id, |node| {
            if let Some(map) = map {
                node.set_value(words::map(map, scene));
            }
        });
        if heard.is_none() {
            return;
        }
        let (session, pinned) = (self.page.session, self.pinned());
        let values = PatchValues::new(session, self.page.view);
        for place in self.setting.lines.iter().flat_map(|line| &line.places).take(MAX_NODES) {
            let id = response.id.with(place.position);
            let token = ui.interact(self.rect(place), id, Sense::hover());
            let label = format!("{}, position {}", place.text, place.position);
            let is_pinned = pinned == Some(place.position) || session.span.is_some_and(|s| s.contains(place.position));
            token.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_pinned, &label));
            ui.ctx().accesskit_node_builder(id, |node| {
                node.set_value(values.describe(place.position));
                if self.page.text.is_generated(place.position) {
                    node.set_description("generated");
                }
                node.add_action(egui::accesskit::Action::Click);
            });
            if ui.input(|i| i.has_accesskit_action_request(id, egui::accesskit::Action::Click)) {
                commands.push(self.click(place.position));
            }
        }
    }
}

/// Round where the word begins and ends.
fn corners(place: &Place) -> CornerRadius {
    let [left, right] = place.joins.map(|joined| if joined { 0 } else { ROUNDING });
    CornerRadius { nw: left, sw: left, ne: right, se: right }
}

/// Black or white, whichever is easier to read on a colour.
fn ink_on(ground: Color32) -> Color32 {
    let [r, g, b, _] = egui::Rgba::from(ground).to_array();
    // At this luminance black and white have the same contrast (WCAG 2).
    if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 { Color32::BLACK } else { Color32::WHITE }
}
