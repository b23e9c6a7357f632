//! The scalar whose gradient is followed: buttons for those that need no words, and a field for those that do.

use eframe::egui::{Id, Ui};

use super::controls::{row_ui, words_ui};
use super::knobs::{draft_ui, refusal_ui};
use crate::domain::Error;
use crate::domain::request::Scalar;
use crate::domain::token::TokenRef;

const TIP: &str = "Whose gradient is followed, z being the token's vector: sum = the sum of z / |z|, |z| held fixed; raw-sum = the sum of z itself; norm = |z|; auto = as the model needs";
const ALONG_TIP: &str = "A direction in place of these, such as\ntoken:7,7 = that of another token\nclass:tabby = a class\nvocab:river = a word of the vocabulary\ncluster:2 = the mean of a cluster\nfile:w.npy = a vector from a file";

/// The scalar that points along a token; `None` where there is no such spelling.
pub fn along(token: &TokenRef) -> Option<Scalar> {
    format!("token:{token}").parse().ok()
}

/// The buttons, the field, and below it why it does not take what was typed.
pub fn scalar_ui(ui: &mut Ui, scalar: &mut Scalar) {
    row_ui(ui, "Scalar", TIP, |ui| words_ui(ui, "scalar", scalar, Scalar::PLAIN));
    let is_plain = Scalar::PLAIN.contains(scalar);
    let now = if is_plain || matches!(scalar, Scalar::Text(_)) { String::new() } else { scalar.to_string() };
    let typed = row_ui(ui, "Along", ALONG_TIP, |ui| draft_ui(ui, ("along", "Scalar in words"), &now, "token:7,7"));
    let refusal = Id::unique("refused scalar");
    if let Some(typed) = typed {
        let read = if typed.is_empty() { Ok(Scalar::default()) } else { typed.parse::<Scalar>() };
        ui.data_mut(|d| d.remove::<(Scalar, Error)>(refusal));
        match read {
            Ok(read) => *scalar = read,
            Err(err) => {
                ui.data_mut(|d| d.insert_temp(refusal, (scalar.clone(), err)));
            }
        }
    }
    // It stays until something else is chosen.
    if let Some((before, err)) = ui.data(|d| d.get_temp::<(Scalar, Error)>(refusal))
        && before == *scalar
    {
        refusal_ui(ui, &err);
    }
}
