//! `gpt2` (transformers `GPT2Model`): causal pre-norm blocks with learned positions. Its maps lie transposed in checkpoints.

use super::{
    Activation, Assembly, Block, Config, Embedding, Heads, Linear, NormPlace, Result, Tower, Weights, Words, blocks, causal_head,
    decoder, earlier, num_layers, word_table,
};

/// This family has its own names for sizes.
#[derive(Clone, Copy)]
struct Sizes {
    width: usize,
    hidden: usize,
    heads: Heads,
    eps: f64,
    activation: Activation,
    scale_by_layer: bool,
}

impl Sizes {
    fn read(config: &Config) -> Result<Self> {
        let (width, num_heads) = (config.count("n_embd", Some(768))?, config.count("n_head", Some(12))?);
        if !width.is_multiple_of(num_heads) {
            return Err(config.refuse("n_head", &format!("a divisor of n_embd {width}")));
        }
        let head_dim = width / num_heads;
        let scale = if config.flag("scale_attn_weights", true)? { 1.0 / (head_dim as f64).sqrt() } else { 1.0 };
        Ok(Self {
            width,
            hidden: config.count("n_inner", Some(4 * width))?,
            heads: Heads { num_heads, num_kv_heads: num_heads, head_dim, scale, softcap: None, sees: earlier(config)? },
            eps: config.epsilon("layer_norm_epsilon", 1e-5)?,
            activation: config.activation("activation_function", "gelu_new")?,
            scale_by_layer: config.flag("scale_attn_by_inverse_layer_idx", false)?,
        })
    }

    fn heads(&self, layer: usize) -> Heads {
        let divisor = if self.scale_by_layer { (layer + 1) as f64 } else { 1.0 };
        Heads { scale: self.heads.scale / divisor, ..self.heads }
    }
}

pub(super) fn load(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let sizes = Sizes::read(config)?;
    let num_layers = num_layers(config, "n_layer", 12)?;
    weights.find_prefix_of(&["wte.weight", "wpe.weight"], &["", "transformer.", "model."])?;
    let shape = [config.count("vocab_size", Some(50_257))?, sizes.width];
    let words = word_table(config, weights, ["wte.weight", "/lm_head"], shape, true)?;
    let max_tokens = config.count("n_positions", Some(1024))?;
    let positions = Some(weights.tensor("wpe.weight", &[max_tokens, sizes.width])?);
    // The first checkpoint of the family says GPT2LMHeadModel and holds no head: the table of words serves.
    let is_bare = config.is_architecture("GPT2Model") && !weights.has("/lm_head.weight");
    let head = causal_head(config, weights, sizes.width, None, |weights| {
        if is_bare { Ok(None) } else { decoder(config, weights, "/lm_head", &words, true) }
    })?;
    let words = Words { words, scale: 1.0, positions, norm: None, max_tokens, padding: None };
    let blocks = blocks(num_layers, |i| block(&sizes, weights, i))?;
    let norm = Some(weights.norm("ln_f", sizes.width, sizes.eps)?);
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm, head, joint: None })
}

fn block(sizes: &Sizes, weights: &mut Weights, layer: usize) -> Result<Block> {
    let (width, hidden, at) = (sizes.width, sizes.hidden, format!("h.{layer}"));
    let mut map = |name: &str, rows: usize, cols: usize| -> Result<Linear> {
        let weight = weights.tensor(&format!("{at}.{name}.weight"), &[cols, rows])?.t()?.contiguous()?;
        Ok(Linear { weight, bias: weights.tensor(&format!("{at}.{name}.bias"), &[rows])? })
    };
    let (qkv, out) = (map("attn.c_attn", 3 * width, width)?, map("attn.c_proj", width, width)?);
    let (up, down) = (map("mlp.c_fc", hidden, width)?, map("mlp.c_proj", width, hidden)?);
    Ok(Block {
        norm_place: NormPlace::Before,
        norm1: weights.norm(&format!("{at}.ln_1"), width, sizes.eps)?,
        qkv,
        heads: sizes.heads(layer),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out,
        norm2: weights.norm(&format!("{at}.ln_2"), width, sizes.eps)?,
        up,
        activation: sizes.activation,
        gated: false,
        down,
        branch_norms: None,
    })
}
