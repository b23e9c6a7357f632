//! `clip` and `siglip` (transformers `CLIPModel`, `SiglipModel`): pre-norm blocks in two towers, one for images and one for texts,
//! whose ends lie in one space. Each tower is a model of its own.

use candle_core::DType;

use super::{
    Assembly, Block, Config, Defaults, Embedding, Head, ImageSizes, Joint, NormPlace, Padding, Patches, Positions, Result, Sees,
    Sizes, Tower, Weights, Words, blocks, classifier, earlier, stacked, without_bias,
};
use crate::domain::Error;
use crate::domain::token::TokenKind;
use crate::model::block::{Heads, Linear, Norm};
use crate::model::joint::{AttentionPool, Matching, Pooled, Readout};

/// In what the two families differ.
#[derive(Clone, Copy)]
struct Kind {
    is_siglip: bool,
    eps: f64,
    activation: &'static str,
    patch_size: usize,
    vocab: usize,
    max_tokens: usize,
    text_width: usize,
    text_hidden: usize,
    text_heads: usize,
}

const CLIP: Kind = Kind {
    is_siglip: false,
    eps: 1e-5,
    activation: "quick_gelu",
    patch_size: 32,
    vocab: 49_408,
    max_tokens: 77,
    text_width: 512,
    text_hidden: 2048,
    text_heads: 8,
};

const SIGLIP: Kind = Kind {
    is_siglip: true,
    eps: 1e-6,
    activation: "gelu_pytorch_tanh",
    patch_size: 16,
    vocab: 32_000,
    max_tokens: 64,
    text_width: 768,
    text_hidden: 3072,
    text_heads: 12,
};

pub(super) fn load_clip(config: &Config, weights: &mut Weights, tower: Tower) -> Result<Assembly> {
    load(config, weights, tower, CLIP)
}

pub(super) fn load_siglip(config: &Config, weights: &mut Weights, tower: Tower) -> Result<Assembly> {
    load(config, weights, tower, SIGLIP)
}

pub(super) fn load_clip_image(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    image(config, config, weights, CLIP)
}

pub(super) fn load_siglip_image(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    image(config, config, weights, SIGLIP)
}

pub(super) fn load_clip_text(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    text(config, config, weights, CLIP)
}

pub(super) fn load_siglip_text(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    text(config, config, weights, SIGLIP)
}

fn load(config: &Config, weights: &mut Weights, tower: Tower, kind: Kind) -> Result<Assembly> {
    // Where an early CLIP has such a field too, transformers lets it speak last.
    let section = |name: &str| {
        let early = format!("{name}_dict");
        config.section(if config.has(&early) { &early } else { name })
    };
    match tower {
        Tower::Image => image(config, &section("vision_config")?, weights, kind),
        Tower::Text => text(config, &section("text_config")?, weights, kind),
    }
}

/// Sizes of a tower.
struct Shape {
    sizes: Sizes,
    hidden: usize,
    heads: Heads,
}

impl Shape {
    fn read(tower: &Config, kind: Kind, [width, hidden, num_heads]: [usize; 3], sees: Sees) -> Result<Self> {
        let sizes = Sizes::read_with(tower, width, num_heads, kind.eps, kind.activation)?;
        let hidden = tower.count("intermediate_size", Some(hidden))?;
        Ok(Self { sizes, hidden, heads: Heads { sees, ..sizes.heads() } })
    }

    fn blocks(&self, weights: &mut Weights) -> Result<Vec<Block>> {
        blocks(self.sizes.num_layers, |i| self.block(weights, &format!("encoder.layers.{i}")))
    }

    fn block(&self, weights: &mut Weights, at: &str) -> Result<Block> {
        let Sizes { width, eps, activation, .. } = self.sizes;
        let part = |name: &str| (format!("{at}.self_attn.{name}_proj"), true);
        Ok(Block {
            norm_place: NormPlace::Before,
            norm1: weights.norm(&format!("{at}.layer_norm1"), width, eps)?,
            qkv: stacked(weights, self.heads, width, [part("q"), part("k"), part("v")])?,
            heads: self.heads,
            qk_norms: None,
            rotary: None,
            relative_bias: None,
            out: weights.linear(&format!("{at}.self_attn.out_proj"), width, width, true)?,
            norm2: weights.norm(&format!("{at}.layer_norm2"), width, eps)?,
            up: weights.linear(&format!("{at}.mlp.fc1"), self.hidden, width, true)?,
            activation,
            gated: false,
            down: weights.linear(&format!("{at}.mlp.fc2"), width, self.hidden, true)?,
            branch_norms: None,
        })
    }
}

