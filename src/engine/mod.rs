//! The engine: answers requests, and remembers models, traces and answers within a budget of bytes.

mod cache;
pub mod evaluate;
mod extras;
mod finite;
pub mod fit;
mod generation;
mod members;
pub mod needs;
pub mod output;
pub mod outputs;
mod phrase;
mod place;
mod reading;
mod segmenting;
pub mod tensors;
pub mod trace_file;
pub mod verify;
pub mod whole_file;
pub mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cache::Cache;
use generation::{Continuing, Grown};
pub use needs::check_parameters;
pub use output::{Continuation, Ending, Explanation, Match, ModelFacts, Output, Photo, Prediction, Scene, Segments};
use phrase::Phrase;
use place::knob_files;
pub use place::{check_family, model_folders, model_path};
pub use reading::reads_as_text;
use reading::{Loaded, Taken};
pub use segmenting::segment_ids;
pub use verify::Verification;
pub use worker::{Oracle, Reply, Worker};

use crate::domain::request::{DeviceKind, Generation, ModelRef, Params, Request, Task, Tokens, Tower};
use crate::domain::token::TokenRef;
use crate::domain::{Error, Notices, Result};
use crate::hub;
use crate::input::Encoded;
use crate::method::answering::as_written;
use crate::method::span::Sources;
use crate::method::{Control, Info, Target, Uses, by_id};
use crate::model::families::{FAMILIES, Family};
use crate::model::head::Logits;
pub use crate::model::{Estimate, Outline, Scoring, outline};
use crate::model::{Model, ModelInput, TRACE_BUDGET, Trace};
use crate::store::folder_of;

/// Bytes of finished answers that are kept.
const ANSWER_BUDGET: usize = 256 << 20;
/// Bytes of what models have read of texts that they continue.
const CONTINUATION_BUDGET: usize = 512 << 20;
/// Models are few and large; the last ones stay.
const MODEL_BUDGET: usize = 2 << 30;
/// Phrases are a few kilobytes each.
const PHRASE_BUDGET: usize = 4 << 20;

/// Answers requests.
#[derive(Debug)]
pub struct Engine {
    models: Cache<Arc<Loaded>>,
    traces: Cache<Arc<Traced>>,
    continuations: Cache<Continuing>,
    answers: Cache<Output>,
    /// Models of the hub that are on this machine.
    hub: hub::Cache,
    phrases: Cache<Arc<Phrase>>,
}

/// A trace and what it is of.
#[derive(Debug)]
pub struct Traced {
    /// The model.
    pub model: Arc<Model>,
    /// Its activations.
    pub trace: Trace,
    /// The input, as the model saw it.
    pub scene: Arc<Scene>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            models: Cache::new(MODEL_BUDGET),
            traces: Cache::new(TRACE_BUDGET),
            continuations: Cache::new(CONTINUATION_BUDGET),
            answers: Cache::new(ANSWER_BUDGET),
            hub: hub::Settings::from_env().cache(),
            phrases: Cache::new(PHRASE_BUDGET),
        }
    }
}

/// Files of a model folder that are looked at for changes; no checkpoint has more parts.
const MOST_PARTS: usize = 256;

