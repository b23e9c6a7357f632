//! What is asked of the engine. Flags parse into it, lanes make it, caches key on it and records print it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::generation::Generation;
use super::knob::Knobs;
use super::request_key::RequestKey;
pub use super::scalar::Scalar;
pub use super::source::{Input, ModelRef};
use super::span::Span;
use super::token::TokenRef;
use super::{Error, Result};

/// One question to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to compute.
    pub task: Task,
    /// What the model sees.
    pub input: Input,
    /// The checkpoint.
    pub model: ModelRef,
    /// Of a checkpoint with two towers the one that reads the input; `None` = as the input needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tower: Option<Tower>,
    /// Size of the model's input.
    pub size: SizeRule,
    /// Where to compute.
    pub device: DeviceKind,
    /// Layer 0..L; negative counts from the top, -1 = L.
    pub layer: i32,
    /// Targets of an explanation.
    pub tokens: Tokens,
    /// Id of the method in the registry.
    pub method: String,
    /// Parameters of the method; those that it does not use keep their defaults.
    pub params: Params,
    /// How the text is continued before anything is asked of it; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Whether the answer also has the target's row at every layer, of a text.
    #[serde(default, skip_serializing_if = "is_off")]
    pub layers: bool,
    /// Whether the answer also says how much less likely a span becomes without its strongest sources.
    #[serde(default, skip_serializing_if = "is_off")]
    pub score: bool,
}

/// What is not asked for is not written.
fn is_off(switch: &bool) -> bool {
    !switch
}

impl Request {
    /// A request with every choice at its default.
    pub fn new(task: Task, input: impl Into<Input>, model: impl Into<ModelRef>) -> Self {
        Self::of(task, input.into(), model.into())
    }

    /// As [`Self::new`], of an input that need not be a file.
    pub fn of(task: Task, input: Input, model: ModelRef) -> Self {
        Self {
            task,
            input,
            model,
            tower: None,
            size: SizeRule::Checkpoint,
            device: DeviceKind::Cpu,
            layer: -1,
            tokens: Tokens::These(Vec::new()),
            method: "ultra".to_owned(),
            params: Params::of(task),
            layers: false,
            score: false,
            generation: None,
        }
    }

    /// What tells it from other requests.
    pub fn key(&self) -> RequestKey {
        RequestKey::of(self)
    }

    /// As one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|err| format!("unserialisable: {err}"))
    }
}

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The forward pass with everything recorded.
    Trace,
    /// The continuation of a text, as [`Request::generation`] says.
    Generate,
    /// Heatmaps of the chosen tokens.
    Explain,
    /// Whether the model's numbers can be trusted; the input does not matter.
    Verify,
    /// A segmentation by clustering the maps of all patches.
    Segment {
        /// Where to cut the linkage tree.
        cut: Cut,
    },
}

/// The targets of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Every token of the sequence, in order.
    All,
    /// Those named.
    These(Vec<TokenRef>),
    /// A part of a text as a whole: one heatmap of what it was made from.
    Span(Span),
}

impl Tokens {
    /// Tokens as the command line names them, one by one; `all`; or one span.
    ///
    /// # Errors
    /// A refusal of what is no token, and of a span beside other tokens.
    pub fn read(names: &[String]) -> Result<Self> {
        if names.iter().any(|name| name == "all") {
            return Ok(Self::All);
        }
        match (names, names.iter().find_map(|name| Span::read(name))) {
            ([_], Some(span)) => Ok(Self::Span(span)),
            (_, Some(span)) => Err(Error::refused(format!("--token {span}"), "a span is explained as a whole, and stands alone")
                .expected("one span, or any number of tokens")
                .remedy("ask for one span at a time")),
            (_, None) => names.iter().map(|name| name.parse()).collect::<Result<_>>().map(Self::These),
        }
    }
}

/// Where to cut a linkage tree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// At most so many clusters (SciPy's `maxclust`).
    Clusters(usize),
    /// At a cosine distance.
    Distance(f64),
}

impl Default for Cut {
    /// 0.25, the distance of ULTra's paper-era notebook.
    fn default() -> Self {
        Self::Distance(0.25)
    }
}

/// Parameters of methods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Params {
    /// Attention head, or how heads are fused.
    pub head: Head,
    /// Which vectors are compared.
    pub facet: Facet,
    /// Scalar whose gradient ULTra follows.
    pub scalar: Scalar,
    /// Rows on which the backward carries the cotangent.
    pub rows: Rows,
    /// The target's own entry in the heatmap.
    pub own: Own,
    /// Parameters that single methods declare.
    #[serde(default, skip_serializing_if = "Knobs::is_empty")]
    pub knobs: Knobs,
}

impl Params {
    /// Where nothing is chosen: of a segmentation few rows are enough.
    pub fn of(task: Task) -> Self {
        let rows = if matches!(task, Task::Segment { .. }) { Rows::Some(8) } else { Rows::All };
        Self { rows, ..Self::default() }
    }
}

/// A choice that is written as one word on the command line and in records.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident, $flag:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every choice, in the order in which they are offered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|c| c.to_string() == text).ok_or_else(|| {
                    let words: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
                    Error::refused(format!("{} {text}", $flag), "unknown value").expected(words.join(", "))
                })
            }
        }
    };
}

