//! Controls of how a heatmap is coloured and where the linkage tree is cut. None of them asks the worker anything.

use eframe::egui::{self, ComboBox, RangeSlider, Rect, Sense, Slider, Ui, pos2, vec2};

use crate::app::resolve::view::{CutView, View};
use crate::app::state::Lane;
use crate::app::widgets::colour_strip::paint_strip;
use crate::app::widgets::inputs::whole_ui;
use crate::app::widgets::rows::{row_ui, segmented_ui};
use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::linkage::LinkageTree;
use crate::domain::request::Cut;
use crate::render::Interpolation;
use crate::segment::Cutting;

const MAX_CLUSTERS: usize = 20;

/// Colormap, range, opacity, interpolation, grid.
pub fn heatmap_ui(ui: &mut Ui, lane: &mut Lane, view: &View) {
    let signed = view.map.as_ref().map(|m| m.method.signed).or(lane.question.info().map(|i| i.signed)).unwrap_or(false);
    // Colours that mean themselves take no colormap and have no range.
    if view.map.as_ref().is_none_or(|map| map.paint().is_none()) {
        row_ui(ui, "Colours", "Colormap, by matplotlib's name", |ui| colormap_ui(ui, lane, signed));
        range_ui(ui, lane, signed);
    }
    if view.scene.as_ref().is_some_and(|s| s.layout.text.is_some()) {
        text_ui(ui, lane);
        exhibits_ui(ui, lane, view);
        return;
    }
    opacity_ui(ui, lane, "0 = the picture alone, 1 = the map alone");
    row_ui(ui, "Patches", "Flat patches show what was computed and no more", |ui| {
        let choices = [(Interpolation::Nearest, "nearest".to_owned()), (Interpolation::Smooth, "smooth".to_owned())];
        segmented_ui(ui, &mut lane.look.interpolation, &choices);
    });
    ui.horizontal(|ui| {
        ui.checkbox(&mut lane.look.overlay, "Overlay").on_hover_text("Show the map over the picture (H)");
        ui.checkbox(&mut lane.look.grid, "Grid").on_hover_text("Lines between patches (G)");
    });
    exhibits_ui(ui, lane, view);
}

/// Where there is something to show.
fn exhibits_ui(ui: &mut Ui, lane: &mut Lane, view: &View) {
    if view.beside.is_some() {
        ui.checkbox(lane.exhibits_mut(), "Charts and tables").on_hover_text("What else the method shows, beside the map (E)");
    }
}

/// What is left of it for a text: words have a colour each, and nothing between them.
fn text_ui(ui: &mut Ui, lane: &mut Lane) {
    opacity_ui(ui, lane, "0 = the words alone, 1 = the full colours behind them");
    ui.horizontal(|ui| {
        ui.checkbox(&mut lane.look.overlay, "Overlay").on_hover_text("Show the map behind the words (H)");
        let grid = ui.add_enabled(false, egui::Checkbox::new(&mut false, "Grid"));
        grid.on_disabled_hover_text("Lines between patches of a picture; words stand apart by themselves");
        ui.checkbox(&mut lane.look.matrix.shown, "Layers").on_hover_text("The map at every layer, below the text (M)");
    });
}

fn opacity_ui(ui: &mut Ui, lane: &mut Lane, tip: &str) {
    row_ui(ui, "Opacity", tip, |ui| {
        ui.add(Slider::new(&mut lane.look.opacity, 0.0..=1.0).fixed_decimals(2));
    });
}

fn colormap_ui(ui: &mut Ui, lane: &mut Lane, signed: bool) {
    let now = lane.look.colormap_for(signed);
    let picker = ComboBox::from_id_salt("colormap").selected_text(now.name()).show_ui(ui, |ui| {
        for choice in Colormap::ALL {
            ui.horizontal(|ui| {
                let (strip, _) = ui.allocate_exact_size(vec2(64.0, 14.0), Sense::hover());
                paint_strip(ui, choice, strip);
                if ui.selectable_label(choice == now, choice.name()).clicked() {
                    lane.look.colormap = Some(choice);
                    ui.close();
                }
            });
        }
    });
    let button = picker.response.rect;
    let strip = Rect::from_min_max(pos2(button.left() + 92.0, button.top() + 7.0), button.max - vec2(28.0, 7.0));
    paint_strip(ui, now, strip);
}

/// The kinds of [`RangeRule`] without their numbers.
#[derive(Clone, Copy, PartialEq)]
enum RangeKind {
    MinMax,
    Percentile,
    Symmetric,
}

