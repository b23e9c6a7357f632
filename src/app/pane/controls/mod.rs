//! The panel of controls: what is open, which layer, which method with which parameters, and how it is drawn.

pub mod badge;
pub mod knobs;
pub mod look;
pub mod menu;
pub mod open;
pub mod phrase;
pub mod predictions;
pub mod scalar;
pub mod shown;

use eframe::egui::{ComboBox, ScrollArea, Slider, Ui};

use crate::app::command::Command;
use crate::app::state::{Lane, Mode};
use crate::app::widgets::rows::{heading_ui, row_ui, words_ui};
use crate::app::widgets::{focus, words};
use crate::domain::request::{Facet, Head, Own};
use crate::engine::Scene;
use crate::method::{Info, Uses};
use crate::segment::Cutting;
pub use shown::Shown;

/// Draws the panel's contents.
pub fn controls_ui(ui: &mut Ui, lane: &mut Lane, shown: &Shown<'_>, commands: &mut Vec<Command>) {
    let view = shown.view;
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        open::open_ui(ui, lane, shown, commands);
        let Some(scene) = view.scene.as_deref() else { return };
        heading_ui(ui, "What to ask");
        layer_ui(ui, lane, scene);
        match lane.question.mode {
            Mode::Heatmap => menu::method_ui(ui, lane, scene),
            Mode::Segments => menu::segmenter_ui(ui, lane, scene),
        }
        phrase::phrase_ui(ui, lane, view, scene);
        if let Some(info) = lane.asked() {
            parameters_ui(ui, lane, info, scene);
            let declared = lane.knobs();
            knobs::knobs_ui(ui, &mut lane.question.params.knobs, &declared, commands);
        }
        match lane.question.mode {
            Mode::Heatmap => {
                heading_ui(ui, "How to draw it");
                look::heatmap_ui(ui, lane, view);
            }
            Mode::Segments => {
                let is_fixed = lane.segmenter().is_some_and(|(_, cutting)| cutting == Cutting::Fixed);
                heading_ui(ui, if is_fixed { "How to draw it" } else { "Where to cut" });
                look::segments_ui(ui, lane, view);
            }
        }
        predictions::predictions_ui(ui, scene);
        focus::follow_ui(ui);
    });
}

fn layer_ui(ui: &mut Ui, lane: &mut Lane, scene: &Scene) {
    let top = scene.model.num_layers;
    let mut layer = lane.question.layer_of(top);
    let tip = words::layer(layer, top);
    row_ui(ui, &format!("Layer 0..{top}"), &tip, |ui| {
        if ui.add(Slider::new(&mut layer, 0..=top).integer()).on_hover_text(&tip).changed() {
            lane.question.layer = i32::try_from(layer).unwrap_or(-1);
        }
    });
}

fn parameters_ui(ui: &mut Ui, lane: &mut Lane, info: &Info, scene: &Scene) {
    if info.uses(Uses::Head) {
        row_ui(ui, "Head", "One attention head, or all of them fused (, and . step through them)", |ui| {
            let choices = lane.question.heads(scene.model.num_heads);
            let mut head = lane.question.head();
            if head_ui(ui, &mut head, &choices) {
                lane.question.params.head = head;
            }
        });
    }
    if info.uses(Uses::Facet) {
        row_ui(ui, "Compare", "Which vectors of the tokens are compared", |ui| {
            words_ui(ui, "facet", &mut lane.question.params.facet, Facet::ALL);
        });
    }
    if info.uses(Uses::Scalar) {
        scalar::scalar_ui(ui, &mut lane.question.params.scalar, scene.layout.text.is_some());
    }
    if info.uses(Uses::Own) {
        let tip = "A token's own entry is far larger than the others:\nmax = draw it as the largest of the others\nkeep = as computed\nzero = without it";
        row_ui(ui, "Own entry", tip, |ui| words_ui(ui, "own", &mut lane.question.params.own, Own::ALL));
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
