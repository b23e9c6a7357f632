//! What is explained, and which checkpoint explains it, as a user names them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a model sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// An image, a .txt file, or a .safetensors file that holds `pixel_values` or `input_ids`.
    File(PathBuf),
    /// Words.
    Text(String),
    /// What the program carries, by its name.
    Sample(String),
}

impl Input {
    /// Whether it is a text, as far as its name tells.
    pub fn is_text(&self) -> bool {
        let is_text = |name: &Path| name.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt"));
        match self {
            Self::File(path) => is_text(path),
            Self::Sample(name) => is_text(Path::new(name)),
            Self::Text(_) => true,
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) | Self::Sample(_) => None,
        }
    }

    /// A few words for a title: the file's name, or how the text begins.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Sample(name) => name.clone(),
            Self::Text(text) => {
                let begins: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect();
                if begins.len() < text.trim().len() { format!("{}...", begins.trim_end()) } else { begins }
            }
        }
    }
}

/// `sample:NAME` is a sample, all else a file.
impl<P: Into<PathBuf>> From<P> for Input {
    fn from(path: P) -> Self {
        let path = path.into();
        match path.to_str().and_then(|p| p.strip_prefix("sample:")) {
            Some(name) => Self::Sample(name.to_owned()),
            None => Self::File(path),
        }
    }
}

/// Which checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ModelRef {
    /// The image model that the program carries: `image`.
    Image,
    /// The text model that the program carries: `text`.
    Text,
    /// A Hugging Face folder, or the .safetensors file beside its config.json.
    Path(PathBuf),
}

impl ModelRef {
    /// The one that the program carries for an input.
    pub fn built_in_for(input: &Input) -> Self {
        if input.is_text() { Self::Text } else { Self::Image }
    }

    /// The files, where they are files.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Image | Self::Text => None,
        }
    }

    /// As `--model` takes it.
    pub fn spelling(&self) -> PathBuf {
        match self {
            Self::Image => "image".into(),
            Self::Text => "text".into(),
            Self::Path(path) if path == Path::new("image") || path == Path::new("text") => Path::new(".").join(path),
            Self::Path(path) => path.clone(),
        }
    }

    /// A few words for a title.
    pub fn name(&self) -> String {
        match self {
            Self::Image => "built-in image model".to_owned(),
            Self::Text => "built-in text model".to_owned(),
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for ModelRef {
    fn from(path: P) -> Self {
        let path = path.into();
        match path.to_str() {
            Some("image") => Self::Image,
            Some("text") => Self::Text,
            _ => Self::Path(path),
        }
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.spelling().to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_models_are_told_apart_by_their_names() {
        assert_eq!(Input::from("sample:bank.txt"), Input::Sample("bank.txt".to_owned()));
        assert!(Input::from("a/b.TXT").is_text() && !Input::from("a/txt.png").is_text());
        assert_eq!(ModelRef::built_in_for(&Input::Text("a".to_owned())), ModelRef::Text);
        assert_eq!(Input::Text(" one\ntwo ".to_owned()).name(), "one two");
        for model in [ModelRef::Image, ModelRef::Path("./text".into()), ModelRef::Path("m/n".into())] {
            assert_eq!(ModelRef::from(model.spelling()), model);
        }
        assert_eq!(ModelRef::Path("text".into()).spelling(), Path::new("./text"));
    }
}
