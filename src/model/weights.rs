//! Weights from the files of a checkpoint, as candle's tensors: read one by one and converted on arrival, so that nothing is in
//! memory twice.

use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};

use super::block::{Linear, Norm, NormKind};
use super::foreign;
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
    /// Full names of what was read.
    read: BTreeSet<String>,
}

impl Weights {
    /// Of files whose headers were read. Tensors will be of `dtype` on `device`.
    pub fn new(files: TensorFiles, dtype: DType, device: &Device) -> Self {
        let (prefix, device) = (String::new(), device.clone());
        Self { files, prefix, device, dtype, num_parameters: 0, notices: Vec::new(), read: BTreeSet::new() }
    }

    /// Strips the base prefix: the first of `candidates` under which `signature` exists.
    ///
    /// # Errors
    /// A refusal that lists the names that were looked for.
    pub fn find_prefix(&mut self, signature: &str, candidates: &[&str]) -> Result<()> {
        self.find_prefix_of(&[signature], candidates)
    }

    /// As [`Self::find_prefix`], by the first of several signatures that is there.
    ///
    /// # Errors
    /// As [`Self::find_prefix`].
    pub fn find_prefix_of(&mut self, signatures: &[&str], candidates: &[&str]) -> Result<()> {
        let has = |prefix: &&&str, signature: &str| self.files.shape(&format!("{prefix}{signature}")).is_some();
        let found = signatures.iter().find_map(|signature| candidates.iter().find(|prefix| has(prefix, signature)));
        let Some(prefix) = found else {
            if let Some(refusal) = foreign::by_names(&self.files) {
                return Err(refusal);
            }
            let signature = signatures[0];
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

    /// The file as a refusal calls it, or the index of several.
    pub fn place(&self) -> &str {
        self.files.place()
    }

    /// The base prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Full names of the weights that were read so far.
    pub fn read(&self) -> impl Iterator<Item = &str> {
        self.read.iter().map(String::as_str)
    }

    /// Whether a weight of this full name was read.
    pub fn is_read(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// Full names of the weights that were not read so far.
    pub fn unread(&self) -> Vec<String> {
        self.files.names().filter(|name| !self.is_read(name)).map(str::to_owned).collect()
    }

    /// The shape of a weight, by its full name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.files.shape(name)
    }

    /// The numbers of a weight that is no part of the model, by its full name.
    ///
    /// # Errors
    /// A refusal when it is missing, of another type, or not finite.
    pub fn values(&self, name: &str) -> Result<Vec<f32>> {
        self.files.read(name, self.files.shape(name).unwrap_or_default())
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
        let name = self.full_name(name);
        let values = self.files.read(&name, shape)?;
        self.read.insert(name);
        self.num_parameters += values.len();
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }

    /// Reads a weight that may be a copy of another: `None` where it is.
    ///
    /// # Errors
    /// As [`Self::tensor`], the shape being that of the other.
    pub fn unless_same(&mut self, name: &str, other: &Tensor) -> Result<Option<Tensor>> {
        let before = self.num_parameters;
        let own = self.tensor(name, other.dims())?;
        let is_same = own.ne(other)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()? == 0.0;
        if is_same {
            self.num_parameters = before;
        }
        Ok((!is_same).then_some(own))
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
