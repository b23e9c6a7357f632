//! The error that is shown, and how long: until its question is no longer asked, or until the user goes on to something else.

use eframe::egui::{self, RichText, Ui};

use crate::app::ask::refusal;
use crate::app::command::{Command, Effect};
use crate::app::state::{Document, Lane};
use crate::app::widgets::theme;
use crate::domain::Error;
use crate::domain::request::ModelRef;
use crate::domain::request_key::RequestKey;

/// An error on the screen.
#[derive(Debug)]
pub struct Banner {
    /// What is shown.
    pub error: Error,
    /// Whether an input or a model could not be opened.
    pub is_of_opening: bool,
    cause: Cause,
}

/// What an error is about.
#[derive(Debug)]
enum Cause {
    /// The answer to a question, by its key.
    Question(RequestKey),
    /// Something done at this state: a file that was not written, an input that was left again.
    State(Box<Lane>),
}

impl Banner {
    /// The refusal of a question, shown as long as that is asked.
    pub fn of_question(error: Error, key: RequestKey) -> Self {
        Self { error, is_of_opening: false, cause: Cause::Question(key) }
    }

    /// A refusal that is shown until the user asks for something else than `lane` does.
    pub fn at(error: Error, lane: &Lane) -> Self {
        Self { error, is_of_opening: false, cause: Cause::State(Box::new(lane.clone())) }
    }

    /// A refusal to open an input or a model.
    pub fn of_opening(error: Error, lane: &Lane) -> Self {
        Self { is_of_opening: true, ..Self::at(error, lane) }
    }

    /// Returns whether the error still concerns what the user does.
    pub fn is_current(&self, document: &Document, is_asked: impl FnOnce(RequestKey) -> bool) -> bool {
        match &self.cause {
            Cause::Question(key) => is_asked(*key),
            Cause::State(then) => document.lanes.iter().any(|lane| lane.id == then.id && asks_the_same(then, lane)),
        }
    }
}

/// Whether two states differ in nothing but how answers are drawn.
fn asks_the_same(a: &Lane, b: &Lane) -> bool {
    (&a.question, &a.selection, a.look.cut, a.look.matrix) == (&b.question, &b.selection, b.look.cut, b.look.matrix)
}

/// The error, what to do about it, and how to be rid of it.
pub fn banner_ui(ui: &mut Ui, banner: &Banner, model: Option<&ModelRef>, commands: &mut Vec<Command>) {
    let (error, model) = (&banner.error, model.filter(|_| banner.is_of_opening));
    let palette = theme::palette(ui.visuals());
    egui::Frame::new().fill(palette.banner).inner_margin(egui::Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Dismiss").on_hover_text("Esc").clicked() {
                    commands.push(Command::Do(Effect::Dismiss));
                }
                if ui.button("Try again").clicked() {
                    commands.push(Command::Do(Effect::Retry));
                }
                // A model that cannot be opened would meet every input with the same words.
                if model.is_some_and(|model| !model.is_built_in()) && ui.button("Built-in models").clicked() {
                    commands.push(Command::BuiltInModel);
                    commands.push(Command::Do(Effect::Retry));
                }
                if matches!(model, Some(ModelRef::Hub(_))) && ui.button("Hub...").clicked() {
                    commands.push(Command::Do(Effect::ToggleHub));
                }
                ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.visuals_mut().override_text_color = Some(palette.on_banner);
                    let (headline, detail) = refusal::parts(error);
                    ui.add(egui::Label::new(RichText::new(headline).strong().color(palette.on_banner)).wrap());
                    if !detail.is_empty() {
                        ui.add(egui::Label::new(detail).wrap());
                    }
                });
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{Request, Task};

    #[test]
    fn an_error_goes_when_something_else_is_asked() {
        let error = || Error::refused("a.png", "is no picture");
        let before = Lane::default();
        let banner = Banner::at(error(), &before);
        let mut drawn = before.clone();
        drawn.look.outlines = false;
        let mut asked = before.clone();
        asked.question.layer = 3;
        let is_current =
            |banner: &Banner, lane: &Lane, key: RequestKey| banner.is_current(&lane.clone().into(), |asked| asked == key);
        let [key, other] = ["a.png", "b.png"].map(|input| Request::new(Task::Trace, input, "m").key());
        assert!(is_current(&banner, &before, other) && is_current(&banner, &drawn, other));
        assert!(!is_current(&banner, &asked, key));
        let banner = Banner::of_question(error(), key);
        assert!(is_current(&banner, &before, key) && !is_current(&banner, &before, other));
    }
}
