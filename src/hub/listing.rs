//! Which of a model's files are of use here: from the hub's answer about a model to the list of what is downloaded, and from the
//! names in a folder to whether all of it is there. Names come from a server and become names of files: none is believed.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::domain::{Error, Result};

/// Bytes of an index of shards; those of the largest models have 10 million. No longer one is read when the model is opened.
const MAX_INDEX: u64 = 12 << 20;

/// What a model is; the first to come.
pub(super) const CONFIG: &str = "config.json";

/// Read where they are there: the configuration, and what turns pictures and words into a model's input.
const SMALL: &[&str] = &[
    CONFIG,
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "generation_config.json",
];

/// Weights, the preferred kind first: stem and extension.
const WEIGHTS: &[(&str, &str)] = &[("model", "safetensors"), ("pytorch_model", "bin")];

/// What the hub's `/api/models/ID/revision/main?blobs=true` says, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Listing {
    sha: String,
    #[serde(default)]
    gated: serde_json::Value,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

/// What is to be downloaded of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The model's id.
    pub id: String,
    /// The commit that its files are of.
    pub commit: String,
    /// Whether its owners ask for consent.
    pub gated: bool,
    /// Its files, small ones first.
    pub(super) files: Vec<RemoteFile>,
}

/// A file on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// Bytes, where the listing says.
    pub(super) size: Option<u64>,
    /// The name of its content: SHA-256 of large files, git's SHA-1 of small ones.
    pub(super) etag: Option<String>,
}

impl Plan {
    /// Reads the hub's answer.
    ///
    /// # Errors
    /// A refusal of what is no such answer, or of a model without configuration or weights.
    pub(super) fn parse(id: &str, answer: &[u8]) -> Result<Self> {
        let odd =
            |what: String| Error::refused(id, what).expected("the hub's list of the model's files").remedy("check HF_ENDPOINT");
        let listing: Listing =
            serde_json::from_slice(answer).map_err(|err| odd(format!("the hub's answer cannot be read ({err})")))?;
        if !is_plain(&listing.sha) {
            return Err(odd(format!("the hub names the commit {:?}", listing.sha)));
        }
        let names: Vec<&str> = listing.siblings.iter().map(|s| s.rfilename.as_str()).collect();
        let weights = weights_of(&names);
        let lacks = |what: &str| Error::refused(id, format!("its repository holds no {what}"));
        if !names.contains(&CONFIG) {
            return Err(lacks("config.json").expected("a model of the transformers library"));
        }
        if weights.is_empty() {
            return Err(lacks("model.safetensors or pytorch_model.bin").expected("weights in one of these forms"));
        }
        let chosen = SMALL.iter().copied().chain(weights.iter().map(String::as_str));
        let files = chosen.filter_map(|name| listing.siblings.iter().find(|s| s.rfilename == name)).map(RemoteFile::of).collect();
        let gated = !matches!(listing.gated, serde_json::Value::Null | serde_json::Value::Bool(false));
        Ok(Self { id: id.to_owned(), commit: listing.sha, gated, files })
    }

    /// Bytes in all, as far as the listing says.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Whether a file is not longer than one of its kind may be: only an index of shards, which is read as a whole, is limited.
    ///
    /// # Errors
    /// A refusal that names the file.
    pub(super) fn check_length(&self, file: &RemoteFile, bytes: u64) -> Result<()> {
        if !file.is_index() || fits_an_index(bytes) {
            return Ok(());
        }
        Err(Error::refused(&self.id, format!("{} is too large for an index of weights: {bytes} bytes", file.name))
            .expected(format!("no more than {MAX_INDEX} bytes"))
            .remedy("tell the model's owners"))
    }

    /// Whether an index of shards names only files that will be there.
    ///
    /// # Errors
    /// A refusal that names the file that the hub does not list.
    pub(super) fn check_index(&self, index: &[u8]) -> Result<()> {
        let listed = |name: &String| self.files.iter().any(|file| file.name == *name);
        match shards_of(index).map(|names| names.into_iter().find(|name| !listed(name))) {
            Some(None) => Ok(()),
            Some(Some(odd)) => Err(Error::refused(&self.id, format!("its index of weights names {odd:?}"))
                .expected("files of its own, such as model-00001-of-00002.safetensors")
                .remedy("tell the model's owners")),
            None => Err(Error::refused(&self.id, "its index of weights cannot be read")
                .expected("JSON with a weight_map")
                .remedy("tell the model's owners")),
        }
    }
}

impl RemoteFile {
    fn of(sibling: &Sibling) -> Self {
        let lfs = sibling.lfs.as_ref();
        let etag = lfs.map_or(sibling.blob_id.as_ref(), |lfs| lfs.sha256.as_ref());
        Self {
            name: sibling.rfilename.clone(),
            size: sibling.size.or(lfs.and_then(|lfs| lfs.size)),
            etag: etag.filter(|etag| is_plain(etag)).cloned(),
        }
    }

