//! What an evaluation does: everything that decides its numbers, as `settings.json` keeps it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::path;
use crate::domain::request::{ModelRef, Request};
use crate::domain::{Error, Result};

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Of the program that computes it.
    pub version: String,
    /// What is measured.
    pub test: Test,
    /// On which pictures.
    pub data: Data,
    /// The checkpoints.
    pub models: Vec<ModelRef>,
    /// What each of them is, filled in when they are loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<Fingerprint>,
    /// SHA-256 of the files that methods read, by their paths; filled in at the same time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Methods by id, each possibly with parameters of its own, or `all`.
    pub methods: Vec<String>,
    /// Layers 0..L; negative counts from the top.
    pub layers: Vec<i32>,
    /// Everything else that is asked of each picture; its input, model, layer and method do not count.
    pub request: Request,
    /// What is drawn by lot is drawn by this.
    pub seed: u64,
    /// The part of the pictures that this run takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// What a checkpoint is, wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// SHA-256 of its weights.
    pub weights: String,
    /// SHA-256 of its configuration and of what prepares its inputs.
    pub settings: String,
    /// Numbers in a token's vector.
    pub width: usize,
}

/// Which pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The data set's folder, or that of the pictures alone; of maps also a single picture.
    #[serde(with = "path")]
    pub images: PathBuf,
    /// The folder of the masks where it is named.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "path::option")]
    pub masks: Option<PathBuf>,
    /// Id of the layout, `auto` until it was found out.
    pub layout: String,
    /// At most so many pictures, the first by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// Segments against masks.
    Segments {
        /// Fewest segments.
        from: usize,
        /// Most segments.
        to: usize,
        /// How the number is chosen between the two.
        select: Vec<Select>,
    },
    /// Whether what a map calls important is what the model's answer hangs on.
    Faithfulness {
        /// Steps in which patches are taken out, at most one a patch.
        steps: usize,
        /// What is put in their place.
        baseline: Baseline,
        /// Patches by lot whose own vectors are answers too.
        tokens: usize,
    },
    /// Whether maps change as blocks forget what they learned.
    Randomization,
}

/// How many segments a picture is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The number that scores best against the mask: an upper bound, not a method.
    Oracle,
    /// The number with the best silhouette of the patches' vectors (Rousseeuw 1987): the mask is not looked at.
    Unsupervised,
}

/// What stands in for a patch that was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    /// The mean colour of the checkpoint's training pictures: 0 after normalisation.
    Mean,
    /// The picture blurred, by RISE's Gaussian of 11 pixels with deviation 5.
    Blur,
}

/// The i-th of n parts, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    /// Which.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        numbers.filter(|(index, count)| index < count).map(|(index, count)| Self { index, count }).ok_or_else(|| {
            Error::refused(format!("--shard {text}"), "is no part").expected("I/N with I from 0 to N-1, such as 0/4")
        })
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl Plan {
    /// The same without its part: what all shards share.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { shard: None, ..self.clone() }
    }

    /// Whether masks are looked at.
    pub fn has_masks(&self) -> bool {
        matches!(self.test, Test::Segments { .. })
    }

    /// Refuses numbers that mean nothing.
    ///
    /// # Errors
    /// That refusal.
    pub fn check(&self) -> Result<()> {
        match &self.test {
            Test::Segments { from, to, .. } if *from < 1 || to < from || *to > 4096 => {
                Err(Error::refused(format!("--clusters {from}..{to}"), "is no range")
                    .expected("1 to 4096, the smaller number first"))
            }
            Test::Faithfulness { steps: 0, .. } => Err(Error::refused("--steps 0", "takes nothing out").expected("1 or more")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_spelled_as_they_are_read() {
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
        for text in ["3/3", "1", "a/b", "-1/2", "0/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
