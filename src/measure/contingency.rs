//! The contingency table of two labellings: what every score of segments against a mask but that of boundaries is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A label that says nothing: its pixels are not counted.
pub const IGNORED: u16 = u16::MAX;

/// How many pixels have each pair of labels. Tables of several images add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, u16, u64)>", into = "Vec<(u16, u16, u64)>")]
pub struct Contingency {
    counts: BTreeMap<(u16, u16), u64>,
}

impl Contingency {
    /// Counts two labellings of the same pixels; a pixel that one of them ignores is left out.
    pub fn new(predicted: &[u16], truth: &[u16]) -> Self {
        let mut table = Self::default();
        // Neighbours mostly agree: a run is counted at once.
        let mut pairs = predicted.iter().copied().zip(truth.iter().copied()).filter(|&(p, t)| p != IGNORED && t != IGNORED);
        let Some(mut run) = pairs.next() else { return table };
        let mut length = 1;
        for pair in pairs {
            if pair == run {
                length += 1;
            } else {
                table.add(run, length);
                (run, length) = (pair, 1);
            }
        }
        table.add(run, length);
        table
    }

    /// Adds pixels of a predicted and a true label.
    pub fn add(&mut self, pair: (u16, u16), count: u64) {
        if count > 0 {
            *self.counts.entry(pair).or_default() += count;
        }
    }

    /// Adds the counts of another table.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(&pair, &count)| self.add(pair, count));
    }

    /// `((predicted, true), pixels)` where there are any, in ascending order.
    pub fn cells(&self) -> impl Iterator<Item = ((u16, u16), u64)> {
        self.counts.iter().map(|(&pair, &count)| (pair, count))
    }

    /// Pixels that are counted.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Pixels of each predicted label.
    pub fn predicted(&self) -> BTreeMap<u16, u64> {
        self.sums(|(predicted, _)| predicted)
    }

    /// Pixels of each true label.
    pub fn truth(&self) -> BTreeMap<u16, u64> {
        self.sums(|(_, truth)| truth)
    }

    fn sums(&self, label: impl Fn((u16, u16)) -> u16) -> BTreeMap<u16, u64> {
        let mut sums = BTreeMap::new();
        for (pair, count) in self.cells() {
            *sums.entry(label(pair)).or_default() += count;
        }
        sums
    }
}

impl TryFrom<Vec<(u16, u16, u64)>> for Contingency {
    type Error = String;

    /// Refuses cells that no labelling has: an ignored label, no pixel, a pair that stands there twice, more pixels than can be counted.
    fn try_from(cells: Vec<(u16, u16, u64)>) -> Result<Self, String> {
        let (mut counts, mut total) = (BTreeMap::new(), 0_u64);
        for cell @ (predicted, truth, count) in cells {
            let refused = |why: &str| Err(format!("counts of {cell:?}: {why}"));
            if predicted == IGNORED || truth == IGNORED {
                return refused("the label is that of ignored pixels");
            }
            if count == 0 {
                return refused("there is no pixel");
            }
            let Some(sum) = total.checked_add(count) else { return refused("there are too many pixels") };
            total = sum;
            if counts.insert((predicted, truth), count).is_some() {
                return refused("the pair stands there twice");
            }
        }
        Ok(Self { counts })
    }
}

impl From<Contingency> for Vec<(u16, u16, u64)> {
    fn from(table: Contingency) -> Self {
        table.cells().map(|((predicted, truth), count)| (predicted, truth, count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_and_what_is_ignored_is_not() {
        let table = Contingency::new(&[0, 0, 1, 1, 1, 0, IGNORED], &[5, 5, 5, 7, 7, IGNORED, 5]);
        assert_eq!(table.cells().collect::<Vec<_>>(), [((0, 5), 2), ((1, 5), 1), ((1, 7), 2)]);
        assert_eq!((table.total(), table.truth()[&5], table.predicted()[&1]), (5, 3, 3));
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(text, "[[0,5,2],[1,5,1],[1,7,2]]");
        let mut twice: Contingency = serde_json::from_str(&text).unwrap();
        twice.merge(&table);
        assert_eq!(twice.total(), 10);
        assert_eq!(Contingency::new(&[], &[]).total(), 0);
    }

    #[test]
    fn cells_that_no_labelling_has_are_refused() {
        for (cells, why) in [
            ("[[0,1,5],[0,1,2]]", "twice"),
            ("[[0,65535,5]]", "ignored"),
            ("[[65535,0,5]]", "ignored"),
            ("[[0,1,0]]", "no pixel"),
            ("[[0,1,18446744073709551615],[1,1,1]]", "too many"),
            ("[[0,1,-5]]", "invalid value"),
            ("[[70000,1,5]]", "invalid value"),
        ] {
            let refused = serde_json::from_str::<Contingency>(cells).unwrap_err().to_string();
            assert!(refused.contains(why), "{cells}: {refused}");
        }
    }
}
