//! Weights in the files of a checkpoint that no part of the model reads: what would change its numbers is refused, what belongs to
//! another task is passed over, and the rest is said.

use std::collections::BTreeMap;

use super::config::Config;
use super::weights::Weights;
use crate::domain::{Error, Notice, Result};

/// Names that a notice or a refusal lists.
const MOST_NAMES: usize = 4;

/// Parts of names of what training or older code needs, and no forward pass (transformers' `_keys_to_ignore_on_load_unexpected`,
/// and what its classes call unexpected in published checkpoints): buffers, masked tokens, poolers of models without a classifier.
const HARMLESS: &[&str] = &[
    "position_ids",
    "token_type_ids",
    "rotary_emb.inv_freq",
    "attn.masked_bias",
    "relative_position_index",
    "num_batches_tracked",
    "mask_token",
    "pooler.",
];

/// What names of heads for other tasks, and of other towers, begin with.
const ELSEWHERE: &[&str] = &[
    "cls.seq_relationship.",
    "qa_outputs.",
    "multiple_choice_head.",
    "decoder.",
    "vision_model.",
    "text_model.",
    "clip.",
    "siglip.",
    "visual_projection.",
    "text_projection.",
    "logit_scale",
    "logit_bias",
    "vision_tower.",
    "model.vision_tower.",
    "multi_modal_projector.",
    "model.multi_modal_projector.",
];

/// Heads that are not read, by a part of the class that has them, and what they say.
const OTHER_HEADS: &[(&str, &str)] = &[
    ("QuestionAnswering", "where in a text an answer stands"),
    ("MultipleChoice", "which of several texts fits"),
    ("DoubleHeads", "which of several texts fits"),
    ("NextSentencePrediction", "whether one text follows another"),
    ("ForPreTraining", "whether one text follows another"),
    ("MaskedImageModeling", "what masked patches show"),
];

/// Looks at what was not read of a checkpoint, once its model is made.
///
/// # Errors
/// A refusal of weights inside the blocks, and of biases of maps, that the model does not have by its config.json.
pub(super) fn check(config: &Config, weights: &mut Weights) -> Result<()> {
    let blocks = blocks(weights);
    let (mut deeper, mut others, mut elsewhere) = (BTreeMap::new(), Vec::new(), Vec::new());
    for name in weights.unread() {
        if is_harmless(weights, &name) {
            continue;
        }
        if let Some(weight) = name.strip_suffix("bias").map(|stem| format!("{stem}weight"))
            && weights.is_read(&weight)
        {
            check_bias(weights, &name)?;
            continue;
        }
        match block_of(&name).and_then(|(prefix, number)| Some((prefix, number, *blocks.get(prefix)?))) {
            Some((prefix, number, last)) if number > last => {
                let (first, most) = deeper.entry(prefix.to_owned()).or_insert((last + 1, number));
                (*first, *most) = (last + 1, number.max(*most));
            }
            Some(_) => return Err(refuse_inside(weights, &name)),
            None if is_elsewhere(weights, &name) || is_choice(config, &name) => elsewhere.push(name),
            None => others.push(name),
        }
    }
    if let Some(said) = other_head(config).filter(|_| !elsewhere.is_empty()) {
        weights.notice(Notice::new(weights.place(), said));
    }
    for (prefix, (first, most)) in deeper {
        let layers = match most + 1 - first {
            1 => format!("a layer ({prefix}{first})"),
            count => format!("{count} layers ({prefix}{first} to {most})"),
        };
        let what = format!("holds {layers} above the {first} of config.json");
        let remedy = "set the number of layers in config.json if they are meant";
        weights.notice(Notice::new(weights.place(), format!("{what}, which the model does not use")).remedy(remedy));
    }
    if !others.is_empty() {
        let count = if let [_] = others[..] { "a weight".to_owned() } else { format!("{} weights", others.len()) };
        let what = format!("holds {count} that the model does not use: {}", listed(&others));
        weights.notice(Notice::new(weights.place(), what));
    }
    Ok(())
}

/// Heads that a class of transformers has, by the end of its name.
const CLASS_HEADS: &[&str] = &[
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForImageClassification",
    "ForMaskedLM",
    "ForCausalLM",
    "LMHeadModel",
];

