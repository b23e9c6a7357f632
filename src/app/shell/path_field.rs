//! Naming a file or a folder inside the window, for desktops that have no file dialog: a path is typed, and a list completes it.

use std::path::{PathBuf, is_separator};

use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{
    Align, Button, Context, Event, Frame, Id, Key, Layout, Modal, Modifiers, RichText, ScrollArea, TextEdit, Ui, WidgetInfo,
};

use listing::Listing;

mod deed;
mod listing;
#[cfg(test)]
mod tests;

/// Rows that the list shows at most.
const MAX_ROWS: usize = 200;

/// What is to be named. Endings are written without a dot; none at all means any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// A file that exists. The list leaves out other endings; a name typed in full is taken with any.
    File {
        /// Of the names that the list shows.
        endings: &'static [&'static str],
    },
    /// A folder that exists.
    Folder,
    /// A file to write.
    NewFile {
        /// Of the names that are taken.
        endings: &'static [&'static str],
    },
}

/// How the dialog is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With a path.
    Chosen(PathBuf),
    /// Without one.
    Cancelled,
}

/// A dialog that asks for a path.
#[derive(Debug)]
pub struct PathField {
    /// What the dialog is for.
    title: String,
    /// What is to be named.
    wants: Wants,
    /// Where relative paths begin.
    base: PathBuf,
    /// What is typed.
    text: String,
    /// Paths that their texts cannot spell, such as names that are not UTF-8.
    exact: Vec<(String, PathBuf)>,
    /// The folder that the text names.
    listing: Listing,
    /// Entries of the listing that fit the text.
    rows: Vec<usize>,
    /// The row under the arrow keys.
    selected: Option<usize>,
    /// Whether the list has yet to scroll to that row.
    reveal: bool,
    /// The file that one more Enter replaces.
    asked: Option<PathBuf>,
    /// What the last deed was refused for.
    note: Option<String>,
    /// Whether the keyboard was put on the field.
    begun: bool,
    /// Whether the text was written by the dialog, so that the cursor belongs behind it.
    rewritten: bool,
}

/// What the user does with the dialog.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Presses Enter.
    Enter,
    /// Clicks a row.
    Click(usize),
    /// Presses Tab.
    Complete,
    /// Chooses the folder itself.
    ChooseFolder,
    /// Leaves.
    Cancel,
}

impl PathField {
    /// Opens the dialog at a folder, or at a folder and a suggested name.
    pub fn new(title: impl Into<String>, wants: Wants, start: PathBuf) -> Self {
        let start = std::path::absolute(&start).or_else(|_| std::env::current_dir()).unwrap_or(start);
        let (base, name) = match (start.parent(), start.file_name()) {
            (Some(parent), Some(name)) if !start.is_dir() => (parent.to_owned(), Some(name.to_owned())),
            _ => (start, None),
        };
        let listing = Listing::read(base.clone());
        let mut field = Self {
            title: title.into(),
            wants,
            base: base.clone(),
            text: String::new(),
            exact: Vec::new(),
            listing,
            rows: Vec::new(),
            selected: None,
            reveal: false,
            asked: None,
            note: None,
            begun: false,
            rewritten: true,
        };
        let folder = listing::spell(base.as_os_str());
        let folder = if folder.ends_with(is_separator) { folder } else { folder + "/" };
        field.write(folder.clone(), base.clone());
        if let Some(name) = name {
            field.write(folder + &listing::spell(&name), base.join(name));
        }
        field
    }

    /// Draws the dialog; answers in the frame in which it is to be closed.
    pub fn show(&mut self, ctx: &Context) -> Option<Answer> {
        let pressed = self.read_keys(ctx);
        let width = (ctx.content_rect().width() - 80.0).clamp(200.0, 620.0);
        let frame = Frame::window(&ctx.global_style()).inner_margin(16.0);
        let modal = Modal::new(Id::unique("path_field")).frame(frame).show(ctx, |ui| {
            ui.set_width(width);
            ui.label(RichText::new(&self.title).strong().size(17.0));
            ui.add_space(2.0);
            self.field_ui(ui);
            ui.add_space(4.0);
            let row = self.list_ui(ui);
            ui.label(RichText::new(self.complaint().unwrap_or_default()).color(ui.visuals().error_fg_color));
            ui.add_space(4.0);
            row.or(self.buttons_ui(ui))
        });
        let leave = modal.should_close().then_some(Deed::Cancel);
        let chosen = match leave.or(modal.inner).or(pressed)? {
            Deed::Cancel => return Some(Answer::Cancelled),
            Deed::Enter => self.enter(),
            Deed::Click(row) => self.take(row),
            Deed::ChooseFolder => self.choose_folder(),
            Deed::Complete => {
                self.complete();
                None
            }
        };
        ctx.request_repaint();
        // Without a slash at the end and the like, which the text may have.
        chosen.map(|path| Answer::Chosen(path.components().collect()))
    }

