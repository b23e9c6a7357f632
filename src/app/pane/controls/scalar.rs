//! The scalar whose gradient is followed: buttons for those that need no words, and a field for those that do.

use eframe::egui::{Id, Ui};

use super::knobs::refusal_ui;
use crate::app::widgets::inputs::{draft_ui, return_to_draft};
use crate::app::widgets::rows::{row_ui, words_ui};
use crate::domain::Error;
use crate::domain::request::Scalar;

const TIP: &str = "Whose gradient is followed, z being the token's vector: sum = the sum of z / |z|, |z| held fixed; raw-sum = the sum of z itself; norm = |z|; auto = as the model needs";
const ALONG_TIP: &str = "A direction in place of these, such as\ntoken:7,7 = that of another token\nclass:tabby = a class\nvocab:river = a word of the vocabulary\ncluster:2 = the mean of a cluster\nfile:w.npy = a vector from a file";

/// The name of the field.
const FIELD: &str = "along";

/// The buttons, the field, and below it why it does not take what was typed.
pub fn scalar_ui(ui: &mut Ui, scalar: &mut Scalar, is_text: bool) {
    row_ui(ui, "Scalar", TIP, |ui| words_ui(ui, "scalar", scalar, Scalar::PLAIN));
    let refused = Id::unique("refused scalar");
    // What was refused stays in the field, to be mended, until something else is chosen.
    let kept = ui.data(|d| d.get_temp::<Refused>(refused)).filter(|kept| kept.before == *scalar);
    let is_plain = Scalar::PLAIN.contains(scalar) || matches!(scalar, Scalar::Text(_));
    let now = match &kept {
        Some(kept) => kept.typed.clone(),
        None if is_plain => String::new(),
        None => scalar.to_string(),
    };
    let hint = if is_text { "token:5" } else { "token:7,7" };
    let typed = row_ui(ui, "Along", ALONG_TIP, |ui| draft_ui(ui, (FIELD, "Scalar in words"), &now, hint));
    if let Some(typed) = typed {
        let read = if typed.is_empty() { Ok(Scalar::default()) } else { typed.parse::<Scalar>() };
        ui.data_mut(|d| d.remove::<Refused>(refused));
        match read {
            Ok(read) => {
                *scalar = read;
                // The model may refuse it still, and what is typed next is to mend it.
                return_to_draft(ui, FIELD);
            }
            Err(error) => {
                let kept = Refused { before: scalar.clone(), typed, error };
                ui.data_mut(|d| d.insert_temp(refused, kept));
                return_to_draft(ui, FIELD);
            }
        }
    }
    if let Some(kept) = ui.data(|d| d.get_temp::<Refused>(refused)).filter(|kept| kept.before == *scalar) {
        refusal_ui(ui, &kept.error);
    }
}

/// Words that were no scalar.
#[derive(Clone)]
struct Refused {
    /// The scalar that stays.
    before: Scalar,
    typed: String,
    error: Error,
}
