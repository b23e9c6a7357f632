//! The hub's answer about a model, and the plan of what is downloaded of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::files::{CONFIG, chosen, is_index, is_of_use, is_plain, limit, shards_of, weights_of};
use crate::domain::{Error, Result};

/// What to do about answers that no hub gives.
pub(super) const CHECK_ENDPOINT: &str = "check HF_ENDPOINT, and any proxy on the way";
/// What to do about a web page that came in place of data.
pub(super) const SIGN_IN: &str = "sign in where this network asks for it, and check HF_ENDPOINT and any proxy on the way";

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
    /// Reads the hub's answer to a question about a model.
    ///
    /// # Errors
    /// A refusal of what is no such answer, or of a model without configuration or weights.
    pub fn parse(id: &str, answer: &[u8]) -> Result<Self> {
        let odd = |what: String| Error::refused(id, what).expected("the hub's list of the model's files").remedy(CHECK_ENDPOINT);
        if is_page(answer) {
            return Err(odd("the hub's answer cannot be read: it is a web page".to_owned()).remedy(SIGN_IN));
        }
        let listing: Listing =
            serde_json::from_slice(answer).map_err(|err| odd(format!("the hub's answer cannot be read ({err})")))?;
        if !is_commit(&listing.sha) {
            let what = format!("the hub names the commit {:?}", listing.sha);
            return Err(odd(what).expected("40 hexadecimal digits"));
        }
        let mut listed = BTreeMap::new();
        for sibling in listing.siblings.iter().filter(|sibling| is_of_use(&sibling.rfilename)) {
            let file = RemoteFile::of(sibling);
            // Listing a file twice does no harm, unless the entries disagree.
            if listed.get(sibling.rfilename.as_str()).is_some_and(|other| *other != file) {
                return Err(odd(format!("the hub lists {} twice, with different contents", file.name)));
            }
            listed.insert(sibling.rfilename.as_str(), file);
        }
        let names = listed.keys().copied().collect();
        let lacks = |what: &str| Error::refused(id, format!("its repository holds no {what}")).remedy("choose another model");
        if !listed.contains_key(CONFIG) {
            return Err(lacks("config.json").expected("a model of the transformers library"));
        }
        if weights_of(&names).is_empty() {
            return Err(lacks("model.safetensors or pytorch_model.bin").expected("weights in one of these forms"));
        }
        let files: Vec<RemoteFile> = chosen(&names).iter().filter_map(|name| listed.get(name.as_str()).cloned()).collect();
        let gated = !matches!(listing.gated, serde_json::Value::Null | serde_json::Value::Bool(false));
        let plan = Self { id: id.to_owned(), commit: listing.sha, gated, files };
        plan.files.iter().try_for_each(|file| plan.check_length(file, file.size.unwrap_or(0)))?;
        Ok(plan)
    }

    /// Bytes in all, as far as the listing says.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Refuses a file that is longer than one of its kind may be: all but weights are read as a whole.
    ///
    /// # Errors
    /// A refusal that names the file.
    pub(super) fn check_length(&self, file: &RemoteFile, bytes: u64) -> Result<()> {
        match limit(&file.name) {
            Some(most) if bytes > most => {
                let kind = if file.is_index() { "an index of weights" } else { "a file of its kind" };
                Err(Error::refused(&self.id, format!("{} is too large for {kind}: {bytes} bytes", file.name))
                    .expected(format!("no more than {most} bytes"))
                    .remedy("tell the model's owners, or check HF_ENDPOINT"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an index of shards names only files that will be there.
    ///
    /// # Errors
    /// A refusal that names the file that the hub does not list.
    pub(super) fn check_index(&self, index: &[u8]) -> Result<()> {
        let refused = |what: String| Error::refused(&self.id, what).remedy("tell the model's owners");
        let Some(named) = shards_of(index) else {
            return Err(refused("its index of weights cannot be read".to_owned()).expected("JSON with a weight_map"));
        };
        let listed: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        match named.iter().find(|name| !listed.contains(name.as_str())) {
            None => Ok(()),
            Some(odd) => Err(refused(format!("its index of weights names {odd:?}"))
                .expected("files of its own, such as model-00001-of-00002.safetensors")),
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
        is_index(&self.name)
    }
}

/// Whether an answer is a page for people, as the portals of hotels and companies send in place of what was asked for.
fn is_page(answer: &[u8]) -> bool {
    answer.trim_ascii_start().starts_with(b"<")
}

/// Whether a text is the id of a commit: SHA-1 or SHA-256 in hexadecimal.
fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn parsed(siblings: &serde_json::Value) -> Result<Plan> {
        Plan::parse("a/b", serde_json::json!({"sha": COMMIT, "gated": "manual", "siblings": siblings}).to_string().as_bytes())
    }

    fn names(siblings: &[&str]) -> Vec<String> {
        let siblings: Vec<_> = siblings.iter().map(|name| serde_json::json!({"rfilename": name})).collect();
        let plan = parsed(&siblings.into()).unwrap();
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
        let pieces = ["config.json", "spiece.model", "model.safetensors"];
        assert_eq!(names(&pieces), pieces, "SentencePiece's vocabulary, where there is no other");
        let both = [&pieces[..], &["tokenizer.json"]].concat();
        assert_eq!(names(&both), ["config.json", "tokenizer.json", "model.safetensors"]);
        assert_eq!(names(&["config.json", "model.safetensors", "config.json"]), ["config.json", "model.safetensors"]);
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let plan = parsed(&serde_json::json!([{"rfilename": "config.json"}, {"rfilename": "../model.safetensors"},
            {"rfilename": "model.safetensors.index.json"}, {"rfilename": "model-1-of-1.safetensors"}]))
        .unwrap();
        assert!(plan.files.iter().all(|file| is_plain(&file.name)));
        plan.check_index(br#"{"weight_map": {"w": "model-1-of-1.safetensors"}}"#).unwrap();
        for index in [r#"{"weight_map": {"w": "../../config"}}"#, r#"{"weight_map": {"w": "/etc/hosts"}}"#, "{", "{}"] {
            plan.check_index(index.as_bytes()).unwrap_err();
        }
    }

    #[test]
    fn an_answer_that_is_no_list_is_refused() {
        let model = serde_json::json!([{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]);
        let listing = |sha: &str| serde_json::json!({"sha": sha, "siblings": model}).to_string();
        let twice = serde_json::json!([{"rfilename": "config.json", "size": 2}, {"rfilename": "config.json", "size": 3}]);
        let deep = format!(r#"{{"sha": "{COMMIT}", "gated": {}"#, "[".repeat(1_000_000));
        Plan::parse("a/b", listing(COMMIT).as_bytes()).unwrap();
        Plan::parse("a/b", listing(&COMMIT.to_uppercase()).as_bytes()).unwrap();
        for (answer, words) in [
            (" <html>".to_owned(), "it is a web page; expected the hub's list"),
            (listing(COMMIT)[..60].to_owned(), "cannot be read (EOF"),
            (deep, "recursion limit"),
            (r#"{"sha": 5}"#.to_owned(), "invalid type: integer"),
            ("[]".to_owned(), "cannot be read"),
            (listing("../x"), r#"names the commit "../x"; expected 40 hexadecimal digits"#),
            (listing("main"), r#"names the commit "main""#),
            (listing(""), "names the commit"),
            (listing(&COMMIT[1..]), "names the commit"),
            (serde_json::json!({"sha": COMMIT, "siblings": twice}).to_string(), "lists config.json twice"),
            (serde_json::json!({"sha": COMMIT, "siblings": [{"rfilename": "a"}]}).to_string(), "holds no config.json"),
            (serde_json::json!({"sha": COMMIT, "siblings": [{"rfilename": "config.json"}]}).to_string(), "holds no model"),
        ] {
            let line = Plan::parse("a/b", answer.as_bytes()).unwrap_err().to_string();
            assert!(line.contains(words) && line.contains("; expected ") && line.len() < 600, "{words:?}: {line}");
        }
    }

    #[test]
    fn files_are_as_long_as_they_may_be() {
        let plan = parsed(&serde_json::json!([{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}])).unwrap();
        plan.check_length(&plan.files[0], 4 << 20).unwrap();
        plan.check_length(&plan.files[0], (4 << 20) + 1).unwrap_err();
        plan.check_length(&plan.files[1], u64::MAX).unwrap();
        let line =
            parsed(&serde_json::json!([{"rfilename": "config.json", "size": 1_u64 << 40}, {"rfilename": "model.safetensors"}]))
                .unwrap_err()
                .to_string();
        assert!(line.contains("config.json is too large") && line.contains("1099511627776 bytes"), "{line}");
    }
}
