//! A text with its map behind the words: pointer, keyboard, outlines, and a node for every token in the accessibility tree. What
//! is set once is kept; a frame paints the lines in sight, so that hovering recolours hundreds of tokens in time.

pub mod setting;

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, FontId, Galley, Painter, Pos2, Rect, Response, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, pos2, vec2,
};

use super::canvas::{PatchValues, paint_note};
use super::command::Command;
use super::session::Session;
use super::view::{Pointing, View};
use super::wanted::token_at;
use super::{theme, words};
use crate::domain::request::Input;
use crate::domain::text::Text;
use crate::engine::Scene;
use setting::{Aside, CHIP_PADDING, LINE_HEIGHT, Measure, Place, Setting};

/// Size of the letters.
const FONT_SIZE: f32 = 17.0;
const CHIP_FONT_SIZE: f32 = 12.5;
/// About eighty letters.
const MEASURE: f32 = 660.0;
/// Left of the text and right of it, at least.
const SIDE: f32 = 28.0;
/// Above the text and below it, at least.
const END: f32 = 26.0;
/// How far the ground of a word reaches beyond its letters.
const PADDING: f32 = 3.0;
const ROUNDING: u8 = 4;
/// Tokens that get a node of their own.
const MAX_NODES: usize = 2048;

/// What a text's page needs of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the user chose.
    pub session: &'a Session,
    /// What is on the screen.
    pub view: &'a View,
    /// Where the pointer is.
    pub pointing: Pointing,
    /// The text's scene.
    pub scene: &'a Scene,
    /// The text.
    pub text: &'a Arc<Text>,
}

/// How the open text is set, and where it lay in the last frame.
#[derive(Debug, Default)]
pub struct TextView {
    set: Option<Set>,
    placed: Option<Placed>,
    /// The pinned token that was brought into sight.
    followed: Option<usize>,
}

#[derive(Debug)]
struct Set {
    text: Arc<Text>,
    width: f32,
    pixels_per_point: f32,
    setting: Arc<Setting>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Placed {
    id: egui::Id,
    /// The part of the window that shows it.
    clip: Rect,
    /// Top left of the text, which may be out of sight.
    origin: Pos2,
}

impl TextView {
    /// The token under a point of the screen.
    pub fn position_at(&self, pos: Pos2) -> Option<usize> {
        let placed = self.placed.as_ref().filter(|p| p.clip.contains(pos))?;
        self.set.as_ref()?.setting.position_at(pos - placed.origin)
    }

    /// The tokens above and below a token.
    pub fn neighbours(&self, position: usize) -> [Option<usize>; 2] {
        self.set.as_ref().map_or([None; 2], |set| set.setting.neighbours(position))
    }

    /// Whether the keyboard is on the text.
    pub fn has_keyboard(&self, ctx: &egui::Context) -> bool {
        self.placed.is_some_and(|p| ctx.memory(|m| m.has_focus(p.id)))
    }

    /// Draws the text into what is left of the window.
    pub fn show(&mut self, ui: &mut Ui, page: Page<'_>, commands: &mut Vec<Command>) {
        let (canvas, ground) = (ui.available_rect_before_wrap(), theme::palette(ui.visuals()).canvas);
        ui.painter().rect_filled(canvas, 0.0, ground);
        let width = (canvas.width() - 2.0 * SIDE).clamp(120.0, MEASURE).floor();
        let setting = self.set(ui, page.text, width);
        let mut area = ScrollArea::vertical().id_salt("text").auto_shrink([false, false]);
        if self.placed.is_none() {
            // Another text was scrolled before.
            area = area.vertical_scroll_offset(0.0);
        }
        area.show(ui, |ui| {
            let top = ((canvas.height() - setting.height()) * 0.3).max(END).round();
            let height = (setting.height() + top + END).max(canvas.height());
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
            let left = ((rect.width() - width) / 2.0).max(SIDE).round();
            let origin = (rect.min + vec2(left, top)).round();
            let placed = Placed { id: response.id, clip: ui.clip_rect().intersect(rect), origin };
            if self.placed.replace(placed) != Some(placed) {
                // The pointer was read with the text elsewhere.
                ui.ctx().request_repaint();
            }
            let sheet = Sheet { page, setting: &setting, origin, ground, fade: page.view.fade(ui.input(|i| i.time)) };
            self.follow(ui, &sheet);
            sheet.paint(ui);
            let clicked = response.clicked().then(|| response.interact_pointer_pos()).flatten();
            if let Some(position) = clicked.and_then(|pos| setting.position_at(pos - origin)) {
                commands.push(sheet.click(position));
            }
            sheet.describe(ui, &response, commands);
            if page.pointing.patch.is_some() && response.hovered() {
                ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
            }
        });
        if let Some(obstacle) = &page.view.obstacle {
            paint_note(ui, &ui.painter_at(canvas), canvas, obstacle);
        }
    }

    /// Sets the text, unless it is set for this width already.
    fn set(&mut self, ui: &Ui, text: &Arc<Text>, width: f32) -> Arc<Setting> {
        let pixels_per_point = ui.ctx().pixels_per_point();
        let same = |set: &&Set| Arc::ptr_eq(&set.text, text) && (set.width, set.pixels_per_point) == (width, pixels_per_point);
        if let Some(set) = self.set.as_ref().filter(same) {
            return set.setting.clone();
        }
        let setting = Arc::new(Setting::new(text, width, &Fonts(ui)));
        self.set = Some(Set { text: text.clone(), width, pixels_per_point, setting: setting.clone() });
        setting
    }

