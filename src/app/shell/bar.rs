//! The bars over the picture: heatmap or segments, undo, export, help; the tokens as chips; an error, if there is one; and a thin
//! line while the worker is busy.

use eframe::egui::{self, Button, Ui};

use crate::app::command::Command;
use crate::app::command::table::{self, CommandId};
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
        let why = lane.question.input.is_none().then_some("This is the first page");
        command_ui(ui, CommandId::Samples, (why, None), commands);
        if lane.question.input.is_some() {
            ui.separator();
            mode_ui(ui, lane, view.scene.as_deref(), commands);
            if !narrow {
                command_ui(ui, CommandId::Split, (None, Some("another lane beside this one")), commands);
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
    command_ui(ui, CommandId::Help, (None, Some("keys")), commands);
    ui.menu_button("More", |ui| more_ui(ui, dark, commands))
        .response
        .on_hover_text("Sessions, colours of the window, whole screen");
    let is_drawn = view.map.is_some() || view.cut.is_some();
    command_ui(ui, CommandId::Export, ((!is_drawn).then_some("There is no figure yet"), None), commands);
    if ui.available_width() < 130.0 {
        return;
    }
    for (id, step, none) in
        [(CommandId::Redo, history.redoes(), "Nothing was undone"), (CommandId::Undo, history.undoes(), "Nothing was done yet")]
    {
        command_ui(ui, id, (step.is_none().then_some(none), step), commands);
    }
}

/// A button of the table's: its name, its keys in the tip, after what it would do now; or why it can do nothing.
fn command_ui(ui: &mut Ui, id: CommandId, (why_not, what): (Option<&str>, Option<&str>), commands: &mut Vec<Command>) {
    let Some(info) = table::info(id) else { return };
    let tip = what.map_or_else(|| info.tip(), |what| format!("{what} ({})", info.shown));
    let button = ui.add_enabled(why_not.is_none(), Button::new(info.title)).on_hover_text(tip);
    if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
        commands.push((info.command)());
    }
}

/// What is seldom needed.
fn more_ui(ui: &mut Ui, dark: bool, commands: &mut Vec<Command>) {
    for id in [CommandId::OpenSession, CommandId::SaveSession, CommandId::Theme, CommandId::FullScreen, CommandId::Debug] {
        let Some(info) = table::info(id) else { continue };
        let title = match id {
            CommandId::Theme if dark => "Light window",
            CommandId::Theme => "Dark window",
            _ => info.title,
        };
        if ui.add(Button::new(title).shortcut_text(info.shown)).clicked() {
            commands.push((info.command)());
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
