//! `beit` (transformers `BeitModel`): pre-norm blocks with layer scale whose scores know how far apart two patches lie.

use std::sync::Arc;

use super::{
    Assembly, Block, Config, Defaults, Embedding, Head, ImageSizes, NormPlace, Positions, Prefix, Result, Sizes, Tower, Weights,
    blocks, classifier, scaled, stacked,
};
use crate::domain::token::TokenKind;
use crate::model::block::{Linear, RelativeBias};

const DEFAULTS: Defaults = Defaults { image_size: 224, patch_size: 16, eps: 1e-12 };
const TABLE: &str = "relative_position_bias.relative_position_bias_table";

pub(super) fn load(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let (sizes, image) = (Sizes::read(config, DEFAULTS.eps)?, ImageSizes::read(config, &DEFAULTS)?);
    let hidden = config.count("intermediate_size", Some(3072))?;
    weights.find_prefix("embeddings.cls_token", &["", "beit.", "model."])?;
    let absolute = config.flag("use_absolute_position_embeddings", false)?;
    let placed = &[(TokenKind::Cls, "embeddings.cls_token")];
    let names = Prefix { placed, registers: None, patch: "embeddings.patch_embeddings.projection", has_positions: absolute };
    let embedding = image.embedding(weights, sizes.width, &names, Positions::Bicubic)?;
    let table = |weights: &mut Weights, name: &str| -> Result<Arc<RelativeBias>> {
        let table = weights.tensor(name, &[RelativeBias::rows(image.grid()), sizes.num_heads])?;
        Ok(Arc::new(RelativeBias { table, window: image.grid() }))
    };
    let shared = config.flag("use_shared_relative_position_bias", false)?;
    let shared = shared.then(|| table(weights, &format!("encoder.{TABLE}"))).transpose()?;
    let own = config.flag("use_relative_position_bias", false)?;
    let blocks = blocks(sizes.num_layers, |i| {
        let at = format!("encoder.layer.{i}");
        let own = own.then(|| table(weights, &format!("{at}.attention.attention.{TABLE}"))).transpose()?;
        let relative_bias = match (own, &shared) {
            (Some(own), Some(shared)) => {
                let table = (&own.table + &shared.table)?;
                Some(Arc::new(RelativeBias { table, window: own.window }))
            }
            (own, shared) => own.or(shared.clone()),
        };
        Ok(Block { relative_bias, ..block(sizes, hidden, weights, &at)? })
    })?;
    let pools = config.flag("use_mean_pooling", true)?;
    let norm = if pools { None } else { Some(weights.norm("layernorm", sizes.width, sizes.eps)?) };
    let head = classifier(weights, "/classifier", sizes.width)?;
    let head = match head {
        Some(linear) if pools => {
            let norm = Some(weights.norm("pooler.layernorm", sizes.width, sizes.eps)?);
            Some(Head::MeanOfPatches { num_prefix: 1, norm, linear })
        }
        head => head.map(|linear| Head::Tokens(vec![(0, linear)])),
    };
    Ok(Assembly { embedding: Embedding::Patches(embedding), blocks, norm, head, joint: None })
}

fn block(sizes: Sizes, hidden: usize, weights: &mut Weights, at: &str) -> Result<Block> {
    let width = sizes.width;
    let part = |name: &str, has_bias| (format!("{at}.attention.attention.{name}"), has_bias);
    let scale = |weights: &mut Weights, linear: Linear, name: &str| -> Result<Linear> {
        let name = format!("{at}.{name}");
        if weights.has(&name) { scaled(linear, &weights.tensor(&name, &[width])?) } else { Ok(linear) }
    };
    let out = weights.linear(&format!("{at}.attention.output.dense"), width, width, true)?;
    let down = weights.linear(&format!("{at}.output.dense"), width, hidden, true)?;
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: weights.norm(&format!("{at}.layernorm_before"), width, sizes.eps)?,
        qkv: stacked(weights, sizes.heads(), width, [part("query", true), part("key", false), part("value", true)])?,
        heads: sizes.heads(),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: scale(weights, out, "lambda_1")?,
        norm2: weights.norm(&format!("{at}.layernorm_after"), width, sizes.eps)?,
        up: weights.linear(&format!("{at}.intermediate.dense"), hidden, width, true)?,
        activation: sizes.activation,
        gated: false,
        down: scale(weights, down, "lambda_2")?,
        branch_norms: None,
    })
}
