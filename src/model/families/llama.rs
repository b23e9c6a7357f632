//! `llama`, `qwen2` and `qwen3` (transformers `LlamaModel`, `Qwen2Model`, `Qwen3Model`): causal pre-norm blocks with RMS norms,
//! rotary positions, grouped heads and a gated MLP.

use std::sync::Arc;

use super::rope::{self, PLAIN};
use super::{
    Activation, Assembly, Block, Config, Embedding, Heads, Linear, Norm, NormPlace, Result, Sees, Tower, Weights, Words, beside,
    blocks, causal_head, decoder, earlier, num_layers, rms_norm, stacked, word_table,
};
use crate::model::block::{QkNorms, Rotary};

/// In what the families differ.
#[derive(Clone, Copy)]
struct Kind {
    width: usize,
    hidden: usize,
    vocab: usize,
    max_tokens: usize,
    /// Where no field says it; the width over the number of heads otherwise.
    head_dim: Option<usize>,
    /// Queries, keys and values always have a bias (Qwen 2), or as `attention_bias` says.
    qkv_bias: bool,
    qk_norms: bool,
    /// Whether layers may look through a window.
    may_slide: bool,
}

const LLAMA: Kind = Kind {
    width: 4096,
    hidden: 11_008,
    vocab: 32_000,
    max_tokens: 2048,
    head_dim: None,
    qkv_bias: false,
    qk_norms: false,
    may_slide: false,
};
const QWEN2: Kind = Kind { hidden: 22_016, vocab: 151_936, max_tokens: 32_768, qkv_bias: true, may_slide: true, ..LLAMA };
const QWEN3: Kind = Kind { head_dim: Some(128), qkv_bias: false, qk_norms: true, ..QWEN2 };

pub(super) fn load_llama(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, LLAMA)
}

pub(super) fn load_qwen2(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, QWEN2)
}

pub(super) fn load_qwen3(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, QWEN3)
}

/// What the blocks share.
struct Shape {
    width: usize,
    hidden: usize,
    heads: Heads,
    eps: f64,
    activation: Activation,
    qkv_bias: bool,
    out_bias: bool,
    mlp_bias: bool,
    qk_norms: bool,
    rotary: Arc<Rotary>,
}

fn load(config: &Config, weights: &mut Weights, kind: Kind) -> Result<Assembly> {
    let width = config.count("hidden_size", Some(kind.width))?;
    let num_layers = num_layers(config, "num_hidden_layers", 32)?;
    let heads = heads(config, width, kind.head_dim, 32, 32)?;
    let attention_bias = config.flag("attention_bias", false)?;
    let shape = Shape {
        width,
        hidden: config.count("intermediate_size", Some(kind.hidden))?,
        heads,
        eps: config.epsilon("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_act", "silu")?,
        qkv_bias: kind.qkv_bias || attention_bias,
        out_bias: attention_bias && !kind.qkv_bias,
        mlp_bias: config.flag("mlp_bias", false)?,
        qk_norms: kind.qk_norms,
        rotary: Arc::new(rope::read(config, heads.head_dim, PLAIN)?),
    };
    weights.find_prefix_of(&["embed_tokens.weight", "norm.weight"], &["model.", "", "transformer."])?;
    let shape_of_words = [config.count("vocab_size", Some(kind.vocab))?, width];
    let words = word_table(config, weights, ["embed_tokens.weight", "/lm_head"], shape_of_words, false)?;
    let is_bare = BARE.iter().any(|name| config.is_architecture(name)) && !weights.has("/lm_head.weight");
    let head = causal_head(config, weights, width, None, |weights| {
        if is_bare { Ok(None) } else { decoder(config, weights, "/lm_head", &words, false) }
    })?;
    let max_tokens = config.count("max_position_embeddings", Some(kind.max_tokens))?;
    let words = Words { words, scale: 1.0, positions: None, norm: None, max_tokens, padding: None };
    let windows = windows(config, num_layers, kind)?;
    let blocks = blocks(num_layers, |i| block(&shape, windows[i], weights, &format!("layers.{i}")))?;
    let norm = Some(rms_norm(weights, "norm", width, shape.eps)?);
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm, head, joint: None })
}

/// Classes without any head: their table of words is tied to nothing.
const BARE: [&str; 3] = ["LlamaModel", "Qwen2Model", "Qwen3Model"];

