//! k-means: Lloyd's iteration from k-means++ centres (Arthur and Vassilvitskii, SODA 2007), restarted from fixed seeds, so that
//! equal points give equal labels.

use rayon::prelude::*;

use crate::algebra::product::inner_products;
use crate::algebra::random::Random;
use crate::domain::{Cancel, Result};

/// Points in clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// `[N]`, the cluster of each point.
    pub labels: Vec<usize>,
    /// `[K, width]`, the mean of each cluster's points.
    pub centres: Vec<f64>,
    /// Sum of squared distances of the points to their centres.
    pub inertia: f64,
}

/// Starts of which the best is kept.
pub const RESTARTS: u64 = 10;
/// Rounds after which a start is taken as it is.
const MAX_ROUNDS: usize = 300;

/// The best of [`RESTARTS`] clusterings; of equal ones the first. Fewer points than clusters are a cluster each.
///
/// # Shapes
/// `points` is `[N, width]`.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`].
pub fn kmeans(points: &[f64], width: usize, clusters: usize, cancel: &Cancel) -> Result<Clustering> {
    let mut found = kmeans_of_seeds(points, width, clusters, &(0..RESTARTS).collect::<Vec<_>>(), cancel)?;
    let best = best(&found);
    Ok(found.swap_remove(best))
}

/// One clustering for each seed, in the order of the seeds.
///
/// # Shapes
/// `points` is `[N, width]`.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`].
pub fn kmeans_of_seeds(points: &[f64], width: usize, clusters: usize, seeds: &[u64], cancel: &Cancel) -> Result<Vec<Clustering>> {
    let clusters = clusters.clamp(1, (points.len() / width.max(1)).max(1));
    let start = |&seed: &u64| {
        cancel.check()?;
        lloyd(points, width, plus_plus(points, width, clusters, seed), cancel)
    };
    seeds.par_iter().map(start).collect()
}

/// The index of the clustering with the least inertia; of equal ones the first.
pub fn best(found: &[Clustering]) -> usize {
    // Differences within rounding must not choose.
    let better = |best: usize, next: usize| if found[next].inertia < found[best].inertia * (1.0 - 1e-12) { next } else { best };
    (0..found.len()).reduce(better).unwrap_or(0)
}

/// Centres far from each other: each is drawn with a probability that grows as its squared distance to those before it; of a few
/// draws the one that leaves the points nearest to their centres is taken (greedy k-means++, as in the authors' own experiments).
fn plus_plus(points: &[f64], width: usize, clusters: usize, seed: u64) -> Vec<f64> {
    let (mut random, count) = (Random::new(seed), points.len() / width.max(1));
    let point = |i: usize| &points[i * width..][..width];
    let draws = 2 + (clusters as f64).ln() as usize;
    let mut nearest = vec![1.0; count];
    let mut centres = Vec::with_capacity(clusters * width);
    for number in 0..clusters.min(count) {
        let total: f64 = nearest.iter().sum();
        let draws = if number == 0 { 1 } else { draws };
        let tries = (0..draws).map(|_| {
            let drawn = drawn(&nearest, random.unit() * total);
            let apart =
                |(i, &d): (usize, &f64)| squared_distance(point(i), point(drawn)).min(if number == 0 { f64::MAX } else { d });
            (drawn, nearest.iter().enumerate().map(apart).collect::<Vec<f64>>())
        });
        let left = |distances: &[f64]| distances.iter().sum::<f64>();
        let Some((drawn, distances)) = tries.reduce(|a, b| if left(&b.1) < left(&a.1) { b } else { a }) else { break };
        centres.extend_from_slice(point(drawn));
        nearest = distances;
    }
    centres
}

/// The index at which the running sum of weights passes `at`.
fn drawn(weights: &[f64], mut at: f64) -> usize {
    let passes = |weight: &f64| {
        at -= weight;
        at < 0.0
    };
    weights.iter().position(passes).unwrap_or(0)
}

