//! The list of the hub's models as it is drawn: what is here, what can be downloaded, and how far a download is.

use eframe::egui::{
    self, Align, Button, Context, Id, Key, Label, Layout, Modal, ProgressBar, Response, RichText, Role, ScrollArea, TextEdit, Ui,
    WidgetInfo,
};

use super::hub::{Download, Picker};
use crate::app::command::{Command, Effect};
use crate::app::widgets::{focus, theme};
use crate::domain::Error;
use crate::domain::request::ModelRef;
use crate::domain::source::is_hub_id;
use crate::hub::known::{self, KNOWN};
use crate::hub::{CachedModel, megabytes};

/// A model that can be chosen.
struct Row<'a> {
    id: &'a str,
    about: &'a str,
    /// What is downloaded, where that is known.
    size: Option<String>,
    gated: bool,
    cached: Option<&'a CachedModel>,
}

impl Row<'_> {
    fn is_here(&self) -> bool {
        self.cached.is_some_and(|model| model.is_complete)
    }

    /// What choosing it does.
    fn command(&self) -> Command {
        if self.is_here() {
            Command::OpenModel(ModelRef::Hub(self.id.to_owned()))
        } else {
            Command::Do(Effect::Download(self.id.to_owned()))
        }
    }
}

impl Picker {
    /// What the search leaves: what is here first, then well-known models, then what is typed.
    fn rows(&self) -> Vec<Row<'_>> {
        let typed = self.typed();
        let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
        let row = |id, cached: Option<_>| {
            let known = known::find(id);
            let about = known.map_or("", |known| known.about);
            let size = known.map(|known| roughly(known.megabytes));
            Row { id, about, size, gated: known.is_some_and(|known| known.gated), cached }
        };
        let here = self.cached.iter().filter(|model| model.is_complete).map(|model| row(&model.id, Some(model)));
        let others = self.cached.iter().filter(|model| !model.is_complete).map(|model| row(&model.id, Some(model)));
        let is_cached = |id: &str| self.cached.iter().any(|model| model.id == id);
        let known = KNOWN.iter().filter(|known| !is_cached(known.id)).map(|known| row(known.id, None));
        let matches = |row: &Row<'_>| {
            let text = format!("{} {}", row.id, row.about).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let mut rows: Vec<Row<'_>> = here.chain(others).chain(known).filter(matches).collect();
        let is_listed = rows.iter().any(|row| row.id.eq_ignore_ascii_case(typed));
        if typed.contains('/') && is_hub_id(typed) && !is_listed {
            rows.push(Row { about: "as you typed it", ..row(typed, None) });
        }
        rows
    }

    /// Draws the list, if it is open.
    pub fn show(&mut self, ctx: &Context, commands: &mut Vec<Command>) {
        if !self.open {
            return;
        }
        let width = (ctx.content_rect().width() - 80.0).clamp(240.0, 700.0);
        let frame = egui::Frame::window(&ctx.global_style()).inner_margin(16.0);
        let modal = Modal::new(Id::unique("hub")).frame(frame).show(ctx, |ui| {
            ui.set_width(width);
            ui.label(RichText::new("Models from the hub").strong().size(17.0));
            ui.add_space(2.0);
            let entered = self.search_ui(ui);
            let height = (ctx.content_rect().height() * 0.45).clamp(120.0, 380.0);
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink([false, false]).show(ui, |ui| {
                self.rows_ui(ui, entered, commands);
                focus::follow_ui(ui);
            });
            ui.separator();
            self.download_ui(ui, commands);
            self.foot_ui(ui)
        });
        if modal.inner || modal.should_close() {
            self.open = false;
        }
        if commands.iter().any(|command| matches!(command, Command::OpenModel(_))) {
            self.open = false;
            // A refusal from before the download must not stand in its way.
            commands.push(Command::Do(Effect::Retry));
        }
    }

    /// The search; whether Enter was pressed in it.
    fn search_ui(&mut self, ui: &mut Ui) -> bool {
        let edit = TextEdit::singleline(&mut self.query).hint_text("Search, or type any id: org/name");
        let edit = ui.add(edit.desired_width(f32::INFINITY));
        edit.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &self.query, &self.query, "");
            info.label = Some("Search the hub's models".to_owned());
            info
        });
        if !self.begun {
            self.begun = true;
            edit.request_focus();
        }
        let entered = edit.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if entered {
            edit.request_focus();
        }
        entered
    }

    fn rows_ui(&self, ui: &mut Ui, entered: bool, commands: &mut Vec<Command>) {
        let rows = self.rows();
        let quiet = theme::palette(ui.visuals()).quiet;
        if rows.is_empty() {
            let text = "None of these is called so. Type the whole id of any model of the hub: org/name.";
            ui.label(RichText::new(text).color(quiet));
        }
        // Enter chooses only where there is no doubt which is meant.
        let meant = rows.iter().find(|row| row.id == self.typed() || rows.len() == 1).filter(|_| entered);
        commands.extend(meant.filter(|row| row.is_here() || self.can_download()).map(Row::command));
        for row in &rows {
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    // Beside the scroll bar.
                    ui.add_space(8.0);
                    if self.button_ui(ui, row).clicked() {
                        commands.push(row.command());
                    }
                    if row.is_here() && self.check_ui(ui, row).clicked() {
                        commands.push(Command::Do(Effect::Download(row.id.to_owned())));
                    }
                    let size = match row.cached.filter(|_| row.is_here()) {
                        Some(model) => format!("here, {}", megabytes(model.bytes)),
                        None if row.cached.is_some() => "partly here".to_owned(),
                        None => row.size.clone().unwrap_or_default(),
                    };
                    ui.label(RichText::new(size).small().color(quiet));
                    if row.gated && !row.is_here() {
                        ui.label(RichText::new("gated").small().color(quiet)).on_hover_text(
                            "Its owners ask for consent on its page first, and the hub wants to know who asks: set HF_TOKEN",
                        );
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.label(row.id);
                        ui.add(Label::new(RichText::new(row.about).small().color(quiet)).truncate());
                    });
                });
            });
        }
    }

    fn can_download(&self) -> bool {
        self.settings.offline.is_none() && self.download.is_none()
    }

    fn button_ui(&self, ui: &mut Ui, row: &Row<'_>) -> Response {
        let (text, enabled) = if row.is_here() { ("Open", true) } else { ("Download", self.can_download()) };
        let button = ui.add_enabled(enabled, Button::new(text).min_size(egui::vec2(88.0, 0.0)));
        button.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, format!("{text} {}", row.id)));
        match &self.settings.offline {
            Some(name) => button.on_disabled_hover_text(format!("{name} is set: nothing is downloaded")),
            None => button.on_disabled_hover_text("One download at a time"),
        }
    }

    /// Fetches again what is damaged of a model that is here.
    fn check_ui(&self, ui: &mut Ui, row: &Row<'_>) -> Response {
        let enabled = self.can_download();
        let button = ui.add_enabled(enabled, Button::new("Check").small());
        button.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, format!("Check {}", row.id)));
        let tip = "Compares every file with its checksum on the hub, fetches again what is damaged or new, and opens the model";
        match &self.settings.offline {
            Some(name) => button.on_disabled_hover_text(format!("{name} is set: the hub is not asked")),
            None => button.on_hover_text(tip).on_disabled_hover_text("One download at a time"),
        }
    }

    /// How far the download is, why none runs, or how the last one failed.
    fn download_ui(&self, ui: &mut Ui, commands: &mut Vec<Command>) {
        if let Some(name) = &self.settings.offline {
            ui.label(format!("{name} is set, so nothing is downloaded. Models that are here open as ever."));
        }
        if let Some(Download { id, transfer, .. }) = &self.download {
            let (done, total) = transfer.progress.get();
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if ui.button("Cancel").on_hover_text("What has come is kept for the next time").clicked() {
                        commands.push(Command::Do(Effect::StopDownload));
                    }
                    let file = if total == 0 { "asking the hub".to_owned() } else { transfer.file() };
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.add(Label::new(format!("{id}: {file}")).truncate());
                    });
                });
            });
            ui.add(
                ProgressBar::new(self.on_its_way().map_or(0.0, |(_, share)| share))
                    .desired_width(ui.available_width())
                    .desired_height(8.0),
            );
            if total > 0 {
                ui.label(RichText::new(format!("{:.1} of {:.1} MB", done as f64 / 1e6, total as f64 / 1e6)).small());
            }
        }
        let palette = theme::palette(ui.visuals());
        if self.failure == Some(Error::Cancelled) {
            ui.label(RichText::new("Stopped. Download goes on where it was.").small().color(palette.quiet));
        } else if let Some(err) = &self.failure {
            egui::Frame::new().fill(palette.banner).inner_margin(8.0).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.add(Label::new(RichText::new(err.to_string()).color(palette.on_banner)).wrap().selectable(true));
            });
        }
    }

    /// Where models are kept; whether the list is to be closed.
    fn foot_ui(&self, ui: &mut Ui) -> bool {
        let quiet = theme::palette(ui.visuals()).quiet;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let closed = ui.button("Close").on_hover_text("Esc; a download goes on").clicked();
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let kept = format!("Kept in {}", self.settings.cache.display());
                    ui.add(Label::new(RichText::new(kept).small().color(quiet)).truncate());
                });
                closed
            })
            .inner
        })
        .inner
    }
}

fn roughly(megabytes: u32) -> String {
    if megabytes < 1000 { format!("about {megabytes} MB") } else { format!("about {:.1} GB", f64::from(megabytes) / 1000.0) }
}
