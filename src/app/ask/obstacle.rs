//! Why something cannot be asked of what is open, in words.

use crate::app::state::question::FALLBACK;
use crate::app::state::{Lane, Mode};
use crate::domain::info::Info;
use crate::domain::request::{Facet, Scalar};
use crate::engine::{Scene, needs};
use crate::method::Uses;

/// What a phrase can be asked of.
pub const NEEDS_PHRASE: &str = "Needs a picture and a model of images and texts, such as CLIP or SigLIP";

/// Whether what is open can be compared with a phrase.
pub fn takes_phrase(scene: &Scene) -> bool {
    scene.model.takes_phrases && scene.photo.is_some()
}

/// What a method that cannot do without a phrase still needs, in words.
pub fn missing_phrase(lane: &Lane, scene: &Scene) -> Option<String> {
    if !takes_phrase(scene) {
        return Some(NEEDS_PHRASE.to_owned());
    }
    lane.question
        .params
        .scalar
        .phrase()
        .is_none()
        .then(|| "Type a phrase at the left to see where the picture agrees with it".to_owned())
}

/// What a method or a segmenter needs and does not find in what is open, in words.
pub fn lacking(info: &Info, scene: &Scene) -> Option<String> {
    if info.uses(Uses::Phrase) && !takes_phrase(scene) {
        return Some(NEEDS_PHRASE.to_owned());
    }
    needs::missing(info, scene).map(|need| format!("needs {}", need.words()))
}

impl Lane {
    /// Why what is asked has no answer at this layer, or from this model, in words.
    pub fn obstacle(&self, scene: &Scene) -> Option<String> {
        self.obstacle_of(self.asked()?, scene, self.question.layer_of(scene.model.num_layers))
    }

    /// Why the method has no answer at some layer, or from this model, in words.
    pub fn obstacle_at(&self, scene: &Scene, layer: usize) -> Option<String> {
        self.obstacle_of(self.question.info()?, scene, layer)
    }

    pub(super) fn obstacle_of(&self, info: &Info, scene: &Scene, layer: usize) -> Option<String> {
        if info.uses(Uses::Phrase)
            && let Some(missing) = missing_phrase(self, scene)
        {
            return Some(missing);
        }
        if info.uses(Uses::Scalar) && matches!(self.question.params.scalar, Scalar::Text(_)) && !scene.model.takes_phrases {
            return Some(format!("Along {}: {}", self.question.params.scalar, NEEDS_PHRASE));
        }
        if let Some(lacking) = lacking(info, scene) {
            return Some(format!("{}: {lacking}", info.name));
        }
        // No block made layer 0, so that it has no queries, keys and values.
        let compares_parts = info.uses(Uses::Facet) && self.question.params.facet != Facet::Residual;
        let (lowest, top) = (info.min_layer.max(usize::from(compares_parts)), scene.model.num_layers);
        let what = if lowest > info.min_layer {
            format!("{} by {}", info.name, self.question.params.facet)
        } else {
            info.name.to_owned()
        };
        (layer < lowest).then(|| format!("{what} starts at layer {lowest}: choose layers {lowest}..{top}"))
    }

    /// Goes to ULTra where the open model lacks what the method needs, and says so.
    pub fn leave_lacking(&mut self, scene: &Scene) -> Option<String> {
        if matches!(self.question.params.scalar, Scalar::Text(_)) && !scene.model.takes_phrases {
            self.question.params.scalar = Scalar::default();
        }
        let info = self.asked()?;
        let lacking = lacking(info, scene)?;
        match self.question.mode {
            Mode::Heatmap => self.choose_method(FALLBACK),
            Mode::Segments => FALLBACK.clone_into(&mut self.question.segmenter),
        }
        Some(format!("{}: {lacking}: ULTra is shown instead", info.name))
    }
}
