//! Sessions of the window.

use std::path::Path;

use tokenscope::app::Session;
use tokenscope::app::files::{Opening, open};
use tokenscope::domain::Result;

use crate::harness::{Kind, Reader, Seed};

pub struct Sessions;

impl Reader for Sessions {
    fn name(&self) -> &'static str {
        "session"
    }

    fn seeds(&self) -> Vec<Seed> {
        let mut chosen = Session { input: Some("photo.jpg".into()), pinned: Some("7,7".parse().unwrap()), ..Session::default() };
        chosen.choose_method("attention");
        let seed = |session: &Session| Seed::new("session.json", serde_json::to_vec(session).unwrap(), Kind::Json);
        vec![seed(&Session::default()), seed(&chosen)]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        if let Opening::Session(session) = open(file.to_owned()) {
            let session = session?;
            drop((session.wanted(None), session.trace_request().map(|request| request.key())));
            drop((session.asked(), session.knobs(), session.colormap(true), session.range(false)));
        }
        Ok(())
    }
}
