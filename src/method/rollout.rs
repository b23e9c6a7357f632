//! Rollout.

use super::{Control, Info, Method, Target, Uses};
use crate::domain::Result;
use crate::model::{Model, Trace};

/// Rollout.
#[derive(Debug)]
pub struct Rollout;

impl Method for Rollout {
    fn info(&self) -> &'static Info {
        &Info { id: "rollout", name: "Rollout", summary: "", formula: "", citation: "", cost: "", unit: "relevance", signed: false, min_layer: 0, uses: &[Uses::Own] }
    }

    fn explain(&self, _model: &Model, _trace: &Trace, _target: &Target<'_>, _control: &Control) -> Result<Vec<f32>> {
        Ok(Vec::new())
    }
}