/// A file that changed is another file.
fn file_key(path: Option<&Path>) -> String {
    let Some(path) = path else { return String::new() };
    let facts = std::fs::metadata(path).ok().map(|m| (m.len(), m.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
    format!("{}|{facts:?}", path.display())
}

/// The tower that a request names, or the one that reads its input.
fn tower_of(request: &Request) -> Tower {
    request.tower.unwrap_or_else(|| reading::tower_for(&request.input))
}

impl Engine {
    /// Answers a request.
    ///
    /// # Errors
    /// A refusal, or [`Error::Cancelled`].
    pub fn run(&mut self, request: &Request, control: &Control) -> Result<Output> {
        let (input, model) = (file_key(request.input.path()), self.file_key_of(&request.model));
        let files: Vec<String> = knob_files(request).map(|file| file_key(Some(&file))).collect();
        let scalar = file_key(request.params.scalar.file());
        let key = format!("{}|{input}|{model}|{}|{scalar}", request.json(), files.join("|"));
        if let Some(output) = self.answers.get(&key) {
            return Ok(output);
        }
        check_parameters(request)?;
        if request.task == Task::Verify {
            let output = Output::Verification(Arc::new(self.verify(request, control)?));
            self.answers.put(key, output.clone(), 0);
            return Ok(output);
        }
        if request.task == Task::Generate {
            // One token more changes the question; what it costs to answer is kept elsewhere.
            return Ok(Output::Continuation(Arc::new(self.generate(request, control)?)));
        }
        let traced = self.trace(request, control)?;
        let phrases = if request.task == Task::Trace { Vec::new() } else { self.phrases(request, &traced, control)? };
        let members = self.with_members(request, control)?;
        let asked = members.as_ref().unwrap_or(request);
        let (output, bytes) = match &request.task {
            Task::Verify | Task::Trace | Task::Generate => return Ok(Output::Scene(traced.scene.clone())),
            Task::Explain if request.score || request.layers => {
                let explanation = self.extended(request, &traced, &phrases, control)?;
                let bytes = (explanation.relevance.len() + explanation.layers.as_ref().map_or(0, |l| l.len())) * 4;
                (Output::Explanation(Arc::new(explanation)), bytes)
            }
            Task::Explain => {
                let mut explanation = explain(asked, &traced, &phrases, control)?;
                if members.is_some() {
                    explanation.request.params.scalar.clone_from(&request.params.scalar);
                }
                let bytes = explanation.relevance.len() * 4;
                (Output::Explanation(Arc::new(explanation)), bytes)
            }
            Task::Segment { .. } => {
                let segments = segmenting::segment(asked, &traced, &phrases, control)?;
                let maps = segments.maps.as_ref().map_or(0, |maps| maps.relevance.len() * 4);
                let bytes = segments.partition.num_bytes() + segments.relations.num_bytes() + maps;
                (Output::Segments(Arc::new(segments)), bytes)
            }
        };
        let output = phrase::noted(output, &phrases);
        self.answers.put(key, output.clone(), bytes);
        Ok(output)
    }

    /// An explanation with its layers or its score. The explanation alone may be there already, and is kept for its own sake.
    fn extended(
        &mut self,
        request: &Request,
        traced: &Traced,
        phrases: &[Arc<Phrase>],
        control: &Control,
    ) -> Result<Explanation> {
        if request.score {
            extras::check_score(request, &traced.scene)?;
        }
        if request.layers {
            extras::check_layers(request, &traced.scene)?;
        }
        let Output::Explanation(plain) = self.run(&Request { score: false, layers: false, ..request.clone() }, control)? else {
            return Err(Error::Internal("an explanation without one".to_owned()));
        };
        let mut explanation = (*plain).clone();
        (explanation.request.score, explanation.request.layers) = (request.score, request.layers);
        if request.layers {
            explanation.layers = Some(extras::layers(request, traced, phrases, control)?.into());
        }
        if request.score {
            let (_, Taken::Words(encoded)) = self.taken(request, control)? else {
                return Err(Error::Internal("a text that is a picture".to_owned()));
            };
            explanation.score = Some(Arc::new(extras::score(&plain, &traced.model, &encoded.ids, control)?));
        }
        Ok(explanation)
    }

    /// The trace of a request's input through its model.
    ///
    /// # Errors
    /// A refusal, or [`Error::Cancelled`].
    pub fn trace(&mut self, request: &Request, control: &Control) -> Result<Arc<Traced>> {
        let generation = request.generation.map(Generation::canonical);
        let key = format!("{}|{generation:?}", self.input_key(request));
        if let Some(traced) = self.traces.get(&key) {
            return Ok(traced);
        }
        let (loaded, taken) = self.taken(request, control)?;
        control.cancel.check()?;
        let model = loaded.model.clone();
        let (trace, photo) = match taken {
            Taken::Pixels(prepared, photo) => {
                let (height, width) = (prepared.height, prepared.width);
                let pixels = ModelInput::Pixels { values: &prepared.values, height, width };
                (model.trace(&pixels, &control.cancel, &control.progress)?, Some(photo))
            }
            Taken::Words(Encoded { ids, text }) => {
                let words = ModelInput::Words { ids: &ids, text: Arc::new(text) };
                (model.trace(&words, &control.cancel, &control.progress)?, None)
            }
        };
        let scene = Arc::new(scene(&request.model, &loaded, &trace, photo)?);
        let bytes = trace.num_bytes();
        let traced = Arc::new(Traced { model, trace, scene });
        self.traces.put(key, traced.clone(), bytes);
        Ok(traced)
    }

    /// What a request asks about, as its model takes it: the input, continued where the request says so.
    fn taken(&mut self, request: &Request, control: &Control) -> Result<(Arc<Loaded>, Taken)> {
        if let Some(generation) = &request.generation.map(Generation::canonical) {
            let Grown { loaded, encoded, .. } = self.grown(request, generation, control)?;
            return Ok((loaded, Taken::Words(encoded)));
        }
        let loaded = self.model(request, tower_of(request))?;
        loaded.check_tower(request.tower)?;
        control.cancel.check()?;
        let taken = loaded.read(&request.input, request.size, &control.cancel)?;
        Ok((loaded, taken))
    }

    /// Verifies a model; of a checkpoint with two towers both.
    fn verify(&mut self, request: &Request, control: &Control) -> Result<Verification> {
        let loaded = self.model(request, Tower::Image)?;
        let mut found = verify::verify(&loaded.model, control)?;
        if loaded.model.tower.is_some() {
            let of_text = verify::verify(&self.model(request, Tower::Text)?.model, control)?;
            found.fixtures.extend(of_text.fixtures);
            found.checks.extend(of_text.checks);
        }
        Ok(found)
    }

    /// Each tower of a checkpoint is a model of its own.
    fn model_key(&self, request: &Request, tower: Tower) -> String {
        format!("{:?}|{}|{}|{tower}", request.model, self.file_key_of(&request.model), request.device)
    }

    /// Of the model and of what it sees.
    fn input_key(&self, request: &Request) -> String {
        let model = self.model_key(request, tower_of(request));
        format!("{model}|{:?}|{}|{}", request.input, file_key(request.input.path()), request.size)
    }

    /// Another snapshot in the cache is another model, and so is one with a file that was written to: a folder does not show that.
    fn file_key_of(&self, model: &ModelRef) -> String {
        let Some(path) = place::path(model, &self.hub) else { return String::new() };
        let folder = if path.is_dir() { path.as_path() } else { folder_of(&path) };
        let mut parts: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        parts.retain(|part| {
            part.extension().is_some_and(|e| ["json", "safetensors", "bin", "txt", "model"].iter().any(|known| e == *known))
        });
        parts.sort();
        let keys: Vec<String> = parts.iter().take(MOST_PARTS).map(|part| file_key(Some(part))).collect();
        format!("{}|{}", path.display(), keys.join("|"))
    }

    fn model(&mut self, request: &Request, tower: Tower) -> Result<Arc<Loaded>> {
        let key = self.model_key(request, tower);
        if let Some(loaded) = self.models.get(&key) {
            return Ok(loaded);
        }
        let loaded = Arc::new(Loaded::open(&request.model, tower, request.device, &self.hub)?);
        self.models.put(key, loaded.clone(), loaded.model.num_parameters * 4);
        Ok(loaded)
    }
}

fn scene(named: &ModelRef, loaded: &Loaded, trace: &Trace, photo: Option<Photo>) -> Result<Scene> {
    let model = &loaded.model;
    let logits = trace.logits.as_ref().and_then(Logits::of_input);
    let predictions = match logits {
        Some(logits) => predictions(logits, model.scoring, |class| model.class_names.get(class).cloned().unwrap_or_default()),
        None => next_tokens(model, trace)?,
    };
    let of_picture = photo.iter().flat_map(|photo| photo.picture.notices.iter().cloned());
    let of_text = trace.layout.text.iter().flat_map(|text| text.every_notice());
    let notices = Notices { input: of_picture.chain(of_text).collect(), model: loaded.notices() };
    Ok(Scene { photo, layout: trace.layout.clone(), model: facts(named, model), predictions, notices })
}

/// The five tokens that most probably follow a text, where the model is one that says so.
fn next_tokens(model: &Model, trace: &Trace) -> Result<Vec<Prediction>> {
    if !model.is_causal() {
        return Ok(Vec::new());
    }
    let scores = model.token_logits(trace, &[trace.num_tokens() - 1])?;
    Ok(predictions(&scores, Scoring::OneOf, |id| model.word(id as u32)))
}

fn facts(named: &ModelRef, model: &Model) -> ModelFacts {
    let folder = model.folder().map(|folder| std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()));
    // A folder of the hub's cache is called after its commit.
    let folder_name = folder.as_deref().filter(|_| !matches!(named, ModelRef::Hub(_))).and_then(Path::file_name);
    let name = folder_name.map(|n| n.to_string_lossy().into_owned());
    ModelFacts {
        name: name.unwrap_or_else(|| named.name()),
        folder,
        family: model.family.clone(),
        tower: model.tower,
        takes_phrases: model.joint.is_some() && model.tower.is_some(),
        num_layers: model.num_layers(),
        num_heads: model.num_heads(),
        width: model.width(),
        patch_size: model.patches().map_or(0, |patches| patches.patch_size),
        is_post_norm: model.is_post_norm(),
        is_causal: model.is_causal(),
        num_classes: model.num_classes(),
        scoring: model.scoring,
        scores_words: model.num_scored_words().is_some(),
        num_parameters: model.num_parameters,
        sha256: model.sha256.clone(),
    }
}

/// Loads a checkpoint to say what it is.
///
/// # Errors
/// A refusal that says why it cannot be read.
pub fn inspect(model: &ModelRef) -> Result<ModelFacts> {
    Ok(facts(model, &Loaded::open(model, Tower::default(), DeviceKind::Cpu, &hub::Settings::from_env().cache())?.model))
}

/// Every family that is read.
pub fn families() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter()
}

