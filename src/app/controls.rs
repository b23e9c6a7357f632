//! The panel of controls: what is open, which layer, which method with which parameters, and how it is drawn.

use std::path::Path;

use eframe::egui::{self, Button, ComboBox, RichText, ScrollArea, Slider, Ui};

use super::badge::{Badge, badge_ui};
use super::command::{Ask, Command, Effect};
use super::hub::Picker;
use super::session::{Mode, Session};
use super::view::View;
use super::{knobs, look, menu, phrase, scalar, theme, words};
use crate::domain::Notice;
use crate::domain::request::{Facet, Head, Input, Own};
use crate::domain::text::{Piece, Text};
use crate::engine::{Scene, Scoring};
use crate::method::{Info, Uses};
use crate::segment::Cutting;
use crate::store::count_in_words;

/// What the panel reads.
pub struct Shown<'a> {
    /// What is on the screen.
    pub view: &'a View,
    /// The list of the hub's models.
    pub picker: &'a Picker,
    /// Whether the open model's numbers can be trusted.
    pub badge: &'a Badge,
}

/// Draws the panel's contents.
pub fn controls_ui(ui: &mut Ui, session: &mut Session, shown: &Shown<'_>, commands: &mut Vec<Command>) {
    let view = shown.view;
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        open_ui(ui, session, shown, commands);
        let Some(scene) = view.scene.as_deref() else { return };
        heading_ui(ui, "What to ask");
        layer_ui(ui, session, scene);
        match session.mode {
            Mode::Heatmap => menu::method_ui(ui, session, scene),
            Mode::Segments => menu::segmenter_ui(ui, session, scene),
        }
        phrase::phrase_ui(ui, session, view, scene);
        if let Some(info) = session.asked() {
            parameters_ui(ui, session, info, scene);
            let declared = session.knobs();
            knobs::knobs_ui(ui, &mut session.params.knobs, &declared, commands);
        }
        match session.mode {
            Mode::Heatmap => {
                heading_ui(ui, "How to draw it");
                look::heatmap_ui(ui, session, view);
            }
            Mode::Segments => {
                let is_fixed = session.segmenter().is_some_and(|(_, cutting)| cutting == Cutting::Fixed);
                heading_ui(ui, if is_fixed { "How to draw it" } else { "Where to cut" });
                look::segments_ui(ui, session, view);
            }
        }
        predictions_ui(ui, scene);
    });
}

/// A group's name over a line.
pub fn heading_ui(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    let palette = theme::palette(ui.visuals());
    ui.label(RichText::new(text).small().strong().color(palette.quiet));
    let line = ui.cursor().top() - 4.0;
    ui.painter().hline(ui.max_rect().x_range(), line, egui::Stroke::new(1.0, palette.line));
}

/// A named row; the name is also that of the row's inputs for screen readers.
pub fn row_ui<R>(ui: &mut Ui, name: &str, tip: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let size = egui::vec2(theme::NAME_WIDTH, ui.spacing().interact_size.y);
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let label = ui.allocate_ui_with_layout(size, layout, |ui| {
            ui.set_min_size(size);
            let label = ui.label(name);
            if tip.is_empty() { label } else { label.on_hover_text(tip) }
        });
        ui.label_inputs_by(label.inner.id, contents)
    })
    .inner
}

