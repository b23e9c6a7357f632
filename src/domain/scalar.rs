//! The scalar of a token whose gradient ULTra follows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// Scalar of the target token z whose gradient is followed (methods.md 1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Scalar {
    /// As the model needs: the sum, or the length where layers come out of a layer norm, after which every sum is the same.
    #[default]
    Auto,
    /// Sum of z / |z|: seed 1/|z| in every component.
    Sum,
    /// |z|: seed z/|z|.
    Norm,
    /// How far z points to a phrase in the space that images and texts share: seed w / (|w| |z|), w the gradient there. After
    /// `|` stand phrases that it is only compared with.
    Text(String),
}

/// What begins a phrase.
const TEXT: &str = "text:";

impl Scalar {
    /// Those that need no words, in the order in which they are offered.
    pub const PLAIN: &'static [Self] = &[Self::Auto, Self::Sum, Self::Norm];

    /// What is meant for a model whose layers come out of a layer norm, or for any other.
    #[must_use]
    pub fn resolved(&self, is_post_norm: bool) -> Self {
        match self {
            Self::Auto if is_post_norm => Self::Norm,
            Self::Auto => Self::Sum,
            chosen => chosen.clone(),
        }
    }

    /// The phrases, the one that maps are made of first; none where the scalar is no phrase.
    pub fn phrases(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => text.split('|').map(str::trim).filter(|phrase| !phrase.is_empty()).collect(),
            Self::Auto | Self::Sum | Self::Norm => Vec::new(),
        }
    }

    /// The phrase that maps are made of.
    pub fn phrase(&self) -> Option<&str> {
        self.phrases().first().copied()
    }

    /// What is followed, for titles: `scalar sum`, `along 'a cat'`.
    pub fn words(&self) -> String {
        self.phrase().map_or_else(|| format!("scalar {self}"), |phrase| format!("along '{phrase}'"))
    }

    /// The scalar of phrases that a user typed; none of blanks alone.
    pub fn of_phrases(typed: &str) -> Option<Self> {
        Some(Self::Text(typed.trim().to_owned())).filter(|scalar| scalar.phrase().is_some())
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Sum => f.write_str("sum"),
            Self::Norm => f.write_str("norm"),
            Self::Text(text) => write!(f, "{TEXT}{text}"),
        }
    }
}

impl FromStr for Scalar {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let phrases = || text.strip_prefix(TEXT).and_then(Self::of_phrases);
        let plain = Self::PLAIN.iter().find(|scalar| scalar.to_string() == text);
        plain.cloned().or_else(phrases).ok_or_else(|| {
            Error::refused(format!("--scalar {text}"), "unknown value").expected("auto, sum, norm or text:\"a phrase\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_read_back_and_the_first_phrase_leads() {
        for text in ["auto", "sum", "norm", "text:a cat", "text:sum", "text:a cat | a dog"] {
            assert_eq!(text.parse::<Scalar>().unwrap().to_string(), text);
        }
        for text in ["", "text", "text:", "text: | ", "jump"] {
            assert!(text.parse::<Scalar>().unwrap_err().to_string().contains("auto, sum, norm"), "{text}");
        }
        let scalar: Scalar = "text: a cat|a dog ||".parse().unwrap();
        assert_eq!((scalar.phrases(), scalar.words().as_str()), (vec!["a cat", "a dog"], "along 'a cat'"));
        assert_eq!(serde_json::to_string(&Scalar::Norm).unwrap(), "\"norm\"");
    }
}