word_enum! {
    /// Where the arithmetic runs.
    DeviceKind, "--device" {
        /// The processor.
        #[default] Cpu = "cpu",
        /// The first NVIDIA GPU; needs the cargo feature `cuda`.
        Cuda = "cuda",
        /// Apple's GPU; needs the cargo feature `metal`.
        Metal = "metal",
    }
}

word_enum! {
    /// Which half of a checkpoint that reads images and texts.
    Tower, "--tower" {
        /// The one for images.
        #[default] Image = "image",
        /// The one for texts.
        Text = "text",
    }
}

word_enum! {
    /// Which vectors of a token are compared.
    Facet, "--facet" {
        /// The residual stream.
        #[default] Residual = "residual",
        /// Queries, all heads beside each other.
        Query = "query",
        /// Keys.
        Key = "key",
        /// Values.
        Value = "value",
    }
}

word_enum! {
    /// What a heatmap shows at its own target, where the identity term would outshine the rest.
    Own, "--own" {
        /// The largest of the other patches.
        #[default] Max = "max",
        /// The value as computed.
        Keep = "keep",
        /// Zero.
        Zero = "zero",
    }
}

/// An attention head, or a fusion of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Head {
    /// Mean over heads.
    #[default]
    Mean,
    /// Largest over heads.
    Max,
    /// Smallest over heads.
    Min,
    /// One head, from 0.
    One(usize),
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Min => f.write_str("min"),
            Self::One(h) => write!(f, "{h}"),
        }
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "mean" => Ok(Self::Mean),
            "max" => Ok(Self::Max),
            "min" => Ok(Self::Min),
            _ => text.parse().map(Self::One).map_err(|_| {
                Error::refused(format!("--head {text}"), "unknown value").expected("a head number from 0, mean, max or min")
            }),
        }
    }
}

/// K of the backward: the rows that carry the cotangent (methods.md 1.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Rows {
    /// Every row: exact.
    #[default]
    All,
    /// So many rows a target; 1 = its own row only.
    Some(usize),
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Some(k) => write!(f, "{k}"),
        }
    }
}

impl FromStr for Rows {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse()
            .ok()
            .filter(|&k| k > 0)
            .map(Self::Some)
            .ok_or_else(|| Error::refused(format!("--rows {text}"), "unknown value").expected("`all` or a number of rows from 1"))
    }
}

/// Size of the model's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SizeRule {
    /// As the checkpoint's preprocessor says.
    #[default]
    Checkpoint,
    /// So many pixels high and wide; a crop rule scales with it.
    Exact {
        /// Pixels.
        height: usize,
        /// Pixels.
        width: usize,
    },
    /// The picture's own aspect: shorter side as given (or as the checkpoint says), both sides rounded to the patch, no crop.
    Native(Option<usize>),
}

impl fmt::Display for SizeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Exact { height, width } if height == width => write!(f, "{height}"),
            Self::Exact { height, width } => write!(f, "{height}x{width}"),
            Self::Native(None) => f.write_str("native"),
            Self::Native(Some(side)) => write!(f, "native:{side}"),
        }
    }
}

impl FromStr for SizeRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |t: &str| t.parse::<usize>().ok().filter(|&n| n > 0);
        let parsed = match text.split_once(['x', ':']) {
            Some(("native", side)) => number(side).map(|s| Self::Native(Some(s))),
            Some((h, w)) => number(h).zip(number(w)).map(|(height, width)| Self::Exact { height, width }),
            None if text == "native" => Some(Self::Native(None)),
            None if text == "checkpoint" => Some(Self::Checkpoint),
            None => number(text).map(|s| Self::Exact { height: s, width: s }),
        };
        parsed.ok_or_else(|| {
            Error::refused(format!("--size {text}"), "unknown value").expected("a number of pixels, HxW, native or native:S")
        })
    }
}

/// Serialises a type by its command-line spelling.
macro_rules! by_spelling {
    ($($name:ident),+) => { $(
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
    )+ };
}

by_spelling!(Head, Rows, Scalar, SizeRule);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_json_and_keys_tell_requests_apart() {
        let mut request = Request::new(Task::Segment { cut: Cut::Clusters(6) }, "a.png", "m");
        request.tokens = Tokens::These(vec!["7,7".parse().unwrap(), "cls".parse().unwrap()]);
        request.params.head = Head::One(3);
        request.size = SizeRule::Native(Some(448));
        let back: Request = serde_json::from_str(&request.json()).unwrap();
        assert_eq!(back, request);
        request.layer = 3;
        assert_ne!(back.key(), request.key());
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_unicode_are_told_apart_and_read_back() {
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| std::path::PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        let requests = [b"a\xff", b"a\xfe"].map(|name| Request::new(Task::Explain, path(name), path(name)));
        assert_ne!(requests[0].key(), requests[1].key());
        for request in requests {
            assert_eq!(serde_json::from_str::<Request>(&request.json()).unwrap(), request);
        }
    }

    #[test]
    fn spellings_are_read_back() {
        for text in ["224", "224x448", "native", "native:518", "checkpoint"] {
            assert_eq!(text.parse::<SizeRule>().unwrap().to_string(), text);
        }
        for text in ["0", "x", "12x", "-3", "native:0"] {
            assert!(text.parse::<SizeRule>().is_err(), "{text}");
        }
        assert!("0".parse::<Rows>().is_err());
        assert!("jump".parse::<Own>().unwrap_err().to_string().contains("max, keep, zero"));
    }
}
