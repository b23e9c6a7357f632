//! The logit lens: every layer read as if it were the last. What the tuned lens shares with it is here too.

use std::path::Path;

use super::{Control, Info, Method, Need, Reach, Target};
use crate::domain::exhibit::{Cell, Chart, Exhibit, Matrix, Series, Shown, Table};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::Params;
use crate::domain::{Error, Result};
use crate::model::lens::{Distribution, Lens};
use crate::model::{Model, Seen, Trace};

/// The final norm and the language head, at any layer.
#[derive(Debug)]
pub struct LogitLens;

/// What is read of a distribution.
pub const READ: Knob = Knob {
    id: "read",
    name: "Reads",
    help: "of the next word of the text, or of the word itself where the model fills gaps (else of the model's answer), its \
           probability or rank; or the entropy (nats), or the top word's probability",
    kind: KnobKind::Choice(&["probability", "rank", "entropy", "top1"]),
    given: None,
};

/// Rows of a table of words.
pub const WORDS: Knob = Knob {
    id: "words",
    name: "Words",
    help: "how many words tables list",
    kind: KnobKind::Whole { min: 1, max: 100, default: 10 },
    given: None,
};

static INFO: Info = Info {
    id: "logit-lens",
    name: "Logit lens",
    summary: "Which word every position would say at a layer, as if it were the last",
    formula: "softmax(W_U norm(h_l)), the model's own final norm and language head",
    citation: "nostalgebraist, interpreting GPT: the logit lens, LessWrong (2020)",
    cost: "2 T D V; beside the map as much again for each layer of 24 positions",
    unit: "reading",
    signed: false,
    min_layer: 0,
    needs: &[Need::Words, Need::Language],
    reach: Reach::Whole,
    uses: &[],
    knobs: &[&READ, &WORDS],
};

impl Method for LogitLens {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        rows(&Lens::plain(model), model, trace, target, control)
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        shown(&Lens::plain(model), model, trace, target, control)
    }
}

/// Tokens that stand for a word which the model is to fill in.
const GAPS: &[&str] = &["[MASK]", "<mask>"];
/// Positions around the target that the matrix of words shows: more could not be read, and would cost too much.
const MOST_COLUMNS: usize = 24;

/// What is read of a distribution, as [`READ`] spells it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Probability,
    Rank,
    Entropy,
    Top1,
}

impl Reading {
    fn of(params: &Params) -> Result<Self> {
        Ok(match params.knobs.choice(&READ)? {
            "rank" => Self::Rank,
            "entropy" => Self::Entropy,
            "top1" => Self::Top1,
            _ => Self::Probability,
        })
    }

    fn value(self, words: &Distribution<'_>, asked: u32) -> f32 {
        match self {
            Self::Probability => words.probability(asked) as f32,
            Self::Rank => words.rank(asked) as f32,
            Self::Entropy => words.entropy() as f32,
            Self::Top1 => words.probability(words.top()) as f32,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Probability => "probability of the word that the text has there",
            Self::Rank => "rank of the word that the text has there",
            Self::Entropy => "entropy (nats)",
            Self::Top1 => "probability of the top word",
        }
    }
}

/// The ids of a text.
pub(super) fn ids_of(trace: &Trace) -> Result<&[u32]> {
    match &trace.input {
        Seen::Words { ids, .. } => Ok(ids),
        Seen::Pixels { .. } => Err(Error::refused("the input", "is a picture").expected("a text")),
    }
}

/// The word that each position is asked for: the next one of the text, or of a model that fills gaps the position's own. Where the
/// text does not say, at its end and at gaps, the word that the model itself ends at.
///
/// # Shapes
/// `[T]`.
fn asked(model: &Model, trace: &Trace) -> Result<Vec<u32>> {
    let ids = ids_of(trace)?;
    let is_gap = |position: usize| match &trace.layout.text {
        Some(text) => text.pieces.get(position).is_some_and(|piece| GAPS.contains(&piece.piece.as_str())),
        None => false,
    };
    let mut asked: Vec<Option<u32>> = if model.is_causal() {
        ids.iter().skip(1).copied().map(Some).chain([None]).collect()
    } else {
        ids.iter().enumerate().map(|(position, &id)| (!is_gap(position)).then_some(id)).collect()
    };
    let unsaid: Vec<usize> = (0..asked.len()).filter(|&position| asked[position].is_none()).collect();
    for position in unsaid {
        asked[position] = Some(Distribution::of(&model.token_logits(trace, &[position])?).top());
    }
    Ok(asked.into_iter().flatten().collect())
}

/// The map of a layer, once for each target.
pub(super) fn rows(lens: &Lens<'_>, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
    let (reading, asked) = (Reading::of(target.params)?, asked(model, trace)?);
    let all: Vec<usize> = (0..trace.num_tokens()).collect();
    let row = lens.read(trace, target.layer, &all, control, |position, words| reading.value(words, asked[position]))?;
    Ok(row.repeat(target.positions.len()))
}

