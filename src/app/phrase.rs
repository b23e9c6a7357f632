//! The phrase that a picture is compared with, where the open model has a place for both: a field, and how well it fits the whole
//! picture.

use eframe::egui::{self, Layout, RichText, Ui};

use super::controls::row_ui;
use super::knobs::draft_ui;
use super::session::Session;
use super::theme;
use super::view::View;
use super::words;
use crate::domain::request::Scalar;
use crate::engine::{Match, Scene};

/// What a phrase can be asked of.
pub const NEEDS: &str = "Needs a picture and a model of images and texts, such as CLIP or SigLIP";

/// Whether what is open can be compared with a phrase.
pub fn applies(scene: &Scene) -> bool {
    scene.model.takes_phrases && scene.photo.is_some()
}

/// What a method that cannot do without a phrase still needs, in words.
pub fn missing(session: &Session, scene: &Scene) -> Option<String> {
    if !applies(scene) {
        return Some(NEEDS.to_owned());
    }
    session
        .params
        .scalar
        .phrase()
        .is_none()
        .then(|| "Type a phrase at the left to see where the picture agrees with it".to_owned())
}

/// The field: Enter, or a click elsewhere, takes what was typed; Escape leaves it.
pub fn phrase_ui(ui: &mut Ui, session: &mut Session, view: &View, scene: &Scene) {
    if !applies(scene) {
        return;
    }
    let tip = "ULTra follows a token towards these words; Agreement shows how well each patch agrees with them.\nWords after a | are compared with the whole picture only: a cat | a dog";
    row_ui(ui, "Phrase", tip, |ui| {
        let before = session.params.scalar.clone();
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| field_ui(ui, &mut session.params.scalar));
        let is_new = session.params.scalar != before && session.params.scalar.phrase().is_some();
        if is_new && session.info().is_some_and(|info| !info.takes_phrase()) {
            // A phrase that changes nothing on the screen would be a riddle.
            session.choose_method("agreement");
        }
    });
    let matches = view.map.as_ref().map_or(&[][..], |map| &map.source.0.matches);
    if matches.is_empty() || session.params.scalar.phrase().is_none() {
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
