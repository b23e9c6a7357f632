//! From what a user named to what a model takes: a checkpoint with whatever reads inputs for it, and an input read by it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::output::Photo;
use super::place;
use crate::builtin;
use crate::domain::request::{DeviceKind, Input, ModelRef, SizeRule, Tower};
use crate::domain::text::Text;
use crate::domain::{Cancel, Error, Notice, Result};
use crate::hub::Cache;
use crate::input::folder::is_picture;
use crate::input::{
    Encoded, Picture, Prepared, Processor, Tokenizer, Transparency, holds_ids, read_input_ids, read_pixel_values, read_text,
};
use crate::model::{Checkpoint, Model, device};

/// Refuses a size where nothing is resized.
fn refuse_size(size: SizeRule, why: &str) -> Result<()> {
    if size == SizeRule::default() {
        return Ok(());
    }
    Err(Error::refused(format!("--size {size}"), why).expected("--size beside a picture").remedy("leave it out"))
}

/// A model and what reads inputs for it.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The model.
    pub(super) model: Arc<Model>,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Pictures(Processor),
    /// Without a tokenizer only ids are taken.
    Words(Option<Arc<Tokenizer>>),
}

/// An input as the model takes it.
#[derive(Debug)]
pub(super) enum Taken {
    /// A picture.
    Pixels(Prepared, Photo),
    /// A text.
    Words(Encoded),
}

/// Whether an input is a text, also where its name does not tell.
pub fn reads_as_text(input: &Input) -> bool {
    input.is_text() || input.path().is_some_and(|path| is_tensors(path) && holds_ids(path))
}

/// The tower that reads an input.
pub(super) fn tower_for(input: &Input) -> Tower {
    if reads_as_text(input) { Tower::Text } else { Tower::Image }
}

fn is_tensors(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "safetensors")
}

impl Loaded {
    /// Loads a checkpoint; of one with two towers the one that is named.
    ///
    /// # Errors
    /// A refusal that names the file, the field or the weight.
    pub(super) fn open(model: &ModelRef, tower: Tower, kind: DeviceKind, cache: &Cache) -> Result<Self> {
        let checkpoint = place::checkpoint(model, cache)?;
        let embedded = match checkpoint {
            Checkpoint::Embedded(model) => Some(model),
            Checkpoint::Path(_) => None,
        };
        let mut model = Model::load_tower(checkpoint, tower, &device::open(kind)?)?;
        let folder = model.folder();
        let reader = match (model.max_tokens(), embedded) {
            (Some(most), Some(brought)) => {
                Reader::Words(Some(Arc::new(Tokenizer::parse(Path::new(brought.name), brought.reader, most)?)))
            }
            (Some(most), None) => Reader::Words(tokenizer(folder, most, model.padding())?.map(Arc::new)),
            (None, Some(brought)) => Reader::Pictures(Processor::parse(Path::new(brought.name), brought.reader)?),
            (None, None) => {
                let image_size = model.patches()?.image_size;
                let read = folder.map_or(Ok(None), Processor::read)?;
                Reader::Pictures(read.unwrap_or_else(|| Processor::default_for(&model.family, image_size)))
            }
        };
        if let Reader::Words(Some(tokenizer)) = &reader {
            model.vocabulary = Some(tokenizer.clone());
        }
        Ok(Self { model: Arc::new(model), reader })
    }

    /// Refuses a tower that was asked for and that the checkpoint lacks.
    ///
    /// # Errors
    /// That refusal.
    pub(super) fn check_tower(&self, asked: Option<Tower>) -> Result<()> {
        let (is, lacks) = if self.model.takes_text() { (Tower::Text, Tower::Image) } else { (Tower::Image, Tower::Text) };
        if asked == Some(is) && self.model.tower.is_none() {
            return Err(Error::refused(format!("--tower {is}"), format!("this model ({}) has one tower", self.model.family))
                .expected("a model with two, as CLIP and SigLIP are")
                .remedy("leave it out"));
        }
        if asked != Some(lacks) {
            return Ok(());
        }
        let what = format!("this model ({}) has no tower for {lacks}s", self.model.family);
        Err(Error::refused(format!("--tower {lacks}"), what)
            .expected(format!("{is}, its only one"))
            .remedy("leave the flag out, or choose a model with two towers, as CLIP and SigLIP are"))
    }

