//! Controls of the parameters that a method declares for itself, made of the declarations. What is being dragged or typed is no part
//! of the session before it is done: every value that the session takes is a question to the worker.

use eframe::egui::{ComboBox, DragValue, Id, Key, Label, Response, RichText, Slider, TextEdit, Ui, WidgetInfo};

use super::command::{Ask, Command, Effect};
use super::controls::{row_ui, segmented_ui};
use super::menu::segmenters;
use super::theme;
use crate::domain::knob::{Knob, KnobKind, Knobs};
use crate::domain::{Error, Result};
use crate::method::METHODS;
use crate::segment::knobs_of;

/// Longer words stand in a list, in place of buttons side by side.
const SHORT: usize = 20;
/// Wider ranges of whole numbers have no slider.
const WIDEST: usize = 2_000;
/// Of a text field.
const MAX_CHARS: usize = 400;

/// The declaration of a knob, by its id.
pub fn by_id(id: &str) -> Option<&'static Knob> {
    let of_methods = METHODS.iter().flat_map(|m| m.info().knobs).copied();
    of_methods.chain(segmenters().flat_map(|(info, _)| knobs_of(info))).find(|knob| knob.id == id)
}

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

/// A slider, or a number to type where the range is wide. Whether a value was chosen.
pub fn whole_ui(ui: &mut Ui, salt: &str, value: &mut usize, min: usize, max: usize) -> bool {
    settled_ui(ui, salt, value, |ui, number| {
        if max - min <= WIDEST {
            ui.add(Slider::new(number, min..=max).integer().update_while_editing(false))
        } else {
            ui.add(DragValue::new(number).range(min..=max).update_while_editing(false))
        }
    })
}

fn real_ui(ui: &mut Ui, salt: &str, value: &mut f64, (min, max): (f64, f64)) -> bool {
    settled_ui(ui, salt, value, |ui, number| {
        if !(max - min).is_finite() || max - min > 1e6 {
            return ui.add(DragValue::new(number).range(min..=max).speed(0.01).update_while_editing(false));
        }
        let wide = min > 0.0 && max / min >= 1e3;
        ui.add(Slider::new(number, min..=max).logarithmic(wide).max_decimals(4).update_while_editing(false))
    })
}

/// Hands a number to a control, and takes it back when the mouse button is up and no key is typed into it.
fn settled_ui<T: Copy + PartialEq + Send + Sync + 'static>(
    ui: &mut Ui,
    salt: &str,
    value: &mut T,
    control: impl FnOnce(&mut Ui, &mut T) -> Response,
) -> bool {
    let draft = Id::unique(("settled", salt));
    let mut number = ui.data(|d| d.get_temp::<T>(draft)).unwrap_or(*value);
    let response = control(ui, &mut number);
    if ui.input(|i| i.pointer.any_down()) && (response.dragged() || response.is_pointer_button_down_on()) {
        ui.data_mut(|d| d.insert_temp(draft, number));
        return false;
    }
    ui.data_mut(|d| d.remove::<T>(draft));
    let is_new = number != *value;
    *value = number;
    is_new
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
        commands.push(Command::Do(Effect::Ask(Ask::Knob { id: knob.id, extension })));
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

/// A line of text: Enter, or a click elsewhere, takes what was typed; Escape leaves it.
pub fn draft_ui(ui: &mut Ui, (id, name): (&str, &str), now: &str, hint: &str) -> Option<String> {
    let draft = Id::unique(("draft", id));
    let mut typed = ui.data(|d| d.get_temp::<String>(draft)).unwrap_or_else(|| now.to_owned());
    let edit = TextEdit::singleline(&mut typed).id(field_id(id)).hint_text(hint).char_limit(MAX_CHARS);
    let field = ui.add(edit.desired_width(ui.available_width()));
    field.widget_info(|| {
        let mut info = WidgetInfo::text_edit(true, &typed, &typed, hint);
        info.label = Some(name.to_owned());
        info
    });
    if field.has_focus() {
        ui.data_mut(|d| d.insert_temp(draft, typed));
        return None;
    }
    ui.data_mut(|d| d.remove::<String>(draft));
    let left = ui.input(|i| i.key_pressed(Key::Escape));
    (field.lost_focus() && !left && typed.trim() != now).then(|| typed.trim().to_owned())
}

fn field_id(id: &str) -> Id {
    Id::unique(("draft field", id))
}

/// Returns to a line of text whose words were refused, so that what is typed next goes there.
pub fn return_to_draft(ui: &Ui, id: &str) {
    if ui.input(|i| i.key_pressed(Key::Enter)) {
        ui.memory_mut(|memory| memory.request_focus(field_id(id)));
    }
}

/// A line below a control that says why its value is not taken.
pub fn refusal_ui(ui: &mut Ui, refusal: &Error) {
    let colour = theme::palette(ui.visuals()).on_banner;
    ui.add(Label::new(RichText::new(super::refusal::words(refusal)).small().color(colour)).wrap());
}

/// Takes a file that was chosen for a knob.
///
/// # Errors
/// A refusal of what no method declares, and of a name that a flag could not hold.
pub fn take_file(knobs: &mut Knobs, id: &str, path: &std::path::Path) -> Result<()> {
    let knob = by_id(id).ok_or_else(|| Error::Internal(format!("no method has a {id}")))?;
    let name = path.to_str().ok_or_else(|| {
        Error::refused(path.display(), "its name is not UTF-8").expected("a name in UTF-8").remedy("rename the file")
    })?;
    knobs.set(knob, name)
}
