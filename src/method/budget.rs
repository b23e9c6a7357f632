//! Semantic budget: which patches would be worth sending if only some could be, and what the model then still sees.

use super::answering::{CLASS, first_answer};
use super::{Control, Gaps, Info, Method, Need, Reach, Shown, Target, by_id};
use crate::algebra::random::Random;
use crate::domain::exhibit::{Cell, Chart, Exhibit, Series, Table};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::{Params, Rows};
use crate::domain::{Error, Result};
use crate::model::entry::Blank;
use crate::model::{Answer, Model, Trace};
use crate::store::first_not_finite;

/// Share of the patches that is kept.
static KEEP: Knob = Knob {
    id: "keep",
    name: "Keep, %",
    help: "share of the patches that is kept, in percent",
    kind: KnobKind::Whole { min: 1, max: 100, default: 25 },
    given: None,
};

/// What says which patches matter.
static RANKING: Knob = Knob {
    id: "ranking",
    name: "Ranked by",
    help: "the heatmap whose strongest patches are kept, of the token that the classifier reads",
    kind: KnobKind::Choice(&["ultra", "attention", "rollout", "class-relevance", "grad-cam"]),
    given: None,
};

/// What becomes of the others.
static REST: Knob = Knob {
    id: "rest",
    name: "The rest is",
    help: "what becomes of the other patches: their colours are the mean of training, or their tokens are dropped",
    kind: KnobKind::Choice(&["blanked", "dropped"]),
    given: None,
};

/// Shares at which the model is asked again, in percent.
const SHARES: [usize; 20] = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100];
/// Random orders are averaged.
const ORDERS: usize = 3;
/// They are asked at every so many shares.
const ORDER_STRIDE: usize = 2;
/// Answers in the table.
const TOP: usize = 5;
/// Rows of ULTra's backward where the maps of many tokens are averaged.
const ROWS_OF_MANY: usize = 8;

/// The strongest patches of a heatmap, and the model's answer from these alone.
#[derive(Debug)]
pub struct SemanticBudget;

static INFO: Info = Info {
    id: "semantic-budget",
    name: "Semantic budget",
    summary: "The patches worth sending when only a share of them can be: the strongest of a heatmap; and what the model answers from these alone",
    formula: "the k % of the patches with the largest values; p(answer) as the others are blanked or dropped",
    citation: "Transformer-aided semantic communications, arXiv 2405.01521 (2024); sweep as insertion in Petsiuk, Das and Saenko, RISE, BMVC 2018",
    cost: "fifty forward passes for the curve",
    unit: "relevance",
    signed: false,
    min_layer: 1,
    needs: &[Need::Picture, Need::Classes],
    reach: Reach::Whole,
    uses: &[],
    knobs: &[&KEEP, &RANKING, &REST, &CLASS],
};

impl Method for SemanticBudget {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// What is not kept has none.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let mut map = heatmap(model, trace, target, control)?;
        let order = strongest_first(&map, trace);
        let kept = count(&order, target.params.knobs.whole(&KEEP)?);
        order[kept..].iter().for_each(|&dropped| map[dropped] = f32::NAN);
        Ok(target.positions.iter().flat_map(|_| map.iter().copied()).collect())
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let knobs = &target.params.knobs;
        let (keep, drops) = (knobs.whole(&KEEP)?, knobs.choice(&REST)? == "dropped");
        let answer = first_answer(model, trace, target)?;
        let map = heatmap(model, trace, target, control)?;
        let receiver = Receiver { model, trace, drops, control };
        control.progress.start(SHARES.len() + ORDERS * SHARES.len() / ORDER_STRIDE + 1);
        let order = strongest_first(&map, trace);
        let chosen = receiver.curve(&answer, &order, 1)?;
        let random = receiver.random_curve(&answer, &order)?;
        let received = receiver.receive(&order[..count(&order, keep)])?;
        let name = answer.words(model);
        let chart = Chart {
            title: format!("Answer \"{name}\" by share of patches"),
            x_label: "patches kept, %".to_owned(),
            y_label: model.scoring.name().to_owned(),
            series: vec![
                Series { name: format!("by {}", knobs.choice(&RANKING)?), points: chosen },
                Series { name: "in random order".to_owned(), points: random },
            ],
            mark: Some(keep as f64),
            bars: false,
        };
        let table = top_answers(model, trace, &received, keep)?;
        Ok(Shown { paint: None, exhibits: vec![Exhibit::Chart(chart), Exhibit::Table(table)] })
    }
}

