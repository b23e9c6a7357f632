//! `distilbert` (transformers `DistilBertModel`): post-norm blocks over words, without token types.

use super::{
    Activation, Assembly, Block, Config, Embedding, Head, Heads, Language, MAX_LAYERS, NormPlace, Pooling, Result, Sees, Tower,
    Transform, Weights, Words, blocks, classifier, decoder, scores_choices, stacked, word_table,
};
use crate::model::block::Linear;

const EPS: f64 = 1e-12;

/// This family has its own names for sizes.
#[derive(Clone, Copy)]
struct Sizes {
    width: usize,
    hidden: usize,
    num_heads: usize,
    activation: Activation,
}

pub(super) fn load(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let sizes = Sizes {
        width: config.count("dim", Some(768))?,
        hidden: config.count("hidden_dim", Some(3072))?,
        num_heads: config.count("n_heads", Some(12))?,
        activation: config.activation("activation", "gelu")?,
    };
    let num_layers = config.count("n_layers", Some(6))?;
    if !sizes.width.is_multiple_of(sizes.num_heads) {
        return Err(config.refuse("n_heads", &format!("a divisor of dim {}", sizes.width)));
    }
    if num_layers > MAX_LAYERS {
        return Err(config.refuse("n_layers", &format!("at most {MAX_LAYERS}")));
    }
    let signatures = ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"];
    weights.find_prefix_of(&signatures, &["", "distilbert.", "model."])?;
    let words = words(config, sizes.width, weights)?;
    let head = head(config, sizes, weights, &words)?;
    let blocks = blocks(num_layers, |i| block(sizes, weights, &format!("transformer.layer.{i}")))?;
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm: None, head, joint: None })
}

fn words(config: &Config, width: usize, weights: &mut Weights) -> Result<Words> {
    let max_tokens = config.count("max_position_embeddings", Some(512))?;
    let vocab = config.count("vocab_size", Some(30_522))?;
    let names = ["embeddings.word_embeddings.weight", "/vocab_projector"];
    let words = word_table(config, weights, names, [vocab, width], true)?;
    let positions = Some(weights.tensor("embeddings.position_embeddings.weight", &[max_tokens, width])?);
    let norm = Some(weights.norm("embeddings.LayerNorm", width, EPS)?);
    Ok(Words { words, scale: 1.0, positions, norm, max_tokens, padding: None })
}

fn block(sizes: Sizes, weights: &mut Weights, at: &str) -> Result<Block> {
    let Sizes { width, hidden, num_heads, activation } = sizes;
    let head_dim = width / num_heads;
    let scale = 1.0 / (head_dim as f64).sqrt();
    let heads = Heads { num_heads, num_kv_heads: num_heads, head_dim, scale, softcap: None, sees: Sees::All };
    let part = |name: &str| (format!("{at}.attention.{name}_lin"), true);
    Ok(Block {
        norm_place: NormPlace::After,
        norm1: weights.norm(&format!("{at}.sa_layer_norm"), width, EPS)?,
        qkv: stacked(weights, heads, width, [part("q"), part("k"), part("v")])?,
        heads,
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: weights.linear(&format!("{at}.attention.out_lin"), width, width, true)?,
        norm2: weights.norm(&format!("{at}.output_layer_norm"), width, EPS)?,
        up: weights.linear(&format!("{at}.ffn.lin1"), hidden, width, true)?,
        activation,
        gated: false,
        down: weights.linear(&format!("{at}.ffn.lin2"), width, hidden, true)?,
        branch_norms: None,
    })
}

fn head(config: &Config, sizes: Sizes, weights: &mut Weights, words: &Words) -> Result<Option<Head>> {
    let width = sizes.width;
    if weights.has("/vocab_transform.weight") {
        let linear = weights.linear("/vocab_transform", width, width, true)?;
        let norm = weights.norm("/vocab_layer_norm", width, EPS)?;
        let bias = weights.tensor("/vocab_projector.bias", &[words.vocab_size()])?;
        let Some(Linear { weight, .. }) = decoder(config, weights, "/vocab_projector", &words.words, true)? else {
            return Ok(None);
        };
        let transform = Some(Transform { linear, activation: sizes.activation, norm });
        return Ok(Some(Head::Language(Language { transform, decoder: Linear { weight, bias }, softcap: None })));
    }
    if scores_choices(config) {
        return Ok(None);
    }
    let Some(linear) = classifier(weights, "/classifier", width)? else { return Ok(None) };
    if !weights.has("/pre_classifier.weight") {
        return Ok(Some(Head::EachToken(linear)));
    }
    let pooler = weights.linear("/pre_classifier", width, width, true)?;
    Ok(Some(Head::Pooled { pooler, pooling: Pooling::Relu, linear }))
}
