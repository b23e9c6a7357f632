//! Methods: one file each, one row in [`METHODS`]. Menus, `methods`, help and the README's table come from [`Info`].

pub mod agreement;
pub mod attention;
pub mod rollout;
pub mod similarity;
pub mod span;
pub mod ultra;

use crate::domain::request::Params;
use crate::domain::{Cancel, Error, Progress, Result};
use crate::model::{Model, Trace};

/// What a method is, for menus, help, records and tables.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Name on the command line.
    pub id: &'static str,
    /// Name in menus.
    pub name: &'static str,
    /// One line: what its heatmap shows.
    pub summary: &'static str,
    /// The formula, in one line of plain text.
    pub formula: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// What a map costs beyond the forward pass.
    pub cost: &'static str,
    /// What a value is, for colour bars.
    pub unit: &'static str,
    /// Whether values have a sign: drawn symmetric around 0.
    pub signed: bool,
    /// Lowest layer that has an answer.
    pub min_layer: usize,
    /// Parameters that it looks at.
    pub uses: &'static [Uses],
}

/// A parameter of [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// `head`.
    Head,
    /// `facet`.
    Facet,
    /// `scalar`.
    Scalar,
    /// The phrase of `scalar`, and nothing else of it.
    Phrase,
    /// `rows`.
    Rows,
    /// `own`.
    Own,
}

impl Info {
    /// Whether the method looks at a parameter.
    pub fn uses(&self, what: Uses) -> bool {
        self.uses.contains(&what)
    }

    /// Whether the method can do something with a phrase.
    pub fn takes_phrase(&self) -> bool {
        self.uses(Uses::Scalar) || self.uses(Uses::Phrase)
    }
}

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

/// How a long method is stopped and says how far it is.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Looked at between blocks and between chunks.
    pub cancel: Cancel,
    /// Steps done.
    pub progress: Progress,
}

/// A way to give every token of the input a value, seen from a target token.
pub trait Method: Sync {
    /// What it is.
    fn info(&self) -> &'static Info;

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
}

/// Every method, in menu order.
pub const METHODS: &[&dyn Method] =
    &[&ultra::Ultra, &attention::Attention, &rollout::Rollout, &similarity::Similarity, &agreement::Agreement];

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
