//! What a method is: its facts for menus, help, records and tables.

use super::knob::Knob;
use super::request::{Params, Scalar, Task};
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

impl Uses {
    /// As the command line spells it.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Head => "--head",
            Self::Facet => "--facet",
            Self::Scalar => "--scalar",
            Self::Phrase | Self::PhraseIfAny => "--scalar text:PHRASE",
            Self::Rows => "--rows",
            Self::Own => "--own",
        }
    }
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

    /// The shared parameters that are not at their defaults, as flags: name, value, and whether the method reads it.
    pub fn chosen(&self, params: &Params, task: Task) -> impl Iterator<Item = (&'static str, String, bool)> + use<> {
        let (Params { head, facet, scalar, rows, own, .. }, default) = (params, Params::of(task));
        let is_phrase = self.names_phrase() && scalar.phrase().is_some();
        let all = [
            ("head", head.to_string(), *head != default.head, self.uses(Uses::Head)),
            ("facet", facet.to_string(), *facet != default.facet, self.uses(Uses::Facet)),
            ("scalar", scalar.to_string(), *scalar != default.scalar, self.uses(Uses::Scalar) || is_phrase),
            ("rows", rows.to_string(), *rows != default.rows, self.uses(Uses::Rows)),
            ("own", own.to_string(), *own != default.own, self.uses(Uses::Own)),
        ];
        all.into_iter().filter(|(_, _, differs, _)| *differs).map(|(name, value, _, is_read)| (name, value, is_read))
    }

    /// The parameters with everything that the method does not read at its default, so that equal questions are equal; `knobs` are
    /// the knobs that it has for the task.
    #[must_use]
    pub fn only(&self, params: &Params, knobs: &[&'static Knob], task: Task) -> Params {
        let mut only = Params { knobs: params.knobs.only(knobs), ..params.clone() };
        let default = Params::of(task);
        for (name, ..) in self.chosen(params, task).filter(|(.., is_read)| !is_read) {
            match name {
                "head" => only.head = default.head,
                "facet" => only.facet = default.facet,
                "scalar" => only.scalar = default.scalar.clone(),
                "rows" => only.rows = default.rows,
                _ => only.own = default.own,
            }
        }
        if self.has_two_answers(&only) {
            only.scalar = default.scalar;
        }
        only
    }

    /// Refuses parameters that the method does not read; `knobs` are the knobs that it has for the task.
    ///
    /// # Errors
    /// A refusal that names the flag and those that the method has.
    pub fn check(&self, params: &Params, knobs: &[&'static Knob], task: Task) -> Result<()> {
        let refused = |flag: String| {
            Error::refused(flag, format!("is no parameter of {}", self.id)).expected(self.flags(knobs)).remedy("leave it out")
        };
        if let Some((name, value, _)) = self.chosen(params, task).find(|(.., is_read)| !is_read) {
            let err = refused(format!("--{name} {value}"));
            return Err(match &params.scalar {
                Scalar::Class(answer) | Scalar::Word(answer) if name == "scalar" && self.has_knob(ANSWER) => {
                    err.remedy(format!("say --{ANSWER} '{answer}'"))
                }
                _ => err,
            });
        }
        let is_known = |id: &&str| knobs.iter().any(|knob| knob.id == *id);
        if let Some(foreign) = params.knobs.ids().find(|id| !is_known(id)) {
            return Err(refused(format!("--{foreign}")));
        }
        if self.has_two_answers(params) {
            return Err(Error::refused(format!("--scalar {}", params.scalar), format!("is not read beside --{ANSWER}"))
                .expected("one answer to explain")
                .remedy("leave one of the two out"));
        }
        params.knobs.check(knobs)
    }

    /// Whether both a phrase and another answer are named where one takes the place of the other.
    fn has_two_answers(&self, params: &Params) -> bool {
        self.uses(Uses::PhraseIfAny) && params.scalar.phrase().is_some() && params.knobs.ids().any(|id| id == ANSWER)
    }

    fn has_knob(&self, id: &str) -> bool {
        self.knobs.iter().any(|knob| knob.id == id)
    }

    /// The flags that it reads.
    fn flags(&self, knobs: &[&'static Knob]) -> String {
        let shared = self.uses.iter().map(|uses| uses.flag().to_owned());
        let flags: Vec<String> = shared.chain(knobs.iter().map(|knob| format!("--{}", knob.id))).collect();
        if flags.is_empty() { "no flags of its own".to_owned() } else { flags.join(", ") }
    }
}

/// The knob of methods that explain an answer: which one.
const ANSWER: &str = "class";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::knob::{Given, KnobKind, Knobs};
    use crate::domain::request::{Cut, Facet, Head, Rows};

    const REGIONS: Knob = Knob { id: "regions", name: "", help: "", kind: KnobKind::Choice(&["off", "slic"]), given: None };
    const COUNT: Knob = Knob {
        id: "superpixels",
        name: "",
        help: "",
        kind: KnobKind::Whole { min: 1, max: 9, default: 4 },
        given: Some(Given { knob: "regions", values: &["slic"] }),
    };
    const CLASS: Knob = Knob { id: ANSWER, name: "", help: "", kind: KnobKind::Text { hint: "" }, given: None };

    fn info(uses: &'static [Uses], knobs: &'static [&'static Knob]) -> Info {
        Info {
            id: "tried",
            name: "",
            summary: "",
            formula: "",
            citation: "",
            cost: "",
            unit: "",
            signed: false,
            min_layer: 0,
            needs: &[],
            reach: Reach::Rows,
            uses,
            knobs,
        }
    }

    fn with(knobs: &[(&Knob, &str)]) -> Params {
        let mut chosen = Knobs::default();
        knobs.iter().for_each(|(knob, value)| chosen.set(knob, value).unwrap());
        Params { knobs: chosen, ..Params::default() }
    }

    #[test]
    fn what_is_not_read_is_refused_and_left_out_of_requests() {
        let info = info(&[Uses::Head, Uses::PhraseIfAny], &[&CLASS, &REGIONS, &COUNT]);
        let only = |params: &Params| info.only(params, info.knobs, Task::Explain);
        let read = Params { head: Head::One(2), scalar: "text:a cat".parse().unwrap(), ..Params::default() };
        for params in [read.clone(), with(&[(&REGIONS, "slic"), (&COUNT, "5")]), with(&[(&CLASS, "3")])] {
            info.check(&params, info.knobs, Task::Explain).unwrap();
            assert_eq!(only(&params), params);
        }
        let other = Knob { id: "other", ..REGIONS };
        for (params, flag, words) in [
            (
                Params { facet: Facet::Key, ..Params::default() },
                "--facet key: is no parameter of tried",
                "--head, --scalar text:PHRASE, --class",
            ),
            (Params { rows: Rows::Some(8), ..Params::default() }, "--rows 8", "leave it out"),
            (Params { scalar: "class:2".parse().unwrap(), ..Params::default() }, "--scalar class:2", "say --class '2'"),
            (with(&[(&COUNT, "5")]), "--superpixels 5", "--regions slic"),
            (with(&[(&other, "slic")]), "--other", "--regions"),
            (Params { scalar: read.scalar.clone(), ..with(&[(&CLASS, "3")]) }, "--scalar text:a cat", "--class"),
        ] {
            let err = info.check(&params, info.knobs, Task::Explain).unwrap_err().to_string();
            assert!(err.starts_with(flag) && err.contains(words), "{err}");
            info.check(&only(&params), info.knobs, Task::Explain).unwrap();
        }
    }

    #[test]
    fn the_default_of_rows_is_that_of_the_task() {
        let task = Task::Segment { cut: Cut::default() };
        let info = info(&[], &[]);
        info.check(&Params::of(task), &[], task).unwrap();
        assert!(info.check(&Params::default(), &[], task).is_err() && info.check(&Params::of(task), &[], Task::Explain).is_err());
    }
}
