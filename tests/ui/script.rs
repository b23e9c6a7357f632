//! A small scene made by hand and an oracle that answers from a script.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use tokenscope::builtin::sample;
use tokenscope::domain::grid::{Grid, PixelRect};
use tokenscope::domain::request::{Input, ModelRef, Request, Task, Tokens, Tower};
use tokenscope::domain::request_key::RequestKey;
use tokenscope::domain::text::{Piece, Text};
use tokenscope::domain::token::{TokenKind, TokenLayout};
use tokenscope::domain::{Cancel, Error, Notices, Progress, Result};
use tokenscope::engine::verify::Check;
use tokenscope::engine::{
    Explanation, Match, ModelFacts, Oracle, Output, Photo, Prediction, Reply, Scene, Scoring, Segments, Verification,
};
use tokenscope::input::Picture;
use tokenscope::measure::{Removal, Score};
use tokenscope::method::{self, Info, span::Sources};
use tokenscope::model::Digest;
use tokenscope::segment::{self, Cutting, MapTree, Partition};

#[path = "beside.rs"]
mod beside;
pub use beside::{PAINTS, SHOWS};

pub const ROWS: usize = 4;
pub const COLS: usize = 6;
pub const PATCH: usize = 16;

/// What the test sees of the oracle and tells it.
#[derive(Default)]
pub struct Script {
    /// Every list of wishes so far.
    pub wishes: Vec<Vec<Request>>,
    /// Wishes without an answer.
    pub open: VecDeque<Request>,
    /// Whether wishes are answered at the next poll.
    pub at_once: bool,
    /// Answers given by hand.
    pub replies: Vec<Reply>,
    /// Part of the key of questions that are refused.
    pub refuses: Option<String>,
}

impl Script {
    pub fn newest(&self) -> &[Request] {
        self.wishes.last().map_or(&[], Vec::as_slice)
    }

    /// Answers what is open.
    pub fn answer_all(&mut self) {
        let open: Vec<_> = self.open.drain(..).collect();
        for request in open {
            let refused = self.refuses.as_ref().is_some_and(|part| request.json().contains(part));
            let refusal = Error::refused("broken.png", "not an image").expected("PNG or JPEG").remedy("open another file");
            let result = if refused { Err(refusal) } else { answer(&request) };
            self.replies.push(Reply { key: request.key(), result });
        }
    }
}

#[derive(Clone, Default)]
pub struct Scripted(pub Rc<RefCell<Script>>);

impl Scripted {
    pub fn at_once() -> Self {
        let script = Script { at_once: true, ..Script::default() };
        Self(Rc::new(RefCell::new(script)))
    }
}

impl Oracle for Scripted {
    fn wish(&mut self, wishes: Vec<Request>) {
        let mut script = self.0.borrow_mut();
        script.open = wishes.clone().into();
        script.wishes.push(wishes);
    }

    fn poll(&mut self) -> Vec<Reply> {
        let mut script = self.0.borrow_mut();
        if script.at_once {
            script.answer_all();
        }
        std::mem::take(&mut script.replies)
    }

    fn running(&self) -> Option<(RequestKey, Progress)> {
        let script = self.0.borrow();
        let progress = Progress::default();
        progress.start(4);
        progress.step();
        script.open.front().filter(|_| !script.at_once).map(|r| (r.key(), progress))
    }
}

/// A sky over a meadow with a round thing on it; 4 x 6 patches and a class token.
pub fn scene() -> Arc<Scene> {
    let (width, height) = (COLS * PATCH + 32, ROWS * PATCH);
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let round = (x as f32 - 74.0).hypot(y as f32 - 38.0) < 15.0;
            let ground = if y < 34 { [110, 165 + y as u8, 220] } else { [70, 140 - y as u8, 60] };
            rgb.extend(if round { [205, 90 + y as u8, 60] } else { ground });
        }
    }
    let picture = Picture {
        name: "meadow.png".to_owned(),
        width,
        height,
        rgb: rgb.into(),
        file_size: (width, height),
        sha256: "0".repeat(64),
        notices: Vec::new(),
    };
    let model = ModelFacts {
        name: "tiny".to_owned(),
        folder: Some("tiny".into()),
        family: "vit".to_owned(),
        tower: None,
        takes_phrases: false,
        num_layers: 3,
        num_heads: 2,
        width: 8,
        patch_size: PATCH,
        is_post_norm: false,
        is_causal: false,
        num_classes: 0,
        scoring: Scoring::OneOf,
        scores_words: false,
        num_parameters: 12_345,
        sha256: Digest::known("1".repeat(64)),
    };
    let prediction = |class, name: &str, level| Prediction { class, name: name.to_owned(), level };
    Arc::new(Scene {
        photo: Some(Photo {
            picture: Arc::new(picture),
            levels: std::sync::OnceLock::new(),
            seen: PixelRect { x: 16.0, y: 0.0, width: (COLS * PATCH) as f64, height: height as f64 },
            input_size: (ROWS * PATCH, COLS * PATCH),
        }),
        layout: TokenLayout::image(vec![TokenKind::Cls], Grid { rows: ROWS, cols: COLS }),
        model,
        predictions: vec![prediction(7, "orange", 0.84), prediction(3, "meadow", 0.11)],
        notices: Notices::default(),
    })
}

