//! The keys, as one table: what they do and the list in the help overlay cannot drift apart.

use eframe::egui::{self, Event, Key, Modifiers};

use super::continuation::Generating;
use super::open::typed_input;
use super::{Ask, Command, Effect};
use crate::app::state::Mode;

/// A key and what it does.
#[derive(Clone, Copy)]
pub struct Binding {
    /// Held with it.
    pub modifiers: Modifiers,
    /// The key.
    pub key: Key,
    /// As the help overlay names it; bindings of one line share it.
    pub name: &'static str,
    /// What it does, in words.
    pub action: &'static str,
    command: fn() -> Command,
}

const SHIFT_CTRL: Modifiers = Modifiers { alt: false, ctrl: false, shift: true, mac_cmd: false, command: true };

const fn plain(key: Key, name: &'static str, action: &'static str, command: fn() -> Command) -> Binding {
    Binding { modifiers: Modifiers::NONE, key, name, action, command }
}

const fn ctrl(key: Key, name: &'static str, action: &'static str, command: fn() -> Command) -> Binding {
    Binding { modifiers: Modifiers::COMMAND, key, name, action, command }
}

const fn shift(key: Key, name: &'static str, action: &'static str, command: fn() -> Command) -> Binding {
    Binding { modifiers: Modifiers::SHIFT, key, name, action, command }
}

/// Every key; of two that fit, the first counts.
pub const BINDINGS: &[Binding] = &[
    shift(Key::ArrowUp, "Shift+arrows", "select a part of a text", || Command::GrowSpan { rows: -1, cols: 0 }),
    shift(Key::ArrowDown, "Shift+arrows", "select a part of a text", || Command::GrowSpan { rows: 1, cols: 0 }),
    shift(Key::ArrowLeft, "Shift+arrows", "select a part of a text", || Command::GrowSpan { rows: 0, cols: -1 }),
    shift(Key::ArrowRight, "Shift+arrows", "select a part of a text", || Command::GrowSpan { rows: 0, cols: 1 }),
    plain(Key::ArrowUp, "arrows", "move the pinned token", || Command::MovePin { rows: -1, cols: 0 }),
    plain(Key::ArrowDown, "arrows", "move the pinned token", || Command::MovePin { rows: 1, cols: 0 }),
    plain(Key::ArrowLeft, "arrows", "move the pinned token", || Command::MovePin { rows: 0, cols: -1 }),
    plain(Key::ArrowRight, "arrows", "move the pinned token", || Command::MovePin { rows: 0, cols: 1 }),
    plain(Key::OpenBracket, "[  ]", "layer down, up", || Command::StepLayer(-1)),
    plain(Key::CloseBracket, "[  ]", "layer down, up", || Command::StepLayer(1)),
    plain(Key::Comma, ",  .", "head before, after", || Command::StepHead(-1)),
    plain(Key::Period, ",  .", "head before, after", || Command::StepHead(1)),
    plain(Key::Num1, "1  2", "heatmap, segments", || Command::Show(Mode::Heatmap)),
    plain(Key::Num2, "1  2", "heatmap, segments", || Command::Show(Mode::Segments)),
    plain(Key::S, "S", "segments", || Command::Show(Mode::Segments)),
    plain(Key::H, "H or V", "overlay on, off", || Command::ToggleOverlay),
    plain(Key::V, "H or V", "overlay on, off", || Command::ToggleOverlay),
    plain(Key::G, "G", "grid on, off", || Command::ToggleGrid),
    plain(Key::E, "E", "charts and tables", || Command::ToggleExhibits),
    plain(Key::M, "M", "tokens by layers", || Command::ToggleMatrix),
    plain(Key::Plus, "+  -", "zoom (also Ctrl+wheel, pinch)", || Command::Do(Effect::Zoom(1.25))),
    plain(Key::Equals, "+  -", "zoom (also Ctrl+wheel, pinch)", || Command::Do(Effect::Zoom(1.25))),
    plain(Key::Minus, "+  -", "zoom (also Ctrl+wheel, pinch)", || Command::Do(Effect::Zoom(0.8))),
    plain(Key::R, "R", "the whole picture", || Command::Do(Effect::ResetView)),
    plain(Key::F, "F", "full screen", || Command::Do(Effect::ToggleFullScreen)),
    plain(Key::Escape, "Esc", "let the pinned token or the selection go", || Command::Escape),
    ctrl(Key::O, "Ctrl+O", "open an image or a text", || Command::Do(Effect::Ask(Ask::Input))),
    Binding {
        modifiers: SHIFT_CTRL,
        key: Key::O,
        name: "Ctrl+Shift+O",
        action: "open a model folder",
        command: || Command::Do(Effect::Ask(Ask::Model)),
    },
    plain(Key::T, "T", "type a text", || Command::Do(Effect::TypeText)),
    ctrl(Key::M, "Ctrl+M", "models from the hub", || Command::Do(Effect::ToggleHub)),
    ctrl(Key::G, "Ctrl+G", "let the model continue the text", || Command::Continue(Generating::Begin)),
    ctrl(Key::H, "Ctrl+H", "the samples", || Command::ShowSamples),
    plain(Key::PageUp, "PgUp PgDn", "sample before, after", || Command::StepSample(-1)),
    plain(Key::PageDown, "PgUp PgDn", "sample before, after", || Command::StepSample(1)),
    ctrl(Key::S, "Ctrl+S", "save the session", || Command::Do(Effect::Ask(Ask::Session))),
    ctrl(Key::E, "Ctrl+E", "export the figure", || Command::Do(Effect::Ask(Ask::Figure))),
    ctrl(Key::D, "Ctrl+D", "another lane, to compare", || Command::Split),
    ctrl(Key::W, "Ctrl+W", "close the lane", || Command::CloseLane(None)),
    plain(Key::F6, "F6", "next lane", || Command::StepLane(1)),
    ctrl(Key::Z, "Ctrl+Z", "undo", || Command::Do(Effect::Undo)),
    Binding { modifiers: SHIFT_CTRL, key: Key::Z, name: "Ctrl+Shift+Z", action: "redo", command: || Command::Do(Effect::Redo) },
    ctrl(Key::T, "Ctrl+T", "light, dark", || Command::Do(Effect::ToggleTheme)),
    plain(Key::F1, "F1 or ?", "this list", || Command::Do(Effect::ToggleHelp)),
    plain(Key::Questionmark, "F1 or ?", "this list", || Command::Do(Effect::ToggleHelp)),
    plain(Key::F12, "F12", "frame times", || Command::Do(Effect::ToggleDebug)),
];