/// The map of what the classifier reads: of one token, or the mean over those that are averaged.
fn heatmap(model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
    let id = target.params.knobs.choice(&RANKING)?;
    let read = first_answer(model, trace, target)?.read_from(model, trace);
    let of_answer = matches!(id, "class-relevance" | "grad-cam");
    let positions: Vec<usize> =
        if of_answer { vec![0] } else { (0..read.len()).filter(|&position| read[position] > 0.0).collect() };
    let mut params = Params { rows: if positions.len() > 2 { Rows::Some(ROWS_OF_MANY) } else { Rows::All }, ..Params::default() };
    if of_answer {
        params.knobs.set(&CLASS, target.params.knobs.text(&CLASS))?;
    }
    let asked = Target { positions: &positions, params: &params, ..*target };
    let rows = by_id(id)?.explain(model, trace, &asked, control)?;
    let tokens = trace.num_tokens();
    let share = |n: usize| if of_answer { 1.0 } else { read[positions[n]] };
    let map: Vec<f32> = (0..tokens).map(|t| (0..positions.len()).map(|n| share(n) * rows[n * tokens + t]).sum()).collect();
    if first_not_finite(&map).is_some() {
        return Err(Error::refused(&model.checkpoint, format!("the heatmap by {id} that ranks the patches overflows"))
            .expected("finite numbers"));
    }
    Ok(map)
}

/// Positions of the patches, the strongest first.
fn strongest_first(map: &[f32], trace: &Trace) -> Vec<usize> {
    let mut order: Vec<usize> = (trace.layout.prefix.len()..trace.num_tokens()).collect();
    order.sort_by(|&a, &b| map[b].total_cmp(&map[a]).then(a.cmp(&b)));
    order
}

/// So many percent, and at least one.
fn count(order: &[usize], percent: usize) -> usize {
    (order.len() * percent).div_ceil(100).clamp(1, order.len().max(1))
}

/// The model where only some patches arrive.
struct Receiver<'a> {
    model: &'a Model,
    trace: &'a Trace,
    drops: bool,
    control: &'a Control,
}

impl Receiver<'_> {
    fn receive(&self, kept: &[usize]) -> Result<Trace> {
        let (model, trace, cancel) = (self.model, self.trace, &self.control.cancel);
        let prefix = trace.layout.prefix.len();
        self.control.progress.step();
        if self.drops {
            let mut positions: Vec<usize> = (0..prefix).chain(kept.iter().copied()).collect();
            positions.sort_unstable();
            return model.trace_tokens(&positions, trace, cancel);
        }
        let lost: Vec<usize> = (prefix..trace.num_tokens()).filter(|position| !kept.contains(position)).collect();
        let blank = model.blank_values(&trace.input, Blank::Zero)?;
        let values = model.with_tokens(&model.input_values(&trace.input)?, &blank, &lost, &trace.layout)?;
        model.trace_values(&values, trace, cancel)
    }

    fn curve(&self, answer: &Answer, order: &[usize], stride: usize) -> Result<Vec<[f64; 2]>> {
        let point = |&percent: &usize| -> Result<[f64; 2]> {
            let received = self.receive(&order[..count(order, percent)])?;
            Ok([percent as f64, f64::from(answer.level(self.model, &received)?)])
        };
        SHARES.iter().skip(stride - 1).step_by(stride).map(point).collect()
    }

    /// The mean over some random orders, the same for every picture.
    fn random_curve(&self, answer: &Answer, patches: &[usize]) -> Result<Vec<[f64; 2]>> {
        let mut sorted = patches.to_vec();
        sorted.sort_unstable();
        let shuffled = |seed: usize| -> Vec<usize> {
            let mut random = Random::new(seed as u64);
            let mut keyed: Vec<(u64, usize)> = sorted.iter().map(|&patch| (random.bits(), patch)).collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, patch)| patch).collect()
        };
        let curves: Vec<Vec<[f64; 2]>> =
            (0..ORDERS).map(|seed| self.curve(answer, &shuffled(seed), ORDER_STRIDE)).collect::<Result<_>>()?;
        let first = curves.first().ok_or_else(|| Error::Internal("no random order".to_owned()))?;
        let mean = |n: usize| curves.iter().map(|curve| curve[n][1]).sum::<f64>() / curves.len() as f64;
        Ok(first.iter().enumerate().map(|(n, point)| [point[0], mean(n)]).collect())
    }
}

/// The most probable classes from what is kept, beside what they were from all.
fn top_answers(model: &Model, trace: &Trace, received: &Trace, keep: usize) -> Result<Table> {
    let scores = |trace: &Trace| trace.logits.as_ref().map(|logits| logits.values.clone()).unwrap_or_default();
    let (before, after) = (scores(trace), scores(received));
    let descending = |scores: &[f32]| {
        let mut classes: Vec<usize> = (0..scores.len()).collect();
        classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        classes
    };
    let (first, classes) = (descending(&before), descending(&after));
    let verdict = if first.first() == classes.first() { "the answer stays" } else { "the answer changes" };
    let row = |&class: &usize| -> Result<Vec<Cell>> {
        let answer = Answer::Class(class);
        let level = |trace: &Trace| Ok::<_, Error>(f64::from(answer.level(model, trace)?));
        Ok(vec![answer.words(model).into(), level(received)?.into(), level(trace)?.into()])
    };
    Ok(Table {
        title: format!("Answers from {keep} % of the patches: {verdict}"),
        columns: ["answer", model.scoring.name(), "from all patches"].map(str::to_owned).to_vec(),
        rows: classes.iter().take(TOP).map(row).collect::<Result<_>>()?,
        mark: classes.iter().take(TOP).position(|class| Some(class) == first.first()),
    })
}
