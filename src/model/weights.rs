//! Weights from a .safetensors file: the header is checked first, then tensors are read one by one and converted on arrival,
//! so that the file is never in memory twice and a broken one is refused before anything large is allocated.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use serde::Deserialize;

use super::block::{Linear, Norm};
use super::checkpoint::WeightBytes;
use crate::domain::{Error, Result};

/// Where a tensor lies in the file.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Tensors of a checkpoint, by name.
#[derive(Debug)]
pub struct Weights {
    bytes: Arc<WeightBytes>,
    data_start: u64,
    entries: BTreeMap<String, Entry>,
    prefix: String,
    device: Device,
    dtype: DType,
    num_parameters: usize,
}

/// The limit of the safetensors format's own reader.
const MAX_HEADER: u64 = 100_000_000;

impl Weights {
    /// Checks the header of a file against its length. Tensors will be of `dtype` on `device`.
    ///
    /// # Errors
    /// A refusal that says what is wrong with the file.
    pub fn open(bytes: Arc<WeightBytes>, dtype: DType, device: &Device) -> Result<Self> {
        let broken = |what: String| {
            Error::refused(bytes.place(), what).expected("a whole .safetensors file").remedy("download the file again")
        };
        let unreadable = |err: std::io::Error| broken(format!("cannot be read ({err})"));
        let length = bytes.len();
        let first = bytes.read(0, 8).ok().and_then(|first| first.first_chunk().copied());
        let header_length = u64::from_le_bytes(first.ok_or_else(|| broken(format!("only {length} bytes long")))?);
        if header_length > MAX_HEADER || header_length > length.saturating_sub(8) {
            return Err(broken(format!("the header claims {header_length} bytes in a file of {length}")));
        }
        let header = bytes.read(8, header_length as usize).map_err(unreadable)?;
        let entries = parse_header(&header).map_err(broken)?;
        let data_start = 8 + header_length;
        check_layout(&entries, length - data_start).map_err(broken)?;
        Ok(Self { bytes, data_start, entries, prefix: String::new(), device: device.clone(), dtype, num_parameters: 0 })
    }

    /// Strips the base prefix: the first of `candidates` under which `signature` exists.
    ///
    /// # Errors
    /// A refusal that names the weight that was looked for.
    pub fn find_prefix(&mut self, signature: &str, candidates: &[&str]) -> Result<()> {
        let found = candidates.iter().find(|p| self.entries.contains_key(&format!("{p}{signature}")));
        let Some(prefix) = found else {
            let some: Vec<&str> = self.entries.keys().map(String::as_str).take(4).collect();
            return Err(Error::refused(self.bytes.place(), format!("no weight {signature}, with or without a prefix"))
                .expected(format!("the weights of this model_type, but the file has {}, ..", some.join(", ")))
                .remedy("check that config.json and the weights belong together"));
        };
        (*prefix).clone_into(&mut self.prefix);
        Ok(())
    }

    /// Parameters read so far.
    pub fn num_parameters(&self) -> usize {
        self.num_parameters
    }

    /// Whether a weight exists; `name` as in [`Self::tensor`].
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&self.full_name(name))
    }

    /// First dimension of a weight that exists.
    pub fn rows_of(&self, name: &str) -> Option<usize> {
        self.entries.get(&self.full_name(name)).and_then(|e| e.shape.first().copied())
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
        let refuse = |what: String| Error::refused(self.bytes.place(), what);
        let Some(entry) = self.entries.get(&name) else {
            return Err(refuse(format!("the weight {name} is missing"))
                .expected(format!("shape {shape:?}"))
                .remedy("check that config.json and the weights belong together"));
        };
        if entry.shape != shape {
            return Err(refuse(format!("the weight {name} has shape {:?}", entry.shape))
                .expected(format!("{shape:?} after config.json"))
                .remedy("check that config.json and the weights belong together"));
        }
        let [from, to] = entry.data_offsets;
        let bytes = self.bytes.read(self.data_start + from, (to - from) as usize);
        let bytes = bytes.map_err(|err| refuse(format!("the weight {name} cannot be read ({err})")))?;
        let values = to_f32(&entry.dtype, &bytes)
            .ok_or_else(|| refuse(format!("the weight {name} is of type {}", entry.dtype)).expected("F32, F16, BF16 or F64"))?;
        if let Some(bad) = first_not_finite(&values) {
            return Err(refuse(format!("the weight {name} holds {bad}"))
                .expected("finite numbers")
                .remedy("the checkpoint is damaged: download or train it again"));
        }
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
        Ok(Norm { weight, bias: self.tensor(&format!("{name}.{bias}"), &[width])?, eps })
    }
}

