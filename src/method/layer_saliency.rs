//! Saliency of a layer of a language model, decoded by a language head: the gradient of the answer at that layer says which positions
//! matter, and the head says which words they hold there.

use std::path::Path;

use super::answering::{CLASS, answer_table, first_answer, rows_by_answer};
use super::logit_lens::{WORDS, ids_of};
use super::{Control, Info, Method, Need, Reach, Target};
use crate::domain::exhibit::{Cell, Chart, Exhibit, Series, Shown, Table};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Error, Result};
use crate::model::answer::{Answer, residual_gradient};
use crate::model::lens::{Distribution, Lens};
use crate::model::trace::values;
use crate::model::{Model, Trace};

/// Gradient saliency of a layer, read as words.
#[derive(Debug)]
pub struct LayerSaliency;

/// How a position's gradient becomes its saliency.
pub const FLAVOUR: Knob = Knob {
    id: "flavour",
    name: "Flavour",
    help: "grad-cam: relu(h_t . mean_t g_t); gradient-input: h_t . g_t, which is zero at layer L below a final norm",
    kind: KnobKind::Choice(&["grad-cam", "gradient-input"]),
    given: None,
};

/// Whether saliency is given to the words of the text that positions speak of.
pub const FOLD: Knob = Knob {
    id: "fold",
    name: "Folded back",
    help: "on: saliency goes to the words of the text that a position speaks of, by the language head; off: it stays at its position; \
           auto: on where there is such a head",
    kind: KnobKind::Choice(&["auto", "on", "off"]),
    given: None,
};

/// Another checkpoint's language head.
pub const DECODER: Knob = Knob {
    id: "decoder",
    name: "Decoder",
    help: "the folder of the pre-trained model with a language head from which a classifier was made",
    kind: KnobKind::Text { hint: "path/to/bert-base-uncased" },
    given: None,
};

static INFO: Info = Info {
    id: "layer-saliency",
    name: "Layer saliency",
    summary: "Which words matter to the model's answer, by the gradient at a layer and what its positions speak of there",
    formula: "s_t = relu(h_t . mean g) or h_t . g_t, g = dy/dh_l; p_t = softmax(W_U norm(h_t)); s_in(j) = sum_t s_t p_t(id_j) / sum_j' p_t(id_j')",
    citation: "Hou and Castanon, Decoding Layer Saliency in Language Transformers, arXiv 2308.05219 (2023)",
    cost: "a backward down to the layer, and 2 T D V; beside the map 2 D V for 64 positions of each layer",
    unit: "saliency",
    signed: true,
    min_layer: 0,
    needs: &[Need::Words, Need::Answer],
    reach: Reach::Each,
    uses: &[],
    knobs: &[&CLASS, &FLAVOUR, &FOLD, &DECODER, &WORDS],
};

/// Positions that the curve of coherence is a mean of, evenly spaced where there are more.
const MOST_POSITIONS: usize = 64;
/// Positions whose probabilities of all words are held at once.
const POSITIONS_AT_ONCE: usize = 16;
/// Words that the table of positions decodes each to.
const WORDS_EACH: usize = 3;

impl Method for LayerSaliency {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let decoder = Decoder::of(model, trace, target)?;
        // What a position speaks of does not depend on the target.
        let shares = decoder.folding(target)?.map(|lens| shares(&lens, trace, target.layer, control)).transpose()?;
        rows_by_answer(model, trace, target, |answer| {
            let saliency = saliency(model, trace, target, answer, control)?;
            Ok(shares.as_ref().map_or_else(|| saliency.clone(), |shares| folded(&saliency, shares)))
        })
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let (decoder, count) = (Decoder::of(model, trace, target)?, target.params.knobs.whole(&WORDS)?);
        let saliency = saliency(model, trace, target, &first_answer(model, trace, target)?, control)?;
        let lens = decoder.lens();
        let mut exhibits = vec![
            Exhibit::Table(answer_table(model, trace, target)?),
            positions_table(model, trace, target.layer, &saliency, lens.as_ref(), count, control)?,
        ];
        if let Some(lens) = &lens {
            exhibits.push(words_table(model, trace, target.layer, &saliency, lens, count, control)?);
            exhibits.push(coherence_chart(model, trace, target.layer, lens, control)?);
        }
        Ok(Shown { paint: None, exhibits })
    }
}

