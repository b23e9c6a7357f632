//! What a method is: its facts for menus, help, records and tables.

use super::knob::Knob;
use super::request::Params;
use super::{Error, Result};

/// What a method or a segmenter is, for menus, help, records and tables.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Name on the command line.
    pub id: &'static str,
    /// Name in menus.
    pub name: &'static str,
    /// One line: what it shows.
    pub summary: &'static str,
    /// The formula, in one line of plain text.
    pub formula: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// What an answer costs beyond the forward pass.
    pub cost: &'static str,
    /// What a value is, for colour bars.
    pub unit: &'static str,
    /// Whether values have a sign: drawn symmetric around 0.
    pub signed: bool,
    /// Lowest layer that has an answer.
    pub min_layer: usize,
    /// What the model and the input must have.
    pub needs: &'static [Need],
    /// How rows depend on their targets.
    pub reach: Reach,
    /// Parameters that it shares with others.
    pub uses: &'static [Uses],
    /// Parameters of its own.
    pub knobs: &'static [&'static Knob],
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
    /// The same, but it can do without.
    PhraseIfAny,
    /// `rows`.
    Rows,
    /// `own`.
    Own,
}

/// What a method needs of the model or the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A picture.
    Picture,
    /// A text.
    Words,
    /// Class scores of the whole input.
    Classes,
    /// Scores of words, by a language head.
    Language,
    /// Either of the two.
    Answer,
    /// Either of the two, or a space that images and texts share.
    AnswerOrPhrase,
    /// A causal language head.
    Causal,
    /// A space that images and texts share, and both towers.
    Phrases,
}

impl Need {
    /// In words: `this needs ...`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Picture => "a picture",
            Self::Words => "a text",
            Self::Classes => "a classifier's head",
            Self::Language => "a language head",
            Self::Answer => "a classifier's or a language head",
            Self::AnswerOrPhrase => "a classifier's or a language head, or a model of images and texts (CLIP, SigLIP)",
            Self::Causal => "a causal language model",
            Self::Phrases => "a model of images and texts (CLIP, SigLIP)",
        }
    }
}

/// How the rows of a method depend on their targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every target has a row, and the rows of all targets are cheap.
    Rows,
    /// Every target has a row, and each costs a good deal: rows are made for the targets that are asked for, one by one.
    Each,
    /// One row whatever the target.
    Whole,
}

impl Info {
    /// Whether the method looks at a parameter.
    pub fn uses(&self, what: Uses) -> bool {
        self.uses.contains(&what)
    }

    /// Whether the method can do something with a phrase.
    pub fn takes_phrase(&self) -> bool {
        self.uses(Uses::Scalar) || self.names_phrase()
    }

    /// Whether the phrase is all that it looks at of the scalar.
    pub fn names_phrase(&self) -> bool {
        self.uses(Uses::Phrase) || self.uses(Uses::PhraseIfAny)
    }

    /// What it needs, in words; empty where any model will do.
    pub fn needs_in_words(&self) -> String {
        self.needs.iter().map(|need| need.words()).collect::<Vec<_>>().join("; ")
    }

    /// Refuses knobs that the method has not.
    ///
    /// # Errors
    /// That refusal.
    pub fn check_knobs(&self, params: &Params) -> Result<()> {
        self.check_knobs_among(self.knobs, params)
    }

    /// As [`Self::check_knobs`], where the method is used for something that has knobs of its own.
    ///
    /// # Errors
    /// That refusal.
    pub fn check_knobs_among(&self, known: &[&'static Knob], params: &Params) -> Result<()> {
        let is_known = |id: &&str| known.iter().any(|knob| knob.id == *id);
        let Some(foreign) = params.knobs.ids().find(|id| !is_known(id)) else { return Ok(()) };
        let own: Vec<String> = known.iter().map(|knob| format!("--{}", knob.id)).collect();
        let has = if own.is_empty() { "no flags of its own".to_owned() } else { own.join(", ") };
        Err(Error::refused(format!("--{foreign}"), format!("is no parameter of {}", self.id))
            .expected(has)
            .remedy("leave it out"))
    }
}
