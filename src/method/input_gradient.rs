//! Gradients of the answer with respect to the input itself.

use super::answering::{CLASS, USES_PHRASE, rows_by_answer, show_answer};
use super::{Control, Gaps, Info, Method, Need, Reach, Shown, Target};
use crate::domain::Result;
use crate::domain::knob::{Knob, KnobKind};
use crate::model::{Answer, Model, Trace, residual_gradient};

/// How gradients become one number a token.
static READING: Knob = Knob {
    id: "reading",
    name: "Read as",
    help: "how gradients become one number a token: their product with the input, or their length",
    kind: KnobKind::Choice(&["product", "length"]),
    given: None,
};

/// Pixels or words times their gradients.
#[derive(Debug)]
pub struct InputGradient;

static INFO: Info = Info {
    id: "input-gradient",
    name: "Input x gradient",
    summary: "How the model's answer changes with each patch's pixels, or each word's vector, to first order; the same at every layer",
    formula: "sum over the token's input of x dy/dx, or the length of dy/dx; x pixels after normalisation, or rows of the vocabulary",
    citation: "Simonyan, Vedaldi and Zisserman, ICLR workshop 2014 (length); Shrikumar et al., ICML 2017, and Ancona et al., ICLR 2018 (product)",
    cost: "about one forward pass an answer",
    unit: "change of the score",
    signed: true,
    min_layer: 0,
    needs: &[Need::AnswerOrPhrase],
    reach: Reach::Each,
    uses: USES_PHRASE,
    knobs: &[&CLASS, &READING],
};

impl Method for InputGradient {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// Tokens that no part of the input makes have none.
    fn gaps(&self) -> Gaps {
        Gaps::Outside
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let by_length = target.params.knobs.choice(&READING)? == "length";
        rows_by_answer(model, trace, target, |answer| row(model, trace, answer, by_length, control))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Shown> {
        show_answer(model, trace, target)
    }
}

fn row(model: &Model, trace: &Trace, answer: &Answer, by_length: bool, control: &Control) -> Result<Vec<f32>> {
    let values = model.input_values(&trace.input)?;
    let gradient = model.values_gradient(&values, &residual_gradient(model, trace, answer, 0, control)?)?;
    if by_length {
        let squares = model.sums_by_token(&gradient.sqr()?, &trace.layout)?;
        return Ok(squares.into_iter().map(f32::sqrt).collect());
    }
    model.sums_by_token(&(gradient * values)?, &trace.layout)
}