    /// Brings a token that was just pinned into sight.
    fn follow(&mut self, ui: &Ui, sheet: &Sheet<'_>) {
        let pinned = sheet.pinned();
        if pinned == self.followed {
            return;
        }
        self.followed = pinned;
        let place = pinned.and_then(|position| sheet.setting.place(position));
        let rect = place.map(|p| p.rect.translate(sheet.origin.to_vec2()).expand2(vec2(0.0, LINE_HEIGHT)));
        if let Some(rect) =
            rect.filter(|r| !ui.clip_rect().y_range().contains(r.top()) || !ui.clip_rect().y_range().contains(r.bottom()))
        {
            ui.scroll_to_rect(rect, None);
        }
    }
}

/// The window's fonts.
struct Fonts<'a>(&'a Ui);

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
struct Sheet<'a> {
    page: Page<'a>,
    setting: &'a Setting,
    origin: Pos2,
    ground: Color32,
    fade: f32,
}

impl Sheet<'_> {
    fn pinned(&self) -> Option<usize> {
        self.page.session.pinned.as_ref().and_then(|t| self.page.scene.layout.resolve(t).ok())
    }

    fn click(&self, position: usize) -> Command {
        Command::Pin(token_at(&self.page.scene.layout, position))
    }

    fn rect(&self, place: &Place) -> Rect {
        let [left, right] = place.joins.map(|joined| if joined || place.chip { 0.0 } else { PADDING });
        let rect = place.rect.translate(self.origin.to_vec2());
        Rect::from_min_max(rect.min - vec2(left, 0.0), rect.max + vec2(right, 0.0))
    }

    /// The lines in sight.
    fn paint(&self, ui: &Ui) {
        let painter = ui.painter();
        let seen = ui.clip_rect().translate(-self.origin.to_vec2());
        let first = (seen.top() / LINE_HEIGHT).floor().max(0.0) as usize;
        let count = (seen.height() / LINE_HEIGHT).ceil().max(0.0) as usize + 1;
        let lines = || self.setting.lines.iter().skip(first).take(count);
        for place in lines().flat_map(|line| &line.places) {
            self.paint_ground(ui, painter, place);
        }
        self.paint_outlines(painter);
        for place in lines().flat_map(|line| &line.places) {
            self.paint_letters(ui, painter, place);
        }
        let quiet = theme::palette(ui.visuals()).quiet;
        for (aside, at) in lines().flat_map(|line| &line.asides) {
            self.paint_aside(painter, aside, self.origin + at.to_vec2(), quiet);
        }
    }

    /// Below the letters: where pieces of a word touch, the outline of one reaches under the other's.
    fn paint_outlines(&self, painter: &Painter) {
        let session = self.page.session;
        let shown = self.page.view.map.as_ref().filter(|_| session.pinned.is_none() || self.page.pointing.peek);
        let (shown, pinned) = (shown.map(|m| m.position), self.pinned());
        let pointed = self.page.pointing.patch.filter(|&p| pinned != Some(p));
        self.outline(painter, shown.filter(|&p| pointed != Some(p)), theme::OUTLINE);
        self.outline(painter, pinned, theme::WORD_PIN_OUTLINE);
        self.outline(painter, pointed, theme::OUTLINE);
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
        let (rect, [left, right]) = (self.rect(place), place.joins);
        let mut clip = painter.clip_rect();
        if left {
            clip.min.x = clip.min.x.max(rect.left() - 1.0);
        }
        if right {
            clip.max.x = clip.max.x.min(rect.right());
        }
        let painter = painter.with_clip_rect(clip);
        for (width, colour) in lines {
            painter.rect_stroke(rect, corners(place), Stroke::new(width, colour), StrokeKind::Outside);
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
        let over = session.colormap(map.method.signed).colour(unit);
        let share = (session.look.opacity * self.fade).clamp(0.0, 1.0);
        let [r, g, b, _] = self.ground.to_array();
        let mix = |under: u8, over: u8| (f32::from(under) * (1.0 - share) + f32::from(over) * share).round() as u8;
        (!unit.is_nan()).then(|| Color32::from_rgb(mix(r, over[0]), mix(g, over[1]), mix(b, over[2])))
    }

    /// Names for those who do not see the text, and for tests: the text, and every token with its value and rank.
    fn describe(&self, ui: &Ui, response: &Response, commands: &mut Vec<Command>) {
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
        let (values, pinned) = (PatchValues::new(self.page.session, self.page.view), self.pinned());
        for place in self.setting.lines.iter().flat_map(|line| &line.places).take(MAX_NODES) {
            let id = response.id.with(place.position);
            let token = ui.interact(self.rect(place), id, Sense::hover());
            let label = format!("{}, position {}", place.text, place.position);
            let is_pinned = pinned == Some(place.position);
            token.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_pinned, &label));
            ui.ctx().accesskit_node_builder(id, |node| {
                node.set_value(values.describe(place.position));
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
