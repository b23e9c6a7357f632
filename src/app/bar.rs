//! The bars over the picture: heatmap or segments, undo, export, help; the tokens as chips; an error, if there is one; and a thin
//! line while the worker is busy.

use eframe::egui::{self, Button, RichText, Ui};

use super::command::{Ask, Command, Effect};
use super::history::History;
use super::session::{Mode, Session};
use super::view::{MapView, View};
use super::wanted::token_at;
use super::{refusal, theme, words};
use crate::domain::request::ModelRef;
use crate::domain::{Error, Progress};
use crate::engine::Scene;
use crate::method::Reach;

/// Draws the bar's contents.
pub fn bar_ui(ui: &mut Ui, session: &Session, view: &View, history: &History, commands: &mut Vec<Command>) {
    // A narrow window has no room for what has a key.
    let narrow = ui.available_width() < 540.0;
    ui.horizontal(|ui| {
        if narrow {
            ui.spacing_mut().item_spacing.x = 3.0;
        }
        let samples = ui.add_enabled(session.input.is_some(), Button::new("Samples"));
        if samples.on_hover_text("Back to the first page (Ctrl+H)").clicked() {
            commands.push(Command::ShowSamples);
        }
        if session.input.is_some() {
            ui.separator();
            mode_ui(ui, session, view.scene.as_deref(), commands);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            actions_ui(ui, view, (history, narrow), commands);
        });
    });
}

/// Heatmap or segments; of a text there are no segments.
fn mode_ui(ui: &mut Ui, session: &Session, scene: Option<&Scene>, commands: &mut Vec<Command>) {
    let is_text = scene.is_some_and(|s| s.layout.text.is_some());
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (mode, name) in [(Mode::Heatmap, "Heatmap"), (Mode::Segments, "Segments")] {
            let button = Button::selectable(session.mode == mode, name).frame_when_inactive(true);
            let response = ui.add_enabled(mode == Mode::Heatmap || !is_text, button);
            let response = response.on_disabled_hover_text("Segments are parts of a picture; a text has its words instead");
            if response.clicked() && session.mode != mode {
                commands.push(Command::Show(mode));
            }
        }
    });
}

/// Tokens that have no place in the picture as chips, and the pinned patch or word.
pub fn tokens_ui(ui: &mut Ui, session: &Session, view: &View, scene: &Scene, commands: &mut Vec<Command>) {
    let pinned = session.pinned.as_ref().and_then(|t| scene.layout.resolve(t).ok());
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
        if let Some(span) = session.span {
            let name = format!("selected: tokens {span}");
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

/// Right to left.
fn actions_ui(ui: &mut Ui, view: &View, (history, narrow): (&History, bool), commands: &mut Vec<Command>) {
    let dark = ui.visuals().dark_mode;
    let mut button = |ui: &mut Ui, enabled: bool, text: &str, tip: &str, command: Command| {
        if ui.add_enabled(enabled, Button::new(text)).on_hover_text(tip).clicked() {
            commands.push(command);
        }
    };
    button(ui, true, "Help", "Keys (F1 or ?)", Command::Do(Effect::ToggleHelp));
    let theme = if dark { "Light" } else { "Dark" };
    if !narrow {
        button(ui, true, theme, "Light or dark window (Ctrl+T)", Command::ToggleTheme { dark });
    }
    let drawn = view.map.is_some() || view.cut.is_some();
    button(ui, drawn, "Export...", "Write the figure (Ctrl+E)", Command::Do(Effect::Ask(Ask::Figure)));
    if ui.available_width() < 190.0 {
        return;
    }
    button(ui, history.can_redo(), "Redo", "Ctrl+Shift+Z", Command::Do(Effect::Redo));
    button(ui, history.can_undo(), "Undo", "Ctrl+Z", Command::Do(Effect::Undo));
}

/// The error, what to do about it, and how to be rid of it.
pub fn banner_ui(ui: &mut Ui, error: &Error, model: Option<&ModelRef>, commands: &mut Vec<Command>) {
    let palette = theme::palette(ui.visuals());
    egui::Frame::new().fill(palette.banner).inner_margin(egui::Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Dismiss").on_hover_text("Esc").clicked() {
                    commands.push(Command::Do(Effect::Dismiss));
                }
                if ui.button("Try again").clicked() {
                    commands.push(Command::Do(Effect::Retry));
                }
                // A model that cannot be opened would meet every input with the same words.
                if model.is_some_and(|model| !model.is_built_in()) && ui.button("Built-in models").clicked() {
                    commands.push(Command::BuiltInModel);
                    commands.push(Command::Do(Effect::Retry));
                }
                if matches!(model, Some(ModelRef::Hub(_))) && ui.button("Hub...").clicked() {
                    commands.push(Command::Do(Effect::ToggleHub));
                }
                ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.visuals_mut().override_text_color = Some(palette.on_banner);
                    let (headline, detail) = refusal::parts(error);
                    ui.add(egui::Label::new(RichText::new(headline).strong().color(palette.on_banner)).wrap());
                    if !detail.is_empty() {
                        ui.add(egui::Label::new(detail).wrap());
                    }
                });
            });
        });
    });
}

/// A thin line at the lower edge: how far the worker is.
pub fn progress_ui(ui: &Ui, running: Option<&Progress>) {
    let Some(progress) = running else { return };
    let (done, total) = progress.get();
    let part = if total == 0 { 0.0 } else { (done as f32 / total as f32).clamp(0.0, 1.0) };
    let palette = theme::palette(ui.visuals());
    let rect = ui.max_rect();
    let line = rect.with_min_y(rect.bottom() - 3.0).expand2(egui::vec2(12.0, 0.0)).translate(egui::vec2(0.0, 8.0));
    ui.painter().rect_filled(line, 0.0, palette.line);
    ui.painter().rect_filled(line.with_max_x(line.left() + line.width() * part.max(0.02)), 0.0, palette.accent);
}
