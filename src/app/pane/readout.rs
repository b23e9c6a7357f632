//! The line under the picture or the text: what is shown, and the numbers of the token under the pointer.

use eframe::egui::{self, RichText, Ui};

use crate::app::command::{Command, Effect};
use crate::app::resolve::view::{MapView, Pointing, View};
use crate::app::state::{Lane, Mode};
use crate::app::widgets::theme;
use crate::app::widgets::values::standing;
use crate::app::widgets::words;
use crate::domain::Progress;
use crate::domain::request::Own;
use crate::engine::Scene;
use crate::method::Reach;

/// What the worker does.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// How far the running job is.
    pub running: Option<&'a Progress>,
    /// Whether the user stopped what the screen needs.
    pub stopped: bool,
    /// Whether the newest map could not be made.
    pub failed: bool,
    /// What was done last, until something else is.
    pub notice: Option<&'a str>,
}

/// Draws both lines.
pub fn readout_ui(ui: &mut Ui, lane: &Lane, view: &View, (pointing, work): (Pointing, Work<'_>), commands: &mut Vec<Command>) {
    let scene = view.scene.as_deref();
    let pointed = scene.and_then(|s| pointing.patch.map(|p| pointed(lane, view, s, p)));
    let hint = scene.filter(|_| view.obstacle.is_none()).map_or("", |s| hint(lane, view, s.layout.text.is_some()));
    let quiet = theme::palette(ui.visuals()).quiet;
    ui.horizontal(|ui| {
        let text = pointed.clone().unwrap_or_else(|| hint.to_owned());
        let text = RichText::new(text).color(if pointed.is_some() { ui.visuals().text_color() } else { quiet });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if work.stopped && ui.small_button("Resume").on_hover_text("Ask again for what was stopped").clicked() {
                commands.push(Command::Do(Effect::Retry));
            }
            if let Some(progress) = work.running {
                if ui.small_button("Cancel").on_hover_text("Stop the running work").clicked() {
                    commands.push(Command::Do(Effect::Cancel));
                }
                ui.label(RichText::new(progress_words(progress)).color(quiet));
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(text).truncate());
            });
        });
    });
    let line = match work.notice {
        Some(notice) => RichText::new(notice),
        None => RichText::new(scene.map_or_else(String::new, |s| shown(lane, (view, work), s))).color(quiet),
    };
    ui.add(egui::Label::new(line).truncate());
}

fn progress_words(progress: &Progress) -> String {
    match progress.get() {
        (_, 0) => "working".to_owned(),
        (done, total) => format!("working, {} %", 100 * done.min(total) / total),
    }
}

fn hint(lane: &Lane, view: &View, is_text: bool) -> &'static str {
    let is_asked_for = view.map.as_ref().is_some_and(MapView::is_asked_for);
    let reach = lane.question.info().map(|info| if is_asked_for { Reach::Each } else { info.reach });
    match (lane.question.mode, lane.pinned(), reach) {
        (Mode::Segments, ..) => "Point at a segment; click to see it alone",
        _ if is_text && lane.span().is_some() => "Point to read values; Shift+arrows move the end; Esc lets the selection go",
        (_, _, Some(Reach::Whole)) => "This map is the same for every token; point to read values",
        (_, None, Some(Reach::Each)) if is_text => "Click a word to explain it; drag over words to see what they were made from",
        (_, None, Some(Reach::Each)) => "Click a patch to explain it",
        (_, Some(_), Some(Reach::Each)) => "Point to read values; click another to explain it; Esc lets the pinned token go",
        (_, None, _) if is_text => {
            "Point at a word to see its map; click to keep it; drag over words to see what they were made from"
        }
        (_, Some(_), _) if is_text => "Point to read values; Shift previews other words; Esc lets the pinned token go",
        (Mode::Heatmap, None, _) => "Point at a patch to see its map; click to keep it",
        (Mode::Heatmap, Some(_), _) => "Point to read values; Shift previews other patches; Esc lets the pinned token go",
    }
}

/// Row, column or the word, position, and what is known of the token.
fn pointed(lane: &Lane, view: &View, scene: &Scene, patch: usize) -> String {
    let (row, col) = scene.layout.grid.row_col(patch);
    let position = scene.layout.position_of(patch);
    let place = match scene.layout.text {
        Some(_) => format!("{}  |  position {position}", words::token(&scene.layout, position)),
        None => format!("row {row}, col {col}  |  patch {patch}, position {position}"),
    };
    let what = match lane.question.mode {
        Mode::Heatmap => view.map.as_ref().and_then(|map| {
            let value = map.heatmap.values.get(patch)?;
            let sorted = map.ranked_values();
            let standing = match map.own_entry() {
                Some(own) if own == patch => {
                    let drawn = if map.own == Own::Max { format!(" ({})", words::value(*value)) } else { String::new() };
                    let own = map.own_value().unwrap_or(f32::NAN);
                    return Some(format!("{} {}  |  {}{drawn}", map.method.unit, words::value(own), map.own_words()));
                }
                _ if value.is_nan() => String::new(),
                own => format!("  |  {}", standing(&sorted, *value, own.is_some())),
            };
            Some(format!("{} {}{standing}", map.method.unit, words::value(*value)))
        }),
        Mode::Segments => view.cut.as_ref().and_then(|cut| {
            let label = usize::from(*cut.segmentation.patch_labels.get(patch)?);
            let is_cropped = scene.photo.as_ref().is_some_and(crate::engine::Photo::is_cropped);
            let of = if is_cropped { "what the model sees" } else { "the picture" };
            Some(format!("segment {label}, {} of {of}", words::share(*cut.shares.get(label)?)))
        }),
    };
    // Its own map has to be asked for.
    let waits = lane.question.mode == Mode::Heatmap;
    let other = view.map.as_ref().is_some_and(|map| map.is_asked_for() && map.position != position);
    let hint = if waits && other { "  |  click to explain" } else { "" };
    what.map_or_else(|| format!("{place}{hint}"), |what| format!("{place}  |  {what}{hint}"))
}

/// What the picture shows, in words.
fn shown(lane: &Lane, (view, work): (&View, Work<'_>), scene: &Scene) -> String {
    let waits = match view.stale_since {
        None => "",
        Some(_) if work.stopped => " (the newer one was stopped)",
        Some(_) if work.failed => " (the newer one could not be made)",
        Some(_) => " (the newer one is on its way)",
    };
    match lane.question.mode {
        Mode::Heatmap => match &view.map {
            Some(map) => format!("{}{waits}", words::map(map, scene)),
            None if scene.layout.text.is_some() => "The text alone".to_owned(),
            None => "The picture alone".to_owned(),
        },
        Mode::Segments => match &view.cut {
            Some(cut) => {
                let (segments, count) = (&cut.segments, words::segments(cut.num_segments()));
                let method = segments.method.name;
                format!("{method}, layer {} of {}, {count}{waits}", segments.layer, scene.model.num_layers)
            }
            None => "The picture is being divided".to_owned(),
        },
    }
}
