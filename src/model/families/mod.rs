//! Families: each maps config.json and weight names to the one instrumented transformer.

mod bert;
mod dinov2;
mod vit;

use super::block::{Activation, Block, Heads, Linear, Norm, NormPlace};
use super::config::Config;
use super::embed::{Embedding, Patches, Positions, Words};
use super::head::Head;
use super::weights::Weights;
use crate::domain::grid::Grid;
use crate::domain::token::TokenKind;
use crate::domain::{Error, Result};
use candle_core::Tensor;

/// Everything that a family makes of a checkpoint.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// From the input to layer 0.
    pub embedding: Embedding,
    /// From layer 0 to layer L.
    pub blocks: Vec<Block>,
    /// After layer L, where the family has one.
    pub norm: Option<Norm>,
    /// Where the checkpoint has one.
    pub head: Option<Head>,
}

type Load = fn(&Config, &mut Weights) -> Result<Assembly>;

/// `model_type`, what it is, and how it is read.
pub const FAMILIES: &[(&str, &str, Load)] = &[
    ("vit", "ViT, DINO, DeiT without distillation", vit::load_vit),
    ("deit", "DeiT with a distillation token", vit::load_deit),
    ("dinov2", "DINOv2, plain or SwiGLU", dinov2::load_plain),
    ("dinov2_with_registers", "DINOv2 with registers", dinov2::load_with_registers),
    ("bert", "BERT for texts, bare or with a classifier of sequences or tokens", bert::load),
];

/// Reads a checkpoint of any family.
///
/// # Errors
/// A refusal that lists the families, or blames a field or a weight.
pub fn load(config: &Config, weights: &mut Weights) -> Result<Assembly> {
    let model_type = config.model_type()?;
    let Some((_, _, load)) = FAMILIES.iter().find(|(name, ..)| *name == model_type) else {
        let known: Vec<&str> = FAMILIES.iter().map(|(name, ..)| *name).collect();
        return Err(config.refuse("model_type", &format!("one of {}", known.join(", "))));
    };
    load(config, weights)
}

/// Blocks that a checkpoint may claim.
const MAX_LAYERS: usize = 1000;

/// Sizes that the families share.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    width: usize,
    num_layers: usize,
    num_heads: usize,
    eps: f64,
    qkv_bias: bool,
    activation: Activation,
}

/// Sizes that the image families share.
#[derive(Clone, Copy, Debug)]
struct ImageSizes {
    image_size: usize,
    patch_size: usize,
}

/// Defaults are those of the transformers classes of the same `model_type`.
struct Defaults {
    image_size: usize,
    patch_size: usize,
    eps: f64,
}

impl Sizes {
    fn read(config: &Config, default_eps: f64) -> Result<Self> {
        let sizes = Self {
            width: config.count("hidden_size", Some(768))?,
            num_layers: config.count("num_hidden_layers", Some(12))?,
            num_heads: config.count("num_attention_heads", Some(12))?,
            eps: config.number("layer_norm_eps", default_eps)?,
            qkv_bias: config.flag("qkv_bias", true)?,
            activation: config.activation()?,
        };
        if !sizes.width.is_multiple_of(sizes.num_heads) {
            return Err(config.refuse("num_attention_heads", &format!("a divisor of hidden_size {}", sizes.width)));
        }
        if sizes.num_layers > MAX_LAYERS {
            return Err(config.refuse("num_hidden_layers", &format!("at most {MAX_LAYERS}")));
        }
        Ok(sizes)
    }

    fn heads(self) -> Heads {
        let head_dim = self.width / self.num_heads;
        let scale = 1.0 / (head_dim as f64).sqrt();
        Heads { num_heads: self.num_heads, num_kv_heads: self.num_heads, head_dim, scale }
    }

