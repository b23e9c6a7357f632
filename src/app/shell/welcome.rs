//! The first page: samples to look at, and how to open something of one's own. And what the window says while the first input is
//! on its way.

use eframe::egui::{Align, Button, Layout, RichText, ScrollArea, Ui, UiBuilder, Vec2, vec2};

use crate::app::command::{Command, Effect, FileDialog};
use crate::app::shell::gallery::{self, Gallery};
use crate::app::state::Lane;
use crate::app::widgets::theme;
use crate::domain::request::{Input, ModelRef};

/// The page is no wider than this.
const MAX_WIDTH: f32 = 1080.0;
const SIDE: f32 = 20.0;

/// Draws the first page into the canvas.
pub fn welcome_ui(ui: &mut Ui, (lane, reads_texts): (&Lane, Option<bool>), gallery: &mut Gallery, commands: &mut Vec<Command>) {
    let canvas = ui.max_rect();
    ui.painter().rect_filled(canvas, 0.0, theme::palette(ui.visuals()).canvas);
    ScrollArea::vertical().id_salt("samples").auto_shrink([false, false]).show(ui, |ui| {
        let width = gallery::page_width((canvas.width() - 2.0 * SIDE).clamp(220.0, MAX_WIDTH));
        // What the page measured in the frame before puts it into the middle; at first it stands a little below the top.
        let id = ui.scope_id().with("height");
        let height = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(canvas.height());
        let top = ((canvas.height() - height) * 0.42).max(14.0).round();
        let left = ((canvas.width() - width) / 2.0).round();
        let rect = canvas.translate(ui.min_rect().min - canvas.min);
        let page = rect.with_min_x(rect.left() + left).with_max_x(rect.left() + left + width).with_min_y(rect.top() + top);
        let mut page = ui.new_child(UiBuilder::new().max_rect(page).layout(Layout::top_down(Align::Min)));
        page_ui(&mut page, (lane, reads_texts), gallery, commands);
        let used = page.min_rect();
        if (used.height() - height).abs() > 0.5 {
            ui.data_mut(|d| d.insert_temp(id, used.height()));
            ui.ctx().request_repaint();
        }
        ui.allocate_space(Vec2::new(canvas.width() - 2.0, top + used.height() + 14.0));
    });
}

fn page_ui(ui: &mut Ui, (lane, reads_texts): (&Lane, Option<bool>), gallery: &mut Gallery, commands: &mut Vec<Command>) {
    let quiet = theme::palette(ui.visuals()).quiet;
    ui.label(RichText::new("See what a token has come to mean").heading());
    let what = "Choose a sample, point at a patch or a word, and see what a transformer relates it to.";
    ui.label(RichText::new(what).color(quiet));
    ui.add_space(8.0);
    gallery.show(ui, commands);
    ui.add_space(8.0);
    ui.horizontal_wrapped(|ui| {
        for (text, tip, effect) in [
            ("Open an image or a text...", "Ctrl+O", Effect::Ask(FileDialog::Input)),
            ("Type a text...", "T", Effect::TypeText),
            (
                "Open a model folder...",
                "config.json and its weights, as Hugging Face writes them (Ctrl+Shift+O)",
                Effect::Ask(FileDialog::Model),
            ),
        ] {
            if ui.add(Button::new(text).min_size(vec2(0.0, 34.0))).on_hover_text(tip).clicked() {
                commands.push(Command::Do(effect));
            }
        }
        ui.label(RichText::new("or drop or paste (Ctrl+V)").color(quiet));
    });
    ui.add_space(2.0);
    model_ui(ui, (lane, reads_texts), commands);
}

/// Which model will answer. One that was refused is named as what was chosen, no more.
fn model_ui(ui: &mut Ui, (lane, reads_texts): (&Lane, Option<bool>), commands: &mut Vec<Command>) {
    let quiet = theme::palette(ui.visuals()).quiet;
    let is_built_in = lane.question.model.is_none() && lane.question.other_model.is_none();
    // Of one that could not open the input it is not known what it reads.
    let known = lane.question.models(reads_texts).filter(|_| lane.question.input.is_none());
    let models = if is_built_in { Some([ModelRef::Image, ModelRef::Text]) } else { known };
    let name = |model: &ModelRef| if model.is_built_in() { format!("the {}", model.name()) } else { model.name() };
    let line = match (models, &lane.question.model) {
        (Some([pictures, texts]), _) => format!("Model: {} for pictures, {} for texts.", name(&pictures), name(&texts)),
        (None, Some(model)) => format!("Model: {}", model.name()),
        (None, None) => String::new(),
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(line).small().color(quiet));
        let tip = "Go back to the models that the program carries";
        if !is_built_in && ui.small_button("Use the built-in models").on_hover_text(tip).clicked() {
            commands.push(Command::BuiltInModel);
        }
    });
}

/// Draws into the canvas that something is being opened.
pub fn waiting_ui(ui: &mut Ui, lane: &Lane) {
    let palette = theme::palette(ui.visuals());
    ui.painter().rect_filled(ui.max_rect(), 0.0, palette.canvas);
    ui.vertical_centered(|ui| {
        ui.add_space(((ui.available_height() - 90.0) / 2.0).max(0.0));
        let input = lane.question.input.as_ref().map_or_else(String::new, Input::name);
        ui.label(RichText::new(format!("Opening {input}")).heading());
        ui.add_space(6.0);
        let model = lane.question.model_in_use().map_or_else(String::new, |m| m.name());
        ui.label(RichText::new(format!("with the {}", described(&model, lane.question.model.is_some()))).color(palette.quiet));
    });
}

fn described(model: &str, chosen: bool) -> String {
    if chosen { format!("model {model}") } else { model.to_owned() }
}
