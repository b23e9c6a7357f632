//! A tuned lens from texts: its maps by least squares, and how well it reads passages that it was not made of.

use std::path::Path;
use std::sync::Arc;

use super::super::Engine;
use super::super::reading::{Loaded, Taken};
use super::super::tensors::TensorsOut;
use crate::domain::request::{DeviceKind, Input, ModelRef, SizeRule, Tower};
use crate::domain::{Cancel, Control, Error, Result};
use crate::input::Encoded;
use crate::model::lens::{Lens, LensMaps};
use crate::model::lens_fit::LensFit;
use crate::model::{Model, ModelInput};

/// What a lens is made of.
#[derive(Clone, Debug)]
pub struct LensRequest {
    /// Texts that are long enough; passages as long as the model reads are cut from them.
    pub texts: Vec<Input>,
    /// A causal language model.
    pub model: ModelRef,
    /// Where to compute.
    pub device: DeviceKind,
    /// Tokens that are read at most.
    pub tokens: usize,
    /// How much maps are drawn to the logit lens, in mean squares of a feature.
    pub ridge: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct FittedLens {
    /// Tokens that it was made of.
    pub num_tokens: usize,
    /// Tokens that it was tried on.
    pub num_held_out: usize,
    /// `[L + 1]`, mean surprisal of the held-out text in nats a token: of the logit lens, and of this one.
    pub surprisal: Vec<[f64; 2]>,
}

/// One passage of so many is kept for trying the lens.
const HOLD_OUT: usize = 10;
/// Bytes of a text for each token that the model reads; far more than a passage has.
const BYTES_PER_TOKEN: usize = 256;

impl Engine {
    /// Makes a lens, writes it, and tries it.
    ///
    /// # Errors
    /// A refusal of a model that is no causal language model, of too little text, or of a file that cannot be written;
    /// [`Error::Cancelled`].
    pub fn fit_lens(&mut self, request: &LensRequest, out: &Path, control: &Control) -> Result<FittedLens> {
        let loaded = Loaded::open(&request.model, Tower::Text, request.device, &self.hub)?;
        let model = &loaded.model;
        let mut fit = LensFit::new(model)?;
        let passages = passages(&loaded, request, &control.cancel)?;
        // The last passage too, where there are few.
        let is_held_out = |n: usize| n % HOLD_OUT == HOLD_OUT - 1 || (passages.len() < HOLD_OUT && n + 1 == passages.len());
        control.progress.start(passages.len());
        for (_, passage) in passages.iter().enumerate().filter(|(n, _)| !is_held_out(*n)) {
            fit.add(&model.trace(&as_input(passage), &control.cancel, &Default::default())?)?;
            control.progress.step();
        }
        write(model, &fit, request.ridge, out)?;
        let held_out: Vec<&Encoded> = passages.iter().enumerate().filter(|(n, _)| is_held_out(*n)).map(|(_, p)| p).collect();
        let lenses = [Lens::plain(model), Lens::tuned(model, LensMaps::open(out)?)];
        let surprisal = surprisal(model, &held_out, &lenses, control)?;
        let num_held_out = held_out.iter().map(|passage| passage.ids.len()).sum();
        Ok(FittedLens { num_tokens: fit.num_tokens(), num_held_out, surprisal })
    }
}

fn as_input(passage: &Encoded) -> ModelInput<'_> {
    ModelInput::Words { ids: &passage.ids, text: Arc::new(passage.text.clone()) }
}

/// Passages of texts as long as the model reads, of every text as many.
fn passages(loaded: &Loaded, request: &LensRequest, cancel: &Cancel) -> Result<Vec<Encoded>> {
    let share = request.tokens.div_ceil(request.texts.len().max(1));
    let mut passages = Vec::new();
    let most = loaded.model.max_tokens().unwrap_or(1).saturating_mul(BYTES_PER_TOKEN);
    for text in &request.texts {
        let whole = loaded.text(text)?;
        let (mut rest, mut taken) = (whole.as_str(), 0);
        while taken < share && !rest.trim().is_empty() {
            let part = &rest[..rest.floor_char_boundary(most)];
            let read = loaded.read(&Input::Text(part.to_owned()), SizeRule::Checkpoint, cancel)?;
            let Taken::Words(passage) = read else { break };
            rest = passage.text.cut_at.map_or(rest.get(part.len()..), |cut| rest.get(cut..).filter(|_| cut > 0)).unwrap_or("");
            taken += passage.ids.len();
            passages.push(passage);
        }
    }
    let num_tokens: usize = passages.iter().map(|passage| passage.ids.len()).sum();
    if passages.len() < 2 || num_tokens < 2 * loaded.model.width() {
        return Err(Error::refused("the texts", format!("{num_tokens} tokens in {} passages", passages.len()))
            .expected(format!("at least {} tokens, and more than the model reads at once", 2 * loaded.model.width()))
            .remedy("give it a book"));
    }
    Ok(passages)
}

fn write(model: &Model, fit: &LensFit, ridge: f64, out: &Path) -> Result<()> {
    let (maps, width) = (fit.solve(ridge)?, model.width());
    let names = (0..maps.len())
        .flat_map(|layer| [(format!("{layer}.weight"), vec![width, width]), (format!("{layer}.bias"), vec![width])]);
    let about =
        [("model", model.family.clone()), ("made", format!("least squares on {} tokens, ridge {ridge}", fit.num_tokens()))];
    let mut file = TensorsOut::create(out, &names.collect::<Vec<_>>(), &about)?;
    for map in &maps {
        file.put(&map.weight)?;
        file.put(&map.bias)?;
    }
    file.finish()
}

/// `[L + 1]`, of each lens.
fn surprisal(model: &Model, passages: &[&Encoded], lenses: &[Lens<'_>; 2], control: &Control) -> Result<Vec<[f64; 2]>> {
    let mut sums = vec![[0.0; 2]; model.num_layers() + 1];
    let mut count = 0;
    for passage in passages {
        let trace = model.trace(&as_input(passage), &control.cancel, &Default::default())?;
        let positions: Vec<usize> = (0..passage.ids.len().saturating_sub(1)).collect();
        count += positions.len();
        for (layer, sums) in sums.iter_mut().enumerate() {
            for (sum, lens) in sums.iter_mut().zip(lenses) {
                let next =
                    lens.read(&trace, layer, &positions, control, |at, words| words.log_probability(passage.ids[at + 1]))?;
                *sum -= next.iter().sum::<f64>();
            }
        }
        control.progress.step();
    }
    Ok(sums.into_iter().map(|sums| sums.map(|sum| sum / f64::from(count as u32))).collect())
}
