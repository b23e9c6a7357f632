//! `gemma2` and `gemma3_text` (transformers `Gemma2Model`, `Gemma3TextModel`): causal blocks with RMS norms before and after both
//! branches, layers that look through a window between layers that see all, and scores that are bent back (2) or queries and
//! keys with norms (3). Norms are stored as their difference from one.

use std::sync::Arc;

use super::llama::{by_layer_types, heads, maps, qk_norms};
use super::rope::{self, Names, PLAIN};
use super::{
    Activation, Assembly, Block, Config, Embedding, Heads, Norm, NormPlace, Result, Sees, Tower, Weights, Words, blocks,
    causal_head, decoder, num_layers, rms_norm, word_table,
};
use crate::model::block::{BranchNorms, Rotary};

/// In what the two differ.
#[derive(Clone, Copy)]
struct Kind {
    vocab: usize,
    max_tokens: usize,
    /// Of so many layers the last one sees all.
    pattern: usize,
    qk_norms: bool,
    /// Whether scores and logits are bent back where no field says so.
    softcaps: Option<(f64, f64)>,
    full: Names,
    sliding: Names,
}

const GEMMA2: Kind = Kind {
    vocab: 256_000,
    max_tokens: 8192,
    pattern: 2,
    qk_norms: false,
    softcaps: Some((50.0, 30.0)),
    full: PLAIN,
    sliding: PLAIN,
};

const GEMMA3: Kind = Kind {
    vocab: 262_208,
    max_tokens: 131_072,
    pattern: 6,
    qk_norms: true,
    softcaps: None,
    full: Names { layer_type: Some("full_attention"), theta: "rope_theta", default_theta: 1e6, scaled: true },
    sliding: Names { layer_type: Some("sliding_attention"), theta: "rope_local_base_freq", default_theta: 1e4, scaled: false },
};

pub(super) fn load_gemma2(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, &GEMMA2)
}

pub(super) fn load_gemma3(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    load(config, weights, &GEMMA3)
}

/// What the blocks share.
struct Shape {
    width: usize,
    hidden: usize,
    heads: Heads,
    eps: f64,
    activation: Activation,
    has_bias: bool,
    qk_norms: bool,
}

fn load(config: &Config, weights: &mut Weights, kind: &Kind) -> Result<Assembly> {
    let width = config.count("hidden_size", Some(2304))?;
    let num_layers = num_layers(config, "num_hidden_layers", 26)?;
    if config.flag("use_bidirectional_attention", false)? {
        return Err(config.refuse("use_bidirectional_attention", "false: tokens see those before them"));
    }
    let cap = |field: &str, default: Option<f64>| match config.optional_number(field)? {
        None if config.is_null(field) => Ok(None),
        found => Result::Ok(found.or(default)),
    };
    let scale = 1.0 / config.number_in("query_pre_attn_scalar", 256.0, 1e-3..=1e6)?.sqrt();
    // Transformers 5 reads this field for Gemma 3 and does not apply it.
    if kind.softcaps.is_none() && config.has("attn_logit_softcapping") {
        return Err(config.refuse("attn_logit_softcapping", "null: only Gemma 2 bends the scores of its attention"));
    }
    let softcap = cap("attn_logit_softcapping", kind.softcaps.map(|(scores, _)| scores))?;
    let shape = Shape {
        width,
        hidden: config.count("intermediate_size", Some(9216))?,
        heads: Heads { scale, softcap, ..heads(config, width, Some(256), 8, 4)? },
        eps: config.epsilon("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_activation", "gelu_pytorch_tanh")?,
        has_bias: config.flag("attention_bias", false)?,
        qk_norms: kind.qk_norms,
    };
    let [full, sliding] = [kind.full, kind.sliding].map(|names| rope::read(config, shape.heads.head_dim, names).map(Arc::new));
    let (full, sliding) = (full?, sliding?);
    let prefixes = ["model.", "", "language_model.model.", "model.language_model."];
    weights.find_prefix_of(&["embed_tokens.weight", "norm.weight"], &prefixes)?;
    let shape_of_words = [config.count("vocab_size", Some(kind.vocab))?, width];
    let words = word_table(config, weights, ["embed_tokens.weight", "/lm_head"], shape_of_words, true)?;
    let softcap = cap("final_logit_softcapping", kind.softcaps.map(|(_, logits)| logits))?;
    let is_bare = ["Gemma2Model", "Gemma3TextModel"].iter().any(|name| config.is_architecture(name));
    let is_bare = is_bare && !weights.has("/lm_head.weight");
    let head = causal_head(config, weights, width, softcap, |weights| {
        if is_bare { Ok(None) } else { decoder(config, weights, "/lm_head", &words, true) }
    })?;
    let max_tokens = config.count("max_position_embeddings", Some(kind.max_tokens))?;
    let words = Words { words, scale: (width as f64).sqrt(), positions: None, norm: None, max_tokens, padding: None };
    let window = Sees::Window(config.count("sliding_window", Some(4096))?);
    let pattern = if kind.qk_norms { config.count("sliding_window_pattern", Some(kind.pattern))? } else { kind.pattern };
    let sees = by_layer_types(config, num_layers, window, |layer| !(layer + 1).is_multiple_of(pattern))?;
    if config.is_null("sliding_window") && sees.contains(&window) {
        return Err(config.refuse("sliding_window", "the tokens that layers of sliding_attention see"));
    }
    let blocks = blocks(num_layers, |i| {
        let rotary = if sees[i] == Sees::Earlier { &full } else { &sliding };
        block(&shape, sees[i], rotary, weights, &format!("layers.{i}"))
    })?;
    let norm = Some(norm(weights, "norm", width, shape.eps)?);
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm, head, joint: None })
}

fn norm(weights: &mut Weights, name: &str, width: usize, eps: f64) -> Result<Norm> {
    let norm = rms_norm(weights, name, width, eps)?;
    Ok(Norm { weight: (norm.weight + 1.0)?, ..norm })
}

fn block(shape: &Shape, sees: Sees, rotary: &Arc<Rotary>, weights: &mut Weights, at: &str) -> Result<Block> {
    let (width, hidden, heads) = (shape.width, shape.hidden, Heads { sees, ..shape.heads });
    let (qkv, up) = maps(weights, at, heads, [width, hidden], [shape.has_bias, false])?;
    let mut norm = |name: &str, width: usize| norm(weights, &format!("{at}.{name}"), width, shape.eps);
    let qk_norms = shape.qk_norms.then(|| qk_norms(heads.head_dim, &mut norm)).transpose()?;
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: norm("input_layernorm", width)?,
        norm2: norm("pre_feedforward_layernorm", width)?,
        branch_norms: Some(BranchNorms {
            attention: norm("post_attention_layernorm", width)?,
            mlp: norm("post_feedforward_layernorm", width)?,
        }),
        qkv,
        heads,
        qk_norms,
        rotary: Some(rotary.clone()),
        relative_bias: None,
        out: weights.linear(&format!("{at}.self_attn.o_proj"), width, heads.output_width(), shape.has_bias)?,
        up,
        activation: shape.activation,
        gated: true,
        down: weights.linear(&format!("{at}.mlp.down_proj"), width, hidden, false)?,
    })
}
