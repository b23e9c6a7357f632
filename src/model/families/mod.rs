//! Families: each maps config.json and weight names to the one instrumented transformer.

mod beit;
mod bert;
mod clip;
mod dinov2;
mod dinov3;
mod distilbert;
mod gemma;
mod gpt2;
mod llama;
mod rope;
mod vit;

use candle_core::Tensor;

use super::block::{Activation, Block, Heads, Linear, Norm, NormKind, NormPlace, Sees};
use super::config::Config;
use super::embed::{Embedding, Padding, Patches, Positions, Words};
use super::head::{Head, Language, Pooling, Transform};
use super::joint::Joint;
use super::weights::Weights;
use crate::domain::grid::Grid;
use crate::domain::request::Tower;
use crate::domain::token::TokenKind;
use crate::domain::{Error, Notice, Result};

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
    /// Into the space that images and texts share, where the checkpoint has one.
    pub joint: Option<Joint>,
}

type Load = fn(&Config, &mut Weights, Tower) -> Result<Assembly>;

/// A kind of checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// `model_type` of config.json.
    pub model_type: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether its numbers are compared with PyTorch's by a fixture.
    pub is_verified: bool,
    load: Load,
}

const fn family(model_type: &'static str, about: &'static str, load: Load) -> Family {
    Family { model_type, about, is_verified: true, load }
}

/// The families that are read.
pub const FAMILIES: &[Family] = &[
    family("vit", "ViT, DINO, DeiT without distillation", vit::load_vit),
    family("deit", "DeiT with a distillation token", vit::load_deit),
    family("beit", "BEiT", beit::load),
    family("dinov2", "DINOv2, plain or SwiGLU", dinov2::load_plain),
    family("dinov2_with_registers", "DINOv2 with registers", dinov2::load_with_registers),
    family("dinov3_vit", "DINOv3, plain or gated MLP", dinov3::load),
    family("clip", "CLIP, either tower", clip::load_clip),
    family("clip_vision_model", "the image tower of CLIP alone", clip::load_clip_image),
    family("clip_text_model", "the text tower of CLIP alone", clip::load_clip_text),
    family("siglip", "SigLIP and SigLIP 2 of fixed size, either tower", clip::load_siglip),
    family("siglip_vision_model", "the image tower of SigLIP alone", clip::load_siglip_image),
    family("siglip_text_model", "the text tower of SigLIP alone", clip::load_siglip_text),
    family("bert", "BERT, bare or with a head for words, sequences or tokens", bert::load_bert),
    family("roberta", "RoBERTa, bare or with a head for words, sequences or tokens", bert::load_roberta),
    Family { is_verified: false, ..family("xlm-roberta", "XLM-RoBERTa, as RoBERTa", bert::load_roberta) },
    family("distilbert", "DistilBERT, bare or with a head for words, sequences or tokens", distilbert::load),
    family("gpt2", "GPT-2", gpt2::load),
    family("llama", "Llama 1 to 3, SmolLM", llama::load_llama),
    family("qwen2", "Qwen 2 and 2.5", llama::load_qwen2),
    family("qwen3", "Qwen 3", llama::load_qwen3),
    family("gemma2", "Gemma 2", gemma::load_gemma2),
    family("gemma3_text", "Gemma 3 for texts", gemma::load_gemma3),
];

/// Reads a checkpoint of any family; of a checkpoint with two towers the one that is named.
///
/// # Errors
/// A refusal that lists the families, or blames a field or a weight.
pub fn load(config: &Config, weights: &mut Weights, tower: Tower) -> Result<Assembly> {
    let model_type = config.model_type()?;
    let Some(family) = FAMILIES.iter().find(|family| family.model_type == model_type) else {
        let known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type).collect();
        return Err(config
            .refuse("model_type", &format!("one of {}", known.join(", ")))
            .remedy("this family is not read; `tokenscope models` lists those that are"));
    };
    (family.load)(config, weights, tower)
}

/// Whether checkpoints of this `model_type` hold two towers.
pub fn has_towers(model_type: &str) -> bool {
    matches!(model_type, "clip" | "siglip")
}

/// The blocks of a checkpoint, bottom first.
fn blocks(count: usize, mut block: impl FnMut(usize) -> Result<Block>) -> Result<Vec<Block>> {
    (0..count).map(&mut block).collect()
}

/// What the tokens of a causal family see. Some models that embed texts lift the mask by a field.
fn earlier(config: &Config) -> Result<Sees> {
    if config.flag("is_causal", true)? {
        return Ok(Sees::Earlier);
    }
    Err(config.refuse("is_causal", "true: each token sees itself and those before it"))
}

