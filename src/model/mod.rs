//! One instrumented transformer for many checkpoints: weights, a forward pass that records everything, and the hand-written
//! backward behind ULTra. A family is one file that maps config.json and weight names to this description.

pub mod answer;
pub mod backward;
pub mod block;
pub mod checkpoint;
mod checks;
mod classes;
pub mod config;
pub mod decode;
pub mod device;
pub mod embed;
pub mod entry;
pub mod families;
pub mod features;
mod foreign;
pub mod head;
pub mod joint;
pub mod lens;
pub mod lens_fit;
pub mod modes;
pub mod outliers;
pub mod outline;
pub mod projection;
pub mod randomise;
pub mod sampling;
pub mod scoring;
pub mod trace;
mod unread;
pub mod weights;
pub mod witness;
pub mod wording;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

pub use answer::{Answer, attention_gradient, residual_gradient};
pub use backward::Backward;
use block::{Block, ForwardOptions, Norm, NormPlace, Places, Rotary, Sees, Turn};
pub use checkpoint::Checkpoint;
pub(crate) use checks::have_lengths;
use checks::{check_finite, check_memory, check_output, check_scores};
pub use classes::class_named;
pub use decode::Decoder;
use embed::{Embedding, Padding, Patches, Words};
pub use embed::{ModelInput, Seen};
pub use foreign::check_foreign;
use head::Head;
use joint::Joint;
use modes::ModeCache;
pub use outline::{Estimate, Outline, estimate, outline};
pub use sampling::Sampler;
pub use scoring::Scoring;
pub use trace::Trace;
use weights::Weights;

use crate::domain::grid::Grid;
use crate::domain::request::Tower;
use crate::domain::token::TokenLayout;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::{Cancel, Error, Notice, Progress, Result};
pub use crate::store::Digest;
use crate::store::available_memory;

/// A loaded checkpoint.
#[derive(Clone, Debug)]
pub struct Model {
    /// Where it was loaded from.
    pub checkpoint: Checkpoint,
    /// `model_type` of its config.json.
    pub family: String,
    /// From the input to layer 0.
    pub embedding: Embedding,
    /// From layer 0 to layer L.
    pub blocks: Vec<Block>,
    /// After layer L, where the model has one.
    pub norm: Option<Norm>,
    /// Class scores or words, where the checkpoint has them.
    pub head: Option<Head>,
    /// Into the space that images and texts share, where the checkpoint has one.
    pub joint: Option<Joint>,
    /// Which of a checkpoint's towers this is; `None` where there is only one.
    pub tower: Option<Tower>,
    /// `[C]`, empty without a head.
    pub class_names: Vec<String>,
    /// What the scores of classes mean.
    pub scoring: Scoring,
    /// Parameters that were read.
    pub num_parameters: usize,
    /// What the user should know of how the checkpoint was read.
    pub notices: Vec<Notice>,
    /// SHA-256 of the weights files.
    pub sha256: Digest,
    /// Decompositions of the weights that were asked for.
    modes: ModeCache,
    /// What its words spell; `None` where there is no tokenizer beside the weights, or nobody read it.
    pub vocabulary: Option<Arc<dyn Vocabulary>>,
    dtype: DType,
    device: Device,
}

/// Traces above this many bytes recompute each block's attention instead of keeping it.
pub const TRACE_BUDGET: usize = 1 << 30;
/// Bytes of one block's attention, which must be in memory at once.
const MAX_BLOCK_ATTENTION: usize = 4 << 30;

impl Model {
    /// Loads a checkpoint in `f32`: a path to a Hugging Face folder or to the file of weights beside its config.json, or one that
    /// the program brings along.
    ///
    /// # Errors
    /// A refusal that names the file, the field or the weight, or says that the memory does not suffice.
    pub fn load(checkpoint: impl Into<Checkpoint>, device: &Device) -> Result<Self> {
        Self::load_tower(checkpoint, Tower::Image, device)
    }

