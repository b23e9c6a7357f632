//! Read-outs: directions along which ULTra reads tokens.

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize};
use tokenscope::domain::Result;
use tokenscope::engine::Engine;
use tokenscope::method::Control;

use crate::harness::{Kind, Reader, Seed};
use crate::head::request;
use crate::npy::array;

/// Numbers in a token's vector of the tiny `vit`.
const WIDTH: usize = 24;

#[derive(Default)]
pub struct Readouts {
    engine: Engine,
}

impl Reader for Readouts {
    fn name(&self) -> &'static str {
        "readout"
    }

    fn seeds(&self) -> Vec<Seed> {
        let data: Vec<u8> = (0..WIDTH * WIDTH).flat_map(|i| ((i * 7919 % 101) as f32 / 50.0 - 1.0).to_le_bytes()).collect();
        let tensor = TensorView::new(Dtype::F32, vec![WIDTH, WIDTH], &data).unwrap();
        vec![
            Seed::new("W.safetensors", serialize([("W", tensor)], None).unwrap(), Kind::Tensors),
            Seed::new("W.npy", array("<f4", "(24, 24)", &data), Kind::Npy),
        ]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let mut request = request("vit", "ultra");
        request.params.scalar = format!("file:{}", file.display()).parse()?;
        self.engine.run(&request, &Control::default()).map(drop)
    }
}
