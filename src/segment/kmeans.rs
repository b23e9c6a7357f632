//! k-means of the patches' vectors.

use super::knobs::{COMPACTNESS, EDGES, REGIONS, SUPERPIXELS};
use super::lloyd::kmeans;
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::Result;
use crate::domain::info::{Info, Need, Reach, Uses};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// k-means of vectors at length 1, so that squared distances are twice the cosine distances; the means are not scaled again.
#[derive(Debug)]
pub struct KMeans;

static INFO: Info = Info {
    id: "kmeans",
    name: "k-means",
    summary: "K groups of patches whose vectors point the same way",
    formula: "min sum_i |u_i - c_k(i)|^2, u = z/|z|; k-means++ starts, the best of 10",
    citation: "Arthur and Vassilvitskii, k-means++, SODA 2007; Amir et al., arXiv 2112.05814 (2021)",
    cost: "10 starts of about 20 rounds of N K D multiplications",
    unit: "label",
    signed: false,
    min_layer: 0,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[Uses::Facet],
    knobs: &[&OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for KMeans {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Count
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let (unit, width) = scope.unit_features(scope.params.facet)?;
        let found = kmeans(&unit, width, scope.clusters()?, &scope.control.cancel)?;
        scope.divided(&found.labels)
    }
}
