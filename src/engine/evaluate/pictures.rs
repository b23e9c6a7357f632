//! `pictures.json`: which pictures the rows of a folder are about, so that a merge knows what is missing.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fingerprint::of_text;
use super::folder::{PICTURES, write_json};
use super::layout::Pair;
use super::left_out::LeftOut;
use super::plan::Plan;
use crate::domain::{Error, Result};
use crate::store::read_file;

/// Bytes of the file; a million pictures take 50 MB.
const MAX_FILE: u64 = 1 << 30;

/// The pictures of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pictures {
    /// How many pictures the data set has, before it is divided into shards.
    pub(super) total: usize,
    /// SHA-256 of the names and sizes of all of them and of their masks: shards of one data set have the same.
    pub(super) sha256: String,
    /// Ids of those that are this folder's.
    pub(super) ids: Vec<String>,
    /// What the whole data set has beside them.
    #[serde(default)]
    pub(super) left_out: Vec<LeftOut>,
}

impl Pictures {
    /// Of a whole data set, and of the part of it that a plan takes.
    pub(super) fn of(every: &[Pair], ours: &[Pair], left_out: Vec<LeftOut>) -> Self {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |facts| facts.len());
        let line = |pair: &Pair| {
            let masks: Vec<u64> = pair.masks.iter().map(|mask| size(mask)).collect();
            format!("{:?} {:?} {} {masks:?}\n", pair.id, pair.image.extension(), size(&pair.image))
        };
        let sha256 = of_text(&every.iter().map(line).collect::<String>());
        Self { total: every.len(), sha256, ids: ours.iter().map(|pair| pair.id.clone()).collect(), left_out }
    }

    /// Of a folder.
    ///
    /// # Errors
    /// A refusal of a folder without the file, or with another of that name.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PICTURES);
        let remedy = "run its command again: answers that are still right are kept";
        let bytes = read_file(&path, MAX_FILE, "the pictures of `tokenscope evaluate`").map_err(|err| err.remedy(remedy))?;
        serde_json::from_slice(&bytes)
            .map_err(|err| Error::refused(path.display(), err).expected("the pictures of `tokenscope evaluate`").remedy(remedy))
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// A refusal where that cannot be done.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join(PICTURES), self)
    }
}

/// The part of a data set that a plan takes.
pub(super) fn part(plan: &Plan, every: &[Pair]) -> Vec<Pair> {
    let is_ours = |i: usize| plan.shard.is_none_or(|shard| i % shard.count == shard.index);
    every.iter().enumerate().filter(|(i, _)| is_ours(*i)).map(|(_, pair)| pair.clone()).collect()
}