fn parse_header(header: &[u8]) -> std::result::Result<BTreeMap<String, Entry>, String> {
    let values: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|err| format!("the header is no JSON ({err})"))?;
    let tensors = values.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors
        .map(|(name, value)| {
            let entry = serde_json::from_value(value).map_err(|err| format!("the header's entry {name} is wrong ({err})"))?;
            Ok((name, entry))
        })
        .collect()
}

/// Offsets must ascend without overlap, fit the shapes, and end inside the file.
fn check_layout(entries: &BTreeMap<String, Entry>, data_length: u64) -> std::result::Result<(), String> {
    let mut spans = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let [from, to] = entry.data_offsets;
        let bytes = entry.shape.iter().try_fold(size_of_dtype(&entry.dtype).unwrap_or(0), |n: u64, &d| n.checked_mul(d as u64));
        if from > to || to > data_length {
            return Err(format!("the weight {name} lies at {from}..{to}, but the file holds {data_length} bytes of data"));
        }
        if size_of_dtype(&entry.dtype).is_some() && bytes != Some(to - from) {
            return Err(format!("the weight {name} of shape {:?} has {} bytes", entry.shape, to - from));
        }
        spans.push((from, to, name));
    }
    spans.sort_unstable();
    match spans.windows(2).find(|w| w[0].1 > w[1].0) {
        Some(w) => Err(format!("the weights {} and {} overlap", w[0].2, w[1].2)),
        None => Ok(()),
    }
}

fn size_of_dtype(dtype: &str) -> Option<u64> {
    match dtype {
        "F64" => Some(8),
        "F32" => Some(4),
        "F16" | "BF16" => Some(2),
        _ => None,
    }
}

fn to_f32(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        "F32" => Some(converted(bytes, f32::from_le_bytes)),
        "F64" => Some(converted(bytes, |b| f64::from_le_bytes(b) as f32)),
        "BF16" => Some(converted(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))),
        "F16" => Some(converted(bytes, |b| f32_from_f16(u16::from_le_bytes(b)))),
        _ => None,
    }
}

/// Values that one thread converts at a time.
const VALUES_PER_TASK: usize = 1 << 16;

fn converted<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
    let (from, _) = bytes.as_chunks::<N>();
    let mut values = vec![0.0; from.len()];
    let tasks = values.par_chunks_mut(VALUES_PER_TASK).zip(from.par_chunks(VALUES_PER_TASK));
    tasks.for_each(|(values, from)| values.iter_mut().zip(from).for_each(|(value, &bytes)| *value = convert(bytes)));
    values
}

/// IEEE half precision: sign, 5 bits of exponent, 10 of fraction. Shifted to where `f32` has them, the exponent is 112 too small,
/// which a product puts right, for subnormal numbers too. Without a branch, so that the loop around it is vectorised: start-up
/// waits for it.
fn f32_from_f16(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * f32::from_bits((112 + 127) << 23)).to_bits();
    let special = magnitude | (255 << 23);
    let size = if magnitude >= 31 << 23 { special } else { finite };
    f32::from_bits(size | u32::from(bits & 0x8000) << 16)
}

/// The first value that is no finite number; blocks are looked at as a whole first, which is quick.
fn first_not_finite(values: &[f32]) -> Option<f32> {
    let is_finite = |block: &[f32]| block.iter().fold(true, |all, v| all & v.is_finite());
    let block = values.par_chunks(VALUES_PER_TASK).find_first(|block| !is_finite(block))?;
    block.iter().copied().find(|v| !v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read() {
        for bits in 0..0x7c00_u16 {
            let (exponent, fraction) = (i32::from(bits >> 10), f32::from(bits & 1023) / 1024.0);
            let value = if exponent == 0 { fraction * 2.0_f32.powi(-14) } else { (1.0 + fraction) * 2.0_f32.powi(exponent - 15) };
            assert_eq!((f32_from_f16(bits), f32_from_f16(bits | 0x8000)), (value, -value), "{bits:x}");
        }
        assert!(f32_from_f16(0xfc00) == f32::NEG_INFINITY && f32_from_f16(0x7e00).is_nan());
        assert_eq!(to_f32("BF16", &[0x80, 0x3f]), Some(vec![1.0]));
    }
}
