//! Principal components of the features of several pictures.

use std::path::Path;

use super::super::tensors::TensorsOut;
use super::super::{Engine, check_parameters, needs, resolve_layer};
use crate::domain::request::Request;
use crate::domain::{Error, Result};
use crate::method::pca::{Basis, NORMALISE};
use crate::method::{Control, by_id};
use crate::model::features::features_of;

/// The basis of the patches of all requests' inputs, at the layer and facet that the requests name.
///
/// # Errors
/// A refusal of an input, or of models whose features differ in width; [`Error::Cancelled`].
pub fn fit(engine: &mut Engine, requests: &[Request], components: usize, control: &Control) -> Result<Basis> {
    let info = by_id("feature-pca")?.info();
    let (mut vectors, mut width, mut normalise) = (Vec::new(), 0, false);
    for request in requests {
        let traced = engine.trace(request, control)?;
        needs::check(info, &traced.scene)?;
        check_parameters(request)?;
        normalise = request.params.knobs.switch(&NORMALISE)?;
        let layer = resolve_layer(request, info, traced.trace.num_layers())?;
        let features = features_of(&traced.model, &traced.trace, layer, &request.params)?;
        width = features.width;
        let layout = &traced.scene.layout;
        for position in layout.ranged().map(|patch| layout.position_of(patch)) {
            vectors.extend_from_slice(&features.values[position * width..][..width]);
        }
    }
    if vectors.is_empty() {
        return Err(Error::refused("fit basis", "no picture is named").expected("one picture or more"));
    }
    Basis::fit(&vectors, width, normalise, components, &control.cancel)
}

/// Writes a basis as .safetensors; the file appears whole or not at all.
///
/// # Errors
/// A refusal when the file cannot be written.
pub fn write(basis: &Basis, about: &[(&str, String)], path: &Path) -> Result<()> {
    let tensors = basis.tensors();
    let parts: Vec<(String, Vec<usize>)> = tensors.iter().map(|(name, shape, _)| ((*name).to_owned(), shape.clone())).collect();
    let mut out = TensorsOut::create(path, &parts, about)?;
    tensors.iter().try_for_each(|(.., values)| out.put(values))?;
    out.finish()
}
