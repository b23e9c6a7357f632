//! Class relevance (Chefer, Gur and Wolf, ICCV 2021): ULTra's flow, started by the model's answer in place of a latent token.

use super::answering::{BLOCKS, CLASS, USES_PHRASE, rows_by_answer, show_answer};
use super::{Control, Info, Method, Need, Reach, Shown, Target};
use crate::domain::Result;
use crate::domain::request::Rows;
use crate::model::{Answer, Backward, Model, Trace, residual_gradient};

/// Which part of the input an answer was made from.
#[derive(Debug)]
pub struct ClassRelevance;

static INFO: Info = Info {
    id: "class-relevance",
    name: "Class relevance",
    summary: "Which part of the input the model's answer was made from, by its gradient through the attention up to the layer",
    formula: "r <- r + r mean_h relu(dA_b * A_b), from the layer down to block 1, dA of the answer's score, r = what the head reads at the start; shown without the start",
    citation: "Chefer, Gur and Wolf, Generic Attention-Model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers, ICCV 2021",
    cost: "about one forward pass an answer",
    unit: "relevance",
    signed: false,
    min_layer: 1,
    needs: &[Need::AnswerOrPhrase],
    reach: Reach::Each,
    uses: USES_PHRASE,
    knobs: &[&CLASS, &BLOCKS],
};

impl Method for ClassRelevance {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let blocks = target.params.knobs.whole(&BLOCKS)?;
        rows_by_answer(model, trace, target, |answer| relevance(model, trace, answer, (target.layer, blocks), control))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Shown> {
        show_answer(model, trace, target)
    }
}

/// The relevance row of an answer through so many blocks below a layer; 0 = all.
///
/// # Shapes
/// `[T]`.
///
/// # Errors
/// As [`residual_gradient`].
pub(super) fn relevance(
    model: &Model,
    trace: &Trace,
    answer: &Answer,
    (layer, blocks): (usize, usize),
    control: &Control,
) -> Result<Vec<f32>> {
    let gradient = residual_gradient(model, trace, answer, layer, control)?;
    let read = answer.read_from(model, trace);
    let backward =
        Backward { model, trace, layer, rows: Rows::All, blocks, cancel: &control.cancel, progress: &control.progress };
    let row = backward.run_whole(&gradient, &read)?;
    Ok(row.iter().zip(&read).map(|(r, start)| (r - start).max(0.0)).collect())
}
