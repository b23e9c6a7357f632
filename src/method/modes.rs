//! Query-key modes: pairs of directions by which a head lets tokens find each other.

mod show;

use std::sync::Arc;

use super::{Control, Gaps, Info, Method, Reach, Target, Uses};
use crate::domain::exhibit::Shown;
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::request::{Head, Params};
use crate::domain::token::TokenRef;
use crate::domain::{Error, Result};
use crate::model::modes::{HeadModes, ModeScores};
use crate::model::{Model, Trace};

/// Singular modes of a head's W_q^T W_k.
#[derive(Debug)]
pub struct Modes;

const MODE: Knob = Knob {
    id: "mode",
    name: "Mode",
    help: "which mode of the head, from 0, the one of the largest singular value",
    kind: KnobKind::Whole { min: 0, max: 1023, default: 0 },
    given: None,
};

const SIDE: Knob = Knob {
    id: "side",
    name: "Side",
    help: "both maps painted, query red and key cyan; the query map; the key map; or what the mode adds to the target's scores",
    kind: KnobKind::Choice(&["pair", "query", "key", "target"]),
    given: None,
};

const PARTNER: Knob = Knob {
    id: "partner",
    name: "Partner",
    help: "the table's modes are ranked by what they add between the target and this token; none = by the strongest of all tokens",
    kind: KnobKind::Text { hint: "7,7" },
    given: None,
};

static INFO: Info = Info {
    id: "qk-modes",
    name: "Query-key modes",
    summary: "Which features of the token look for which features of others in one head, mode by mode; head 0 where heads are fused",
    formula: "scale s_m (u_m . x_i) (v_m . x_j), W_q^T W_k = sum_m s_m u_m v_m^T with norm gains folded in, x = the norm's output without \
              gain and bias; biases, rotary and relative positions are left out",
    citation: "Pan et al., Dissecting Query-Key Interaction in Vision Transformers, NeurIPS 2024",
    cost: "two thin QR and one d x d SVD a head, once; 2 T D multiplications a mode",
    unit: "logit",
    signed: true,
    min_layer: 1,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[&MODE, &SIDE, &PARTNER],
};

impl Method for Modes {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// Tokens that the target does not attend to, as those after it in a causal model, have none.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    /// Modes belong to a head; what is fused over heads has none.
    fn settled(&self, params: Params) -> Params {
        Params { head: Head::One(single(params.head)), ..params }
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        let read = Reading::new(model, trace, target)?;
        let (mode, sign) = (read.mode, read.sign());
        let map = |side: &[f64]| read.column(side, mode).map(|x| (sign * x) as f32).collect::<Vec<_>>();
        Ok(match target.params.knobs.choice(&SIDE)? {
            "query" => map(&read.scores.query).repeat(target.positions.len()),
            "key" => map(&read.scores.key).repeat(target.positions.len()),
            _ => target.positions.iter().flat_map(|&position| read.contributions(mode, position)).map(|x| x as f32).collect(),
        })
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        show::shown(&Reading::new(model, trace, target)?, target, control)
    }
}

/// The first head, where several are meant.
fn single(head: Head) -> usize {
    if let Head::One(head) = head { head } else { 0 }
}

/// One head of one layer, as a target asks for it.
struct Reading<'a> {
    model: &'a Model,
    trace: &'a Trace,
    layer: usize,
    head: usize,
    mode: usize,
    modes: Arc<HeadModes>,
    scores: ModeScores,
}

impl<'a> Reading<'a> {
    fn new(model: &'a Model, trace: &'a Trace, target: &Target<'_>) -> Result<Self> {
        let (layer, heads) = (target.layer, model.blocks[target.layer - 1].heads);
        let head = single(target.params.head);
        if head >= heads.num_heads {
            return Err(Error::refused(format!("--head {head}"), "this model has no such head")
                .expected(format!("0 to {}", heads.num_heads - 1)));
        }
        let modes = model.head_modes(layer, head)?;
        let mode = target.params.knobs.whole(&MODE)?;
        if mode >= modes.len() {
            return Err(Error::refused(format!("--mode {mode}"), "this head has no such mode")
                .expected(format!("0 to {}", modes.len().saturating_sub(1))));
        }
        let scores = model.mode_scores(trace, layer, head, &modes)?;
        Ok(Self { model, trace, layer, head, mode, modes, scores })
    }

    /// What tokens hold of a mode on one side, `[T]`.
    fn column<'b>(&self, side: &'b [f64], mode: usize) -> impl Iterator<Item = f64> + use<'b> {
        side.iter().skip(mode).step_by(self.modes.len().max(1)).copied()
    }

    /// What a mode adds to the scores of a token for every other, `[T]`; NaN where it sees none.
    fn contributions(&self, mode: usize, position: usize) -> impl Iterator<Item = f64> + use<'_, 'a> {
        let heads = self.model.blocks[self.layer - 1].heads;
        let seen = heads.sees.range(position, self.trace.num_tokens());
        let own = heads.scale * self.modes.values[mode] * self.scores.query[position * self.modes.len() + mode];
        self.column(&self.scores.key, mode).enumerate().map(move |(j, c)| if seen.contains(&j) { own * c } else { f64::NAN })
    }

    /// Both sides may change their sign together: the one is taken in which the highest peaks of both maps meet.
    fn sign(&self) -> f64 {
        let layout = &self.trace.layout;
        let extremes = |side: &[f64]| {
            let values: Vec<f64> = self.column(side, self.mode).collect();
            let patches = layout.ranged().map(|patch| values[layout.position_of(patch)]);
            patches.fold((0.0_f64, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)))
        };
        let ((query_low, query_high), (key_low, key_high)) = (extremes(&self.scores.query), extremes(&self.scores.key));
        if query_low * key_low > query_high * key_high { -1.0 } else { 1.0 }
    }

    /// The token that [`PARTNER`] names.
    fn partner(&self, target: &Target<'_>) -> Result<Option<usize>> {
        let named = target.params.knobs.text(&PARTNER);
        if named.is_empty() {
            return Ok(None);
        }
        self.trace.layout.resolve(&named.parse::<TokenRef>()?).map(Some)
    }
}