fn open_ui(ui: &mut Ui, session: &Session, shown: &Shown<'_>, commands: &mut Vec<Command>) {
    let scene = shown.view.scene.as_deref();
    let input = session.input.as_ref().map(|i| (i.name(), i.path()));
    open_head_ui(ui, "Input", |ui| {
        if ui.button("Open...").on_hover_text("Open an image or a text (Ctrl+O)").clicked() {
            commands.push(Command::Do(Effect::Ask(Ask::Input)));
        }
        if ui.button("Type...").on_hover_text("Type or change a text (T)").clicked() {
            commands.push(Command::Do(Effect::TypeText));
        }
    });
    if let Some(Input::Sample(_)) = session.input {
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
    let model = session.model_in_use();
    let model = model.as_ref().map(|m| (m.name(), m.path()));
    open_head_ui(ui, "Model", |ui| {
        if ui.button("Open model...").on_hover_text("Open a model folder (Ctrl+Shift+O)").clicked() {
            commands.push(Command::Do(Effect::Ask(Ask::Model)));
        }
        if ui.button("Hub...").on_hover_text("Models of Hugging Face's hub: what is here, and downloads (Ctrl+M)").clicked() {
            commands.push(Command::Do(Effect::ToggleHub));
        }
    });
    name_ui(ui, model, "the built-in ones");
    if let Some(other) = &session.other_model {
        let kind = if session.input.as_ref().is_some_and(Input::is_text) { "pictures" } else { "texts" };
        quiet_ui(ui, &format!("{} for {kind}", other.name()));
    }
    if let Some((id, share)) = shown.picker.on_its_way() {
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

fn layer_ui(ui: &mut Ui, session: &mut Session, scene: &Scene) {
    let top = scene.model.num_layers;
    let mut layer = session.layer_of(top);
    let tip = words::layer(layer, top);
    row_ui(ui, &format!("Layer 0..{top}"), &tip, |ui| {
        if ui.add(Slider::new(&mut layer, 0..=top).integer()).on_hover_text(&tip).changed() {
            session.layer = i32::try_from(layer).unwrap_or(-1);
        }
    });
}

fn parameters_ui(ui: &mut Ui, session: &mut Session, info: &Info, scene: &Scene) {
    if info.uses(Uses::Head) {
        row_ui(ui, "Head", "One attention head, or all of them fused (, and . step through them)", |ui| {
            let choices = session.heads(scene.model.num_heads);
            let mut head = session.head();
            if head_ui(ui, &mut head, &choices) {
                session.params.head = head;
            }
        });
    }
    if info.uses(Uses::Facet) {
        row_ui(ui, "Compare", "Which vectors of the tokens are compared", |ui| {
            words_ui(ui, "facet", &mut session.params.facet, Facet::ALL);
        });
    }
    if info.uses(Uses::Scalar) {
        scalar::scalar_ui(ui, &mut session.params.scalar, scene.layout.text.is_some());
    }
    if info.uses(Uses::Own) {
        let tip = "A token's own entry is far larger than the others:\nmax = draw it as the largest of the others\nkeep = as computed\nzero = without it";
        row_ui(ui, "Own entry", tip, |ui| words_ui(ui, "own", &mut session.params.own, Own::ALL));
    }
}

/// Whether another was chosen.
fn head_ui(ui: &mut Ui, head: &mut Head, choices: &[Head]) -> bool {
    let name = |head: Head| match head {
        Head::One(number) => format!("head {number}"),
        fused => format!("{fused} of heads"),
    };
    let before = *head;
    ComboBox::from_id_salt("head").selected_text(name(before)).show_ui(ui, |ui| {
        for &choice in choices {
            ui.selectable_value(head, choice, name(choice));
        }
    });
    *head != before
}

/// One button a choice where they are few and short, as all of these are.
pub(super) fn words_ui<T: Clone + PartialEq + std::fmt::Display>(ui: &mut Ui, salt: &str, value: &mut T, choices: &[T]) {
    if choices.len() <= 3 {
        segmented_ui(ui, value, &choices.iter().map(|c| (c.clone(), c.to_string())).collect::<Vec<_>>());
        return;
    }
    ComboBox::from_id_salt(salt).selected_text(value.to_string()).show_ui(ui, |ui| {
        for choice in choices {
            ui.selectable_value(value, choice.clone(), choice.to_string());
        }
    });
}

/// Buttons side by side of which one is chosen.
pub fn segmented_ui<T: Clone + PartialEq>(ui: &mut Ui, value: &mut T, choices: &[(T, String)]) -> bool {
    let mut changed = false;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (choice, name) in choices {
            let button = Button::selectable(*value == *choice, name.as_str()).frame_when_inactive(true);
            if ui.add(button).clicked() && *value != *choice {
                *value = choice.clone();
                changed = true;
            }
        }
    });
    changed
}

fn predictions_ui(ui: &mut Ui, scene: &Scene) {
    if scene.predictions.is_empty() {
        return;
    }
    let (heading, kind) = match scene.model.scoring {
        _ if scene.model.is_causal => ("Next token, after the end", "token"),
        Scoring::OneOf => ("Predicted classes", "class"),
        Scoring::Each => ("Predicted classes, each on its own", "class"),
        Scoring::Plain => ("Predicted values", "class"),
    };
    let is_probability = scene.model.is_causal || scene.model.scoring.is_probability();
    heading_ui(ui, heading);
    let palette = theme::palette(ui.visuals());
    for prediction in &scene.predictions {
        let level = if is_probability { format!("{:.1} %", 100.0 * prediction.level) } else { words::value(prediction.level) };
        let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 26.0), egui::Sense::hover());
        if is_probability {
            let bar = rect.with_max_x(rect.left() + rect.width() * prediction.level.clamp(0.0, 1.0));
            ui.painter().rect_filled(bar.with_min_y(rect.bottom() - 3.0), 1.0, palette.accent);
        }
        let font = egui::TextStyle::Body.resolve(ui.style());
        let colour = ui.visuals().text_color();
        let number = ui.painter().text(
            rect.right_center() - egui::vec2(0.0, 3.0),
            egui::Align2::RIGHT_CENTER,
            &level,
            font.clone(),
            colour,
        );
        let clip = rect.with_max_x(number.left() - 8.0);
        ui.painter_at(clip).text(
            rect.left_center() - egui::vec2(0.0, 3.0),
            egui::Align2::LEFT_CENTER,
            &prediction.name,
            font,
            colour,
        );
        let label = format!("{}: {level}", prediction.name);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &label));
        response.on_hover_text(format!("{} ({kind} {})", prediction.name, prediction.class));
    }
}
