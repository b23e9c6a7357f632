//! What the window says while nothing is open, or while the first picture is on its way.

use eframe::egui::{Button, RichText, Ui, vec2};

use super::command::{Ask, Command, Effect};
use super::session::Session;
use super::theme;
use crate::domain::request::Input;

/// Draws it into the canvas.
pub fn welcome_ui(ui: &mut Ui, session: &Session, waiting: bool, commands: &mut Vec<Command>) {
    let palette = theme::palette(ui.visuals());
    ui.painter().rect_filled(ui.max_rect(), 0.0, palette.canvas);
    let height = if waiting { 90.0 } else { 250.0 };
    ui.vertical_centered(|ui| {
        ui.add_space(((ui.available_height() - height) / 2.0).max(0.0));
        if waiting {
            waiting_ui(ui, session);
            return;
        }
        ui.label(RichText::new("See what a token has come to mean").heading());
        ui.add_space(4.0);
        ui.label(RichText::new("An image and a vision transformer are needed.").color(palette.quiet));
        ui.add_space(18.0);
        let image = step("Open an image (Ctrl+O)", session.input.is_some());
        let model = step("Open a model folder (Ctrl+Shift+O)", session.model.is_some());
        for (text, ask) in [(image, Ask::Input), (model, Ask::Model)] {
            if ui.add(Button::new(text).min_size(vec2(300.0, 38.0))).clicked() {
                commands.push(Command::Do(Effect::Ask(ask)));
            }
        }
        ui.add_space(10.0);
        ui.label(RichText::new("or drop them here, or paste a picture (Ctrl+V)").color(palette.quiet));
        ui.add_space(14.0);
        let hint = "A model folder holds config.json and model.safetensors, as Hugging Face writes them.";
        ui.label(RichText::new(hint).small().color(palette.quiet));
    });
}

fn step(text: &str, done: bool) -> String {
    if done { format!("{text} - done") } else { text.to_owned() }
}

fn waiting_ui(ui: &mut Ui, session: &Session) {
    let input = session.input.as_ref().map_or_else(String::new, Input::name);
    ui.label(RichText::new(format!("Opening {input}")).heading());
    ui.add_space(6.0);
    let quiet = theme::palette(ui.visuals()).quiet;
    let model = session.model_in_use().map_or_else(String::new, |m| m.name());
    ui.label(RichText::new(format!("with the model {model}")).color(quiet));
}
