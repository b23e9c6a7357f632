//! `dinov3_vit` (transformers `DINOv3ViTModel`): pre-norm blocks with layer scale; patches know their places by rotary positions
//! alone.

use std::f64::consts::TAU;
use std::sync::Arc;

use super::{
    Assembly, Block, Config, Defaults, Embedding, ImageSizes, NormPlace, Positions, Prefix, Result, Sizes, Tower, Weights,
    beside, blocks, rope, scaled, stacked,
};
use crate::domain::token::TokenKind;
use crate::model::block::Rotary;

const DEFAULTS: Defaults = Defaults { image_size: 224, patch_size: 16, eps: 1e-5 };

/// Which maps have a bias, and what the MLP is.
struct Shape {
    hidden: usize,
    gated: bool,
    query_bias: bool,
    key_bias: bool,
    value_bias: bool,
    out_bias: bool,
    mlp_bias: bool,
}

pub(super) fn load(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let sizes = Sizes::read_with(config, 384, 6, DEFAULTS.eps, "gelu")?;
    let image = ImageSizes::read(config, &DEFAULTS)?;
    let shape = Shape {
        hidden: config.count("intermediate_size", Some(1536))?,
        gated: config.flag("use_gated_mlp", false)?,
        query_bias: config.flag("query_bias", true)?,
        key_bias: config.flag("key_bias", false)?,
        value_bias: config.flag("value_bias", true)?,
        out_bias: config.flag("proj_bias", true)?,
        mlp_bias: config.flag("mlp_bias", true)?,
    };
    if !sizes.heads().head_dim.is_multiple_of(4) {
        return Err(config.refuse("num_attention_heads", "heads whose width is a multiple of 4"));
    }
    let rotary = Arc::new(rotary(config.number_in("rope_theta", 100.0, rope::THETAS)?, sizes.heads().head_dim));
    weights.find_prefix("embeddings.cls_token", &["", "dinov3_vit.", "model."])?;
    let count = if weights.has("embeddings.register_tokens") { config.whole("num_register_tokens", 0)? } else { 0 };
    let registers = (count > 0).then_some(("embeddings.register_tokens", count));
    let placed = &[(TokenKind::Cls, "embeddings.cls_token")];
    let names = Prefix { placed, registers, patch: "embeddings.patch_embeddings", has_positions: false };
    let embedding = image.embedding(weights, sizes.width, &names, Positions::Bicubic)?;
    // Newer checkpoints have their blocks one level deeper.
    let deeper = if weights.has("model.layer.0.norm1.weight") { "model." } else { "" };
    let blocks = blocks(sizes.num_layers, |i| {
        let block = block(sizes, &shape, weights, &format!("{deeper}layer.{i}"))?;
        Ok(Block { rotary: Some(rotary.clone()), ..block })
    })?;
    let norm = Some(weights.norm("norm", sizes.width, sizes.eps)?);
    Ok(Assembly { embedding: Embedding::Patches(embedding), blocks, norm, head: None, joint: None })
}

/// Wave lengths of the image's half side, from 1 up to theta in even ratios.
fn rotary(theta: f64, head_dim: usize) -> Rotary {
    let frequency = |i: usize| TAU * theta.powf(-4.0 * i as f64 / head_dim as f64);
    Rotary::Grid { frequencies: (0..head_dim / 4).map(frequency).collect() }
}

fn block(sizes: Sizes, shape: &Shape, weights: &mut Weights, at: &str) -> Result<Block> {
    let (width, hidden) = (sizes.width, shape.hidden);
    let part = |name: &str, has_bias| (format!("{at}.attention.{name}"), has_bias);
    let maps = [part("q_proj", shape.query_bias), part("k_proj", shape.key_bias), part("v_proj", shape.value_bias)];
    let mut scale = |i: usize| weights.tensor(&format!("{at}.layer_scale{i}.lambda1"), &[width]);
    let (scale1, scale2) = (scale(1)?, scale(2)?);
    let mut up = vec![weights.linear(&format!("{at}.mlp.up_proj"), hidden, width, shape.mlp_bias)?];
    if shape.gated {
        up.insert(0, weights.linear(&format!("{at}.mlp.gate_proj"), hidden, width, shape.mlp_bias)?);
    }
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: weights.norm(&format!("{at}.norm1"), width, sizes.eps)?,
        qkv: stacked(weights, sizes.heads(), width, maps)?,
        heads: sizes.heads(),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: scaled(weights.linear(&format!("{at}.attention.o_proj"), width, width, shape.out_bias)?, &scale1)?,
        norm2: weights.norm(&format!("{at}.norm2"), width, sizes.eps)?,
        up: beside(&up)?,
        activation: sizes.activation,
        gated: shape.gated,
        down: scaled(weights.linear(&format!("{at}.mlp.down_proj"), width, hidden, shape.mlp_bias)?, &scale2)?,
        branch_norms: None,
    })
}
