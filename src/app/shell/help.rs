//! The key list.

use eframe::egui::{self, Align2, Grid, RichText, ScrollArea, Window};

use crate::app::command::table::{COMMANDS, GESTURES};
use crate::app::command::{Command, Effect};

/// Above and below the list: its title, and some of the window.
const BORDER: f32 = 90.0;
/// From line to line, in points: closer than controls, for there is nothing to click.
const LINE_HEIGHT: f32 = 18.0;
/// A narrower window holds one column of keys.
const TWO_COLUMNS: f32 = 1000.0;

/// Draws the list over everything else.
pub fn help_ui(ctx: &egui::Context, commands: &mut Vec<Command>) {
    let mut open = true;
    Window::new("Keys").open(&mut open).collapsible(false).resizable(false).anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(
        ctx,
        |ui| {
            let mut lines: Vec<(&str, &str)> = Vec::new();
            let named = COMMANDS.iter().filter(|info| !info.shown.is_empty()).map(|info| (info.shown, info.line));
            for line in named.chain(GESTURES.iter().copied()) {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
            // Two columns where the window has room for them.
            let columns = if ctx.content_rect().width() < TWO_COLUMNS { 1 } else { 2 };
            let half = lines.len().div_ceil(columns);
            let most = ctx.content_rect().height() - BORDER;
            ui.spacing_mut().interact_size.y = LINE_HEIGHT;
            let scrolled = ScrollArea::vertical().max_height(most).min_scrolled_height(most);
            let grid = Grid::new("keys").num_columns(4).spacing([18.0, 5.0]);
            scrolled.show(ui, |ui| {
                grid.show(ui, |ui| {
                    for row in 0..half {
                        for column in [row, row + half].into_iter().take(columns) {
                            if let Some((name, action)) = lines.get(column) {
                                ui.label(RichText::new(*name).monospace().strong());
                                ui.label(*action);
                            }
                        }
                        ui.end_row();
                    }
                })
            });
        },
    );
    if !open {
        commands.push(Command::Do(Effect::ToggleHelp));
    }
}
