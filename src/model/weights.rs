//! Weights from a .safetensors file: the header is checked first, then tensors are read one by one and converted on arrival,
//! so that the file is never in memory twice and a broken one is refused before anything large is allocated.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::block::{Linear, Norm};
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
    path: PathBuf,
    file: File,
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
    /// Opens a file and checks its header against its length. Tensors will be of `dtype` on `device`.
    ///
    /// # Errors
    /// A refusal that says what is wrong with the file.
    pub fn open(path: &Path, dtype: DType, device: &Device) -> Result<Self> {
        let unreadable = |err: std::io::Error| {
            Error::refused(path.display(), format!("cannot be read ({err})"))
                .expected("a .safetensors file")
                .remedy("check the path, or download the file again")
        };
        let broken = |what: String| {
            Error::refused(path.display(), what).expected("a whole .safetensors file").remedy("download the file again")
        };
        let facts = fs::metadata(path).map_err(unreadable)?;
        if !facts.is_file() {
            return Err(broken("is not a regular file".to_owned()));
        }
        let length = facts.len();
        let mut file = File::open(path).map_err(unreadable)?;
        let mut first = [0; 8];
        file.read_exact(&mut first).map_err(|_| broken(format!("only {length} bytes long")))?;
        let header_length = u64::from_le_bytes(first);
        if header_length > MAX_HEADER || header_length > length.saturating_sub(8) {
            return Err(broken(format!("the header claims {header_length} bytes in a file of {length}")));
        }
        let mut header = vec![0; header_length as usize];
        file.read_exact(&mut header).map_err(unreadable)?;
        let entries = parse_header(&header).map_err(broken)?;
        let data_start = 8 + header_length;
        check_layout(&entries, length - data_start).map_err(broken)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            data_start,
            entries,
            prefix: String::new(),
            device: device.clone(),
            dtype,
            num_parameters: 0,
        })
    }

    /// Strips the base prefix: the first of `candidates` under which `signature` exists.
    ///
    /// # Errors
    /// A refusal that names the weight that was looked for.
    pub fn find_prefix(&mut self, signature: &str, candidates: &[&str]) -> Result<()> {
        let found = candidates.iter().find(|p| self.entries.contains_key(&format!("{p}{signature}")));
        let Some(prefix) = found else {
            let some: Vec<&str> = self.entries.keys().map(String::as_str).take(4).collect();
            return Err(Error::refused(self.path.display(), format!("no weight {signature}, with or without a prefix"))
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
        let refuse = |what: String| Error::refused(self.path.display(), what);
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
        let mut bytes = vec![0; (to - from) as usize];
        let read = self.file.seek(SeekFrom::Start(self.data_start + from)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|err| refuse(format!("the weight {name} cannot be read ({err})")))?;
        let values = to_f32(&entry.dtype, &bytes)
            .ok_or_else(|| refuse(format!("the weight {name} is of type {}", entry.dtype)).expected("F32, F16, BF16 or F64"))?;
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
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

    /// `NAME.weight` and `NAME.bias`, `[width]` each.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn norm(&mut self, name: &str, width: usize, eps: f64) -> Result<Norm> {
        let weight = self.tensor(&format!("{name}.weight"), &[width])?;
        Ok(Norm { weight, bias: self.tensor(&format!("{name}.bias"), &[width])?, eps })
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
    let half = |bits: u16| f32::from_bits(u32::from(bits) << 16);
    match dtype {
        "F32" => Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        "F64" => Some(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()),
        "BF16" => Some(bytes.as_chunks().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect()),
        "F16" => Some(bytes.as_chunks().0.iter().map(|b| f32_from_f16(u16::from_le_bytes(*b))).collect()),
        _ => None,
    }
}

/// IEEE half precision: sign, 5 bits of exponent, 10 of fraction.
fn f32_from_f16(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from((bits >> 10) & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2.0_f32.powi(e - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0), (0, 0.0)] {
            assert_eq!(f32_from_f16(bits), value);
        }
        assert_eq!(to_f32("BF16", &[0x80, 0x3f]), Some(vec![1.0]));
    }
}