/// Lloyd's iteration: each point to its nearest centre (of equally near ones the first), each centre to the mean of its points,
/// until no point moves. A centre without points moves to the point that lies farthest from its own.
///
/// # Shapes
/// `points` is `[N, width]`, `centres` `[K, width]`.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`].
pub fn lloyd(points: &[f64], width: usize, mut centres: Vec<f64>, cancel: &Cancel) -> Result<Clustering> {
    let mut labels = Vec::new();
    for _ in 0..MAX_ROUNDS {
        cancel.check()?;
        let now = nearest(points, width, &centres);
        if now == labels {
            break;
        }
        labels = now;
        means(points, width, &mut labels, &mut centres);
    }
    let distances = points.chunks_exact(width.max(1)).zip(&labels);
    let inertia = distances.map(|(p, &label)| squared_distance(p, &centres[label * width..][..width])).sum();
    Ok(Clustering { labels, centres, inertia })
}

fn nearest(points: &[f64], width: usize, centres: &[f64]) -> Vec<usize> {
    let clusters = centres.len() / width.max(1);
    let half_norms: Vec<f64> = centres.chunks_exact(width.max(1)).map(|c| dot(c, c) / 2.0).collect();
    let products = inner_products(points, centres, width);
    // |p - c|^2 = |p|^2 - 2 (p c - |c|^2 / 2)
    let best = |products: &[f64]| {
        let gain = |c: usize| products[c] - half_norms[c];
        (1..clusters).fold(0, |best, c| if gain(c) > gain(best) { c } else { best })
    };
    products.chunks_exact(clusters.max(1)).map(best).collect()
}

/// Moves centres to their points' means.
fn means(points: &[f64], width: usize, labels: &mut [usize], centres: &mut [f64]) {
    let clusters = centres.len() / width.max(1);
    let mut counts = vec![0_usize; clusters];
    labels.iter().for_each(|&label| counts[label] += 1);
    for empty in 0..clusters {
        if counts[empty] == 0 {
            let apart = |i: usize| squared_distance(&points[i * width..][..width], &centres[labels[i] * width..][..width]);
            let movable = (0..labels.len()).filter(|&i| counts[labels[i]] > 1);
            let Some(far) = movable.reduce(|a, b| if apart(b) > apart(a) { b } else { a }) else { continue };
            counts[labels[far]] -= 1;
            (labels[far], counts[empty]) = (empty, 1);
        }
    }
    centres.fill(0.0);
    for (point, &label) in points.chunks_exact(width.max(1)).zip(labels.iter()) {
        centres[label * width..][..width].iter_mut().zip(point).for_each(|(c, p)| *c += p);
    }
    for (centre, &count) in centres.chunks_exact_mut(width.max(1)).zip(&counts) {
        centre.iter_mut().for_each(|c| *c /= count.max(1) as f64);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blobs_are_separated_and_a_lost_centre_finds_points() {
        let points = [0.0, 0.1, 5.0, 5.1, 5.2];
        let found = kmeans(&points, 1, 2, &Cancel::default()).unwrap();
        assert_eq!(found.labels[0], found.labels[1]);
        assert!(found.labels[2..].iter().all(|&l| l != found.labels[0]));
        let lost = lloyd(&points, 1, vec![0.0, 5.0, 900.0], &Cancel::default()).unwrap();
        assert_eq!(lost.labels.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn equal_points_and_few_points_do_no_harm() {
        let same = kmeans(&[1.0; 12], 2, 3, &Cancel::default()).unwrap();
        assert_eq!((same.labels.len(), same.inertia), (6, 0.0));
        assert_eq!(kmeans(&[1.0, 2.0], 1, 9, &Cancel::default()).unwrap().inertia, 0.0);
        assert!(kmeans(&[], 3, 4, &Cancel::default()).unwrap().labels.is_empty());
    }
}
