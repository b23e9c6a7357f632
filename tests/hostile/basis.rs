//! Bases of principal components.

use std::path::Path;

use tempfile::TempDir;
use tokenscope::domain::Result;
use tokenscope::engine::Engine;
use tokenscope::engine::fit::basis;
use tokenscope::method::Control;

use crate::harness::{Kind, Reader, Seed};
use crate::head::{knob, request};

#[derive(Default)]
pub struct Bases {
    engine: Engine,
}

impl Reader for Bases {
    fn name(&self) -> &'static str {
        "basis"
    }

    fn seeds(&self) -> Vec<Seed> {
        let desk = TempDir::new().unwrap();
        let path = desk.path().join("basis.safetensors");
        let request = request("vit", "feature-pca");
        let fitted = basis::fit(&mut Engine::default(), &[request], 3, &Control::default()).unwrap();
        basis::write(&fitted, &[("model", "vit".to_owned())], &path).unwrap();
        vec![Seed::new("basis.safetensors", std::fs::read(path).unwrap(), Kind::Tensors)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let mut request = request("vit", "feature-pca");
        request.params.knobs.set(knob("feature-pca", "basis"), file.to_str().unwrap())?;
        self.engine.run(&request, &Control::default()).map(drop)
    }
}
