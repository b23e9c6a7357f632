//! Methods: one file each, one row in [`METHODS`]. Menus, `methods`, help and the README's table come from [`Info`].

pub mod agreement;
pub mod answering;
pub mod attention;
pub mod blanks;
pub mod budget;
mod directions;
pub mod entropy;
pub mod gradcam;
pub mod input_gradient;
pub mod integrated;
pub mod layer_saliency;
pub mod logit_lens;
pub mod modes;
pub mod norms;
pub mod occlusion;
pub mod pca;
pub mod readout;
pub mod relevance;
pub mod rollout;
pub mod similarity;
pub mod span;
pub mod stego;
pub mod tuned_lens;
pub mod ultra;
pub mod value_weighted;

pub use crate::domain::Control;
use crate::domain::exhibit::Shown;
pub use crate::domain::info::{Info, Need, Reach, Uses};
use crate::domain::request::Params;
use crate::domain::{Error, Result};
use crate::model::{Model, Trace};

/// What a method is asked: relevance rows of some positions at one layer.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Layer 0..L.
    pub layer: usize,
    /// Positions in the sequence.
    pub positions: &'a [usize],
    /// The method's parameters.
    pub params: &'a Params,
    /// Where the phrase of [`Params::scalar`] lies in the space that images and texts share, `[E]`, of length 1.
    pub phrase: Option<&'a [f32]>,
}

/// Which tokens a method may leave without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// None.
    Nowhere,
    /// Those that are neither patches nor words: prefix and special tokens.
    Outside,
    /// Any.
    Anywhere,
}

/// A way to give every token of the input a value, seen from a target token.
pub trait Method: Sync {
    /// What it is.
    fn info(&self) -> &'static Info;

    /// The parameters with what they leave open decided, as figures and records say it.
    fn settled(&self, params: Params) -> Params {
        params
    }

    /// Which tokens may have no value: NaN stands for it there. Anywhere else NaN is a fault, and infinite numbers always are.
    fn gaps(&self) -> Gaps {
        Gaps::Nowhere
    }

    /// Relevance rows.
    ///
    /// # Shapes
    /// `[positions, T]`, row-major.
    ///
    /// # Errors
    /// A refusal where the layer or a parameter does not fit the model; [`Error::Cancelled`].
    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>>;

    /// The one relevance row of a word whose pieces stand at the target's positions: the mean of their rows, unless the method has
    /// a better way to join them.
    ///
    /// # Shapes
    /// `[T]`.
    ///
    /// # Errors
    /// As [`Self::explain`].
    fn explain_word(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let rows = self.explain(model, trace, target, control)?;
        let (tokens, count) = (trace.num_tokens(), target.positions.len());
        let mean = |t: usize| (0..count).map(|n| rows[n * tokens + t]).sum::<f32>() / count as f32;
        Ok((0..tokens).map(mean).collect())
    }

    /// What there is to see beside the rows of one target, the first of [`Target::positions`]: nothing, unless the method says
    /// otherwise.
    ///
    /// # Errors
    /// As [`Self::explain`].
    fn show(&self, _model: &Model, _trace: &Trace, _target: &Target<'_>, _control: &Control) -> Result<Shown> {
        Ok(Shown::default())
    }
}

/// Every method, in menu order.
pub const METHODS: &[&dyn Method] = &[
    &ultra::Ultra,
    &attention::Attention,
    &rollout::Rollout,
    &value_weighted::ValueWeighted,
    &entropy::Entropy,
    &modes::Modes,
    &similarity::Similarity,
    &stego::Stego,
    &pca::Pca,
    &norms::Norms,
    &agreement::Agreement,
    &relevance::ClassRelevance,
    &gradcam::GradCam,
    &input_gradient::InputGradient,
    &integrated::IntegratedGradients,
    &occlusion::Occlusion,
    &budget::SemanticBudget,
    &logit_lens::LogitLens,
    &tuned_lens::TunedLens,
    &layer_saliency::LayerSaliency,
];

/// The method with an id.
///
/// # Errors
/// A refusal that lists the ids.
pub fn by_id(id: &str) -> Result<&'static dyn Method> {
    METHODS.iter().copied().find(|m| m.info().id == id).ok_or_else(|| {
        let ids: Vec<&str> = METHODS.iter().map(|m| m.info().id).collect();
        Error::refused(format!("--method {id}"), "unknown method").expected(ids.join(", "))
    })
}
