//! Parameters that several segmenters share.

use crate::domain::knob::{Given, Knob, KnobKind};
use crate::domain::request::{Facet, Params};
use crate::domain::{Error, Result};

/// Vectors of methods that were made for one kind: `DINO`'s keys, as published.
pub static FEATURES: Knob = Knob {
    id: "features",
    name: "Features",
    help: "vectors of the patches, all heads beside each other",
    kind: KnobKind::Choice(&["key", "query", "value", "residual"]),
    given: None,
};

/// Above which cosine two patches are alike.
pub static TAU: Knob = Knob {
    id: "tau",
    name: "Threshold",
    help: "patches of a larger cosine are alike",
    kind: KnobKind::Real { min: -1.0, max: 1.0, default: 0.2 },
    given: Some(Given { knob: "affinity", values: &["threshold"] }),
};

/// How labels of patches become labels of pixels.
pub static EDGES: Knob = Knob {
    id: "edges",
    name: "Edges",
    help: "between patches: along their sides, or where bilinear interpolation of either label is equal",
    kind: KnobKind::Choice(&["nearest", "smooth"]),
    given: None,
};

/// Whether labels follow the picture's own borders.
pub static REGIONS: Knob = Knob {
    id: "regions",
    name: "Regions",
    help: "superpixels that each take the label of most of their pixels, also where maps of a method are clustered",
    kind: KnobKind::Choice(&["off", "slic"]),
    given: None,
};

/// How many superpixels.
pub static SUPERPIXELS: Knob = Knob {
    id: "superpixels",
    name: "Superpixels",
    help: "about how many SLIC makes",
    kind: KnobKind::Whole { min: 1, max: 4096, default: 256 },
    given: Some(Given { knob: "regions", values: &["slic"] }),
};

/// How round superpixels are.
pub static COMPACTNESS: Knob = Knob {
    id: "compactness",
    name: "Compactness",
    help: "how much place counts against colour in SLIC",
    kind: KnobKind::Real { min: 0.01, max: 1000.0, default: 10.0 },
    given: Some(Given { knob: "regions", values: &["slic"] }),
};

/// Those that say whether and which regions are used.
pub static OF_REGIONS: &[&Knob] = &[&REGIONS, &SUPERPIXELS, &COMPACTNESS];

/// The facet that [`FEATURES`] names.
///
/// # Errors
/// A refusal of a word that names none.
pub fn features(params: &Params) -> Result<Facet> {
    let word = params.knobs.choice(&FEATURES)?;
    word.parse().map_err(|_| Error::Internal(format!("--features {word} is no facet")))
}
