//! `vit` and `deit` (transformers `ViTModel`, `DeiTModel`): pre-norm blocks without layer scale. DINO v1 and most DeiT
//! checkpoints are of type `vit`; `deit` adds the distillation token.

use super::{
    Assembly, Block, Config, Defaults, Embedding, Head, ImageSizes, NormPlace, Positions, Prefix, Result, Sizes, TokenKind,
    Tower, Weights, blocks, classifier,
};

const DEFAULTS: Defaults = Defaults { image_size: 224, patch_size: 16, eps: 1e-12 };
const CLS: (TokenKind, &str) = (TokenKind::Cls, "embeddings.cls_token");
const DIST: (TokenKind, &str) = (TokenKind::Dist, "embeddings.distillation_token");

pub(super) fn load_vit(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, &[CLS])
}

pub(super) fn load_deit(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, &[CLS, DIST])
}

fn load(config: &Config, weights: &mut Weights, placed: &[(TokenKind, &str)]) -> Result<Assembly> {
    let (sizes, image) = (Sizes::read(config, DEFAULTS.eps)?, ImageSizes::read(config, &DEFAULTS)?);
    let hidden = config.count("intermediate_size", Some(3072))?;
    weights.find_prefix("embeddings.cls_token", &["", "vit.", "deit.", "model."])?;
    let names = Prefix { placed, registers: None, patch: "embeddings.patch_embeddings.projection", has_positions: true };
    let embedding = image.embedding(weights, sizes.width, &names, Positions::Bicubic)?;
    let blocks = blocks(sizes.num_layers, |i| block(sizes, hidden, weights, &format!("encoder.layer.{i}")))?;
    let norm = Some(weights.norm("layernorm", sizes.width, sizes.eps)?);
    Ok(Assembly { embedding: Embedding::Patches(embedding), blocks, norm, head: head(weights, sizes.width)?, joint: None })
}

fn block(sizes: Sizes, hidden: usize, weights: &mut Weights, at: &str) -> Result<Block> {
    let width = sizes.width;
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: weights.norm(&format!("{at}.layernorm_before"), width, sizes.eps)?,
        qkv: sizes.qkv(weights, &format!("{at}.attention.attention"))?,
        heads: sizes.heads(),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: weights.linear(&format!("{at}.attention.output.dense"), width, width, true)?,
        norm2: weights.norm(&format!("{at}.layernorm_after"), width, sizes.eps)?,
        up: weights.linear(&format!("{at}.intermediate.dense"), hidden, width, true)?,
        activation: sizes.activation,
        gated: false,
        down: weights.linear(&format!("{at}.output.dense"), width, hidden, true)?,
        branch_norms: None,
    })
}

fn head(weights: &mut Weights, width: usize) -> Result<Option<Head>> {
    if let Some(cls) = classifier(weights, "/cls_classifier", width)? {
        let dist = classifier(weights, "/distillation_classifier", width)?;
        return Ok(Some(Head::Tokens([Some((0, cls)), dist.map(|d| (1, d))].into_iter().flatten().collect())));
    }
    Ok(classifier(weights, "/classifier", width)?.map(|linear| Head::Tokens(vec![(0, linear)])))
}
