//! Silhouette: how well labels fit the distances of what they label, without a ground truth.

/// Cosine distances of vectors, 1 - cos; of a vector without length 1.
///
/// # Shapes
/// `vectors` is `[n, width]`, the result `[n, n]`.
pub fn cosine_distances(vectors: &[f32], width: usize) -> Vec<f32> {
    let unit: Vec<Vec<f32>> = vectors
        .chunks_exact(width.max(1))
        .map(|v| {
            let norm = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            v.iter().map(|x| if norm > 0.0 { (f64::from(*x) / norm) as f32 } else { 0.0 }).collect()
        })
        .collect();
    let distance = |a: &Vec<f32>, b: &Vec<f32>| 1.0 - a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    unit.iter().flat_map(|a| unit.iter().map(move |b| distance(a, b))).collect()
}

/// The mean silhouette coefficient, -1..1: (b - a) / max(a, b) with a the mean distance to a thing's own cluster and b that to the
/// nearest other one; 0 for a cluster of one. `None` unless there are 2 to n - 1 clusters.
///
/// P. J. Rousseeuw, Silhouettes: a graphical aid to the interpretation and validation of cluster analysis, Journal of Computational
/// and Applied Mathematics 20, 1987.
///
/// # Shapes
/// `distances` is `[n, n]`, `labels` `[n]`.
pub fn silhouette(distances: &[f32], labels: &[u16]) -> Option<f64> {
    let n = labels.len();
    let clusters = labels.iter().max().map_or(0, |&l| usize::from(l) + 1);
    let mut sizes = vec![0_usize; clusters];
    labels.iter().for_each(|&l| sizes[usize::from(l)] += 1);
    let used = sizes.iter().filter(|&&size| size > 0).count();
    if used < 2 || used >= n {
        return None;
    }
    let mut sum = 0.0;
    for (row, &own) in distances.chunks_exact(n).zip(labels) {
        let own = usize::from(own);
        if sizes[own] == 1 {
            continue;
        }
        let mut sums = vec![0.0; clusters];
        row.iter().zip(labels).for_each(|(&d, &l)| sums[usize::from(l)] += f64::from(d));
        let a = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..clusters).filter(|&c| c != own && sizes[c] > 0).map(|c| sums[c] / sizes[c] as f64);
        let b = others.fold(f64::INFINITY, f64::min);
        if a.max(b) > 0.0 {
            sum += (b - a) / a.max(b);
        }
    }
    Some(sum / n as f64)
}
