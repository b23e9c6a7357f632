//! The cache of models on this machine: `models--ORG--NAME/{blobs/ETAG, refs/main, snapshots/COMMIT/FILE}`, a snapshot's files
//! being links to blobs. Other programs write it too, so nothing in it is taken for granted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::checksum::Checksum;
use super::files::{CONFIG, is_of_use, is_plain, limit, shards_of, weights_of};
use super::{disk, nofollow};
use crate::domain::source::is_hub_id;
use crate::domain::{Cancel, Result};

const PREFIX: &str = "models--";

/// A folder of models as the hub's libraries keep them. Clones share what has been read of it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    indexes: Arc<Mutex<BTreeMap<PathBuf, Index>>>,
}

/// What an index of shards said when it was last read.
#[derive(Clone, Debug)]
struct Index {
    bytes: u64,
    modified: SystemTime,
    /// The files that it names; `None` where it is no index.
    shards: Option<Arc<BTreeSet<String>>>,
}

/// A model of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedModel {
    /// The hub's id: `org/name`, or `name` alone.
    pub id: String,
    /// The snapshot: a model folder like any other.
    pub folder: PathBuf,
    /// Of those files that are of use here.
    pub bytes: u64,
    /// Whether its configuration and all of its weights are there.
    pub is_complete: bool,
}

impl Cache {
    /// The cache in a folder, which need not be there.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), indexes: Arc::default() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every model that has a configuration and some weights, by id.
    pub fn models(&self) -> Vec<CachedModel> {
        let names = entries(&self.folder).into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let ids = names.filter_map(|name| name.strip_prefix(PREFIX).map(|id| id.replacen("--", "/", 1)));
        let mut models: Vec<CachedModel> = ids.filter(|id| is_hub_id(id)).filter_map(|id| self.find(&id)).collect();
        models.sort_by_cached_key(|model| (model.id.to_lowercase(), model.id.clone()));
        models
    }

    /// A model: the snapshot that `refs/main` names if it is complete, else the newest that is, else any with some weights.
    pub fn find(&self, id: &str) -> Option<CachedModel> {
        let folder = self.model_folder(id);
        let main = disk::reference(&folder.join("refs/main"));
        let main = main.filter(|commit| is_plain(commit)).map(|commit| folder.join("snapshots").join(commit));
        let main = main.and_then(|snapshot| self.examine(id, snapshot));
        // This is asked with every request: the other snapshots are looked at only where that one is not enough.
        if main.as_ref().is_some_and(|model| model.is_complete) {
            return main;
        }
        let mut snapshots = entries(&folder.join("snapshots"));
        snapshots.sort_by_cached_key(|path| std::cmp::Reverse(modified(path)));
        let mut partial = main;
        for model in snapshots.into_iter().filter_map(|snapshot| self.examine(id, snapshot)) {
            if model.is_complete {
                return Some(model);
            }
            partial = partial.or(Some(model));
        }
        partial
    }

    /// What a snapshot holds; `None` without a configuration or without weights. Links that lead nowhere count as not there.
    fn examine(&self, id: &str, folder: PathBuf) -> Option<CachedModel> {
        let file = |path: &PathBuf| {
            let name = path.file_name()?.to_str().filter(|name| is_of_use(name))?.to_owned();
            let facts = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
            Some((name, facts.len()))
        };
        let files: Vec<(String, u64)> = entries(&folder).iter().filter_map(file).collect();
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let weights = weights_of(&names);
        let first = weights.first().filter(|_| names.contains(CONFIG))?;
        let is_complete = !first.ends_with(".index.json") || {
            let named = self.shards(&folder.join(first));
            named.is_some_and(|named| named.iter().all(|name| names.contains(name.as_str())))
        };
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        Some(CachedModel { id: id.to_owned(), folder, bytes, is_complete })
    }

