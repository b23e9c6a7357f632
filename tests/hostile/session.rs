//! Sessions of the window, of this version and of the first.

use std::path::Path;

use tokenscope::app::shell::files::{Opening, open};
use tokenscope::app::state::file;
use tokenscope::app::{Document, Lane, Selection};
use tokenscope::domain::Result;

use crate::harness::{Kind, Reader, Seed};

pub struct Sessions;

impl Reader for Sessions {
    fn name(&self) -> &'static str {
        "session"
    }

    fn seeds(&self) -> Vec<Seed> {
        let mut chosen = Lane { selection: Selection::Token("7,7".parse().unwrap()), ..Lane::default() };
        chosen.question.input = Some("photo.jpg".into());
        chosen.choose_method("attention");
        let mut both: Document = chosen.into();
        assert!(both.split());
        let seed = |document: &Document| Seed::new("session.json", file::write(document).unwrap(), Kind::Json);
        let first =
            r#"{"version":1,"input":{"file":"photo.jpg"},"layer":-1,"pinned":"7,7","method":"attention","mode":"heatmap"}"#;
        vec![seed(&Document::default()), seed(&both), Seed::new("session.json", first, Kind::Json)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        if let Opening::Session(document) = open(file.to_owned()) {
            for lane in document?.lanes {
                drop((lane.wanted(None), lane.trace_request().map(|request| request.key())));
                drop((lane.asked(), lane.knobs(), lane.look.colormap_for(true), lane.look.range_for(false)));
            }
        }
        Ok(())
    }
}
