//! The scalar of a token whose gradient ULTra follows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::token::TokenRef;
use super::{Error, Result};

/// Scalar of the target token z whose gradient is followed. Where it divides by |z|, that is held fixed. A seed is the gradient with
/// respect to z.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Scalar {
    /// As the model needs: the sum, or the length where layers come out of a layer norm, after which every sum is the same.
    #[default]
    Auto,
    /// Sum of z / |z|: seed 1/|z| in every component.
    Sum,
    /// Sum of z itself: seed 1 in every component. |z| times [`Self::Sum`], so that flow through several blocks counts for more.
    RawSum,
    /// |z|: seed z/|z|.
    Norm,
    /// How far z points to a phrase in the space that images and texts share: seed w / (|w| |z|), w the gradient there. After
    /// `|` stand phrases that it is only compared with.
    Text(String),
    /// How far z points along other tokens of its layer: the mean of these, each of length 1.
    Token(Vec<TokenRef>),
    /// How far z points to a class, a number or a name, as if the classifier's head read it.
    Class(String),
    /// How far z points to a word of the vocabulary, or `#id`, as if the language head read it.
    Word(String),
    /// How far z points along the tokens of a segment, as [`Self::Token`]: of ULTra's segmentation of the layer into so many.
    Cluster {
        /// From 0.
        number: usize,
        /// Segments in all.
        of: usize,
    },
    /// Directions from a .npy or .safetensors file.
    File(PathBuf),
}

/// What begins a phrase.
const TEXT: &str = "text:";
/// Segments where no number is given.
const CLUSTERS: usize = 6;
/// No more segments are asked for.
const MAX_CLUSTERS: usize = 4096;
/// What is expected of a scalar.
const EXPECTED: &str =
    "auto, sum, raw-sum, norm, text:\"a phrase\", token:T or token:T+U, class:C, vocab:WORD, cluster:N/K or file:W.npy";

impl Scalar {
    /// The ones that buttons offer.
    pub const PLAIN: &'static [Self] = &[Self::Auto, Self::Sum, Self::RawSum, Self::Norm];

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
            _ => Vec::new(),
        }
    }

    /// The file that directions are read from.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }

    /// The phrase that maps are made of.
    pub fn phrase(&self) -> Option<&str> {
        self.phrases().first().copied()
    }

    /// What is followed, as a formula of the token's vector z; `None` until [`Self::resolved`] has chosen.
    pub fn formula(&self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Sum => Some("sum of z / |z|, |z| held fixed"),
            Self::RawSum => Some("sum of z"),
            Self::Norm => Some("|z|"),
            Self::Text(_) | Self::Token(_) | Self::Class(_) | Self::Word(_) | Self::Cluster { .. } | Self::File(_) => {
                Some("z w / (|z| |w|), w the direction, |z| and w held fixed")
            }
        }
    }

    /// What is followed, for titles: `scalar sum`, `along 'a cat'`.
    pub fn words(&self) -> String {
        match self {
            Self::Auto | Self::Sum | Self::RawSum | Self::Norm => format!("scalar {self}"),
            Self::Text(_) => format!("along '{}'", self.phrase().unwrap_or_default()),
            Self::Token(tokens) => format!("along token {}", joined(tokens)),
            Self::Class(class) => format!("along class {class}"),
            Self::Word(word) => format!("along the word '{word}'"),
            Self::Cluster { number, of } => format!("along segment {number} of {of}"),
            Self::File(path) => format!("along {}", path.file_name().unwrap_or_default().to_string_lossy()),
        }
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
            Self::RawSum => f.write_str("raw-sum"),
            Self::Norm => f.write_str("norm"),
            Self::Text(text) => write!(f, "{TEXT}{text}"),
            Self::Token(tokens) => write!(f, "token:{}", joined(tokens)),
            Self::Class(class) => write!(f, "class:{class}"),
            Self::Word(word) => write!(f, "vocab:{word}"),
            Self::Cluster { number, of } => write!(f, "cluster:{number}/{of}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for Scalar {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = [Self::Auto, Self::Sum, Self::RawSum, Self::Norm].into_iter().find(|scalar| scalar.to_string() == text);
        plain
            .or_else(|| Self::named(text))
            .ok_or_else(|| Error::refused(format!("--scalar {text}"), "unknown value").expected(EXPECTED))
    }
}

impl Scalar {
    /// What has a colon.
    fn named(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let rest = Some(rest.trim()).filter(|rest| !rest.is_empty())?;
        match kind {
            "text" => Self::of_phrases(rest),
            "token" => rest.split('+').map(|token| token.parse().ok()).collect::<Option<_>>().map(Self::Token),
            "class" => Some(Self::Class(rest.to_owned())),
            "vocab" => Some(Self::Word(rest.to_owned())),
            "cluster" => {
                let (number, of) = rest.split_once('/').map_or((rest, None), |(number, of)| (number, Some(of)));
                let of = of.map_or(Some(CLUSTERS), |of| of.trim().parse().ok()).filter(|of| (1..=MAX_CLUSTERS).contains(of))?;
                let number = number.trim().parse().ok().filter(|number| *number < of)?;
                Some(Self::Cluster { number, of })
            }
            "file" => Some(Self::File(rest.into())),
            _ => None,
        }
    }
}

fn joined(tokens: &[TokenRef]) -> String {
    tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_read_back_and_the_first_phrase_leads() {
        for text in [
            "auto",
            "sum",
            "raw-sum",
            "norm",
            "text:a cat",
            "text:sum",
            "text:a cat | a dog",
            "token:7",
            "token:cls+1,2",
            "class:tabby, tabby cat",
            "vocab:#12",
            "cluster:5/6",
            "file:a/w.npy",
        ] {
            assert_eq!(text.parse::<Scalar>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "text",
            "text:",
            "text: | ",
            "jump",
            "token:",
            "token:1+",
            "class: ",
            "cluster:6",
            "cluster:1/0",
            "cluster:x/2",
            "file:",
        ] {
            assert!(text.parse::<Scalar>().unwrap_err().to_string().contains("auto, sum, raw-sum, norm"), "{text}");
        }
        let scalar: Scalar = "text: a cat|a dog ||".parse().unwrap();
        assert_eq!((scalar.phrases(), scalar.words().as_str()), (vec!["a cat", "a dog"], "along 'a cat'"));
        assert_eq!(serde_json::to_string(&Scalar::Norm).unwrap(), "\"norm\"");
    }
}
