//! One frame of a text: the grounds of its words, their letters, outlines, and a node for every token in the accessibility tree.

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::ink::{ROUNDING, clip, corners, ink_on, inked, paint_code, paint_generated};
use super::line::{CHIP_PADDING, LINE_HEIGHT, Line, Place, Run, Setting};
use super::page::Page;
use super::shaper::{CHIP_FONT_SIZE, FONT_SIZE, PADDING, baseline, galley, letters};
use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::resolve::view::MapView;
use crate::app::widgets::fonts;
use crate::app::widgets::theme;
use crate::app::widgets::values::PatchValues;
use crate::app::widgets::words;
use crate::domain::request::Input;
use crate::domain::span::Span;
use crate::letters::fonts::{Choice, Fonts};
use crate::method::Reach;

/// Tokens that get a node of their own.
const MAX_NODES: usize = 2048;

/// A frame of the text.
pub struct Sheet<'a> {
    /// What it shows.
    pub page: Page<'a>,
    /// Where each token stands.
    pub setting: &'a Setting,
    /// Top left of the text on the screen.
    pub origin: Pos2,
    /// Right end of the lines on the screen.
    pub line_end: f32,
    /// Below the words.
    pub ground: Color32,
    /// 1, or less where the map is not the newest.
    pub fade: f32,
}