/// The five classes with the highest scores.
fn predictions(logits: &[f32], scoring: Scoring, name: impl Fn(usize) -> String) -> Vec<Prediction> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let prediction =
        |&class: &usize| Prediction { class, name: name(class), level: scoring.level(logits, class).unwrap_or(f32::NAN) };
    classes.iter().take(5).map(prediction).collect()
}

/// Layer 0..L of a request that may count from the top.
fn resolve_layer(request: &Request, info: &Info, num_layers: usize) -> Result<usize> {
    let layer = if request.layer < 0 { request.layer + num_layers as i32 + 1 } else { request.layer };
    usize::try_from(layer).ok().filter(|l| (info.min_layer..=num_layers).contains(l)).ok_or_else(|| {
        Error::refused(format!("--layer {}", request.layer), format!("{} has no answer there", info.id))
            .expected(format!("layers {}..{num_layers} of this model, or -1 for the last", info.min_layer))
            .remedy("choose one of these layers")
    })
}

/// The request with what it left to the model: figures and records say what was done.
fn resolved(request: &Request, traced: &Traced) -> Request {
    let reads_scalar = by_id(&request.method).is_ok_and(|method| method.info().uses(Uses::Scalar));
    let scalar = &request.params.scalar;
    let scalar = if reads_scalar { scalar.resolved(traced.model.is_post_norm()) } else { scalar.clone() };
    let tokens = match &request.tokens {
        Tokens::These(tokens) if tokens.is_empty() && request.task == Task::Explain => {
            let layout = &traced.scene.layout;
            let first = if layout.is_causal { layout.len().saturating_sub(1) } else { 0 };
            Tokens::These(vec![TokenRef::Position(first)])
        }
        tokens => tokens.clone(),
    };
    let params = Params { scalar, ..request.params.clone() };
    let params = by_id(&request.method).map_or(params.clone(), |method| method.settled(params));
    Request { tokens, params, ..request.clone() }
}