/// Grouped heads: queries share keys and values.
pub(super) fn heads(
    config: &Config,
    width: usize,
    head_dim: Option<usize>,
    num_heads: usize,
    num_kv_heads: usize,
) -> Result<Heads> {
    let default_kv = if config.has("num_attention_heads") { None } else { Some(num_kv_heads) };
    let num_heads = config.count("num_attention_heads", Some(num_heads))?;
    let num_kv_heads = config.count("num_key_value_heads", Some(default_kv.unwrap_or(num_heads)))?;
    if !num_heads.is_multiple_of(num_kv_heads) {
        return Err(config.refuse("num_key_value_heads", &format!("a divisor of num_attention_heads {num_heads}")));
    }
    let head_dim = config.count("head_dim", Some(head_dim.unwrap_or((width / num_heads).max(1))))?;
    let scale = 1.0 / (head_dim as f64).sqrt();
    Ok(Heads { num_heads, num_kv_heads, head_dim, scale, softcap: None, sees: earlier(config)? })
}

/// Which tokens each layer sees: only some layers of some Qwen models look through a window. Llama has none, whatever its fields.
fn windows(config: &Config, num_layers: usize, kind: Kind) -> Result<Vec<Sees>> {
    if !kind.may_slide {
        return Ok(vec![Sees::Earlier; num_layers]);
    }
    if !config.flag("use_sliding_window", false)? || config.is_null("sliding_window") {
        return match config.words("layer_types")? {
            Some(types) if types.iter().any(|kind| *kind != "full_attention") => {
                Err(config
                    .refuse("layer_types", "full_attention alone where use_sliding_window and sliding_window name no window"))
            }
            _ => Ok(vec![Sees::Earlier; num_layers]),
        };
    }
    let window = Sees::Window(config.count("sliding_window", Some(4096))?);
    let full = config.whole("max_window_layers", 28)?;
    by_layer_types(config, num_layers, window, |layer| layer >= full)
}

/// As `layer_types` says, or where there is no such field as `slides` does.
pub(super) fn by_layer_types(
    config: &Config,
    num_layers: usize,
    window: Sees,
    slides: impl Fn(usize) -> bool,
) -> Result<Vec<Sees>> {
    let Some(types) = config.words("layer_types")? else {
        return Ok((0..num_layers).map(|layer| if slides(layer) { window } else { Sees::Earlier }).collect());
    };
    if types.len() != num_layers {
        return Err(config.refuse("layer_types", &format!("a list of {num_layers} layers")));
    }
    let sees = |kind: &&str| match *kind {
        "sliding_attention" => Ok(window),
        "full_attention" => Ok(Sees::Earlier),
        _ => Err(config.refuse("layer_types", "sliding_attention and full_attention")),
    };
    types.iter().map(sees).collect()
}

/// Queries, keys and values as one map, and the gate above what it multiplies as another.
pub(super) fn maps(
    weights: &mut Weights,
    at: &str,
    heads: Heads,
    [width, hidden]: [usize; 2],
    [qkv_bias, mlp_bias]: [bool; 2],
) -> Result<(Linear, Linear)> {
    let part = |name: &str| (format!("{at}.self_attn.{name}_proj"), qkv_bias);
    let qkv = stacked(weights, heads, width, [part("q"), part("k"), part("v")])?;
    let gate = weights.linear(&format!("{at}.mlp.gate_proj"), hidden, width, mlp_bias)?;
    let up = weights.linear(&format!("{at}.mlp.up_proj"), hidden, width, mlp_bias)?;
    Ok((qkv, beside(&[gate, up])?))
}

/// Norms of queries and keys, as `norm` reads them by name and width.
pub(super) fn qk_norms(head_dim: usize, mut norm: impl FnMut(&str, usize) -> Result<Norm>) -> Result<QkNorms> {
    Ok(QkNorms { query: norm("self_attn.q_norm", head_dim)?, key: norm("self_attn.k_norm", head_dim)? })
}

fn block(shape: &Shape, sees: Sees, weights: &mut Weights, at: &str) -> Result<Block> {
    let (width, hidden, heads) = (shape.width, shape.hidden, Heads { sees, ..shape.heads });
    let (qkv, up) = maps(weights, at, heads, [width, hidden], [shape.qkv_bias, shape.mlp_bias])?;
    let mut norm = |name: &str, width: usize| rms_norm(weights, &format!("{at}.{name}"), width, shape.eps);
    let (norm1, norm2) = (norm("input_layernorm", width)?, norm("post_attention_layernorm", width)?);
    let qk_norms = shape.qk_norms.then(|| qk_norms(heads.head_dim, &mut norm)).transpose()?;
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1,
        qkv,
        heads,
        qk_norms,
        rotary: Some(shape.rotary.clone()),
        relative_bias: None,
        out: weights.linear(&format!("{at}.self_attn.o_proj"), width, heads.output_width(), shape.out_bias)?,
        norm2,
        up,
        activation: shape.activation,
        gated: true,
        down: weights.linear(&format!("{at}.mlp.down_proj"), width, hidden, shape.mlp_bias)?,
        branch_norms: None,
    })
}
