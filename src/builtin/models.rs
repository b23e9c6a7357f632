//! The two models that the program carries, trained by `assets/models/training` and described by the card beside each.

use std::fmt;

/// A checkpoint inside the program.
pub struct EmbeddedModel {
    /// As users call it.
    pub name: &'static str,
    /// Where it is from and under which licence.
    pub about: &'static str,
    /// Its config.json.
    pub config: &'static str,
    /// Its model.safetensors.
    pub weights: &'static [u8],
    /// What reads inputs for it: its preprocessor_config.json or its tokenizer.json.
    pub reader: &'static [u8],
}

impl fmt::Debug for EmbeddedModel {
    /// Without the bytes, of which there are millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedModel({})", self.name)
    }
}

macro_rules! carried {
    ($name:literal, $about:literal, $reader:literal) => {
        EmbeddedModel {
            name: $name,
            about: $about,
            config: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/", $name, "/config.json")),
            weights: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/", $name, "/model.safetensors")),
            reader: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/", $name, "/", $reader)),
        }
    };
}

/// A small ViT, distilled from ViT-Ti/16.
pub static IMAGE_MODEL: EmbeddedModel =
    carried!("image", "distilled from ViT-Ti/16 (AugReg) on 4,464 photos; Apache-2.0", "preprocessor_config.json");

/// A small BERT, distilled from MiniLM-L6.
pub static TEXT_MODEL: EmbeddedModel =
    carried!("text", "distilled from all-MiniLM-L6-v2 on public-domain books; Apache-2.0", "tokenizer.json");
