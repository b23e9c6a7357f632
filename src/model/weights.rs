//! Weights from the files of a checkpoint, as candle's tensors: read one by one and converted on arrival, so that nothing is in
//! memory twice.

use candle_core::{DType, Device, Tensor};

use super::block::{Linear, Norm, NormKind};
use crate::domain::{Error, Notice, Result};
use crate::store::TensorFiles;

/// Tensors of a checkpoint, by name.
#[derive(Debug)]
pub struct Weights {
    files: TensorFiles,
    prefix: String,
    device: Device,
    dtype: DType,
    num_parameters: usize,
    notices: Vec<Notice>,
}

impl Weights {
    /// Of files whose headers were read. Tensors will be of `dtype` on `device`.
    pub fn new(files: TensorFiles, dtype: DType, device: &Device) -> Self {
        Self { files, prefix: String::new(), device: device.clone(), dtype, num_parameters: 0, notices: Vec::new() }
    }

    /// Strips the base prefix: the first of `candidates` under which `signature` exists.
    ///
    /// # Errors
    /// A refusal that lists the names that were looked for.
    pub fn find_prefix(&mut self, signature: &str, candidates: &[&str]) -> Result<()> {
        let found = candidates.iter().find(|p| self.files.shape(&format!("{p}{signature}")).is_some());
        let Some(prefix) = found else {
            let tried: Vec<String> = candidates.iter().map(|p| format!("{p}{signature}")).collect();
            let some: Vec<&str> = self.files.names().take(4).collect();
            return Err(Error::refused(self.files.place(), format!("no weight {}", tried.join(", nor ")))
                .expected(format!("the weights of this model_type, but there are {}, ..", some.join(", ")))
                .remedy("check that config.json and the weights belong together"));
        };
        (*prefix).clone_into(&mut self.prefix);
        Ok(())
    }

    /// Parameters read so far.
    pub fn num_parameters(&self) -> usize {
        self.num_parameters
    }

    /// Records what the user should know of how the weights were read.
    pub fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// What was recorded so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.clone()
    }

    /// Whether a weight exists; `name` as in [`Self::tensor`].
    pub fn has(&self, name: &str) -> bool {
        self.files.shape(&self.full_name(name)).is_some()
    }

    /// First dimension of a weight that exists.
    pub fn rows_of(&self, name: &str) -> Option<usize> {
        self.files.shape(&self.full_name(name)).and_then(|shape| shape.first().copied())
    }

    /// A name that begins with `/` stands at the root, without the base prefix.
    fn full_name(&self, name: &str) -> String {
        name.strip_prefix('/').map_or_else(|| format!("{}{name}", self.prefix), str::to_owned)
    }

    /// Reads a weight of a known shape.
    ///
    /// # Errors
    /// A refusal when it is missing, of another shape or type, or not finite.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let values = self.files.read(&self.full_name(name), shape)?;
        self.num_parameters += values.len();
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }

    /// `NAME.weight` `[out, in]` and `NAME.bias` `[out]`; zeros where no bias is expected.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn linear(&mut self, name: &str, width_out: usize, width_in: usize, has_bias: bool) -> Result<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), &[width_out, width_in])?;
        let bias = if has_bias {
            self.tensor(&format!("{name}.bias"), &[width_out])?
        } else {
            Tensor::zeros(width_out, self.dtype, &self.device)?
        };
        Ok(Linear { weight, bias })
    }

    /// `NAME.weight` and `NAME.bias`, `[width]` each; checkpoints that were converted from TensorFlow call them `gamma` and `beta`.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn norm(&mut self, name: &str, width: usize, eps: f64) -> Result<Norm> {
        let (weight, bias) = if self.has(&format!("{name}.gamma")) { ("gamma", "beta") } else { ("weight", "bias") };
        let weight = self.tensor(&format!("{name}.{weight}"), &[width])?;
        Ok(Norm { kind: NormKind::Layer, weight, bias: self.tensor(&format!("{name}.{bias}"), &[width])?, eps })
    }
}
