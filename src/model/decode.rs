//! Reading a text token by token, by a causal language model: what earlier tokens leave to later ones is kept, so that another
//! token costs one row instead of the whole text.

use std::sync::Arc;

use super::block::{KeysValues, composed};
use super::config::Config;
use super::head::{Head, Language};
use super::trace::values;
use super::{Checkpoint, Model, Turns};
use crate::domain::{Cancel, Error, Result};

/// Tokens that go through the blocks at once: their attention is `[H, these, T]`.
const CHUNK: usize = 256;

/// A causal model and what it has read.
#[derive(Clone, Debug)]
pub struct Decoder {
    model: Arc<Model>,
    /// `[L]`, empty before the first token.
    seen: Vec<KeysValues>,
    num_tokens: usize,
}

impl Decoder {
    /// A decoder that has read nothing.
    ///
    /// # Errors
    /// A refusal of a model that does not say what comes next.
    pub fn new(model: Arc<Model>) -> Result<Self> {
        if !model.is_causal() {
            let what = format!("this model ({}) is no causal language model: it cannot continue a text", model.family);
            return Err(Error::refused(&model.checkpoint, what)
                .expected("one that says which word comes next, as gpt2, llama, qwen2, qwen3, gemma2 and gemma3_text do")
                .remedy("choose another --model"));
        }
        Ok(Self { model, seen: Vec::new(), num_tokens: 0 })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Tokens that were read.
    pub fn num_tokens(&self) -> usize {
        self.num_tokens
    }

    /// Bytes that are kept of them.
    pub fn num_bytes(&self) -> usize {
        self.seen.iter().map(KeysValues::num_bytes).sum()
    }

    /// Reads the tokens that follow, and scores every word that may come next, as [`Model::token_logits`] of the whole text at its
    /// last token does.
    ///
    /// # Shapes
    /// The result is `[V]`.
    ///
    /// # Errors
    /// A refusal when there is no token, more than the model can read, one outside its vocabulary, or when activations
    /// overflow; [`Error::Cancelled`], after which [`Self::num_tokens`] says how far it came.
    pub fn feed(&mut self, ids: &[u32], cancel: &Cancel) -> Result<Vec<f32>> {
        self.check(ids)?;
        let mut last = None;
        for chunk in ids.chunks(CHUNK) {
            last = Some(self.read(chunk, cancel)?);
        }
        let (Some(stream), Some(Head::Language(language))) = (last, &self.model.head) else {
            return Err(Error::Internal("a decoder without a token or a head".to_owned()));
        };
        self.scores(&stream, language)
    }

    fn check(&self, ids: &[u32]) -> Result<()> {
        let (words, total) = (self.model.words()?, self.num_tokens + ids.len());
        if ids.is_empty() || total > words.max_tokens() {
            return Err(Error::refused("the text", format!("{total} tokens"))
                .expected(format!("1 to {} tokens, which the model can read", words.max_tokens()))
                .remedy("shorten the text, or generate fewer tokens"));
        }
        match ids.iter().find(|&&id| id as usize >= words.vocab_size()) {
            Some(id) => Err(Error::refused("the text", format!("a token has the id {id}"))
                .expected(format!("ids 0 to {}, the vocabulary of the model", words.vocab_size() - 1))
                .remedy("check that the tokenizer and the weights belong together")),
            None => Ok(()),
        }
    }

    /// Takes some tokens through every block: the stream at layer L, `[ids, D]`. Nothing is changed unless all blocks are done.
    fn read(&mut self, ids: &[u32], cancel: &Cancel) -> Result<candle_core::Tensor> {
        let (model, first) = (&self.model, self.num_tokens);
        let mut stream = model.words()?.forward_from(ids, first)?;
        let (mut seen, mut turns) = (Vec::with_capacity(model.num_layers()), Turns::default());
        for (i, block) in model.blocks.iter().enumerate() {
            cancel.check()?;
            let positions = first..first + ids.len();
            let make = |rotary: &super::Rotary| rotary.turn_positions(positions.clone(), &model.device, model.dtype);
            let turn = block.rotary.as_ref().map(|rotary| turns.of(rotary, || make(rotary))).transpose()?;
            let (kept, out) = block.extend(&stream, turn.as_ref(), self.seen.get(i))?;
            seen.push(kept);
            stream = out;
        }
        (self.seen, self.num_tokens) = (seen, first + ids.len());
        Ok(stream)
    }

    fn scores(&self, stream: &candle_core::Tensor, language: &Language) -> Result<Vec<f32>> {
        let last = stream.narrow(0, stream.dim(0)? - 1, 1)?;
        let output = self.model.norm.as_ref().map_or_else(|| Ok(last.clone()), |n| composed::norm(&last, n).map(|(y, _)| y))?;
        let scores = values(&language.scores(&output)?)?;
        if scores.iter().all(|score| score.is_finite()) {
            return Ok(scores);
        }
        Err(Error::refused("the scores of the next token", "overflow")
            .expected("finite numbers from finite weights")
            .remedy("the checkpoint is damaged: download or train it again"))
    }
}

/// Ids after which a text is at its end: those of generation_config.json, else of config.json; none where neither names any.
///
/// # Errors
/// A refusal of a file that cannot be read, or names no numbers.
pub fn end_of_text(model: &Model) -> Result<Vec<u32>> {
    let of = |config: &Config| config.ids("eos_token_id");
    if let Checkpoint::Embedded(embedded) = &model.checkpoint {
        let config = Config::parse(format!("config.json of {}", model.checkpoint), embedded.config.as_bytes())?;
        return Ok(of(&config)?.unwrap_or_default());
    }
    let Some(folder) = model.folder() else { return Ok(Vec::new()) };
    for name in ["generation_config.json", "config.json"] {
        let file = folder.join(name);
        if file.is_file()
            && let Some(ids) = of(&Config::read(&file)?)?
        {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}
