//! The commands that have a name, as one table: what they are called, their keys, and what they do. Keys, menus, buttons, tips and
//! the key list are made of it, so that they cannot drift apart.

use eframe::egui::{Key, Modifiers};

use super::continuation::Generating;
use super::effect::{Effect, FileDialog};
use super::wish::Command;
use crate::app::state::Mode;

/// Names a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandId {
    /// Select upwards.
    SelectUp,
    /// Select downwards.
    SelectDown,
    /// Select to the left.
    SelectLeft,
    /// Select to the right.
    SelectRight,
    /// Token above.
    MoveUp,
    /// Token below.
    MoveDown,
    /// Token at the left.
    MoveLeft,
    /// Token at the right.
    MoveRight,
    /// Let go.
    Escape,
    /// Layer below.
    LayerDown,
    /// Layer above.
    LayerUp,
    /// Head before.
    HeadBefore,
    /// Head after.
    HeadAfter,
    /// Show the heatmap.
    Heatmap,
    /// Show segments.
    Segments,
    /// Let the model continue the text.
    Continue,
    /// Overlay on or off.
    Overlay,
    /// Grid on or off.
    Grid,
    /// Charts and tables on or off.
    Exhibits,
    /// Tokens by layers on or off.
    Matrix,
    /// Zoom in.
    ZoomIn,
    /// Zoom out.
    ZoomOut,
    /// The whole picture.
    ResetView,
    /// Whole screen.
    FullScreen,
    /// Light or dark window.
    Theme,
    /// Frame times.
    Debug,
    /// Open an image or a text.
    OpenInput,
    /// Open a model folder.
    OpenModel,
    /// Type a text.
    TypeText,
    /// Models from the hub.
    Hub,
    /// Samples.
    Samples,
    /// Sample before.
    SampleBefore,
    /// Sample after.
    SampleAfter,
    /// Open a session.
    OpenSession,
    /// Save the session.
    SaveSession,
    /// Export.
    Export,
    /// Compare.
    Split,
    /// Close the lane.
    CloseLane,
    /// Next lane.
    NextLane,
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Help.
    Help,
}

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Tokens and selections.
    Select,
    /// What is asked.
    Question,
    /// How it is shown.
    View,
    /// Files and models.
    File,
    /// Lanes beside each other.
    Lanes,
    /// Steps of the work.
    Edit,
    /// The program itself.
    Help,
}

/// A key and what is held with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Held with it.
    pub modifiers: Modifiers,
    /// The key.
    pub key: Key,
}

/// A command with its name and its keys.
#[derive(Clone, Copy, Debug)]
pub struct CommandInfo {
    /// Which one.
    pub id: CommandId,
    /// What it is about.
    pub group: Group,
    /// Its name on buttons and in menus.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [Chord],
    /// These keys in words; commands of one line share them. Empty where there are none.
    pub shown: &'static str,
    /// What the line of the key list says.
    pub line: &'static str,
    /// Makes it.
    pub command: fn() -> Command,
}

impl CommandInfo {
    /// Its tip: what it does, and its keys.
    pub fn tip(&self) -> String {
        if self.shown.is_empty() {
            self.title.to_owned()
        } else {
            format!("{} ({})", self.title.trim_end_matches("..."), self.shown)
        }
    }
}

/// The row of a command.
pub fn info(id: CommandId) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|info| info.id == id)
}

const fn plain(key: Key) -> Chord {
    Chord { modifiers: Modifiers::NONE, key }
}

const fn ctrl(key: Key) -> Chord {
    Chord { modifiers: Modifiers::COMMAND, key }
}

const fn shift(key: Key) -> Chord {
    Chord { modifiers: Modifiers::SHIFT, key }
}

const fn shift_ctrl(key: Key) -> Chord {
    Chord { modifiers: Modifiers { alt: false, ctrl: false, shift: true, mac_cmd: false, command: true }, key }
}