/// What turns positions into words.
enum Decoder<'a> {
    /// The model's own head.
    Own(&'a Model),
    /// That of the model which it was made from.
    Other(Box<Model>),
    /// Nothing.
    None(&'a Model),
}

impl<'a> Decoder<'a> {
    fn of(model: &'a Model, trace: &Trace, target: &Target<'_>) -> Result<Self> {
        let folder = target.params.knobs.text(&DECODER);
        if folder.is_empty() {
            return Ok(if model.num_scored_words().is_some() { Self::Own(model) } else { Self::None(model) });
        }
        let other = Model::load(Path::new(folder), trace.output.device())?;
        let facts = |model: &Model| (model.width(), model.vocab_size());
        if other.num_scored_words().is_none() || facts(&other) != facts(model) {
            return Err(Error::refused(format!("--decoder {folder}"), "cannot decode the layers of this model")
                .expected(format!("a language head, {} wide, of {} words", model.width(), model.vocab_size().unwrap_or(0)))
                .remedy("name the pre-trained model from which this one was made"));
        }
        Ok(Self::Other(Box::new(other)))
    }

    fn lens(&self) -> Option<Lens<'_>> {
        match self {
            Self::Own(model) => Some(Lens::plain(model)),
            Self::Other(model) => Some(Lens::plain(model)),
            Self::None(_) => None,
        }
    }

    /// The decoder, where saliency is folded back.
    fn folding(&self, target: &Target<'_>) -> Result<Option<Lens<'_>>> {
        match (target.params.knobs.choice(&FOLD)?, self) {
            ("off", _) => Ok(None),
            ("on", Self::None(model)) => {
                Err(Error::refused("--fold on", format!("this model ({}) has no language head", model.family))
                    .expected("a language model, or --decoder with the pre-trained model from which this one was made")
                    .remedy("leave --fold out: saliency stays at its positions"))
            }
            _ => Ok(self.lens()),
        }
    }
}

/// How much each position of a layer matters to an answer.
///
/// # Shapes
/// `[T]`.
fn saliency(model: &Model, trace: &Trace, target: &Target<'_>, answer: &Answer, control: &Control) -> Result<Vec<f32>> {
    let gradient = values(&residual_gradient(model, trace, answer, target.layer, control)?)?;
    let (stream, width, tokens) = (trace.residual_values(target.layer)?, model.width(), trace.num_tokens());
    let rows = stream.chunks_exact(width);
    if target.params.knobs.choice(&FLAVOUR)? == "grad-cam" {
        let mean_at = |d: usize| gradient.iter().skip(d).step_by(width).map(|&g| f64::from(g)).sum::<f64>() / tokens as f64;
        let weights: Vec<f32> = (0..width).map(|d| mean_at(d) as f32).collect();
        return Ok(rows.map(|h| dot(h, &weights).max(0.0)).collect());
    }
    Ok(rows.zip(gradient.chunks_exact(width)).map(|(h, g)| dot(h, g)).collect())
}

/// What is so much smaller than its terms is their rounding. So it is at layer L below a final norm, which takes the length of a
/// vector out: h . g is zero there.
const ROUNDING: f64 = 1e-5;

/// Zero where the terms cancel.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (sum, size) = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
    if f64::abs(sum) > ROUNDING * size { sum as f32 } else { 0.0 }
}

/// How much a position of a layer speaks of each word of the text: p_t(id_j) / sum_j' p_t(id_j').
///
/// # Shapes
/// `[T][T]`; rows sum to one.
fn shares(lens: &Lens<'_>, trace: &Trace, layer: usize, control: &Control) -> Result<Vec<Vec<f64>>> {
    let ids = ids_of(trace)?;
    let all: Vec<usize> = (0..trace.num_tokens()).collect();
    lens.read(trace, layer, &all, control, |_, words| {
        // By logarithms: all of these words may be too improbable for any float.
        let logs: Vec<f64> = ids.iter().map(|&id| words.log_probability(id)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - top).exp()).sum();
        logs.iter().map(|log| (log - top).exp() / sum).collect()
    })
}

/// s_in(j) = sum_t s_t share_t(j).
fn folded(saliency: &[f32], shares: &[Vec<f64>]) -> Vec<f32> {
    let of_word = |j: usize| saliency.iter().zip(shares).map(|(&s, row)| f64::from(s) * row[j]).sum::<f64>() as f32;
    (0..saliency.len()).map(of_word).collect()
}

