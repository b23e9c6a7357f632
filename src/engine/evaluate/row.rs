//! One answer: a picture and a contender, with every number that tables are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sources::Sources;
use crate::domain::{Error, Notices};
use crate::measure::Contingency;
use crate::measure::boundary::BoundaryCounts;

/// A line of `rows.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The picture.
    pub image: String,
    /// Who was scored: [`super::Contender::name`].
    pub contender: String,
    /// The files that it was made from.
    #[serde(default)]
    pub made_from: Sources,
    /// SHA-256 of everything else that decides its numbers: settings, checkpoint, files that the method reads.
    #[serde(default)]
    pub settings: String,
    /// Why there are no scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Scores by their ids; `None` where one is not defined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, Option<f64>>,
    /// Pixels by segment and class, where the mask has classes: `[segment, class, pixels]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Contingency>,
    /// What each segment looks like to the model, where the mask has classes: the mean vector of its patches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<Vec<Vec<f32>>>,
    /// How its masks were read: words of the table, and how many masks or pixels each is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: BTreeMap<String, u64>,
    /// How the picture and the model were read, places named without their folders.
    #[serde(default, skip_serializing_if = "Notices::is_empty")]
    pub notices: Notices,
    /// Boundary pixels that were matched after thinning, as the Berkeley benchmark counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinned: Option<BoundaryCounts>,
    /// The same without thinning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unthinned: Option<BoundaryCounts>,
}

impl Row {
    pub(super) fn new(image: &str, contender: &str) -> Self {
        Self { image: image.to_owned(), contender: contender.to_owned(), ..Self::default() }
    }

    pub(super) fn refused(image: &str, contender: &str, why: &Error) -> Self {
        Self { refused: Some(why.to_string()), ..Self::new(image, contender) }
    }

    /// Sets a score; what is no number is not defined.
    pub(super) fn set(&mut self, id: &str, value: f64) {
        self.scores.insert(id.to_owned(), Some(value).filter(|v| v.is_finite()));
    }
}