/// What one cell of the matrix says, and what the curves need of the target's column.
struct Said {
    value: f32,
    top: u32,
    /// Probability and rank of the curves' words.
    curves: Vec<(f64, usize)>,
    /// The most probable words, of the target at its layer.
    words: Vec<(u32, f64)>,
}

/// The words of the positions around a target at every layer, those of the target at its layer, and how its answer comes about.
pub(super) fn shown(lens: &Lens<'_>, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
    let Some(&at) = target.positions.first() else { return Ok(Shown::default()) };
    let (reading, asked, ids) = (Reading::of(target.params)?, asked(model, trace)?, ids_of(trace)?);
    let count = target.params.knobs.whole(&WORDS)?;
    let last = model.token_logits(trace, &[at])?;
    let last = Distribution::of(&last);
    let mut followed = vec![last.top()];
    followed.extend(asked.get(at).filter(|&&word| word != last.top()));
    let columns = window(at, trace.num_tokens());
    let mut layers = Vec::with_capacity(trace.num_layers() + 1);
    control.progress.start(trace.num_layers() + 1);
    for layer in 0..=trace.num_layers() {
        let look = |position: usize, words: &Distribution<'_>| Said {
            value: reading.value(words, asked[position]),
            top: words.top(),
            curves: if position == at { curves_at(words, &followed) } else { Vec::new() },
            words: if (position, layer) == (at, target.layer) { words.most_probable(count) } else { Vec::new() },
        };
        layers.push(lens.read(trace, layer, &columns, control, look)?);
        control.progress.step();
    }
    let name = |&position: &usize| model.word(ids[position]);
    let column = columns.iter().position(|&position| position == at).unwrap_or(0);
    let cells = || layers.iter().flatten();
    let matrix = Matrix {
        title: "The top word of every layer".to_owned(),
        unit: reading.unit().to_owned(),
        row_label: "layer".to_owned(),
        column_label: "token".to_owned(),
        rows: (0..=trace.num_layers()).map(|layer| layer.to_string()).collect(),
        columns: columns.iter().map(name).collect(),
        values: cells().map(|said| said.value).collect(),
        signed: false,
        words: cells().map(|said| model.word(said.top)).collect(),
        mark: Some((target.layer, column)),
    };
    let words = layers.get(target.layer).and_then(|row| row.get(column)).map_or(&[][..], |said| &said.words);
    let table = word_table(model, format!("Layer {} at \"{}\"", target.layer, name(&at)), words, &last);
    let told: Vec<&[(f64, usize)]> = layers.iter().filter_map(|row| row.get(column)).map(|said| &*said.curves).collect();
    let charts = charts(model, &followed, &told, target.layer);
    Ok(Shown { paint: None, exhibits: [vec![table], charts.to_vec(), vec![Exhibit::Matrix(matrix)]].concat() })
}

fn curves_at(words: &Distribution<'_>, followed: &[u32]) -> Vec<(f64, usize)> {
    followed.iter().map(|&word| (words.probability(word), words.rank(word))).collect()
}

/// Positions around one, as many as a matrix shows.
fn window(at: usize, num_tokens: usize) -> Vec<usize> {
    let count = num_tokens.min(MOST_COLUMNS);
    let first = at.saturating_sub(count / 2).min(num_tokens - count);
    (first..first + count).collect()
}

fn word_table(model: &Model, title: String, words: &[(u32, f64)], last: &Distribution<'_>) -> Exhibit {
    let row = |&(word, probability): &(u32, f64)| {
        vec![Cell::Shaded(model.word(word), probability), probability.into(), last.probability(word).into()]
    };
    let columns = ["word", "probability", "at layer L"].map(str::to_owned).to_vec();
    Exhibit::Table(Table { title, columns, rows: words.iter().map(row).collect(), mark: None })
}

/// Probability and rank of some words over the layers.
fn charts(model: &Model, followed: &[u32], told: &[&[(f64, usize)]], layer: usize) -> [Exhibit; 2] {
    let chart = |title: &str, y_label: &str, value: fn((f64, usize)) -> f64| {
        let points = |n: usize| {
            let at = |(layer, curves): (usize, &&[(f64, usize)])| curves.get(n).map(|&told| [layer as f64, value(told)]);
            told.iter().enumerate().filter_map(at).collect()
        };
        let name = |n: usize| if n == 0 { "the model's answer" } else { "the text" };
        let series =
            |(n, &word): (usize, &u32)| Series { name: format!("{} ({})", model.word(word), name(n)), points: points(n) };
        Exhibit::Chart(Chart {
            title: title.to_owned(),
            x_label: "layer".to_owned(),
            y_label: y_label.to_owned(),
            series: followed.iter().enumerate().map(series).collect(),
            mark: Some(layer as f64),
            bars: false,
        })
    };
    [
        chart("How the answer comes about", "probability", |(probability, _)| probability),
        chart("Its rank among all words", "rank (1 = top)", |(_, rank)| rank as f64),
    ]
}

/// The path that a knob holds.
pub(super) fn path_of<'a>(params: &'a Params, knob: &Knob) -> Option<&'a Path> {
    Some(params.knobs.text(knob)).filter(|text| !text.is_empty()).map(Path::new)
}
