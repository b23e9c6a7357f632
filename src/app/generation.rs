//! A text that a causal model continues, in the window. The session names the continuation that is wanted; while it is shorter, the
//! window wishes for one token more than is there, so that words appear one by one and every one of them can be pointed at.

use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{self, Button, DragValue, Painter, Rect, RichText, Stroke, Ui};

use super::command::{Around, Command};
use super::session::Session;
use super::{App, theme};
use crate::domain::request::{Generation, Request, Rows, Task};
use crate::engine::{Continuation, Ending, Reply, Scene};
use crate::method::{Reach, Uses};

/// What the user asks of a continuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generating {
    /// Begin, or add more.
    Begin,
    /// Be content with what is there.
    Stop,
    /// Take it away.
    Discard,
}

/// What of a continuation is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Tokens.
    pub tokens: usize,
    /// Whether more are on their way.
    pub growing: bool,
}

impl Session {
    /// The open text with so many tokens added.
    pub fn generate_request(&self, tokens: usize) -> Option<Request> {
        let generation = self.generation.map(|g| Generation { tokens, ..g }.canonical())?;
        Some(Request { task: Task::Generate, generation: Some(generation), ..self.prompt_request()? })
    }

    /// The same session with no more of the continuation than the token at `position` needs: a causal model's token has seen
    /// nothing after itself, so its map is the same in the shorter text, and stays so while the text grows.
    #[must_use]
    pub fn up_to(&self, scene: &Scene, position: usize) -> Self {
        let seam = scene.layout.text.as_ref().and_then(|text| text.generated_from);
        let tokens = seam.map_or(0, |seam| (position + 1).saturating_sub(seam.position));
        let generation = self.generation.filter(|_| tokens > 0).map(|g| Generation { tokens, ..g });
        Self { generation, ..self.clone() }
    }

    /// The wishes while a text grows: that it is open, the map of what is pinned or selected, and so many tokens.
    pub fn wanted_while_growing(&self, scene: Option<&Scene>, tokens: usize) -> Vec<Request> {
        let Some(prompt) = self.prompt_request() else { return Vec::new() };
        let mut wishes = vec![prompt];
        let pinned = |scene: &Scene| self.pinned.as_ref().and_then(|token| scene.layout.resolve(token).ok());
        let last = |scene: &Scene| self.span.map(|span| span.to.saturating_sub(1)).or_else(|| pinned(scene));
        if let Some((scene, position)) = scene.and_then(|scene| Some((scene, last(scene)?))) {
            let shorter = self.up_to(scene, position);
            let has_table = self.info().is_some_and(|info| info.reach == Reach::Rows && !info.uses(Uses::Rows));
            wishes.extend(match (self.span.is_some(), has_table) {
                (true, _) => shorter.span_request(scene, Rows::Some(1)),
                (false, false) => shorter.single_request(scene),
                (false, true) => shorter.table_request(scene),
            });
        }
        wishes.extend(self.generate_request(tokens));
        wishes
    }

    /// Whether `continuation` is the beginning of what the session wants, or all of it.
    fn is_served_by(&self, continuation: &Continuation) -> bool {
        let tokens = continuation.request.generation.map_or(0, |g| g.tokens);
        self.generation.is_some_and(|g| tokens <= g.tokens)
            && self.generate_request(tokens).is_some_and(|request| request == continuation.request)
    }
}

impl Generating {
    /// Changes the session.
    pub fn apply(self, session: &mut Session, scene: Option<&Scene>, around: Around) {
        let Written { tokens, growing } = around.written;
        match self {
            Self::Begin if growing || !scene.is_some_and(|s| s.model.is_causal) => {}
            Self::Begin => {
                let goes_on = session.generation.filter(|g| is_same_choice(g, &session.sampling));
                if goes_on.is_none_or(|g| tokens >= g.tokens) {
                    let there = goes_on.map_or(0, |_| tokens);
                    session.generation =
                        Some(Generation { tokens: there.saturating_add(session.sampling.tokens), ..session.sampling });
                }
            }
            Self::Stop => {
                session.generation = session.generation.filter(|_| tokens > 0).map(|g| Generation { tokens, ..g });
            }
            Self::Discard => {
                let seam = scene.and_then(|s| s.layout.text.as_ref()).and_then(|text| text.generated_from);
                let pinned = scene.zip(session.pinned.as_ref()).and_then(|(s, token)| s.layout.resolve(token).ok());
                if pinned.zip(seam).is_some_and(|(pinned, seam)| pinned >= seam.position) {
                    session.pinned = None;
                }
                session.span = session.span.filter(|span| seam.is_none_or(|seam| span.to <= seam.position));
                session.generation = None;
            }
        }
    }
}