/// Tokens that the scripted model reads of a text.
pub const MOST_TOKENS: usize = 512;

/// Words and signs, `[CLS]` before and `[SEP]` after them; a longer word that ends in `ing` is two pieces.
pub fn text_scene(string: &str) -> Arc<Scene> {
    let piece = |piece: &str, span: std::ops::Range<usize>, special, word| Piece { piece: piece.to_owned(), span, special, word };
    let mut pieces = vec![piece("[CLS]", 0..0, true, None)];
    let (mut at, mut cut_at) = (0, None);
    for (word, part) in string.split_inclusive(|c: char| !c.is_alphanumeric()).enumerate() {
        if pieces.len() >= MOST_TOKENS - 2 {
            cut_at = Some(at);
            break;
        }
        let letters = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let (end, sign) = (at + letters.len(), part[letters.len()..].trim());
        match letters.strip_suffix("ing").filter(|stem| stem.len() > 2) {
            Some(stem) => {
                pieces.push(piece(stem, at..at + stem.len(), false, Some(2 * word)));
                pieces.push(piece("##ing", at + stem.len()..end, false, Some(2 * word)));
            }
            None if letters.is_empty() => {}
            None => pieces.push(piece(&letters.to_lowercase(), at..end, false, Some(2 * word))),
        }
        if !sign.is_empty() {
            pieces.push(piece(sign, end..end + sign.len(), false, Some(2 * word + 1)));
        }
        at += part.len();
    }
    pieces.push(piece("[SEP]", 0..0, true, None));
    let text = Text { string: string.to_owned(), pieces, cut_at, generated_from: None, notices: Vec::new() };
    let model = ModelFacts { family: "bert".to_owned(), patch_size: 0, ..scene().model.clone() };
    let notices = Notices { input: text.every_notice(), model: Vec::new() };
    Arc::new(Scene { photo: None, layout: TokenLayout::text(Arc::new(text)), model, predictions: Vec::new(), notices })
}

/// Names of scripted models that read texts alone, and pictures alone.
pub const READER: &str = "reader";
pub const VIEWER: &str = "viewer";
/// Name of a scripted model to which every letter of a text is a token, without special ones.
pub const LETTERS: &str = "letters";
/// Name of a scripted model with patches of twice the size.
pub const COARSE: &str = "coarse";

fn letters_scene(string: &str) -> Arc<Scene> {
    let piece = |(at, letter): (usize, char)| Piece {
        piece: letter.to_string(),
        span: at..at + letter.len_utf8(),
        special: false,
        word: Some(at),
    };
    let pieces = string.char_indices().filter(|(_, letter)| !letter.is_whitespace()).map(piece).collect();
    let text = Text { string: string.to_owned(), pieces, cut_at: None, generated_from: None, notices: Vec::new() };
    let model = ModelFacts { name: LETTERS.to_owned(), ..scene().model.clone() };
    let layout = TokenLayout::text(Arc::new(text));
    Arc::new(Scene { photo: None, layout, model, predictions: Vec::new(), notices: Notices::default() })
}

fn coarse_scene() -> Arc<Scene> {
    let fine = scene();
    let model = ModelFacts { name: COARSE.to_owned(), patch_size: 2 * PATCH, ..fine.model.clone() };
    let layout = TokenLayout::image(vec![TokenKind::Cls], Grid { rows: ROWS / 2, cols: COLS / 2 });
    Arc::new(Scene { model, layout, ..(*fine).clone() })
}

/// Name of a scripted model that predicts each token from those before it.
pub const CAUSAL: &str = "causal";

/// Scripted models whose scores mean something else than one class of several.
pub const SCORINGS: [(&str, Scoring); 2] = [("regression", Scoring::Plain), ("labels", Scoring::Each)];

