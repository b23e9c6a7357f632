//! Ultra.

use super::{Control, Info, Method, Target, Uses};
use crate::domain::Result;
use crate::model::{Model, Trace};

/// Ultra.
#[derive(Debug)]
pub struct Ultra;

impl Method for Ultra {
    fn info(&self) -> &'static Info {
        &Info { id: "ultra", name: "Ultra", summary: "", formula: "", citation: "", cost: "", unit: "relevance", signed: false, min_layer: 0, uses: &[Uses::Own] }
    }

    fn explain(&self, _model: &Model, _trace: &Trace, _target: &Target<'_>, _control: &Control) -> Result<Vec<f32>> {
        Ok(Vec::new())
    }
}
