//! What a folder without a checkpoint holds, told from the names of its files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::domain::Error;
use crate::store::{Location, without_mark};

/// Bytes of a JSON file that is looked into.
const MAX_JSON: u64 = 1 << 20;
/// Names that are looked at.
const MOST_NAMES: usize = 10_000;

/// Names of what lies in a folder.
pub(super) struct Listing {
    folder: PathBuf,
    files: Vec<String>,
    folders: Vec<String>,
}

type Rule = fn(&Listing) -> Option<Error>;

/// In this order: a folder may follow several.
const RULES: &[Rule] = &[
    Listing::adapter,
    Listing::sentence_transformers,
    Listing::diffusers,
    Listing::snapshots,
    Listing::training,
    Listing::parts,
    Listing::open_clip,
    Listing::other_format,
    Listing::below,
    Listing::other_name,
];

/// Endings of file names, what the files are, and what to do; a name without a dot in front is a whole one.
const FORMATS: &[(&str, &str, &str)] = &[
    (".gguf", "a GGUF model of llama.cpp", ORIGINAL),
    (".ggml", "a GGML model of llama.cpp", ORIGINAL),
    ("tf_model.h5", "TensorFlow weights", FROM_TF),
    ("saved_model.pb", "a SavedModel of TensorFlow", ORIGINAL),
    (".ckpt.index", "a checkpoint of TensorFlow", FROM_TF),
    (".h5", "a Keras model", ORIGINAL),
    (".keras", "a Keras model", ORIGINAL),
    ("flax_model.msgpack", "Flax weights", FROM_FLAX),
    (".msgpack", "Flax weights", FROM_FLAX),
    (".onnx", "an ONNX model", ORIGINAL),
    ("openvino_model.xml", "an OpenVINO model", ORIGINAL),
    (".tflite", "a TensorFlow Lite model", ORIGINAL),
    (".mlmodel", "a Core ML model", ORIGINAL),
    (".mlpackage", "a Core ML model", ORIGINAL),
    ("weights.npz", "MLX weights", ORIGINAL),
    ("rust_model.ot", "weights of rust-bert", ORIGINAL),
    (".nemo", "a NeMo model", ORIGINAL),
    ("consolidated.00.pth", "weights of Meta's own code of Llama", CONVERTED),
    ("consolidated.safetensors", "weights of Mistral's own code", CONVERTED),
    ("config.cfg", "a spaCy pipeline", "choose the transformer that it was trained from"),
    (".tar.gz", "an archive", "unpack it, and name the folder in it"),
    (".tgz", "an archive", "unpack it, and name the folder in it"),
    (".tar", "an archive", "unpack it, and name the folder in it"),
    (".zip", "an archive", "unpack it, and name the folder in it"),
];

const ORIGINAL: &str = "choose the model's folder with model.safetensors";
const CONVERTED: &str = "choose the checkpoint that was converted for transformers";
const FROM_TF: &str = "convert it with transformers 4: AutoModel.from_pretrained(FOLDER, from_tf=True).save_pretrained(FOLDER)";
const FROM_FLAX: &str =
    "convert it with transformers 4: AutoModel.from_pretrained(FOLDER, from_flax=True).save_pretrained(FOLDER)";
const EXPECTED: &str = "a checkpoint of transformers: config.json, and weights as model.safetensors or pytorch_model.bin";

/// What a file that was named as a model is.
pub(super) fn of_file(path: &Path) -> Option<Error> {
    let name = path.file_name()?.to_str()?;
    let listing = Listing::of(crate::store::folder_of(path))?;
    if !listing.has("config.json")
        && let Some(refusal) = listing.adapter().or_else(|| listing.open_clip())
    {
        return Some(refusal);
    }
    if let Some(&(_, what, remedy)) = format_of(name) {
        return Some(Error::refused(path.display(), format!("is {what}")).expected(EXPECTED).remedy(remedy));
    }
    let is_beside = name.ends_with(".json") && listing.has("config.json");
    is_beside.then(|| {
        Error::refused(path.display(), "is a file of settings").expected(EXPECTED).remedy("name the folder that it lies in")
    })
}