fn range_ui(ui: &mut Ui, lane: &mut Lane, signed: bool) {
    let rule = lane.look.range_for(signed);
    let kind = match rule {
        RangeRule::MinMax | RangeRule::Fixed { .. } => RangeKind::MinMax,
        RangeRule::Percentile { .. } => RangeKind::Percentile,
        RangeRule::Symmetric => RangeKind::Symmetric,
    };
    let mut chosen = kind;
    row_ui(
        ui,
        "Range",
        "Which values the first and the last colour stand for:\nfull = smallest to largest\nclip = between two percentiles\n+/- = symmetric around 0\nSpecial tokens of a text take no part: they often hold far more than any word",
        |ui| {
            let choices = [
                (RangeKind::MinMax, "full".to_owned()),
                (RangeKind::Percentile, "clip".to_owned()),
                (RangeKind::Symmetric, "+/-".to_owned()),
            ];
            segmented_ui(ui, &mut chosen, &choices);
        },
    );
    if chosen != kind {
        lane.look.range = Some(match chosen {
            RangeKind::MinMax => RangeRule::MinMax,
            RangeKind::Percentile => RangeRule::Percentile { low: 1.0, high: 99.0 },
            RangeKind::Symmetric => RangeRule::Symmetric,
        });
    }
    if let RangeRule::Percentile { mut low, mut high } = rule {
        row_ui(ui, "Percentiles", "Values beyond these percentiles take the first and the last colour", |ui| {
            ui.spacing_mut().slider_width = 80.0;
            let slider = RangeSlider::new(&mut low, &mut high, 0.0..=100.0).step_by(0.5).min_separation(0.5).max_decimals(1);
            if ui.add(slider).changed() {
                lane.look.range = Some(RangeRule::Percentile { low, high });
            }
        });
    }
}

/// How many segments, outlines, opacity.
pub fn segments_ui(ui: &mut Ui, lane: &mut Lane, view: &View) {
    let before = lane.look.cut;
    match lane.segmenter().map(|(_, cutting)| cutting) {
        Some(Cutting::Tree) => tree_cut_ui(ui, lane, view),
        Some(Cutting::Count) => count_ui(ui, lane),
        Some(Cutting::Fixed) | None => {}
    }
    if lane.look.cut != before {
        lane.leave_segment();
    }
    opacity_ui(ui, lane, "0 = the picture alone, 1 = the segments alone");
    ui.horizontal(|ui| {
        ui.checkbox(&mut lane.look.outlines, "Outlines").on_hover_text("Lines around segments");
        ui.checkbox(&mut lane.look.overlay, "Overlay").on_hover_text("Show the segments over the picture (H)");
        ui.checkbox(&mut lane.look.grid, "Grid").on_hover_text("Lines between patches (G)");
    });
    exhibits_ui(ui, lane, view);
}

/// The count is a part of the question: it is asked for when the slider rests.
fn count_ui(ui: &mut Ui, lane: &mut Lane) {
    let Cut::Clusters(mut count) = lane.look.cut_for(Cutting::Count) else { return };
    let now = count;
    let is_new =
        row_ui(ui, "Segments", "So many are asked for", |ui| whole_ui(ui, "segments", &mut count, 1, MAX_CLUSTERS.max(now)));
    if is_new {
        lane.look.cut = Cut::Clusters(count);
    }
}

/// The tree is cut in the same frame.
fn tree_cut_ui(ui: &mut Ui, lane: &mut Lane, view: &View) {
    let shown = view.cut.as_ref().filter(|cut| tree_of(cut).is_some());
    cut_kind_ui(ui, lane, shown);
    match &mut lane.look.cut {
        Cut::Clusters(count) => {
            let most = shown.and_then(tree_of).map_or(MAX_CLUSTERS, |tree| tree.num_leaves().min(MAX_CLUSTERS)).max(1);
            row_ui(ui, "Segments", "At most so many clusters", |ui| ui.add(Slider::new(count, 1..=most.max(*count)).integer()));
        }
        Cut::Distance(distance) => {
            let most = shown.map_or(1.0, farthest).max(1e-3);
            row_ui(ui, "Distance", "Clusters that are closer than this are one", |ui| {
                // Its numbers are longer than those of other sliders.
                ui.spacing_mut().slider_width -= 24.0;
                let slider = Slider::new(distance, 0.0..=most.max(*distance)).logarithmic(true).smallest_positive(1e-4);
                ui.add(slider.max_decimals(4))
            });
        }
    }
}

/// Changing the kind keeps the segmentation as it is.
fn cut_kind_ui(ui: &mut Ui, lane: &mut Lane, cut: Option<&CutView>) {
    let by_count = matches!(lane.look.cut, Cut::Clusters(_));
    let mut chosen = by_count;
    row_ui(ui, "Cut by", "A number of segments, or how far apart their patches may be", |ui| {
        segmented_ui(ui, &mut chosen, &[(true, "count".to_owned()), (false, "distance".to_owned())]);
    });
    if chosen == by_count {
        return;
    }
    lane.look.cut = match lane.look.cut {
        Cut::Clusters(_) => cut.map_or_else(Cut::default, |c| {
            let threshold = tree_of(c).map_or(0.0, |tree| tree.threshold(lane.look.cut));
            Cut::Distance(if threshold.is_finite() { threshold } else { 0.0 })
        }),
        Cut::Distance(_) => Cut::Clusters(cut.map_or(6, |c| c.shares.len().clamp(1, MAX_CLUSTERS))),
    };
}

fn tree_of(cut: &CutView) -> Option<&LinkageTree> {
    cut.segments.partition.tree()
}

fn farthest(cut: &CutView) -> f64 {
    tree_of(cut).and_then(|tree| tree.merges().last()).map_or(1.0, |m| m.distance)
}
