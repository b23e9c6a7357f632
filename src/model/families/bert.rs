//! `bert` (transformers `BertModel`): post-norm blocks over words, with the heads for sequences and for tokens. Checkpoints with
//! a masked-language head are read without it: its scores over a whole vocabulary explain no token.

use super::{Assembly, Block, Config, Embedding, Head, NormPlace, Result, Sizes, Weights, Words, classifier};

const EPS: f64 = 1e-12;

pub(super) fn load(config: &Config, weights: &mut Weights) -> Result<Assembly> {
    let sizes = Sizes::read(config, EPS)?;
    let hidden = config.count("intermediate_size", Some(3072))?;
    config.only("position_embedding_type", "absolute")?;
    if config.flag("is_decoder", false)? {
        return Err(config.refuse("is_decoder", "false: every token sees every other"));
    }
    weights.find_prefix("embeddings.word_embeddings.weight", &["", "bert.", "model."])?;
    let embedding = Embedding::Words(words(config, sizes, weights)?);
    let blocks = (0..sizes.num_layers).map(|i| block(sizes, hidden, weights, &format!("encoder.layer.{i}")));
    let blocks = blocks.collect::<Result<Vec<_>>>()?;
    Ok(Assembly { embedding, blocks, norm: None, head: head(config, weights, sizes.width)? })
}

/// The rows of words, positions and token types. One text is all of the first type.
fn words(config: &Config, sizes: Sizes, weights: &mut Weights) -> Result<Words> {
    let mut table = |name: &str, rows: usize| weights.tensor(&format!("embeddings.{name}.weight"), &[rows, sizes.width]);
    let words = table("word_embeddings", config.count("vocab_size", Some(30_522))?)?;
    let positions = table("position_embeddings", config.count("max_position_embeddings", Some(512))?)?;
    let types = table("token_type_embeddings", config.count("type_vocab_size", Some(2))?)?;
    let positions = positions.broadcast_add(&types.narrow(0, 0, 1)?)?;
    Ok(Words { words, positions, norm: weights.norm("embeddings.LayerNorm", sizes.width, sizes.eps)? })
}

fn block(sizes: Sizes, hidden: usize, weights: &mut Weights, at: &str) -> Result<Block> {
    let width = sizes.width;
    Ok(Block {
        norm_place: NormPlace::After,
        norm1: weights.norm(&format!("{at}.attention.output.LayerNorm"), width, sizes.eps)?,
        qkv: sizes.qkv(weights, &format!("{at}.attention.self"))?,
        heads: sizes.heads(),
        out: weights.linear(&format!("{at}.attention.output.dense"), width, width, true)?,
        norm2: weights.norm(&format!("{at}.output.LayerNorm"), width, sizes.eps)?,
        up: weights.linear(&format!("{at}.intermediate.dense"), hidden, width, true)?,
        activation: sizes.activation,
        gated: false,
        down: weights.linear(&format!("{at}.output.dense"), width, hidden, true)?,
    })
}

/// Classifiers of sequences and of tokens go by one name. A pooler says nothing for sure: old classifiers of tokens have one that
/// they do not use.
fn head(config: &Config, weights: &mut Weights, width: usize) -> Result<Option<Head>> {
    let Some(linear) = classifier(weights, "/classifier", width)? else { return Ok(None) };
    let has_pooler = weights.has("pooler.dense.weight");
    if config.is_architecture("TokenClassification") || !(has_pooler || config.is_architecture("SequenceClassification")) {
        return Ok(Some(Head::EachToken(linear)));
    }
    let pooler = weights.linear("pooler.dense", width, width, true)?;
    Ok(Some(Head::Pooled { pooler, linear }))
}
