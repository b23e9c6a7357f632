//! One set of clusters for a whole data set: the segments of all pictures, each as the mean vector of its patches, are clustered
//! together, as many clusters as there are classes, and only then matched with the classes, once for all pictures. So a segment's
//! meaning must be the same in every picture, as in the second stage of Melas-Kyriazi et al., Deep Spectral Methods, CVPR 2022.

use std::collections::BTreeMap;

use super::row::Row;
use crate::algebra::random::Random;
use crate::domain::{Cancel, Result};
use crate::measure::Contingency;
use crate::segment::lloyd::{Clustering, best, kmeans_of_seeds};

/// Seeded starts of k-means. Its optimum decides the scores, so the table shows their spread over the starts too.
pub(super) const STARTS: u64 = 20;

/// Mean of the unit vectors of each segment's patches, at length 1; nothing for a segment without patches.
///
/// # Shapes
/// `vectors` is `[N, width]`, `labels` `[N]`; the result `[segments][width]`.
pub(super) fn means(vectors: &[f32], width: usize, labels: &[u16], segments: usize) -> Vec<Vec<f32>> {
    let mut sums = vec![vec![0.0_f64; width]; segments];
    for (vector, &label) in vectors.chunks_exact(width.max(1)).zip(labels) {
        let length = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        if let Some(sum) = sums.get_mut(usize::from(label)).filter(|_| length > 0.0) {
            sum.iter_mut().zip(vector).for_each(|(s, v)| *s += f64::from(*v) / length);
        }
    }
    sums.iter().map(|sum| rounded(sum)).collect()
}

/// At length 1, with four digits: rows are kept as text.
fn rounded(sum: &[f64]) -> Vec<f32> {
    let length = sum.iter().map(|s| s * s).sum::<f64>().sqrt();
    if length == 0.0 { Vec::new() } else { sum.iter().map(|s| ((s / length * 1e4).round() / 1e4) as f32).collect() }
}

/// Pixels by joint cluster and class for every start of k-means, the one with the least inertia first; nothing where a row has no
/// vectors, or vectors differ in length.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`], which never happens here.
pub(super) fn contingencies(rows: &[&Row], seed: u64) -> Result<Vec<Contingency>> {
    // The order in which rows were made must not matter.
    let by_image: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.image.as_str(), *row)).collect();
    let mut classes = Contingency::default();
    let (mut points, mut width, mut places) = (Vec::new(), 0, BTreeMap::new());
    for (image, row) in &by_image {
        let (Some(counts), Some(vectors)) = (&row.counts, &row.vectors) else { return Ok(Vec::new()) };
        classes.merge(counts);
        for (segment, vector) in vectors.iter().enumerate().filter(|(_, vector)| !vector.is_empty()) {
            if width != 0 && vector.len() != width {
                return Ok(Vec::new());
            }
            width = vector.len();
            places.insert((*image, segment), points.len() / width);
            points.extend(vector.iter().map(|v| f64::from(*v)));
        }
    }
    let count = classes.truth().len();
    if points.is_empty() || count == 0 {
        return Ok(Vec::new());
    }
    let seeds: Vec<u64> = (0..STARTS).map(|start| Random::of(seed, &format!("joint start {start}")).bits()).collect();
    let mut found = kmeans_of_seeds(&points, width, count, &seeds, &Cancel::default())?;
    let first = best(&found);
    found.swap(0, first);
    let joint = |found: &Clustering| {
        let mut joint = Contingency::default();
        for (image, row) in &by_image {
            for ((segment, class), pixels) in row.counts.iter().flat_map(Contingency::cells) {
                // Segments without a vector share a cluster of their own.
                let cluster = places.get(&(*image, usize::from(segment))).map_or(count, |&place| found.labels[place]);
                joint.add((cluster as u16, class), pixels);
            }
        }
        joint
    };
    Ok(found.iter().map(joint).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two kinds of things that have other numbers in other pictures.
    fn row(image: &str, numbers: [u16; 2]) -> Row {
        let labels: Vec<u16> = numbers.iter().flat_map(|&n| [n; 50]).collect();
        let truth: Vec<u16> = [3; 50].into_iter().chain([7; 50]).collect();
        let sides = [vec![1.0_f32, 0.1], vec![-0.1, 1.0]];
        let vectors = if numbers[0] == 0 { sides.to_vec() } else { sides.iter().rev().cloned().collect() };
        Row { counts: Some(Contingency::new(&labels, &truth)), vectors: Some(vectors), ..Row::new(image, "x") }
    }

    #[test]
    fn what_looks_alike_is_one_cluster_whatever_its_number() {
        let rows = [row("a", [0, 1]), row("b", [1, 0]), row("c", [0, 1])];
        let joint = contingencies(&rows.iter().collect::<Vec<_>>(), 0).unwrap();
        let again = contingencies(&rows.iter().rev().collect::<Vec<_>>(), 0).unwrap();
        assert_eq!(joint, again, "the order of rows does not matter");
        assert_eq!(joint.len() as u64, STARTS);
        let mut cells: Vec<u64> = joint[0].cells().map(|(_, pixels)| pixels).collect();
        cells.sort_unstable();
        assert_eq!(cells, [150, 150], "two clusters, each of one class");
        let bare = Row { vectors: None, ..row("d", [0, 1]) };
        assert!(contingencies(&[&bare], 0).unwrap().is_empty());
        let wide = Row { vectors: Some(vec![vec![0.6, 0.8, 0.0]]), ..row("e", [0, 1]) };
        assert!(contingencies(&[&rows[0], &wide], 0).unwrap().is_empty(), "vectors of another model");
    }

    #[test]
    fn means_are_of_patches_at_length_one() {
        let means = means(&[2.0, 0.0, 0.0, 5.0, 0.0, 1.0], 2, &[0, 1, 1], 3);
        assert_eq!(means, [vec![1.0, 0.0], vec![0.0, 1.0], Vec::new()]);
    }
}
