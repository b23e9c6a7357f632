//! Parameters that one method has and others have not. A method declares its knobs; flags of the command line, controls of the
//! window, help and records are made of the declaration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// A parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knob {
    /// The flag on the command line, without its dashes; methods may share a knob, but not an id for different things.
    pub id: &'static str,
    /// Name in the window.
    pub name: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// Which values it takes.
    pub kind: KnobKind,
    /// Where it is read; `None` everywhere.
    pub given: Option<Given>,
}

/// Where a knob is read: beside another one that has one of some values. A method that lacks the other one reads the knob always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The id of the other one.
    pub knob: &'static str,
    /// Its values, as they are spelled.
    pub values: &'static [&'static str],
}

/// Which values a knob takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KnobKind {
    /// A whole number.
    Whole {
        /// Smallest.
        min: usize,
        /// Largest.
        max: usize,
        /// Where nothing is chosen.
        default: usize,
    },
    /// A number.
    Real {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Where nothing is chosen.
        default: f64,
    },
    /// One of some words; the first where nothing is chosen.
    Choice(&'static [&'static str]),
    /// On or off; off where nothing is chosen.
    Switch,
    /// Any words; none where nothing is chosen.
    Text {
        /// An example.
        hint: &'static str,
    },
    /// A file; none where nothing is chosen.
    File {
        /// What its name ends in, without the dot.
        extension: &'static str,
    },
}

impl Knob {
    /// Its value where nothing is chosen, as it is spelled.
    pub fn default_value(&self) -> String {
        match self.kind {
            KnobKind::Whole { default, .. } => default.to_string(),
            KnobKind::Real { default, .. } => default.to_string(),
            KnobKind::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
            KnobKind::Switch => "off".to_owned(),
            KnobKind::Text { .. } | KnobKind::File { .. } => String::new(),
        }
    }

    /// The values that it takes, in words.
    pub fn expected(&self) -> String {
        match self.kind {
            KnobKind::Whole { min, max: usize::MAX, .. } => format!("a whole number from {min}"),
            KnobKind::Whole { min, max, .. } => format!("a whole number from {min} to {max}"),
            KnobKind::Real { min, max, .. } => format!("a number from {min} to {max}"),
            KnobKind::Choice(words) => words.join(", "),
            KnobKind::Switch => "on or off".to_owned(),
            KnobKind::Text { hint } => format!("words such as {hint}"),
            KnobKind::File { extension } => format!("a .{extension} file"),
        }
    }

    /// A value in the one spelling that equal values share.
    ///
    /// # Errors
    /// A refusal of a value that the knob does not take.
    pub fn read(&self, text: &str) -> Result<String> {
        let text = text.trim();
        let read = match self.kind {
            KnobKind::Whole { min, max, .. } => {
                text.parse::<usize>().ok().filter(|n| (min..=max).contains(n)).map(|n| n.to_string())
            }
            KnobKind::Real { min, max, .. } => {
                text.parse::<f64>().ok().filter(|x| (min..=max).contains(x)).map(|x| x.to_string())
            }
            KnobKind::Choice(words) => words.iter().find(|word| **word == text).map(|word| (*word).to_owned()),
            KnobKind::Switch => ["on", "off"].into_iter().find(|word| *word == text).map(str::to_owned),
            KnobKind::Text { .. } | KnobKind::File { .. } => Some(text.to_owned()),
        };
        read.ok_or_else(|| Error::refused(format!("--{} {text}", self.id), "unknown value").expected(self.expected()))
    }
}

/// What was chosen of knobs: their values by their ids, as they are spelled. What is at its default is left out, so that equal
/// choices are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Knobs(BTreeMap<String, String>);

impl Knobs {
    /// Whether everything is at its default.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Chooses a value.
    ///
    /// # Errors
    /// A refusal of a value that the knob does not take.
    pub fn set(&mut self, knob: &Knob, value: &str) -> Result<()> {
        let value = knob.read(value)?;
        if value == knob.default_value() {
            self.0.remove(knob.id);
        } else {
            self.0.insert(knob.id.to_owned(), value);
        }
        Ok(())
    }

    /// The value, as it is spelled.
    pub fn value(&self, knob: &Knob) -> String {
        self.0.get(knob.id).cloned().unwrap_or_else(|| knob.default_value())
    }

