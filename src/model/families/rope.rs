//! Frequencies of rotary positions, from either spelling of config.json: `rope_parameters` of transformers 5, or `rope_theta` with
//! `rope_scaling` before it (transformers `modeling_rope_utils`).

use std::f64::consts::TAU;
use std::ops::RangeInclusive;

use super::{Config, Result};
use crate::model::block::Rotary;

/// What theta may be: below 1 positions turn faster and faster, and above no two can be told apart.
pub(super) const THETAS: RangeInclusive<f64> = 1.0..=1e15;
/// By what waves may be stretched.
const FACTORS: RangeInclusive<f64> = 1e-3..=1e6;

/// What the older spelling calls a kind of layer.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// The kind's name inside `rope_parameters`, where layers are of several kinds.
    pub layer_type: Option<&'static str>,
    /// The older field with theta.
    pub theta: &'static str,
    /// theta where no field says it.
    pub default_theta: f64,
    /// Whether the older `rope_scaling` is about this kind.
    pub scaled: bool,
}

/// The only kind of layer that most families have.
pub(super) const PLAIN: Names = Names { layer_type: None, theta: "rope_theta", default_theta: 10_000.0, scaled: true };

/// The rotary positions of heads of width `head_dim`.
pub(super) fn read(config: &Config, head_dim: usize, names: Names) -> Result<Rotary> {
    if !head_dim.is_multiple_of(2) {
        return Err(config.refuse("head_dim", "an even number"));
    }
    if names.scaled && config.has("rope_parameters") && config.has("rope_scaling") {
        return Err(config.refuse("rope_scaling", "null beside rope_parameters, which say the same"));
    }
    let parameters = config.section("rope_parameters")?;
    check_kinds(config, &parameters, names)?;
    let parameters = match names.layer_type {
        Some(kind) if parameters.has(kind) => parameters.section(kind)?,
        _ => parameters,
    };
    let scaling = if config.has("rope_parameters") {
        parameters.clone()
    } else if names.scaled {
        config.section("rope_scaling")?
    } else {
        config.section("no such field")?
    };
    for (place, field) in [(config, "partial_rotary_factor"), (&parameters, "partial_rotary_factor")] {
        if place.number(field, 1.0)? != 1.0 {
            return Err(place.refuse(field, "1: every pair of a head is turned"));
        }
    }
    let theta = config.number_in(names.theta, names.default_theta, THETAS)?;
    let theta = parameters.number_in("rope_theta", theta, THETAS)?;
    let plain = (0..head_dim / 2).map(|i| theta.powf(-2.0 * i as f64 / head_dim as f64));
    // The oldest checkpoints say `type`.
    let kind = if scaling.has("rope_type") { "rope_type" } else { "type" };
    let frequencies = match scaling.word(kind)? {
        None | Some("default") => plain.collect(),
        Some("linear") => {
            let factor = scaling.number_in("factor", 1.0, FACTORS)?;
            plain.map(|f| f / factor).collect()
        }
        Some("llama3") => {
            let bend = Llama3::read(config, &scaling)?;
            plain.map(|f| bend.apply(f)).collect()
        }
        Some(_) => return Err(scaling.refuse(kind, "default, linear or llama3")),
    };
    Ok(Rotary::Sequence { frequencies })
}

/// Refuses parameters that are not told apart by the kind of layer where the family has two kinds, and the reverse: transformers
/// takes the defaults in the place of the first, and does not read the second.
fn check_kinds(config: &Config, parameters: &Config, names: Names) -> Result<()> {
    let has = |fields: &[&str]| fields.iter().any(|field| parameters.has(field));
    if names.layer_type.is_some() && has(&["rope_theta", "rope_type", "type", "factor"]) {
        return Err(config.refuse("rope_parameters", "an object for full_attention, and one for sliding_attention"));
    }
    if names.layer_type.is_none() && has(&["full_attention", "sliding_attention"]) {
        return Err(config.refuse("rope_parameters", "rope_type and rope_theta, the same for all layers"));
    }
    Ok(())
}

/// Llama 3.1: long waves are stretched, short ones are not, and those between are mixed.
struct Llama3 {
    factor: f64,
    low: f64,
    high: f64,
    length: f64,
}

impl Llama3 {
    fn read(config: &Config, scaling: &Config) -> Result<Self> {
        let trained = config.count("max_position_embeddings", Some(2048))?;
        let read = Self {
            factor: scaling.number_in("factor", 8.0, FACTORS)?,
            low: scaling.number("low_freq_factor", 1.0)?,
            high: scaling.number("high_freq_factor", 4.0)?,
            length: scaling.number("original_max_position_embeddings", trained as f64)?,
        };
        if read.high <= read.low {
            return Err(scaling.refuse("high_freq_factor", "more than low_freq_factor"));
        }
        Ok(read)
    }

    fn apply(&self, frequency: f64) -> f64 {
        let waves = self.length * frequency / TAU;
        if waves > self.high {
            return frequency;
        }
        if waves < self.low {
            return frequency / self.factor;
        }
        let share = (waves - self.low) / (self.high - self.low);
        (1.0 - share) * frequency / self.factor + share * frequency
    }
}
