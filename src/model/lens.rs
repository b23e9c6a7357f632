//! The residual stream of any layer read as if it were the last: through the final norm and the language head, after an affine map
//! of the layer's own where a file has one (arXiv 2303.08112).

use std::path::Path;

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::head::{Head, Language};
use super::trace::values;
use super::{Model, Trace, block, have_lengths};
use crate::domain::{Control, Error, Result};
use crate::store::{TensorFiles, first_not_finite};

/// Positions whose words are scored at once: of a large vocabulary all of them would not fit.
const POSITIONS_AT_ONCE: usize = 64;

impl Model {
    /// The head that scores words.
    ///
    /// # Errors
    /// A refusal of a model without one.
    pub fn language(&self) -> Result<&Language> {
        match &self.head {
            Some(Head::Language(language)) => Ok(language),
            _ => Err(Error::refused(&self.checkpoint, "this model scores no words").expected("a language model")),
        }
    }

    /// Scores of every word, of vectors of the residual stream as if they were of layer L.
    ///
    /// # Shapes
    /// `stream` is `[n, D]`, the result `[n, V]`.
    ///
    /// # Errors
    /// A refusal of a model without a language head.
    pub fn scores_of_stream(&self, stream: &Tensor) -> Result<Tensor> {
        let output = match &self.norm {
            Some(norm) => &block::composed::norm(stream, norm)?.0,
            None => stream,
        };
        Ok(self.language()?.scores(output)?)
    }
}

/// Probabilities of all words, from their scores.
#[derive(Clone, Copy, Debug)]
pub struct Distribution<'a> {
    /// `[V]`.
    scores: &'a [f32],
    log_sum: f64,
}

impl<'a> Distribution<'a> {
    /// The softmax of scores, `[V]`.
    pub fn of(scores: &'a [f32]) -> Self {
        let top = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = scores.iter().map(|&score| (f64::from(score) - top).exp()).sum();
        Self { scores, log_sum: top + sum.ln() }
    }

    /// Of a word, natural; minus infinity of one that the model lacks.
    pub fn log_probability(&self, id: u32) -> f64 {
        self.scores.get(id as usize).map_or(f64::NEG_INFINITY, |&score| f64::from(score) - self.log_sum)
    }

    /// Of a word, 0..1.
    pub fn probability(&self, id: u32) -> f64 {
        self.log_probability(id).exp()
    }

    /// Of every word, `[V]`.
    pub fn probabilities(&self) -> Vec<f32> {
        self.scores.iter().map(|&score| (f64::from(score) - self.log_sum).exp() as f32).collect()
    }

    /// 1 for the most probable word; equals share the better rank.
    pub fn rank(&self, id: u32) -> usize {
        let own = self.scores.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        1 + self.scores.iter().filter(|&&score| score > own).count()
    }

    /// - sum p ln p, in nats.
    pub fn entropy(&self) -> f64 {
        let term = |&score: &f32| (f64::from(score) - self.log_sum).exp() * (self.log_sum - f64::from(score));
        self.scores.iter().map(term).sum()
    }

    /// The most probable word, the first of equals.
    pub fn top(&self) -> u32 {
        let larger = |best: usize, (id, &score): (usize, &f32)| if score > self.scores[best] { id } else { best };
        self.scores.iter().enumerate().fold(0, larger) as u32
    }

    /// The most probable words with their probabilities, the first of equals first.
    pub fn most_probable(&self, count: usize) -> Vec<(u32, f64)> {
        let mut ids: Vec<u32> = (0..self.scores.len() as u32).collect();
        let before = |&a: &u32, &b: &u32| self.scores[b as usize].total_cmp(&self.scores[a as usize]).then(a.cmp(&b));
        let count = count.min(ids.len());
        if count < ids.len() {
            ids.select_nth_unstable_by(count, before);
            ids.truncate(count);
        }
        ids.sort_unstable_by(before);
        ids.into_iter().map(|id| (id, self.probability(id))).collect()
    }
}

/// A reader of layers.
#[derive(Debug)]
pub struct Lens<'a> {
    model: &'a Model,
    maps: Option<LensMaps>,
}

impl<'a> Lens<'a> {
    /// The final norm and the head alone (the logit lens).
    pub fn plain(model: &'a Model) -> Self {
        Self { model, maps: None }
    }

    /// With a map of each layer before them (the tuned lens).
    pub fn tuned(model: &'a Model, maps: LensMaps) -> Self {
        Self { model, maps: Some(maps) }
    }