    /// The same, and of a checkpoint with two towers the one that is named.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_tower(checkpoint: impl Into<Checkpoint>, tower: Tower, device: &Device) -> Result<Self> {
        let checkpoint = checkpoint.into();
        let (config, files) = checkpoint.open()?;
        check_memory(&checkpoint, files.bytes_needed(), available_memory())?;
        let sha256 = files.digest();
        let mut weights = Weights::new(files, DType::F32, device);
        let parts = families::load(&config, &mut weights, tower)?;
        unread::check(&config, &mut weights)?;
        let num_classes = parts.head.as_ref().map_or(0, Head::num_classes);
        let mut notices = weights.notices();
        if parts.head.is_none() {
            notices.extend(unread::missing_head(&config, &weights));
        }
        notices.extend(classes::notices(&config, num_classes));
        notices.extend(checkpoint.folder().iter().flat_map(|folder| foreign::notices(folder)));
        Ok(Self {
            checkpoint,
            family: config.model_type()?.to_owned(),
            embedding: parts.embedding,
            blocks: parts.blocks,
            norm: parts.norm,
            head: parts.head,
            joint: parts.joint,
            tower: families::has_towers(config.model_type()?).then_some(tower),
            class_names: config.class_names(num_classes),
            scoring: Scoring::read(&config, num_classes)?,
            num_parameters: weights.num_parameters(),
            notices,
            sha256,
            modes: ModeCache::default(),
            vocabulary: None,
            dtype: DType::F32,
            device: device.clone(),
        })
    }

    /// Its folder, where it lies on disk.
    pub fn folder(&self) -> Option<&Path> {
        self.checkpoint.folder()
    }

    /// L.
    pub fn num_layers(&self) -> usize {
        self.blocks.len()
    }

    /// H.
    pub fn num_heads(&self) -> usize {
        self.blocks.first().map_or(0, |b| b.heads.num_heads)
    }

    /// D.
    pub fn width(&self) -> usize {
        self.blocks.first().map_or(0, |b| b.norm1.weight.elem_count())
    }

    /// Whether layers come out of a layer norm: the sum of their features is then nearly the same whatever the input (methods.md
    /// 1.2).
    pub fn is_post_norm(&self) -> bool {
        self.blocks.first().is_some_and(|b| b.norm_place == NormPlace::After)
    }

    /// Whether the model reads texts; it looks at images otherwise.
    pub fn takes_text(&self) -> bool {
        matches!(self.embedding, Embedding::Words(_))
    }

    /// Tokens that a text may have at most; none for models of images.
    pub fn max_tokens(&self) -> Option<usize> {
        self.words().ok().map(Words::max_tokens)
    }

    /// The id that fills every text up to that many tokens, where the model was trained so.
    pub fn padding(&self) -> Option<u32> {
        match self.words().ok()?.padding {
            Some(Padding::Fills(id)) => Some(id),
            Some(Padding::Unplaced(_)) | None => None,
        }
    }

    /// Ids that a text may hold are smaller; none for models of images.
    pub fn vocab_size(&self) -> Option<usize> {
        self.words().ok().map(Words::vocab_size)
    }

    /// How images become patches.
    ///
    /// # Errors
    /// A refusal of a model that reads texts.
    pub fn patches(&self) -> Result<&Patches> {
        match &self.embedding {
            Embedding::Patches(patches) => Ok(patches),
            Embedding::Words(_) => Err(self.refuse_input("texts, not images", "a text")),
        }
    }

    /// How texts become words of a vocabulary.
    ///
    /// # Errors
    /// A refusal of a model that looks at images.
    pub fn words(&self) -> Result<&Words> {
        match &self.embedding {
            Embedding::Words(words) => Ok(words),
            Embedding::Patches(_) => Err(self.refuse_input("images, not texts", "an image")),
        }
    }

    fn refuse_input(&self, reads: &str, expected: &str) -> Error {
        Error::refused(&self.checkpoint, format!("this model ({}) reads {reads}", self.family))
            .expected(expected)
            .remedy("give it such an input, or choose another --model")
    }

    /// Runs the model and records everything.
    ///
    /// # Errors
    /// A refusal of an input of the other kind, when a side is no multiple of the patch, when a text is longer than the model's
    /// positions or has ids outside its vocabulary, when the input is too large, or when activations overflow;
    /// [`Error::Cancelled`].
    pub fn trace(&self, input: &ModelInput<'_>, cancel: &Cancel, progress: &Progress) -> Result<Trace> {
        let layout = self.layout(input)?;
        let block_bytes = self.num_heads() * layout.len() * layout.len() * self.dtype.size_in_bytes();
        if block_bytes > MAX_BLOCK_ATTENTION {
            let what = format!("the attention of one block would take {:.1} GB", block_bytes as f64 / 1e9);
            return Err(Error::refused(input.describe(), what)
                .expected(format!("at most {:.1} GB", MAX_BLOCK_ATTENTION as f64 / 1e9))
                .remedy(input.how_to_shrink()));
        }
        let options = ForwardOptions { shift: None, drop_attention: block_bytes * self.num_layers() > TRACE_BUDGET };
        progress.start(self.num_layers());
        self.run(layout, input, cancel, |_| {
            progress.step();
            options
        })
    }

    /// Runs the model with a tensor added to the attention of each block: gradients with respect to these are gradients with
    /// respect to the attention, by autograd or by differences. The witness of the hand-written backward.
    ///
    /// # Shapes
    /// `shifts` are `[L]` tensors of `[H, T, T]`.
    ///
    /// # Errors
    /// As [`Self::trace`].
    pub fn trace_with_shifts(&self, input: &ModelInput<'_>, shifts: &[Tensor]) -> Result<Trace> {
        let options = |i| ForwardOptions { shift: shifts.get(i), drop_attention: false };
        self.run(self.layout(input)?, input, &Cancel::default(), options)
    }

    /// The sequence of an input.
    ///
    /// # Errors
    /// A refusal of an input of the other kind, of a text that is too long, or of ids outside the vocabulary.
    pub fn layout(&self, input: &ModelInput<'_>) -> Result<TokenLayout> {
        let layout = match input {
            ModelInput::Pixels { height, width, .. } => self.patches()?.layout(*height, *width),
            ModelInput::Words { ids, text } => self.words()?.layout(ids, text)?,
        };
        let is_causal = self.blocks.iter().all(|block| block.heads.sees != Sees::All);
        Ok(TokenLayout { is_causal, ..layout })
    }

    /// Layer 0.
    fn embed(&self, input: &ModelInput<'_>) -> Result<Tensor> {
        match input {
            ModelInput::Pixels { values, height, width } => {
                let pixels = Tensor::from_slice(values, (3, *height, *width), &self.device)?;
                self.patches()?.forward(&pixels.to_dtype(self.dtype)?)
            }
            ModelInput::Words { ids, .. } => self.words()?.forward(ids),
        }
    }

    fn run<'a>(
        &self,
        layout: TokenLayout,
        input: &ModelInput<'_>,
        cancel: &Cancel,
        options: impl Fn(usize) -> ForwardOptions<'a>,
    ) -> Result<Trace> {
        let first = self.embed(input)?;
        self.run_blocks(Start { layout, input: input.kept(), first, kept: None }, cancel, options)
    }

    /// Runs the blocks from another layer 0 than a trace's, of all its tokens or of `kept`.
    fn run_from(&self, first: Tensor, like: &Trace, kept: Option<&Tensor>, cancel: &Cancel) -> Result<Trace> {
        let drop_attention = like.blocks.iter().any(|block| block.attention.is_none());
        let start = Start { layout: like.layout.clone(), input: like.input.clone(), first, kept };
        self.run_blocks(start, cancel, |_| ForwardOptions { shift: None, drop_attention })
    }

    fn run_blocks<'a>(&self, start: Start<'_>, cancel: &Cancel, options: impl Fn(usize) -> ForwardOptions<'a>) -> Result<Trace> {
        let Start { layout, input, first, kept } = start;
        let mut residual = vec![first];
        let mut blocks = Vec::with_capacity(self.num_layers());
        let mut turns = Turns::default();
        let turn_of = |rotary: &Rotary| -> Result<Turn> {
            let turn = rotary.turn(&layout, &self.device, self.dtype)?;
            let Some(kept) = kept else { return Ok(turn) };
            Ok(Turn { cos: turn.cos.index_select(kept, 0)?, sin: turn.sin.index_select(kept, 0)? })
        };
        for (i, block) in self.blocks.iter().enumerate() {
            cancel.check()?;
            let turn = block.rotary.as_ref().map(|rotary| turns.of(rotary, || turn_of(rotary)));
            let places = Places { turn: turn.transpose()?, grid: layout.grid };
            let (trace, out) = block.forward(&residual[i], places, options(i))?;
            blocks.push(trace);
            residual.push(out);
        }
        check_finite(&self.checkpoint, &residual)?;
        let last = &residual[self.num_layers()];
        let output = self.norm.as_ref().map_or_else(|| Ok(last.clone()), |n| block::composed::norm(last, n).map(|(y, _)| y))?;
        let classifier = self.head.as_ref().filter(|head| !matches!(head, Head::Language(_)));
        let logits = classifier.map(|head| head.logits(&output, &input.ids_at(kept)?)).transpose()?;
        check_output(&self.checkpoint, &output, logits.as_ref())?;
        let layout = match kept {
            Some(kept) => TokenLayout { grid: Grid { rows: 1, cols: kept.dim(0)? - layout.prefix.len() }, ..layout },
            None => layout,
        };
        Ok(Trace { input, layout, residual, blocks, output, logits })
    }

    /// V of the language head: it scores the words that may stand at each place, or come next. `None` without one.
    pub fn num_scored_words(&self) -> Option<usize> {
        match &self.head {
            Some(Head::Language(language)) => Some(language.decoder.weight.dims()[0]),
            _ => None,
        }
    }

    /// C of the class scores of the whole input; 0 without such a head.
    pub fn num_classes(&self) -> usize {
        match &self.head {
            None | Some(Head::EachToken(_) | Head::Language(_)) => 0,
            Some(head) => head.num_classes(),
        }
    }

    /// Whether the model writes: every token sees only itself and those before it, and a language head scores what comes next.
    pub fn is_causal(&self) -> bool {
        self.num_scored_words().is_some() && self.blocks.iter().all(|block| block.heads.sees != Sees::All)
    }

    /// Scores of every word at some positions, by a language head.
    ///
    /// # Shapes
    /// The result is `[positions, V]`, row-major.
    ///
    /// # Errors
    /// A refusal of a model without a language head, and of scores that overflow.
    pub fn token_logits(&self, trace: &Trace, positions: &[usize]) -> Result<Vec<f32>> {
        let language = self.language()?;
        let rows: Vec<u32> = positions.iter().map(|&p| p as u32).collect();
        let rows = trace.output.index_select(&Tensor::new(rows, trace.output.device())?, 0)?;
        let scores = trace::values(&language.scores(&rows)?)?;
        check_scores(&self.checkpoint, &scores)?;
        Ok(scores)
    }

    /// The same model in another type, for witnesses in `f64`; without its head.
    ///
    /// # Errors
    /// [`Error::Internal`] when candle cannot convert.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self {
            blocks: self.blocks.iter().map(|b| b.to_dtype(dtype)).collect::<Result<_>>()?,
            norm: self.norm.as_ref().map(|n| n.to_dtype(dtype)).transpose()?,
            embedding: self.embedding.to_dtype(dtype)?,
            head: None,
            joint: None,
            dtype,
            ..self.clone()
        })
    }
}

/// What the blocks start from.
struct Start<'a> {
    /// The whole sequence.
    layout: TokenLayout,
    input: Seen,
    /// Layer 0, `[T, D]`, or of the positions `kept`, u32 `[n]`.
    first: Tensor,
    kept: Option<&'a Tensor>,
}

/// Blocks share their rotary positions, so the tables are made once for all of them.
#[derive(Default)]
struct Turns(Vec<(Arc<Rotary>, Turn)>);

impl Turns {
    fn of(&mut self, rotary: &Arc<Rotary>, make: impl FnOnce() -> Result<Turn>) -> Result<Turn> {
        if let Some((_, turn)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, rotary)) {
            return Ok(turn.clone());
        }
        let turn = make()?;
        self.0.push((rotary.clone(), turn.clone()));
        Ok(turn)
    }
}
