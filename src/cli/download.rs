//! `download`: brings models of the hub into the cache, with a bar in bytes.

use std::path::Path;

use super::progress::{Watch, mention, say};
use super::stdout::print;
use crate::domain::{Error, Result};
use crate::engine::check_family;
use crate::hub::{Hub, Settings, Transfer, megabytes};

/// Downloads each model and prints its folder.
pub(super) fn download(ids: &[String]) -> Result<()> {
    let hub = Hub::new(Settings::from_env());
    let watch = Watch::of_bytes()?;
    let control = watch.control();
    for id in ids {
        let transfer = Transfer::new(control.cancel.clone(), control.progress.clone());
        // As `--model` takes it, too.
        let id = id.strip_prefix("hf:").unwrap_or(id);
        let plan = hub.plan(id, &transfer.cancel)?;
        let look = |config: &Path| {
            check_family(id, config)?;
            // Nothing is said of what is refused before its weights come, but the refusal.
            let size = if plan.bytes() == 0 { "of unknown size".to_owned() } else { megabytes(plan.bytes()) };
            say(&format!("{id}: {size}"));
            Ok(())
        };
        let folder = hub.fetch(&plan, &transfer, &look).inspect_err(|err| {
            if *err == Error::Cancelled {
                say(&format!("stopped; `tokenscope download {id}` goes on where it was"));
            }
        })?;
        transfer.notices().iter().for_each(mention);
        print(folder.display())?;
    }
    Ok(())
}
