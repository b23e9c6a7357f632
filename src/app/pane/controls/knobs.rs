//! Controls of the parameters that a method declares for itself, made of the declarations. What is being dragged or typed is no part
//! of the lane before it is done: every value that the lane takes is a question to the worker.

use eframe::egui::{ComboBox, Label, RichText, Ui};

use crate::app::ask::refusal;
use crate::app::command::{Command, Effect, FileDialog};
use crate::app::widgets::inputs::{draft_ui, real_ui, whole_ui};
use crate::app::widgets::rows::{row_ui, segmented_ui};
use crate::app::widgets::theme;
use crate::domain::Error;
use crate::domain::knob::{Knob, KnobKind, Knobs};

/// Longer words stand in a list, in place of buttons side by side.
const SHORT: usize = 20;

/// A row for each knob.
pub fn knobs_ui(ui: &mut Ui, knobs: &mut Knobs, declared: &[&'static Knob], commands: &mut Vec<Command>) {
    for knob in declared {
        let unread = unread(knobs, knob, declared);
        let chosen = row_ui(ui, knob.name, knob.help, |ui| {
            let control = ui.add_enabled_ui(unread.is_none(), |ui| knob_ui(ui, knobs, knob, commands));
            if let Some(why) = unread {
                control.response.on_disabled_hover_text(why);
            }
            control.inner
        });
        // Controls give no values that the knob does not take; a text field refuses by itself.
        if let Some(value) = chosen {
            drop(knobs.set(knob, &value));
        }
    }
}

/// Why nothing looks at a knob now, in words: another one has to be chosen first.
fn unread(knobs: &Knobs, knob: &Knob, declared: &[&'static Knob]) -> Option<String> {
    let given = knob.given?;
    let other = declared.iter().find(|other| other.id == given.knob)?;
    let is_read = given.values.contains(&knobs.value(other).as_str());
    (!is_read).then(|| format!("Looked at only where {} is {}", other.name, given.values.join(" or ")))
}

/// The value that was chosen in this frame, if one was.
fn knob_ui(ui: &mut Ui, knobs: &Knobs, knob: &'static Knob, commands: &mut Vec<Command>) -> Option<String> {
    let now = knob.read(&knobs.value(knob)).unwrap_or_else(|_| knob.default_value());
    match knob.kind {
        KnobKind::Whole { min, max, .. } => {
            let mut number = now.parse().unwrap_or(min);
            whole_ui(ui, knob.id, &mut number, min, max).then(|| number.to_string())
        }
        KnobKind::Real { min, max, .. } => {
            let mut number = now.parse().unwrap_or(min);
            real_ui(ui, knob.id, &mut number, (min, max)).then(|| number.to_string())
        }
        KnobKind::Choice(words) => choice_ui(ui, knob.id, &now, words),
        KnobKind::Switch => {
            let mut on = now == "on";
            ui.checkbox(&mut on, "").changed().then(|| if on { "on" } else { "off" }.to_owned())
        }
        KnobKind::Text { hint } => draft_ui(ui, (knob.id, knob.name), &now, hint),
        KnobKind::File { extension } => file_ui(ui, knob, &now, extension, commands),
    }
}

fn choice_ui(ui: &mut Ui, salt: &str, now: &str, words: &'static [&'static str]) -> Option<String> {
    let mut chosen = now.to_owned();
    let letters: usize = words.iter().map(|word| word.len()).sum();
    if words.len() <= 3 && letters <= SHORT {
        segmented_ui(ui, &mut chosen, &words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect::<Vec<_>>());
    } else {
        ComboBox::from_id_salt(salt).selected_text(now).show_ui(ui, |ui| {
            for word in words {
                ui.selectable_value(&mut chosen, (*word).to_owned(), *word);
            }
        });
    }
    (chosen != now).then_some(chosen)
}

fn file_ui(ui: &mut Ui, knob: &Knob, now: &str, extension: &'static str, commands: &mut Vec<Command>) -> Option<String> {
    if ui.button("Open...").on_hover_text(format!("Choose {}", knob.expected())).clicked() {
        commands.push(Command::Do(Effect::Ask(FileDialog::Knob { id: knob.id, extension })));
    }
    if now.is_empty() {
        ui.label(RichText::new("none").small().color(theme::palette(ui.visuals()).quiet));
        return None;
    }
    let clear = ui.small_button("x").on_hover_text("Without a file").clicked();
    let name = std::path::Path::new(now).file_name().map_or_else(|| now.into(), |name| name.to_string_lossy());
    ui.add(Label::new(name).truncate()).on_hover_text(now);
    clear.then(String::new)
}

/// A line below a control that says why its value is not taken.
pub fn refusal_ui(ui: &mut Ui, refusal: &Error) {
    let colour = theme::palette(ui.visuals()).on_banner;
    ui.add(Label::new(RichText::new(refusal::words(refusal)).small().color(colour)).wrap());
}
