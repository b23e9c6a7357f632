//! Agglomerative clustering of the patches' vectors: a linkage tree, by kodama, that can be cut as often as one likes.

use super::affinity::{condensed_distances, cosines};
use super::finish::TokenTree;
use super::knobs::{COMPACTNESS, EDGES, REGIONS, SUPERPIXELS};
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::info::{Info, Need, Reach, Uses};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::linkage::{LinkageTree, Merge};
use crate::domain::{Cancel, Result};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;

/// Clusters that merge by the distance of their members.
#[derive(Debug)]
pub struct Agglomerative;

static LINKAGE: Knob = Knob {
    id: "linkage",
    name: "Linkage",
    help: "the distance of two clusters: mean, largest or smallest cosine distance of their members, or Ward's of unit vectors",
    kind: KnobKind::Choice(&["average", "complete", "ward", "single"]),
    given: None,
};

static INFO: Info = Info {
    id: "agglomerative",
    name: "Agglomerative",
    summary: "Patches merge step by step with those whose vectors are most alike; cut the tree where you like",
    formula: "linkage of 1 - cos(z_i, z_j); Ward: of |u_i - u_j|, u = z/|z|",
    citation: "Ward, J. Am. Stat. Assoc. 58 (1963); Muellner, fastcluster, J. Stat. Softw. 53(9) (2013)",
    cost: "N^2 D + N^2 log N",
    unit: "label",
    signed: false,
    min_layer: 0,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[Uses::Facet],
    knobs: &[&LINKAGE, &OUTLIERS, &MADS, &PROJECT, &EDGES, &REGIONS, &SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for Agglomerative {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Tree
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let linkage = match scope.params.knobs.choice(&LINKAGE)? {
            "complete" => Linkage::Complete,
            "ward" => Linkage::Ward,
            "single" => Linkage::Single,
            _ => Linkage::Average,
        };
        let (unit, width) = scope.unit_features(scope.params.facet)?;
        let tree = linkage_tree(&unit, width, linkage, &scope.control.cancel)?;
        Ok(Partition::Tree(TokenTree::new(tree, scope.grid(), scope.size, scope.finish()?)))
    }
}

/// How far apart two clusters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Mean cosine distance of their members.
    Average,
    /// Largest cosine distance of their members.
    Complete,
    /// Smallest cosine distance of their members.
    Single,
    /// What merging adds to the squared Euclidean distances to the means, as a distance (Ward 1963).
    Ward,
}

/// The tree of vectors of length 1.
///
/// # Shapes
/// `unit` is `[N, width]`.
///
/// # Errors
/// A refusal of too many patches; [`crate::domain::Error::Cancelled`].
pub fn linkage_tree(unit: &[f64], width: usize, linkage: Linkage, cancel: &Cancel) -> Result<LinkageTree> {
    let patches = unit.len() / width.max(1);
    let cosines = cosines(unit, width)?;
    cancel.check()?;
    let mut distances = condensed_distances(&cosines, patches);
    if linkage == Linkage::Ward {
        // |a - b|^2 = 2 - 2 cos of vectors of length 1.
        distances.iter_mut().for_each(|d| *d = (2.0 * *d).sqrt());
    }
    let method = match linkage {
        Linkage::Average => kodama::Method::Average,
        Linkage::Complete => kodama::Method::Complete,
        Linkage::Single => kodama::Method::Single,
        Linkage::Ward => kodama::Method::Ward,
    };
    Ok(tree_of(&mut distances, patches, method))
}

/// The tree of condensed distances, which are used up.
pub(super) fn tree_of(distances: &mut [f64], leaves: usize, method: kodama::Method) -> LinkageTree {
    if leaves < 2 {
        return LinkageTree::new(leaves, Vec::new());
    }
    let dendrogram = kodama::linkage(distances, leaves, method);
    let merge = |step: &kodama::Step<f64>| Merge {
        left: step.cluster1,
        right: step.cluster2,
        distance: step.dissimilarity,
        size: step.size,
    };
    LinkageTree::new(leaves, dendrogram.steps().iter().map(merge).collect())
}
