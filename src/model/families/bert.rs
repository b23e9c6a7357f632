//! `bert` and `roberta` (transformers `BertModel`, `RobertaModel`): post-norm blocks over words, with the heads for words,
//! sequences and tokens.

use candle_core::Tensor;

use super::{
    Activation, Assembly, Block, Config, Embedding, Head, Language, NormPlace, Padding, Pooling, Result, Sizes, Tower, Transform,
    Weights, Words, blocks, classifier, scores_choices, without_bias, word_table,
};
use crate::domain::Notice;
use crate::model::block::Linear;

const EPS: f64 = 1e-12;

pub(super) fn load_bert(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let sizes = read(config, weights, &["", "bert.", "model."])?;
    let words = words(config, sizes, weights, (30_522, 0), &BERT_WORDS)?;
    let head = match language(config, sizes, weights, &words, &BERT_WORDS)? {
        None => bert_classifier(config, weights, sizes.width)?,
        language => language,
    };
    assemble(config, sizes, weights, words, head)
}

/// Positions count from behind the padding's id.
pub(super) fn load_roberta(config: &Config, weights: &mut Weights, _: Tower) -> Result<Assembly> {
    let sizes = read(config, weights, &["", "roberta.", "model."])?;
    let vocab = if config.model_type()? == "roberta" { 50_265 } else { 30_522 };
    let words = words(config, sizes, weights, (vocab, config.whole("pad_token_id", 1)? + 1), &ROBERTA_WORDS)?;
    let head = match language(config, sizes, weights, &words, &ROBERTA_WORDS)? {
        None => roberta_classifier(config, weights, sizes.width)?,
        language => language,
    };
    assemble(config, sizes, weights, words, head)
}

fn read(config: &Config, weights: &mut Weights, prefixes: &[&str]) -> Result<Sizes> {
    let sizes = Sizes::read(config, EPS)?;
    config.only("position_embedding_type", "absolute")?;
    if config.flag("is_decoder", false)? {
        return Err(config.refuse("is_decoder", "false: every token sees every other"));
    }
    let signatures = ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"];
    weights.find_prefix_of(&signatures, prefixes)?;
    Ok(sizes)
}

fn assemble(config: &Config, sizes: Sizes, weights: &mut Weights, words: Words, head: Option<Head>) -> Result<Assembly> {
    let hidden = config.count("intermediate_size", Some(3072))?;
    let blocks = blocks(sizes.num_layers, |i| block(sizes, hidden, weights, &format!("encoder.layer.{i}")))?;
    Ok(Assembly { embedding: Embedding::Words(words), blocks, norm: None, head, joint: None })
}

/// The rows of words, positions and token types. One text is all of the first type.
fn words(
    config: &Config,
    sizes: Sizes,
    weights: &mut Weights,
    (vocab, first_position): (usize, usize),
    names: &WordNames,
) -> Result<Words> {
    let shape = [config.count("vocab_size", Some(vocab))?, sizes.width];
    let words = word_table(config, weights, ["embeddings.word_embeddings.weight", names.decoder], shape, true)?;
    let mut table = |name: &str, rows: usize| weights.tensor(&format!("embeddings.{name}.weight"), &[rows, sizes.width]);
    let positions = config.count("max_position_embeddings", Some(512))?;
    if positions <= first_position {
        return Err(config.refuse("max_position_embeddings", &format!("more than {first_position}")));
    }
    let max_tokens = positions - first_position;
    let positions = table("position_embeddings", positions)?.narrow(0, first_position, max_tokens)?;
    let types = table("token_type_embeddings", config.count("type_vocab_size", Some(2))?)?;
    let positions = Some(positions.broadcast_add(&types.narrow(0, 0, 1)?)?);
    let norm = Some(weights.norm("embeddings.LayerNorm", sizes.width, sizes.eps)?);
    // Positions that begin later leave rows to the padding.
    let padding = first_position.checked_sub(1).and_then(|id| u32::try_from(id).ok()).map(Padding::Unplaced);
    Ok(Words { words, scale: 1.0, positions, norm, max_tokens, padding })
}

