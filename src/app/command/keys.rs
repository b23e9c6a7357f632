//! From the keys of a frame to commands.

use eframe::egui::{self, Event, Key, Modifiers};

use super::effect::Effect;
use super::open::typed_input;
use super::table::{COMMANDS, Chord};
use super::wish::Command;

/// The commands of this frame's keys. Letters belong to a text field that is being edited, arrows to any control that has the
/// keyboard.
pub fn commands(ctx: &egui::Context, canvas_focused: bool) -> Vec<Command> {
    // An open list takes the keys that choose in it.
    if egui::Popup::is_any_open(ctx) {
        return Vec::new();
    }
    let is_typing = ctx.text_edit_focused();
    let control_focused = ctx.memory(|m| m.focused().is_some()) && !canvas_focused;
    let events = ctx.input(|i| i.events.clone());
    let mut commands = Vec::new();
    for event in &events {
        match event {
            Event::Key { key, pressed: true, modifiers, repeat, .. } => {
                let is_arrow = matches!(key, Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight);
                let chords = COMMANDS.iter().flat_map(|info| info.keys.iter().map(move |chord| (chord, info)));
                let mut fitting = chords.filter(|(chord, _)| chord.key == *key && matches(*modifiers, chord));
                let found = fitting.next().filter(|(chord, _)| !is_typing || is_no_letter(chord));
                let command = found.filter(|_| !(is_arrow && control_focused)).map(|(_, info)| (info.command)());
                commands.extend(command.filter(|c| !repeat || repeats(c)));
            }
            // The desktop's own key for it, whichever that is.
            Event::Copy | Event::Paste(_) | Event::PasteImage(_) if is_typing => {}
            Event::Copy => commands.push(Command::Do(Effect::CopyFigure)),
            Event::Paste(text) => commands.extend(typed_input(text).map(Command::OpenInput)),
            Event::PasteImage(picture) => commands.push(Command::Do(Effect::Paste(picture.clone()))),
            _ => {}
        }
    }
    commands
}

/// Whether a key means nothing to a text field: it is held with Ctrl and neither takes back nor brings again what was typed.
fn is_no_letter(chord: &Chord) -> bool {
    chord.modifiers.command && chord.key != Key::Z || matches!(chord.key, Key::F1 | Key::F12)
}

/// Whether holding the key down goes on: steps do, switches do not flicker.
fn repeats(command: &Command) -> bool {
    use Command::{Do, GrowSpan, MovePin, StepHead, StepLayer};
    matches!(
        command,
        MovePin { .. } | GrowSpan { .. } | StepLayer(_) | StepHead(_) | Do(Effect::Zoom(_) | Effect::Undo | Effect::Redo)
    )
}

/// Ctrl must agree; Shift too where Ctrl is held, while `?` and `+` may need it or not by the keyboard's layout.
fn matches(held: Modifiers, chord: &Chord) -> bool {
    let ctrl = held.command || held.ctrl;
    let wants_ctrl = chord.modifiers.command;
    let shift_fits = if wants_ctrl { held.shift == chord.modifiers.shift } else { held.shift || !chord.modifiers.shift };
    !held.alt && ctrl == wants_ctrl && shift_fits
}
