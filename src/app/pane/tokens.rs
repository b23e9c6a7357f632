//! Tokens that have no place in the picture as chips, and what is pinned.

use eframe::egui::{Button, RichText, Ui};

use crate::app::ask::tokens::token_at;
use crate::app::command::Command;
use crate::app::resolve::view::{MapView, View};
use crate::app::state::Lane;
use crate::app::widgets::{theme, words};
use crate::engine::Scene;
use crate::method::Reach;

/// Tokens that have no place in the picture as chips, and the pinned patch or word.
pub fn tokens_ui(ui: &mut Ui, lane: &Lane, view: &View, scene: &Scene, commands: &mut Vec<Command>) {
    let pinned = lane.pinned().and_then(|t| scene.layout.resolve(t).ok());
    let is_of_token = |map: &&MapView| map.method.reach != Reach::Whole;
    let shown = view.map.as_ref().filter(is_of_token).map(|m| m.position);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Tokens").small().color(theme::palette(ui.visuals()).quiet));
        for (position, kind) in scene.layout.prefix.iter().enumerate() {
            let mut text = RichText::new(words::token_kind(kind));
            if shown == Some(position) && pinned != Some(position) {
                text = text.underline();
            }
            let chip = ui.add(Button::selectable(pinned == Some(position), text).frame_when_inactive(true));
            let tip = format!("Token {position}, which has no place in the picture. Click to see its map.");
            if chip.on_hover_text(tip).clicked() {
                commands.push(Command::Pin(token_at(&scene.layout, position)));
            }
        }
        if let Some(span) = lane.span() {
            let name = format!("selected: {}", words::span(span));
            if ui.add(Button::selectable(true, name)).on_hover_text("Click to let it go (Esc)").clicked() {
                commands.push(Command::Unpin);
            }
        } else if let Some(position) = pinned.filter(|&p| scene.layout.patch_of(p).is_some()) {
            let name = format!("pinned: {}", words::token(&scene.layout, position));
            if ui.add(Button::selectable(true, name)).on_hover_text("Click to let it go (Esc)").clicked() {
                commands.push(Command::Unpin);
            }
        } else if pinned.is_none() {
            let hint = shown.map_or_else(String::new, |p| format!("shown: {}", words::token(&scene.layout, p)));
            ui.label(RichText::new(hint).small().color(theme::palette(ui.visuals()).quiet));
        }
    });
}