/// Whether tokens are chosen alike, however many.
fn is_same_choice(a: &Generation, b: &Generation) -> bool {
    let of = |g: &Generation| Generation { tokens: 0, ..*g }.canonical();
    of(a) == of(b)
}

impl App {
    /// The newest part of the continuation, if the session wants one.
    pub(super) fn continuation(&self) -> Option<&Arc<Continuation>> {
        self.continuation.as_ref().filter(|c| self.session.is_served_by(c))
    }

    /// What of the continuation is there.
    pub(super) fn written(&self) -> Written {
        let Some(generation) = self.session.generation else { return Written::default() };
        if let Some(scene) = self.session.trace_request().and_then(|r| self.answers.scene(&r)) {
            return Written { tokens: num_generated(scene), growing: false };
        }
        let there = self.continuation();
        let tokens = there.map_or(0, |c| c.num_generated());
        Written { tokens, growing: tokens < generation.tokens && there.is_none_or(|c| c.ending == Ending::Count) }
    }

    /// How many tokens are asked for next: a few more than are there, as many as come in about a tenth of a second.
    pub(super) fn next_tokens(&self) -> usize {
        let wanted = self.session.generation.map_or(0, |generation| generation.tokens);
        (self.written().tokens + self.pace.tokens).min(wanted)
    }

    /// Takes what came of the continuation; a refusal ends it.
    pub(super) fn receive_continuation(&mut self, reply: &Reply, continuation: Option<&Arc<Continuation>>) {
        if let Some(continuation) = continuation {
            if self.session.is_served_by(continuation) {
                self.pace.keep(continuation.num_generated());
                self.continuation = Some(continuation.clone());
            }
            return;
        }
        let next = self.session.generate_request(self.next_tokens());
        let whole = self.session.generation.and(self.session.trace_request());
        if [next, whole].into_iter().flatten().any(|request| request.key() == reply.key) {
            self.session.generation = None;
            self.history.amend(&self.session);
        }
    }
}

/// How many tokens are asked for at a time.
#[derive(Debug)]
pub struct Pace {
    tokens: usize,
    /// When the last ones came, and how many there were then.
    last: Option<(Instant, usize)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { tokens: 1, last: None }
    }
}

/// The first tokens come one by one: there is something to read.
const ONE_BY_ONE: usize = 16;

impl Pace {
    /// A frame passes between two answers, however quick the model is: quick ones are asked for more at a time.
    fn keep(&mut self, there: usize) {
        let now = Instant::now();
        let last = self.last.replace((now, there));
        let Some((then, _)) = last.filter(|&(_, before)| before < there && there >= ONE_BY_ONE) else {
            self.tokens = 1;
            return;
        };
        match now.duration_since(then).as_millis() {
            0..100 => self.tokens = (self.tokens * 2).min(8),
            100..300 => {}
            _ => self.tokens = (self.tokens / 2).max(1),
        }
    }
}

/// Tokens of a scene that a model added.
fn num_generated(scene: &Scene) -> usize {
    let seam = scene.layout.text.as_ref().and_then(|text| text.generated_from);
    seam.map_or(0, |seam| scene.layout.len().saturating_sub(seam.position))
}

/// Draws the row: begin, stop, discard, and how tokens are chosen.
pub fn generation_ui(
    ui: &mut Ui,
    session: &mut Session,
    (written, ending): (Written, Option<Ending>),
    commands: &mut Vec<Command>,
) {
    let mut button = |ui: &mut Ui, enabled: bool, (name, tip): (&str, &str), step: Generating| {
        if ui.add_enabled(enabled, Button::new(name)).on_hover_text(tip).clicked() {
            commands.push(Command::Continue(step));
        }
    };
    ui.horizontal_wrapped(|ui| {
        let there = session.generation.filter(|g| is_same_choice(g, &session.sampling));
        if written.growing {
            button(ui, true, ("Stop", "Be content with what is there (Esc)"), Generating::Stop);
        } else {
            let is_over = there.is_some_and(|g| written.tokens < g.tokens);
            let name = if there.is_some() { "Generate more" } else { "Generate" };
            let tip = "Let the model continue the text (Ctrl+G)";
            button(ui, !is_over, (name, tip), Generating::Begin);
        }
        let discard = ("Discard", "Take the continuation away");
        button(ui, session.generation.is_some(), discard, Generating::Discard);
        ui.separator();
        sampling_ui(ui, &mut session.sampling);
        ui.separator();
        let line = state(session.generation, written, ending);
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

/// The line under a token that the model added, in the ink of quiet letters: it tells without colour.
pub fn paint_generated(painter: &Painter, token: Rect, visuals: &egui::Visuals) {
    let ink = theme::palette(visuals).quiet;
    painter.hline(token.x_range(), (token.bottom() + 2.5).round() + 0.5, Stroke::new(1.0, ink));
}
