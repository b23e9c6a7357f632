//! Lenses, in both formats.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::engine::Engine;
use tokenscope::method::Control;

use crate::harness::{Kind, Reader, Seed};
use crate::head::{knob, request};

#[derive(Default)]
pub struct Lenses {
    engine: Engine,
}

impl Reader for Lenses {
    fn name(&self) -> &'static str {
        "lens"
    }

    fn seeds(&self) -> Vec<Seed> {
        vec![Seed::fixture("lenses/gpt2_lens.safetensors", Kind::Tensors), Seed::fixture("lenses/gpt2_lens.pt", Kind::Archive)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let mut request = request("gpt2", "tuned-lens");
        request.layer = 1;
        request.params.knobs.set(knob("tuned-lens", "lens"), file.to_str().unwrap())?;
        self.engine.run(&request, &Control::default()).map(drop)
    }
}
