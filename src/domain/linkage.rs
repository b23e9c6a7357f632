//! A linkage tree: the order in which clusters merge. Cutting it again costs nothing, so a slider may.

use serde::{Deserialize, Serialize};

use super::request::Cut;

/// One merge, as a row of SciPy's Z: observations are nodes 0..n, the merge of row i makes node n + i.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// Smaller node.
    pub left: usize,
    /// Larger node.
    pub right: usize,
    /// Distance between the two.
    pub distance: f64,
    /// Observations below the new node.
    pub size: usize,
}

/// n - 1 merges of n observations, by ascending distance.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkageTree {
    num_leaves: usize,
    merges: Vec<Merge>,
}

/// A flat clustering of a tree's leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// `[n]`, the cluster of each leaf; clusters are numbered by their first leaf.
    pub label_of: Vec<usize>,
    /// `[clusters]`, the tree's node at the top of each cluster.
    pub node_of: Vec<usize>,
}

impl Clusters {
    /// Number of clusters.
    pub fn len(&self) -> usize {
        self.node_of.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.node_of.is_empty()
    }
}

impl LinkageTree {
    /// A tree over `num_leaves` observations; `merges` has one row less and ascends.
    pub fn new(num_leaves: usize, merges: Vec<Merge>) -> Self {
        debug_assert_eq!(merges.len() + 1, num_leaves.max(1));
        Self { num_leaves, merges }
    }

    /// n, the number of observations.
    pub fn num_leaves(&self) -> usize {
        self.num_leaves
    }

    /// The rows of SciPy's Z.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The distance at and below which merges are made for `cut`.
    ///
    /// A count is SciPy's `maxclust`: the smallest distance that leaves no more clusters than asked.
    pub fn threshold(&self, cut: Cut) -> f64 {
        match cut {
            Cut::Distance(t) => t,
            Cut::Clusters(k) => match self.num_leaves.saturating_sub(k.max(1)) {
                0 => f64::NEG_INFINITY,
                num_merges => self.merges[num_merges - 1].distance,
            },
        }
    }

    /// Cuts the tree.
    pub fn cut(&self, cut: Cut) -> Clusters {
        let threshold = self.threshold(cut);
        let made = self.merges.partition_point(|m| m.distance <= threshold);
        let mut top: Vec<usize> = (0..self.num_leaves + made).collect();
        for (i, merge) in self.merges[..made].iter().enumerate().rev() {
            let node = self.num_leaves + i;
            top[merge.left] = top[node];
            top[merge.right] = top[node];
        }
        let mut clusters = Clusters { label_of: Vec::with_capacity(self.num_leaves), node_of: Vec::new() };
        for &node in &top[..self.num_leaves] {
            let label = clusters.node_of.iter().position(|&n| n == node).unwrap_or_else(|| {
                clusters.node_of.push(node);
                clusters.node_of.len() - 1
            });
            clusters.label_of.push(label);
        }
        clusters
    }

    /// A colour index for every node. Going down from the root, the larger half of a cluster keeps its colour and the smaller
    /// takes a new one, so that the colours of clusters that a cut leaves alone stay as they were.
    ///
    /// # Shapes
    /// `[2n - 1]`, indices of [`super::colormap::label_colour`].
    pub fn colours(&self) -> Vec<usize> {
        let size = |node: usize| node.checked_sub(self.num_leaves).map_or(1, |i| self.merges[i].size);
        let mut colours = vec![0; self.num_leaves + self.merges.len()];
        for (fresh, (i, merge)) in self.merges.iter().enumerate().rev().enumerate() {
            let larger_is_left = size(merge.left) >= size(merge.right);
            let (larger, smaller) = if larger_is_left { (merge.left, merge.right) } else { (merge.right, merge.left) };
            colours[larger] = colours[self.num_leaves + i];
            colours[smaller] = fresh + 1;
        }
        colours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves 0 and 1 merge at 0.1, 3 and 4 at 0.2, 2 joins 3 and 4 at 0.4, all at 0.9.
    fn tree() -> LinkageTree {
        let merge = |left, right, distance, size| Merge { left, right, distance, size };
        LinkageTree::new(5, vec![merge(0, 1, 0.1, 2), merge(3, 4, 0.2, 2), merge(2, 6, 0.4, 3), merge(5, 7, 0.9, 5)])
    }

    #[test]
    fn cuts_by_distance_and_count_number_clusters_by_their_first_leaf() {
        assert_eq!(tree().cut(Cut::Distance(0.0)).label_of, [0, 1, 2, 3, 4]);
        assert_eq!(tree().cut(Cut::Distance(0.2)).label_of, [0, 0, 1, 2, 2]);
        assert_eq!(tree().cut(Cut::Clusters(2)).label_of, [0, 0, 1, 1, 1]);
        assert_eq!(tree().cut(Cut::Clusters(1)).label_of, [0; 5]);
        assert_eq!(tree().cut(Cut::Clusters(2)).node_of, [5, 7]);
    }

    #[test]
    fn fewer_clusters_as_the_distance_grows() {
        let counts: Vec<usize> = (0..12).map(|t| tree().cut(Cut::Distance(f64::from(t) / 10.0)).len()).collect();
        assert!(counts.windows(2).all(|w| w[0] >= w[1]), "{counts:?}");
    }

    #[test]
    fn the_larger_half_keeps_its_colour() {
        let colours = tree().colours();
        assert_eq!(colours[8], 0);
        assert_eq!((colours[7], colours[5]), (0, 1));
        assert_eq!((colours[6], colours[2]), (0, 2));
    }

    #[test]
    fn trees_of_one_leaf_and_two_are_cut() {
        assert_eq!(LinkageTree::new(1, Vec::new()).cut(Cut::Clusters(3)).label_of, [0]);
        let two = LinkageTree::new(2, vec![Merge { left: 0, right: 1, distance: 0.5, size: 2 }]);
        assert_eq!(two.cut(Cut::Distance(0.4)).len(), 2);
    }
}
