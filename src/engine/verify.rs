//! Whether a checkpoint's numbers can be trusted: against what PyTorch computed, where that lies beside the weights, and else
//! against what must hold for any transformer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::domain::request::{Params, Rows, Scalar};
use crate::domain::text::Text;
use crate::domain::{Cancel, Error, Progress, Result};
use crate::method::{Control, Target, by_id};
use crate::model::trace::values;
use crate::model::witness::worse;
use crate::model::{Model, ModelInput, Trace};
use crate::store::{Bytes, safetensors};

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was compared.
    pub name: String,
    /// The largest error, over the largest value where values have a scale.
    pub error: f64,
    /// The largest error that is allowed.
    pub allowed: f64,
}

impl Check {
    /// Whether the error is allowed; no number never is.
    pub fn holds(&self) -> bool {
        self.error <= self.allowed
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Files of PyTorch's numbers that were compared; none where only the program's own checks could be made.
    pub fixtures: Vec<String>,
    /// Every comparison.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Whether every check holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    /// The check that is closest to failing, or furthest beyond.
    pub fn worst(&self) -> Option<&Check> {
        let share = |check: &Check| if check.error.is_nan() { f64::INFINITY } else { check.error / check.allowed };
        self.checks.iter().max_by(|a, b| share(a).total_cmp(&share(b)))
    }

    /// What it rests on, in a few words.
    pub fn kind(&self) -> &'static str {
        if self.fixtures.is_empty() { "self-checked" } else { "equals PyTorch" }
    }
}

/// Files with PyTorch's numbers, as `tests/fixtures/generate.py` writes them.
pub const FIXTURES: [&str; 3] = ["expected.safetensors", "expected_wide.safetensors", "expected_text.safetensors"];
/// Larger ones are not taken for fixtures.
const MAX_FIXTURE: u64 = 256 << 20;

/// Verifies a checkpoint: against the fixtures in its folder that are of the kind that it reads, or by [`self_check`].
///
/// # Errors
/// A refusal of a fixture that cannot be read; what the model refuses; [`Error::Cancelled`].
pub fn verify(model: &Model, control: &Control) -> Result<Verification> {
    let mut found = Verification { fixtures: Vec::new(), checks: Vec::new() };
    for name in FIXTURES {
        let Some(path) = model.folder().map(|folder| folder.join(name)).filter(|path| path.is_file()) else { continue };
        let fixture = Fixture::read(&path)?;
        if fixture.has("input_ids") != model.takes_text() {
            continue;
        }
        found.checks.extend(fixture.compare(model, name, control)?);
        found.fixtures.push(name.to_owned());
    }
    if found.fixtures.is_empty() {
        found.checks = self_check(model, control)?;
    }
    Ok(found)
}