    /// What the user should know of how the checkpoint, its tokenizer or its image processor was read.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let of_reader = match &self.reader {
            Reader::Words(tokenizer) => tokenizer.as_deref().map_or(&[][..], |tokenizer| &tokenizer.notices),
            Reader::Pictures(processor) => &processor.notices,
        };
        [&self.model.notices, of_reader].concat()
    }

    /// What cuts texts into tokens, where the checkpoint has it.
    pub(super) fn tokenizer(&self) -> Option<&Tokenizer> {
        match &self.reader {
            Reader::Words(tokenizer) => tokenizer.as_deref(),
            Reader::Pictures(_) => None,
        }
    }

    /// Reads an input.
    ///
    /// # Errors
    /// An input that cannot be read, or is of the kind that this model does not take; [`Error::Cancelled`].
    pub(super) fn read(&self, input: &Input, size: SizeRule, cancel: &Cancel) -> Result<Taken> {
        let tensors = input.path().filter(|path| is_tensors(path));
        match &self.reader {
            Reader::Words(tokenizer) => match tensors {
                Some(path) => {
                    let ids = read_input_ids(path)?;
                    refuse_size(size, "the input is a text")?;
                    Ok(Taken::Words(Encoded { text: Text::of_ids(&ids), ids }))
                }
                None => {
                    let text = self.text(input)?;
                    refuse_size(size, "the input is a text")?;
                    tokenizer.as_ref().ok_or_else(|| self.no_tokenizer())?.encode_until(&text, cancel).map(Taken::Words)
                }
            },
            Reader::Pictures(processor) => {
                let patch = self.model.patches()?.patch_size;
                let (prepared, picture) = match tensors {
                    Some(path) if holds_ids(path) => return Err(self.other_kind(input)),
                    Some(path) => {
                        refuse_size(size, "the input's numbers are given to the model as they are")?;
                        read_pixel_values(path, patch)?
                    }
                    None => {
                        let picture = self.picture(input, processor.transparency, cancel)?;
                        (processor.prepare(&picture, size, patch)?, picture)
                    }
                };
                let input_size = (prepared.height, prepared.width);
                let photo = Photo { picture: Arc::new(picture), levels: OnceLock::new(), seen: prepared.seen, input_size };
                Ok(Taken::Pixels(prepared, photo))
            }
        }
    }

    fn picture(&self, input: &Input, transparency: Transparency, cancel: &Cancel) -> Result<Picture> {
        match input {
            _ if input.is_text() => Err(self.other_kind(input)),
            Input::Sample(name) => Picture::decode(Path::new(name), builtin::sample(name)?.bytes, transparency),
            Input::File(path) => Picture::open_until(path, transparency, cancel),
            Input::Text(_) => Err(self.other_kind(input)),
        }
    }

    /// The letters of a text.
    ///
    /// # Errors
    /// A file that cannot be read, or a picture.
    pub(super) fn text(&self, input: &Input) -> Result<String> {
        match input {
            Input::Text(text) => Ok(text.clone()),
            Input::Sample(name) => {
                let sample = builtin::sample(name)?;
                if sample.is_text() {
                    Ok(String::from_utf8_lossy(sample.bytes).into_owned())
                } else {
                    Err(self.other_kind(input))
                }
            }
            Input::File(path) if is_picture(path) => Err(self.other_kind(input)),
            Input::File(path) => read_text(path),
        }
    }

    /// A text for a model of pictures, or the other way round.
    fn other_kind(&self, input: &Input) -> Error {
        let (is, takes, built_in) =
            if self.model.takes_text() { ("a picture", "texts", "image") } else { ("a text", "pictures", "text") };
        let refusal = Error::refused(input.name(), format!("is {is}, and the model takes {takes}"))
            .expected(format!("an input of the model's kind, or a model that takes {is}"));
        if self.model.tower.is_some() {
            return refusal.remedy(format!("leave --tower out: the input chooses, and this checkpoint takes {is} too"));
        }
        let refusal = refusal.remedy(format!("choose another model: --model {built_in} is built in"));
        Error::OtherKind { reads_texts: self.model.takes_text(), refusal: Box::new(refusal) }
    }

    fn no_tokenizer(&self) -> Error {
        // Vocabularies of SentencePiece, by their usual names.
        let names = ["spiece.model", "tokenizer.model", "sentencepiece.bpe.model"];
        let is_there = |name: &&&str| self.model.folder().is_some_and(|folder| folder.join(name).is_file());
        let what = match names.iter().find(is_there) {
            Some(name) => format!(
                "has no tokenizer.json, and {name}, a vocabulary of SentencePiece, is not read for the class of tokenizer that it names"
            ),
            None => "has no tokenizer.json".to_owned(),
        };
        Error::refused(&self.model.checkpoint, what)
            .expected(
                "one beside config.json, or BERT's vocab.txt, vocab.json and merges.txt of GPT-2, RoBERTa, CLIP or Qwen, or the \
                 .model file of a tokenizer of XLM-RoBERTa, Llama, Gemma or SigLIP",
            )
            .remedy("add it, or give the model's own numbers: a .safetensors file that holds input_ids")
    }
}

fn tokenizer(folder: Option<&Path>, max_tokens: usize, padding: Option<u32>) -> Result<Option<Tokenizer>> {
    let Some(folder) = folder else { return Ok(None) };
    let tokenizer = Tokenizer::read(folder, max_tokens)?;
    match (tokenizer, padding) {
        (Some(tokenizer), Some(id)) => Ok(Some(tokenizer.padded(id))),
        (tokenizer, _) => Ok(tokenizer),
    }
}
