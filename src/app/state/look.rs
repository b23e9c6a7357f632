//! How answers are drawn. Nothing of it is asked of the worker, unless a segmenter needs the number of segments beforehand.

use serde::{Deserialize, Serialize};

use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::request::Cut;
use crate::render::Interpolation;
use crate::segment::Cutting;

/// A handful of segments says more at first sight than ULTra's distance, which may leave a hundred.
const FIRST_CUT: Cut = Cut::Clusters(6);

/// How a map, a segmentation and what belongs to them are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Look {
    /// `None` = the method's own: viridis, or coolwarm for signed values.
    pub colormap: Option<Colormap>,
    /// `None` = the method's own: smallest to largest, or symmetric for signed values.
    pub range: Option<RangeRule>,
    /// 0 = picture only, 1 = map only.
    pub opacity: f32,
    /// Between patch centres.
    pub interpolation: Interpolation,
    /// Whether anything covers the picture.
    pub overlay: bool,
    /// Whether the lines between patches are drawn.
    pub grid: bool,
    /// Where the linkage tree is cut.
    pub cut: Cut,
    /// Whether edges of segments are drawn.
    pub outlines: bool,
    /// The matrix of a text's tokens by layers.
    pub matrix: MatrixLook,
    /// Whether the charts and tables that belong to a map are shown beside it.
    pub exhibits: bool,
    /// Whether those that belong to a segmentation are.
    pub segment_exhibits: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colormap: None,
            range: None,
            opacity: 0.5,
            interpolation: Interpolation::default(),
            overlay: true,
            grid: false,
            cut: FIRST_CUT,
            outlines: true,
            matrix: MatrixLook::default(),
            exhibits: true,
            segment_exhibits: false,
        }
    }
}

/// Whether and how the matrix of tokens by layers is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixLook {
    /// Whether it is there.
    pub shown: bool,
    /// Whether all its rows share one range of colours, in place of one each.
    pub shared: bool,
}

impl Look {
    /// The colormap in use.
    pub fn colormap_for(&self, signed: bool) -> Colormap {
        self.colormap.unwrap_or(if signed { Colormap::Coolwarm } else { Colormap::Viridis })
    }

    /// The rule for the colours' limits.
    pub fn range_for(&self, signed: bool) -> RangeRule {
        self.range.unwrap_or(if signed { RangeRule::Symmetric } else { RangeRule::MinMax })
    }

    /// The cut as a segmenter takes it: one that has no linkage tree knows no distance.
    pub fn cut_for(&self, cutting: Cutting) -> Cut {
        match (cutting, self.cut) {
            (Cutting::Tree, cut) | (Cutting::Count, cut @ Cut::Clusters(_)) => cut,
            (Cutting::Count, Cut::Distance(_)) => FIRST_CUT,
            (Cutting::Fixed, _) => Cut::default(),
        }
    }
}
