//! What stands in the place of parts of an input, for methods that take parts away.

use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Error, Result};
use crate::model::entry::Blank;
use crate::model::{Model, Trace};

/// The input from which paths begin.
pub const BASELINE: Knob = Knob {
    id: "baseline",
    name: "Baseline",
    help: "what the path begins at: zero (of pictures the mean colour of training), mean (of this picture's colours, of all words' vectors), or a word in every place",
    kind: KnobKind::Choice(&["zero", "mean", "mask", "pad", "unk"]),
    given: None,
};

/// What takes the place of a token that is left out.
pub const FILL: Knob = Knob {
    id: "fill",
    name: "In its place",
    help: "what takes the place of what is left out: auto (of pictures zero, of texts remove), zero (of pictures the mean colour of training), mean, nothing (remove), or a word",
    kind: KnobKind::Choice(&["auto", "remove", "zero", "mean", "mask", "pad", "unk"]),
    given: None,
};

/// Spellings of words with a part to play.
const SPELLINGS: &[(&str, &[&str])] =
    &[("mask", &["[MASK]", "<mask>"]), ("pad", &["[PAD]", "<pad>", "<|pad|>", "<|endoftext|>"]), ("unk", &["[UNK]", "<unk>"])];

/// The blank that a word of [`BASELINE`] or [`FILL`] names.
///
/// # Errors
/// A refusal of a word that the model's vocabulary lacks.
pub fn blank_of(model: &Model, trace: &Trace, named: &str) -> Result<Blank> {
    let spellings = SPELLINGS.iter().find(|(name, _)| *name == named).map(|(_, spellings)| *spellings);
    let Some(spellings) = spellings else { return Ok(if named == "mean" { Blank::Mean } else { Blank::Zero }) };
    let refused = |what: &str| Error::refused(format!("the replacement {named}"), what).expected("zero or mean");
    if trace.layout.text.is_none() {
        return Err(refused("is a word, and the input is a picture"));
    }
    let filled = model.padding().filter(|_| named == "pad");
    let found = filled.or_else(|| spellings.iter().find_map(|spelling| model.id_of_word(spelling).ok()));
    found.map(Blank::Word).ok_or_else(|| refused("the model's vocabulary has no such word"))
}