    /// Whether it is an index of shards.
    pub(super) fn is_index(&self) -> bool {
        self.name.ends_with(".index.json")
    }
}

/// Whether an index of shards may have so many bytes.
pub(super) fn fits_an_index(bytes: u64) -> bool {
    bytes <= MAX_INDEX
}

/// Whether a name can be that of a file in a folder and of nothing else, on any system: Windows ignores a dot at the end.
/// Stricter than what a checkpoint's index of parts may name, because these names are made up by a server.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(is_plain)
}

/// Whether a file is one of those that are downloaded.
pub(super) fn is_of_use(name: &str) -> bool {
    SMALL.contains(&name) || !weights_of(&[name]).is_empty() || WEIGHTS.iter().any(|(stem, ext)| is_shard(name, stem, ext))
}

/// The weights among a repository's files: one file, or an index and the shards beside it; none where there are none.
pub(super) fn weights_of(names: &[&str]) -> Vec<String> {
    for (stem, extension) in WEIGHTS {
        let whole = format!("{stem}.{extension}");
        let index = format!("{whole}.index.json");
        if names.contains(&whole.as_str()) {
            return vec![whole];
        }
        if names.contains(&index.as_str()) {
            let mut shards: Vec<String> =
                names.iter().filter(|name| is_shard(name, stem, extension)).map(|&name| name.to_owned()).collect();
            shards.sort();
            shards.insert(0, index);
            return shards;
        }
    }
    Vec::new()
}

/// `model-00001-of-00002.safetensors`.
fn is_shard(name: &str, stem: &str, extension: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let middle = name.strip_prefix(stem).and_then(|n| n.strip_prefix('-')).and_then(|n| n.strip_suffix(extension));
    let numbers = middle.and_then(|n| n.strip_suffix('.')).and_then(|n| n.split_once("-of-"));
    numbers.is_some_and(|(number, count)| is_number(number) && is_number(count))
}

/// The files that an index of shards names; `None` where it is no index.
pub(super) fn shards_of(index: &[u8]) -> Option<BTreeSet<String>> {
    let index: serde_json::Value = serde_json::from_slice(index).ok()?;
    let map = index.get("weight_map")?.as_object()?;
    map.values().map(|name| name.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(siblings: &[&str]) -> Vec<String> {
        let siblings: Vec<_> = siblings.iter().map(|name| serde_json::json!({"rfilename": name})).collect();
        let answer = serde_json::json!({"sha": "abc", "gated": "manual", "siblings": siblings});
        let plan = Plan::parse("a/b", answer.to_string().as_bytes()).unwrap();
        assert!(plan.gated);
        plan.files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn only_what_is_read_is_downloaded() {
        let all = ["README.md", "model.onnx", "tf_model.h5", "pytorch_model.bin", "model.safetensors", "config.json"];
        assert_eq!(names(&all), ["config.json", "model.safetensors"]);
        assert_eq!(names(&["pytorch_model.bin", "config.json", "vocab.txt"]), ["config.json", "vocab.txt", "pytorch_model.bin"]);
        let shards = ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors", "onnx/model.safetensors"];
        let sharded = [&["config.json", "model.safetensors.index.json", "model-x-of-2.safetensors"][..], &shards].concat();
        assert_eq!(names(&sharded), ["config.json", "model.safetensors.index.json", shards[1], shards[0]]);
        assert!(is_of_use(shards[0]) && is_of_use("config.json") && !is_of_use("model.onnx"));
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let answer = r#"{"sha": "abc", "siblings": [{"rfilename": "config.json"}, {"rfilename": "../model.safetensors"},
            {"rfilename": "model.safetensors.index.json"}, {"rfilename": "model-1-of-1.safetensors"}]}"#;
        let plan = Plan::parse("a/b", answer.as_bytes()).unwrap();
        assert!(plan.files.iter().all(|file| is_plain(&file.name)));
        plan.check_index(br#"{"weight_map": {"w": "model-1-of-1.safetensors"}}"#).unwrap();
        for index in [r#"{"weight_map": {"w": "../../config"}}"#, r#"{"weight_map": {"w": "/etc/hosts"}}"#, "{", "{}"] {
            plan.check_index(index.as_bytes()).unwrap_err();
        }
        for bad in ["", ".", "..", ".x", "x.", "a/b", r"a\b", "c:x", "a b", "nul\0", "é", &"x".repeat(201)] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        for bad in [r#"{"sha": "../x", "siblings": []}"#, "<html>", r#"{"sha": "abc", "siblings": [{"rfilename": "a"}]}"#] {
            Plan::parse("a/b", bad.as_bytes()).unwrap_err();
        }
    }
}
