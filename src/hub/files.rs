//! Which files of a model are of use here, and how long each may be. Names come from a server and become names of files: none is
//! believed.

use std::collections::BTreeSet;

/// What a model is; the first to come.
pub(super) const CONFIG: &str = "config.json";
/// Bytes of an index of shards; those of the largest models have 10 million. No longer one is read when the model is opened.
const MAX_INDEX: u64 = 12 << 20;
/// Bytes of a vocabulary or a list of merges, as far as one is read when the model is opened.
const MAX_VOCABULARY: u64 = 256 << 20;

/// The files beside the weights, the configuration first, each with the most bytes that it may have: as many as are read when
/// the model is opened.
const SMALL: &[(&str, u64)] = &[
    (CONFIG, 4 << 20),
    ("preprocessor_config.json", 1 << 20),
    ("processor_config.json", 1 << 20),
    ("tokenizer.json", MAX_VOCABULARY),
    ("tokenizer_config.json", 16 << 20),
    ("special_tokens_map.json", 16 << 20),
    ("added_tokens.json", 16 << 20),
    ("vocab.txt", MAX_VOCABULARY),
    ("vocab.json", MAX_VOCABULARY),
    ("merges.txt", MAX_VOCABULARY),
    ("spiece.model", MAX_VOCABULARY),
    ("tokenizer.model", MAX_VOCABULARY),
    ("sentencepiece.bpe.model", MAX_VOCABULARY),
    ("generation_config.json", 4 << 20),
];

/// Vocabularies of SentencePiece: read only where there is no tokenizer.json.
const PIECES: &[&str] = &["spiece.model", "tokenizer.model", "sentencepiece.bpe.model"];

/// Weights, the preferred kind first: stem and extension.
const WEIGHTS: &[(&str, &str)] = &[("model", "safetensors"), ("pytorch_model", "bin")];

/// Digits of a shard's number. The hub's have five.
const MAX_DIGITS: usize = 10;

/// Returns the files to download from a repository that holds `names`, the configuration first and the weights last.
pub(super) fn chosen(names: &BTreeSet<&str>) -> Vec<String> {
    let has_tokenizer = names.contains("tokenizer.json");
    let small = SMALL.iter().map(|(name, _)| *name).filter(|name| names.contains(name));
    let small = small.filter(|name| !(has_tokenizer && PIECES.contains(name)));
    small.map(str::to_owned).chain(weights_of(names)).collect()
}

/// Returns the most bytes that a file may have; `None` for weights, which end where the disk does.
pub(super) fn limit(name: &str) -> Option<u64> {
    if is_index(name) {
        return Some(MAX_INDEX);
    }
    SMALL.iter().find(|(small, _)| *small == name).map(|(_, bytes)| *bytes)
}

/// Whether a file is an index of shards.
pub(super) fn is_index(name: &str) -> bool {
    name.ends_with(".index.json")
}

/// Whether a name can be that of a file in a folder and of nothing else, on any system: Windows ignores a dot at the end.
/// Stricter than what a checkpoint's index of parts may name, because these names are made up by a server.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(is_plain)
}

/// Whether a file is one of those that are downloaded.
pub(super) fn is_of_use(name: &str) -> bool {
    SMALL.iter().any(|(small, _)| *small == name) || WEIGHTS.iter().any(|kind| is_weights(name, kind))
}

/// Whether a file holds weights of a kind, or is their index.
fn is_weights(name: &str, (stem, extension): &(&str, &str)) -> bool {
    let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.strip_prefix(extension));
    rest.is_some_and(|rest| rest.is_empty() || rest == ".index.json") || is_shard(name, stem, extension)
}

/// The weights among a repository's files: one file, or an index and the shards beside it; none where there are none.
pub(super) fn weights_of(names: &BTreeSet<&str>) -> Vec<String> {
    for (stem, extension) in WEIGHTS {
        let whole = format!("{stem}.{extension}");
        let index = format!("{whole}.index.json");
        if names.contains(whole.as_str()) {
            return vec![whole];
        }
        if names.contains(index.as_str()) {
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
    let is_number = |text: &str| (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
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

    #[test]
    fn names_that_a_server_makes_up_are_plain() {
        for bad in ["", ".", "..", ".x", "x.", "a/b", r"a\b", "c:x", "a b", "nul\0", "é", &"x".repeat(201)] {
            assert!(!is_plain(bad) && !is_of_use(bad), "{bad:?}");
        }
        let long = format!("model-{}-of-2.safetensors", "0".repeat(11));
        for bad in [&long, "model-1-of-.safetensors", "model-1-of-2.safetensors/x", "Model.safetensors", "model.onnx"] {
            assert!(!is_of_use(bad), "{bad}");
        }
        for good in ["config.json", "model-00001-of-00002.safetensors", "pytorch_model.bin", "model.safetensors.index.json"] {
            assert!(is_of_use(good) && is_plain(good), "{good}");
        }
    }

    #[test]
    fn only_weights_may_be_of_any_length() {
        for name in SMALL.iter().map(|(name, _)| *name).chain(["model.safetensors.index.json", "pytorch_model.bin.index.json"]) {
            assert!(limit(name).is_some(), "{name}");
        }
        assert_eq!((limit("model.safetensors"), limit("pytorch_model-1-of-2.bin")), (None, None));
    }
}