fn image(config: &Config, tower: &Config, weights: &mut Weights, kind: Kind) -> Result<Assembly> {
    let shape = Shape::read(tower, kind, [768, 3072, 12], Sees::All)?;
    let Sizes { width, eps, .. } = shape.sizes;
    let defaults = Defaults { image_size: 224, patch_size: kind.patch_size, eps };
    let image = ImageSizes::read(tower, &defaults)?;
    weights
        .find_prefix("embeddings.patch_embedding.weight", &["vision_model.", "", "clip.vision_model.", "siglip.vision_model."])?;
    let embedding = patches(image, width, eps, weights, kind)?;
    let blocks = shape.blocks(weights)?;
    // What CLIP calls its last hidden state comes before this norm; SigLIP's comes after it.
    let last = weights.norm("post_layernorm", width, eps)?;
    let num_prefix = embedding.prefix.len();
    let readout = if kind.is_siglip {
        siglip_pool(&shape, weights)?.map(Readout::Attention)
    } else {
        let projection = projection(config, weights, "/visual_projection", width)?;
        projection.map(|linear| Readout::Linear { linear, pooled: Pooled::First })
    };
    let matching = matching(weights, kind)?;
    let joint = readout.map(|readout| Joint { norm: last.clone(), readout, matching });
    let head = classifier(weights, "/classifier", width)?;
    let norm = kind.is_siglip.then_some(last);
    let head = head.map(|linear| Head::MeanOfPatches { num_prefix, norm: None, linear });
    Ok(Assembly { embedding: Embedding::Patches(embedding), blocks, norm, head, joint })
}

fn patches(image: ImageSizes, width: usize, eps: f64, weights: &mut Weights, kind: Kind) -> Result<Patches> {
    let (grid, num_prefix) = (image.grid(), usize::from(!kind.is_siglip));
    let table = weights.tensor("embeddings.position_embedding.weight", &[num_prefix + grid.len(), width])?;
    let mut prefix = Vec::new();
    if !kind.is_siglip {
        let cls = weights.tensor("embeddings.class_embedding", &[width])?;
        prefix.push((TokenKind::Cls, (cls + table.get(0)?)?));
    }
    Ok(Patches {
        patch_size: image.patch_size,
        image_size: image.image_size,
        patch: image.patch(weights, "embeddings.patch_embedding", width, kind.is_siglip)?,
        prefix,
        positions: Some(table.narrow(0, num_prefix, grid.len())?.contiguous()?),
        trained_grid: grid,
        resize: Positions::Bicubic,
        // The name is misspelt in every checkpoint.
        norm: if kind.is_siglip { None } else { Some(weights.norm("pre_layrnorm", width, eps)?) },
    })
}

fn text(config: &Config, tower: &Config, weights: &mut Weights, kind: Kind) -> Result<Assembly> {
    let sees = if kind.is_siglip { Sees::All } else { earlier(tower)? };
    let shape = Shape::read(tower, kind, [kind.text_width, kind.text_hidden, kind.text_heads], sees)?;
    let Sizes { width, eps, .. } = shape.sizes;
    weights.find_prefix("embeddings.token_embedding.weight", &["text_model.", "", "clip.text_model.", "siglip.text_model."])?;
    let vocab = tower.count("vocab_size", Some(kind.vocab))?;
    let max_tokens = tower.count("max_position_embeddings", Some(kind.max_tokens))?;
    let words = weights.tensor("embeddings.token_embedding.weight", &[vocab, width])?;
    let positions = Some(weights.tensor("embeddings.position_embedding.weight", &[max_tokens, width])?);
    let blocks = shape.blocks(weights)?;
    let norm: Norm = weights.norm("final_layer_norm", width, eps)?;
    let readout = if kind.is_siglip {
        siglip_text_head(weights, tower, width)?.map(|linear| Readout::Linear { linear, pooled: Pooled::Last })
    } else {
        let pooled = match tower.whole("eos_token_id", 49_407)? {
            // So in all checkpoints from before its value was put right: the last token has the highest id.
            2 => Pooled::HighestId,
            id => Pooled::Id(u32::try_from(id).unwrap_or(u32::MAX)),
        };
        projection(config, weights, "/text_projection", width)?.map(|linear| Readout::Linear { linear, pooled })
    };
    let matching = matching(weights, kind)?;
    let joint = readout.map(|readout| Joint { norm: norm.clone(), readout, matching });
    // SigLIP saw texts of this length only, and masks nothing: what a text is filled up with takes part in it.
    let padding = if kind.is_siglip { Some(u32::try_from(tower.whole("pad_token_id", 1)?).unwrap_or(u32::MAX)) } else { None };
    let padding = padding.map(Padding::Fills);
    let words = Words { words, scale: 1.0, positions, norm: None, max_tokens, padding };
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm: Some(norm), head: None, joint })
}

