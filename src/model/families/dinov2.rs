//! `dinov2` and `dinov2_with_registers` (transformers `Dinov2Model`): pre-norm blocks with layer scale, plain or SwiGLU MLP.

use super::{
    Activation, Assembly, Block, Config, Defaults, Embedding, Head, ImageSizes, NormPlace, Positions, Prefix, Result, Sizes,
    TokenKind, Tower, Weights, blocks, classifier, scaled,
};

const DEFAULTS: Defaults = Defaults { image_size: 224, patch_size: 14, eps: 1e-6 };
const PREFIXES: &[&str] = &["", "dinov2.", "dinov2_with_registers.", "model."];

pub(super) fn load_plain(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, None, Positions::Bicubic)
}

pub(super) fn load_with_registers(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let count = config.whole("num_register_tokens", 4)?;
    load(config, weights, Some(("embeddings.register_tokens", count)), Positions::BicubicAntialias)
}

fn load(config: &Config, weights: &mut Weights, registers: Option<(&str, usize)>, resize: Positions) -> Result<Assembly> {
    let patch_size = if registers.is_some() { 16 } else { DEFAULTS.patch_size };
    let defaults = Defaults { patch_size, ..DEFAULTS };
    let (sizes, image) = (Sizes::read(config, DEFAULTS.eps)?, ImageSizes::read(config, &defaults)?);
    let mlp = Mlp::read(config, sizes.width)?;
    weights.find_prefix("embeddings.cls_token", PREFIXES)?;
    let placed = &[(TokenKind::Cls, "embeddings.cls_token")];
    let names = Prefix { placed, registers, patch: "embeddings.patch_embeddings.projection", has_positions: true };
    let embedding = image.embedding(weights, sizes.width, &names, resize)?;
    let blocks = blocks(sizes.num_layers, |i| block(sizes, mlp, weights, &format!("encoder.layer.{i}")))?;
    let norm = Some(weights.norm("layernorm", sizes.width, sizes.eps)?);
    let num_prefix = embedding.prefix.len();
    let head = classifier(weights, "/classifier", 2 * sizes.width)?.map(|linear| Head::ClsAndMean { num_prefix, linear });
    Ok(Assembly { embedding: Embedding::Patches(embedding), blocks, norm, head, joint: None })
}

/// Shape of the MLP.
#[derive(Clone, Copy)]
struct Mlp {
    gated: bool,
    hidden: usize,
}

impl Mlp {
    /// SwiGLU's hidden width is two thirds of the plain one, rounded up to a multiple of eight.
    fn read(config: &Config, width: usize) -> Result<Self> {
        let plain = (config.number("mlp_ratio", 4.0)? * width as f64) as usize;
        let gated = config.flag("use_swiglu_ffn", false)?;
        if plain == 0 || plain > 1 << 24 {
            return Err(config.refuse("mlp_ratio", "the hidden width of the MLP over hidden_size, such as 4"));
        }
        Ok(Self { gated, hidden: if gated { (plain * 2 / 3).div_ceil(8) * 8 } else { plain } })
    }
}

fn block(sizes: Sizes, mlp: Mlp, weights: &mut Weights, at: &str) -> Result<Block> {
    let width = sizes.width;
    let (up, down) = if mlp.gated { ("weights_in", "weights_out") } else { ("fc1", "fc2") };
    let up_width = if mlp.gated { 2 * mlp.hidden } else { mlp.hidden };
    let mut scale = |i: usize| weights.tensor(&format!("{at}.layer_scale{i}.lambda1"), &[width]);
    let (scale1, scale2) = (scale(1)?, scale(2)?);
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: weights.norm(&format!("{at}.norm1"), width, sizes.eps)?,
        qkv: sizes.qkv(weights, &format!("{at}.attention.attention"))?,
        heads: sizes.heads(),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: scaled(weights.linear(&format!("{at}.attention.output.dense"), width, width, true)?, &scale1)?,
        norm2: weights.norm(&format!("{at}.norm2"), width, sizes.eps)?,
        up: weights.linear(&format!("{at}.mlp.{up}"), up_width, width, true)?,
        activation: if mlp.gated { Activation::Silu } else { sizes.activation },
        gated: mlp.gated,
        down: scaled(weights.linear(&format!("{at}.mlp.{down}"), width, mlp.hidden, true)?, &scale2)?,
        branch_norms: None,
    })
}