/// What is done without a key of the table, for the help overlay.
pub const GESTURES: &[(&str, &str)] = &[
    ("Tab, Shift+Tab", "next control, the one before; Enter or Space presses it"),
    ("Ctrl+Enter", "explain the text that is being typed"),
    ("Ctrl+C", "copy the figure"),
    ("Ctrl+V", "open a picture or a text from the clipboard"),
    ("point", "map of the patch or word under the pointer"),
    ("click", "pin a patch or a word; again to let it go"),
    ("right-click", "follow gradients along a patch or a word"),
    ("Shift", "preview others while one is pinned"),
    ("drag, Shift+click", "select a part of a text: which input it was made from"),
    ("double-click", "select a sentence"),
    ("Space+drag", "pan (also the middle button)"),
    ("Ctrl and +  -", "enlarge the window, or make it smaller"),
    ("drop", "an image, a text, a model folder or a session"),
];

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
                let found = BINDINGS.iter().find(|b| b.key == *key && matches(*modifiers, b));
                let found = found.filter(|b| !is_typing || is_no_letter(b));
                let command = found.filter(|_| !(is_arrow && control_focused)).map(|b| (b.command)());
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
fn is_no_letter(binding: &Binding) -> bool {
    binding.modifiers.command && binding.key != Key::Z || matches!(binding.key, Key::F1 | Key::F12)
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
fn matches(held: Modifiers, binding: &Binding) -> bool {
    let ctrl = held.command || held.ctrl;
    let wants_ctrl = binding.modifiers.command;
    let shift_fits = if wants_ctrl { held.shift == binding.modifiers.shift } else { held.shift || !binding.modifiers.shift };
    !held.alt && ctrl == wants_ctrl && shift_fits
}
