//! Below a text that a causal model reads: how much less likely it finds the selected span without its strongest sources.

use eframe::egui::{Panel, RichText, Ui};

use super::page::Page;
use crate::app::command::Command;
use crate::app::widgets::theme;
use crate::measure::{Removal, Score, comprehensiveness::NUM_RUNS};

/// The share whose numbers are put in words.
const TOLD_PERCENT: u32 = 10;

/// Draws the panel, for models that predict text. It is there without a span too, so that the text does not move while one is
/// selected.
pub fn panel_ui(ui: &mut Ui, page: Page<'_>, commands: &mut Vec<Command>) {
    if !page.scene.model.is_causal {
        return;
    }
    let frame = theme::panel_frame(ui.style());
    Panel::bottom("score").frame(frame).resizable(false).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            if page.lane.span().is_none() {
                return quiet_ui(ui, "Drag over words, or double-click a sentence, to see which input they were written from");
            }
            let mut measured = page.lane.question.score;
            let tip = format!(
                "Runs the model {NUM_RUNS} times: without the strongest sources of the span, without as many tokens at random, \
                 and with the strongest sources alone"
            );
            if ui.checkbox(&mut measured, "Measure").on_hover_text(tip).changed() {
                commands.push(Command::Measure(measured));
            }
            match (&page.view.score, page.lane.question.score) {
                (Some(score), true) => score_ui(ui, score),
                (None, true) => quiet_ui(ui, "the model is being run without the strongest sources of the span"),
                (_, false) => quiet_ui(ui, "how much less likely the span is without its strongest sources"),
            }
        });
    });
}

fn quiet_ui(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(theme::palette(ui.visuals()).quiet));
}

fn score_ui(ui: &mut Ui, score: &Score) {
    let Some(removal) = score.removals.iter().find(|r| r.percent == TOLD_PERCENT) else { return };
    ui.label(sentence(removal)).on_hover_text(table(score));
}

/// `Without its 10 % strongest sources the span is 5.2 nats a token less likely; without as many at random: 0.8`.
fn sentence(removal: &Removal) -> String {
    let Removal { percent, num_tokens, comprehensiveness, random, .. } = removal;
    let more = if *comprehensiveness < 0.0 { "more" } else { "less" };
    let tokens = if *num_tokens == 1 { "1 token".to_owned() } else { format!("{num_tokens} tokens") };
    format!(
        "Without its {percent} % strongest sources ({tokens}) the span is {:.2} nats a token {more} likely; without as \
         many at random: {random:.2}",
        comprehensiveness.abs()
    )
}

/// Every share, a line each.
fn table(score: &Score) -> String {
    let line = |r: &Removal| {
        let (lost, random, alone) = (r.comprehensiveness, r.random, r.sufficiency);
        format!("{} % ({}): {lost:.2} without them, {random:.2} at random, {alone:.2} with them alone", r.percent, r.num_tokens)
    };
    let head = format!("Lost log probability, nats a token; {:.2} with all {} tokens", score.log_probability, score.num_context);
    let lines: Vec<String> = std::iter::once(head).chain(score.removals.iter().map(line)).collect();
    lines.join("\n")
}
