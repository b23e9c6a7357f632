//! The confusion table of predicted segments that were given true labels, and the scores that are read from it.

use std::collections::BTreeMap;
use std::fmt;

use super::Contingency;
use super::assignment::Assignment;

/// Pixels by true and by predicted label. Tables of several images add up: scores of a data set are those of the sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// `None` where the predicted segment stands for no label.
    counts: BTreeMap<(u16, Option<u16>), u64>,
}

impl Confusion {
    /// The table of segments that stand for the labels of `assignment`.
    pub fn new(table: &Contingency, assignment: &Assignment) -> Self {
        let mut confusion = Self::default();
        for ((predicted, truth), count) in table.cells() {
            *confusion.counts.entry((truth, assignment.get(&predicted).copied())).or_default() += count;
        }
        confusion
    }

    /// Adds the counts of another table.
    pub fn merge(&mut self, other: &Self) {
        for (&pair, &count) in &other.counts {
            *self.counts.entry(pair).or_default() += count;
        }
    }

    /// Pixels of a true label that were given a label, or none.
    pub fn count(&self, truth: u16, predicted: Option<u16>) -> u64 {
        self.counts.get(&(truth, predicted)).copied().unwrap_or(0)
    }

    /// The true labels that occur.
    pub fn labels(&self) -> Vec<u16> {
        let mut labels: Vec<u16> = self.counts.keys().map(|(truth, _)| *truth).collect();
        labels.dedup();
        labels
    }

    /// Pixel accuracy: the share of pixels that have their true label, 0..1; NaN of an empty table.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.labels().iter().map(|&label| self.count(label, Some(label))).sum();
        right as f64 / self.counts.values().sum::<u64>() as f64
    }

    /// Intersection over union of each true label that occurs, TP / (TP + FP + FN) (Everingham et al., The Pascal Visual Object
    /// Classes challenge, IJCV 88, 2010), 0..1.
    pub fn ious(&self) -> BTreeMap<u16, f64> {
        let (mut rows, mut columns) = (BTreeMap::<u16, u64>::new(), BTreeMap::<u16, u64>::new());
        for (&(truth, predicted), &count) in &self.counts {
            *rows.entry(truth).or_default() += count;
            if let Some(predicted) = predicted {
                *columns.entry(predicted).or_default() += count;
            }
        }
        let iou = |(label, of_truth): (u16, u64)| {
            let both = self.count(label, Some(label));
            let either = of_truth + columns.get(&label).copied().unwrap_or(0) - both;
            (label, both as f64 / either as f64)
        };
        rows.into_iter().map(iou).collect()
    }

    /// The mean of [`Self::ious`], 0..1; NaN of an empty table.
    pub fn mean_iou(&self) -> f64 {
        let ious = self.ious();
        ious.values().sum::<f64>() / ious.len() as f64
    }

    /// Lines of cells: true labels down, predicted ones across, `unassigned` last. `name` gives a label's name.
    pub fn table(&self, name: impl Fn(u16) -> String) -> Vec<Vec<String>> {
        let labels = self.labels();
        let heads = labels.iter().map(|&l| name(l));
        let mut lines = vec![[vec!["true".to_owned()], heads.collect(), vec!["unassigned".to_owned()]].concat()];
        lines.extend(labels.iter().map(|&truth| {
            let across = labels.iter().map(|&l| Some(l)).chain([None]);
            let counts = across.map(|predicted| self.count(truth, predicted).to_string());
            [name(truth)].into_iter().chain(counts).collect()
        }));
        lines
    }
}

impl fmt::Display for Confusion {
    /// Columns that line up, with labels by number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.table(|label| label.to_string());
        let width = lines.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0);
        for (i, line) in lines.iter().enumerate() {
            let cells: Vec<String> = line.iter().map(|cell| format!("{cell:>width$}")).collect();
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, cells.join("  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::assignment::hungarian;
    use super::*;

    #[test]
    fn sums_of_images_are_scored_as_one() {
        let first = Contingency::try_from(vec![(0, 0, 6), (0, 1, 2), (1, 1, 2)]).unwrap();
        let second = Contingency::try_from(vec![(4, 1, 5), (5, 0, 5)]).unwrap();
        let mut sum = Confusion::new(&first, &hungarian(&first));
        sum.merge(&Confusion::new(&second, &hungarian(&second)));
        assert!((sum.accuracy() - 0.9).abs() < 1e-12);
        assert!((sum.mean_iou() - (11.0 / 13.0 + 7.0 / 9.0) / 2.0).abs() < 1e-12);
        assert_eq!(sum.to_string().lines().count(), 3);
        assert!(Confusion::default().mean_iou().is_nan());
    }

    #[test]
    fn a_segment_without_a_label_is_a_miss_of_every_label() {
        let table = Contingency::try_from(vec![(0, 0, 4), (1, 0, 4)]).unwrap();
        let confusion = Confusion::new(&table, &hungarian(&table));
        assert_eq!(confusion.count(0, None), 4);
        assert!((confusion.mean_iou() - 0.5).abs() < 1e-12);
        assert!(confusion.to_string().contains("unassigned"));
    }
}
