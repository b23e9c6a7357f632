//! Why a command would do nothing with what is open.

use super::context::CommandContext;
use super::continuation::Generating;
use super::effect::Effect;
use super::wish::Command;
use crate::app::state::{Lane, Mode};
use crate::domain::request::Input;
use crate::engine::Scene;
use crate::method::Uses;

impl Command {
    /// Why a command would do nothing with what is open, in words.
    pub fn has_no_effect(&self, lane: &Lane, scene: Option<&Scene>, around: CommandContext) -> Option<String> {
        let Some(scene) = scene else {
            let is_of_picture = matches!(self, Self::StepLayer(_) | Self::StepHead(_) | Self::StepSample(_) | Self::ToggleMatrix);
            return (is_of_picture && lane.question.input.is_none()).then(|| "Nothing is open: choose a sample".to_owned());
        };
        let is_text = scene.layout.text.is_some();
        let uses_head = lane.question.info().is_some_and(|info| info.uses(Uses::Head));
        let method = lane.asked().map_or("this method", |info| info.name);
        match self {
            Self::ToggleMatrix if !is_text => Some("Tokens by layers are shown of texts; this is a picture".to_owned()),
            Self::ToggleGrid if is_text => Some("The grid lies over pictures; this is a text".to_owned()),
            Self::Show(Mode::Segments) if is_text => {
                Some("Segments are parts of a picture; a text has its words instead".to_owned())
            }
            Self::ToggleExhibits if !around.has_exhibits => Some(format!("{method} has no charts and tables beside its map")),
            Self::Do(Effect::Zoom(_) | Effect::ResetView) if is_text => {
                Some("This enlarges pictures; Ctrl and + enlarge the whole window".to_owned())
            }
            Self::MovePin { .. } | Self::GrowSpan { .. } if lane.question.mode == Mode::Segments => {
                Some("Arrows move the pinned token of a heatmap; here segments are shown".to_owned())
            }
            Self::Continue(Generating::Begin) if !scene.model.is_causal => {
                Some(format!("{} reads whole texts and continues none; GPT-2, Llama and their like do", scene.model.name))
            }
            Self::StepLayer(step) => {
                let (layer, top) = (lane.question.layer_of(scene.model.num_layers), scene.model.num_layers);
                let is_end = if *step < 0 { layer == 0 } else { layer == top };
                is_end.then(|| format!("Layer {layer} is the {} one", if *step < 0 { "first" } else { "last" }))
            }
            Self::StepHead(step)
                if lane.question.head_after(*step, scene.model.num_heads) == lane.question.head() && uses_head =>
            {
                Some("There is no other head in this direction".to_owned())
            }
            Self::StepHead(_) if !uses_head => Some(format!("{method} does not look at single heads")),
            Self::StepSample(_) if !matches!(lane.question.input, Some(Input::Sample(_))) => {
                Some("The samples are on the first page (Ctrl+H); this is an input of your own".to_owned())
            }
            _ => None,
        }
    }
}