fn explain(request: &Request, traced: &Traced, phrases: &[Arc<Phrase>], control: &Control) -> Result<Explanation> {
    let method = by_id(&request.method)?;
    let request = resolved(request, traced);
    let is_written = matches!(request.tokens, Tokens::Span(_)) && traced.scene.model.is_causal;
    let request = &if is_written { as_written(request, method.info())? } else { request };
    let (layout, info) = (&traced.scene.layout, method.info());
    needs::check(info, &traced.scene)?;
    let layer = resolve_layer(request, info, traced.trace.num_layers())?;
    let matches = phrase::matches(traced, phrases)?;
    let rows = |positions: &[usize]| {
        let target = Target { layer, positions, params: &request.params, phrase: leading(phrases) };
        method.explain(&traced.model, &traced.trace, &target, control)
    };
    let word = |pieces: std::ops::Range<usize>| {
        let positions: Vec<usize> = pieces.collect();
        let target = Target { layer, positions: &positions, params: &request.params, phrase: leading(phrases) };
        method.explain_word(&traced.model, &traced.trace, &target, control)
    };
    let (positions, relevance): (Vec<usize>, Vec<f32>) = match &request.tokens {
        Tokens::Span(span) => {
            let sources = Sources { span: *span, is_causal: traced.scene.model.is_causal, signed: info.signed };
            span.check(layout, sources.is_causal)?;
            let rows = rows(&sources.targets())?;
            finite::check_rows(method, request, traced, &rows)?;
            (vec![span.from], sources.mean(rows.chunks_exact(layout.len()), layout.len()))
        }
        Tokens::These(tokens) => {
            let targets = tokens.iter().map(|t| layout.resolve_all(t)).collect::<Result<Vec<_>>>()?;
            let positions: Vec<usize> = targets.iter().map(|target| target.from).collect();
            let relevance = if targets.iter().all(|target| target.len() == 1) {
                rows(&positions)?
            } else {
                targets.iter().map(|target| word(target.positions())).collect::<Result<Vec<_>>>()?.concat()
            };
            (positions, relevance)
        }
        Tokens::All => {
            let positions: Vec<usize> = (0..layout.len()).collect();
            let relevance = rows(&positions)?;
            (positions, relevance)
        }
    };
    if !matches!(request.tokens, Tokens::Span(_)) {
        finite::check_rows(method, request, traced, &relevance)?;
    }
    let shown = match (&request.tokens, positions.as_slice()) {
        (Tokens::These(_) | Tokens::Span(_), &[position]) => {
            let target = Target { layer, positions: &[position], params: &request.params, phrase: leading(phrases) };
            Arc::new(method.show(&traced.model, &traced.trace, &target, control)?)
        }
        _ => Arc::default(),
    };
    let (request, scene, relevance) = (request.clone(), traced.scene.clone(), relevance.into());
    Ok(Explanation { request, scene, method: info, layer, positions, relevance, layers: None, score: None, matches, shown })
}

/// Where the phrase lies that maps are made of.
fn leading(phrases: &[Arc<Phrase>]) -> Option<&[f32]> {
    phrases.first().map(|phrase| phrase.embedding.as_slice())
}
