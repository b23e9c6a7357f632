//! Inputs whose value counts when it is done: what is being dragged or typed is no part of a question yet, for every value is a
//! question to the worker.

use eframe::egui::{DragValue, Id, Key, Response, Slider, TextEdit, Ui, WidgetInfo};

/// Wider ranges of whole numbers have no slider.
const WIDEST: usize = 2_000;
/// Of a text field.
const MAX_CHARS: usize = 400;

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

/// As [`whole_ui`], with decimals; logarithmic where the range spans thousands.
pub fn real_ui(ui: &mut Ui, salt: &str, value: &mut f64, (min, max): (f64, f64)) -> bool {
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
