//! What is explained, and which checkpoint explains it, as a user names them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::path::PathText;

/// What a model sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// An image, a .txt file, or a .safetensors file that holds `pixel_values` or `input_ids`.
    File(#[serde(with = "super::path")] PathBuf),
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

    /// Whether it is a picture that is resized for a model, as far as its name tells: tensors have their size.
    pub fn is_resized(&self) -> bool {
        let is_tensors = |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
        !self.is_text() && !self.path().is_some_and(is_tensors)
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
#[serde(into = "PathText", from = "PathText")]
pub enum ModelRef {
    /// The image model that the program carries: `image`.
    Image,
    /// The text model that the program carries: `text`.
    Text,
    /// A Hugging Face folder, or the .safetensors file beside its config.json.
    Path(PathBuf),
    /// A model of Hugging Face's hub by its id: `org/name`, or `hf:name` where it has no organisation. Names are told apart by
    /// spelling alone, so the relative path `org/name` is an id too; a folder of that name is then opened, as Hugging Face's
    /// own libraries do.
    Hub(String),
}

/// Files that an id is not to be mistaken for.
const FILES: &[&str] = &["safetensors", "bin", "pt", "pth", "gguf", "json"];

/// Whether a name is spelled as an id of the hub: `org/name` or `name`.
pub fn is_hub_id(id: &str) -> bool {
    let is_part = |part: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_plain = part.chars().all(|c| is_inner(c) || c == '-' || c == '.');
        is_plain && part.starts_with(is_inner) && part.ends_with(is_inner) && !part.contains("--") && !part.contains("..")
    };
    let (first, rest) = id.split_once('/').map_or((id, None), |(org, name)| (org, Some(name)));
    id.len() <= 96 && !id.ends_with(".git") && is_part(first) && rest.is_none_or(is_part)
}

impl ModelRef {
    /// The one that the program carries for an input.
    pub fn built_in_for(input: &Input) -> Self {
        if input.is_text() { Self::Text } else { Self::Image }
    }

    /// Whether the program carries it.
    pub fn is_built_in(&self) -> bool {
        matches!(self, Self::Image | Self::Text)
    }

    /// The files, where they are files.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Image | Self::Text | Self::Hub(_) => None,
        }
    }

    /// As `--model` takes it.
    pub fn spelling(&self) -> PathBuf {
        match self {
            Self::Image => "image".into(),
            Self::Text => "text".into(),
            Self::Hub(id) if id.contains('/') => id.into(),
            Self::Hub(id) => format!("{HUB_PREFIX}{id}").into(),
            Self::Path(path) if matches!(Self::from(path.clone()), Self::Path(_)) => path.clone(),
            Self::Path(path) => Path::new(".").join(path),
        }
    }

    /// A few words for a title.
    pub fn name(&self) -> String {
        match self {
            Self::Image => "built-in image model".to_owned(),
            Self::Text => "built-in text model".to_owned(),
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Hub(id) => id.clone(),
        }
    }

    /// The id that a spelling means, if it means one.
    fn hub_id(spelling: &str) -> Option<&str> {
        let marked = spelling.strip_prefix(HUB_PREFIX);
        let is_file = |id: &str| Path::new(id).extension().is_some_and(|e| FILES.iter().any(|f| e.eq_ignore_ascii_case(f)));
        let id = marked.or_else(|| Some(spelling).filter(|id| id.contains('/') && !is_file(id)));
        id.filter(|id| is_hub_id(id))
    }
}

/// Marks an id of the hub that has no organisation.
const HUB_PREFIX: &str = "hf:";

impl<P: Into<PathBuf>> From<P> for ModelRef {
    fn from(path: P) -> Self {
        let path = path.into();
        match path.to_str() {
            Some("image") => Self::Image,
            Some("text") => Self::Text,
            spelling => match spelling.and_then(Self::hub_id) {
                Some(id) => Self::Hub(id.to_owned()),
                None => Self::Path(path),
            },
        }
    }
}

impl From<ModelRef> for PathText {
    fn from(model: ModelRef) -> Self {
        model.spelling().as_path().into()
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
        for model in [ModelRef::Image, ModelRef::Path("./text".into()), ModelRef::Path("a/m/n".into())] {
            assert_eq!(ModelRef::from(model.spelling()), model);
        }
        for path in ["text", "org/name"] {
            assert_eq!(ModelRef::Path(path.into()).spelling(), Path::new(".").join(path));
        }
    }

    #[test]
    fn ids_of_the_hub_are_told_from_paths_by_their_spelling() {
        for id in ["facebook/dino-vits16", "Qwen/Qwen2.5-0.5B", "hf:gpt2"] {
            let model = ModelRef::from(id);
            assert_eq!(model, ModelRef::Hub(id.trim_start_matches("hf:").to_owned()));
            assert_eq!((model.spelling().as_path(), model.path()), (Path::new(id), None));
            assert_eq!(ModelRef::from(model.spelling()), model);
        }
        assert_eq!(ModelRef::from("hf:org/name"), ModelRef::Hub("org/name".to_owned()));
        let paths = [
            "gpt2",
            "./a/b",
            "../b",
            "/a/b",
            "~/b",
            "a/b/c",
            "a/b/",
            "a//b",
            "a/.b",
            "a/b.safetensors",
            "a b/c",
            "hf:",
            "hf:../x",
        ];
        for path in paths {
            assert_eq!(ModelRef::from(path), ModelRef::Path(path.into()), "{path}");
        }
    }
}