    /// The files of a model whose content is not the one that the hub announced for them, told by the names of their blobs. Files
    /// that are no blobs of the cache cannot be checked.
    ///
    /// # Errors
    /// A refusal of a file that cannot be read; [`Error::Cancelled`](crate::domain::Error::Cancelled).
    pub fn damaged(&self, model: &CachedModel, cancel: &Cancel) -> Result<Vec<String>> {
        let blobs = self.model_folder(&model.id).join("blobs").canonicalize().ok();
        let mut damaged = Vec::new();
        for path in entries(&model.folder) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_of_use(name)) else { continue };
            let Some(blob) = path.canonicalize().ok().filter(|blob| blob.parent() == blobs.as_deref()) else { continue };
            let checksum = Checksum::of(&blob.file_name().unwrap_or_default().to_string_lossy());
            let mut file = nofollow::open(&blob, File::options().read(true))?;
            if !checksum.holds(&mut file, &blob, &mut |_| cancel.check())? {
                damaged.push(name.to_owned());
            }
        }
        damaged.sort();
        Ok(damaged)
    }

    /// The files that an index names, read again only if it has changed; `None` where it is no index.
    fn shards(&self, path: &Path) -> Option<Arc<BTreeSet<String>>> {
        let most = limit(path.file_name()?.to_str()?)?;
        let facts = fs::metadata(path).ok().filter(|facts| facts.is_file() && facts.len() <= most)?;
        let (bytes, modified) = (facts.len(), facts.modified().ok()?);
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = indexes.get(path).filter(|index| (index.bytes, index.modified) == (bytes, modified)) {
            return index.shards.clone();
        }
        let shards = shards_of(&fs::read(path).ok()?).map(Arc::new);
        indexes.insert(path.to_owned(), Index { bytes, modified, shards: shards.clone() });
        shards
    }

    /// Where a model's blobs, references and snapshots are.
    pub(super) fn model_folder(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{PREFIX}{}", id.replace('/', "--")))
    }

    /// Where programs say that they are downloading blobs of a model.
    pub(super) fn locks(&self, id: &str) -> PathBuf {
        self.folder.join(".locks").join(format!("{PREFIX}{}", id.replace('/', "--")))
    }

    /// Where programs say that they are downloading a blob.
    pub(super) fn lock_file(&self, id: &str, etag: &str) -> PathBuf {
        self.locks(id).join(format!("{etag}.lock"))
    }
}

/// Paths in a folder; none where it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|facts| facts.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn broken_caches_are_read_as_far_as_they_go() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(Cache::new(&root.join("none")).models(), []);
        put(root, "models--org--old/snapshots/abc/config.json", "{}");
        put(root, "models--org--old/snapshots/abc/model.safetensors", "12345");
        put(root, "models--org--old/snapshots/abc/README.md", "not counted");
        put(root, "models--org--old/refs/main", "gone\n");
        put(root, "models--gpt2/snapshots/c/config.json", "{}");
        put(
            root,
            "models--gpt2/snapshots/c/model.safetensors.index.json",
            r#"{"weight_map": {"a": "model-1-of-2.safetensors"}}"#,
        );
        put(root, "models--org--words/snapshots/c/config.json", "{}");
        put(root, "models--org--evil/refs/main", "../../models--org--old/snapshots/abc");
        put(root, "models--org--file/snapshots", "no folder");
        put(root, "models--..--x/snapshots/c/config.json", "{}");
        put(root, "datasets--org--d/snapshots/c/config.json", "{}");
        let cache = Cache::new(root);
        let models = cache.models();
        let seen: Vec<_> = models.iter().map(|m| (m.id.as_str(), m.bytes, m.is_complete)).collect();
        assert_eq!(seen, [("gpt2", 51, false), ("org/old", 7, true)]);
        assert_eq!(cache.find("org/old").unwrap().folder, root.join("models--org--old/snapshots/abc"));
        put(root, "models--gpt2/snapshots/c/model-1-of-2.safetensors", "1");
        assert!(cache.find("gpt2").unwrap().is_complete);
        let index = r#"{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}"#;
        put(root, "models--gpt2/snapshots/c/model.safetensors.index.json", index);
        assert!(!cache.find("gpt2").unwrap().is_complete, "an index that has changed is read again");
        assert_eq!(cache.find("org/words"), None);
    }
}
