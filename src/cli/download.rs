//! `download`: brings models of the hub into the cache, with a bar in bytes.

use super::progress::{Watch, say};
use super::stdout::print;
use crate::domain::{Error, Result};
use crate::engine::check_family;
use crate::hub::{Hub, Settings, Transfer, megabytes};

/// Downloads each model and prints its folder.
pub(super) fn download(ids: &[String]) -> Result<()> {
    let hub = Hub::new(Settings::from_env());
    let watch = Watch::of_bytes()?;
    let control = watch.control();
    let transfer = Transfer::new(control.cancel.clone(), control.progress.clone());
    for id in ids {
        // As `--model` takes it, too.
        let id = id.strip_prefix("hf:").unwrap_or(id);
        let plan = hub.plan(id, &transfer.cancel)?;
        say(&format!("{id}: {}", megabytes(plan.bytes())));
        let folder = hub.fetch(&plan, &transfer, &|config| check_family(id, config)).inspect_err(|err| {
            if *err == Error::Cancelled {
                say(&format!("stopped; `tokenscope download {id}` goes on where it was"));
            }
        })?;
        print(folder.display())?;
    }
    Ok(())
}