fn format_of(name: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    FORMATS.iter().find(|(ending, ..)| if ending.starts_with('.') { name.ends_with(ending) } else { name == *ending })
}

impl Listing {
    /// `None` of a folder that cannot be listed.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).ok()?.flatten().take(MOST_NAMES) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if entry.path().is_dir() { folders.push(name) } else { files.push(name) }
        }
        files.sort();
        folders.sort();
        Some(Self { folder: folder.to_owned(), files, folders })
    }

    pub(super) fn refusal(&self) -> Option<Error> {
        RULES.iter().find_map(|rule| rule(self))
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file == name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn refused(&self, what: impl std::fmt::Display) -> Error {
        Error::refused(self.folder.display(), what).expected(EXPECTED)
    }

    /// A small JSON file.
    fn json(&self, name: &str) -> Option<Value> {
        let path = self.path(name);
        let facts = fs::metadata(&path).ok().filter(|facts| facts.is_file() && facts.len() <= MAX_JSON);
        serde_json::from_slice(without_mark(&fs::read(facts.map(|_| path)?).ok()?)).ok()
    }

    fn adapter(&self) -> Option<Error> {
        if !self.has("adapter_config.json") && !self.files.iter().any(|file| file.starts_with("adapter_model.")) {
            return None;
        }
        let config = self.json("adapter_config.json").unwrap_or_default();
        let text = |field: &str| config.get(field).and_then(Value::as_str);
        let kind = match text("peft_type") {
            Some("LORA") => "a LoRA adapter".to_owned(),
            Some(other) => format!("an adapter ({other})"),
            None => "an adapter".to_owned(),
        };
        let base = text("base_model_name_or_path").or_else(|| text("model_name")).unwrap_or("a model that it does not name");
        Some(self.refused(format!("holds {kind} of {base}, and no model")).remedy(
            "merge the two with peft: PeftModel.from_pretrained(base model, FOLDER).merge_and_unload().save_pretrained(OTHER), \
             and name OTHER",
        ))
    }

    fn sentence_transformers(&self) -> Option<Error> {
        let modules = self.json("modules.json")?;
        let mut paths = modules.as_array()?.iter().filter_map(|module| module.get("path")?.as_str());
        let inner = paths.find(|path| self.folders.iter().any(|folder| folder == path) && is_checkpoint(&self.path(path)))?;
        Some(
            self.refused("is a sentence-transformers model; its transformer lies in a folder of its own")
                .remedy(self.name_it(inner)),
        )
    }

    fn diffusers(&self) -> Option<Error> {
        if !self.has("model_index.json") {
            return None;
        }
        let encoder = ["text_encoder", "image_encoder"].into_iter().find(|name| self.path(name).join("config.json").is_file());
        let remedy = encoder.map_or_else(|| "choose a transformer's own folder".to_owned(), |name| self.name_it(name));
        Some(self.refused("is a diffusers pipeline of several models").remedy(remedy))
    }

    /// A folder of the hub's cache, as `models--org--name`.
    fn snapshots(&self) -> Option<Error> {
        let listing = Self::of(&self.path("snapshots"))?;
        let main = fs::read_to_string(self.path("refs/main")).unwrap_or_default();
        let found = listing.folders.iter().find(|name| *name == main.trim()).or(listing.folders.last())?;
        let what = format!("holds a model's snapshots, {} of them, in the folder snapshots", listing.folders.len());
        Some(self.refused(what).remedy(self.name_it(&format!("snapshots/{found}"))))
    }

    /// What a Trainer saved on the way.
    fn training(&self) -> Option<Error> {
        let number = |name: &String| name.strip_prefix("checkpoint-")?.parse::<u64>().ok();
        let last = self.folders.iter().filter(|name| number(name).is_some()).max_by_key(|name| number(name))?;
        let count = self.folders.iter().filter(|name| number(name).is_some()).count();
        let what = if count == 1 { "the checkpoint of a training" } else { "the checkpoints of a training" };
        Some(self.refused(format!("holds no model itself, but {what}")).remedy(self.name_it(last)))
    }

    /// Parts without the index that says which tensor lies where.
    fn parts(&self) -> Option<Error> {
        let (first, (_, count, ending)) = self.files.iter().find_map(|file| Some((file, part(file)?)))?;
        let stem = first.split_once('-').map_or("model", |(stem, _)| stem);
        let there: Vec<usize> =
            self.files.iter().filter(|file| file.starts_with(stem)).filter_map(|file| part(file)).map(|(n, ..)| n).collect();
        let missing: Vec<String> = (1..=count.min(MOST_NAMES)).filter(|n| !there.contains(n)).map(|n| n.to_string()).collect();
        let index = format!("{stem}.{ending}.index.json");
        let parts = match &missing[..] {
            [] => String::new(),
            [one] => format!(", and part {one}"),
            several => format!(", and the parts {}", several.join(", ")),
        };
        let what = format!("holds {} of {count} parts of a model, and no {index}, which says what lies where", there.len());
        Some(self.refused(what).remedy(format!("download {index}{parts} from where the model came")))
    }

    fn open_clip(&self) -> Option<Error> {
        let is_one = self.has("open_clip_config.json") || self.files.iter().any(|file| file.starts_with("open_clip_"));
        let remedy = "many have a checkpoint for transformers on the same page of the hub; others convert with \
                      convert_clip_original_pytorch_to_hf.py of transformers 4";
        is_one.then(|| self.refused("is an open_clip checkpoint").remedy(remedy))
    }

    fn other_format(&self) -> Option<Error> {
        let inner = Self::of(&self.path("onnx")).filter(|listing| listing.files.iter().any(|file| file.ends_with(".onnx")));
        let known = |name: &String| Some((name.clone(), format_of(name)?));
        let found = self.files.iter().chain(&self.folders).find_map(known);
        let found = found.or_else(|| Some(("onnx".to_owned(), format_of("model.onnx").filter(|_| inner.is_some())?)));
        let (name, &(_, what, remedy)) = found?;
        Some(self.refused(format!("holds {what} ({name}), which is not read")).remedy(remedy))
    }

    /// A checkpoint one folder further down.
    fn below(&self) -> Option<Error> {
        let inner: Vec<&String> = self.folders.iter().filter(|name| is_checkpoint(&self.path(name))).collect();
        let names: Vec<&str> = inner.iter().take(4).map(|name| name.as_str()).collect();
        let remedy = self.name_it(inner.first()?);
        Some(self.refused(format!("holds no model itself, but in {}", names.join(", "))).remedy(remedy))
    }

    /// Weights by another name, such as `model.fp16.safetensors`.
    fn other_name(&self) -> Option<Error> {
        let is_weights = |file: &&String| {
            let is_training = ["training_args", "optimizer", "scheduler", "rng_state", "random_states"];
            (file.ends_with(".safetensors") || file.ends_with(".bin")) && !is_training.iter().any(|name| file.starts_with(name))
        };
        let found: Vec<&String> = self.files.iter().filter(is_weights).collect();
        if !self.has("config.json") || found.is_empty() {
            return None;
        }
        let names: Vec<&str> = found.iter().take(4).map(|name| name.as_str()).collect();
        let remedy = format!("name the file itself if these are the weights: --model {}", self.path(names[0]).display());
        Some(self.refused(format!("holds no model.safetensors, but {}", names.join(", "))).remedy(remedy))
    }

    fn name_it(&self, inner: &str) -> String {
        format!("name that folder: --model {}", self.path(inner).display())
    }
}

fn is_checkpoint(folder: &Path) -> bool {
    folder.join("config.json").is_file() && Location::find(folder).is_ok()
}

/// Number, count and ending of `model-00001-of-00002.safetensors`.
fn part(name: &str) -> Option<(usize, usize, &str)> {
    let (rest, ending) = name.rsplit_once('.').filter(|(_, ending)| ["safetensors", "bin"].contains(ending))?;
    let (rest, count) = rest.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    Some((number.parse().ok()?, count.parse().ok()?, ending))
}
