//! A text with its map behind the words: pointer, keyboard and selection. What is set once is kept; a frame paints the lines in
//! sight ([`sheet`]), so that hovering recolours hundreds of tokens in time. Below it, where they are asked for, the same map at
//! every layer ([`layers`]) and how much a span depends on its sources ([`score`]).

mod fill;
mod ink;
mod items;
mod layer_words;
pub mod layers;
pub mod line;
pub mod page;
pub mod score;
pub mod setting;
pub mod shaper;
pub mod sheet;

use std::sync::Arc;

use eframe::egui::{self, CursorIcon, PointerButton, Pos2, Rect, Response, ScrollArea, Sense, Ui, vec2};

use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::widgets::fonts;
use crate::app::widgets::note::paint_note;
use crate::app::widgets::theme;
use crate::app::widgets::token_menu::token_menu_ui;
use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::letters::fonts::Fonts;
use layers::Layers;
use line::{LINE_HEIGHT, Setting};
pub use page::Page;
use shaper::Shaper;
use sheet::Sheet;

/// About eighty letters.
const MEASURE: f32 = 660.0;
/// Left of the text and right of it, at least.
const SIDE: f32 = 28.0;
/// Above the text and below it, at least.
const END: f32 = 26.0;

/// How the open text is set, and where it lay in the last frame.
#[derive(Debug, Default)]
pub struct TextView {
    set: Option<Set>,
    placed: Option<Placed>,
    /// The pinned token that was brought into sight.
    followed: Option<usize>,
    /// Where the selection began.
    anchor: Option<usize>,
    layers: Layers,
    /// Tokens of a growing text when its end was brought into sight.
    end: usize,
}

#[derive(Debug)]
struct Set {
    text: Arc<Text>,
    width: f32,
    pixels_per_point: f32,
    fonts: Arc<Fonts>,
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

    /// Layer and token under a point of the screen, where that is on the matrix.
    pub fn cell_at(&self, pos: Pos2) -> Option<(usize, usize)> {
        self.layers.cell_at(pos)
    }

    /// Where the selection began, as far as the pointer made it.
    pub fn anchor(&self) -> Option<usize> {
        self.anchor
    }

    /// The tokens above and below a token.
    pub fn neighbours(&self, position: usize) -> [Option<usize>; 2] {
        self.set.as_ref().map_or([None; 2], |set| set.setting.neighbours(position))
    }

    /// The tokens to the left and to the right of a token, once the text is set.
    pub fn sides(&self, position: usize) -> Option<[Option<usize>; 2]> {
        self.set.as_ref().map(|set| set.setting.sides(position))
    }

    /// Whether the keyboard is on the text.
    pub fn has_keyboard(&self, ctx: &egui::Context) -> bool {
        self.placed.is_some_and(|p| ctx.memory(|m| m.has_focus(p.id)))
    }

    /// Draws the text into what is left of the window, and below it what belongs to it.
    pub fn show(&mut self, ui: &mut Ui, page: Page<'_>, commands: &mut Vec<Command>) {
        self.layers.panel_ui(ui, page, commands);
        score::panel_ui(ui, page, commands);
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
            // A finger that moves over the text scrolls it.
            let sense = if ui.input(egui::InputState::any_touches) { Sense::click() } else { Sense::click_and_drag() };
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
            let left = ((rect.width() - width) / 2.0).max(SIDE).round();
            let origin = (rect.min + vec2(left, top)).round();
            let placed = Placed { id: response.id, clip: ui.clip_rect().intersect(rect), origin };
            if self.placed.replace(placed) != Some(placed) {
                // The pointer was read with the text elsewhere.
                ui.ctx().request_repaint();
            }
            let sheet = Sheet {
                page,
                setting: &setting,
                origin,
                line_end: origin.x + width,
                ground,
                fade: page.view.fade(ui.input(|i| i.time)),
            };
            self.follow(ui, &sheet);
            sheet.paint(ui);
            self.select(ui, &sheet, &response, commands);
            let pointed = || page.pointing.patch.map(|position| token_at(&page.scene.layout, position));
            token_menu_ui(&response, "word", pointed, commands);
            sheet.describe(ui, &response, commands);
            if page.pointing.patch.is_some() && response.hovered() {
                ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
            }
        });
        if let Some(obstacle) = &page.view.obstacle {
            paint_note(ui, &ui.painter_at(canvas), canvas, obstacle);
        }
    }

    /// Clicks pin a token; dragging, Shift and double clicks select.
    fn select(&mut self, ui: &Ui, sheet: &Sheet<'_>, response: &Response, commands: &mut Vec<Command>) {
        let (setting, lane) = (sheet.setting, sheet.page.lane);
        let Some(pos) = response.interact_pointer_pos().map(|pos| pos - sheet.origin) else { return };
        let at = setting.position_at(pos);
        if response.drag_started_by(PointerButton::Primary) {
            let pressed = ui.input(|i| i.pointer.press_origin()).map(|origin| origin - sheet.origin);
            self.anchor = pressed.and_then(|pos| setting.position_at(pos));
        }
        if response.dragged_by(PointerButton::Primary) {
            let span = self.anchor.zip(setting.nearest(pos)).map(|(anchor, end)| Span::between(anchor, end));
            commands.extend(span.filter(|span| lane.span() != Some(*span)).map(Command::Select));
            return;
        }
        let Some(position) = at.filter(|_| response.clicked()) else { return };
        if response.double_clicked() {
            let sentence = sheet.page.text.sentence(position);
            self.anchor = Some(sentence.start);
            commands.push(Command::Select(Span { from: sentence.start, to: sentence.end }));
        } else if let Some(anchor) = sheet.pinned().or(self.anchor).filter(|_| ui.input(|i| i.modifiers.shift)) {
            self.anchor = Some(anchor);
            commands.push(Command::Select(Span::between(anchor, position)));
        } else {
            self.anchor = Some(position);
            commands.push(sheet.click(position));
        }
    }

    /// Sets the text, unless it is set for this width already.
    fn set(&mut self, ui: &Ui, text: &Arc<Text>, width: f32) -> Arc<Setting> {
        let pixels_per_point = ui.ctx().pixels_per_point();
        let fonts = fonts::of(ui.ctx());
        let same = |set: &&Set| {
            let sizes = (set.width, set.pixels_per_point);
            Arc::ptr_eq(&set.text, text) && Arc::ptr_eq(&set.fonts, &fonts) && sizes == (width, pixels_per_point)
        };
        if let Some(set) = self.set.as_ref().filter(same) {
            return set.setting.clone();
        }
        let setting = Arc::new(Setting::new(text, width, &Shaper::new(ui)));
        self.set = Some(Set { text: text.clone(), width, pixels_per_point, fonts, setting: setting.clone() });
        setting
    }

    /// Brings a token that was just pinned, or just added, into sight.
    fn follow(&mut self, ui: &Ui, sheet: &Sheet<'_>) {
        let end = sheet.page.text.pieces.len();
        if sheet.page.view.is_growing && self.end != end {
            self.end = end;
            if let Some(place) = sheet.setting.place(end - 1) {
                ui.scroll_to_rect(place.rect.translate(sheet.origin.to_vec2()).expand2(vec2(0.0, LINE_HEIGHT)), None);
            }
        }
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
