//! Texts that models continue. What a model has read and chosen so far is kept, so that one token more is one step, and fewer are
//! there already.

use std::sync::Arc;

use super::Engine;
use super::output::{Continuation, Ending};
use super::reading::{Loaded, Taken};
use crate::domain::generation::Generation;
use crate::domain::request::Request;
use crate::domain::{Cancel, Error, Notices, Result};
use crate::input::{Encoded, Growing};
use crate::method::Control;
use crate::model::{Decoder, ModelInput, Sampler, decode};

/// A text that is being continued.
#[derive(Debug)]
pub(super) struct Continuing {
    loaded: Arc<Loaded>,
    decoder: Decoder,
    sampler: Sampler,
    growing: Growing,
    end_of_text: Vec<u32>,
    /// Why no token follows, once that is so.
    ended: Option<Ending>,
}

impl Continuing {
    fn begin(loaded: Arc<Loaded>, request: &Request, generation: &Generation, cancel: &Cancel) -> Result<Self> {
        generation.check()?;
        let decoder = Decoder::new(loaded.model.clone())?;
        let Taken::Words(encoded) = loaded.read(&request.input, request.size, cancel)? else {
            return Err(Error::Internal("a causal model that looks at pictures".to_owned()));
        };
        let max_tokens = loaded.model.words()?.max_tokens();
        let growing = Growing::new(encoded);
        if growing.text().cut_at.is_some() || growing.ids().len() >= max_tokens {
            return Err(Error::refused(
                "the text",
                format!("leaves no room for a continuation: the model reads {max_tokens} tokens"),
            )
            .expected(format!("at most {} tokens", max_tokens - 1))
            .remedy("shorten the text"));
        }
        let end_of_text = decode::end_of_text(&loaded.model)?;
        Ok(Self { sampler: Sampler::new(generation), loaded, decoder, growing, end_of_text, ended: None })
    }

    /// Chooses tokens until there are so many, or no more follow.
    fn grow(&mut self, count: usize, control: &Control) -> Result<()> {
        let max_tokens = self.loaded.model.words()?.max_tokens();
        control.progress.start(count.saturating_sub(self.growing.num_generated()));
        while self.ended.is_none() && self.growing.num_generated() < count {
            control.cancel.check()?;
            let unread = &self.growing.ids()[self.decoder.num_tokens()..];
            let scores = self.decoder.feed(unread, &control.cancel)?;
            let id = self.sampler.next(&scores)?;
            self.growing.push(id, self.loaded.tokenizer());
            control.progress.step();
            if self.end_of_text.contains(&id) {
                self.ended = Some(Ending::EndOfText);
            } else if self.growing.ids().len() >= max_tokens {
                self.ended = Some(Ending::ModelFull { max_tokens });
            }
        }
        Ok(())
    }

    /// The text with at most so many tokens added, and why there are no more.
    fn at(&self, count: usize) -> (Growing, Ending) {
        let there = self.growing.num_generated();
        let ending = self.ended.filter(|_| count >= there).unwrap_or(Ending::Count);
        (self.growing.with_generated(count, self.loaded.tokenizer()), ending)
    }

    fn num_bytes(&self) -> usize {
        self.decoder.num_bytes() + self.growing.ids().len() * size_of::<crate::domain::text::Piece>()
    }
}

/// A text with what was added to it, as a trace takes it.
pub(super) struct Grown {
    pub(super) loaded: Arc<Loaded>,
    pub(super) encoded: Encoded,
    pub(super) ending: Ending,
}

impl Engine {
    /// The input of a request, continued as it says.
    ///
    /// # Errors
    /// A refusal of a model that cannot continue texts, of an input that is none, or that leaves no room; [`Error::Cancelled`],
    /// after which what was chosen is kept.
    pub(super) fn grown(&mut self, request: &Request, generation: &Generation, control: &Control) -> Result<Grown> {
        let key = format!("{}|{}", self.input_key(request), of_sampling(generation));
        let mut continuing = match self.continuations.take(&key) {
            Some(continuing) => continuing,
            None => {
                let loaded = self.model(request, super::tower_of(request))?;
                loaded.check_tower(request.tower)?;
                control.cancel.check()?;
                Continuing::begin(loaded, request, generation, &control.cancel)?
            }
        };
        let done = continuing.grow(generation.tokens, control);
        let (growing, ending) = continuing.at(generation.tokens);
        let (loaded, bytes) = (continuing.loaded.clone(), continuing.num_bytes());
        // One that failed has read what it could not answer.
        if matches!(done, Ok(()) | Err(Error::Cancelled)) {
            self.continuations.put(key, continuing, bytes);
        }
        done.map(|()| Grown { loaded, encoded: growing.into(), ending })
    }

    /// Answers [`crate::domain::request::Task::Generate`].
    pub(super) fn generate(&mut self, request: &Request, control: &Control) -> Result<Continuation> {
        let generation = request.generation.unwrap_or_default();
        let Grown { loaded, encoded: Encoded { ids, text }, ending } = self.grown(request, &generation, control)?;
        let layout = loaded.model.layout(&ModelInput::Words { ids: &ids, text: Arc::new(text) })?;
        let model = super::facts(&request.model, &loaded.model);
        let of_text = layout.text.iter().flat_map(|text| text.every_notice()).collect();
        let notices = Notices { input: of_text, model: loaded.notices() };
        let scene = Arc::new(super::Scene { photo: None, layout, model, predictions: Vec::new(), notices });
        let request = Request { generation: Some(generation), ..request.clone() };
        Ok(Continuation { request, scene, ids, ending })
    }
}

/// Everything about how tokens are chosen, but for how many.
fn of_sampling(generation: &Generation) -> String {
    let Generation { temperature, top_p, seed, .. } = generation.canonical();
    format!("{temperature}|{top_p}|{seed}")
}