/// Blocks that a checkpoint may claim.
const MAX_LAYERS: usize = 1000;

/// L, by the name that the family has for it.
fn num_layers(config: &Config, field: &str, default: usize) -> Result<usize> {
    let count = config.count(field, Some(default))?;
    if count > MAX_LAYERS { Err(config.refuse(field, &format!("at most {MAX_LAYERS}"))) } else { Ok(count) }
}

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
    fn read(config: &Config, eps: f64) -> Result<Self> {
        Self::read_with(config, 768, 12, eps, "gelu")
    }

    /// With other defaults.
    fn read_with(config: &Config, width: usize, num_heads: usize, eps: f64, activation: &str) -> Result<Self> {
        let sizes = Self {
            width: config.count("hidden_size", Some(width))?,
            num_layers: config.count("num_hidden_layers", Some(12))?,
            num_heads: config.count("num_attention_heads", Some(num_heads))?,
            eps: config.epsilon("layer_norm_eps", eps)?,
            qkv_bias: config.flag("qkv_bias", true)?,
            activation: config.activation("hidden_act", activation)?,
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
        Heads { num_heads: self.num_heads, num_kv_heads: self.num_heads, head_dim, scale, softcap: None, sees: Sees::All }
    }

    /// Queries, keys and values as one map.
    fn qkv(self, weights: &mut Weights, attention: &str) -> Result<Linear> {
        let part = |name| (format!("{attention}.{name}"), self.qkv_bias);
        stacked(weights, self.heads(), self.width, [part("query"), part("key"), part("value")])
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
    fn patch(self, weights: &mut Weights, name: &str, width: usize, has_bias: bool) -> Result<Linear> {
        let side = self.patch_size;
        let weight = weights.tensor(&format!("{name}.weight"), &[width, 3, side, side])?;
        let weight = weight.reshape((width, 3 * side * side))?;
        if !has_bias {
            return without_bias(weight);
        }
        Ok(Linear { weight, bias: weights.tensor(&format!("{name}.bias"), &[width])? })
    }

    /// Prefix tokens and positions. Tokens in `placed` have a position each, before the patches'; registers follow without.
    fn embedding(self, weights: &mut Weights, width: usize, names: &Prefix<'_>, resize: Positions) -> Result<Patches> {
        let (grid, placed) = (self.grid(), names.placed.len());
        let table = if names.has_positions {
            Some(weights.tensor("embeddings.position_embeddings", &[1, placed + grid.len(), width])?.squeeze(0)?)
        } else {
            None
        };
        let mut prefix = Vec::new();
        for (i, (kind, name)) in names.placed.iter().enumerate() {
            let token = weights.tensor(name, &[1, 1, width])?.flatten_all()?;
            let token = if let Some(table) = &table { (token + table.get(i)?)? } else { token };
            prefix.push((kind.clone(), token));
        }
        if let Some((name, count)) = names.registers.filter(|(_, count)| *count > 0) {
            let registers = weights.tensor(name, &[1, count, width])?.squeeze(0)?;
            for i in 0..count {
                prefix.push((TokenKind::Register(i), registers.get(i)?));
            }
        }
        Ok(Patches {
            patch_size: self.patch_size,
            image_size: self.image_size,
            patch: self.patch(weights, names.patch, width, true)?,
            prefix,
            positions: table.map(|table| table.narrow(0, placed, grid.len())?.contiguous()).transpose()?,
            trained_grid: grid,
            resize,
            norm: None,
        })
    }
}

/// Names of a family's prefix tokens.
struct Prefix<'a> {
    placed: &'a [(TokenKind, &'a str)],
    registers: Option<(&'a str, usize)>,
    patch: &'a str,
    /// Whether there is a table of learned positions.
    has_positions: bool,
}

/// Maps to queries, keys and values as one; each has a name and may have a bias.
fn stacked(weights: &mut Weights, heads: Heads, width: usize, names: [(String, bool); 3]) -> Result<Linear> {
    let (queries, keys) = (heads.output_width(), heads.num_kv_heads * heads.head_dim);
    let mut parts = Vec::with_capacity(3);
    for ((name, has_bias), rows) in names.into_iter().zip([queries, keys, keys]) {
        parts.push(weights.linear(&name, rows, width, has_bias)?);
    }
    beside(&parts)
}

