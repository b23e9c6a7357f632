//! Reading config.json: every field is asked for by name and type, and a refusal says which one is wrong.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::block::Activation;
use crate::domain::{Error, Result};

/// config.json of a checkpoint.
#[derive(Clone, Debug)]
pub struct Config {
    place: String,
    root: Value,
}

/// No config.json of a real model comes near it.
const MAX_BYTES: u64 = 64 << 20;

impl Config {
    /// Reads a config.json.
    ///
    /// # Errors
    /// A refusal when the file is missing, too large or no JSON object.
    pub fn read(path: &Path) -> Result<Self> {
        let facts = fs::metadata(path).map_err(|err| {
            Error::refused(path.display(), format!("cannot be read ({err})"))
                .expected("a Hugging Face model folder with config.json and model.safetensors")
                .remedy("choose such a folder with --model")
        })?;
        if !facts.is_file() || facts.len() > MAX_BYTES {
            let expected = format!("a JSON file of at most {} MiB", MAX_BYTES >> 20);
            return Err(Error::refused(path.display(), "is not a configuration").expected(expected));
        }
        let text = fs::read(path).map_err(|err| Error::refused(path.display(), format!("cannot be read ({err})")))?;
        Self::parse(path.display().to_string(), &text)
    }

    /// Reads the text of a config.json that refusals call `place`.
    ///
    /// # Errors
    /// A refusal when it is no JSON object.
    pub fn parse(place: String, text: &[u8]) -> Result<Self> {
        let root: Value = serde_json::from_slice(text)
            .map_err(|err| Error::refused(&place, format!("not valid JSON ({err})")).remedy("download the file again"))?;
        if !root.is_object() {
            return Err(Error::refused(place, "not a JSON object").expected("the fields of a model's configuration"));
        }
        Ok(Self { place, root })
    }

    /// `model_type`.
    ///
    /// # Errors
    /// A refusal when it is missing.
    pub fn model_type(&self) -> Result<&str> {
        self.root.get("model_type").and_then(Value::as_str).ok_or_else(|| self.refuse("model_type", "a string such as \"vit\""))
    }

    /// A refusal that blames one field.
    pub fn refuse(&self, field: &str, expected: &str) -> Error {
        let found = self.root.get(field).map_or("is missing".to_owned(), |v| {
            let text: String = v.to_string().chars().take(60).collect();
            format!("is {text}")
        });
        Error::refused(&self.place, format!("the field {field} {found}"))
            .expected(expected)
            .remedy("compare the file with the model's page")
    }

    /// A whole number from 1 to 2^24, or the default where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn count(&self, field: &str, default: Option<usize>) -> Result<usize> {
        let value = match self.root.get(field) {
            None | Some(Value::Null) => default,
            Some(value) => value.as_u64().and_then(|v| usize::try_from(v).ok()),
        };
        value.filter(|v| (1..=1 << 24).contains(v)).ok_or_else(|| self.refuse(field, "a whole number from 1"))
    }

    /// Like [`Self::count`], for a field that may also be `[n, n]`.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn side(&self, field: &str, default: usize) -> Result<usize> {
        match self.root.get(field) {
            Some(Value::Array(sides)) => {
                let sides: Vec<usize> = sides.iter().filter_map(Value::as_u64).filter_map(|v| usize::try_from(v).ok()).collect();
                match sides[..] {
                    [a, b] if a == b && a > 0 => Ok(a),
                    _ => Err(self.refuse(field, "a number of pixels, the same for both sides")),
                }
            }
            _ => self.count(field, Some(default)),
        }
    }

    /// A positive finite number, or the default where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn number(&self, field: &str, default: f64) -> Result<f64> {
        match self.root.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                value.as_f64().filter(|v| v.is_finite() && *v > 0.0).ok_or_else(|| self.refuse(field, "a positive number"))
            }
        }
    }

    /// A flag, or the default where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn flag(&self, field: &str, default: bool) -> Result<bool> {
        match self.root.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.refuse(field, "true or false")),
        }
    }

    /// `hidden_act`.
    ///
    /// # Errors
    /// A refusal that lists the known ones.
    pub fn activation(&self) -> Result<Activation> {
        let name = self.root.get("hidden_act").filter(|value| !value.is_null());
        match name.map_or(Some("gelu"), Value::as_str) {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("quick_gelu") => Ok(Activation::QuickGelu),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            _ => Err(self.refuse("hidden_act", "gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, silu or relu")),
        }
    }

    /// Whether one of `architectures`, the classes that the checkpoint was saved from, has `part` in its name.
    pub fn is_architecture(&self, part: &str) -> bool {
        let names = self.root.get("architectures").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().filter_map(Value::as_str).any(|name| name.contains(part)))
    }

    /// Refuses any value of a field but the one that is implemented, which is also its default.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn only(&self, field: &str, value: &str) -> Result<()> {
        match self.root.get(field) {
            None | Some(Value::Null) => Ok(()),
            Some(found) if found.as_str() == Some(value) => Ok(()),
            Some(_) => Err(self.refuse(field, value)),
        }
    }

    /// Names of `count` classes, from `id2label`; a class without a name is called by its number.
    pub fn class_names(&self, count: usize) -> Vec<String> {
        let names = self.root.get("id2label");
        let name = |class: usize| names.and_then(|n| n.get(class.to_string())).and_then(Value::as_str);
        (0..count).map(|class| name(class).map_or_else(|| format!("class {class}"), str::to_owned)).collect()
    }
}
