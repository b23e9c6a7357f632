//! The state that the user chose, as plain data: what is open, where to look and how to draw it. Everything else in the window
//! follows from it. It is written to disk, taken from command-line flags, and undone by going back to an earlier one.

use serde::{Deserialize, Serialize};

use super::menu;
use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::knob::Knob;
use crate::domain::request::{Cut, DeviceKind, Generation, Head, Input, ModelRef, Params, Scalar, SizeRule, Tower};
use crate::domain::span::Span;
use crate::domain::token::TokenRef;
use crate::domain::{Error, Result};
use crate::engine::Scene;
use crate::method::{self, Info, METHODS};
use crate::render::Interpolation;
use crate::segment::{Cutting, knobs_of};

/// A handful of segments says more at first sight than ULTra's distance, which may leave a hundred.
const FIRST_CUT: Cut = Cut::Clusters(6);

/// The method, and the segmenter, that every model has.
const FALLBACK: &str = "ultra";

/// What is open, where the user looks, and how it is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Version of this format.
    pub version: u32,
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
    /// Layer 0..L; negative counts from the top.
    pub layer: i32,
    /// The token whose map stays while the pointer moves.
    pub pinned: Option<TokenRef>,
    /// The part of a text whose sources are shown; then no token is pinned.
    pub span: Option<Span>,
    /// Whether it is measured how much a span depends on its sources.
    pub score: bool,
    /// The matrix of a text's tokens by layers.
    pub matrix: MatrixLook,
    /// Id of the method.
    pub method: String,
    /// Who divides the picture: the id of a segmenter, or of a method whose maps of all patches are clustered.
    pub segmenter: String,
    /// Its parameters; `rows` is chosen by what is asked, not by the user.
    pub params: Params,
    /// How a causal model continues the text; `None` leaves it as it is.
    pub generation: Option<Generation>,
    /// How the next continuation is to be made.
    pub sampling: Generation,
    /// Heatmap or segmentation.
    pub mode: Mode,
    /// How heatmaps are drawn.
    pub look: Look,
    /// Where the linkage tree is cut.
    pub cut: Cut,
    /// The one label that is drawn, if only one is.
    pub solo: Option<usize>,
    /// Whether edges of segments are drawn.
    pub outlines: bool,
    /// Whether the charts and tables that belong to a map are shown beside it.
    pub exhibits: bool,
    /// Whether those that belong to a segmentation are.
    pub segment_exhibits: bool,
    /// Colours of the window.
    pub theme: Theme,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            version: 1,
            input: None,
            model: None,
            other_model: None,
            tower: None,
            size: SizeRule::default(),
            device: DeviceKind::default(),
            layer: -1,
            pinned: None,
            span: None,
            score: false,
            matrix: MatrixLook::default(),
            method: METHODS.first().map_or_else(String::new, |m| m.info().id.to_owned()),
            segmenter: FALLBACK.to_owned(),
            params: Params::default(),
            generation: None,
            sampling: Generation::default(),
            mode: Mode::default(),
            look: Look::default(),
            cut: FIRST_CUT,
            solo: None,
            outlines: true,
            exhibits: true,
            segment_exhibits: false,
            theme: Theme::default(),
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

/// How the map lies over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// `None` = the method's own: viridis, or coolwarm for signed values.
    pub colormap: Option<Colormap>,
    /// `None` = the method's own: smallest to largest, or symmetric for signed values.
    pub range: Option<RangeRule>,
    /// 0 = picture only, 1 = map only.
    pub opacity: f32,
    /// Between patch centres.
    pub interpolation: Interpolation,
    /// Whether anything covers the picture.
    pub overlay: bool,
    /// Whether the lines between patches are drawn.
    pub grid: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { colormap: None, range: None, opacity: 0.5, interpolation: Interpolation::default(), overlay: true, grid: false }
    }
}

/// Whether and how the matrix of tokens by layers is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatrixLook {
    /// Whether it is there.
    pub shown: bool,
    /// Whether all its rows share one range of colours, in place of one each.
    pub shared: bool,
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

impl Session {
    /// The checkpoint that is meant, once there is an input.
    pub fn model_in_use(&self) -> Option<ModelRef> {
        self.model.clone().or_else(|| self.input.as_ref().map(ModelRef::built_in_for))
    }

