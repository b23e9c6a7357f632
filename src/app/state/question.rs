//! What a lane asks: of which input, of which model, at which layer, by which method.

use serde::{Deserialize, Serialize};

use crate::domain::request::{DeviceKind, Generation, Head, Input, ModelRef, Params, SizeRule, Tower};
use crate::method::{self, Info, METHODS};

/// The method, and the segmenter, that every model has.
pub const FALLBACK: &str = "ultra";

/// What is asked, as the user chose it. What an answer needs of it is a `Request`; see `ask`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// What is explained.
    pub input: Option<Input>,
    /// The checkpoint; `None` is the one that the program carries for the input.
    pub model: Option<ModelRef>,
    /// The checkpoint that is kept for the other kind of input: for texts while a picture is open, for pictures while a text is.
    pub other_model: Option<ModelRef>,
    /// Of a checkpoint with two towers the one that reads the open input; `None` = as the input needs.
    pub tower: Option<Tower>,
    /// Size of the model's input.
    pub size: SizeRule,
    /// Where to compute.
    pub device: DeviceKind,
    /// Heatmap or segmentation.
    pub mode: Mode,
    /// Layer 0..L; negative counts from the top.
    pub layer: i32,
    /// Id of the method.
    pub method: String,
    /// Who divides the picture: the id of a segmenter, or of a method whose maps of all patches are clustered.
    pub segmenter: String,
    /// Parameters of both; `rows` is chosen by what is asked, not by the user.
    pub params: Params,
    /// Whether it is measured how much a span depends on its sources.
    pub score: bool,
    /// How a causal model continues the text; `None` leaves it as it is.
    pub generation: Option<Generation>,
    /// How the next continuation is to be made.
    pub sampling: Generation,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            input: None,
            model: None,
            other_model: None,
            tower: None,
            size: SizeRule::default(),
            device: DeviceKind::default(),
            mode: Mode::default(),
            layer: -1,
            method: METHODS.first().map_or_else(String::new, |m| m.info().id.to_owned()),
            segmenter: FALLBACK.to_owned(),
            params: Params::default(),
            score: false,
            generation: None,
            sampling: Generation::default(),
        }
    }
}

/// What covers the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The map of one token.
    #[default]
    Heatmap,
    /// The picture divided.
    Segments,
}

impl Question {
    /// The checkpoint that is meant, once there is an input.
    pub fn model_in_use(&self) -> Option<ModelRef> {
        self.model.clone().or_else(|| self.input.as_ref().map(ModelRef::built_in_for))
    }

    /// The models for pictures and for texts, once it is known which of them `model` is for: an open input says so, or, while none
    /// is open, `reads_texts`.
    pub fn models(&self, reads_texts: Option<bool>) -> Option<[ModelRef; 2]> {
        let reads_texts = self.input.as_ref().map(Input::is_text).or(reads_texts)?;
        let [pictures, texts] = if reads_texts { [&self.other_model, &self.model] } else { [&self.model, &self.other_model] };
        Some([pictures.clone().unwrap_or(ModelRef::Image), texts.clone().unwrap_or(ModelRef::Text)])
    }

    /// The method's facts; the first of the registry when the id is unknown, which a session file may bring about.
    pub fn info(&self) -> Option<&'static Info> {
        let named = method::by_id(&self.method).ok();
        named.or_else(|| METHODS.first().copied()).map(method::Method::info)
    }

    /// The layer as a number from 0, once L is known.
    pub fn layer_of(&self, num_layers: usize) -> usize {
        let top = i64::try_from(num_layers).unwrap_or(i64::MAX - 1);
        let layer = i64::from(self.layer);
        let from_bottom = if layer < 0 { layer + top + 1 } else { layer };
        usize::try_from(from_bottom.clamp(0, top)).unwrap_or(0)
    }

    /// The head that the method looks at. One that fuses none takes the first.
    pub fn head(&self) -> Head {
        self.settled(self.params.head)
    }

    fn settled(&self, head: Head) -> Head {
        let params = Params { head, ..Params::default() };
        method::by_id(&self.method).map_or(head, |method| method.settled(params).head)
    }

    /// Every choice of the head picker, in its order.
    pub fn heads(&self, num_heads: usize) -> Vec<Head> {
        let every = [Head::Mean, Head::Max, Head::Min].into_iter().chain((0..num_heads).map(Head::One));
        every.filter(|&head| self.settled(head) == head).collect()
    }

    /// The head `step` places further in the picker's order: mean, max, min, 0, 1...
    pub fn head_after(&self, step: i64, num_heads: usize) -> Head {
        let heads = self.heads(num_heads);
        let now = heads.iter().position(|&h| h == self.head()).unwrap_or(0);
        let last = i64::try_from(heads.len()).unwrap_or(1) - 1;
        let next = (i64::try_from(now).unwrap_or(0) + step).clamp(0, last);
        heads.get(usize::try_from(next).unwrap_or(0)).copied().unwrap_or_default()
    }
}
