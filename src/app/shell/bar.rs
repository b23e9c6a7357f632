//! The bars over the picture: heatmap or segments, undo, export, help; the tokens as chips; an error, if there is one; and a thin
//! line while the worker is busy.

use eframe::egui::{self, Button, Ui};

use crate::app::command::{Ask, Command, Effect};
use crate::app::resolve::view::View;
use crate::app::state::history::History;
use crate::app::state::{Lane, Mode};
use crate::app::widgets::theme;
use crate::domain::Progress;
use crate::engine::Scene;

/// Draws the bar's contents.
pub fn bar_ui(ui: &mut Ui, lane: &Lane, view: &View, history: &History, commands: &mut Vec<Command>) {
    // A narrow window has no room for what has a key.
    let narrow = ui.available_width() < 540.0;
    ui.horizontal(|ui| {
        if narrow {
            ui.spacing_mut().item_spacing.x = 3.0;
        }
        let samples = ui.add_enabled(lane.question.input.is_some(), Button::new("Samples"));
        if samples.on_hover_text("Back to the first page (Ctrl+H)").clicked() {
            commands.push(Command::ShowSamples);
        }
        if lane.question.input.is_some() {
            ui.separator();
            mode_ui(ui, lane, view.scene.as_deref(), commands);
            if !narrow && ui.button("Compare").on_hover_text("Another lane beside this one (Ctrl+D)").clicked() {
                commands.push(Command::Split);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            actions_ui(ui, view, history, commands);
        });
    });
}

/// Heatmap or segments; of a text there are no segments.
fn mode_ui(ui: &mut Ui, lane: &Lane, scene: Option<&Scene>, commands: &mut Vec<Command>) {
    let is_text = scene.is_some_and(|s| s.layout.text.is_some());
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (mode, name) in [(Mode::Heatmap, "Heatmap"), (Mode::Segments, "Segments")] {
            let button = Button::selectable(lane.question.mode == mode, name).frame_when_inactive(true);
            let response = ui.add_enabled(mode == Mode::Heatmap || !is_text, button);
            let response = response.on_disabled_hover_text("Segments are parts of a picture; a text has its words instead");
            if response.clicked() && lane.question.mode != mode {
                commands.push(Command::Show(mode));
            }
        }
    });
}

/// Right to left.
fn actions_ui(ui: &mut Ui, view: &View, history: &History, commands: &mut Vec<Command>) {
    let dark = ui.visuals().dark_mode;
    if ui.button("Help").on_hover_text("Keys (F1 or ?)").clicked() {
        commands.push(Command::Do(Effect::ToggleHelp));
    }
    ui.menu_button("More", |ui| more_ui(ui, dark, commands))
        .response
        .on_hover_text("Sessions, colours of the window, whole screen");
    let mut button = |ui: &mut Ui, enabled: bool, text: &str, tip: &str, command: Command| {
        if ui.add_enabled(enabled, Button::new(text)).on_hover_text(tip).clicked() {
            commands.push(command);
        }
    };
    let drawn = view.map.is_some() || view.cut.is_some();
    button(ui, drawn, "Export...", "Write the figure (Ctrl+E)", Command::Do(Effect::Ask(Ask::Figure)));
    if ui.available_width() < 130.0 {
        return;
    }
    let tip = |what: Option<&str>, key: &str| what.map_or_else(|| key.to_owned(), |what| format!("{what} ({key})"));
    let redo = tip(history.redoes(), "Ctrl+Shift+Z");
    button(ui, history.redoes().is_some(), "Redo", &redo, Command::Do(Effect::Redo));
    let undo = tip(history.undoes(), "Ctrl+Z");
    button(ui, history.undoes().is_some(), "Undo", &undo, Command::Do(Effect::Undo));
}

/// What is seldom needed.
fn more_ui(ui: &mut Ui, dark: bool, commands: &mut Vec<Command>) {
    for (name, key, effect) in [
        ("Open a session...", "", Effect::Ask(Ask::OpenSession)),
        ("Save the session...", "Ctrl+S", Effect::Ask(Ask::Session)),
        (if dark { "Light window" } else { "Dark window" }, "Ctrl+T", Effect::ToggleTheme),
        ("Whole screen", "F", Effect::ToggleFullScreen),
        ("Frame times", "F12", Effect::ToggleDebug),
    ] {
        if ui.add(Button::new(name).shortcut_text(key)).clicked() {
            commands.push(Command::Do(effect));
            ui.close();
        }
    }
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