    /// The method's facts; the first of the registry when the id is unknown, which a session file may bring about.
    pub fn info(&self) -> Option<&'static Info> {
        let named = method::by_id(&self.method).ok();
        named.or_else(|| METHODS.first().copied()).map(method::Method::info)
    }

    /// The segmenter and what decides how many segments it makes; the first of the menu when the id is unknown.
    pub fn segmenter(&self) -> Option<(&'static Info, Cutting)> {
        let named = menu::segmenters().find(|(info, _)| info.id == self.segmenter);
        named.or_else(|| menu::segmenters().next())
    }

    /// The facts of what the mode asks: the method's, or the segmenter's.
    pub fn asked(&self) -> Option<&'static Info> {
        match self.mode {
            Mode::Heatmap => self.info(),
            Mode::Segments => self.segmenter().map(|(info, _)| info),
        }
    }

    /// The parameters of its own that what is asked has.
    pub fn knobs(&self) -> Vec<&'static Knob> {
        match self.mode {
            Mode::Heatmap => self.info().map_or_else(Vec::new, |info| info.knobs.to_vec()),
            Mode::Segments => self.segmenter().map_or_else(Vec::new, |(info, _)| knobs_of(info)),
        }
    }

    /// Whether the charts and tables of what the mode asks are shown.
    pub fn exhibits_mut(&mut self) -> &mut bool {
        match self.mode {
            Mode::Heatmap => &mut self.exhibits,
            Mode::Segments => &mut self.segment_exhibits,
        }
    }

    /// As [`Self::exhibits_mut`], to look at.
    pub fn shows_exhibits(&self) -> bool {
        match self.mode {
            Mode::Heatmap => self.exhibits,
            Mode::Segments => self.segment_exhibits,
        }
    }

    /// The cut as a segmenter takes it: one that has no linkage tree knows no distance.
    pub fn cut_for(&self, cutting: Cutting) -> Cut {
        match (cutting, self.cut) {
            (Cutting::Tree, cut) | (Cutting::Count, cut @ Cut::Clusters(_)) => cut,
            (Cutting::Count, Cut::Distance(_)) => FIRST_CUT,
            (Cutting::Fixed, _) => Cut::default(),
        }
    }

    /// Goes to another method. What was chosen for the old one's values would misdraw the new one's.
    pub fn choose_method(&mut self, id: &str) {
        id.clone_into(&mut self.method);
        (self.look.range, self.look.colormap) = (None, None);
    }

    /// Goes to ULTra where the open model lacks what the method needs, and says so.
    pub fn leave_lacking(&mut self, scene: &Scene) -> Option<String> {
        if matches!(self.params.scalar, Scalar::Text(_)) && !scene.model.takes_phrases {
            self.params.scalar = Scalar::default();
        }
        let info = self.asked()?;
        let lacking = menu::lacking(info, scene)?;
        match self.mode {
            Mode::Heatmap => self.choose_method(FALLBACK),
            Mode::Segments => FALLBACK.clone_into(&mut self.segmenter),
        }
        Some(format!("{}: {lacking}: ULTra is shown instead", info.name))
    }

    /// The layer as a number from 0, once L is known.
    pub fn layer_of(&self, num_layers: usize) -> usize {
        let top = i64::try_from(num_layers).unwrap_or(i64::MAX - 1);
        let layer = i64::from(self.layer);
        let from_bottom = if layer < 0 { layer + top + 1 } else { layer };
        usize::try_from(from_bottom.clamp(0, top)).unwrap_or(0)
    }

    /// Puts right what the open model lacks, and says what that was: a token that its grid has not, a layer above its top.
    ///
    /// # Errors
    /// A refusal that says what the model has.
    pub fn mend(&mut self, scene: &Scene) -> Result<()> {
        let top = scene.model.num_layers;
        let bound = i64::try_from(top).unwrap_or(i64::MAX - 1);
        if !(-bound - 1..=bound).contains(&i64::from(self.layer)) {
            let place = format!("layer {}", self.layer);
            self.layer = -1;
            return Err(Error::refused(place, "this model has no such layer").expected(format!("0..{top}, or -1 for the top")));
        }
        if let Head::One(head) = self.params.head
            && head >= scene.model.num_heads
        {
            self.params.head = Head::default();
            let last = scene.model.num_heads.saturating_sub(1);
            return Err(Error::refused(format!("head {head}"), "this model has no such head").expected(format!("0..{last}")));
        }
        if let Some(Err(err)) = self.pinned.as_ref().map(|token| scene.layout.resolve(token)) {
            self.pinned = None;
            return Err(err);
        }
        if let Some(Err(err)) = self.span.map(|span| span.check(&scene.layout, scene.model.is_causal)) {
            self.span = None;
            return Err(err);
        }
        Ok(())
    }

    /// The colormap in use.
    pub fn colormap(&self, signed: bool) -> Colormap {
        self.look.colormap.unwrap_or(if signed { Colormap::Coolwarm } else { Colormap::Viridis })
    }

    /// The rule for the colours' limits.
    pub fn range(&self, signed: bool) -> RangeRule {
        self.look.range.unwrap_or(if signed { RangeRule::Symmetric } else { RangeRule::MinMax })
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
