//! Clusters as tokens (after Kalibhat et al., arXiv 2405.16401): the mean vector of each, and how much each reads from each.

use std::sync::Arc;

use super::affinity::{cosines, unit_vectors};
use crate::domain::Result;
use crate::domain::exhibit::{Exhibit, Matrix};
use crate::model::{Model, Trace, trace::values};

/// What is needed to see any clustering of an input's patches as tokens; cheap enough for every cut.
#[derive(Clone, Debug, Default)]
pub struct Relations {
    /// `[N, N]`, attention between patches in the block below the layer, its heads' mean; empty at layer 0 and where it is too
    /// large to be kept.
    attention: Vec<f32>,
    /// `[N, D]`, the residual stream of the patches.
    tokens: Vec<f32>,
    /// N.
    patches: usize,
}

/// More clusters than this are no table that one could read.
const MOST_CLUSTERS: usize = 64;
/// More patches than this have more attention than is kept: 64 MiB.
const MOST_PATCHES: usize = 4096;

impl Relations {
    /// Of a layer.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when the device gives nothing back.
    pub fn of(model: &Model, trace: &Trace, layer: usize) -> Result<Arc<Self>> {
        let (patches, prefix) = (trace.layout.grid.len(), trace.layout.prefix.len());
        let tokens = trace.residual_values(layer)?.split_off(prefix * model.width());
        let attention = match layer.checked_sub(1).filter(|_| patches <= MOST_PATCHES) {
            Some(below) => {
                let attention = model.blocks[below].attention(&trace.blocks[below])?.mean(0)?;
                values(&attention.narrow(0, prefix, patches)?.narrow(1, prefix, patches)?)?
            }
            None => Vec::new(),
        };
        Ok(Arc::new(Self { attention, tokens, patches }))
    }

    /// Attention between clusters, and cosines of their mean vectors; nothing of a single cluster and of very many.
    ///
    /// # Shapes
    /// `labels` is `[N]`, each below `clusters`.
    pub fn exhibits(&self, labels: &[u16], clusters: usize) -> Vec<Exhibit> {
        if !(2..=MOST_CLUSTERS).contains(&clusters) || labels.len() != self.patches {
            return Vec::new();
        }
        let names: Vec<String> = (0..clusters).map(|label| label.to_string()).collect();
        let matrix = |title: &str, unit: &str, values| Matrix {
            title: title.to_owned(),
            unit: unit.to_owned(),
            rows: names.clone(),
            columns: names.clone(),
            values,
            ..Matrix::default()
        };
        let attention = (!self.attention.is_empty()).then(|| Matrix {
            row_label: "segment that reads".to_owned(),
            column_label: "segment that is read".to_owned(),
            ..matrix("Attention between segments", "attention", cluster_attention(&self.attention, labels, clusters))
        });
        let width = self.tokens.len() / self.patches.max(1);
        let means = cluster_tokens(&self.tokens, width, labels, clusters);
        let cosines = unit_vectors(&means, width).and_then(|unit| cosines(&unit, width)).ok().map(|cosines| Matrix {
            row_label: "segment".to_owned(),
            column_label: "segment".to_owned(),
            signed: true,
            ..matrix("Likeness of segments", "cosine of mean tokens", cosines.into_iter().map(|c| c as f32).collect())
        });
        attention.into_iter().chain(cosines).map(Exhibit::Matrix).collect()
    }

    /// Bytes that it holds.
    pub fn num_bytes(&self) -> usize {
        (self.attention.len() + self.tokens.len()) * 4
    }
}

/// The mean vector of each cluster's patches.
///
/// # Shapes
/// `features` is `[N, width]`, `labels` `[N]`, each below `clusters`; the result `[clusters, width]`.
pub fn cluster_tokens(features: &[f32], width: usize, labels: &[u16], clusters: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; clusters * width];
    for (vector, &label) in features.chunks_exact(width.max(1)).zip(labels) {
        sums[usize::from(label) * width..][..width].iter_mut().zip(vector).for_each(|(s, &v)| *s += f64::from(v));
    }
    let sizes = sizes(labels, clusters);
    sums.iter().enumerate().map(|(i, sum)| (sum / sizes[i / width].max(1) as f64) as f32).collect()
}

/// Attention between clusters: of the patches of the one, on average, to all patches of the other together. A row sums to 1 minus
/// what its patches read from prefix tokens; that of a cluster without patches is NaN.
///
/// # Shapes
/// `attention` is `[N, N]`, between patches, heads fused; `labels` `[N]`, each below `clusters`; the result `[clusters, clusters]`.
pub fn cluster_attention(attention: &[f32], labels: &[u16], clusters: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; clusters * clusters];
    for (row, &from) in attention.chunks_exact(labels.len().max(1)).zip(labels) {
        let sums = &mut sums[usize::from(from) * clusters..][..clusters];
        row.iter().zip(labels).for_each(|(&a, &to)| sums[usize::from(to)] += f64::from(a));
    }
    let sizes = sizes(labels, clusters);
    sums.iter().enumerate().map(|(i, sum)| (sum / sizes[i / clusters] as f64) as f32).collect()
}

/// Patches of each cluster.
fn sizes(labels: &[u16], clusters: usize) -> Vec<usize> {
    let mut sizes = vec![0; clusters];
    labels.iter().for_each(|&label| sizes[usize::from(label)] += 1);
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_means_and_rows_lack_the_share_of_prefix_tokens() {
        let labels = [0, 1, 1];
        let tokens = vec![1.0, 2.0, 3.0, 4.0, 5.0, 8.0];
        assert_eq!(cluster_tokens(&tokens, 2, &labels, 2), [1.0, 2.0, 4.0, 6.0]);
        // Each row lacks what its patch reads from a class token: 1/2, 0, 1/2.
        let attention = vec![0.25, 0.125, 0.125, 0.5, 0.5, 0.0, 0.0, 0.25, 0.25];
        assert_eq!(cluster_attention(&attention, &labels, 2), [0.25, 0.25, 0.25, 0.5]);
        let relations = Relations { attention, tokens, patches: 3 };
        let titles: Vec<String> = relations.exhibits(&labels, 2).iter().map(|e| e.title().to_owned()).collect();
        assert_eq!(titles, ["Attention between segments", "Likeness of segments"]);
        assert!(relations.exhibits(&[0, 0, 0], 1).is_empty());
    }
}