    /// Those that are not at their defaults, with their values.
    pub fn chosen<'a>(&'a self, knobs: &'a [&'static Knob]) -> impl Iterator<Item = (&'static Knob, &'a str)> {
        knobs.iter().filter_map(|knob| self.0.get(knob.id).map(|value| (*knob, value.as_str())))
    }

    /// What was chosen of some knobs and is read, without the rest.
    #[must_use]
    pub fn only(&self, knobs: &[&'static Knob]) -> Self {
        let read = self.chosen(knobs).filter(|(knob, _)| self.missing_for(knob, knobs).is_none());
        Self(read.map(|(knob, value)| (knob.id.to_owned(), value.to_owned())).collect())
    }

    /// The choice of another knob among some without which a knob is not read.
    fn missing_for(&self, knob: &Knob, among: &[&'static Knob]) -> Option<Given> {
        let is_lacking = |given: &Given| {
            let other = among.iter().find(|other| other.id == given.knob);
            other.is_some_and(|other| !given.values.contains(&self.value(other).as_str()))
        };
        knob.given.filter(is_lacking)
    }

    /// Refuses what was chosen of some knobs and is not read beside the others.
    ///
    /// # Errors
    /// A refusal that says what it is read beside.
    pub fn check(&self, knobs: &[&'static Knob]) -> Result<()> {
        let unread = self.chosen(knobs).find_map(|(knob, value)| Some((knob, value, self.missing_for(knob, knobs)?)));
        let Some((knob, value, given)) = unread else { return Ok(()) };
        let beside = format!("--{} {}", given.knob, given.values.join(" or "));
        Err(Error::refused(format!("--{} {value}", knob.id), "is not read without another flag")
            .expected(format!("{beside} beside it"))
            .remedy(format!("add that, or leave --{} out", knob.id)))
    }

    /// The ids of everything that was chosen.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The values of everything that was chosen.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// A whole number.
    ///
    /// # Errors
    /// A refusal of what a record or a session holds in its place.
    pub fn whole(&self, knob: &Knob) -> Result<usize> {
        self.checked(knob)?.parse().map_err(|_| of_another_kind(knob))
    }

    /// A number.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn real(&self, knob: &Knob) -> Result<f64> {
        self.checked(knob)?.parse().map_err(|_| of_another_kind(knob))
    }

    /// One of the knob's words.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn choice(&self, knob: &Knob) -> Result<&'static str> {
        let value = self.checked(knob)?;
        let KnobKind::Choice(words) = knob.kind else { return Err(of_another_kind(knob)) };
        words.iter().copied().find(|word| *word == value).ok_or_else(|| of_another_kind(knob))
    }

    /// Whether it is on.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn switch(&self, knob: &Knob) -> Result<bool> {
        Ok(self.checked(knob)? == "on")
    }

    /// Words, or a path; empty where nothing is chosen.
    pub fn text(&self, knob: &Knob) -> &str {
        self.0.get(knob.id).map_or("", String::as_str)
    }

    /// Sessions and records come from outside.
    fn checked(&self, knob: &Knob) -> Result<String> {
        knob.read(&self.value(knob))
    }
}

fn of_another_kind(knob: &Knob) -> Error {
    Error::Internal(format!("--{} is read as what it is not", knob.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Knob =
        Knob { id: "steps", name: "Steps", help: "", kind: KnobKind::Whole { min: 1, max: 500, default: 32 }, given: None };
    const FILL: Knob = Knob { id: "fill", name: "Fill", help: "", kind: KnobKind::Choice(&["mean", "black"]), given: None };
    const SHARE: Knob =
        Knob { id: "share", name: "Share", help: "", kind: KnobKind::Real { min: 0.0, max: 1.0, default: 0.5 }, given: None };

    #[test]
    fn equal_choices_are_equal_and_defaults_are_not_kept() {
        let mut knobs = Knobs::default();
        knobs.set(&STEPS, "032").unwrap();
        knobs.set(&SHARE, "0.50").unwrap();
        knobs.set(&FILL, "mean").unwrap();
        assert!(knobs.is_empty());
        knobs.set(&STEPS, "64").unwrap();
        knobs.set(&FILL, "black").unwrap();
        assert_eq!((knobs.whole(&STEPS).unwrap(), knobs.choice(&FILL).unwrap()), (64, "black"));
        assert_eq!(serde_json::to_string(&knobs).unwrap(), r#"{"fill":"black","steps":"64"}"#);
        assert_eq!(knobs.only(&[&FILL]).ids().collect::<Vec<_>>(), ["fill"]);
        assert!((knobs.real(&SHARE).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn values_that_do_not_fit_are_refused_wherever_they_come_from() {
        let mut knobs = Knobs::default();
        for (knob, value) in [(&STEPS, "0"), (&STEPS, "501"), (&STEPS, "x"), (&SHARE, "1.5"), (&SHARE, "nan"), (&FILL, "blur")] {
            assert!(knobs.set(knob, value).unwrap_err().to_string().contains(knob.id), "{value}");
        }
        let foreign: Knobs = serde_json::from_str(r#"{"steps":"many","fill":"7"}"#).unwrap();
        assert!(foreign.whole(&STEPS).is_err() && foreign.choice(&FILL).is_err());
    }
}
