//! What can be done with a token beside keeping its map: the menu of a right click.

use eframe::egui::{self, Response};

use crate::app::command::Command;
use crate::app::command::select::along;
use crate::domain::token::TokenRef;

/// What can be done with a token beside keeping its map: the menu of a right click.
pub fn token_menu_ui(response: &Response, name: &str, token: impl FnOnce() -> Option<TokenRef>, commands: &mut Vec<Command>) {
    let kept = response.id.with("menu");
    if response.secondary_clicked() {
        let token = token();
        response.ctx.data_mut(|d| d.insert_temp(kept, token));
    }
    let Some(token) = response.ctx.data(|d| d.get_temp::<Option<TokenRef>>(kept)).flatten() else { return };
    response.context_menu(|ui| {
        if ui.button(format!("Keep the map of this {name}")).clicked() {
            commands.push(Command::Pin(token.clone()));
        }
        let along = ui.add_enabled(along(&token).is_some(), egui::Button::new(format!("Explain along this {name}")));
        if along.on_hover_text("ULTra follows every token's gradient towards the direction of this one").clicked() {
            commands.push(Command::Along(token.clone()));
        }
    });
}
