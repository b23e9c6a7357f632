//! Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) on pixels and on words' vectors.

use candle_core::Tensor;

use super::answering::{CLASS, USES_PHRASE, answer_table, first_answer, rows_by_answer};
use super::blanks::{BASELINE, blank_of};
use super::{Control, Gaps, Info, Method, Need, Reach, Shown, Target};
use crate::domain::Result;
use crate::domain::exhibit::{Cell, Exhibit, Table};
use crate::domain::knob::{Knob, KnobKind};
use crate::model::{Answer, Model, Trace, residual_gradient};

/// Points of the path at which gradients are taken.
static STEPS: Knob = Knob {
    id: "steps",
    name: "Steps",
    help: "points of the path from the baseline to the input at which gradients are taken",
    kind: KnobKind::Whole { min: 1, max: 1000, default: 32 },
    given: None,
};

/// Gradients on the way from an input that says nothing.
#[derive(Debug)]
pub struct IntegratedGradients;

static INFO: Info = Info {
    id: "integrated-gradients",
    name: "Integrated gradients",
    summary: "How much of the model's answer each patch or word adds on the way from an input that says nothing; the same at every layer",
    formula: "sum over the token's input of (x - x0) mean_m dy/dx at x0 + (m - 1/2)/M (x - x0); rows sum to y(x) - y(x0) as M grows",
    citation: "Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017",
    cost: "two forward passes a step and answer",
    unit: "share of the score",
    signed: true,
    min_layer: 0,
    needs: &[Need::AnswerOrPhrase],
    reach: Reach::Each,
    uses: USES_PHRASE,
    knobs: &[&CLASS, &STEPS, &BASELINE],
};

impl Method for IntegratedGradients {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// Tokens that no part of the input makes have none.
    fn gaps(&self) -> Gaps {
        Gaps::Outside
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let path = Path::new(model, trace, target)?;
        rows_by_answer(model, trace, target, |answer| path.row(answer, control))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let path = Path::new(model, trace, target)?;
        let answer = first_answer(model, trace, target)?;
        let row = path.row(&answer, control)?;
        let here = f64::from(answer.score(model, trace)?);
        let before = f64::from(answer.score(model, &path.at(0.0, control)?)?);
        let sum: f64 = row.iter().filter(|v| !v.is_nan()).map(|&v| f64::from(v)).sum();
        let line = |what: &str, value: f64| vec![Cell::from(what), Cell::from(value)];
        let completeness = Table {
            title: format!("Completeness, {} steps", path.steps),
            columns: vec![String::new(), String::new()],
            rows: vec![
                line("score of the input", here),
                line("score of the baseline", before),
                line("their difference", here - before),
                line("sum of the map", sum),
                line("gap", sum - (here - before)),
            ],
            mark: None,
        };
        let answer = answer_table(model, trace, target)?;
        Ok(Shown { paint: None, exhibits: vec![Exhibit::Table(answer), Exhibit::Table(completeness)] })
    }
}

/// The straight way from the baseline to the input.
struct Path<'a> {
    model: &'a Model,
    trace: &'a Trace,
    from: Tensor,
    way: Tensor,
    steps: usize,
}

impl<'a> Path<'a> {
    fn new(model: &'a Model, trace: &'a Trace, target: &Target<'_>) -> Result<Self> {
        let knobs = &target.params.knobs;
        let from = model.blank_values(&trace.input, blank_of(model, trace, knobs.choice(&BASELINE)?)?)?;
        let way = (model.input_values(&trace.input)? - &from)?;
        Ok(Self { model, trace, from, way, steps: knobs.whole(&STEPS)? })
    }

    fn values(&self, share: f64) -> Result<Tensor> {
        Ok((&self.from + (&self.way * share)?)?)
    }

    /// What the model makes of a point of the path.
    fn at(&self, share: f64, control: &Control) -> Result<Trace> {
        self.model.trace_values(&self.values(share)?, self.trace, &control.cancel)
    }

    fn row(&self, answer: &Answer, control: &Control) -> Result<Vec<f32>> {
        let mut sum = self.way.zeros_like()?;
        control.progress.start(self.steps);
        for step in 0..self.steps {
            let share = (step as f64 + 0.5) / self.steps as f64;
            let trace = self.at(share, control)?;
            let first = residual_gradient(self.model, &trace, answer, 0, control)?;
            sum = (sum + self.model.values_gradient(&self.values(share)?, &first)?)?;
            control.progress.step();
        }
        self.model.sums_by_token(&((sum / self.steps as f64)? * &self.way)?, &self.trace.layout)
    }
}