/// Maps of the same input as one.
fn beside(parts: &[Linear]) -> Result<Linear> {
    let weight: Vec<&Tensor> = parts.iter().map(|p| &p.weight).collect();
    let bias: Vec<&Tensor> = parts.iter().map(|p| &p.bias).collect();
    Ok(Linear { weight: Tensor::cat(&weight, 0)?, bias: Tensor::cat(&bias, 0)? })
}

/// An RMS norm, `NAME.weight` `[width]`.
fn rms_norm(weights: &mut Weights, name: &str, width: usize, eps: f64) -> Result<Norm> {
    let weight = weights.tensor(&format!("{name}.weight"), &[width])?;
    Ok(Norm { kind: NormKind::RootMeanSquare, bias: weight.zeros_like()?, weight, eps })
}

/// A map without a bias.
fn without_bias(weight: Tensor) -> Result<Linear> {
    let bias = Tensor::zeros(weight.dim(0)?, weight.dtype(), weight.device())?;
    Ok(Linear { weight, bias })
}

/// The table of words. Files that keep one copy of tied tables may keep it by the name of the head, `head`.weight.
fn word_table(config: &Config, weights: &mut Weights, [name, head]: [&str; 2], shape: [usize; 2], tied: bool) -> Result<Tensor> {
    let head = format!("{head}.weight");
    let is_by_head = !weights.has(name) && weights.has(&head) && config.flag("tie_word_embeddings", tied)?;
    weights.tensor(if is_by_head { &head } else { name }, &shape)
}

/// The score of every word: the map of its own that the file holds, or else the table of words where config.json ties the two.
///
/// Where config.json ties them and the file holds two different tables, each serves by its own name, as in transformers 5.
fn decoder(config: &Config, weights: &mut Weights, name: &str, words: &Tensor, tied_by_default: bool) -> Result<Option<Linear>> {
    let (head, is_tied) = (format!("{name}.weight"), config.flag("tie_word_embeddings", tied_by_default)?);
    let full = head.trim_start_matches('/');
    if !weights.has(&head) && !is_tied {
        let what = format!("holds no {full}, and config.json does not tie it to the table of words: no words are scored");
        weights.notice(Notice::new(weights.place(), what).remedy("set tie_word_embeddings to true if the two are one"));
        return Ok(None);
    }
    if !weights.has(&head) || weights.is_read(full) {
        return without_bias(words.clone()).map(Some);
    }
    if !is_tied {
        let (vocab, width) = words.dims2()?;
        return weights.linear(name, vocab, width, false).map(Some);
    }
    let Some(own) = weights.unless_same(&head, words)? else { return without_bias(words.clone()).map(Some) };
    let what = format!("holds {full} beside a different table of words, though config.json ties them: it scores the words");
    weights.notice(Notice::new(weights.place(), what).remedy("set tie_word_embeddings to false to say so"));
    without_bias(own).map(Some)
}

/// Whether the classifier compares one text with others, which are not given here: its one score says nothing alone.
fn scores_choices(config: &Config) -> bool {
    config.is_architecture("MultipleChoice")
}

/// The head of a causal model: a classifier, or the scores of words that `decoder` gives; heads that point into a text are not
/// read.
fn causal_head(
    config: &Config,
    weights: &mut Weights,
    width: usize,
    softcap: Option<f64>,
    decoder: impl FnOnce(&mut Weights) -> Result<Option<Linear>>,
) -> Result<Option<Head>> {
    if let Some(classifier) = score_classifier(config, weights, width)? {
        return Ok(Some(classifier));
    }
    if let Some(linear) = classifier(weights, "/classifier", width)? {
        return Ok(Some(Head::EachToken(linear)));
    }
    if weights.has("/qa_outputs.weight") {
        return Ok(None);
    }
    Ok(decoder(weights)?.map(|decoder| Head::Language(Language { transform: None, decoder, softcap })))
}

/// The classifier that is called `score`: of each token, or without a bias of the last token, which alone has seen all. Classifiers
/// of each token may lack the bias too, and are then known by their class.
fn score_classifier(config: &Config, weights: &mut Weights, width: usize) -> Result<Option<Head>> {
    let Some(classes) = weights.rows_of("/score.weight") else { return Ok(None) };
    if weights.has("/score.bias") {
        return Ok(classifier(weights, "/score", width)?.map(Head::EachToken));
    }
    let linear = without_bias(weights.tensor("/score.weight", &[classes, width])?)?;
    if config.is_architecture("TokenClassification") {
        return Ok(Some(Head::EachToken(linear)));
    }
    Ok(Some(Head::LastToken { linear, padding: config.optional_id("pad_token_id")? }))
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
