//! Grad-CAM for transformers: heads of the attention, or numbers of the tokens, weighted with how much the answer rises with them.

use candle_core::Tensor;

use super::answering::{CLASS, USES_PHRASE, rows_by_answer, show_answer};
use super::{Control, Info, Method, Need, Reach, Shown, Target};
use crate::domain::Result;
use crate::domain::knob::{Knob, KnobKind};
use crate::model::trace::values;
use crate::model::{Answer, Model, Trace, attention_gradient, residual_gradient};

/// What is weighted.
static MAPS: Knob = Knob {
    id: "cam",
    name: "Weighted",
    help: "what is weighted by gradients: the block's attention, or the tokens that it reads",
    kind: KnobKind::Choice(&["attention", "tokens"]),
    given: None,
};

/// Evidence for an answer in one block.
#[derive(Debug)]
pub struct GradCam;

static INFO: Info = Info {
    id: "grad-cam",
    name: "Grad-CAM",
    summary: "Which tokens of one block speak for the model's answer: attention heads, or features, weighted by the answer's gradient",
    formula: "attention: relu(sum_h a_h A_h[i]), a_h = mean_j dA_h[i,j], i what the head reads; tokens: relu(F a), a = mean_j dF_j, F the block's input",
    citation: "Selvaraju et al., Grad-CAM, ICCV 2017; for attention as in Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, CVPR 2021",
    cost: "less than one forward pass an answer",
    unit: "evidence",
    signed: false,
    min_layer: 1,
    needs: &[Need::AnswerOrPhrase],
    reach: Reach::Each,
    uses: USES_PHRASE,
    knobs: &[&CLASS, &MAPS],
};

impl Method for GradCam {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let cam = match target.params.knobs.choice(&MAPS)? {
            "tokens" => of_tokens,
            _ => of_attention,
        };
        rows_by_answer(model, trace, target, |answer| cam(model, trace, answer, target.layer, control))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Shown> {
        show_answer(model, trace, target)
    }
}

/// Columns of the attention that weights are averaged over: patches, or every token of a text.
fn mean_over_patches(x: &Tensor, trace: &Trace, dim: usize) -> candle_core::Result<Tensor> {
    let prefix = trace.layout.prefix.len();
    x.narrow(dim, prefix, x.dim(dim)? - prefix)?.mean(dim)
}

fn of_attention(model: &Model, trace: &Trace, answer: &Answer, layer: usize, control: &Control) -> Result<Vec<f32>> {
    let gradient = attention_gradient(model, trace, answer, layer, control)?;
    let attention = model.blocks[layer - 1].attention(&trace.blocks[layer - 1])?;
    let (heads, tokens, _) = attention.dims3()?;
    let read = Tensor::new(answer.read_from(model, trace), attention.device())?.to_dtype(attention.dtype())?;
    // Rows that are read are averaged: [H, T].
    let read = read.reshape((1, 1, tokens))?.broadcast_as((heads, 1, tokens))?.contiguous()?;
    let of_read = |x: &Tensor| read.matmul(&x.contiguous()?)?.squeeze(1);
    let weights = mean_over_patches(&of_read(&gradient)?, trace, 1)?.unsqueeze(0)?;
    values(&weights.matmul(&of_read(&attention)?)?.squeeze(0)?.relu()?)
}

fn of_tokens(model: &Model, trace: &Trace, answer: &Answer, layer: usize, control: &Control) -> Result<Vec<f32>> {
    let gradient = residual_gradient(model, trace, answer, layer - 1, control)?;
    let weights = mean_over_patches(&gradient, trace, 0)?.unsqueeze(1)?;
    values(&trace.residual[layer - 1].matmul(&weights)?.squeeze(1)?.relu()?)
}