/// The scene of an input, the same each time. A model called `clip` has a tower for each kind of input.
fn scene_of(request: &Request) -> Result<Arc<Scene>> {
    thread_local!(static SCENES: RefCell<HashMap<(Input, ModelRef), Arc<Scene>>> = RefCell::default());
    let (input, key) = (&request.input, (request.input.clone(), request.model.clone()));
    if let Some(scene) = SCENES.with_borrow(|s| s.get(&key).cloned()) {
        return Ok(scene);
    }
    let named = |name: &str| request.model.path().is_some_and(|path| path.file_name().is_some_and(|file| file == name));
    if named(if input.is_text() { VIEWER } else { READER }) {
        let refusal = Box::new(Error::refused(input.name(), "is of the other kind"));
        return Err(Error::OtherKind { reads_texts: !input.is_text(), refusal });
    }
    let mut made = match input {
        Input::Text(text) if named(LETTERS) => letters_scene(text),
        _ if named(COARSE) => coarse_scene(),
        Input::Text(text) => text_scene(text),
        Input::Sample(name) if input.is_text() => text_scene(std::str::from_utf8(sample(name)?.bytes).expect("a text")),
        Input::File(path) if input.is_text() => text_scene(&std::fs::read_to_string(path).expect("a file")),
        _ => scene(),
    };
    if request.model == ModelRef::from(CAUSAL) {
        let model = ModelFacts { is_causal: true, ..made.model.clone() };
        made = Arc::new(Scene { model, ..(*made).clone() });
    }
    if request.model == ModelRef::from("clip") {
        made = two_towers(&made);
    }
    if let Some((_, scoring)) = SCORINGS.iter().find(|(name, _)| request.model == ModelRef::from(*name)) {
        let model = ModelFacts { scoring: *scoring, ..made.model.clone() };
        let predictions =
            vec![Prediction { class: 0, name: "stars".to_owned(), level: if *scoring == Scoring::Plain { 3.25 } else { 0.75 } }];
        made = Arc::new(Scene { model, predictions, ..(*made).clone() });
    }
    SCENES.with_borrow_mut(|s| s.insert(key, made.clone()));
    Ok(made)
}

fn two_towers(scene: &Scene) -> Arc<Scene> {
    let tower = Some(if scene.photo.is_some() { Tower::Image } else { Tower::Text });
    let model = ModelFacts { family: "clip".to_owned(), tower, takes_phrases: true, ..scene.model.clone() };
    Arc::new(Scene { model, ..scene.clone() })
}

/// What an engine would answer.
pub fn answer(request: &Request) -> Result<Output> {
    let scene = scene_of(request)?;
    let segmenter = segment::by_id(&request.method);
    let method = segmenter.map_or_else(|| method::by_id(&request.method).map(method::Method::info), |s| Ok(s.info()))?;
    let layer = request.layer.max(0) as usize;
    Ok(match request.task {
        Task::Trace => Output::Scene(scene),
        Task::Generate => panic!("the scripted models continue no text"),
        Task::Verify => {
            let check = Check { name: "backward against autograd".to_owned(), error: 2e-6, allowed: 1e-3 };
            Output::Verification(Arc::new(Verification { fixtures: Vec::new(), checks: vec![check] }))
        }
        Task::Explain => {
            let positions: Vec<usize> = match &request.tokens {
                Tokens::All => (0..scene.layout.len()).collect(),
                Tokens::These(tokens) => tokens.iter().map(|t| scene.layout.resolve(t)).collect::<Result<_>>()?,
                Tokens::Span(span) => vec![span.from],
            };
            let row = |p: usize| match &scene.layout.text {
                Some(text) => text_row(text, p, layer),
                None => row(p, layer, method.signed, scene.layout.grid),
            };
            let relevance = match &request.tokens {
                Tokens::Span(span) => {
                    let sources = Sources { span: *span, is_causal: scene.model.is_causal, signed: method.signed };
                    let rows: Vec<Vec<f32>> = sources.targets().into_iter().map(row).collect();
                    sources.mean(rows.iter().map(Vec::as_slice), scene.layout.len()).into()
                }
                _ => positions.iter().flat_map(|&p| row(p)).collect(),
            };
            let shown = if positions.len() == 1 { beside::shown(&request.model, &scene) } else { Arc::default() };
            let score = request.score.then(|| Arc::new(score(&request.tokens)));
            let mut request = request.clone();
            request.params.scalar = request.params.scalar.resolved(false);
            let phrases = request.params.scalar.phrases();
            let probability = (phrases.len() > 1).then(|| 1.0 / phrases.len() as f32);
            let matched = |phrase: &&str| Match { phrase: (*phrase).to_owned(), cosine: 0.25, logit: Some(25.0), probability };
            let matches = phrases.iter().map(matched).collect();
            Output::Explanation(Arc::new(Explanation {
                request,
                scene,
                method,
                layer,
                positions,
                relevance,
                layers: None,
                score,
                matches,
                shown,
            }))
        }
        Task::Segment { cut } => match segmenter {
            Some(segmenter) => {
                let (partition, cutting) = (beside::bands(cut), segmenter.cutting());
                let (request, maps) = (request.clone(), None);
                let (relations, shown) = (Arc::default(), Arc::default());
                Output::Segments(Arc::new(Segments { request, scene, method, cutting, layer, maps, partition, relations, shown }))
            }
            None => segments(request, scene, method, layer)?,
        },
    })
}

