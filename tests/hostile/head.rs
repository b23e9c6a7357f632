//! Heads of STEGO, and what methods make of them.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::domain::knob::Knob;
use tokenscope::domain::request::{ModelRef, Request, Task, Tokens};
use tokenscope::engine::Engine;
use tokenscope::method::{Control, by_id};

use crate::harness::{Kind, Reader, Seed, fixtures};

/// What is asked of a tiny checkpoint about the input beside it.
pub fn request(family: &str, method: &str) -> Request {
    let folder = fixtures().join("models").join(family);
    let mut request = Request::new(Task::Explain, folder.join("expected.safetensors").as_path(), ModelRef::Path(folder));
    request.method = method.to_owned();
    request.tokens = Tokens::These(vec!["3".parse().unwrap()]);
    request
}

/// The knob of a method that names a file.
pub fn knob(method: &str, id: &str) -> &'static Knob {
    by_id(method).unwrap().info().knobs.iter().find(|knob| knob.id == id).unwrap()
}

#[derive(Default)]
pub struct Heads {
    engine: Engine,
}

impl Reader for Heads {
    fn name(&self) -> &'static str {
        "head"
    }

    fn seeds(&self) -> Vec<Seed> {
        vec![Seed::fixture("feature_methods/stego_head.safetensors", Kind::Tensors)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let mut request = request("vit", "stego");
        request.params.knobs.set(knob("stego", "stego-head"), file.to_str().unwrap())?;
        self.engine.run(&request, &Control::default()).map(drop)
    }
}