fn block(sizes: Sizes, hidden: usize, weights: &mut Weights, at: &str) -> Result<Block> {
    let width = sizes.width;
    Ok(Block {
        norm_place: NormPlace::After,
        norm1: weights.norm(&format!("{at}.attention.output.LayerNorm"), width, sizes.eps)?,
        qkv: sizes.qkv(weights, &format!("{at}.attention.self"))?,
        heads: sizes.heads(),
        qk_norms: None,
        rotary: None,
        relative_bias: None,
        out: weights.linear(&format!("{at}.attention.output.dense"), width, width, true)?,
        norm2: weights.norm(&format!("{at}.output.LayerNorm"), width, sizes.eps)?,
        up: weights.linear(&format!("{at}.intermediate.dense"), hidden, width, true)?,
        activation: sizes.activation,
        gated: false,
        down: weights.linear(&format!("{at}.output.dense"), width, hidden, true)?,
        branch_norms: None,
    })
}

/// Names of a head that scores words.
struct WordNames {
    dense: &'static str,
    norm: &'static str,
    decoder: &'static str,
    bias: &'static str,
    activation: Option<Activation>,
}

const BERT_WORDS: WordNames = WordNames {
    dense: "/cls.predictions.transform.dense",
    norm: "/cls.predictions.transform.LayerNorm",
    decoder: "/cls.predictions.decoder",
    bias: "/cls.predictions.bias",
    activation: None,
};

const ROBERTA_WORDS: WordNames = WordNames {
    dense: "/lm_head.dense",
    norm: "/lm_head.layer_norm",
    decoder: "/lm_head.decoder",
    bias: "/lm_head.bias",
    activation: Some(Activation::Gelu),
};

/// The head that scores the words that may stand at each place, where the checkpoint has it.
fn language(config: &Config, sizes: Sizes, weights: &mut Weights, words: &Words, names: &WordNames) -> Result<Option<Head>> {
    if !weights.has(&format!("{}.weight", names.dense)) {
        return Ok(None);
    }
    let linear = weights.linear(names.dense, sizes.width, sizes.width, true)?;
    let norm = weights.norm(names.norm, sizes.width, sizes.eps)?;
    let transform = Some(Transform { linear, activation: names.activation.unwrap_or(sizes.activation), norm });
    let Some(Linear { weight, .. }) = super::decoder(config, weights, names.decoder, &words.words, true)? else {
        return Ok(None);
    };
    let decoder = match decoder_bias(weights, names, words.vocab_size())? {
        Some(bias) => Linear { weight, bias },
        None => without_bias(weight)?,
    };
    Ok(Some(Head::Language(Language { transform, decoder, softcap: None })))
}

/// The bias has two names. Where the file has both, that of the decoder counts, as in transformers 5.
fn decoder_bias(weights: &mut Weights, names: &WordNames, vocab: usize) -> Result<Option<Tensor>> {
    let own = format!("{}.bias", names.decoder);
    if !weights.has(&own) {
        return if weights.has(names.bias) { weights.tensor(names.bias, &[vocab]).map(Some) } else { Ok(None) };
    }
    let bias = weights.tensor(&own, &[vocab])?;
    if weights.has(names.bias) && weights.unless_same(names.bias, &bias)?.is_some() {
        let [own, other] = [own.as_str(), names.bias].map(|name| name.trim_start_matches('/'));
        let what = format!("holds {own} beside a different {other}: the first is added to the scores of words");
        weights.notice(Notice::new(weights.place(), what));
    }
    Ok(Some(bias))
}

/// Classifiers of sequences and of tokens go by one name. A pooler says nothing for sure: old classifiers of tokens have one that
/// they do not use.
fn bert_classifier(config: &Config, weights: &mut Weights, width: usize) -> Result<Option<Head>> {
    if scores_choices(config) {
        return Ok(None);
    }
    let Some(linear) = classifier(weights, "/classifier", width)? else { return Ok(None) };
    let has_pooler = weights.has("pooler.dense.weight");
    if config.is_architecture("TokenClassification") || !(has_pooler || config.is_architecture("SequenceClassification")) {
        return Ok(Some(Head::EachToken(linear)));
    }
    let pooler = weights.linear("pooler.dense", width, width, true)?;
    Ok(Some(Head::Pooled { pooler, pooling: Pooling::Tanh, linear }))
}

fn roberta_classifier(config: &Config, weights: &mut Weights, width: usize) -> Result<Option<Head>> {
    if let Some(linear) = classifier(weights, "/classifier.out_proj", width)? {
        let pooler = weights.linear("/classifier.dense", width, width, true)?;
        return Ok(Some(Head::Pooled { pooler, pooling: Pooling::Tanh, linear }));
    }
    bert_classifier(config, weights, width)
}
