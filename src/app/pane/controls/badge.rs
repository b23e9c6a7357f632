//! Whether the open model's numbers can be trusted: one line under its facts.

use eframe::egui::{RichText, Ui};

use crate::app::ask::verification::Badge;
use crate::app::command::{Command, Effect};
use crate::app::widgets::theme;
use crate::engine::Verification;

/// One line, with every check behind it.
pub fn badge_ui(ui: &mut Ui, badge: &Badge, commands: &mut Vec<Command>) {
    let palette = theme::palette(ui.visuals());
    match badge {
        Badge::None => {}
        Badge::Unasked => {
            let button = ui.small_button("Check the numbers");
            let hint = "Checks the backward against differences. Needs three times the model's memory for a while.";
            if button.on_hover_text(hint).clicked() {
                commands.push(Command::Do(Effect::CheckModel));
            }
        }
        Badge::Waiting => {
            ui.label(RichText::new("checking the numbers...").small().color(palette.quiet));
        }
        Badge::Known(found) => {
            let (text, colour) = match found.worst() {
                Some(worst) if !found.holds() => {
                    (format!("Wrong numbers: {} off by {:.0e}", worst.name, worst.error), palette.on_banner)
                }
                Some(worst) => (format!("{}, largest error {:.0e}", found.kind(), worst.error), palette.quiet),
                None => ("nothing to check".to_owned(), palette.quiet),
            };
            ui.label(RichText::new(text).small().color(colour)).on_hover_text(details(found));
        }
        Badge::Refused(err) => {
            ui.label(RichText::new("not checked").small().color(palette.quiet)).on_hover_text(err.to_string());
        }
    }
}

/// Lines that a tooltip has room for.
const MOST_LINES: usize = 16;

fn details(found: &Verification) -> String {
    let rests_on = if found.fixtures.is_empty() {
        "No numbers of PyTorch lie beside this model, so it was checked against itself:".to_owned()
    } else {
        format!("Compared with PyTorch's numbers in {}:", found.fixtures.join(", "))
    };
    let line = |check: &crate::engine::verify::Check| {
        format!("\n{} {}: {:.1e} of {:.0e}", if check.holds() { "ok" } else { "WRONG" }, check.name, check.error, check.allowed)
    };
    let mut checks: Vec<_> = found.checks.iter().collect();
    checks.sort_by(|a, b| (b.error / b.allowed).total_cmp(&(a.error / a.allowed)));
    let lines: String = checks.iter().take(MOST_LINES).map(|check| line(check)).collect();
    let rest = checks.len().saturating_sub(MOST_LINES);
    let rest = if rest > 0 { format!("\nand {rest} with smaller errors") } else { String::new() };
    rests_on + &lines + &rest
}
