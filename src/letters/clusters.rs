//! Which part of a shaped unit belongs to which characters. A shaper joins characters into clusters: a base with its marks, a
//! ligature, an emoji of several people. A token that is part of a cluster gets its share of the cluster's width, so that it can
//! be seen, pointed at and coloured.

use std::ops::Range;

/// Characters that are drawn together.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// First byte in the unit.
    pub start: usize,
    /// Left edge, from the left of the unit.
    pub left: f32,
    /// Right edge.
    pub right: f32,
}

/// Where the characters of a unit stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clusters {
    /// In the order of the text.
    list: Vec<Cluster>,
    /// Bytes of the unit.
    len: usize,
    /// Whether the unit runs from right to left.
    is_rtl: bool,
}

impl Clusters {
    /// Clusters in any order, of a unit of `len` bytes.
    pub fn new(mut list: Vec<Cluster>, len: usize, is_rtl: bool) -> Self {
        list.sort_by_key(|cluster| cluster.start);
        if let Some(first) = list.first_mut() {
            first.start = 0;
        }
        Self { list, len, is_rtl }
    }

    /// The left and right edge of some bytes of the unit; within a cluster, characters have equal shares.
    pub fn extent(&self, unit: &str, bytes: Range<usize>) -> (f32, f32) {
        let [a, b] = [bytes.start, bytes.end].map(|byte| self.edge(unit, byte));
        (a.min(b), a.max(b))
    }

    /// The bytes of the cluster that holds a byte.
    pub fn around(&self, byte: usize) -> Range<usize> {
        let after = self.list.partition_point(|cluster| cluster.start <= byte);
        let start = after.checked_sub(1).map_or(0, |n| self.list[n].start);
        start..self.list.get(after).map_or(self.len, |next| next.start)
    }

    /// Where a character begins, on the side from which it is read.
    fn edge(&self, unit: &str, byte: usize) -> f32 {
        let Some(last) = self.list.last() else { return 0.0 };
        if byte >= self.len {
            return if self.is_rtl { last.left } else { last.right };
        }
        let number = self.list.partition_point(|cluster| cluster.start <= byte).saturating_sub(1);
        let (cluster, around) = (&self.list[number], self.around(byte));
        let count = |bytes: Range<usize>| unit.get(bytes).map_or(0, |slice| slice.chars().count()) as f32;
        let share = count(around.start..byte) / count(around.clone()).max(1.0);
        let inside = share * (cluster.right - cluster.left);
        if self.is_rtl { cluster.right - inside } else { cluster.left + inside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(start: usize, left: f32, right: f32) -> Cluster {
        Cluster { start, left, right }
    }

    #[test]
    fn tokens_inside_a_cluster_share_its_width() {
        // A ligature of two letters, and a letter.
        let clusters = Clusters::new(vec![cluster(0, 0.0, 8.0), cluster(2, 8.0, 11.0)], 3, false);
        assert_eq!(clusters.extent("fia", 0..1), (0.0, 4.0));
        assert_eq!(clusters.extent("fia", 1..3), (4.0, 11.0));
        assert_eq!(clusters.around(1), 0..2);
        assert_eq!(clusters.around(2), 2..3);
    }

    #[test]
    fn right_to_left_text_begins_at_the_right() {
        let text = "אבג";
        let list = vec![cluster(4, 0.0, 2.0), cluster(2, 2.0, 5.0), cluster(0, 5.0, 9.0)];
        let clusters = Clusters::new(list, 6, true);
        assert_eq!(clusters.extent(text, 0..2), (5.0, 9.0));
        assert_eq!(clusters.extent(text, 2..6), (0.0, 5.0));
        assert_eq!(clusters.extent(text, 0..6), (0.0, 9.0));
    }
}