/// The maps of all patches and their tree.
fn segments(request: &Request, scene: Arc<Scene>, method: &'static Info, layer: usize) -> Result<Output> {
    let all = Request { task: Task::Explain, tokens: Tokens::All, ..request.clone() };
    let Output::Explanation(maps) = answer(&all)? else { panic!("not an explanation") };
    let partition = Partition::Maps(tree());
    Ok(Output::Segments(Arc::new(Segments {
        request: request.clone(),
        scene,
        method,
        cutting: Cutting::Tree,
        layer,
        maps: Some(maps),
        partition,
        relations: Arc::default(),
        shown: Arc::default(),
    })))
}

/// A bump around the target that widens with the layer; the target's own entry is far larger, and at layer 0 the only one.
fn row(position: usize, layer: usize, signed: bool, grid: Grid) -> Vec<f32> {
    let place = |p: usize| {
        let (row, col) = grid.row_col(p.saturating_sub(1));
        (row as f32, col as f32)
    };
    let at = place(position);
    let bump = |p: usize| {
        let (row, col) = place(p);
        let near = (-((row - at.0).powi(2) + (col - at.1).powi(2)) / (1.0 + layer as f32)).exp();
        let value = if position == 0 { 0.01 * p as f32 } else { near + 0.001 * p as f32 };
        if signed { value - 0.4 } else { value }
    };
    let value = |p: usize| match layer {
        _ if p == position => 9.0,
        0 => 0.0,
        _ => bump(p),
    };
    (0..=grid.len()).map(value).collect()
}

/// A score in which the strongest sources are missed twice as much as others.
fn score(tokens: &Tokens) -> Score {
    let Tokens::Span(span) = *tokens else { panic!("no span") };
    let removal = |percent: u32| Removal {
        percent,
        num_tokens: percent as usize,
        comprehensiveness: 0.2 * f64::from(percent),
        random: 0.1 * f64::from(percent),
        sufficiency: 4.0 / f64::from(percent),
    };
    Score { span, num_context: 100, log_probability: -3.5, removals: [1, 5, 10, 20, 50].map(removal).to_vec() }
}

/// Near words and words spelled alike say most, in the third layer at full strength; the last token holds far more than any, and
/// the last but one no number.
fn text_row(text: &Text, position: usize, layer: usize) -> Vec<f32> {
    let last = text.pieces.len() - 1;
    let value = |p: usize| {
        let alike = if text.pieces[p].piece == text.pieces[position].piece { 0.8 } else { 0.0 };
        (1.0 / (1.0 + p.abs_diff(position) as f32).sqrt() + alike) * (1.0 + layer as f32) / 4.0 + 0.001 * p as f32
    };
    (0..=last)
        .map(|p| {
            if p == last {
                40.0
            } else if p + 1 == last {
                f32::NAN
            } else {
                value(p)
            }
        })
        .collect()
}

/// Maps of patches that mean their half of the picture, and within it a little more their quarter.
fn tree() -> MapTree {
    let quarter = |p: usize| (p % COLS / 3, p / COLS / 2);
    let value = |target: usize, p: usize| match (quarter(target), quarter(p)) {
        (a, b) if a == b => 1.3,
        (a, b) if a.0 == b.0 => 1.0,
        _ => 0.05 + 0.001 * target as f32,
    };
    let patches = ROWS * COLS;
    let maps = (0..patches).flat_map(|target| (0..patches).map(move |p| value(target, p))).collect();
    let size = (ROWS * PATCH, COLS * PATCH);
    MapTree::new(maps, Grid { rows: ROWS, cols: COLS }, size, &Cancel::default()).expect("few patches")
}
