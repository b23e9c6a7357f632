//! The engine: answers requests, and remembers models, traces and answers within a budget of bytes.

mod cache;
pub mod output;
mod reading;
pub mod trace_file;
pub mod whole_file;
pub mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cache::Cache;
pub use output::{Explanation, ModelFacts, Output, Photo, Prediction, Scene, Segments};
use reading::{Loaded, Taken};
pub use worker::{Oracle, Reply, Worker};

use crate::domain::request::{DeviceKind, ModelRef, Params, Request, Task, Tokens};
use crate::domain::{Error, Result};
use crate::input::Encoded;
use crate::method::{Control, Method, Target, Uses, by_id};
use crate::model::families::FAMILIES;
use crate::model::head::Logits;
use crate::model::{Model, ModelInput, TRACE_BUDGET, Trace};
use crate::segment::MapTree;

/// Bytes of finished answers that are kept.
const ANSWER_BUDGET: usize = 256 << 20;
/// Models are few and large; the last ones stay.
const MODEL_BUDGET: usize = 2 << 30;

/// Answers requests.
#[derive(Debug)]
pub struct Engine {
    models: Cache<Arc<Loaded>>,
    traces: Cache<Arc<Traced>>,
    answers: Cache<Output>,
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
        Self { models: Cache::new(MODEL_BUDGET), traces: Cache::new(TRACE_BUDGET), answers: Cache::new(ANSWER_BUDGET) }
    }
}

/// A file that changed is another file.
fn file_key(path: Option<&Path>) -> String {
    let Some(path) = path else { return String::new() };
    let facts = std::fs::metadata(path).ok().map(|m| (m.len(), m.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
    format!("{}|{facts:?}", path.display())
}

impl Engine {
    /// Answers a request.
    ///
    /// # Errors
    /// A refusal, or [`Error::Cancelled`].
    pub fn run(&mut self, request: &Request, control: &Control) -> Result<Output> {
        let (input, model) = (file_key(request.input.path()), file_key(request.model.path()));
        let key = format!("{}|{input}|{model}", request.key());
        if let Some(output) = self.answers.get(&key) {
            return Ok(output);
        }
        let traced = self.trace(request, control)?;
        let (output, bytes) = match &request.task {
            Task::Trace => return Ok(Output::Scene(traced.scene.clone())),
            Task::Explain => {
                let explanation = explain(request, &traced, control)?;
                let bytes = explanation.relevance.len() * 4;
                (Output::Explanation(Arc::new(explanation)), bytes)
            }
            Task::Segment { .. } => {
                let segments = segment(request, &traced, control)?;
                let bytes = (segments.tree.maps.len() + segments.maps.relevance.len()) * 4;
                (Output::Segments(Arc::new(segments)), bytes)
            }
        };
        self.answers.put(key, output.clone(), bytes);
        Ok(output)
    }

    /// The trace of a request's input through its model.
    ///
    /// # Errors
    /// A refusal, or [`Error::Cancelled`].
    pub fn trace(&mut self, request: &Request, control: &Control) -> Result<Arc<Traced>> {
        let model_key = format!("{:?}|{}|{}", request.model, file_key(request.model.path()), request.device);
        let key = format!("{model_key}|{:?}|{}|{}", request.input, file_key(request.input.path()), request.size);
        if let Some(traced) = self.traces.get(&key) {
            return Ok(traced);
        }
        let loaded = self.model(&request.model, request.device, model_key)?;
        control.cancel.check()?;
        let taken = loaded.read(&request.input, request.size)?;
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
        let scene = Arc::new(scene(&request.model, &model, &trace, photo));
        let bytes = trace.num_bytes();
        let traced = Arc::new(Traced { model, trace, scene });
        self.traces.put(key, traced.clone(), bytes);
        Ok(traced)
    }

    fn model(&mut self, model: &ModelRef, kind: DeviceKind, key: String) -> Result<Arc<Loaded>> {
        if let Some(loaded) = self.models.get(&key) {
            return Ok(loaded);
        }
        let loaded = Arc::new(Loaded::open(model, kind)?);
        self.models.put(key, loaded.clone(), loaded.model.num_parameters * 4);
        Ok(loaded)
    }
}

fn scene(named: &ModelRef, model: &Model, trace: &Trace, photo: Option<Photo>) -> Scene {
    let logits = trace.logits.as_ref().and_then(Logits::of_input);
    Scene {
        photo,
        layout: trace.layout.clone(),
        model: facts(named, model),
        predictions: logits.map_or_else(Vec::new, |logits| predictions(logits, &model.class_names)),
    }
}

fn facts(named: &ModelRef, model: &Model) -> ModelFacts {
    let folder = model.folder().map(|folder| std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()));
    let name = folder.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    ModelFacts {
        name: name.unwrap_or_else(|| named.name()),
        folder,
        family: model.family.clone(),
        num_layers: model.num_layers(),
        num_heads: model.num_heads(),
        width: model.width(),
        patch_size: model.patches().map_or(0, |patches| patches.patch_size),
        is_post_norm: model.is_post_norm(),
        num_parameters: model.num_parameters,
        sha256: model.sha256.clone(),
    }
}

/// Loads a checkpoint to say what it is.
///
/// # Errors
/// A refusal that says why it cannot be read.
pub fn inspect(model: &ModelRef) -> Result<ModelFacts> {
    Ok(facts(model, &Loaded::open(model, DeviceKind::Cpu)?.model))
}

/// `model_type` and description of every family that is read.
pub fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAMILIES.iter().map(|(name, what, _)| (*name, *what))
}

