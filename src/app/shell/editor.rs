//! Typing a text: a small editor over the window, and what a pasted text becomes.

use eframe::egui::{self, Button, Context, Id, Key, Modal, Modifiers, RichText, ScrollArea, TextEdit, vec2};

use crate::app::command::open::{MAX_BYTES, typed_input};
use crate::app::state::Lane;
use crate::app::widgets::theme;
use crate::domain::request::Input;
use crate::engine::Scene;

/// A text that is being typed.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    text: String,
    /// The text that it began with.
    before: String,
    /// Whether the keyboard was put on it.
    begun: bool,
}

impl Editor {
    /// Begins with the open text, if one is open.
    pub fn new(lane: &Lane, scene: Option<&Scene>) -> Self {
        let open =
            scene.and_then(|s| s.layout.text.as_ref()).map(|t| t.string[..t.string.len() - t.generated().len()].to_owned());
        let text = match &lane.question.input {
            Some(Input::Text(text)) => text.clone(),
            _ => {
                let open = open.unwrap_or_default();
                open[..open.floor_char_boundary(MAX_BYTES)].trim_end().to_owned()
            }
        };
        Self { begun: false, before: text.clone(), text }
    }

    /// What was typed and not explained, to go on with later; none where nothing was.
    pub fn into_draft(self) -> Option<Self> {
        (self.text != self.before).then_some(Self { begun: false, ..self })
    }
}

/// How the editor is left.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// As if nothing had been typed.
    Cancel,
    /// With a text to explain.
    Explain(Input),
}

/// Draws the editor; says when it is to be closed, and how.
pub fn editor_ui(ctx: &Context, editor: &mut Editor) -> Option<Outcome> {
    let explain = ctx.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
    let width = (ctx.content_rect().width() - 80.0).clamp(200.0, 620.0);
    let modal =
        Modal::new(Id::unique("editor")).frame(egui::Frame::window(&ctx.global_style()).inner_margin(16.0)).show(ctx, |ui| {
            ui.set_width(width);
            ui.label(RichText::new("Type a text").strong().size(17.0));
            ui.add_space(2.0);
            let height = (ctx.content_rect().height() * 0.4).clamp(120.0, 300.0);
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink([false, false]).show(ui, |ui| {
                let edit = TextEdit::multiline(&mut editor.text)
                    .hint_text("A sentence or a few. A model of texts reads some hundreds of words.")
                    .font(egui::FontId::proportional(16.0))
                    .desired_width(f32::INFINITY)
                    .min_size(vec2(0.0, height));
                let edit = ui.add(edit);
                edit.widget_info(|| {
                    let mut info = egui::WidgetInfo::text_edit(true, &editor.text, &editor.text, "");
                    info.label = Some("Text to explain".to_owned());
                    info
                });
                if !editor.begun {
                    editor.begun = true;
                    edit.request_focus();
                }
            });
            ui.add_space(4.0);
            ui.horizontal(|ui| {
                let quiet = theme::palette(ui.visuals()).quiet;
                let count = editor.text.split_whitespace().count();
                ui.label(RichText::new(if count == 1 { "1 word".to_owned() } else { format!("{count} words") }).color(quiet));
                let layout = egui::Layout::right_to_left(egui::Align::Center);
                ui.with_layout(layout, |ui| {
                    let ready = !editor.text.trim().is_empty();
                    let explain = ui.add_enabled(ready, Button::new("Explain")).on_hover_text("Ctrl+Enter").clicked();
                    let cancel = ui.button("Cancel").on_hover_text("Esc").clicked();
                    (explain, cancel)
                })
                .inner
            })
            .inner
        });
    let (clicked, cancelled) = modal.inner;
    match typed_input(&editor.text).filter(|_| explain || clicked) {
        Some(input) => Some(Outcome::Explain(input)),
        None if cancelled || modal.should_close() => Some(Outcome::Cancel),
        None => None,
    }
}
