//! `models` and `methods`: what is there.

use std::path::PathBuf;

use super::progress::print;
use crate::builtin::{IMAGE_MODEL, SAMPLES, TEXT_MODEL};
use crate::domain::request::ModelRef;
use crate::domain::{Error, Result};
use crate::engine::{ModelFacts, families, inspect, model_folders};
use crate::method::METHODS;

pub(super) fn methods() -> Result<()> {
    for method in METHODS {
        let info = method.info();
        print(format!("{:<12}{}", info.id, info.summary));
        print(format!("{:<12}{}", "", info.formula));
        print(format!("{:<12}layers {}..L; {}", "", info.min_layer, info.cost));
        print(format!("{:<12}{}\n", "", info.citation));
    }
    Ok(())
}

fn print_facts(name: &str, facts: &ModelFacts) {
    print(format!(
        "  {name:<32}{:<24}{:>3} layers {:>3} heads {:>5} wide  {:.1} M parameters",
        facts.family,
        facts.num_layers,
        facts.num_heads,
        facts.width,
        facts.num_parameters as f64 / 1e6
    ));
}

/// What is built in, samples and families, then the checkpoints below the folders that were named; one that cannot be read is listed with its reason.
pub(super) fn models(folders: &[PathBuf]) -> Result<()> {
    if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Error::refused(missing.display(), "is no folder").expected("a folder of model folders"));
    }
    print("built in (--model NAME; the input chooses where none is named):");
    for (model, carried) in [(ModelRef::Image, &IMAGE_MODEL), (ModelRef::Text, &TEXT_MODEL)] {
        print_facts(carried.name, &inspect(&model)?);
        print(format!("  {:<32}{:.1} MB, {}", "", carried.weights.len() as f64 / 1e6, carried.about));
    }
    print("\nsamples (INPUT sample:NAME):");
    for sample in SAMPLES {
        print(format!("  {:<24}{}", sample.name, sample.hint));
    }
    print("\nfamilies (model_type):");
    for (name, what) in families() {
        print(format!("  {name:<24}{what}"));
    }
    for folder in folders {
        let found = model_folders(folder);
        print(format!("\n{}: {} checkpoints", folder.display(), found.len()));
        for path in found {
            match inspect(&ModelRef::Path(path)) {
                Ok(facts) => print_facts(&facts.name, &facts),
                Err(err) => print(format!("  not readable: {err}")),
            }
        }
    }
    Ok(())
}