/// The five most probable classes.
fn predictions(logits: &[f32], names: &[String]) -> Vec<Prediction> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|l| f64::from(l - top).exp()).sum();
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let prediction = |&class: &usize| Prediction {
        class,
        name: names.get(class).cloned().unwrap_or_default(),
        probability: (f64::from(logits[class] - top).exp() / sum) as f32,
    };
    classes.iter().take(5).map(prediction).collect()
}

/// Layer 0..L of a request that may count from the top.
fn resolve_layer(request: &Request, method: &dyn Method, num_layers: usize) -> Result<usize> {
    let layer = if request.layer < 0 { request.layer + num_layers as i32 + 1 } else { request.layer };
    let info = method.info();
    usize::try_from(layer).ok().filter(|l| (info.min_layer..=num_layers).contains(l)).ok_or_else(|| {
        Error::refused(format!("--layer {}", request.layer), format!("{} has no answer there", info.id))
            .expected(format!("layers {}..{num_layers} of this model, or -1 for the last", info.min_layer))
            .remedy("choose one of these layers")
    })
}

/// The request with what it left to the model: figures and records say what was done.
fn resolved(request: &Request, traced: &Traced) -> Request {
    let scalar = request.params.scalar.resolved(traced.model.is_post_norm());
    Request { params: Params { scalar, ..request.params.clone() }, ..request.clone() }
}

fn explain(request: &Request, traced: &Traced, control: &Control) -> Result<Explanation> {
    let method = by_id(&request.method)?;
    let layer = resolve_layer(request, method, traced.trace.num_layers())?;
    let positions = match &request.tokens {
        Tokens::All => (0..traced.scene.layout.len()).collect(),
        Tokens::These(tokens) if tokens.is_empty() => {
            return Err(Error::refused("--token", "no token is named").expected(traced.scene.layout.describe()));
        }
        Tokens::These(tokens) => tokens.iter().map(|t| traced.scene.layout.resolve(t)).collect::<Result<Vec<_>>>()?,
    };
    let target = Target { layer, positions: &positions, params: &request.params };
    let relevance = method.explain(&traced.model, &traced.trace, &target, control)?.into();
    let request = resolved(request, traced);
    Ok(Explanation { request, scene: traced.scene.clone(), method: method.info(), layer, positions, relevance })
}

fn segment(request: &Request, traced: &Traced, control: &Control) -> Result<Segments> {
    let (scene, layout) = (&traced.scene, &traced.scene.layout);
    let photo = scene.photo.as_ref().ok_or_else(|| {
        Error::refused("segments", "the input is a text").expected("a picture").remedy("explain its tokens instead")
    })?;
    let request = resolved(request, traced);
    let all = Request { task: Task::Explain, tokens: Tokens::All, ..request.clone() };
    let method = by_id(&request.method)?;
    if !method.info().uses(Uses::Own) {
        return Err(Error::refused(format!("--method {}", request.method), "its maps are not clustered yet").expected("ultra"));
    }
    let layer = resolve_layer(&request, method, traced.trace.num_layers())?;
    let positions: Vec<usize> = (0..layout.grid.len()).map(|p| layout.position_of(p)).collect();
    let target = Target { layer, positions: &positions, params: &request.params };
    let relevance = method.explain(&traced.model, &traced.trace, &target, control)?.into();
    let maps = Explanation { request: all, scene: scene.clone(), method: method.info(), layer, positions, relevance };
    let heatmaps: Vec<f32> = (0..layout.grid.len()).flat_map(|n| maps.heatmap(n).values.to_vec()).collect();
    let tree = MapTree::new(heatmaps, layout.grid, photo.input_size, &control.cancel)?;
    Ok(Segments { request, scene: scene.clone(), method: method.info(), layer, maps: Arc::new(maps), tree })
}

/// The folders of checkpoints directly below `folder`, and `folder` itself if it is one.
pub fn model_folders(folder: &Path) -> Vec<PathBuf> {
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> =
        std::iter::once(folder.to_owned()).chain(below).filter(|f| f.join("config.json").is_file()).collect();
    found.sort();
    found
}
