//! Every relevance is looked at before it leaves the engine: numbers that overflowed are no answer.

use super::Traced;
use super::place::knob_files;
use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::method::{Gaps, Method};

/// Refuses rows that hold an infinite number, or NaN where the method has a value for every token.
///
/// # Shapes
/// `rows` is `[targets, T]`.
///
/// # Errors
/// A refusal that names the file that the request reads numbers from, or else the checkpoint.
pub(super) fn check_rows(method: &dyn Method, request: &Request, traced: &Traced, rows: &[f32]) -> Result<()> {
    let layout = &traced.scene.layout;
    let has_value: Vec<bool> = match method.gaps() {
        Gaps::Nowhere => vec![true; layout.len()],
        Gaps::Outside => {
            let mut inside = vec![false; layout.len()];
            layout.ranged().for_each(|patch| inside[layout.position_of(patch)] = true);
            inside
        }
        Gaps::Anywhere => vec![false; layout.len()],
    };
    let is_wrong = |(value, &has_value): (&f32, &bool)| value.is_infinite() || (has_value && value.is_nan());
    let Some((bad, _)) = rows.iter().zip(has_value.iter().cycle()).find(|&pair| is_wrong(pair)) else { return Ok(()) };
    let mut files = knob_files(request).chain(request.params.scalar.file().map(ToOwned::to_owned));
    let (place, remedy) = match files.next() {
        Some(file) => (file.display().to_string(), "check the numbers in the file"),
        None => (traced.model.checkpoint.to_string(), "the checkpoint is damaged, or its config.json is of another model"),
    };
    Err(Error::refused(place, format!("relevance by {} comes out as {bad}", method.info().id))
        .expected("finite numbers")
        .remedy(remedy))
}
