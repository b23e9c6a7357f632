//! What is open: the input and the model, by name, with what is known of them.

use std::path::Path;

use eframe::egui::{self, RichText, Ui};

use super::badge::badge_ui;
use super::shown::Shown;
use crate::app::command::{Command, Effect, FileDialog};
use crate::app::state::Lane;
use crate::app::widgets::theme;
use crate::domain::Notice;
use crate::domain::request::Input;
use crate::domain::text::{Piece, Text};
use crate::engine::Scene;
use crate::store::count_in_words;

/// The input, the model, and how to open others.
pub fn open_ui(ui: &mut Ui, lane: &Lane, shown: &Shown<'_>, commands: &mut Vec<Command>) {
    let scene = shown.view.scene.as_deref();
    let input = lane.question.input.as_ref().map(|i| (i.name(), i.path()));
    open_head_ui(ui, "Input", |ui| {
        if ui.button("Open...").on_hover_text("Open an image or a text (Ctrl+O)").clicked() {
            commands.push(Command::Do(Effect::Ask(FileDialog::Input)));
        }
        if ui.button("Type...").on_hover_text("Type or change a text (T)").clicked() {
            commands.push(Command::Do(Effect::TypeText));
        }
    });
    if let Some(Input::Sample(_)) = lane.question.input {
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                samples_ui(ui, commands);
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| name_ui(ui, input, "nothing open"));
            });
        });
    } else {
        name_ui(ui, input, "nothing open");
    }
    if let Some(scene) = scene {
        quiet_ui(ui, &input_facts(scene));
        notices_ui(ui, &scene.notices.input);
    }
    let model = lane.question.model_in_use();
    let model = model.as_ref().map(|m| (m.name(), m.path()));
    open_head_ui(ui, "Model", |ui| {
        if ui.button("Open model...").on_hover_text("Open a model folder (Ctrl+Shift+O)").clicked() {
            commands.push(Command::Do(Effect::Ask(FileDialog::Model)));
        }
        if ui.button("Hub...").on_hover_text("Models of Hugging Face's hub: what is here, and downloads (Ctrl+M)").clicked() {
            commands.push(Command::Do(Effect::ToggleHub));
        }
    });
    match lane.question.models(shown.reads_texts).filter(|models| models.iter().any(|model| !model.is_built_in())) {
        // Nothing is open that would need one of them.
        Some([pictures, texts]) if lane.question.input.is_none() => {
            quiet_ui(ui, &format!("{} for pictures", pictures.name()));
            quiet_ui(ui, &format!("{} for texts", texts.name()));
        }
        models => {
            name_ui(ui, model, "the built-in ones");
            if let Some(other) = &lane.question.other_model {
                let kind = if lane.question.input.as_ref().is_some_and(Input::is_text) { "pictures" } else { "texts" };
                let kind = models.map_or("the other kind of input", |_| kind);
                quiet_ui(ui, &format!("{} for {kind}", other.name()));
            }
        }
    }
    if let Some((id, share)) = shown.downloading {
        quiet_ui(ui, &format!("downloading {id}: {:.0} %", 100.0 * share));
    }
    if let Some(scene) = scene {
        quiet_ui(ui, &model_facts(scene));
        badge_ui(ui, shown.badge, commands);
        notices_ui(ui, &scene.notices.model);
    }
}

/// What was cut, clipped or left out on the way to this answer, one line each.
fn notices_ui(ui: &mut Ui, notices: &[Notice]) {
    for notice in notices {
        let text = RichText::new(format!("Note: {}", notice.without_folder())).small().color(theme::palette(ui.visuals()).quiet);
        ui.label(text).on_hover_text(notice.to_string());
    }
}

/// What a group of lines is about, and its buttons from the right.
fn open_head_ui(ui: &mut Ui, name: &str, buttons: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.label(name);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), buttons);
    });
}

/// Steps through the samples, from the right.
fn samples_ui(ui: &mut Ui, commands: &mut Vec<Command>) {
    ui.spacing_mut().item_spacing.x = 3.0;
    for (text, name, step) in [(">", "Next sample", 1), ("<", "Previous sample", -1)] {
        let button = ui.small_button(text);
        button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
        if button.on_hover_text(format!("{name} (PgUp, PgDn)")).clicked() {
            commands.push(Command::StepSample(step));
        }
    }
}

fn name_ui(ui: &mut Ui, open: Option<(String, Option<&Path>)>, none: &str) {
    match open {
        Some((name, path)) => {
            let label = ui.add(egui::Label::new(RichText::new(name).strong()).truncate());
            if let Some(path) = path {
                label.on_hover_text(path.display().to_string());
            }
        }
        None => quiet_ui(ui, none),
    }
}

fn quiet_ui(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().color(theme::palette(ui.visuals()).quiet));
}

fn input_facts(scene: &Scene) -> String {
    if let Some(text) = &scene.layout.text {
        return text_facts(text);
    }
    let Some(photo) = &scene.photo else { return format!("{} tokens", scene.layout.len()) };
    let ((width, height), input) = (photo.picture.file_size, photo.input_size);
    format!("{width} x {height} pixels, the model sees {} x {}", input.1, input.0)
}

fn text_facts(text: &Text) -> String {
    let special = text.pieces.iter().filter(|p| p.special).count();
    // SigLIP's tokens that fill a text up stand beside each other, and take part in it.
    let is_filling =
        |pair: &[Piece]| pair.iter().all(|p| p.special) && pair.first().map(|p| &p.piece) == pair.last().map(|p| &p.piece);
    let filled = if text.pieces.windows(2).any(is_filling) { ", filled up as the model was trained" } else { "" };
    format!("{} tokens, {special} of them special{filled}", text.pieces.len())
}

fn model_facts(scene: &Scene) -> String {
    let model = &scene.model;
    let patch = if scene.layout.text.is_some() { String::new() } else { format!(" patch {},", model.patch_size) };
    let parameters = count_in_words(model.num_parameters);
    let (layers, heads, width) = (model.num_layers, model.num_heads, model.width);
    format!("{}, {layers} layers, {heads} heads, width {width},{patch} {parameters} parameters", model.kind())
}