    /// Looks at the words of some positions at a layer, in their order.
    ///
    /// # Errors
    /// A refusal of a model without a language head, or of a map of another shape; [`Error::Cancelled`].
    pub fn read<T: Send>(
        &self,
        trace: &Trace,
        layer: usize,
        positions: &[usize],
        control: &Control,
        look: impl Fn(usize, &Distribution<'_>) -> T + Sync,
    ) -> Result<Vec<T>> {
        let num_words = self.model.language()?.decoder.weight.dims()[0];
        let map = self.maps.as_ref().map(|maps| maps.at(self.model, layer)).transpose()?.flatten();
        let mut seen = Vec::with_capacity(positions.len());
        for part in positions.chunks(POSITIONS_AT_ONCE) {
            control.cancel.check()?;
            let rows: Vec<u32> = part.iter().map(|&p| p as u32).collect();
            let stream = trace.residual[layer].index_select(&Tensor::new(rows, trace.residual[layer].device())?, 0)?;
            let mapped = map.as_ref().map(|map| map.apply(&stream)).transpose()?;
            if let Some(mapped) = &mapped
                && !have_lengths(&values(mapped)?)
            {
                return Err(self.overflow(layer));
            }
            let scores = values(&self.model.scores_of_stream(mapped.as_ref().unwrap_or(&stream))?)?;
            if first_not_finite(&scores).is_some() {
                return Err(self.overflow(layer));
            }
            let rows = part.par_iter().zip(scores.par_chunks_exact(num_words));
            seen.par_extend(rows.map(|(&position, row)| look(position, &Distribution::of(row))));
        }
        Ok(seen)
    }

    fn overflow(&self, layer: usize) -> Error {
        let place = self.maps.as_ref().map_or_else(|| self.model.checkpoint.to_string(), |maps| maps.files.place().to_owned());
        Error::refused(place, format!("makes numbers that overflow at layer {layer}"))
            .expected("finite numbers")
            .remedy("choose a lens that was made for this model")
    }
}

/// A file of affine maps, one a layer.
///
/// Two spellings are read: `{l}.weight` `[D, D]` and `{l}.bias` `[D]` as tuned-lens writes them, h -> h + W h + b; and `A_{l}`
/// `[D, D]` and `b_{l}` `[D]`, h -> A h + b. Layer numbers are ours. A layer without a map, as L is, is read as it is.
#[derive(Debug)]
pub struct LensMaps {
    files: TensorFiles,
}

/// h -> A h + b.
struct Affine {
    /// `[D, D]`.
    weight: Tensor,
    /// `[D]`.
    bias: Tensor,
}

impl Affine {
    /// `[n, D]` to `[n, D]`.
    fn apply(&self, stream: &Tensor) -> Result<Tensor> {
        Ok(stream.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?)
    }
}

impl LensMaps {
    /// Opens a .safetensors file, or what PyTorch saved, and looks at the names in it.
    ///
    /// # Errors
    /// A refusal of a file that cannot be read, or holds no maps.
    pub fn open(path: &Path) -> Result<Self> {
        let files = TensorFiles::open_file(path)?;
        if files.names().any(|name| of_layer(name).is_some()) {
            return Ok(Self { files });
        }
        let some: Vec<&str> = files.names().take(4).collect();
        Err(Error::refused(path.display(), format!("is no lens: it holds {}", some.join(", ")))
            .expected("{l}.weight [D, D] and {l}.bias [D], or A_{l} and b_{l}, of the layers 0..L-1")
            .remedy("make one with `tokenscope fit lens`"))
    }

    /// The map of a layer, where there is one.
    fn at(&self, model: &Model, layer: usize) -> Result<Option<Affine>> {
        let width = model.width();
        let residual = self.files.shape(&format!("{layer}.weight")).is_some();
        let names = if residual {
            [format!("{layer}.weight"), format!("{layer}.bias")]
        } else {
            [format!("A_{layer}"), format!("b_{layer}")]
        };
        if names.iter().all(|name| self.files.shape(name).is_none()) {
            return self.check_layers(model).map(|()| None);
        }
        let device = &model.device;
        let weight = Tensor::from_vec(self.tensor(&names[0], &[width, width])?, (width, width), device)?;
        let bias = Tensor::from_vec(self.tensor(&names[1], &[width])?, width, device)?;
        let weight = if residual { (weight + Tensor::eye(width, DType::F32, device)?)? } else { weight };
        Ok(Some(Affine { weight: weight.to_dtype(model.dtype)?, bias: bias.to_dtype(model.dtype)? }))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self.files.shape(name) {
            Some(found) if found != shape => Err(Error::refused(self.files.place(), format!("{name} has shape {found:?}"))
                .expected(format!("{shape:?}, after the width of the model"))
                .remedy("choose a lens that was made for this model")),
            Some(_) => self.files.read(name, shape),
            None => Err(Error::refused(self.files.place(), format!("{name} is missing"))
                .expected("both a matrix and a bias of a layer")
                .remedy("make the lens again")),
        }
    }

    /// A lens of more layers than the model has is of another model.
    fn check_layers(&self, model: &Model) -> Result<()> {
        let most = self.files.names().filter_map(of_layer).max().unwrap_or(0);
        if most <= model.num_layers() {
            return Ok(());
        }
        Err(Error::refused(self.files.place(), format!("has a map of layer {most}"))
            .expected(format!("layers 0..{}, which the model has", model.num_layers()))
            .remedy("choose a lens that was made for this model"))
    }
}

/// The layer that a tensor of a lens belongs to.
fn of_layer(name: &str) -> Option<usize> {
    let number = name.strip_suffix(".weight").or_else(|| name.strip_prefix("A_"));
    number.and_then(|number| number.parse().ok())
}
