//! One instrumented transformer for many checkpoints: weights, a forward pass that records everything, and the hand-written
//! backward behind ULTra. A family is one file that maps config.json and weight names to this description.

pub mod backward;
pub mod block;
pub mod config;
pub mod device;
pub mod embed;
pub mod families;
pub mod head;
pub mod trace;
pub mod weights;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

pub use backward::Backward;
use block::{Block, ForwardOptions, Norm};
use config::Config;
use embed::Embedding;
use head::Head;
pub use trace::Trace;
use weights::Weights;

use crate::domain::{Cancel, Error, Progress, Result};

/// A loaded checkpoint.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its folder.
    pub folder: PathBuf,
    /// `model_type` of its config.json.
    pub family: String,
    /// From pixels to layer 0.
    pub embedding: Embedding,
    /// From layer 0 to layer L.
    pub blocks: Vec<Block>,
    /// After layer L.
    pub norm: Norm,
    /// Class scores, where the checkpoint has them.
    pub head: Option<Head>,
    /// `[C]`, empty without a head.
    pub class_names: Vec<String>,
    /// Pixels a side that the checkpoint was trained on.
    pub image_size: usize,
    /// Parameters in all.
    pub num_parameters: usize,
    /// SHA-256 of the weights file, in hexadecimal.
    pub sha256: String,
    dtype: DType,
    device: Device,
}

/// Traces above this many bytes recompute each block's attention instead of keeping it.
pub const TRACE_BUDGET: usize = 1 << 30;
/// Bytes of one block's attention, which must be in memory at once.
const MAX_BLOCK_ATTENTION: usize = 4 << 30;

impl Model {
    /// Loads a Hugging Face folder, or the .safetensors file beside its config.json, in `f32`.
    ///
    /// # Errors
    /// A refusal that names the file, the field or the weight.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let (folder, file) = locate(path)?;
        let config = Config::read(&folder.join("config.json"))?;
        let mut weights = Weights::open(&file, DType::F32, device)?;
        let parts = families::load(&config, &mut weights)?;
        let class_names = config.class_names(parts.head.as_ref().map_or(0, Head::num_classes));
        Ok(Self {
            family: config.model_type()?.to_owned(),
            embedding: parts.embedding,
            blocks: parts.blocks,
            norm: parts.norm,
            head: parts.head,
            class_names,
            image_size: parts.image_size,
            num_parameters: weights.num_parameters(),
            sha256: sha256_of(&file)?,
            dtype: DType::F32,
            device: device.clone(),
            folder,
        })
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
        self.norm.weight.elem_count()
    }

    /// Runs the model and records everything.
    ///
    /// # Shapes
    /// `pixels` is `[3, height, width]`.
    ///
    /// # Errors
    /// A refusal when a side is no multiple of the patch, when the input is too large, or when activations overflow;
    /// [`Error::Cancelled`].
    pub fn trace(&self, pixels: &[f32], (height, width): (usize, usize), cancel: &Cancel, progress: &Progress) -> Result<Trace> {
        let tokens = self.embedding.layout(height, width).len();
        let block_bytes = self.num_heads() * tokens * tokens * self.dtype.size_in_bytes();
        if block_bytes > MAX_BLOCK_ATTENTION {
            let what = format!("the attention of one block would take {:.1} GB", block_bytes as f64 / 1e9);
            return Err(Error::refused(format!("an input of {height} x {width} pixels"), what)
                .expected(format!("at most {:.1} GB", MAX_BLOCK_ATTENTION as f64 / 1e9))
                .remedy("choose a smaller --size"));
        }
        let pixels = Tensor::from_slice(pixels, (3, height, width), &self.device)?.to_dtype(self.dtype)?;
        let options = ForwardOptions { shift: None, drop_attention: block_bytes * self.num_layers() > TRACE_BUDGET };
        progress.start(self.num_layers());
        self.run(&pixels, cancel, |_| {
            progress.step();
            options
        })
    }

    /// Runs the model with a tensor added to the attention of each block: gradients with respect to these are gradients with
    /// respect to the attention, by autograd or by differences. The witness of the hand-written backward.
    ///
    /// # Shapes
    /// `pixels` is `[3, height, width]`, `shifts` `[L]` tensors of `[H, T, T]`.
    ///
    /// # Errors
    /// As [`Self::trace`].
    pub fn trace_with_shifts(&self, pixels: &Tensor, shifts: &[Tensor]) -> Result<Trace> {
        self.run(pixels, &Cancel::default(), |i| ForwardOptions { shift: shifts.get(i), drop_attention: false })
    }

    fn run<'a>(&self, pixels: &Tensor, cancel: &Cancel, options: impl Fn(usize) -> ForwardOptions<'a>) -> Result<Trace> {
        let (_, height, width) = pixels.dims3()?;
        let mut residual = vec![self.embedding.forward(pixels)?];
        let mut blocks = Vec::with_capacity(self.num_layers());
        for (i, block) in self.blocks.iter().enumerate() {
            cancel.check()?;
            let (trace, out) = block.forward(&residual[i], options(i))?;
            blocks.push(trace);
            residual.push(out);
        }
        check_finite(&residual)?;
        let (output, _) = block::composed::norm(&residual[self.num_layers()], &self.norm)?;
        let logits = self.head.as_ref().map(|head| head.logits(&output).and_then(|l| trace::values(&l))).transpose()?;
        Ok(Trace { layout: self.embedding.layout(height, width), residual, blocks, output, logits })
    }

    /// The same model in another type, for witnesses in `f64`.
    ///
    /// # Errors
    /// [`Error::Internal`] when candle cannot convert.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let mut model = self.clone();
        model.blocks = self.blocks.iter().map(|b| b.to_dtype(dtype)).collect::<Result<_>>()?;
        model.norm.weight = self.norm.weight.to_dtype(dtype)?;
        model.norm.bias = self.norm.bias.to_dtype(dtype)?;
        let embedding = &mut model.embedding;
        embedding.patch.weight = embedding.patch.weight.to_dtype(dtype)?;
        embedding.patch.bias = embedding.patch.bias.to_dtype(dtype)?;
        embedding.positions = embedding.positions.to_dtype(dtype)?;
        for (_, token) in &mut embedding.prefix {
            *token = token.to_dtype(dtype)?;
        }
        model.head = None;
        model.dtype = dtype;
        Ok(model)
    }
}