    /// Queries, keys and values as one map.
    fn qkv(self, weights: &mut Weights, attention: &str) -> Result<Linear> {
        let mut part = |name| weights.linear(&format!("{attention}.{name}"), self.width, self.width, self.qkv_bias);
        let parts = [part("query")?, part("key")?, part("value")?];
        Ok(Linear {
            weight: Tensor::cat(&parts.each_ref().map(|p| &p.weight), 0)?,
            bias: Tensor::cat(&parts.each_ref().map(|p| &p.bias), 0)?,
        })
    }
}

impl ImageSizes {
    fn read(config: &Config, defaults: &Defaults) -> Result<Self> {
        let sizes = Self {
            image_size: config.side("image_size", defaults.image_size)?,
            patch_size: config.side("patch_size", defaults.patch_size)?,
        };
        if sizes.patch_size > sizes.image_size {
            return Err(config.refuse("patch_size", &format!("at most image_size {}", sizes.image_size)));
        }
        if config.count("num_channels", Some(3))? != 3 {
            return Err(config.refuse("num_channels", "3: red, green and blue"));
        }
        Ok(sizes)
    }

    fn grid(self) -> Grid {
        let side = self.image_size / self.patch_size;
        Grid { rows: side, cols: side }
    }

    /// The patch embedding, its weights flattened to `[D, 3 P P]`.
    fn patch(self, weights: &mut Weights, name: &str, width: usize) -> Result<Linear> {
        let side = self.patch_size;
        let weight = weights.tensor(&format!("{name}.weight"), &[width, 3, side, side])?;
        let bias = weights.tensor(&format!("{name}.bias"), &[width])?;
        Ok(Linear { weight: weight.reshape((width, 3 * side * side))?, bias })
    }

    /// Prefix tokens and positions. Tokens in `placed` have a position each, before the patches'; `unplaced` follow without.
    fn embedding(self, weights: &mut Weights, width: usize, names: &Prefix<'_>, resize: Positions) -> Result<Patches> {
        let grid = self.grid();
        let num_positions = names.placed.len() + grid.len();
        let table = weights.tensor("embeddings.position_embeddings", &[1, num_positions, width])?.squeeze(0)?;
        let mut prefix = Vec::new();
        for (i, (kind, name)) in names.placed.iter().enumerate() {
            let token = weights.tensor(name, &[1, 1, width])?.flatten_all()?;
            prefix.push((kind.clone(), (token + table.get(i)?)?));
        }
        if let Some((name, count)) = names.registers {
            let registers = weights.tensor(name, &[1, count, width])?.squeeze(0)?;
            for i in 0..count {
                prefix.push((TokenKind::Register(i), registers.get(i)?));
            }
        }
        Ok(Patches {
            patch_size: self.patch_size,
            image_size: self.image_size,
            patch: self.patch(weights, "embeddings.patch_embeddings.projection", width)?,
            prefix,
            positions: table.narrow(0, names.placed.len(), grid.len())?.contiguous()?,
            trained_grid: grid,
            resize,
        })
    }
}

/// Names of a family's prefix tokens.
struct Prefix<'a> {
    placed: &'a [(TokenKind, &'a str)],
    registers: Option<(&'a str, usize)>,
}

/// Folds a layer scale into the map whose output it multiplies.
fn scaled(linear: Linear, scale: &Tensor) -> Result<Linear> {
    Ok(Linear { weight: linear.weight.broadcast_mul(&scale.unsqueeze(1)?)?, bias: (linear.bias * scale)? })
}

/// A classifier of `[C, width]` where the checkpoint has one.
fn classifier(weights: &mut Weights, name: &str, width: usize) -> Result<Option<Linear>> {
    let Some(classes) = weights.rows_of(&format!("{name}.weight")) else { return Ok(None) };
    if classes == 0 || classes > 1 << 20 {
        return Err(Error::refused(format!("{name}.weight"), format!("{classes} classes")).expected("1 to 1,048,576"));
    }
    weights.linear(name, classes, width, true).map(Some)
}