    /// Takes the keys that are not for the text: before the field sees them, as it would end the typing at Enter.
    fn read_keys(&mut self, ctx: &Context) -> Option<Deed> {
        let elsewhere = ctx.memory(|m| m.focused().is_some_and(|id| id != field_id()));
        // In the first frame, Enter may still be the one that opened the dialog.
        if !self.begun || elsewhere {
            return None;
        }
        ctx.input_mut(|i| {
            let last = self.rows.len().min(MAX_ROWS).checked_sub(1);
            for _ in 0..i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown) {
                self.select(self.selected.map_or(Some(0), |row| Some(row + 1)).min(last));
            }
            for _ in 0..i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp) {
                self.select(self.selected.and_then(|row| row.checked_sub(1)));
            }
            let complete = i.consume_key(Modifiers::NONE, Key::Tab);
            // A key held down is no second answer.
            let fresh = |e: &Event| matches!(e, Event::Key { key: Key::Enter, pressed: true, repeat: false, .. });
            let fresh = i.events.iter().any(fresh);
            let choose = i.consume_key(Modifiers::COMMAND, Key::Enter) && fresh;
            let enter = i.consume_key(Modifiers::NONE, Key::Enter) && fresh;
            match self.wants {
                Wants::Folder if choose => Some(Deed::ChooseFolder),
                _ if enter => Some(Deed::Enter),
                _ => complete.then_some(Deed::Complete),
            }
        })
    }

    /// Moves to a row, or off the list.
    fn select(&mut self, row: Option<usize>) {
        (self.selected, self.reveal, self.note, self.asked) = (row, true, None, None);
    }

    /// Draws the text field, and follows what is typed in it.
    fn field_ui(&mut self, ui: &mut Ui) {
        let id = field_id();
        if std::mem::take(&mut self.rewritten) {
            // Begins anew: else undoing would bring back what an earlier dialog was told.
            let old = TextEditState::load(ui.ctx(), id).filter(|_| self.begun);
            let mut state = old.unwrap_or_default();
            state.cursor.set_char_range(Some(CCursorRange::one(CCursor::end_of_str(&self.text))));
            state.store(ui.ctx(), id);
        }
        let edit = TextEdit::singleline(&mut self.text).id(id).lock_focus(true).return_key(None).desired_width(f32::INFINITY);
        let edit = ui.add(edit);
        edit.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &self.text, &self.text, "");
            info.label = Some("Path".to_owned());
            info
        });
        if !self.begun || ui.memory(|m| m.focused().is_none()) {
            self.begun = true;
            edit.request_focus();
        }
        if edit.changed() {
            self.follow();
        }
    }

    /// Draws the list; says which row was clicked.
    fn list_ui(&mut self, ui: &mut Ui) -> Option<Deed> {
        let height = (ui.ctx().content_rect().height() * 0.4).clamp(80.0, 300.0);
        let reveal = std::mem::take(&mut self.reveal);
        let area = ScrollArea::vertical().id_salt(&self.listing.path).auto_shrink([false, false]);
        let area = area.max_height(height).min_scrolled_height(height);
        let list = |ui: &mut Ui| {
            let mut clicked = None;
            for row in 0..self.rows.len().min(MAX_ROWS) {
                let Some(entry) = self.entry(row) else { continue };
                let button = ui.add(Button::selectable(self.selected == Some(row), entry.label()).truncate());
                if reveal && self.selected == Some(row) {
                    button.scroll_to_me(None);
                }
                // The second click of two would meet the list of the folder that the first one opened.
                if button.clicked() && !button.double_clicked() && !button.triple_clicked() {
                    clicked = Some(Deed::Click(row));
                }
            }
            self.rest().map(|rest| ui.weak(rest));
            clicked
        };
        area.show(ui, |ui| ui.with_layout(Layout::top_down_justified(Align::LEFT), list).inner).inner
    }

    /// Draws the buttons; says which was pressed.
    fn buttons_ui(&self, ui: &mut Ui) -> Option<Deed> {
        let (name, keys, deed) = match self.wants {
            Wants::File { .. } => ("Choose", "Enter", Deed::Enter),
            Wants::NewFile { .. } => ("Save", "Enter", Deed::Enter),
            Wants::Folder => ("Choose this folder", "Ctrl+Enter", Deed::ChooseFolder),
        };
        let buttons = |ui: &mut Ui| {
            let chosen = ui.button(name).on_hover_text(keys).clicked();
            let cancelled = ui.button("Cancel").on_hover_text("Esc").clicked();
            if cancelled { Some(Deed::Cancel) } else { chosen.then_some(deed) }
        };
        ui.horizontal(|ui| {
            ui.weak("Arrows move, Tab completes, Enter opens");
            ui.with_layout(Layout::right_to_left(Align::Center), buttons).inner
        })
        .inner
    }
}

/// Returns the identity of the text field.
fn field_id() -> Id {
    Id::unique("path_field_text")
}