/// The positions that matter most, and what they speak of.
fn positions_table(
    model: &Model,
    trace: &Trace,
    layer: usize,
    saliency: &[f32],
    lens: Option<&Lens<'_>>,
    count: usize,
    control: &Control,
) -> Result<Exhibit> {
    let ids = ids_of(trace)?;
    let mut order: Vec<usize> = (0..saliency.len()).collect();
    order.sort_by(|&a, &b| saliency[b].abs().total_cmp(&saliency[a].abs()).then(a.cmp(&b)));
    order.truncate(count);
    let top = |_: usize, words: &Distribution<'_>| words.most_probable(WORDS_EACH);
    let decoded = lens.map(|lens| lens.read(trace, layer, &order, control, top)).transpose()?;
    let mut rows: Vec<Vec<Cell>> =
        order.iter().map(|&at| vec![at.to_string().into(), model.word(ids[at]).into(), f64::from(saliency[at]).into()]).collect();
    for (row, words) in rows.iter_mut().zip(decoded.iter().flatten()) {
        row.extend(words.iter().map(|&(id, probability)| Cell::Shaded(model.word(id), probability)));
    }
    let mut columns = ["position", "token", "saliency"].map(str::to_owned).to_vec();
    if decoded.is_some() {
        columns.extend((0..WORDS_EACH).map(|n| if n == 0 { "speaks of".to_owned() } else { String::new() }));
    }
    Ok(Exhibit::Table(Table { title: format!("Positions that matter at layer {layer}"), columns, rows, mark: None }))
}

/// The words of the whole vocabulary with the most saliency: sum_t s_t p_t(v).
fn words_table(
    model: &Model,
    trace: &Trace,
    layer: usize,
    saliency: &[f32],
    lens: &Lens<'_>,
    count: usize,
    control: &Control,
) -> Result<Exhibit> {
    let mut sums: Vec<f64> = Vec::new();
    let all: Vec<usize> = (0..trace.num_tokens()).collect();
    for part in all.chunks(POSITIONS_AT_ONCE) {
        for (&position, words) in part.iter().zip(lens.read(trace, layer, part, control, |_, words| words.probabilities())?) {
            sums.resize(words.len(), 0.0);
            sums.iter_mut().zip(words).for_each(|(sum, p)| *sum += f64::from(saliency[position]) * f64::from(p));
        }
    }
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]).then(a.cmp(&b)));
    order.truncate(count);
    let most = order.first().map_or(1.0, |&v| sums[v]).max(f64::MIN_POSITIVE);
    let row = |&v: &usize| vec![Cell::Shaded(model.word(v as u32), (sums[v] / most).clamp(0.0, 1.0)), sums[v].into()];
    let columns = ["word", "saliency"].map(str::to_owned).to_vec();
    let title = format!("Decoded saliency of layer {layer}");
    Ok(Exhibit::Table(Table { title, columns, rows: order.iter().map(row).collect(), mark: None }))
}

/// How much of what a layer's positions speak of is still the text: near 1 where a position speaks of its own word.
fn coherence_chart(model: &Model, trace: &Trace, layer: usize, lens: &Lens<'_>, control: &Control) -> Result<Exhibit> {
    let (ids, tokens) = (ids_of(trace)?, trace.num_tokens());
    let count = tokens.min(MOST_POSITIONS);
    let positions: Vec<usize> = (0..count).map(|n| n * tokens / count).collect();
    let mut curves: [Vec<[f64; 2]>; 3] = Default::default();
    control.progress.start(trace.num_layers() + 1);
    for at in 0..=trace.num_layers() {
        let told = lens.read(trace, at, &positions, control, |position, words| {
            let reciprocal = |id: Option<&u32>| id.map(|&id| 1.0 / words.rank(id) as f64);
            [reciprocal(ids.get(position)), Some(words.probability(ids[position])), reciprocal(ids.get(position + 1))]
        })?;
        for (n, curve) in curves.iter_mut().enumerate() {
            let known: Vec<f64> = told.iter().filter_map(|told| told[n]).collect();
            curve.push([at as f64, known.iter().sum::<f64>() / known.len() as f64]);
        }
        control.progress.step();
    }
    let [rank, probability, next] = curves;
    let mut series = vec![
        Series { name: "own word, mean reciprocal rank".to_owned(), points: rank },
        Series { name: "own word, mean probability".to_owned(), points: probability },
    ];
    if model.is_causal() {
        // Upper layers of these speak of what comes next.
        series.push(Series { name: "next word, mean reciprocal rank".to_owned(), points: next });
    }
    Ok(Exhibit::Chart(Chart {
        title: "Coherence of the layers".to_owned(),
        x_label: "layer".to_owned(),
        y_label: "1 = the text itself".to_owned(),
        series,
        mark: Some(layer as f64),
        bars: false,
    }))
}