type Keys = (&'static [Chord], &'static str, &'static str);

const fn row(
    id: CommandId,
    group: Group,
    title: &'static str,
    (keys, shown, line): Keys,
    command: fn() -> Command,
) -> CommandInfo {
    CommandInfo { id, group, title, keys, shown, line, command }
}

/// Every command that has a name; of two whose keys fit, the first counts.
#[rustfmt::skip]
pub const COMMANDS: &[CommandInfo] = &[
    row(CommandId::SelectUp, Group::Select, "Select upwards", (&[shift(Key::ArrowUp)], "Shift+arrows", "select a part of a text"), || Command::GrowSpan { rows: -1, cols: 0 }),
    row(CommandId::SelectDown, Group::Select, "Select downwards", (&[shift(Key::ArrowDown)], "Shift+arrows", "select a part of a text"), || Command::GrowSpan { rows: 1, cols: 0 }),
    row(CommandId::SelectLeft, Group::Select, "Select to the left", (&[shift(Key::ArrowLeft)], "Shift+arrows", "select a part of a text"), || Command::GrowSpan { rows: 0, cols: -1 }),
    row(CommandId::SelectRight, Group::Select, "Select to the right", (&[shift(Key::ArrowRight)], "Shift+arrows", "select a part of a text"), || Command::GrowSpan { rows: 0, cols: 1 }),
    row(CommandId::MoveUp, Group::Select, "Token above", (&[plain(Key::ArrowUp)], "arrows", "move the pinned token"), || Command::MovePin { rows: -1, cols: 0 }),
    row(CommandId::MoveDown, Group::Select, "Token below", (&[plain(Key::ArrowDown)], "arrows", "move the pinned token"), || Command::MovePin { rows: 1, cols: 0 }),
    row(CommandId::MoveLeft, Group::Select, "Token at the left", (&[plain(Key::ArrowLeft)], "arrows", "move the pinned token"), || Command::MovePin { rows: 0, cols: -1 }),
    row(CommandId::MoveRight, Group::Select, "Token at the right", (&[plain(Key::ArrowRight)], "arrows", "move the pinned token"), || Command::MovePin { rows: 0, cols: 1 }),
    row(CommandId::Escape, Group::Select, "Let go", (&[plain(Key::Escape)], "Esc", "let the pinned token or the selection go"), || Command::Escape),
    row(CommandId::LayerDown, Group::Question, "Layer below", (&[plain(Key::OpenBracket)], "[  ]", "layer down, up"), || Command::StepLayer(-1)),
    row(CommandId::LayerUp, Group::Question, "Layer above", (&[plain(Key::CloseBracket)], "[  ]", "layer down, up"), || Command::StepLayer(1)),
    row(CommandId::HeadBefore, Group::Question, "Head before", (&[plain(Key::Comma)], ",  .", "head before, after"), || Command::StepHead(-1)),
    row(CommandId::HeadAfter, Group::Question, "Head after", (&[plain(Key::Period)], ",  .", "head before, after"), || Command::StepHead(1)),
    row(CommandId::Heatmap, Group::Question, "Show the heatmap", (&[plain(Key::Num1)], "1  2", "heatmap, segments (also S)"), || Command::Show(Mode::Heatmap)),
    row(CommandId::Segments, Group::Question, "Show segments", (&[plain(Key::Num2), plain(Key::S)], "1  2", "heatmap, segments (also S)"), || Command::Show(Mode::Segments)),
    row(CommandId::Continue, Group::Question, "Let the model continue the text", (&[ctrl(Key::G)], "Ctrl+G", "let the model continue the text"), || Command::Continue(Generating::Begin)),
    row(CommandId::Overlay, Group::View, "Overlay on or off", (&[plain(Key::H), plain(Key::V)], "H or V", "overlay on, off"), || Command::ToggleOverlay),
    row(CommandId::Grid, Group::View, "Grid on or off", (&[plain(Key::G)], "G", "grid on, off"), || Command::ToggleGrid),
    row(CommandId::Exhibits, Group::View, "Charts and tables on or off", (&[plain(Key::E)], "E", "charts and tables"), || Command::ToggleExhibits),
    row(CommandId::Matrix, Group::View, "Tokens by layers on or off", (&[plain(Key::M)], "M", "tokens by layers"), || Command::ToggleMatrix),
    row(CommandId::ZoomIn, Group::View, "Zoom in", (&[plain(Key::Plus), plain(Key::Equals)], "+  -", "zoom (also Ctrl+wheel, pinch)"), || Command::Do(Effect::Zoom(1.25))),
    row(CommandId::ZoomOut, Group::View, "Zoom out", (&[plain(Key::Minus)], "+  -", "zoom (also Ctrl+wheel, pinch)"), || Command::Do(Effect::Zoom(0.8))),
    row(CommandId::ResetView, Group::View, "The whole picture", (&[plain(Key::R)], "R", "the whole picture"), || Command::Do(Effect::ResetView)),
    row(CommandId::FullScreen, Group::View, "Whole screen", (&[plain(Key::F)], "F", "whole screen"), || Command::Do(Effect::ToggleFullScreen)),
    row(CommandId::Theme, Group::View, "Light or dark window", (&[ctrl(Key::T)], "Ctrl+T", "light, dark"), || Command::Do(Effect::ToggleTheme)),
    row(CommandId::Debug, Group::View, "Frame times", (&[plain(Key::F12)], "F12", "frame times"), || Command::Do(Effect::ToggleDebug)),
    row(CommandId::OpenInput, Group::File, "Open an image or a text...", (&[ctrl(Key::O)], "Ctrl+O", "open an image or a text"), || Command::Do(Effect::Ask(FileDialog::Input))),
    row(CommandId::OpenModel, Group::File, "Open a model folder...", (&[shift_ctrl(Key::O)], "Ctrl+Shift+O", "open a model folder"), || Command::Do(Effect::Ask(FileDialog::Model))),
    row(CommandId::TypeText, Group::File, "Type a text...", (&[plain(Key::T)], "T", "type a text"), || Command::Do(Effect::TypeText)),
    row(CommandId::Hub, Group::File, "Models from the hub...", (&[ctrl(Key::M)], "Ctrl+M", "models from the hub"), || Command::Do(Effect::ToggleHub)),
    row(CommandId::Samples, Group::File, "Samples", (&[ctrl(Key::H)], "Ctrl+H", "the samples"), || Command::ShowSamples),
    row(CommandId::SampleBefore, Group::File, "Sample before", (&[plain(Key::PageUp)], "PgUp PgDn", "sample before, after"), || Command::StepSample(-1)),
    row(CommandId::SampleAfter, Group::File, "Sample after", (&[plain(Key::PageDown)], "PgUp PgDn", "sample before, after"), || Command::StepSample(1)),
    row(CommandId::OpenSession, Group::File, "Open a session...", (&[], "", ""), || Command::Do(Effect::Ask(FileDialog::OpenSession))),
    row(CommandId::SaveSession, Group::File, "Save the session...", (&[ctrl(Key::S)], "Ctrl+S", "save the session"), || Command::Do(Effect::Ask(FileDialog::Session))),
    row(CommandId::Export, Group::File, "Export...", (&[ctrl(Key::E)], "Ctrl+E", "export the figure"), || Command::Do(Effect::Ask(FileDialog::Figure))),
    row(CommandId::Split, Group::Lanes, "Compare", (&[ctrl(Key::D)], "Ctrl+D", "another lane, to compare"), || Command::Split),
    row(CommandId::CloseLane, Group::Lanes, "Close the lane", (&[ctrl(Key::W)], "Ctrl+W", "close the lane"), || Command::CloseLane(None)),
    row(CommandId::NextLane, Group::Lanes, "Next lane", (&[plain(Key::F6)], "F6", "next lane"), || Command::StepLane(1)),
    row(CommandId::Undo, Group::Edit, "Undo", (&[ctrl(Key::Z)], "Ctrl+Z", "undo"), || Command::Do(Effect::Undo)),
    row(CommandId::Redo, Group::Edit, "Redo", (&[shift_ctrl(Key::Z)], "Ctrl+Shift+Z", "redo"), || Command::Do(Effect::Redo)),
    row(CommandId::Help, Group::Help, "Help", (&[plain(Key::F1), plain(Key::Questionmark)], "F1 or ?", "this list"), || Command::Do(Effect::ToggleHelp)),
];

/// What is done without a key of the table, for the help overlay.
pub const GESTURES: &[(&str, &str)] = &[
    ("Tab, Shift+Tab", "next control; Enter presses it"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_one_row_and_no_key_two_commands() {
        for (n, info) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..n].iter().all(|other| other.id != info.id && other.title != info.title), "{:?}", info.id);
            assert_eq!(info.keys.is_empty(), info.shown.is_empty(), "{:?}", info.id);
            for chord in info.keys {
                let before = COMMANDS[..n].iter().flat_map(|other| other.keys);
                assert!(before.into_iter().all(|other| other != chord), "{chord:?} is taken");
            }
        }
    }

    #[test]
    fn every_line_of_the_key_list_has_one_meaning() {
        for info in COMMANDS.iter().filter(|info| !info.shown.is_empty()) {
            let same = COMMANDS.iter().filter(|other| other.shown == info.shown);
            assert!(same.into_iter().all(|other| other.line == info.line), "{}", info.shown);
        }
    }
}