impl Sheet<'_> {
    /// The pinned token.
    pub fn pinned(&self) -> Option<usize> {
        self.page.lane.pinned().and_then(|t| self.page.scene.layout.resolve(t).ok())
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
        if let Some(span) = self.page.lane.span() {
            lines().for_each(|line| self.outline_span(painter, line, span));
        }
        self.paint_outlines(painter);
        for place in lines().flat_map(|line| &line.places) {
            if place.chip {
                self.paint_name(ui, painter, place);
            }
            self.paint_beyond(painter, place);
            if self.page.text.is_generated(place.position) {
                paint_generated(painter, self.rect(place), ui.visuals());
            }
        }
        let (reference, fonts) = (galley(painter, "x", FONT_SIZE), fonts::of(ui.ctx()));
        for (n, line) in lines().enumerate() {
            let middle = self.origin.y + ((first + n) as f32 + 0.5) * LINE_HEIGHT;
            let baseline = (middle - reference.size().y / 2.0).round() + baseline(&reference);
            line.runs.iter().for_each(|run| self.paint_run(ui, &fonts, run, baseline));
            if let Some(at) = line.stop {
                self.paint_stop(painter, self.origin + at.to_vec2(), theme::palette(ui.visuals()).quiet);
            }
        }
    }

    /// Below the letters: where pieces of a word touch, the outline of one reaches under the other's.
    fn paint_outlines(&self, painter: &Painter) {
        let lane = self.page.lane;
        let keeps = lane.pinned().is_some() || lane.span().is_some();
        let is_of_token = |m: &&MapView| m.span.is_none() && m.method.reach != Reach::Whole;
        let shown = self.page.view.map.as_ref().filter(is_of_token).filter(|_| !keeps || self.page.pointing.peek);
        let (shown, pinned) = (shown.map(|m| m.position), self.pinned());
        let pointed = self.page.pointing.patch.filter(|&p| pinned != Some(p));
        self.outline(painter, shown.filter(|&p| pointed != Some(p)), theme::OUTLINE);
        self.outline(painter, pinned, theme::WORD_PIN_OUTLINE);
        self.outline(painter, pointed, theme::OUTLINE);
    }

    /// A frame around what the line holds of a span, and two where text of the other direction stands between; open where it begins
    /// or ends within a word.
    fn outline_span(&self, painter: &Painter, line: &Line, span: Span) {
        let is_inside = |place: &Place| span.contains(place.position);
        for part in line.places.chunk_by(|a, b| is_inside(a) == is_inside(b)).filter(|part| is_inside(&part[0])) {
            let (first, last) = (&part[0], &part[part.len() - 1]);
            let rect = part.iter().map(|place| self.rect(place)).fold(self.rect(first), Rect::union);
            let cut = |joined: bool| if joined { 0 } else { ROUNDING };
            let (left, right) = (first.joins[0], last.joins[1]);
            let corners = CornerRadius { nw: cut(left), sw: cut(left), ne: cut(right), se: cut(right) };
            self.paint_frame(painter, (rect, corners), [left, right], theme::WORD_PIN_OUTLINE);
        }
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

    /// A wedge in the corner of a token whose value lies beyond the limits of the colours: its colour is that of the limit.
    fn paint_beyond(&self, painter: &Painter, place: &Place) {
        const SIDE: f32 = 6.0;
        let Some(ground) = self.colour(place.position) else { return };
        let Some(map) = self.page.view.map.as_ref().filter(|map| map.paint().is_none()) else { return };
        let Some(value) = map.value_at(place.position) else { return };
        let rect = self.rect(place);
        let (corner, down) = match value {
            value if value > map.range.high => (rect.right_top(), SIDE),
            value if value < map.range.low => (rect.right_bottom(), -SIDE),
            _ => return,
        };
        let points = vec![corner, corner + vec2(-SIDE, 0.0), corner + vec2(0.0, down)];
        painter.add(egui::Shape::convex_polygon(points, ink_on(ground), Stroke::NONE));
    }

    /// The name on a chip.
    fn paint_name(&self, ui: &Ui, painter: &Painter, place: &Place) {
        let plain = theme::palette(ui.visuals()).quiet;
        let galley = galley(painter, &place.text, CHIP_FONT_SIZE);
        let chip = place.rect.translate(self.origin.to_vec2());
        let at = pos2(chip.left() + CHIP_PADDING, chip.center().y - galley.size().y / 2.0).round();
        let ink = self.colour(place.position).map_or(plain, ink_on);
        match clip(painter, chip, galley.size().x) {
            Some(painter) => painter.galley_with_override_text_color(at, galley, ink),
            None => painter.galley_with_override_text_color(at, galley, ink),
        };
    }

    /// Letters on their baseline, each in the ink that can be read on the ground of its token.
    fn paint_run(&self, ui: &Ui, fonts: &Fonts, run: &Run, baseline_y: f32) {
        let painter = ui.painter();
        let unread = theme::palette(ui.visuals()).quiet.gamma_multiply(0.7);
        let ink = |owner: Option<usize>| match owner {
            None => unread,
            Some(position) => self.colour(position).map_or(ui.visuals().text_color(), ink_on),
        };
        let left = (self.origin.x + run.left).round();
        let first = run.owners.first().copied().flatten();
        if run.choice == Choice::None {
            return paint_code(painter, &run.text, pos2(left, baseline_y), ink(first));
        }
        let galley = letters(painter, &run.text, fonts::family(fonts, &run.choice));
        let at = pos2(left, baseline_y - baseline(&galley));
        let line = Rect::from_min_size(at, vec2(self.line_end - left, galley.size().y));
        let clipped = clip(painter, line, run.width);
        let painter = clipped.as_ref().unwrap_or(painter);
        if run.owners.iter().all(|&owner| owner == run.owners[0]) {
            painter.galley_with_override_text_color(at, galley, ink(first));
            return;
        }
        let mut inks: Vec<Color32> = Vec::with_capacity(run.owners.len());
        for (n, &owner) in run.owners.iter().enumerate() {
            let same = n > 0 && run.owners[n - 1] == owner;
            inks.push(if same { inks[n - 1] } else { ink(owner) });
        }
        if inks.iter().all(|ink| *ink == inks[0]) {
            painter.galley_with_override_text_color(at, galley, inks[0]);
        } else {
            painter.galley(at, inked(&galley, &inks), inks[0]);
        }
    }

    /// Where the model stopped reading.
    fn paint_stop(&self, painter: &Painter, at: Pos2, quiet: Color32) {
        let note = format!("the model reads {} tokens; the rest is not seen", self.page.text.pieces.len());
        let font = FontId::proportional(CHIP_FONT_SIZE);
        let note = painter.text(at, Align2::LEFT_CENTER, note, font, quiet);
        let line = note.right() + 10.0..=note.right() + 150.0;
        painter.hline(line, at.y.round(), Stroke::new(1.0, quiet.gamma_multiply(0.6)));
    }

    /// Open where another piece of the word touches, so that its letters do not drown: a hair stands there.
    fn outline(&self, painter: &Painter, position: Option<usize>, lines: [(f32, Color32); 2]) {
        for place in position.into_iter().flat_map(|p| self.setting.parts(p)) {
            self.paint_frame(painter, (self.rect(place), corners(place)), place.joins, lines);
        }
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
        let lane = self.page.lane;
        let map = self.page.view.map.as_ref().filter(|_| lane.look.overlay)?;
        let unit = map.range.unit(map.value_at(position)?);
        let painted = map.paint().and_then(|paint| paint.colours.get(position)).copied();
        if painted.is_some_and(|colour| colour.iter().any(|channel| channel.is_nan())) {
            return None;
        }
        let painted = painted.map(|colour| colour.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8));
        let over = painted.unwrap_or_else(|| lane.look.colormap_for(map.method.signed).colour(unit));
        let share = (lane.look.opacity * self.fade).clamp(0.0, 1.0);
        let [r, g, b, _] = self.ground.to_array();
        let mix = |under: u8, over: u8| (f32::from(under) * (1.0 - share) + f32::from(over) * share).round() as u8;
        (painted.is_some() || !unit.is_nan()).then(|| Color32::from_rgb(mix(r, over[0]), mix(g, over[1]), mix(b, over[2])))
    }

    /// Names for those who do not see the text, and for tests: the text, and every token with its value and rank.
    pub fn describe(&self, ui: &Ui, response: &Response, commands: &mut Vec<Command>) {
        let (scene, map) = (self.page.scene, &self.page.view.map);
        response.widget_info(|| {
            let name = self.page.lane.question.input.as_ref().map_or_else(String::new, Input::name);
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
        let (lane, pinned) = (self.page.lane, self.pinned());
        let values = PatchValues::new(lane, self.page.view);
        let is_first = |place: &&Place| self.setting.place(place.position).is_some_and(|first| std::ptr::eq(first, *place));
        for place in self.setting.lines.iter().flat_map(|line| &line.places).filter(is_first).take(MAX_NODES) {
            let id = response.id.with(place.position);
            let token = ui.interact(self.rect(place), id, Sense::hover());
            let label = format!("{}, position {}", place.text, place.position);
            let is_pinned = pinned == Some(place.position) || lane.span().is_some_and(|s| s.contains(place.position));
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
