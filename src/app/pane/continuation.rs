//! A text that a causal model continues, in the window. The lane names the continuation that is wanted; while it is shorter, the
//! window wishes for one token more than is there, so that words appear one by one and every one of them can be pointed at.

use eframe::egui::{self, Button, DragValue, RichText, Ui};

use crate::app::ask::continuation::{Written, is_same_choice};
use crate::app::command::Command;
use crate::app::command::continuation::Generating;
use crate::app::state::Lane;
use crate::app::widgets::theme;
use crate::domain::request::Generation;
use crate::engine::Ending;

/// Draws the row: begin, stop, discard, and how tokens are chosen.
pub fn generation_ui(ui: &mut Ui, lane: &mut Lane, (written, ending): (Written, Option<Ending>), commands: &mut Vec<Command>) {
    let mut button = |ui: &mut Ui, enabled: bool, (name, tip): (&str, &str), step: Generating| {
        if ui.add_enabled(enabled, Button::new(name)).on_hover_text(tip).clicked() {
            commands.push(Command::Continue(step));
        }
    };
    ui.horizontal_wrapped(|ui| {
        let there = lane.question.generation.filter(|g| is_same_choice(g, &lane.question.sampling));
        if written.growing {
            button(ui, true, ("Stop", "Be content with what is there (Esc)"), Generating::Stop);
        } else {
            let is_over = there.is_some_and(|g| written.tokens < g.tokens);
            let name = if there.is_some() { "Generate more" } else { "Generate" };
            let tip = "Let the model continue the text (Ctrl+G)";
            button(ui, !is_over, (name, tip), Generating::Begin);
        }
        let discard = ("Discard", "Take the continuation away");
        button(ui, lane.question.generation.is_some(), discard, Generating::Discard);
        ui.separator();
        sampling_ui(ui, &mut lane.question.sampling);
        ui.separator();
        let line = state(lane.question.generation, written, ending);
        ui.label(RichText::new(line).color(theme::palette(ui.visuals()).quiet));
    });
}

fn sampling_ui(ui: &mut Ui, sampling: &mut Generation) {
    named_ui(ui, "Tokens", "How many are added at most", |ui| {
        ui.add(DragValue::new(&mut sampling.tokens).range(1..=4096).clamp_existing_to_range(false))
    });
    let tip = "0 is greedy: the most probable token every time. 1 draws as the model was trained";
    named_ui(ui, "Temperature", tip, |ui| {
        let drag =
            DragValue::new(&mut sampling.temperature).range(0.0..=2.0).speed(0.01).max_decimals(2).clamp_existing_to_range(false);
        ui.add(drag.custom_formatter(|t, _| if t == 0.0 { "greedy".to_owned() } else { format!("{t:.2}") }))
    });
    if sampling.temperature > 0.0 {
        // What is dragged to almost nothing is greedy.
        if sampling.temperature < *Generation::TEMPERATURES.start() {
            sampling.temperature = 0.0;
        }
        let tip = "Only the fewest tokens whose probabilities reach this sum are drawn from";
        named_ui(ui, "Top-p", tip, |ui| {
            ui.add(
                DragValue::new(&mut sampling.top_p).range(0.05..=1.0).speed(0.01).max_decimals(2).clamp_existing_to_range(false),
            )
        });
        named_ui(ui, "Seed", "The same seed draws the same tokens", |ui| ui.add(DragValue::new(&mut sampling.seed)));
    }
}

/// A value with its name before it.
fn named_ui(ui: &mut Ui, name: &str, tip: &str, value: impl FnOnce(&mut Ui) -> egui::Response) {
    let label = ui.label(name).on_hover_text(tip);
    value(ui).labelled_by(label.id).on_hover_text(tip);
}

/// How far the continuation is, in words.
fn state(generation: Option<Generation>, written: Written, ending: Option<Ending>) -> String {
    let Some(generation) = generation else { return "The model can continue this text".to_owned() };
    let tokens = written.tokens;
    match (written.growing, ending) {
        (true, _) => format!("{tokens} of {} tokens", generation.tokens),
        (false, _) if tokens >= generation.tokens => format!("Underlined: {tokens} generated tokens"),
        (false, Some(ending)) => format!("Underlined: {tokens} generated tokens; {ending}"),
        (false, None) => format!("Underlined: {tokens} generated tokens; no more follow"),
    }
}
