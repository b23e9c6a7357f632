//! What a frame of the window costs with a text of 512 tokens and a model of 24 layers: at rest, while the pointer moves over the
//! words, while the text scrolls, and with the matrix of tokens by layers below it. Answers come from a script; layout, interaction
//! and tessellation are what is measured. Needs no display.
//!
//!     cargo bench --bench frames

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, Event, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, pos2, vec2};
use tokenscope::app::state::MatrixLook;
use tokenscope::app::{App, Document, Lane};
use tokenscope::domain::request::{Input, Request, Task, Tokens};
use tokenscope::domain::request_key::RequestKey;
use tokenscope::domain::text::{Piece, Text};
use tokenscope::domain::token::TokenLayout;
use tokenscope::domain::{Notices, Progress};
use tokenscope::engine::{Explanation, ModelFacts, Oracle, Output, Reply, Scene};
use tokenscope::method;
use tokenscope::model::Digest;

const TOKENS: usize = 512;
const LAYERS: usize = 24;
const FRAMES: usize = 400;
const SIZE: [f32; 2] = [1440.0, 900.0];

fn scene() -> Arc<Scene> {
    let words = ["river", "of", "understanding", "a", "bank", "walked,", "the", "money."];
    let mut text = Text { string: String::new(), pieces: Vec::new(), cut_at: None, generated_from: None, notices: Vec::new() };
    for word in 0..TOKENS {
        let start = text.string.len();
        text.string += words[word * 7 % words.len()];
        let span = start..text.string.len();
        text.pieces.push(Piece { piece: text.string[span.clone()].to_owned(), span, special: false, word: Some(word) });
        text.string.push(' ');
    }
    let model = ModelFacts {
        name: "script".to_owned(),
        folder: None,
        family: "bert".to_owned(),
        tower: None,
        takes_phrases: false,
        num_layers: LAYERS,
        num_heads: 16,
        width: 1024,
        patch_size: 0,
        is_post_norm: true,
        is_causal: false,
        num_classes: 0,
        scoring: tokenscope::engine::Scoring::OneOf,
        scores_words: false,
        num_parameters: 1,
        sha256: Digest::known(String::new()),
    };
    Arc::new(Scene {
        photo: None,
        layout: TokenLayout::text(Arc::new(text)),
        model,
        predictions: Vec::new(),
        notices: Notices::default(),
    })
}

/// Answers at once.
struct Script(Arc<Scene>, Vec<Reply>);

impl Script {
    fn answer(&self, request: &Request) -> Option<Output> {
        let scene = self.0.clone();
        if request.task == Task::Trace {
            return Some(Output::Scene(scene));
        }
        let positions: Vec<usize> = match &request.tokens {
            Tokens::All => (0..TOKENS).collect(),
            Tokens::These(tokens) => tokens.iter().map(|t| scene.layout.resolve(t)).collect::<Result<_, _>>().ok()?,
            Tokens::Span(span) => vec![span.from],
        };
        let layer = usize::try_from(request.layer).ok()?;
        let value = |p: usize, t: usize| ((p * 31 + t * 17 + layer * 7) % 101) as f32 / 101.0;
        let relevance = positions.iter().flat_map(|&p| (0..TOKENS).map(move |t| value(p, t))).collect();
        let method = method::by_id(&request.method).ok()?.info();
        let request = request.clone();
        Some(Output::Explanation(Arc::new(Explanation {
            request,
            scene,
            method,
            layer,
            positions,
            relevance,
            layers: None,
            score: None,
            matches: Vec::new(),
            shown: Arc::default(),
        })))
    }
}

impl Oracle for Script {
    fn wish(&mut self, wishes: Vec<Request>) {
        let answers = wishes.iter().filter_map(|r| Some(Reply { key: r.key(), result: Ok(self.answer(r)?) }));
        self.1 = answers.collect();
    }

    fn poll(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.1)
    }

    fn running(&self) -> Option<(RequestKey, Progress)> {
        None
    }
}

struct Stage {
    ctx: egui::Context,
    app: App,
    frame: usize,
}

impl Stage {
    fn new(matrix: MatrixLook, lanes: usize) -> Self {
        let scene = scene();
        let string = scene.layout.text.as_ref().map_or_else(String::new, |t| t.string.clone());
        let mut session = Lane::default();
        session.question.input = Some(Input::Text(string));
        session.look.matrix = matrix;
        let ctx = egui::Context::default();
        let mut document = Document::from(session);
        let split = (1..lanes).all(|_| document.split());
        assert!(split);
        let app = App::new(&ctx, document, Box::new(Script(scene, Vec::new())));
        let mut stage = Self { ctx, app, frame: 0 };
        for _ in 0..30 {
            stage.pass(Vec::new());
        }
        stage
    }

    /// Time of layout and interaction, and of tessellation.
    fn pass(&mut self, events: Vec<Event>) -> [Duration; 2] {
        self.frame += 1;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(SIZE[0], SIZE[1]))),
            time: Some(self.frame as f64 / 60.0),
            focused: true,
            max_texture_side: Some(8192),
            events,
            ..RawInput::default()
        };
        let start = Instant::now();
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| {
            let ctx = ui.ctx().clone();
            app.think(&ctx);
            app.window_ui(ui);
        });
        let layout = start.elapsed();
        // There is no texture to put them into.
        output.textures_delta.clear();
        drop(self.ctx.tessellate(std::mem::take(&mut output.shapes), 1.0));
        [layout, start.elapsed() - layout]
    }

    fn measure(&mut self, name: &str, events: impl Fn(usize) -> Vec<Event>) {
        let times: Vec<[Duration; 2]> = (0..FRAMES).map(|frame| self.pass(events(frame))).collect();
        let column = |n: usize| {
            let mut sorted: Vec<f64> = times.iter().map(|t| t[n].as_secs_f64() * 1e3).collect();
            sorted.sort_by(f64::total_cmp);
            (sorted[FRAMES / 2], sorted[FRAMES * 9 / 10])
        };
        let (layout, tessellation) = (column(0), column(1));
        println!(
            "{name:<26} layout {:.2} ms (9 of 10: {:.2}), tessellation {:.2} ms (9 of 10: {:.2})",
            layout.0, layout.1, tessellation.0, tessellation.1
        );
    }
}

fn main() {
    for (name, shown, lanes) in [("without layers", false, 1), ("with layers", true, 1), ("two lanes", false, 2)] {
        let mut stage = Stage::new(MatrixLook { shown, shared: false }, lanes);
        stage.measure(&format!("{name}: at rest"), |_| Vec::new());
        let over = |frame: usize| pos2(560.0 + (frame * 13 % 560) as f32, 160.0 + (frame * 7 % 240) as f32);
        stage.measure(&format!("{name}: pointing"), |frame| vec![Event::PointerMoved(over(frame))]);
        stage.measure(&format!("{name}: scrolling"), |frame| {
            let delta = vec2(0.0, if frame / 100 % 2 == 0 { -9.0 } else { 9.0 });
            let modifiers = egui::Modifiers::NONE;
            vec![Event::MouseWheel {
                unit: MouseWheelUnit::Point,
                delta,
                phase: TouchPhase::Move,
                source: egui::MouseWheelSource::Unknown,
                modifiers,
            }]
        });
    }
}
