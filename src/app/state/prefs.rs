//! What belongs to the user and not to the work: kept between starts, never undone, in no session file.

use serde::{Deserialize, Serialize};

use super::question::Question;
use crate::domain::request::{Input, ModelRef};

/// Names that each list of recent things holds.
const MOST_RECENT: usize = 10;

/// The user's preferences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prefs {
    /// Colours of the window.
    pub theme: Theme,
    /// How much everything is enlarged.
    pub zoom: f32,
    /// The model that showed the last picture; `None` is the built-in one.
    pub picture_model: Option<ModelRef>,
    /// The model that read the last text.
    pub text_model: Option<ModelRef>,
    /// Files that were open, the newest first.
    pub recent_inputs: Vec<Input>,
    /// Checkpoints that were open, the newest first.
    pub recent_models: Vec<ModelRef>,
}

impl Default for Prefs {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            zoom: 1.0,
            picture_model: None,
            text_model: None,
            recent_inputs: Vec::new(),
            recent_models: Vec::new(),
        }
    }
}

/// Colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the desktop says.
    #[default]
    System,
    /// Dark on light, for projectors and print.
    Light,
    /// Light on dark.
    Dark,
}

impl Prefs {
    /// Notes what could be opened.
    pub fn note_opened(&mut self, input: &Input, model: &ModelRef) {
        if let Input::File(_) = input {
            bring_forward(&mut self.recent_inputs, input);
        }
        let model = Some(model).filter(|model| !model.is_built_in());
        if let Some(model) = model {
            bring_forward(&mut self.recent_models, model);
        }
        let last = if input.is_text() { &mut self.text_model } else { &mut self.picture_model };
        if last.as_ref() != model {
            *last = model.cloned();
        }
    }

    /// A question that nothing is asked of yet, with the models that were used last.
    pub fn first_question(&self) -> Question {
        // Nothing is open, so that neither kind comes first: the model is that of pictures until a text is opened.
        Question { model: self.picture_model.clone(), other_model: self.text_model.clone(), ..Question::default() }
    }
}

fn bring_forward<T: Clone + PartialEq>(list: &mut Vec<T>, newest: &T) {
    if list.first() != Some(newest) {
        list.retain(|other| other != newest);
        list.insert(0, newest.clone());
        list.truncate(MOST_RECENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_things_come_forward_once() {
        let mut prefs = Prefs::default();
        for name in ["a.png", "b.png", "a.png"] {
            prefs.note_opened(&name.into(), &"vit".into());
        }
        assert_eq!(prefs.recent_inputs, ["a.png".into(), "b.png".into()]);
        assert_eq!((prefs.recent_models.len(), &prefs.picture_model), (1, &Some("vit".into())));
        prefs.note_opened(&"a.txt".into(), &ModelRef::Text);
        assert_eq!((&prefs.picture_model, &prefs.text_model), (&Some("vit".into()), &None));
        (0..40).for_each(|n| prefs.note_opened(&format!("{n}.png")[..].into(), &ModelRef::Image));
        assert_eq!((prefs.recent_inputs.len(), prefs.picture_model), (MOST_RECENT, None));
    }
}
