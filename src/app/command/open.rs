//! Opens inputs and models.

use std::path::Path;

use super::context::CommandContext;
use crate::app::ask::registry;
use crate::app::state::{Lane, Mode};
use crate::builtin::SAMPLES;
use crate::domain::knob::Knobs;
use crate::domain::request::Input;
use crate::domain::{Error, Result};

/// Far more than any model reads; a document must stay small enough to be kept for undo.
pub const MAX_BYTES: usize = 16 << 10;

/// A text as an input; none of blanks alone.
pub fn typed_input(text: &str) -> Option<Input> {
    let text = text.replace("\r\n", "\n");
    let kept = text[..text.floor_char_boundary(MAX_BYTES)].trim_end();
    (!kept.trim().is_empty()).then(|| Input::Text(kept.to_owned()))
}

/// A model of pictures has no use for a text, nor one of texts for a picture: each kind of input keeps its own, unless the open one
/// takes both.
pub(super) fn open_input(lane: &mut Lane, input: Input, around: CommandContext) {
    let reads_texts = lane.question.input.as_ref().map(Input::is_text).or(around.reads_texts);
    if reads_texts.is_some_and(|texts| texts != input.is_text()) && !around.reads_both {
        std::mem::swap(&mut lane.question.model, &mut lane.question.other_model);
    }
    if input.is_text() {
        lane.show(Mode::Heatmap);
    }
    lane.deselect();
    (lane.question.tower, lane.question.generation) = (None, None);
    lane.question.input = Some(input);
}

pub(super) fn step_sample(lane: &mut Lane, step: i64, around: CommandContext) {
    let Some(Input::Sample(name)) = &lane.question.input else { return };
    let is_text = Input::Sample(name.clone()).is_text();
    let names: Vec<&str> = SAMPLES.iter().filter(|s| s.is_text() == is_text).map(|s| s.name).collect();
    let count = i64::try_from(names.len()).unwrap_or(1).max(1);
    let now = names.iter().position(|n| n == name).and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
    let next = usize::try_from((now + step).rem_euclid(count)).ok().and_then(|at| names.get(at));
    if let Some(&next) = next {
        open_input(lane, Input::Sample(next.to_owned()), around);
    }
}

/// Takes a file that was chosen for a knob.
///
/// # Errors
/// A refusal of what no method declares, and of a name that a flag could not hold.
pub fn take_file(knobs: &mut Knobs, id: &str, path: &Path) -> Result<()> {
    let knob = registry::knob(id).ok_or_else(|| Error::Internal(format!("no method has a {id}")))?;
    let name = path.to_str().ok_or_else(|| {
        Error::refused(path.display(), "its name is not UTF-8").expected("a name in UTF-8").remedy("rename the file")
    })?;
    knobs.set(knob, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_text_is_cut_to_a_size_that_undo_can_keep() {
        let Some(Input::Text(kept)) = typed_input(&"\u{e9}".repeat(MAX_BYTES)) else { panic!("no text") };
        assert_eq!(kept.len(), MAX_BYTES);
        assert_eq!(typed_input(" a\r\nb \n"), Some(Input::Text(" a\nb".to_owned())));
        assert_eq!(typed_input(" \n\t"), None);
    }
}
