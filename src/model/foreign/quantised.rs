//! Quantised weights: numbers of few bits that mean nothing without their scales.

use std::path::Path;

use serde_json::Value;

use super::Config;
use crate::domain::{Error, Result};
use crate::store::TensorFiles;

/// Endings of the names of what quantised weights need, and who writes them.
const ENDINGS: &[(&str, &str)] = &[
    (".qweight", "GPTQ or AWQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".g_idx", "GPTQ"),
    (".weight_packed", "compressed-tensors"),
    (".weight_zero_point", "compressed-tensors"),
    (".weight_scale_inv", "FP8"),
    (".weight_scale", "FP8 or compressed-tensors"),
    (".input_scale", "FP8"),
    (".absmax", "bitsandbytes"),
    (".quant_state", "bitsandbytes"),
    (".quant_map", "bitsandbytes"),
    (".SCB", "bitsandbytes"),
    (".W_q", "HQQ"),
    (".scales", "MLX"),
];

/// Refuses quantised weights, by what config.json says or by what the files hold.
///
/// # Errors
/// That refusal.
pub(super) fn check(path: &Path, config: &Config, files: Option<&TensorFiles>) -> Result<()> {
    let what = match (said(config), files.and_then(sign)) {
        (Some(said), _) => format!("is quantised {said}"),
        (None, Some((name, by))) => format!("is quantised with {by}: it holds {name}"),
        (None, None) => return Ok(()),
    };
    let refusal = refused(path.display(), what);
    if files.is_some_and(look_whole) {
        let remedy = "its weights look whole: remove quantization_config from config.json to have them read as they are";
        return Err(refusal.remedy(remedy));
    }
    Err(refusal)
}

pub(super) fn refused(place: impl std::fmt::Display, what: String) -> Error {
    Error::refused(place, what)
        .expected("weights in F64, F32, F16 or BF16")
        .remedy("choose the model that it was made from, or load it with transformers, and save what dequantize() makes of it")
}

/// As config.json calls it: `with GPTQ to 4 bits`.
pub(super) fn said(config: &Config) -> Option<String> {
    let of = |field: &str| config.value(field).filter(|value| value.as_object().is_some_and(|fields| !fields.is_empty()));
    if let Some(fields) = of("quantization_config").or_else(|| of("compression_config")) {
        let is = |field: &str| fields.get(field).and_then(Value::as_bool) == Some(true);
        let bits = fields.get("bits").or_else(|| fields.get("w_bit")).and_then(Value::as_u64);
        let bits = bits.or(if is("load_in_4bit") { Some(4) } else { None }).or(if is("load_in_8bit") { Some(8) } else { None });
        let method = fields.get("quant_method").and_then(Value::as_str).unwrap_or("an unnamed method");
        return Some(words(name_of(method), bits));
    }
    let fields = of("quantization")?;
    Some(words("MLX", fields.get("bits").and_then(Value::as_u64)))
}

fn words(method: &str, bits: Option<u64>) -> String {
    bits.map_or_else(|| format!("with {method}"), |bits| format!("with {method} to {bits} bits"))
}

/// A `quant_method` as its makers write it.
fn name_of(method: &str) -> &str {
    match method {
        "gptq" => "GPTQ",
        "awq" => "AWQ",
        "fp8" | "fbgemm_fp8" => "FP8",
        "hqq" => "HQQ",
        "aqlm" => "AQLM",
        "mxfp4" => "MXFP4",
        "gguf" => "GGUF",
        other => other,
    }
}

/// A tensor that only quantised weights need, and who writes such.
fn sign(files: &TensorFiles) -> Option<(&str, &'static str)> {
    files.names().find_map(|name| {
        let by_name = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending) || name.contains(&format!("{ending}.")));
        let is_fp8 = || files.dtype(name).is_some_and(|dtype| dtype.starts_with("F8_"));
        by_name.map(|&(_, by)| (name, by)).or_else(|| is_fp8().then_some((name, "FP8")))
    })
}

/// Whether every weight of a map is of a type that holds numbers as they are.
fn look_whole(files: &TensorFiles) -> bool {
    let is_float = |name: &str| files.dtype(name).is_some_and(|dtype| ["F64", "F32", "F16", "BF16"].contains(&dtype));
    sign(files).is_none() && files.names().filter(|name| name.ends_with(".weight")).all(is_float)
}