/// CLIP's map into the shared space; towers that were saved alone may lack it.
fn projection(config: &Config, weights: &mut Weights, name: &str, width: usize) -> Result<Option<Linear>> {
    let name = format!("{name}.weight");
    if !weights.has(&name) {
        return Ok(None);
    }
    let shared = config.count("projection_dim", Some(512))?;
    Ok(Some(without_bias(weights.tensor(&name, &[shared, width])?)?))
}

/// The factor for cosines, kept as its logarithm, and what SigLIP adds; `None` where the file lacks one of them.
fn matching(weights: &mut Weights, kind: Kind) -> Result<Option<Matching>> {
    let mut number = |name: &str| -> Result<Option<f32>> {
        if !weights.has(name) {
            return Ok(None);
        }
        // A number in CLIP's checkpoints, a list of one in SigLIP's.
        let shape: &[usize] = if weights.rows_of(name).is_some() { &[1] } else { &[] };
        Ok(Some(weights.tensor(name, shape)?.flatten_all()?.get(0)?.to_dtype(DType::F32)?.to_scalar()?))
    };
    let Some(scale) = number("/logit_scale")?.map(f32::exp) else { return Ok(None) };
    if !scale.is_finite() {
        return Err(Error::refused(weights.place(), "holds a logit_scale whose exponential overflows")
            .expected("the logarithm of a factor for cosines, about 4.6")
            .remedy("the checkpoint is damaged: download or train it again"));
    }
    if !kind.is_siglip {
        return Ok(Some(Matching::OneOf { scale }));
    }
    Ok(number("/logit_bias")?.map(|bias| Matching::Each { scale, bias }))
}

fn siglip_text_head(weights: &mut Weights, tower: &Config, width: usize) -> Result<Option<Linear>> {
    if !weights.has("head.weight") {
        return Ok(None);
    }
    weights.linear("head", tower.count("projection_size", Some(width))?, width, true).map(Some)
}

/// SigLIP looks at all patches with one learned query.
fn siglip_pool(shape: &Shape, weights: &mut Weights) -> Result<Option<AttentionPool>> {
    let (width, hidden) = (shape.sizes.width, shape.hidden);
    if !weights.has("head.probe") {
        return Ok(None);
    }
    let part = |weights: &mut Weights, first: usize| -> Result<Linear> {
        let weight = weights.tensor("head.attention.in_proj_weight", &[3 * width, width])?;
        let bias = weights.tensor("head.attention.in_proj_bias", &[3 * width])?;
        Ok(Linear { weight: weight.narrow(0, first * width, width)?.contiguous()?, bias: bias.narrow(0, first * width, width)? })
    };
    Ok(Some(AttentionPool {
        probe: weights.tensor("head.probe", &[1, 1, width])?.reshape((1, width))?,
        num_heads: shape.sizes.num_heads,
        query: part(weights, 0)?,
        key: part(weights, 1)?,
        value: part(weights, 2)?,
        out: weights.linear("head.attention.out_proj", width, width, true)?,
        norm: weights.norm("head.layernorm", width, shape.sizes.eps)?,
        up: weights.linear("head.mlp.fc1", hidden, width, true)?,
        activation: shape.sizes.activation,
        down: weights.linear("head.mlp.fc2", width, hidden, true)?,
    }))
}
