//! Records: the request in them is asked again.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tokenscope::domain::request::{Cut, Request, SizeRule, Task};
use tokenscope::domain::{Error, Result};
use tokenscope::engine::Engine;
use tokenscope::figure::{self, FigureStyle};
use tokenscope::method::Control;

use crate::harness::{Kind, Reader, Seed};
use crate::head;

#[derive(Default)]
pub struct Records {
    engine: Engine,
}

impl Reader for Records {
    fn name(&self) -> &'static str {
        "record"
    }

    fn seeds(&self) -> Vec<Seed> {
        let desk = TempDir::new().unwrap();
        let mut engine = Engine::default();
        let mut segments = Request { method: "ultra".to_owned(), ..head::request("vit", "ultra") };
        segments.task = Task::Segment { cut: Cut::Clusters(3) };
        let requests = [head::request("vit", "ultra"), head::request("gpt2", "logit-lens"), segments];
        let record = |request: &Request| {
            let path = desk.path().join("record.json");
            let output = engine.run(request, &Control::default()).unwrap();
            figure::write(&output, &FigureStyle::default(), std::slice::from_ref(&path)).unwrap();
            Seed::new("record.json", std::fs::read(path).unwrap(), Kind::Json)
        };
        requests.iter().map(record).collect()
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let refused = |err: serde_json::Error| Error::refused(file.display(), err);
        let record: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).map_err(refused)?;
        let request: Request = serde_json::from_value(record["request"].clone()).map_err(refused)?;
        // Of inputs and models that it names there may be any; those are read elsewhere.
        let family = if request.model.name().contains("gpt2") { "gpt2" } else { "vit" };
        let Request { input, model, .. } = head::request(family, "ultra");
        let request = Request { input, model, size: SizeRule::Checkpoint, generation: None, ..request };
        self.engine.run(&request, &Control::default()).map(drop)
    }
}