/// Tensors that PyTorch computed.
struct Fixture {
    place: String,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Fixture {
    fn read(path: &Path) -> Result<Self> {
        let refused = |what: String| {
            Error::refused(path.display(), what)
                .expected("tensors that tests/fixtures/generate.py writes")
                .remedy("remove the file to have the model checked without it")
        };
        let length = fs::metadata(path).map_err(|err| refused(err.to_string()))?.len();
        if length > MAX_FIXTURE {
            return Err(refused(format!("{length} bytes long")));
        }
        let file = Bytes::open(path)?;
        let mut tensors = BTreeMap::new();
        for (name, place) in safetensors::places(&file)? {
            let bytes = place.read(&file).map_err(|err| refused(err.to_string()))?;
            let values = match place.dtype.as_str() {
                "F32" => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                "I64" => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
                other => return Err(refused(format!("{name} is of type {other}"))),
            };
            tensors.insert(name, (place.shape, values));
        }
        Ok(Self { place: path.display().to_string(), tensors })
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn get(&self, name: &str) -> Result<&(Vec<usize>, Vec<f32>)> {
        self.tensors.get(name).ok_or_else(|| Error::refused(&self.place, format!("holds no {name}")))
    }

    fn whole_numbers(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.get(name)?.1.iter().map(|&v| v.max(0.0) as usize).collect())
    }

    fn trace(&self, model: &Model, cancel: &Cancel) -> Result<Trace> {
        if model.takes_text() {
            let ids: Vec<u32> = self.whole_numbers("input_ids")?.into_iter().map(|id| id as u32).collect();
            let text = Arc::new(Text::of_ids(&ids));
            return model.trace(&ModelInput::Words { ids: &ids, text }, cancel, &Progress::default());
        }
        let (shape, values) = self.get("pixel_values")?;
        let &[3, height, width] = shape.as_slice() else {
            return Err(Error::refused(&self.place, format!("pixel_values has shape {shape:?}")).expected("[3, H, W]"));
        };
        model.trace(&ModelInput::Pixels { values, height, width }, cancel, &Progress::default())
    }

    /// Each tensor that both have, and the relevance rows.
    fn compare(&self, model: &Model, file: &str, control: &Control) -> Result<Vec<Check>> {
        let trace = self.trace(model, &control.cancel)?;
        let mut checks = Vec::new();
        let mut check = |name: &str, got: &[f32], want: &[f32]| {
            checks.push(Check { name: format!("{name} of {file}"), error: apart(got, want), allowed: 1e-4 });
        };
        let (_, residual) = self.get("residual")?;
        let parts = residual.chunks((residual.len() / trace.residual.len()).max(1));
        for ((layer, got), want) in trace.residual.iter().enumerate().zip(parts) {
            check(&format!("residual of layer {layer}"), &values(got)?, want);
        }
        let (_, attention) = self.get("attention")?;
        let parts = attention.chunks((attention.len() / trace.num_layers().max(1)).max(1));
        for ((i, block), want) in model.blocks.iter().enumerate().zip(parts) {
            check(&format!("attention of layer {}", i + 1), &values(&block.attention(&trace.blocks[i])?)?, want);
        }
        if self.has("output") {
            check("output", &values(&trace.output)?, &self.get("output")?.1);
        }
        if self.has("logits") {
            let all: Vec<usize> = (0..trace.num_tokens()).collect();
            let logits = match &trace.logits {
                Some(logits) => logits.values.clone(),
                None if model.num_scored_words().is_some() => model.token_logits(&trace, &all)?,
                None => Vec::new(),
            };
            check("logits", &logits, &self.get("logits")?.1);
        }
        checks.extend(self.compare_rows(model, &trace, file, control)?);
        Ok(checks)
    }

    fn compare_rows(&self, model: &Model, trace: &Trace, file: &str, control: &Control) -> Result<Vec<Check>> {
        let (targets, ultra) = (self.whole_numbers("targets")?, by_id("ultra")?);
        let mut checks = Vec::new();
        for (name, (_, want)) in self.tensors.iter().filter(|(name, _)| name.starts_with("ultra_")) {
            let (scalar, layer) = match name.strip_prefix("ultra_norm_") {
                Some(layer) => (Scalar::Norm, layer),
                None => (Scalar::Sum, name.trim_start_matches("ultra_")),
            };
            let layer = layer.parse().ok().filter(|&l| l <= trace.num_layers());
            let Some(layer) = layer else { return Err(Error::refused(&self.place, format!("{name} is of no layer"))) };
            let params = Params { scalar, rows: Rows::All, ..Params::default() };
            let got =
                ultra.explain(model, trace, &Target { layer, positions: &targets, params: &params, phrase: None }, control)?;
            let error = rows_apart(&got, want, &targets);
            checks.push(Check { name: format!("{name} of {file}"), error, allowed: 1e-3 });
        }
        Ok(checks)
    }
}

/// Largest difference over the largest value; infinite where sizes differ.
fn apart(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let scale = want.iter().fold(f64::MIN_POSITIVE, |m, w| m.max(f64::from(w.abs())));
    let differences = got.iter().zip(want).map(|(g, w)| f64::from((g - w).abs()));
    differences.fold(0.0, worse) / scale
}

/// The same for relevance rows, over the largest entry that is not the target's own; where that is 0, over the own entry.
fn rows_apart(got: &[f32], want: &[f32], targets: &[usize]) -> f64 {
    let tokens = want.len() / targets.len().max(1);
    if got.len() != want.len() || tokens == 0 {
        return f64::INFINITY;
    }
    let rows = got.chunks(tokens).zip(want.chunks(tokens)).zip(targets);
    let error = |((got, want), &target): ((&[f32], &[f32]), &usize)| {
        let others = want.iter().enumerate().filter(|(j, _)| *j != target).fold(0.0_f32, |m, (_, w)| m.max(w.abs()));
        let own = want.get(target).map_or(1.0, |w| w.abs());
        let share = f64::from(if others > 0.0 { others } else { own });
        let scale = want.iter().fold(f64::MIN_POSITIVE, |m, w| m.max(f64::from(w.abs())));
        apart(got, want) * scale / share.max(f64::MIN_POSITIVE)
    };
    rows.map(error).fold(0.0, worse)
}

/// Tokens of a text that is made up, and patches of a made-up image a side.
const SELF_CHECK_TOKENS: usize = 12;
const SELF_CHECK_SIDE: usize = 4;

/// What must hold for any transformer: attention rows sum to one, numbers are finite, the backward agrees with autograd, and
/// autograd with differences.
///
/// # Errors
/// What the model refuses; [`Error::Cancelled`].
pub fn self_check(model: &Model, control: &Control) -> Result<Vec<Check>> {
    let ids: Vec<u32>;
    let pixels: Vec<f32>;
    let input = if model.takes_text() {
        let (vocab, most) = (model.vocab_size().unwrap_or(1), model.max_tokens().unwrap_or(1));
        ids = (0..SELF_CHECK_TOKENS.min(most)).map(|i| (i * 7919 % vocab) as u32).collect();
        ModelInput::Words { ids: &ids, text: Arc::new(Text::of_ids(&ids)) }
    } else {
        let side = model.patches()?.patch_size * SELF_CHECK_SIDE;
        pixels = (0..3 * side * side).map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * 1.3).collect();
        ModelInput::Pixels { values: &pixels, height: side, width: side }
    };
    // An overflow is refused here.
    let trace = model.trace(&input, &control.cancel, &control.progress)?;
    let mut row_sums = 0.0_f64;
    for (block, recorded) in model.blocks.iter().zip(&trace.blocks) {
        let attention = values(&block.attention(recorded)?)?;
        let sum = |row: &[f32]| (row.iter().map(|&a| f64::from(a)).sum::<f64>() - 1.0).abs();
        row_sums = attention.chunks(trace.num_tokens()).map(sum).fold(row_sums, worse);
    }
    let testimony = model.witness(&input, trace.num_tokens() - 1, &control.cancel)?;
    let check = |name: &str, error, allowed| Check { name: name.to_owned(), error, allowed };
    Ok(vec![
        check("rows of attention sum to one", row_sums, 1e-5),
        check("backward against autograd", testimony.row_error, 1e-3),
        check("autograd against differences", testimony.gradient_error, 1e-4),
    ])
}
