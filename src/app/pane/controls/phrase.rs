//! The phrase that a picture is compared with, where the open model has a place for both: a field, and how well it fits the whole
//! picture.

use eframe::egui::{self, Layout, RichText, Ui};

use crate::app::ask::obstacle::takes_phrase;
use crate::app::resolve::view::View;
use crate::app::state::Lane;
use crate::app::widgets::inputs::draft_ui;
use crate::app::widgets::rows::row_ui;
use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::request::Scalar;
use crate::engine::{Match, Scene};

/// The field: Enter, or a click elsewhere, takes what was typed; Escape leaves it.
pub fn phrase_ui(ui: &mut Ui, lane: &mut Lane, view: &View, scene: &Scene) {
    if !takes_phrase(scene) {
        return;
    }
    let tip = "ULTra follows a token towards these words; Agreement shows how well each patch agrees with them.\nWords after a | are compared with the whole picture only: a cat | a dog";
    row_ui(ui, "Phrase", tip, |ui| {
        let before = lane.question.params.scalar.clone();
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| field_ui(ui, &mut lane.question.params.scalar));
        let is_new = lane.question.params.scalar != before && lane.question.params.scalar.phrase().is_some();
        if is_new && lane.question.info().is_some_and(|info| !info.takes_phrase()) {
            // A phrase that changes nothing on the screen would be a riddle.
            lane.choose_method("agreement");
        }
    });
    let matches = view.map.as_ref().map_or(&[][..], |map| &map.source.0.matches);
    if matches.is_empty() || lane.question.params.scalar.phrase().is_none() {
        return;
    }
    let quiet = |text: String| RichText::new(text).small().color(theme::palette(ui.visuals()).quiet);
    let lines: Vec<RichText> = matches.iter().map(match_words).map(quiet).collect();
    ui.label(quiet("The whole picture and these words:".to_owned()));
    for line in lines {
        ui.add(egui::Label::new(line).truncate());
    }
}

fn match_words(found: &Match) -> String {
    let probability = found.probability.map_or_else(String::new, |p| format!(", {:.1} %", 100.0 * p));
    let logit = found.logit.map_or_else(String::new, |logit| format!(", logit {}", words::value(logit)));
    format!("cosine {}{logit}{probability}: {}", words::value(found.cosine), found.phrase)
}

fn field_ui(ui: &mut Ui, scalar: &mut Scalar) {
    let set = if let Scalar::Text(text) = &*scalar { text.clone() } else { String::new() };
    if !set.is_empty() {
        let clear = ui.small_button("x");
        clear.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Clear the phrase"));
        if clear.on_hover_text("Without a phrase").clicked() {
            *scalar = Scalar::Auto;
        }
    }
    if let Some(typed) = draft_ui(ui, ("phrase", "Phrase to look for"), &set, "such as: a cat | a dog") {
        *scalar = Scalar::of_phrases(&typed).unwrap_or_default();
    }
}
