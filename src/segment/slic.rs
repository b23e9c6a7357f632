//! SLIC's superpixels alone: what a model's segments are measured against, since no model is asked.

use super::finish::slic_of;
use super::knobs::{COMPACTNESS, SUPERPIXELS};
use super::superpixels::slic;
use super::{Cutting, Partition, Scope, Segmenter};
use crate::domain::Result;
use crate::domain::info::{Info, Need, Reach};
use crate::domain::segmentation::Segmentation;

/// Superpixels of the picture as the model sees it.
#[derive(Debug)]
pub struct Superpixels;

static INFO: Info = Info {
    id: "slic",
    name: "SLIC superpixels",
    summary: "Small regions of one colour; the model is not asked",
    formula: "k-means of (L, a, b, x, y) around a grid of starts, 10 rounds",
    citation: "Achanta et al., SLIC Superpixels, TPAMI 34(11) (2012)",
    cost: "10 rounds of about 4 distances a pixel",
    unit: "label",
    signed: false,
    min_layer: 0,
    needs: &[Need::Picture],
    reach: Reach::Rows,
    uses: &[],
    knobs: &[&SUPERPIXELS, &COMPACTNESS],
};

impl Segmenter for Superpixels {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn cutting(&self) -> Cutting {
        Cutting::Fixed
    }

    fn segment(&self, scope: &Scope<'_>) -> Result<Partition> {
        let regions = slic(scope.rgb.pixels(), scope.size, slic_of(scope.params)?, &scope.control.cancel)?;
        let (height, width) = scope.size;
        let segmentation = Segmentation {
            height,
            width,
            patch_labels: regions.of_patches(scope.grid()),
            labels: regions.labels.to_vec(),
            colours: (0..regions.count).collect(),
        };
        Ok(Partition::Flat { segmentation, boxes: Vec::new() })
    }
}
