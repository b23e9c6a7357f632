//! ULTra (arXiv 2411.12589): follow the gradient of one latent token through the attention below it.

use candle_core::Tensor;

use super::{Control, Info, Method, Target, Uses};
use crate::domain::Result;
use crate::domain::request::Scalar;
use crate::model::{Backward, Model, Trace};

/// The method at the heart of the program.
#[derive(Debug)]
pub struct Ultra;

static INFO: Info = Info {
    id: "ultra",
    name: "ULTra",
    summary: "Which part of the input a latent token was made from, by its gradient through the attention below it",
    formula: "r <- r + r mean_h relu(dA_b * A_b), from the token's layer down to block 1, r = e_i at the start",
    citation: "Hosseini et al., ULTra: Unveiling Latent Token Interpretability in Transformer-Based Understanding, arXiv 2411.12589 (2024)",
    cost: "exact: about one forward pass a token; own-row: less than one for all tokens",
    unit: "relevance",
    signed: false,
    min_layer: 0,
    uses: &[Uses::Scalar, Uses::Rows, Uses::Own],
};

impl Method for Ultra {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let seeds = seeds(&trace.residual[target.layer], target.positions, target.params.scalar.resolved(model.is_post_norm()))?;
        let backward = Backward {
            model,
            trace,
            layer: target.layer,
            rows: target.params.rows,
            cancel: &control.cancel,
            progress: &control.progress,
        };
        backward.run(target.positions, &seeds)
    }
}

/// Gradients of the scalar with respect to the target tokens, with |z| held fixed (methods.md 1.2): 1/|z| in every component
/// for `sum`, z/|z| for `norm`. A zero token has a zero gradient.
///
/// # Shapes
/// `stream` is `[T, D]`, the result `[positions, D]`.
///
/// # Errors
/// [`crate::domain::Error::Internal`] when a position does not exist.
pub fn seeds(stream: &Tensor, positions: &[usize], scalar: Scalar) -> Result<Tensor> {
    let rows: Vec<u32> = positions.iter().map(|&p| p as u32).collect();
    let z = stream.index_select(&Tensor::new(rows, stream.device())?, 0)?;
    let norm = z.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(f64::from(f32::MIN_POSITIVE))?;
    Ok(match scalar {
        Scalar::Auto | Scalar::Sum => z.ones_like()?.broadcast_div(&norm)?,
        Scalar::Norm => z.broadcast_div(&norm)?,
    })
}
