//! The menus of methods and of segmenters: what there is, in groups, and why some of it cannot be asked of what is open.

use eframe::egui::{Button, ComboBox, RichText, Ui};

use crate::app::ask::obstacle::lacking;
use crate::app::ask::registry::{GROUPS, segmenters};
use crate::app::state::Lane;
use crate::app::widgets::rows::row_ui;
use crate::app::widgets::{focus, theme};
use crate::domain::info::Info;
use crate::engine::Scene;
use crate::method::METHODS;
use crate::segment::SEGMENTERS;

/// Highest list before it scrolls.
const LIST_HEIGHT: f32 = 520.0;

/// The menu of methods.
pub fn method_ui(ui: &mut Ui, lane: &mut Lane, scene: &Scene) {
    let Some(now) = lane.question.info() else { return };
    let named = |id: &str| GROUPS.iter().any(|(_, ids)| ids.contains(&id));
    let of_group = |ids: &[&str]| -> Vec<&'static Info> {
        ids.iter().filter_map(|id| METHODS.iter().map(|m| m.info()).find(|info| info.id == *id)).collect()
    };
    let others = METHODS.iter().map(|m| m.info()).filter(|info| !named(info.id)).collect();
    let groups = GROUPS.iter().map(|(name, ids)| (*name, of_group(ids))).chain([("Others", others)]);
    let chosen = menu_ui(ui, ("Method", "How a token's map is made"), now, groups.collect(), scene);
    if let Some(info) = chosen {
        lane.choose_method(info.id);
    }
}

/// The menu of segmenters.
pub fn segmenter_ui(ui: &mut Ui, lane: &mut Lane, scene: &Scene) {
    let Some((now, _)) = lane.segmenter() else { return };
    let is_segmenter = |info: &Info| SEGMENTERS.iter().any(|s| s.info().id == info.id);
    let (of_registry, maps) = segmenters().map(|(info, _)| info).partition(|info| is_segmenter(info));
    let groups = vec![("Segmenters", of_registry), ("Clusters of every patch's map", maps)];
    if let Some(info) = menu_ui(ui, ("Divide by", "What decides which patches belong together"), now, groups, scene) {
        info.id.clone_into(&mut lane.question.segmenter);
        lane.leave_segment();
    }
}

type Group = (&'static str, Vec<&'static Info>);

/// What was chosen of groups, if anything.
fn menu_ui(ui: &mut Ui, (name, tip): (&str, &str), now: &Info, groups: Vec<Group>, scene: &Scene) -> Option<&'static Info> {
    let mut chosen = None;
    row_ui(ui, name, tip, |ui| {
        let list = ComboBox::from_id_salt(name).selected_text(now.name).truncate().height(LIST_HEIGHT);
        let picker = list.show_ui(ui, |ui| {
            for (heading, infos) in groups.into_iter().filter(|(_, infos)| !infos.is_empty()) {
                ui.label(RichText::new(heading).small().strong().color(theme::palette(ui.visuals()).quiet));
                for info in infos {
                    let lacking = lacking(info, scene);
                    let item = Button::selectable(info.id == now.id, info.name);
                    let item = ui.add_enabled(lacking.is_none(), item).on_hover_text(describe(info));
                    let why = lacking.map(|lacking| format!("{}\n\n{}", sentence(&lacking), describe(info)));
                    if item.on_disabled_hover_text(why.unwrap_or_default()).clicked() {
                        chosen = Some(info);
                        ui.close();
                    }
                }
            }
            focus::follow_ui(ui);
        });
        let id = picker.response.id;
        picker.response.on_hover_text(describe(now));
        // The tip says more, but the row's name says what the list is of.
        ui.ctx().accesskit_node_builder(id, |node| node.set_label(name));
    });
    chosen
}

/// All that is known of a method, line by line.
pub fn describe(info: &Info) -> String {
    let needs = info.needs_in_words();
    let needs = if needs.is_empty() { needs } else { format!("Needs {needs}") };
    let cost = if info.cost.is_empty() { String::new() } else { format!("Cost: {}", info.cost) };
    let lines = [info.summary, info.formula, &needs, &cost, info.citation];
    lines.iter().filter(|line| !line.is_empty()).copied().collect::<Vec<_>>().join("\n")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
