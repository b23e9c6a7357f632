//! Reading config.json: every field is asked for by name and type, and a refusal says which one is wrong.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::Value;

use super::block::Activation;
use crate::domain::{Error, Result};
use crate::store::{misnamed, without_mark};

/// config.json of a checkpoint.
#[derive(Clone, Debug)]
pub struct Config {
    place: String,
    root: Value,
}

/// No config.json of a real model comes near it; what fills it takes up to forty times as much memory when it is read.
const MAX_BYTES: u64 = 4 << 20;

impl Config {
    /// Reads a config.json.
    ///
    /// # Errors
    /// A refusal when the file is missing, too large or no JSON object.
    pub fn read(path: &Path) -> Result<Self> {
        let facts = fs::metadata(path).map_err(|err| {
            Error::refused(path.display(), format!("cannot be read ({err})"))
                .expected("a Hugging Face model folder: config.json beside the weights")
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
        let root: Value = serde_json::from_slice(without_mark(text)).map_err(|err| {
            let other = || Error::refused(&place, format!("not valid JSON ({err})")).remedy("download the file again");
            misnamed(&place, text).unwrap_or_else(other)
        })?;
        if !root.is_object() {
            return Err(Error::refused(place, "not a JSON object").expected("the fields of a model's configuration"));
        }
        Ok(Self { place, root })
    }

    /// The file, as a refusal calls it.
    pub fn place(&self) -> &str {
        &self.place
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

    /// A whole number from 0 to 2^24, or the default where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn whole(&self, field: &str, default: usize) -> Result<usize> {
        match self.root.get(field) {
            Some(value) if value.as_u64() == Some(0) => Ok(0),
            _ => self.count(field, Some(default.max(1))).map(|n| if self.has(field) { n } else { default }),
        }
    }

    /// The first of several spellings of a count, in the configuration or in that of a tower of it, where there is one: for lists,
    /// which show what they find.
    pub fn any_count(&self, fields: &[&str]) -> Option<usize> {
        let parts = [Some(&self.root), self.root.get("vision_config"), self.root.get("text_config")];
        let of = |part: &Value| fields.iter().find_map(|field| part.get(field)?.as_u64());
        parts.into_iter().flatten().find_map(of).and_then(|count| usize::try_from(count).ok())
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

    /// As [`Self::number`], within what makes a model: beyond it numbers overflow, or all tokens become the same.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn number_in(&self, field: &str, default: f64, range: RangeInclusive<f64>) -> Result<f64> {
        let number = self.number(field, default)?;
        let (least, most) = (range.start(), range.end());
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(self.refuse(field, &format!("a number from {least:e} to {most:e}")))
        }
    }

    /// What a norm adds to a variance, or the default where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn epsilon(&self, field: &str, default: f64) -> Result<f64> {
        self.number_in(field, default, 1e-30..=1e-1)
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

    /// The name of an activation.
    ///
    /// # Errors
    /// A refusal that lists the known ones.
    pub fn activation(&self, field: &str, default: &str) -> Result<Activation> {
        let name = self.root.get(field).filter(|value| !value.is_null());
        match name.map_or(Some(default), Value::as_str) {
            Some("gelu" | "gelu_python") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast" | "gelu_accurate") => {
                Ok(Activation::GeluTanh)
            }
            Some("quick_gelu") => Ok(Activation::QuickGelu),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            _ => Err(self.refuse(field, "gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, silu or relu")),
        }
    }

    /// A configuration inside this one; an empty one where the field is missing, which means the class's defaults.
    ///
    /// # Errors
    /// A refusal when the field is no object.
    pub fn section(&self, field: &str) -> Result<Self> {
        let root = match self.root.get(field) {
            None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
            Some(value) if value.is_object() => value.clone(),
            Some(_) => return Err(self.refuse(field, "an object of fields")),
        };
        Ok(Self { place: format!("{field} of {}", self.place), root })
    }

    /// A field as it stands, unless it is null.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.root.get(field).filter(|value| !value.is_null())
    }

    /// Whether a field is there and not null.
    pub fn has(&self, field: &str) -> bool {
        self.value(field).is_some()
    }

    /// Whether a field is there and says nothing.
    pub fn is_null(&self, field: &str) -> bool {
        self.root.get(field).is_some_and(Value::is_null)
    }

    /// A positive number that is neither tiny nor huge, or `None` where the field is missing or null.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn optional_number(&self, field: &str) -> Result<Option<f64>> {
        if self.has(field) { self.number_in(field, 1.0, 1e-3..=1e30).map(Some) } else { Ok(None) }
    }

    /// A word, or `None` where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn word(&self, field: &str) -> Result<Option<&str>> {
        match self.root.get(field).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| self.refuse(field, "a word in quotes")),
        }
    }

    /// A list of words, or `None` where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn words(&self, field: &str) -> Result<Option<Vec<&str>>> {
        let Some(value) = self.root.get(field).filter(|value| !value.is_null()) else { return Ok(None) };
        let words = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        words.map(Some).ok_or_else(|| self.refuse(field, "a list of words"))
    }

    /// A number of the vocabulary or a list of such, or `None` where the field is missing.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn ids(&self, field: &str) -> Result<Option<Vec<u32>>> {
        let Some(value) = self.root.get(field).filter(|value| !value.is_null()) else { return Ok(None) };
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match value {
            Value::Array(list) => list.iter().map(id).collect(),
            one => id(one).map(|id| vec![id]),
        };
        ids.map(Some).ok_or_else(|| self.refuse(field, "a number of the vocabulary, or a list of them"))
    }

    /// A number of the vocabulary, or `None` where the field is missing, null or negative, which names no token.
    ///
    /// # Errors
    /// A refusal that blames the field.
    pub fn optional_id(&self, field: &str) -> Result<Option<u32>> {
        match self.root.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) if value.as_i64().is_some_and(|id| id < 0) => Ok(None),
            Some(value) => {
                let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
                id.map(Some).ok_or_else(|| self.refuse(field, "a number of the vocabulary"))
            }
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