/// Says so where config.json names a class with a head and the weights hold none: transformers would make one up at random.
pub(super) fn missing_head(config: &Config, weights: &Weights) -> Option<Notice> {
    let classes = config.words("architectures").ok().flatten()?;
    let class = classes.into_iter().find(|class| CLASS_HEADS.iter().any(|end| class.ends_with(end)))?;
    let what = format!("config.json names {class}, and the weights of its head are missing: the model gives no answers");
    Some(Notice::new(weights.place(), what).remedy("take the checkpoint that was saved with its head"))
}

/// For each beginning of a name that a number follows, the largest number that was read.
fn blocks(weights: &Weights) -> BTreeMap<String, usize> {
    let mut blocks = BTreeMap::new();
    for (prefix, number) in weights.read().filter_map(block_of) {
        let most = blocks.entry(prefix.to_owned()).or_insert(number);
        *most = number.max(*most);
    }
    blocks
}

/// `encoder.layer.` and 3 of `encoder.layer.3.output.dense.weight`.
fn block_of(name: &str) -> Option<(&str, usize)> {
    let mut start = 0;
    for part in name.split('.') {
        if let Ok(number) = part.parse() {
            return Some((&name[..start], number));
        }
        start += part.len() + 1;
    }
    None
}

fn is_harmless(weights: &Weights, name: &str) -> bool {
    // Old checkpoints of GPT-2 keep the causal mask by the name of a bias.
    let is_mask = || name.ends_with("attn.bias") && weights.shape(name).is_some_and(|shape| shape.len() > 1);
    let is_empty = || weights.shape(name).is_some_and(|shape| shape.contains(&0));
    HARMLESS.iter().any(|part| name.contains(part)) || is_mask() || is_empty()
}

fn is_elsewhere(weights: &Weights, name: &str) -> bool {
    let is_own = !weights.prefix().is_empty() && name.starts_with(weights.prefix());
    !is_own && ELSEWHERE.iter().any(|part| name.starts_with(part))
}

/// What is left out of a checkpoint that was saved for another task: not of one that merely keeps the head of its pretraining.
fn other_head(config: &Config) -> Option<String> {
    let classes = config.words("architectures").ok().flatten()?;
    classes.into_iter().find_map(|class| {
        let (_, says) = OTHER_HEADS.iter().find(|(part, _)| class.contains(part))?;
        Some(format!("holds the head of {class} that says {says}, which is not read: layers and attention are the model's own"))
    })
}

/// The head of a model that chooses between texts, which has no answer for one text.
fn is_choice(config: &Config, name: &str) -> bool {
    config.is_architecture("MultipleChoice") && ["classifier.", "pre_classifier."].iter().any(|part| name.starts_with(part))
}

/// A bias beside a weight that was read; zeros add nothing.
fn check_bias(weights: &Weights, name: &str) -> Result<()> {
    if weights.values(name)?.iter().all(|&value| value == 0.0) {
        return Ok(());
    }
    Err(Error::refused(weights.place(), format!("holds {name}, a bias that config.json does not declare"))
        .expected("no bias there, or one that is zero")
        .remedy("if the model was trained with it, declare it in config.json (attention_bias, mlp_bias, qkv_bias or the like)"))
}

fn refuse_inside(weights: &Weights, name: &str) -> Error {
    Error::refused(weights.place(), format!("holds {name}, which the blocks of this model_type do not have"))
        .expected("only weights that config.json accounts for: without this one the numbers would be another model's")
        .remedy("merge adapters into the weights, or check model_type in config.json")
}

fn listed(names: &[String]) -> String {
    let rest = if names.len() > MOST_NAMES { ", .." } else { "" };
    format!("{}{rest}", names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_by_the_first_number_in_a_name() {
        assert_eq!(block_of("bert.encoder.layer.11.output.dense.bias"), Some(("bert.encoder.layer.", 11)));
        assert_eq!(block_of("h.0.attn.c_attn.weight"), Some(("h.", 0)));
        assert_eq!(block_of("encoder.layer.3.layer_scale1.lambda1"), Some(("encoder.layer.", 3)));
        assert_eq!(block_of("embeddings.cls_token"), None);
    }
}