/// Weights that are finite one by one may still make numbers that no float holds: no map of these would mean anything. What
/// overflows once stays so up to the last layer, which alone is looked at when all is well.
fn check_finite(residual: &[Tensor]) -> Result<()> {
    let is_finite = |stream: &Tensor| -> Result<bool> {
        Ok(stream.detach().sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?.is_finite())
    };
    if residual.last().map_or(Ok(true), is_finite)? {
        return Ok(());
    }
    for (layer, stream) in residual.iter().enumerate() {
        if !is_finite(stream)? {
            return Err(Error::refused(format!("the residual stream at layer {layer}"), "overflows")
                .expected("finite numbers from finite weights")
                .remedy("the checkpoint is damaged: download or train it again"));
        }
    }
    Ok(())
}

/// The folder and the weights file that a user's path means.
fn locate(path: &Path) -> Result<(PathBuf, PathBuf)> {
    if path.is_dir() {
        let file = path.join("model.safetensors");
        if !file.exists() {
            return Err(Error::refused(path.display(), "holds no model.safetensors")
                .expected("a Hugging Face model folder with config.json and model.safetensors")
                .remedy("choose such a folder"));
        }
        return Ok((path.to_owned(), file));
    }
    if path.extension().is_some_and(|e| e == "safetensors") && path.exists() {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((parent.to_owned(), path.to_owned()));
    }
    let what = if path.exists() { "is no model folder" } else { "does not exist" };
    Err(Error::refused(path.display(), what)
        .expected("a Hugging Face model folder, or a .safetensors file beside its config.json")
        .remedy("check --model"))
}

fn sha256_of(path: &Path) -> Result<String> {
    let unreadable = |err: std::io::Error| Error::refused(path.display(), format!("cannot be read ({err})"));
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect());
        }
        hash.update(&buffer[..count]);
    }
}
